//! What could happen to a request, told beforehand by asking [`next_step`] as the proxy asks it.

use std::time::Duration;

use http::StatusCode;
use tideover_config::{Failure, Target};

use crate::failover::{Ask, Attempt, Limits, Outcome, Sent, Step, is_soft, next_step};
use crate::standing::{Standing, Why};

/// What could come of asking a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prospects {
    /// One for each member of the target, in its order.
    pub members: Vec<Outlook>,
    /// The longest time to an answer's head if every attempt uses up its limits and then goes on; nominal. A head that
    /// keeps arriving in small pieces can take longer at a member without [`Limits::dripping`]: up to the deadline, if there
    /// is one. Never more than [`Target::worst_case`], which knows neither the deadline nor what kind of request it is.
    pub worst_case: Duration,
    /// How many attempts that is.
    pub worst_case_attempts: usize,
}

/// What could come of asking one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// Position in [`Target::members`].
    pub member: usize,
    /// The limits of its first attempt when no time was lost before; `None` if this request never comes here. A page may be
    /// asked only when there is no time left for those before it: then these are its limits.
    pub within: Option<Limits>,
    /// How often it is asked, when this keeps happening, and what follows. Every failure there is, 200, and the statuses
    /// that origins in trouble send. Empty if this request never comes here, or only while an answer is held.
    pub leads_to: Vec<(Outcome, Next)>,
    /// The same while a soft answer of an earlier member is held; `None` if none can be.
    pub holding: Option<Holding>,
}

/// What could come of asking a member while an earlier answer is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// Whose answer is held: the first member's that can give one.
    pub member: usize,
    /// As in [`Outlook::leads_to`].
    pub leads_to: Vec<(Outcome, Next)>,
}

/// What follows when a member's outcome stays the same however often it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next {
    /// Attempts at this member.
    pub attempts: usize,
    /// Where it goes from there.
    pub then: Then,
}

/// Where a request goes from a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Another member is asked.
    Ask(usize),
    /// The viewer gets this member's outcome.
    Deliver,
    /// The viewer gets the answer of an earlier member, which was held.
    DeliverHeld(usize),
}

/// What could come of asking `target` for a request of this kind.
///
/// `standings` are those of its members now; none at all where nothing is known of them.
pub fn prospects(target: &Target, ask: Ask, standings: &[Standing]) -> Prospects {
    let case = Case {
        target,
        ask,
        standings,
    };
    let members = (0..target.members.len())
        .map(|member| outlook(case, member))
        .collect();
    let (worst_case, worst_case_attempts) = worst_case(case);
    Prospects {
        members,
        worst_case,
        worst_case_attempts,
    }
}

/// Who is asked first, and who is left out before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beginning {
    /// Members whose turn came first, and why they are not asked, in order.
    pub left_out: Vec<(usize, Why)>,
    /// `None`: nobody may be asked.
    pub asked: Option<usize>,
}

/// How a request of this kind begins at `target`. `standings` as in [`prospects`].
pub fn beginning(target: &Target, ask: Ask, standings: &[Standing]) -> Beginning {
    let mut past: Vec<Attempt> = Vec::new();
    let mut left_out = Vec::new();
    let asked = loop {
        match next_step(target, ask, standings, &past, Duration::ZERO) {
            Step::Try { member, .. } => break Some(member),
            Step::Deliver(_) => break None,
            Step::Skip { member, why } => {
                left_out.push((member, why));
                past.push(attempt(member, Outcome::Skipped(why), Duration::ZERO));
            }
        }
    };
    Beginning { left_out, asked }
}

/// What [`next_step`] is asked about.
#[derive(Clone, Copy)]
struct Case<'c> {
    target: &'c Target,
    ask: Ask,
    standings: &'c [Standing],
}

impl Case<'_> {
    /// The next step that asks or delivers; who is left out on the way makes no difference to it.
    fn next(self, past: &[Attempt], elapsed: Duration) -> Onward {
        let mut past = past.to_vec();
        loop {
            match next_step(self.target, self.ask, self.standings, &past, elapsed) {
                Step::Try { member, within } => return Onward::Try { member, within },
                Step::Deliver(index) => return Onward::Deliver(index),
                Step::Skip { member, why } => {
                    past.push(attempt(member, Outcome::Skipped(why), Duration::ZERO));
                }
            }
        }
    }
}

