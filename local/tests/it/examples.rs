//! The examples of the description, sent as they stand: as "Try it out" of Swagger UI sends
//! them, in the order in which it shows them.

use std::fmt;

use http::{HeaderMap, HeaderValue, Method, Request};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;

use crate::app::{ADMIN, Answer, App, Person, phone};

#[derive(Deserialize)]
struct Document {
    tags: Vec<Value>,
    paths: InOrder<InOrder<Value>>,
}

/// The members of an object as they are written.
struct InOrder<T>(Vec<(String, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for InOrder<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<T>(Vec<(String, T)>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = InOrder<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<InOrder<T>, A::Error> {
                while let Some(member) = map.next_entry()? {
                    self.0.push(member);
                }
                Ok(InOrder(self.0))
            }
        }

        deserializer.deserialize_map(Members(Vec::new()))
    }
}

struct Operation {
    method: Method,
    path: String,
    about: Value,
}

impl Operation {
    fn id(&self) -> &str {
        self.about["operationId"].as_str().unwrap()
    }

    fn chapter(&self) -> &str {
        self.about["tags"][0].as_str().unwrap()
    }

    /// The status of an answer that does as asked, and the first media type of it.
    fn done(&self) -> (u16, Option<&str>) {
        let answers = self.about["responses"].as_object().unwrap();
        let (status, answer) = answers.iter().find(|(status, _)| status.starts_with('2')).unwrap();
        let media_types = answer["content"].as_object();
        (status.parse().unwrap(), media_types.and_then(|of| of.keys().next()).map(String::as_str))
    }
}

/// All operations, tag by tag, as pages show them.
fn operations() -> Vec<Operation> {
    let document: Document = serde_json::from_str(include_str!("../../../openapi.json")).unwrap();
    let tags: Vec<_> = document.tags.iter().map(|tag| tag["name"].as_str().unwrap().to_owned()).collect();
    let mut all = Vec::new();
    for (path, methods) in document.paths.0 {
        for (method, about) in methods.0 {
            let method = method.to_uppercase().parse().unwrap();
            all.push(Operation { method, path: path.clone(), about });
        }
    }
    all.sort_by_key(|operation| tags.iter().position(|tag| tag == operation.chapter()));
    all
}

/// What the example of a call names that is nobody's: it is told so, and nothing happens.
fn refusal(operation: &str) -> Option<(u16, &'static str)> {
    Some(match operation {
        "changePhone" => (422, "invalid_code"),
        "activateInvite" => (404, "invite_code_not_found"),
        "addPasskey" | "passkeySignIn" => (422, "passkey_not_accepted"),
        "renamePasskey" | "removePasskey" => (404, "passkey_not_found"),
        "revokeSession" => (404, "session_not_found"),
        // Nobody begins their own.
        "beginRecovery" => (403, "forbidden"),
        "getAvatar" => (404, "avatar_not_found"),
        "getDocsFile"
        | "getAdminPanelFile"
        | "getAppleAssociation"
        | "getAndroidAssociation"
        | "getRecovery"
        | "stopRecovery" => (404, "not_found"),
        _ => return None,
    })
}

