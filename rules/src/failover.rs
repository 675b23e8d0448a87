//! The failover decision: what to do after the attempts so far.
//!
//! In plain words:
//!
//! 1. The members of the target are asked in their order, one at a time.
//! 2. If no connection came about, nothing was sent, and the same member is asked again while it has connection attempts
//!    left: for any request. If its answer did not come in time, it is asked again only for a GET or HEAD without a body,
//!    and only where the member says so.
//! 3. If the outcome is among the member's criteria, the next member is asked: only for a request without a body whose
//!    method may fall through. A write goes to one member, once.
//! 4. Any other outcome is the viewer's, and so is the last one when nobody is left.
//! 5. A soft status (a 403 or 404, say) is held while later members are asked. The viewer gets it, the first one of them,
//!    unless a later answer is below 400; and no page is asked while one is held.
//! 6. A search for an authority's proof (`/.well-known/acme-challenge/*`) goes to one member, once: none can answer for
//!    another.
//! 7. Who is known to be dead, or switched off, is left out where somebody else can answer (`standing.rs`).
//! 8. When the deadline is used up, nobody is asked any more but a page. So that none uses it up alone, an origin behind
//!    which others stand has to have sent its whole head when its timers for connecting and answering are both over.
//!
//! To change when a request falls through, change [`next_step`]; to change on what, change the criteria that `config`
//! compiles. The loop that obeys is `proxy/src/origin/fetch.rs` and decides nothing.

use std::time::Duration;

use http::{Method, StatusCode};
use tideover_config::{Behavior, Failure, Member, MethodSet, Target};

use crate::challenge::is_challenge;
use crate::standing::{Standing, Why, left_out};

/// Time kept back from a deadline so that a page that follows can still be delivered within it.
const PAGE_RESERVE: Duration = Duration::from_millis(100);

/// What the decision knows of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The behavior lets this method fall through, and the request has no body.
    pub may_fall_through: bool,
    /// GET or HEAD without a body: may be sent to the same origin again after a response timeout.
    pub may_repeat: bool,
    /// A connection that did not come about may be tried again.
    pub may_reconnect: bool,
}

impl Ask {
    /// What may be done with a request of `method` for `path` that goes through `behavior`. A body can be sent once only,
    /// and the search for an authority's proof ([`is_challenge`]) goes to one origin, once.
    pub fn of(behavior: &Behavior, method: &Method, path: &str, has_body: bool) -> Self {
        let may_change_hands = !is_challenge(path);
        Self {
            may_fall_through: may_change_hands
                && !has_body
                && behavior.falls_through.contains(method),
            may_repeat: may_change_hands && !has_body && MethodSet::READS.contains(method),
            may_reconnect: may_change_hands,
        }
    }
}

/// Whether a request of `method` may be sent again although it may have arrived before, when the reused connection that it
/// was sent on has died without a byte of an answer: the origin may have closed it, idle, as the request was on its way.
/// GET, HEAD and OPTIONS without a body. That is within one attempt and not counted. A request of which not a byte was sent
/// may always be sent again.
/// Source: RFC 9110, section 9.2.2; RFC 9112, section 9.3.1.
pub fn may_be_resent(method: &Method, has_body: bool) -> bool {
    !has_body && MethodSet::READS_AND_OPTIONS.contains(method)
}

/// One try at one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Position in [`Target::members`].
    pub member: usize,
    /// How it ended.
    pub outcome: Outcome,
    /// Whether the origin can have seen anything of the request.
    pub sent: Sent,
    /// From its start to its outcome.
    pub took: Duration,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The origin answered with this status.
    Status(StatusCode),
    /// It brought no usable answer.
    Failed(Failure),
    /// There was none: the member was left out, and this is why.
    Skipped(Why),
}

impl Outcome {
    /// An origin answered.
    pub fn is_status(self) -> bool {
        matches!(self, Self::Status(_))
    }
}

/// Whether an origin can have seen anything of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Not a byte left for the origin.
    Nothing,
    /// Some or all of it may have arrived.
    Something,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Ask this member, within these limits.
    Try {
        /// Position in [`Target::members`].
        member: usize,
        /// Already cut to what the deadline leaves.
        within: Limits,
    },
    /// Note that this member is left out.
    Skip {
        /// Position in [`Target::members`].
        member: usize,
        /// What speaks against it.
        why: Why,
    },
    /// Give the viewer the outcome of this attempt: an index into the attempts so far. If that was skipped, so were all, and
    /// nobody was asked.
    Deliver(usize),
}

