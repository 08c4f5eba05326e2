//! Requests that carry an `Idempotency-Key`: items of the codes table that
//! remember with which body a key came, and what came of it.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use crate::base::config;
use crate::base::hidden::Hidden;
use crate::base::world::Timestamp;
use crate::cloud::error::StoreError;
use crate::cloud::items::{Item, TTL, number, string, write};
use crate::cloud::setup::Setup;
use crate::cloud::table::Table;
use crate::cloud::transaction::RefusedPart;
use crate::cloud::writes::{Write, Written};
use crate::domain::pepper::Pepper;
use crate::domain::session::SessionId;
use crate::domain::user::UserId;

/// A key as it came, and the body that it came with.
#[derive(Debug)]
pub struct IdempotencyKey {
    /// The key: 1 to 255 characters of ASCII.
    pub key: String,
    /// The body, as canonical JSON.
    pub body: Hidden<String>,
}

/// All remembered requests.
pub struct Idempotency {
    table: Table,
    pepper: Pepper,
    /// How long they are remembered, in seconds.
    life: i64,
}

/// One remembered request, under each entry of the pepper secret: instances may hold
/// different ones to be the first. Hashes, so that neither its key nor its body is stored.
#[derive(Clone, Debug)]
pub struct Remembered(Vec<Mark>);

/// A request under one entry.
#[derive(Clone, Debug)]
struct Mark {
    /// The key of its item.
    key: String,
    digest: String,
}

impl Remembered {
    /// What stands for this key with this body, under the first entry and each other.
    pub fn digests(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|mark| mark.digest.as_str())
    }
}

/// A session that such a request began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Began {
    /// Whose.
    pub user_id: UserId,
    /// Which.
    pub session_id: SessionId,
    /// Whether the account was new.
    pub is_new: bool,
    /// Why its invite code was not activated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invite_error: Option<String>,
    ends_at: Timestamp,
    /// With which body: the key may come with another before this ends.
    request_body: String,
}

/// What is known of a request.
#[derive(Debug)]
pub enum Claim {
    /// It is new, or the same as before; with what came of it, if anything.
    Same(Option<Began>),
    /// Its key came with another body.
    Mismatch,
}

impl Idempotency {
    /// Those of the deployment, remembered for `life` seconds.
    pub fn new(setup: &Setup, pepper: Pepper, life: u32) -> Self {
        Self { table: Table::new(setup, config::CODES_TABLE), pepper, life: life.into() }
    }

    /// How `request` to `endpoint` is remembered: where a token says who calls,
    /// apart from what others send.
    pub fn of(&self, endpoint: &str, caller: Option<&UserId>, request: &IdempotencyKey) -> Remembered {
        let caller = caller.map_or("", |caller| &caller.0);
        let name = format!("{endpoint}\n{caller}\n{}", request.key);
        let marks = self.pepper.entries().iter().map(|entry| Mark {
            key: format!("request#{}", entry.key("request", &name)),
            digest: entry.key("request body", &format!("{name}\n{}", request.body.0)),
        });
        Remembered(marks.collect())
    }

    /// Remembers a request, unless its key came with another body before.
    pub async fn claim(&self, request: Option<&Remembered>) -> Result<Claim, StoreError> {
        let Some(request) = request else { return Ok(Claim::Same(None)) };
        let now = self.table.world.now();
        // In one order whichever entry is the first: of two bodies at once one gets all.
        let mut marks: Vec<_> = request.0.iter().collect();
        marks.sort_unstable_by_key(|mark| &mark.key);
        let mut session = None;
        for mark in marks {
            match self.table.send(self.claiming(mark, now)).await? {
                Written::Done(item) => session = session.or_else(|| began(&item, request, now)),
                Written::Refused(_) => return Ok(Claim::Mismatch),
            }
        }
        Ok(Claim::Same(session))
    }

    fn claiming(&self, mark: &Mark, now: Timestamp) -> Write {
        let until = now.plus_seconds(self.life);
        self.table
            .update(&mark.key)
            .only_if("attribute_not_exists(pk) OR request_body = :body OR expires_at <= :now")
            .value(":body", string(&mark.digest))
            .value(":now", number(now.millis()))
            .set("request_body = :body")
            .assign("expires_at", number(until.millis()))
            .assign(TTL, number(until.seconds()))
    }

    /// Remembers which session a request began, in one transaction with it;
    /// refused if it began one already ([`Idempotency::began`] tells which), or if
    /// its key came with another body by now.
    pub fn conclude(
        &self,
        request: &Remembered,
        (user_id, session_id): (&UserId, &SessionId),
        is_new: bool,
        invite_error: Option<&str>,
    ) -> impl Iterator<Item = Write> {
        let now = self.table.world.now();
        request.0.iter().map(move |mark| {
            let began = Began {
                user_id: user_id.clone(),
                session_id: session_id.clone(),
                is_new,
                invite_error: invite_error.map(str::to_owned),
                ends_at: now.plus_seconds(self.life),
                request_body: mark.digest.clone(),
            };
            self.table
                .update(&mark.key)
                .only_if("request_body = :body")
                .only_if(
                    "attribute_not_exists(began) OR began.ends_at <= :now OR began.request_body <> :body",
                )
                .value(":body", string(&mark.digest))
                .value(":now", number(now.millis()))
                .assign("began", AttributeValue::M(write(&began)))
                .telling()
        })
    }

    /// The session that a refused part of [`Idempotency::conclude`] of `request` found
    /// begun.
    pub fn began(&self, request: &Remembered, refused: &RefusedPart) -> Option<Began> {
        began(&refused.0, request, self.table.world.now())
    }
}

fn began(item: &Item, request: &Remembered, now: Timestamp) -> Option<Began> {
    let began = item.get("began")?.as_m().ok()?.clone();
    let began: Began = serde_dynamo::from_item(began).ok()?;
    let is_same = request.digests().any(|digest| digest == began.request_body);
    (began.ends_at > now && is_same).then_some(began)
}
