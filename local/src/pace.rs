//! How fast what is done to a deployed stack goes.

use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval};

/// So many a second; as fast as it can, where no rate is set.
pub(crate) struct Pace(Option<Interval>);

impl Pace {
    pub(crate) fn new(rate: Option<u32>) -> Self {
        Self(rate.map(|rate| {
            let mut ticks = interval(Duration::from_secs(1) / rate);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        }))
    }

    /// Waits for the next one's turn.
    pub(crate) async fn next(&mut self) {
        if let Some(ticks) = &mut self.0 {
            ticks.tick().await;
        }
    }
}
