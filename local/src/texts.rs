//! What the inbox holds, kept at hand: to read thousands of texts anew each second would take
//! the second.

use std::collections::BTreeMap;
use std::sync::Arc;

use latchkey::base::world::{Rfc3339, World};
use latchkey::cloud::error::StoreError;
use latchkey::domain::phone::Phone;
use latchkey::sms::inbox::{Inbox, Message};
use latchkey::tables::codes::Codes;
use serde::Serialize;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::TryRecvError;
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard};

/// The texts of the inbox.
pub struct Texts {
    inbox: Inbox,
    codes: Codes,
    world: Arc<World>,
    known: Mutex<Known>,
}

struct Known {
    /// By their keys, which sort by time; `None` until they were read.
    messages: Option<BTreeMap<String, Message>>,
    /// The keys of those that came since; `None` where others write to the tables as well.
    texted: Option<Receiver<String>>,
}

/// A text, as programs have it.
#[derive(Debug, Serialize)]
pub struct Shown {
    to: Phone,
    body: String,
    sent_at: Rfc3339,
}

/// A text, as the page has it.
#[derive(Debug, Serialize)]
pub struct Judged {
    #[serde(flatten)]
    text: Shown,
    /// The code that it brings.
    code: Option<String>,
    /// Whether that can still be entered.
    is_live: bool,
}

/// The newest of many.
#[derive(Debug)]
pub struct Newest {
    /// They, oldest first.
    pub texts: Vec<Judged>,
    /// Of how many.
    pub of: usize,
}

impl From<&Message> for Shown {
    fn from(message: &Message) -> Self {
        Self { to: message.to.clone(), body: message.body.clone(), sent_at: Rfc3339(message.sent_at) }
    }
}

impl Texts {
    /// Those of an inbox, whose codes are `codes`. `texted` tells of each that comes; `None`
    /// where that is not known, and all are read whenever somebody looks.
    pub fn new(inbox: Inbox, codes: Codes, world: Arc<World>, texted: Option<Receiver<String>>) -> Self {
        Self { inbox, codes, world, known: Mutex::new(Known { messages: None, texted }) }
    }

    /// All of them, or those to one phone, oldest first.
    pub async fn all(&self, to: Option<&Phone>) -> Result<Vec<Shown>, StoreError> {
        let (known, now) = (self.known().await?, self.world.now());
        let wanted = known.values().filter(|message| !message.is_over(now));
        Ok(wanted.filter(|message| to.is_none_or(|to| message.to == *to)).map(Shown::from).collect())
    }

    /// The newest of those to `wanted` phones that are not forgotten. A code that can no longer be
    /// entered is forgotten once it was there for twice a code's life, another text with its day.
    pub async fn newest(&self, most: usize, wanted: impl Fn(&Phone) -> bool) -> Result<Newest, StoreError> {
        let now = self.world.now();
        let life = i64::from(self.codes.limits().ttl);
        let is_within = |message: &Message, seconds| message.sent_at.plus_seconds(seconds) > now;
        let is_kept = |message: &Message| is_within(message, 2 * life) || message.code().is_none();
        let (newest, of) = {
            let known = self.known().await?;
            let kept = known.values().rev().filter(|message| !message.is_over(now) && is_kept(message));
            let mut kept = kept.filter(|message| wanted(&message.to));
            let newest: Vec<_> = kept.by_ref().take(most).cloned().collect();
            let of = newest.len() + kept.count();
            (newest, of)
        };
        let is_asked = |message: &Message| is_within(message, life);
        let asked = newest.iter().filter(|message| is_asked(message));
        let asked: Vec<_> = asked.filter_map(|message| Some((&message.to, message.code()?))).collect();
        let mut are_live = self.codes.are_live(&asked).await?.into_iter();
        let judged = newest.iter().map(|message| {
            let code = message.code().map(|code| code.as_str().to_owned());
            let is_live = code.is_some() && is_asked(message) && are_live.next() == Some(true);
            Judged { text: message.into(), code, is_live }
        });
        let mut texts: Vec<_> = judged.collect();
        texts.reverse();
        Ok(Newest { texts, of })
    }

    /// The one of a key.
    pub async fn find(&self, key: &str) -> Result<Option<Message>, StoreError> {
        Ok(self.known().await?.get(key).cloned())
    }

    /// Takes all away that are there now; the codes in them stay good.
    pub async fn empty(&self) -> Result<(), StoreError> {
        let mut known = self.known().await?;
        self.inbox.remove(known.keys().cloned().collect()).await?;
        known.clear();
        Ok(())
    }

    /// What there is now.
    async fn known(&self) -> Result<MappedMutexGuard<'_, BTreeMap<String, Message>>, StoreError> {
        let mut known = self.known.lock().await;
        let mut came = Vec::new();
        let Known { messages, texted } = &mut *known;
        let mut is_missed = texted.is_none();
        while let Some(texted) = texted.as_mut() {
            match texted.try_recv() {
                Ok(key) => came.push(key),
                Err(TryRecvError::Lagged(_)) => is_missed = true,
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        let all = match messages.take().filter(|_| !is_missed) {
            Some(mut all) => {
                all.extend(self.inbox.get(came).await?.into_iter().map(keyed));
                all
            }
            None => self.inbox.list().await?.into_iter().map(keyed).collect(),
        };
        *messages = Some(all);
        Ok(MutexGuard::map(known, |known| known.messages.get_or_insert_default()))
    }
}

fn keyed(message: Message) -> (String, Message) {
    (message.pk.clone(), message)
}