/// How long one attempt may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Name look-up, TCP, TLS, and the wait for a free connection.
    pub connect: Duration,
    /// From the last request byte to the first response byte, and between packets of the head.
    pub response: Duration,
    /// From the attempt's start to the complete head of the answer, or the time for the whole exchange is used up; `None`:
    /// only the others count.
    pub head: Option<Duration>,
    /// From the attempt's start to the complete head of the answer, or it is a response timeout: where somebody else can
    /// still be asked, nobody may use up the time for all by sending a head in drops. Connection timeout and response
    /// timeout together, so it cuts nothing else; not cut to what the deadline leaves. `None`: a gap is a gap, and a head
    /// may have any number of them.
    pub dripping: Option<Duration>,
    /// From the attempt's start to the last byte of the answer's body; `None`: no limit.
    pub completion: Option<Duration>,
}

/// What to do after the attempts so far.
///
/// - A connect failure is tried again on the same member while it has connection attempts left: nothing was sent.
/// - A response timeout is tried again on the same member only where the member says so and the request may be repeated.
/// - An outcome that meets the member's criteria goes on to the next member, if the request may fall through.
/// - `Deliver(n)` is the last attempt, or the first soft answer when nothing later answered below 400.
/// - A page is a last word: it is never asked while a soft answer is held, and nobody is asked after it.
/// - When the deadline has passed, only a page is still asked.
/// - Who does not stand well is left out, where [`standing`](crate::standing) says so: a step and an attempt of its own, so
///   that it is told. `standings` has one for each member, or none at all where everybody is alive.
///
/// Source: Developer Guide, "Optimize high availability with CloudFront origin failover" and "All distribution settings
/// reference" (connection attempts, response timeout); groups of more than two, soft statuses and the deadline are ours.
///
/// # Panics
/// Never: `past` only names members of `target`.
pub fn next_step(
    target: &Target,
    ask: Ask,
    standings: &[Standing],
    past: &[Attempt],
    elapsed: Duration,
) -> Step {
    let Some(last) = past.last() else {
        return try_from(target, ask, standings, 0, past, elapsed).unwrap_or(Step::Try {
            member: 0,
            within: limits(target, ask, standings, 0, past, elapsed).unwrap_or(Limits::NONE_LEFT),
        });
    };
    let member = &target.members[last.member];
    // A page is a last word, whatever its status, unless an operator does not want it.
    if member.is_page && !matches!(last.outcome, Outcome::Skipped(_)) {
        return Step::Deliver(past.len() - 1);
    }
    if may_try_again(member, ask, last, past)
        && let Some(within) = limits(target, ask, standings, last.member, past, elapsed)
    {
        return Step::Try {
            member: last.member,
            within,
        };
    }
    if ask.may_fall_through
        && meets_criteria(member, last.outcome)
        && let Some(step) = try_from(target, ask, standings, last.member + 1, past, elapsed)
    {
        return step;
    }
    Step::Deliver(best_of(target, past))
}

/// The next member to ask or to leave out, from `first` on. While a soft answer is held no page is asked; when no time is left, only a page.
fn try_from(
    target: &Target,
    ask: Ask,
    standings: &[Standing],
    first: usize,
    past: &[Attempt],
    elapsed: Duration,
) -> Option<Step> {
    let holds_soft_answer = past.iter().any(|attempt| is_soft(target, attempt));
    (first..target.members.len()).find_map(|member| {
        if target.members[member].is_page {
            if let Some(Standing::Off(why)) = standings.get(member) {
                return Some(Step::Skip { member, why: *why });
            }
            return (!holds_soft_answer).then_some(Step::Try {
                member,
                within: Limits::NONE_LEFT,
            });
        }
        let may_fall_through = ask.may_fall_through;
        if let Some(why) = left_out(
            target,
            standings,
            member,
            may_fall_through,
            holds_soft_answer,
        ) {
            return Some(Step::Skip { member, why });
        }
        limits(target, ask, standings, member, past, elapsed)
            .map(|within| Step::Try { member, within })
    })
}

