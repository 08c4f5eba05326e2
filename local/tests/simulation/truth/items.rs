//! Items of the tables, and what writes made of them.

use std::sync::Arc;

use serde_json::Value;

/// The tables, under the names that the parameters give by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Table {
    Users,
    Codes,
    Sessions,
    Audit,
}

impl Table {
    pub(crate) const ALL: [Self; 4] = [Self::Users, Self::Codes, Self::Sessions, Self::Audit];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Users => "UsersTable",
            Self::Codes => "CodesTable",
            Self::Sessions => "SessionsTable",
            Self::Audit => "AuditTable",
        }
    }

    pub(crate) fn of_name(name: &str) -> Self {
        Self::ALL.into_iter().find(|table| table.name() == name).expect("a table of the template")
    }
}

/// Where an item is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) table: Table,
    pub(crate) key: String,
}

impl Place {
    pub(crate) fn new(table: Table, key: impl Into<String>) -> Self {
        Self { table, key: key.into() }
    }

    /// Whether it holds codes, texts and guesses of a phone.
    pub(crate) fn is_register(&self) -> bool {
        let kind = self.key.split('#').next().unwrap_or_default();
        self.table == Table::Codes && REGISTERS.contains(&kind)
    }

    /// Whether it is the register of known devices.
    pub(crate) fn is_of_known(&self) -> bool {
        self.is_register() && self.key.starts_with(REGISTERS[1])
    }

    pub(crate) fn user(id: &str) -> Self {
        Self::new(Table::Users, format!("user#{id}"))
    }

    pub(crate) fn phone(phone: &str) -> Self {
        Self::new(Table::Users, format!("phone#{phone}"))
    }

    pub(crate) fn invite(code: &str) -> Self {
        Self::new(Table::Users, format!("invite#{code}"))
    }

    /// The slot that a session is in.
    pub(crate) fn session(user: &str, session: &str) -> Self {
        let slot = session.split('-').next().unwrap_or_default();
        Self::new(Table::Sessions, format!("{user}/{slot}"))
    }
}

/// An item in DynamoDB's JSON.
pub(crate) type Item = Arc<Value>;

/// A string attribute.
pub(crate) fn text<'a>(item: &'a Value, name: &str) -> Option<&'a str> {
    item[name]["S"].as_str()
}

/// A number attribute; 0 where there is none.
pub(crate) fn number(item: &Value, name: &str) -> i64 {
    some_number(item, name).unwrap_or_default()
}

/// A number attribute, where there is one.
pub(crate) fn some_number(item: &Value, name: &str) -> Option<i64> {
    item[name]["N"].as_str()?.parse().ok()
}

/// The live code of a phone's item.
pub(crate) fn live_code(item: Option<&Value>) -> Option<&Value> {
    let live = &item?["live_code"]["M"];
    live["challenge_id"]["S"].is_string().then_some(live)
}

/// The two registers of a phone: how their items' keys begin.
pub(super) const REGISTERS: [&str; 2] = ["phone", "known"];

/// What an item was from one write on.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    /// Counts all writes of a run.
    pub(crate) seq: u64,
    pub(crate) item: Option<Item>,
    pub(crate) by: Option<u64>,
}

/// One item that a write changed.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) place: Place,
    pub(crate) before: Option<Item>,
    pub(crate) after: Option<Item>,
}

impl Change {
    pub(crate) fn before(&self) -> &Value {
        self.before.as_deref().unwrap_or(&Value::Null)
    }

    pub(crate) fn after(&self) -> &Value {
        self.after.as_deref().unwrap_or(&Value::Null)
    }

    /// How much a number grew.
    pub(crate) fn grown(&self, name: &str) -> i64 {
        number(self.after(), name) - number(self.before(), name)
    }
}

/// All that took effect at once.
#[derive(Clone, Debug)]
pub(crate) struct Applied {
    pub(crate) at: i64,
    pub(crate) request: Option<u64>,
    pub(crate) is_transaction: bool,
    pub(crate) changes: Vec<Change>,
}

impl Applied {
    /// Whether it did something for good. While the pepper is rotated the item of a
    /// phone moves, which changes nothing that it says.
    pub(crate) fn is_deed(&self) -> bool {
        let moves = |change: &Change| change.place.is_register();
        self.is_transaction && !self.changes.iter().all(moves)
    }

    /// The changes of one table whose keys begin so.
    pub(crate) fn of<'a>(&'a self, table: Table, prefix: &'a str) -> impl Iterator<Item = &'a Change> {
        self.changes
            .iter()
            .filter(move |change| change.place.table == table && change.place.key.starts_with(prefix))
    }
}
