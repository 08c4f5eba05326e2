//! A limit, and what is done with all of a request: take, judge, give back.

use futures_util::future::{BoxFuture, join_all};

use crate::base::error::Chain;
use crate::base::world::Timestamp;
use crate::cloud::error::StoreError;
use crate::domain::limits::LimitMet;
use crate::http::problem::Problem;

/// One limit of one request. It keeps what it took, so that it knows the way
/// back.
pub trait Limit: Sync {
    /// Takes one, if the limit allows.
    fn take(&self) -> BoxFuture<'_, Verdict>;

    /// Gives back what was taken; does nothing where nothing was.
    fn give_back(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }
}

/// What a limit says of a request, the weightiest last.
#[derive(Debug)]
pub enum Verdict {
    /// It may pass; what is counted was taken.
    Granted,
    /// There is nothing here to grant.
    Nothing(Problem),
    /// The limit is met.
    Met(LimitMet),
    /// The same request was answered before: it takes nothing more.
    Repeated,
    /// Something else is in the way.
    Stopped(Problem),
}

/// How a request got past its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passed {
    /// It may go on; [`give_back`] undoes it.
    Granted,
    /// It was answered before; whatever was taken for it is given back.
    Repeated,
}

/// Takes of all limits at once and judges. Where one stands in the way, what the
/// others took is given back; of several that are met, the one that holds longest
/// is told.
///
/// # Errors
/// What stands in the way; then nothing stays taken.
pub async fn take(limits: &[&dyn Limit], now: Timestamp) -> Result<Passed, Problem> {
    let verdicts = join_all(limits.iter().map(|limit| limit.take())).await;
    let judged = judge(verdicts, now);
    if !matches!(judged, Ok(Passed::Granted)) {
        give_back(limits).await;
    }
    judged
}

/// Gives everything back at once. What cannot be given back stays counted,
/// which is the safe side.
pub async fn give_back(limits: &[&dyn Limit]) {
    let given = join_all(limits.iter().map(|limit| limit.give_back())).await;
    for error in given.into_iter().filter_map(Result::err) {
        tracing::warn!(cause = %Chain(&error), "an allowance was not given back");
    }
}

fn judge(verdicts: Vec<Verdict>, now: Timestamp) -> Result<Passed, Problem> {
    let (mut nothing, mut met, mut is_repeated) = (None, None::<LimitMet>, false);
    for verdict in verdicts {
        match verdict {
            Verdict::Granted => {}
            Verdict::Nothing(problem) => nothing = nothing.or(Some(problem)),
            Verdict::Met(limit) => met = met.filter(|other| other.until >= limit.until).or(Some(limit)),
            Verdict::Repeated => is_repeated = true,
            Verdict::Stopped(problem) => return Err(problem),
        }
    }
    match (is_repeated, met, nothing) {
        (true, ..) => Ok(Passed::Repeated),
        (_, Some(limit), _) => Err(Problem::limited(limit, now)),
        (_, _, Some(problem)) => Err(problem),
        (_, None, None) => Ok(Passed::Granted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::limits::LimitOf;
    use crate::http::problem::Code;

    fn met(of: LimitOf, until: i64) -> Verdict {
        Verdict::Met(LimitMet { of, until: Timestamp::from_millis(until) })
    }

    #[test]
    fn the_weightiest_verdict_is_told() {
        let code = |verdicts| judge(verdicts, Timestamp::default()).map_err(|problem| problem.code());
        let nothing = || Verdict::Nothing(Code::InvalidCode.into());
        let stopped = || Verdict::Stopped(Code::IdempotencyMismatch.into());
        assert_eq!(code(vec![Verdict::Granted, Verdict::Granted]), Ok(Passed::Granted));
        assert_eq!(code(vec![nothing(), Verdict::Granted]), Err(Code::InvalidCode));
        let two = vec![met(LimitOf::Address, 2_000), nothing(), met(LimitOf::Cooldown, 1_000)];
        assert_eq!(code(two), Err(Code::TooManyRequests), "the one that holds longest");
        let two = vec![met(LimitOf::Cooldown, 1_000), met(LimitOf::Address, 2_000)];
        assert_eq!(code(two), Err(Code::TooManyRequests), "wherever it stands");
        assert_eq!(code(vec![met(LimitOf::Address, 1), Verdict::Repeated, nothing()]), Ok(Passed::Repeated));
        assert_eq!(code(vec![Verdict::Repeated, stopped()]), Err(Code::IdempotencyMismatch));
    }
}
