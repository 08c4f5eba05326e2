//! Challenges of passkeys that were answered: an item of the codes table each, as long as it
//! could be answered again. Of those that were not, nothing is stored.

use crate::base::config;
use crate::cloud::items::{Item, TTL, number};
use crate::cloud::setup::Setup;
use crate::cloud::table::Table;
use crate::cloud::writes::Write;
use crate::domain::limits::DAY;
use crate::domain::passkey::Challenge;

/// The challenges that were answered.
pub struct PasskeyChallenges(Table);

impl PasskeyChallenges {
    /// Those of the deployment.
    pub fn new(setup: &Setup) -> Self {
        Self(Table::new(setup, config::CODES_TABLE))
    }

    /// That a challenge is answered, in one transaction with what it is answered for;
    /// refused if it was before.
    pub fn spend(&self, challenge: &Challenge) -> Write {
        let ttl = number(challenge.expires_at.plus_seconds(DAY).seconds());
        let item = Item::from([(TTL.to_owned(), ttl)]);
        self.0.put_if_absent(format!("passkey-challenge#{}", challenge.id), item)
    }
}
