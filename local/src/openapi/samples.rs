//! How an operation is called from a shell and from an app, made from what it
//! declares (`x-codeSamples`, which Redoc shows).

use serde_json::{Value, json};

/// A call as the example of an operation has it.
struct Call<'a> {
    method: String,
    /// With the examples of its parameters.
    path: String,
    needs_token: bool,
    body: Option<Body<'a>>,
    /// The media type of the answer; none where it has no body.
    answer: Option<&'a str>,
    /// Whether the answer is JSON only where it is asked for.
    asks_for_json: bool,
}

enum Body<'a> {
    Json(String),
    /// A file of this media type.
    File(&'a str),
}

/// A sample in each language.
pub(super) fn samples(method: &str, path: &str, operation: &Value) -> Value {
    let call = Call::of(method, path, operation);
    json!([
        { "lang": "Shell", "label": "curl", "source": call.curl() },
        { "lang": "TypeScript", "label": "TypeScript", "source": call.typescript() },
        { "lang": "Swift", "label": "Swift", "source": call.swift() },
        { "lang": "Kotlin", "label": "Kotlin", "source": call.kotlin() },
    ])
}

impl<'a> Call<'a> {
    fn of(method: &str, path: &str, operation: &'a Value) -> Self {
        let parameters = super::list(&operation["parameters"]).filter(|parameter| parameter["in"] == "path");
        let path = parameters.fold(path.to_owned(), |path, parameter| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            path.replace(&format!("{{{}}}", text(&parameter["name"])), &text(&parameter["example"]))
        });
        let content = operation["requestBody"]["content"].as_object();
        let body = content.and_then(|content| content.iter().next()).map(|(media_type, media)| {
            if media_type == "application/json" {
                Body::Json(media["example"].to_string())
            } else {
                Body::File(media_type)
            }
        });
        let answers = operation["responses"].as_object();
        let answer = answers
            .and_then(|answers| answers.iter().find(|(status, _)| status.starts_with('2')))
            .and_then(|(_, answer)| answer["content"].as_object());
        let asks_for_json = answer.is_some_and(|of| of.len() > 1 && of.contains_key("application/json"));
        let answer = answer.and_then(|content| content.keys().next().map(String::as_str));
        // Where it may be left out, what the body says makes up for it; an empty one says nothing.
        let ways: Vec<_> = super::list(&operation["security"]).collect();
        let may_lack_it =
            ways.contains(&&json!({})) && !matches!(&body, Some(Body::Json(body)) if body == "{}");
        let needs_token = !ways.is_empty() && !may_lack_it;
        Self { method: method.to_uppercase(), path, needs_token, body, answer, asks_for_json }
    }

    fn curl(&self) -> String {
        let has_method = matches!((&*self.method, &self.body), ("GET", None) | ("POST", Some(Body::Json(_))));
        let method = if has_method { String::new() } else { format!("-X {} ", self.method) };
        let mut lines = vec![format!("curl {method}\"$LATCHKEY{}\"", self.path)];
        if self.needs_token {
            lines.push("-H \"Authorization: Bearer $TOKEN\"".to_owned());
        }
        if self.asks_for_json {
            lines.push("-H \"Accept: application/json\"".to_owned());
        }
        match &self.body {
            Some(Body::Json(body)) => lines.push(format!("--json '{}'", body.replace('\'', r"'\''"))),
            Some(Body::File(of)) => {
                lines.push(format!("-H \"Content-Type: {of}\""));
                lines.push(format!("--data-binary @{}", file(of)));
            }
            None => {}
        }
        if self.answer.is_some_and(|of| of.starts_with("image/")) {
            lines.push("-o avatar".to_owned());
        }
        lines.join(" \\\n  ")
    }

    fn typescript(&self) -> String {
        let mut options = Vec::new();
        if self.method != "GET" {
            options.push(format!("  method: \"{}\",\n", self.method));
        }
        let mut headers = Vec::new();
        if self.needs_token {
            headers.push("Authorization: `Bearer ${token}`".to_owned());
        }
        if let Some(media_type) = self.media_type() {
            headers.push(format!("\"Content-Type\": \"{media_type}\""));
        }
        if self.asks_for_json {
            headers.push("Accept: \"application/json\"".to_owned());
        }
        if !headers.is_empty() {
            options.push(format!("  headers: {{ {} }},\n", headers.join(", ")));
        }
        match &self.body {
            Some(Body::Json(body)) => options.push(format!("  body: JSON.stringify({body}),\n")),
            Some(Body::File(_)) => options.push("  body: picture,\n".to_owned()),
            None => {}
        }
        let options =
            if options.is_empty() { String::new() } else { format!(", {{\n{}}}", options.concat()) };
        let read = match self.answer {
            None => String::new(),
            Some(of) if of.ends_with("json") => "\nconst answer = await response.json();".to_owned(),
            Some(of) if of.starts_with("text/") => "\nconst answer = await response.text();".to_owned(),
            Some(_) => "\nconst answer = await response.blob();".to_owned(),
        };
        let path = &self.path;
        format!(
            "const response = await fetch(`${{latchkey}}{path}`{options});\nif (!response.ok) throw await \
             response.json();{read}"
        )
    }

    fn swift(&self) -> String {
        let path = &self.path;
        let mut lines = vec![format!("var request = URLRequest(url: URL(string: latchkey + \"{path}\")!)")];
        if self.method != "GET" {
            lines.push(format!("request.httpMethod = \"{}\"", self.method));
        }
        let set = |value, name| format!("request.setValue(\"{value}\", forHTTPHeaderField: \"{name}\")");
        if self.needs_token {
            lines.push(set("Bearer \\(token)", "Authorization"));
        }
        if let Some(media_type) = self.media_type() {
            lines.push(set(media_type, "Content-Type"));
        }
        if self.asks_for_json {
            lines.push(set("application/json", "Accept"));
        }
        match &self.body {
            Some(Body::Json(body)) => lines.push(format!("request.httpBody = Data(#\"{body}\"#.utf8)")),
            Some(Body::File(_)) => lines.push("request.httpBody = picture".to_owned()),
            None => {}
        }
        if lines.len() == 1 {
            lines[0].replace_range(..3, "let");
        }
        lines.push("let (data, response) = try await URLSession.shared.data(for: request)".to_owned());
        lines.join("\n")
    }

    fn kotlin(&self) -> String {
        let path = &self.path;
        let mut lines =
            vec!["val request = Request.Builder()".to_owned(), format!("    .url(\"$latchkey{path}\")")];
        if self.needs_token {
            lines.push("    .header(\"Authorization\", \"Bearer $token\")".to_owned());
        }
        if self.asks_for_json {
            lines.push("    .header(\"Accept\", \"application/json\")".to_owned());
        }
        let body = match &self.body {
            Some(Body::Json(body)) => {
                format!("\"\"\"{body}\"\"\".toRequestBody(\"application/json\".toMediaType())")
            }
            Some(Body::File(of)) => format!("picture.toRequestBody(\"{of}\".toMediaType())"),
            None if self.method == "POST" => "\"\".toRequestBody()".to_owned(),
            None => String::new(),
        };
        if self.method != "GET" {
            lines.push(format!("    .{}({body})", self.method.to_lowercase()));
        }
        lines.push("    .build()".to_owned());
        lines.push("val response = OkHttpClient().newCall(request).execute()".to_owned());
        lines.join("\n")
    }

    fn media_type(&self) -> Option<&str> {
        match &self.body {
            Some(Body::Json(_)) => Some("application/json"),
            Some(Body::File(media_type)) => Some(media_type),
            None => None,
        }
    }
}

/// The name that a file of a media type would have.
fn file(media_type: &str) -> String {
    format!("picture.{}", media_type.rsplit('/').next().unwrap_or_default())
}