/// Sends the example of an operation; `typed` is what a person writes over the example.
async fn send(app: &App, operation: &Operation, token: Option<&str>, typed: &[(&str, &str)]) -> Answer {
    let Operation { method, path, about } = operation;
    let (mut path, mut query, mut headers) = (path.clone(), Vec::new(), HeaderMap::new());
    for parameter in about["parameters"].as_array().into_iter().flatten() {
        let (name, example) = (parameter["name"].as_str().unwrap(), parameter["example"].as_str());
        assert!(example.is_some() || parameter["required"] != true, "{path}: {name}");
        match (parameter["in"].as_str().unwrap(), example) {
            ("path", Some(example)) => path = path.replace(&format!("{{{name}}}"), example),
            ("query", Some(example)) => query.push(format!("{name}={example}")),
            ("header", Some(example)) => {
                headers.insert(
                    http::HeaderName::try_from(name).unwrap(),
                    HeaderValue::try_from(example).unwrap(),
                );
            }
            _ => {}
        }
    }
    let mut body = Vec::new();
    let content = about["requestBody"]["content"].as_object();
    if let Some((media_type, media)) = content.and_then(|content| content.iter().next()) {
        headers.insert("content-type", HeaderValue::try_from(media_type).unwrap());
        body = if media_type == "application/json" {
            let mut example = media["example"].clone();
            for (name, value) in typed {
                assert!(example[name].is_string(), "{}: the example has no {name}", operation.id());
                example[name] = (*value).into();
            }
            example.to_string().into_bytes()
        } else {
            // A file is chosen.
            include_bytes!("one-pixel.png").to_vec()
        };
    }
    if let Some(media_type) = operation.done().1 {
        headers.insert("accept", HeaderValue::try_from(media_type).unwrap());
    }
    if let Some(token) = token.filter(|_| about["security"].is_array()) {
        headers.insert("authorization", HeaderValue::try_from(format!("Bearer {token}")).unwrap());
    }
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    let mut request = Request::builder().method(method.clone()).uri(path + &query);
    request.headers_mut().unwrap().extend(headers);
    app.send(request.body(body.into()).unwrap()).await
}

/// One person goes through all of it, and has to write nothing over the examples but what is
/// theirs: the number, the code that came, the refresh token that they were given.
async fn walk(app: &App, phone: &str, admin: &Person) {
    let (mut token, mut refresh) = (None, None);
    for operation in operations() {
        let code = if operation.id() == "exchangeCode" { app.last_code(phone).await } else { String::new() };
        let typed: &[(&str, &str)] = match operation.id() {
            "requestCode" => &[("phone", phone)],
            "exchangeCode" => &[("phone", phone), ("code", &code)],
            "refreshTokens" => &[("refresh_token", refresh.as_deref().unwrap())],
            _ => &[],
        };
        let is_staffs = operation.chapter() == "For moderators and admins";
        let bearer = if is_staffs { Some(&*admin.token) } else { token.as_deref() };
        let answer = send(app, &operation, bearer, typed).await;
        let said = format!("{}: {}", operation.id(), String::from_utf8_lossy(&answer.body));
        match refusal(operation.id()) {
            Some((status, code)) => {
                assert_eq!(answer.status, status, "{said}");
                answer.problem(status, code);
            }
            None => assert_eq!(answer.status, operation.done().0, "{said}"),
        }
        if matches!(operation.id(), "exchangeCode" | "refreshTokens") {
            let answer = answer.json();
            token = answer["access_token"].as_str().map(str::to_owned);
            refresh = answer["refresh_token"].as_str().map(str::to_owned);
        }
        // Signed out: the next one is of somebody who signs in again.
        if operation.id() == "signOut" {
            app.clock.advance(60);
            token = Some(app.sign_in(phone).await.token);
        }
    }
}

#[tokio::test]
async fn every_example_can_be_sent_as_it_stands_by_one_person_after_another() {
    let app = App::with_admin(&[]).await;
    let admin = app.sign_in(ADMIN).await;
    walk(&app, &phone(1), &admin).await;
    walk(&app, &phone(2), &admin).await;
    // What the examples limit is still to be used.
    let invite = app.me(&admin).await["invite_code"].as_str().unwrap().to_owned();
    let carol = app.sign_in(&phone(3)).await;
    app.activate(&carol.token, &invite).await.ok(200);
}

/// Tags without operations are for reading, in Redoc alone.
#[test]
fn every_chapter_has_operations_or_is_a_text() {
    let document: Document = serde_json::from_str(include_str!("../../../openapi.json")).unwrap();
    let operations = operations();
    for tag in &document.tags {
        let count = operations.iter().filter(|operation| tag["name"] == operation.chapter()).count();
        assert_eq!(count == 0, tag["x-traitTag"] == true, "{tag}");
    }
    assert_eq!(operations[0].id(), "requestCode");
    assert!(
        operations.iter().all(|operation| document.tags.iter().any(|tag| tag["name"] == operation.chapter()))
    );
}
