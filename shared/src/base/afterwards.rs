//! What is left to be done once an answer is out.

use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use futures_util::future::join_all;
use tracing::Instrument as _;

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Work that no answer tells of and that fails nothing. In Lambda it is done
/// between an answer and the next request, while nobody waits ("Cleanup" in
/// AWS's "Building a custom runtime"); elsewhere at once.
#[derive(Default)]
pub struct Afterwards(Option<Mutex<Vec<Work>>>);

impl Afterwards {
    /// For whom [`Afterwards::finish`] is called after each answer.
    pub const fn of_answers() -> Self {
        Self(Some(Mutex::new(Vec::new())))
    }

    /// Does `work`, or keeps it for later. What it logs carries the present
    /// request's identifier.
    pub async fn run(&self, work: impl Future<Output = ()> + Send + 'static) {
        match &self.0 {
            None => work.await,
            Some(left) => {
                left.lock().unwrap_or_else(PoisonError::into_inner).push(Box::pin(work.in_current_span()));
            }
        }
    }

    /// Does what was kept, all of it at once.
    pub async fn finish(&self) {
        if let Some(left) = &self.0 {
            let left = std::mem::take(&mut *left.lock().unwrap_or_else(PoisonError::into_inner));
            join_all(left).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn in_lambda_it_is_done_once_and_after_the_answer() {
        let done = Arc::new(AtomicU32::new(0));
        let one_more = || {
            let done = Arc::clone(&done);
            async move {
                done.fetch_add(1, Ordering::Relaxed);
            }
        };
        let afterwards = Afterwards::of_answers();
        afterwards.run(one_more()).await;
        afterwards.run(one_more()).await;
        assert_eq!(done.load(Ordering::Relaxed), 0);
        afterwards.finish().await;
        assert_eq!(done.load(Ordering::Relaxed), 2);
        afterwards.finish().await;
        assert_eq!(done.load(Ordering::Relaxed), 2);
        Afterwards::default().run(one_more()).await;
        assert_eq!(done.load(Ordering::Relaxed), 3, "elsewhere at once");
    }
}
