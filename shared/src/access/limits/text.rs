use std::sync::OnceLock;

use futures_util::future::BoxFuture;

use crate::access::limits::limit::{Limit, Verdict};
use crate::base::world::Timestamp;
use crate::cloud::error::StoreError;
use crate::domain::limits::{LimitMet, LimitOf, Share};
use crate::tables::day_texts::{Counted, DayText, DayTexts, Kind};

/// One text of the deployment's day, from a part of its ceiling.
pub struct TextAllowance<'a> {
    texts: &'a DayTexts,
    share: Option<Share>,
    kind: Kind,
    now: Timestamp,
    counted: OnceLock<DayText>,
}

impl<'a> TextAllowance<'a> {
    /// From this part; from none, where nothing is texted.
    pub const fn new(texts: &'a DayTexts, share: Option<Share>, kind: Kind, now: Timestamp) -> Self {
        Self { texts, share, kind, now, counted: OnceLock::new() }
    }
}

impl Limit for TextAllowance<'_> {
    fn take(&self) -> BoxFuture<'_, Verdict> {
        Box::pin(async {
            let Some(share) = self.share else { return Verdict::Granted };
            match self.texts.take(share, self.kind, self.now).await {
                Ok(Counted::Text(text)) => {
                    let _ = self.counted.set(text);
                    Verdict::Granted
                }
                Ok(Counted::Full(until)) => Verdict::Met(LimitMet { of: LimitOf::Day, until }),
                Err(error) => Verdict::Stopped(error.into()),
            }
        })
    }

    fn give_back(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async {
            match self.counted.get() {
                Some(text) => self.texts.give_back(text).await,
                None => Ok(()),
            }
        })
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn refused_lately(&self) -> bool {
        self.share.is_some_and(|share| self.texts.full_lately(share, self.now).is_some())
    }
}
