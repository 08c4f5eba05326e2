//! Reads by key. All that is asked for at one moment is one request: whoever
//! joins three reads opens one connection for them, where none is open yet, and
//! signs once.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::KeysAndAttributes;
use futures_util::future::try_join_all;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

use crate::cloud::error::StoreError;
use crate::cloud::items::{Item, read, string};

/// How many keys one `BatchGetItem` takes.
const BATCH: usize = 100;

/// How often the rest of a batch is asked for.
const TRIES: u32 = 4;

/// What the value of a partition key may have, in bytes (DynamoDB's quotas).
const LONGEST: usize = 2_048;

/// A key: its attributes, which are all strings.
type Key = Vec<(&'static str, String)>;

/// What reads.
pub(crate) struct Reader {
    client: Client,
    asked: Mutex<Vec<Asked>>,
}

struct Asked {
    table: String,
    keys: Vec<Key>,
    answer: oneshot::Sender<Result<Vec<Item>, StoreError>>,
}

impl Reader {
    pub(crate) fn new(client: Client) -> Arc<Self> {
        Arc::new(Self { client, asked: Mutex::default() })
    }

    /// The item of a key, read consistently: what is read by key decides
    /// something.
    pub(crate) async fn get<T: DeserializeOwned, const PARTS: usize>(
        self: &Arc<Self>,
        table: &str,
        key: [(&'static str, &str); PARTS],
    ) -> Result<Option<T>, StoreError> {
        let key = key.map(|(name, value)| (name, value.to_owned()));
        self.ask(table, vec![key.into()]).await?.pop().map(read).transpose()
    }

    /// The items of many keys `pk`, where they are, in their order; read
    /// consistently.
    pub(crate) async fn get_all(
        self: &Arc<Self>,
        table: &str,
        keys: Vec<String>,
    ) -> Result<Vec<Item>, StoreError> {
        self.ask(table, keys.into_iter().map(|key| vec![("pk", key)]).collect()).await
    }

    async fn ask(self: &Arc<Self>, table: &str, mut keys: Vec<Key>) -> Result<Vec<Item>, StoreError> {
        // What DynamoDB takes for no key, nothing is stored under; the others of
        // the request must not suffer for it.
        keys.retain(|key| key.iter().all(|(_, value)| (1..=LONGEST).contains(&value.len())));
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let (answer, answered) = oneshot::channel();
        let is_first = {
            let mut asked = self.asked();
            asked.push(Asked { table: table.to_owned(), keys, answer });
            asked.len() == 1
        };
        if is_first {
            // A task of its own: it starts when all that is joined has asked, and
            // is not dropped with whoever asked first.
            let reader = Arc::clone(self);
            tokio::spawn(async move { reader.answer().await });
        }
        answered.await.unwrap_or_else(|gone| Err(StoreError::of_read(gone)))
    }

    fn asked(&self) -> MutexGuard<'_, Vec<Asked>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(&self) {
        let asked = std::mem::take(&mut *self.asked());
        let keys: BTreeSet<_> =
            asked.iter().flat_map(|asked| asked.keys.iter().map(|key| (asked.table.as_str(), key))).collect();
        let keys: Vec<_> = keys.into_iter().collect();
        let found = try_join_all(keys.chunks(BATCH).map(|keys| self.fetch(keys))).await;
        let found = found.map(|found| found.into_iter().flatten().collect::<HashMap<_, _>>());
        let found = found.map_err(Arc::new);
        for Asked { table, keys, answer } in asked {
            // Nobody may be waiting any more.
            let _ = answer.send(match &found {
                Ok(found) => {
                    Ok(keys.into_iter().filter_map(|key| found.get(&(table.clone(), key)).cloned()).collect())
                }
                Err(error) => Err(StoreError::of_read(Arc::clone(error))),
            });
        }
    }

    /// One `BatchGetItem`. What DynamoDB leaves out, for lack of capacity, is
    /// asked for again.
    async fn fetch(&self, keys: &[(&str, &Key)]) -> Result<Vec<((String, Key), Item)>, StoreError> {
        let mut by_table = HashMap::<_, Vec<_>>::new();
        for &(table, key) in keys {
            let item = key.iter().map(|(name, value)| ((*name).to_owned(), string(value)));
            by_table.entry(table.to_owned()).or_default().push(item.collect());
        }
        // The keys of a table are all of the same attributes.
        let key_of = |table: &str, item: &Item| -> Option<Key> {
            let (_, alike) = keys.iter().find(|(of, _)| *of == table)?;
            alike.iter().map(|(name, _)| Some((*name, item.get(*name)?.as_s().ok()?.clone()))).collect()
        };
        let wanted = |keys| {
            let wanted = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true);
            wanted.build().expect("keys are given")
        };
        let mut left = by_table.into_iter().map(|(table, keys)| (table, wanted(keys))).collect();
        let mut found = Vec::new();
        for tried in 0..TRIES {
            if tried > 0 {
                tokio::time::sleep(Duration::from_millis(25 << tried)).await;
            }
            let batch = self.client.batch_get_item().set_request_items(Some(left));
            let output = batch.send().await.map_err(StoreError::of_read)?;
            for (table, items) in output.responses.unwrap_or_default() {
                let keyed = |item| Some(((table.clone(), key_of(&table, &item)?), item));
                found.extend(items.into_iter().filter_map(keyed));
            }
            left = output.unprocessed_keys.unwrap_or_default();
            if left.is_empty() {
                return Ok(found);
            }
        }
        Err(StoreError::Unavailable("not all items were read".into()))
    }
}