/// A [`Step`] that asks or delivers.
enum Onward {
    Try { member: usize, within: Limits },
    Deliver(usize),
}

fn outlook(case: Case<'_>, member: usize) -> Outlook {
    let held_by = |past: &[Attempt]| {
        past.iter()
            .find(|attempt| is_soft(case.target, attempt))
            .map(|attempt| attempt.member)
    };
    let plain = way_to(case, member, Way::WithoutSoftAnswers)
        .filter(|passage| held_by(&passage.past).is_none());
    let holding = way_to(case, member, Way::WithSoftAnswers).and_then(|passage| {
        Some(Holding {
            member: held_by(&passage.past)?,
            leads_to: leads_to(case, &passage, member),
        })
    });
    Outlook {
        member,
        within: plain.as_ref().and_then(|passage| {
            match case.next(&passage.past, passage.elapsed) {
                Onward::Try { within, .. } => Some(within),
                Onward::Deliver(_) => None,
            }
        }),
        leads_to: plain.map_or_else(Vec::new, |passage| leads_to(case, &passage, member)),
        holding,
    }
}

fn leads_to(case: Case<'_>, way: &Passage, member: usize) -> Vec<(Outcome, Next)> {
    outcomes(case.target, member)
        .into_iter()
        .map(|outcome| (outcome, follow(case, way.past.clone(), member, outcome)))
        .collect()
}

/// Attempts that lead to a member, and how late it is then.
struct Passage {
    past: Vec<Attempt>,
    /// Zero, or the whole deadline.
    elapsed: Duration,
}

/// Which outcomes are preferred on the way to a member.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    WithoutSoftAnswers,
    WithSoftAnswers,
}

/// Attempts that lead to `member`, if any do: in no time, or else, for a page, with the deadline used up before others
/// could be asked. Which outcome leads on from a member makes no difference to those after it, except that a soft answer
/// is held.
fn way_to(case: Case<'_>, member: usize, way: Way) -> Option<Passage> {
    let mut past = Vec::new();
    let mut late = None;
    loop {
        let Onward::Try { member: asked, .. } = case.next(&past, Duration::ZERO) else {
            return late;
        };
        if asked == member {
            let elapsed = Duration::ZERO;
            return Some(Passage { past, elapsed });
        }
        let (soft, plain): (Vec<Outcome>, Vec<Outcome>) = outcomes(case.target, asked)
            .into_iter()
            .partition(|outcome| is_soft(case.target, &attempt(asked, *outcome, Duration::ZERO)));
        let preferred = match way {
            Way::WithoutSoftAnswers => [plain, soft],
            Way::WithSoftAnswers => [soft, plain],
        };
        let leads_on = preferred.into_iter().flatten().find_map(|outcome| {
            let mut longer = past.clone();
            repeat(case, &mut longer, asked, outcome);
            match case.next(&longer, Duration::ZERO) {
                Onward::Try { .. } => Some(longer),
                Onward::Deliver(_) => None,
            }
        });
        let Some(longer) = leads_on else {
            return late;
        };
        past = longer;
        if late.is_none()
            && let Some(elapsed) = case.target.deadline
            && let Onward::Try { member: asked, .. } = case.next(&past, elapsed)
            && asked == member
        {
            let past = past.clone();
            late = Some(Passage { past, elapsed });
        }
    }
}

/// Adds attempts at `member` with this outcome until the rule goes elsewhere.
fn repeat(case: Case<'_>, past: &mut Vec<Attempt>, member: usize, outcome: Outcome) {
    loop {
        past.push(attempt(member, outcome, Duration::ZERO));
        match case.next(past, Duration::ZERO) {
            Onward::Try { member: again, .. } if again == member => {}
            Onward::Try { .. } | Onward::Deliver(_) => return,
        }
    }
}

