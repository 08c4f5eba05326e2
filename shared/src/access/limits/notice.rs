use std::sync::OnceLock;

use futures_util::future::BoxFuture;

use crate::access::limits::limit::{Limit, Verdict};
use crate::base::world::Timestamp;
use crate::cloud::error::StoreError;
use crate::domain::phone::Phone;
use crate::tables::codes::{Codes, Note};

/// That the phone may have one more text, without a code: by the same cooldown
/// and caps as codes.
pub struct NoticeAllowance<'a> {
    codes: &'a Codes,
    phone: Option<&'a Phone>,
    noted: OnceLock<Timestamp>,
}

impl<'a> NoticeAllowance<'a> {
    /// For `phone`; for none, where nothing is texted.
    pub const fn new(codes: &'a Codes, phone: Option<&'a Phone>) -> Self {
        Self { codes, phone, noted: OnceLock::new() }
    }
}

impl Limit for NoticeAllowance<'_> {
    fn take(&self) -> BoxFuture<'_, Verdict> {
        Box::pin(async {
            let Some(phone) = self.phone else { return Verdict::Granted };
            match self.codes.note_text(phone).await {
                Ok(Note::Noted(at)) => {
                    let _ = self.noted.set(at);
                    Verdict::Granted
                }
                Ok(Note::Limited(limit)) => Verdict::Met(limit),
                Err(error) => Verdict::Stopped(error.into()),
            }
        })
    }

    fn give_back(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async {
            match (self.phone, self.noted.get()) {
                (Some(phone), Some(at)) => self.codes.unnote_text(phone, *at).await,
                _ => Ok(()),
            }
        })
    }
}
