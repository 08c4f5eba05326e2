use std::sync::OnceLock;

use futures_util::future::BoxFuture;

use crate::access::limits::limit::{Limit, Verdict};
use crate::cloud::error::StoreError;
use crate::domain::proof_of_work::ProofId;
use crate::tables::proofs::{SpentProofs, Use};

/// That a proof was not used before.
pub struct FreshProof<'a> {
    proofs: &'a SpentProofs,
    proof: Option<&'a ProofId>,
    used: OnceLock<Use>,
}

impl<'a> FreshProof<'a> {
    /// This one; none, where none came.
    pub const fn new(proofs: &'a SpentProofs, proof: Option<&'a ProofId>) -> Self {
        Self { proofs, proof, used: OnceLock::new() }
    }
}

impl Limit for FreshProof<'_> {
    fn take(&self) -> BoxFuture<'_, Verdict> {
        Box::pin(async {
            let Some(proof) = self.proof else { return Verdict::Granted };
            match self.proofs.spend(proof).await {
                Ok(Some(used)) => {
                    let _ = self.used.set(used);
                    Verdict::Granted
                }
                Ok(None) => Verdict::StepUp,
                Err(error) => Verdict::Stopped(error.into()),
            }
        })
    }

    fn give_back(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async {
            match self.used.get() {
                Some(used) => self.proofs.give_back(used).await,
                None => Ok(()),
            }
        })
    }
}
