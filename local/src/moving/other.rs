//! Files of other shapes, as lines: CSV, and what `manage.py dumpdata` of the earlier services
//! writes.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter, Error, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;

use clap::ValueEnum;
use latchkey::base::error::StartError;
use serde_json::{Map, Value, json};

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Shape {
    /// One JSON object a line
    Jsonl,
    /// Comma-separated, with a first line of names
    Csv,
    /// What `manage.py dumpdata` writes
    Django,
}

/// The lines of a file of whichever shape, and which each is in it.
pub(super) fn lines(file: File, shape: Shape) -> Result<(File, Option<Vec<u64>>), StartError> {
    let found = match shape {
        Shape::Jsonl => return Ok((file, None)),
        Shape::Csv => of_csv(file)?,
        Shape::Django => of_django(file)?,
    };
    let cannot = |error| StartError::new("what the file holds cannot be kept while it is read", error);
    let mut kept = kept(&found).map_err(cannot)?;
    kept.rewind().map_err(cannot)?;
    Ok((kept, Some(found.into_iter().map(|(line, _)| line).collect())))
}

/// A file without a name that its owner alone reads, with these lines.
fn kept(lines: &[(u64, Value)]) -> std::io::Result<File> {
    let path = std::env::temp_dir().join(format!("latchkey-import-{}", std::process::id()));
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    std::fs::remove_file(&path)?;
    let mut out = BufWriter::new(file);
    for (_, line) in lines {
        writeln!(out, "{line}")?;
    }
    out.into_inner().map_err(|error| Error::other(error.to_string()))
}

/// Each row by the names of the first line; what is empty is absent, and aliases are set apart
/// by semicolons.
fn of_csv(file: File) -> Result<Vec<(u64, Value)>, StartError> {
    let cannot = |error| StartError::new("the file is no CSV", error);
    let mut reader = csv::Reader::from_reader(BufReader::new(file));
    let names = reader.headers().map_err(cannot)?.clone();
    let mut lines = Vec::new();
    for row in reader.records() {
        let row = row.map_err(cannot)?;
        let line = row.position().map_or(0, csv::Position::line);
        let mut fields = Map::new();
        for (name, value) in names.iter().zip(&row).filter(|(_, value)| !value.trim().is_empty()) {
            let (name, value) = (name.trim().trim_start_matches('\u{feff}'), value.trim());
            let value = if name == "aliases" {
                value.split(';').map(str::trim).filter(|alias| !alias.is_empty()).collect()
            } else {
                Value::from(value)
            };
            fields.insert(name.to_owned(), value);
        }
        lines.push((line, fields.into()));
    }
    Ok(lines)
}

/// What the earlier services call things.
const PHONE: &[&str] = &["phone_number", "phone"];
const OWN_CODE: &[&str] = &["own_invite_code", "invite_code", "own_code"];
const ENTERED: &[&str] = &[
    "activated_invite_code",
    "activated_code",
    "invite_code_referer",
    "entered_invite_code",
    "referral_code",
];
const INVITED_BY: &[&str] = &["inviter", "referrer", "invited_by", "referer", "invited_by_user", "from_user"];
const INVITED: &[&str] = &["invited", "invitee", "invited_user", "referral", "referred", "to_user"];
const ALL_INVITED: &[&str] = &["invited_users", "referrals"];
const OWNER: &[&str] = &["user", "owner", "profile", "account"];
const SINCE: &[&str] = &["date_joined", "created_at", "registered_at"];

/// One person, as far as it is known.
#[derive(Default)]
struct Person {
    line: u64,
    fields: Map<String, Value>,
    /// Who invited them: a key, a code or a phone.
    by: Option<Value>,
    entered: Option<Value>,
}

/// Whatever has a phone is a person; what names a person by its key tells of that one.
fn of_django(file: File) -> Result<Vec<(u64, Value)>, StartError> {
    let cannot = |what: String| StartError::new("the file is no dump of Django", what);
    let objects: Vec<Value> =
        serde_json::from_reader(BufReader::new(file)).map_err(|error| cannot(error.to_string()))?;
    let (mut people, mut by_key) = (Vec::new(), HashMap::new());
    let mut beside = Vec::new();
    for (nth, object) in (1..).zip(&objects) {
        let fields =
            object["fields"].as_object().ok_or_else(|| cannot(format!("object {nth} has no fields")))?;
        if !is_person(fields) {
            beside.push(fields);
            continue;
        }
        by_key.insert(object["pk"].to_string(), people.len());
        people.push(Person { line: nth, ..Person::default() });
        people.last_mut().into_iter().for_each(|person| person.learn(fields));
    }
    let whose = |value: Option<&Value>| value.and_then(|key| by_key.get(&key.to_string()).copied());
    for fields in beside {
        match (whose(first(fields, INVITED)), whose(first(fields, OWNER)), first(fields, INVITED_BY)) {
            (Some(invited), _, Some(by)) | (None, Some(invited), Some(by)) => {
                people[invited].by = Some(by.clone());
            }
            (None, Some(owner), None) => people[owner].learn(fields),
            _ => {}
        }
    }
    for (object, inviter) in objects.iter().map(|object| (object, whose(Some(&object["pk"])))) {
        let Some(inviter) = inviter.filter(|_| object["fields"].as_object().is_some_and(is_person)) else {
            continue;
        };
        let friends = first_of(object, ALL_INVITED).and_then(Value::as_array);
        for friend in friends.into_iter().flatten().filter_map(|key| whose(Some(key))) {
            people[friend].by = Some(objects_key(&objects, people[inviter].line));
        }
    }
    let phones: HashMap<_, _> =
        by_key.iter().map(|(key, nth)| (key.clone(), people[*nth].fields["phone"].clone())).collect();
    Ok(people.into_iter().map(|person| (person.line, person.line_of(&phones))).collect())
}