fn follow(case: Case<'_>, mut past: Vec<Attempt>, member: usize, outcome: Outcome) -> Next {
    let before = past.len();
    repeat(case, &mut past, member, outcome);
    let then = match case.next(&past, Duration::ZERO) {
        Onward::Try { member, .. } => Then::Ask(member),
        Onward::Deliver(index) => match past.get(index) {
            Some(held) if held.member != member => Then::DeliverHeld(held.member),
            Some(_) | None => Then::Deliver,
        },
    };
    Next {
        attempts: past.len() - before,
        then,
    }
}

fn attempt(member: usize, outcome: Outcome, took: Duration) -> Attempt {
    let sent = match outcome {
        Outcome::Failed(failure) if failure.is_connect() => Sent::Nothing,
        Outcome::Skipped(_) => Sent::Nothing,
        Outcome::Failed(_) | Outcome::Status(_) => Sent::Something,
    };
    Attempt {
        member,
        outcome,
        sent,
        took,
    }
}

/// All that is worth telling of a member: a page has one outcome.
fn outcomes(target: &Target, member: usize) -> Vec<Outcome> {
    let member = &target.members[member];
    if member.is_page {
        return vec![Outcome::Status(StatusCode::SERVICE_UNAVAILABLE)];
    }
    let mut statuses: Vec<StatusCode> = member.criteria.statuses.iter().collect();
    statuses.extend([
        StatusCode::OK,
        StatusCode::FORBIDDEN,
        StatusCode::NOT_FOUND,
        StatusCode::INTERNAL_SERVER_ERROR,
        StatusCode::BAD_GATEWAY,
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::GATEWAY_TIMEOUT,
    ]);
    statuses.sort_unstable();
    statuses.dedup();
    let failed = Failure::ALL.into_iter().map(Outcome::Failed);
    // From the worst down, so that a way through the members is one of failures.
    failed
        .chain(statuses.into_iter().rev().map(Outcome::Status))
        .collect()
}

/// How the time until an outcome is spent best, if as much as possible is to be spent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Leads {
    /// What ends it costs no more.
    ToAnEnd,
    ToOthers,
    /// What is tried again here can still go on to others afterwards.
    HereAgain,
}

/// Every attempt uses up what it may: a connection at the last moment and then silence, or an answer at the last moment,
/// or no connection where only that is tried again.
fn worst_case(case: Case<'_>) -> (Duration, usize) {
    let mut past: Vec<Attempt> = Vec::new();
    let mut elapsed = Duration::ZERO;
    // What ends here and now may cost more than what goes on to a member that answers at once.
    let mut longest = (Duration::ZERO, 0);
    while let Onward::Try { member, within } = case.next(&past, elapsed) {
        let mut choice: Option<(Leads, Attempt)> = None;
        for outcome in outcomes(case.target, member) {
            let next = attempt(member, outcome, most(within, outcome));
            past.push(next);
            let then = case.next(&past, elapsed.saturating_add(next.took));
            longest = longest.max((elapsed.saturating_add(next.took), past.len()));
            past.pop();
            let leads = match then {
                Onward::Try { member: again, .. } if again == member => Leads::HereAgain,
                Onward::Try { .. } => Leads::ToOthers,
                Onward::Deliver(_) => Leads::ToAnEnd,
            };
            let worth =
                |(leads, next): &(Leads, Attempt)| (*leads, next.took, !is_soft(case.target, next));
            if choice
                .as_ref()
                .is_none_or(|best| worth(best) < worth(&(leads, next)))
            {
                choice = Some((leads, next));
            }
        }
        let Some((_, next)) = choice else { break };
        elapsed = elapsed.saturating_add(next.took);
        past.push(next);
    }
    longest
}

/// The longest time that an attempt within these limits can take to this outcome.
fn most(within: Limits, outcome: Outcome) -> Duration {
    let longest = match outcome {
        Outcome::Failed(failure) if failure.is_connect() => within.connect,
        Outcome::Skipped(_) => Duration::ZERO,
        Outcome::Failed(_) | Outcome::Status(_) => within.connect.saturating_add(within.response),
    };
    within.head.map_or(longest, |head| longest.min(head))
}
