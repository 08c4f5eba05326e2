//! A limit, and what is done with all of a request: take, judge, give back.

use futures_util::future::{BoxFuture, join_all};

use crate::access::trust::Trust;
use crate::base::error::Chain;
use crate::base::world::Timestamp;
use crate::cloud::error::StoreError;
use crate::domain::limits::LimitMet;
use crate::http::problem::{Code, Problem};

/// One limit of one request. It keeps what it took, so that it knows the way
/// back.
pub trait Limit: Sync {
    /// Takes one, if the limit allows.
    fn take(&self) -> BoxFuture<'_, Verdict>;

    /// Gives back what was taken; does nothing where nothing was.
    fn give_back(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }

    /// Whether what it counts is everybody's: it is not asked while another limit is
    /// known to refuse, so that a flood does not write to one item for each of its
    /// requests.
    fn is_shared(&self) -> bool {
        false
    }

    /// Whether this instance saw it refuse in the last second.
    fn refused_lately(&self) -> bool {
        false
    }
}

/// What a limit says of a request, the weightiest last.
#[derive(Debug)]
pub enum Verdict {
    /// It may pass; what is counted was taken.
    Granted,
    /// There is nothing here to grant.
    Nothing(Problem),
    /// A proof would let it pass.
    StepUp,
    /// The limit is met.
    Met(LimitMet),
    /// The same request was answered before: it takes nothing more.
    Repeated,
    /// It is to be asked anew, with no more trust than that.
    Less(Trust),
    /// The same request was begun before, and what came of it is not known. Until
    /// then nothing else will.
    Begun(Timestamp),
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
    /// Nothing but a proof is missing; whatever was taken for it is given back.
    StepUp,
    /// Whatever was taken for it is given back, and it is asked anew, with no more
    /// trust than that.
    Less(Trust),
}

/// Takes of all limits at once and judges. Where one stands in the way, what the
/// others took is given back; of several that are met, the one that holds longest
/// is told.
///
/// # Errors
/// What stands in the way; then nothing stays taken.
pub async fn take(limits: &[&dyn Limit], now: Timestamp) -> Result<Passed, Problem> {
    let is_refused = limits.iter().any(|limit| limit.refused_lately());
    let (asked, spared): (Vec<&&dyn Limit>, Vec<&&dyn Limit>) =
        limits.iter().partition(|limit| !is_refused || !limit.is_shared() || limit.refused_lately());
    let mut verdicts = join_all(asked.iter().map(|limit| limit.take())).await;
    if verdicts.iter().all(|verdict| matches!(verdict, Verdict::Granted)) {
        // What was seen is over by now.
        verdicts.extend(join_all(spared.iter().map(|limit| limit.take())).await);
    }
    let judged = judge(verdicts, now);
    if matches!(judged, Ok(Passed::Granted)) {
        return judged;
    }
    let is_all_back = give_back(limits).await;
    match judged {
        // Something was changed, after all.
        Err(problem) if problem.code() == Code::Unavailable && !is_all_back => {
            Err(Code::OutcomeUnknown.into())
        }
        judged => judged,
    }
}

/// Gives everything back at once. What cannot be given back stays counted,
/// which is the safe side; then it answers `false`.
pub async fn give_back(limits: &[&dyn Limit]) -> bool {
    let given = join_all(limits.iter().map(|limit| limit.give_back())).await;
    let mut is_all_back = true;
    for error in given.into_iter().filter_map(Result::err) {
        is_all_back = false;
        tracing::warn!(cause = %Chain(&error), "an allowance was not given back");
    }
    is_all_back
}

fn judge(verdicts: Vec<Verdict>, now: Timestamp) -> Result<Passed, Problem> {
    let (mut nothing, mut met, mut is_repeated, mut steps_up) = (None, None::<LimitMet>, false, false);
    let (mut begun, mut less, mut stopped) = (None, None::<Trust>, None::<Problem>);
    for verdict in verdicts {
        match verdict {
            Verdict::Granted => {}
            Verdict::Nothing(problem) => nothing = nothing.or(Some(problem)),
            Verdict::StepUp => steps_up = true,
            Verdict::Met(limit) => met = met.filter(|other| other.until >= limit.until).or(Some(limit)),
            Verdict::Repeated => is_repeated = true,
            Verdict::Begun(until) => begun = Some(until),
            Verdict::Less(trust) => less = less.filter(|other| *other < trust).or(Some(trust)),
            // What may have been done must be told.
            Verdict::Stopped(problem) if problem.code() == Code::OutcomeUnknown => return Err(problem),
            Verdict::Stopped(problem) => stopped = stopped.or(Some(problem)),
        }
    }
    if let Some(problem) = stopped {
        return Err(problem);
    }
    if let Some(trust) = less {
        return Ok(Passed::Less(trust));
    }
    if let Some(until) = begun {
        return Err(Problem::begun(until, now));
    }
    match (is_repeated, met, nothing) {
        (true, ..) => Ok(Passed::Repeated),
        (_, Some(limit), _) => Err(Problem::limited(limit, now)),
        (_, _, Some(problem)) => Err(problem),
        (_, None, None) if steps_up => Ok(Passed::StepUp),
        (_, None, None) => Ok(Passed::Granted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::limits::LimitOf;

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
        assert_eq!(code(vec![Verdict::StepUp, Verdict::Granted]), Ok(Passed::StepUp));
        assert_eq!(code(vec![Verdict::StepUp, Verdict::Repeated]), Ok(Passed::Repeated));
        assert_eq!(
            code(vec![Verdict::StepUp, met(LimitOf::Day, 9)]),
            Err(Code::TextsPaused),
            "nothing helps"
        );
        assert_eq!(code(vec![Verdict::Repeated, stopped()]), Err(Code::IdempotencyMismatch));
        let begun = || Verdict::Begun(Timestamp::from_millis(1));
        assert_eq!(code(vec![begun(), met(LimitOf::Day, 9), nothing()]), Err(Code::OutcomeUnknown));
        assert_eq!(code(vec![begun(), stopped()]), Err(Code::IdempotencyMismatch));
        // Nothing is told to whoever only says to be known.
        let less = || Verdict::Less(Trust::None);
        assert_eq!(code(vec![less(), begun(), Verdict::Less(Trust::Idle)]), Ok(Passed::Less(Trust::None)));
        assert_eq!(
            code(vec![Verdict::Repeated, met(LimitOf::Day, 9), less()]),
            Ok(Passed::Less(Trust::None))
        );
        assert_eq!(code(vec![less(), stopped()]), Err(Code::IdempotencyMismatch));
        let unknown = Verdict::Stopped(Code::OutcomeUnknown.into());
        assert_eq!(code(vec![stopped(), unknown]), Err(Code::OutcomeUnknown), "it may have been done");
    }
}