/// Whether the member of `last` is asked once more itself.
fn may_try_again(member: &Member, ask: Ask, last: &Attempt, past: &[Attempt]) -> bool {
    let tries = past
        .iter()
        .rev()
        .take_while(|attempt| attempt.member == last.member)
        .count();
    if tries >= usize::from(member.timers.connection_attempts.get()) {
        return false;
    }
    match last.outcome {
        // Nothing was sent, so this holds for writes too.
        Outcome::Failed(failure) if failure.is_connect() => {
            ask.may_reconnect && last.sent == Sent::Nothing
        }
        Outcome::Failed(Failure::ResponseTimeout) => {
            member.retries_response_timeout && ask.may_repeat
        }
        Outcome::Failed(_) | Outcome::Status(_) | Outcome::Skipped(_) => false,
    }
}

fn meets_criteria(member: &Member, outcome: Outcome) -> bool {
    match outcome {
        Outcome::Status(status) => member.criteria.statuses.contains(status),
        Outcome::Failed(failure) => member.criteria.failures.contains(failure),
        Outcome::Skipped(_) => true,
    }
}

/// Whether this attempt's answer is worth holding while later members are asked.
pub fn is_soft(target: &Target, attempt: &Attempt) -> bool {
    match attempt.outcome {
        Outcome::Status(status) => target.members[attempt.member]
            .criteria
            .soft
            .contains(status),
        Outcome::Failed(_) | Outcome::Skipped(_) => false,
    }
}

/// Index of the outcome to deliver: the last one if it is good, else the first soft one, else the last one. Who was left out
/// brought none.
fn best_of(target: &Target, past: &[Attempt]) -> usize {
    let was_asked = |attempt: &Attempt| !matches!(attempt.outcome, Outcome::Skipped(_));
    let last = past.iter().rposition(was_asked).unwrap_or(past.len() - 1);
    if matches!(past[last].outcome, Outcome::Status(status) if status.as_u16() < 400) {
        return last;
    }
    past.iter()
        .position(|attempt| is_soft(target, attempt))
        .unwrap_or(last)
}

/// What an attempt at `member` may take now; `None` when the deadline or the origin's completion timeout leaves nothing.
fn limits(
    target: &Target,
    ask: Ask,
    standings: &[Standing],
    member: usize,
    past: &[Attempt],
    elapsed: Duration,
) -> Option<Limits> {
    let timers = target.members[member].timers;
    let deadline = target.deadline.map(|deadline| {
        let mut later = target.members[member + 1..].iter();
        let reserve = if later.any(|later| later.is_page) {
            PAGE_RESERVE.min(deadline / 10)
        } else {
            Duration::ZERO
        };
        deadline.saturating_sub(elapsed).saturating_sub(reserve)
    });
    // The completion timeout spans all tries at one origin and starts again for the next one.
    let completion = timers.response_completion_timeout.map(|whole| {
        let tries = past
            .iter()
            .rev()
            .take_while(|attempt| attempt.member == member);
        whole.saturating_sub(tries.map(|attempt| attempt.took).sum())
    });
    let head = match (deadline, completion) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    };
    if head == Some(Duration::ZERO) {
        return None;
    }
    let cut = |limit: Duration| head.map_or(limit, |head| limit.min(head));
    // Without a deadline (CloudFront) only gaps count.
    let must_be_prompt =
        target.deadline.is_some() && silence_leads_on(target, ask, standings, member, past);
    let timers_together = timers
        .connection_timeout
        .saturating_add(timers.response_timeout);
    Some(Limits {
        connect: cut(timers.connection_timeout),
        response: cut(timers.response_timeout),
        head,
        dripping: must_be_prompt.then_some(timers_together),
        completion,
    })
}

/// Whether somebody else could be asked if `member` turned out to be silent.
fn silence_leads_on(
    target: &Target,
    ask: Ask,
    standings: &[Standing],
    member: usize,
    past: &[Attempt],
) -> bool {
    let silence = Outcome::Failed(Failure::ResponseTimeout);
    let holds_soft_answer = past.iter().any(|attempt| is_soft(target, attempt));
    ask.may_fall_through
        && meets_criteria(&target.members[member], silence)
        && (member + 1..target.members.len()).any(|later| {
            let is_off = matches!(standings.get(later), Some(Standing::Off(_)));
            let is_held_back = target.members[later].is_page && holds_soft_answer;
            !is_off && !is_held_back
        })
}

impl Limits {
    /// For a page, which needs no time.
    pub const NONE_LEFT: Self = Self {
        connect: Duration::ZERO,
        response: Duration::ZERO,
        head: Some(Duration::ZERO),
        dripping: None,
        completion: None,
    };
}
