//! Proofs that were used: an item of the codes table each, as long as it could be
//! used again.

use crate::base::config;
use crate::cloud::error::StoreError;
use crate::cloud::items::{TTL, number, string};
use crate::cloud::setup::Setup;
use crate::cloud::table::Table;
use crate::cloud::writes::Written;
use crate::domain::limits::DAY;
use crate::domain::proof_of_work::ProofId;

/// The proofs that were used.
pub struct SpentProofs(Table);

/// One use of a proof, to give back.
#[derive(Debug)]
pub struct Use {
    key: String,
    by: String,
}

impl SpentProofs {
    /// Those of the deployment.
    pub fn new(setup: &Setup) -> Self {
        Self(Table::new(setup, config::CODES_TABLE))
    }

    /// Uses a proof; `None` if it was used before.
    pub async fn spend(&self, proof: &ProofId) -> Result<Option<Use>, StoreError> {
        let (now, by) = (self.0.world.now(), self.0.world.new_id());
        let key = format!("proof#{}", proof.as_str());
        let update = self
            .0
            .update(&key)
            .if_absent("used_by")
            .assign("used_by", string(&by))
            .assign(TTL, number(now.plus_seconds(DAY).seconds()));
        Ok(match self.0.send(update).await? {
            Written::Done(_) => Some(Use { key, by }),
            Written::Refused(_) => None,
        })
    }

    /// Gives a use back that came to nothing. If the table does not answer, the
    /// proof is used up.
    pub async fn give_back(&self, used: &Use) -> Result<(), StoreError> {
        let update = self.0.update(&used.key).if_equal("used_by", string(&used.by)).remove("used_by");
        self.0.send(update).await?;
        Ok(())
    }
}
