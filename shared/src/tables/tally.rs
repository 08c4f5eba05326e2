//! What becomes of texts with codes, counted twice: by the guard against
//! pumping, and among the numbers of the day.

use std::sync::Arc;

use tokio::join;

use crate::base::afterwards::Afterwards;
use crate::base::world::Timestamp;
use crate::cloud::setup::Setup;
use crate::domain::phone::Phone;
use crate::tables::guard::{Guard, TextFate};
use crate::tables::stats::Stats;

/// What counts texts.
pub struct Tally {
    guard: Arc<Guard>,
    stats: Arc<Stats>,
    afterwards: Arc<Afterwards>,
}

impl Tally {
    /// That of the deployment.
    pub fn new(setup: &Setup, guard: Arc<Guard>) -> Self {
        Self { guard, stats: Arc::new(Stats::new(setup)), afterwards: Arc::clone(&setup.afterwards) }
    }

    /// Counts what became of a text to `phone` that was sent at `sent_at`: in
    /// Lambda after the answer. It fails nothing.
    pub async fn count(&self, fate: TextFate, phone: &Phone, sent_at: Timestamp) {
        let (guard, stats, phone) = (Arc::clone(&self.guard), Arc::clone(&self.stats), phone.clone());
        let count = async move {
            join!(guard.count(&phone, sent_at, fate), stats.count(fate));
        };
        self.afterwards.run(count).await;
    }
}
