use std::sync::OnceLock;

use futures_util::future::BoxFuture;

use crate::access::limits::limit::{Limit, Verdict};
use crate::cloud::error::StoreError;
use crate::domain::code::Purpose;
use crate::domain::device::Asker;
use crate::domain::phone::Phone;
use crate::http::problem::Problem;
use crate::tables::codes::{Codes, Count, CountedGuess};

/// That a guess at the phone's code, in one of its registers, may be compared.
pub struct GuessAllowance<'a> {
    codes: &'a Codes,
    asker: Asker,
    phone: &'a Phone,
    purpose: &'a Purpose,
    challenge_id: Option<&'a str>,
    counted: OnceLock<CountedGuess>,
}

impl<'a> GuessAllowance<'a> {
    /// At the code of `phone` for `purpose`; of this challenge, where one is
    /// given.
    pub const fn new(
        codes: &'a Codes,
        asker: Asker,
        phone: &'a Phone,
        purpose: &'a Purpose,
        challenge_id: Option<&'a str>,
    ) -> Self {
        Self { codes, asker, phone, purpose, challenge_id, counted: OnceLock::new() }
    }

    /// The guess that was counted; none where nothing was.
    pub fn into_counted(self) -> Option<CountedGuess> {
        self.counted.into_inner()
    }
}

impl Limit for GuessAllowance<'_> {
    fn take(&self) -> BoxFuture<'_, Verdict> {
        Box::pin(async {
            match self.codes.count_guess(self.asker, self.phone, self.purpose, self.challenge_id).await {
                Ok(Count::Counted(counted)) => {
                    let _ = self.counted.set(counted);
                    Verdict::Granted
                }
                Ok(Count::NoCode) => Verdict::Nothing(Problem::invalid_code(Some(0))),
                Ok(Count::Limited(limit)) => Verdict::Met(limit),
                Err(error) => Verdict::Stopped(error.into()),
            }
        })
    }

    fn give_back(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async {
            match self.counted.get() {
                Some(counted) => self.codes.uncount(counted).await,
                None => Ok(()),
            }
        })
    }
}
