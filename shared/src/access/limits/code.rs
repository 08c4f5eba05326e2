use std::sync::OnceLock;

use futures_util::future::BoxFuture;

use crate::access::limits::limit::{Limit, Verdict};
use crate::access::trust::Trust;
use crate::cloud::error::StoreError;
use crate::domain::fate::Why;
use crate::domain::phone::Phone;
use crate::domain::phone_lists::TestPhone;
use crate::tables::codes::{Codes, Issue, Issued, Live, Wanted};

/// That the phone may have one more code: the cooldown, and how many it had.
/// Taking it makes the code live.
pub struct CodeAllowance<'a> {
    codes: &'a Codes,
    trust: Trust,
    phone: &'a Phone,
    tester: Option<&'a TestPhone>,
    wanted: Wanted<'a>,
    asked: OnceLock<Issue>,
    refused: OnceLock<Why>,
}

impl<'a> CodeAllowance<'a> {
    /// For `phone`, which may be a test number.
    pub const fn new(
        codes: &'a Codes,
        trust: Trust,
        phone: &'a Phone,
        tester: Option<&'a TestPhone>,
        wanted: Wanted<'a>,
    ) -> Self {
        Self { codes, trust, phone, tester, wanted, asked: OnceLock::new(), refused: OnceLock::new() }
    }

    /// The code that was made live; none where nothing was.
    pub fn issued(&self) -> Option<&Issued> {
        match self.asked.get()? {
            Issue::Issued(issued) => Some(issued),
            Issue::Repeated(_) | Issue::Begun(_) | Issue::Limited(_) | Issue::Idle => None,
        }
    }

    /// Notes why the text of the code did not leave, before it is given back.
    pub fn refused(&self, why: Why) {
        let _ = self.refused.set(why);
    }

    /// What the same request was told before.
    pub fn repeated(&self) -> Option<&Live> {
        match self.asked.get()? {
            Issue::Repeated(live) => Some(live),
            Issue::Issued(_) | Issue::Begun(_) | Issue::Limited(_) | Issue::Idle => None,
        }
    }
}

impl Limit for CodeAllowance<'_> {
    fn take(&self) -> BoxFuture<'_, Verdict> {
        Box::pin(async {
            let asked = if let Some(tester) = self.tester {
                self.codes.issue_test(tester, &self.wanted).await
            } else {
                let asker = (self.trust.asker(), self.trust == Trust::Full);
                self.codes.issue(asker, self.phone.clone(), &self.wanted).await
            };
            match asked.map(|asked| self.asked.get_or_init(|| asked)) {
                Ok(Issue::Issued(_)) => Verdict::Granted,
                Ok(Issue::Repeated(_)) => Verdict::Repeated,
                Ok(Issue::Begun(until)) => Verdict::Begun(*until),
                Ok(Issue::Limited(limit)) => Verdict::Met(*limit),
                Ok(Issue::Idle) => Verdict::Less(Trust::Idle),
                Err(error) => Verdict::Stopped(error.into()),
            }
        })
    }

    fn give_back(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async {
            match self.issued() {
                Some(issued) => self.codes.take_back(issued, self.refused.get().copied()).await,
                None => Ok(()),
            }
        })
    }
}