fn objects_key(objects: &[Value], line: u64) -> Value {
    usize::try_from(line)
        .ok()
        .and_then(|line| objects.get(line - 1))
        .map_or(Value::Null, |of| of["pk"].clone())
}

fn first_of<'a>(object: &'a Value, names: &[&str]) -> Option<&'a Value> {
    first(object["fields"].as_object()?, names)
}

/// The first of these fields that says something.
fn first<'a>(fields: &'a Map<String, Value>, names: &[&str]) -> Option<&'a Value> {
    names.iter().find_map(|name| fields.get(*name).filter(|value| !is_empty(value)))
}

/// A code that was sent has a phone as well, and nothing of these.
fn is_person(fields: &Map<String, Value>) -> bool {
    let account = ["password", "last_login", "date_joined", "is_active"];
    let says = |names: &[&str]| names.iter().any(|name| fields.contains_key(*name));
    first(fields, PHONE).is_some() && [OWN_CODE, ENTERED, INVITED_BY, &account].into_iter().any(says)
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty())
}

fn text(value: &Value) -> Value {
    value.as_str().map_or_else(|| value.to_string(), |text| text.trim().to_owned()).into()
}

impl Person {
    /// What an object says of the person; what is known already stays.
    fn learn(&mut self, fields: &Map<String, Value>) {
        let known = [
            ("phone", PHONE),
            ("invite_code", OWN_CODE),
            ("email", &["email"]),
            ("city", &["city"]),
            ("telegram_id", &["telegram_id", "tg_id", "telegram"]),
        ];
        for (name, theirs) in known {
            if let Some(value) = first(fields, theirs).filter(|value| value.is_string() || value.is_number())
            {
                self.fields.entry(name).or_insert_with(|| text(value));
            }
        }
        if let Some(at) = first(fields, SINCE).and_then(Value::as_str) {
            self.fields.entry("created_at").or_insert_with(|| with_offset(at).into());
        }
        let is = |name: &str| fields.get(name).and_then(Value::as_bool);
        let role = match (is("is_superuser"), is("is_staff"), fields.get("role").and_then(Value::as_str)) {
            (Some(true), ..) | (_, _, Some("admin")) => Some("admin"),
            (_, Some(true), _) | (_, _, Some("moderator")) => Some("moderator"),
            _ => None,
        };
        if let Some(role) = role {
            self.fields.insert("role".to_owned(), role.into());
        }
        if is("is_active") == Some(false) {
            self.fields.insert("status".to_owned(), "banned".into());
        }
        self.by = self.by.take().or_else(|| first(fields, INVITED_BY).cloned());
        self.entered = self.entered.take().or_else(|| first(fields, ENTERED).cloned());
    }

    /// As a line: whoever is named by key is named by phone there.
    fn line_of(self, phones: &HashMap<String, Value>) -> Value {
        let Self { mut fields, by, entered, .. } = self;
        let entered = entered.map(|code| text(&code));
        let of_key = by.as_ref().and_then(|key| phones.get(&key.to_string()));
        match (of_key, by) {
            (Some(phone), _) => _ = fields.insert("referrer".to_owned(), json!({ "phone": phone })),
            // A code, or the phone of somebody.
            (None, Some(Value::String(named))) if phones.values().any(|phone| *phone == named) => {
                fields.insert("referrer".to_owned(), json!({ "phone": named }));
            }
            (None, Some(named)) => {
                fields.insert("activated_invite_code".to_owned(), text(&named));
            }
            (None, None) => {}
        }
        if let Some(code) = entered {
            fields.insert("activated_invite_code".to_owned(), code);
        }
        fields.into()
    }
}

/// A time as Django writes one, which is of UTC where it does not say.
fn with_offset(at: &str) -> String {
    let at = at.trim().replacen(' ', "T", 1);
    let has_offset = at.ends_with('Z') || at.get(10..).is_some_and(|time| time.contains(['+', '-']));
    if has_offset { at } else { format!("{at}Z") }
}
