//! What could happen to a request, told beforehand by asking [`next_step`] as the proxy asks it.

use std::time::Duration;

use http::StatusCode;
use tideover_config::{Failure, Target};

use crate::failover::{Ask, Attempt, Limits, Outcome, Sent, Step, is_soft, next_step};

/// What could come of asking a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prospects {
    /// One for each member of the target, in its order.
    pub members: Vec<Outlook>,
    /// The longest time to an answer's head if every attempt uses up its limits and then goes on; nominal. A head that
    /// keeps arriving in small pieces can take longer where there is no deadline.
    pub worst_case: Duration,
    /// How many attempts that is.
    pub worst_case_attempts: usize,
}

/// What could come of asking one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// Position in [`Target::members`].
    pub member: usize,
    /// The limits of its first attempt when no time was lost before; `None` if this request never comes here.
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
    /// Another member is asked, if there is time left.
    Ask(usize),
    /// The viewer gets this member's outcome.
    Deliver,
    /// The viewer gets the answer of an earlier member, which was held.
    DeliverHeld(usize),
}

/// What could come of asking `target` for a request of this kind.
pub fn prospects(target: &Target, ask: Ask) -> Prospects {
    let members = (0..target.members.len())
        .map(|member| outlook(target, ask, member))
        .collect();
    let (worst_case, worst_case_attempts) = worst_case(target, ask);
    Prospects {
        members,
        worst_case,
        worst_case_attempts,
    }
}

fn outlook(target: &Target, ask: Ask, member: usize) -> Outlook {
    let plain = way_to(target, ask, member, Way::WithoutSoftAnswers);
    let holding = way_to(target, ask, member, Way::WithSoftAnswers).and_then(|way| {
        let held = way.past.iter().find(|attempt| is_soft(target, attempt))?;
        Some(Holding {
            member: held.member,
            leads_to: way.leads_to(target, ask, member),
        })
    });
    let within = |way: &Past| match way.next(target, ask) {
        Step::Try { within, .. } => Some(within),
        Step::Deliver(_) => None,
    };
    Outlook {
        member,
        within: plain.as_ref().and_then(within),
        leads_to: plain.map_or_else(Vec::new, |way| way.leads_to(target, ask, member)),
        holding,
    }
}

/// Which outcomes lead to a member.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// No answer is held.
    WithoutSoftAnswers,
    /// One is held if that can be.
    WithSoftAnswers,
}

/// How a request may come to `member`, if it may. Which outcome leads on from a member makes no difference to those after
/// it, except that a soft answer is held; and a page may be asked because the time is up.
fn way_to(target: &Target, ask: Ask, member: usize, way: Way) -> Option<Past> {
    let out_of_time = || {
        target
            .deadline
            .and_then(|deadline| way_taking(target, ask, member, way, deadline))
    };
    way_taking(target, ask, member, way, Duration::ZERO).or_else(out_of_time)
}

/// The same, with this much time spent on the first member.
fn way_taking(target: &Target, ask: Ask, member: usize, way: Way, spent: Duration) -> Option<Past> {
    let mut past = Past::default();
    loop {
        let Step::Try { member: asked, .. } = past.next(target, ask) else {
            return None;
        };
        if asked == member {
            return Some(past);
        }
        let (soft, plain): (Vec<Outcome>, Vec<Outcome>) = outcomes(target, asked)
            .into_iter()
            .partition(|outcome| is_soft(target, &attempt(asked, *outcome, Duration::ZERO)));
        let outcomes = match way {
            Way::WithoutSoftAnswers => plain,
            Way::WithSoftAnswers => [soft, plain].concat(),
        };
        past = outcomes.into_iter().find_map(|outcome| {
            let mut longer = Past {
                elapsed: spent,
                ..past.clone()
            };
            longer.repeat(target, ask, asked, outcome);
            matches!(longer.next(target, ask), Step::Try { .. }).then_some(longer)
        })?;
    }
}

/// What the rule is told of a request so far.
#[derive(Clone, Default)]
struct Past {
    past: Vec<Attempt>,
    elapsed: Duration,
}

impl Past {
    fn next(&self, target: &Target, ask: Ask) -> Step {
        next_step(target, ask, &self.past, self.elapsed)
    }

    /// Adds attempts at `member` with this outcome until the rule goes elsewhere.
    fn repeat(&mut self, target: &Target, ask: Ask, member: usize, outcome: Outcome) {
        loop {
            self.past.push(attempt(member, outcome, Duration::ZERO));
            match self.next(target, ask) {
                Step::Try { member: again, .. } if again == member => {}
                Step::Try { .. } | Step::Deliver(_) => return,
            }
        }
    }

    /// Where each outcome at `member` leads from here.
    fn leads_to(&self, target: &Target, ask: Ask, member: usize) -> Vec<(Outcome, Next)> {
        outcomes(target, member)
            .into_iter()
            .map(|outcome| (outcome, self.follow(target, ask, member, outcome)))
            .collect()
    }

    fn follow(&self, target: &Target, ask: Ask, member: usize, outcome: Outcome) -> Next {
        let mut longer = self.clone();
        longer.repeat(target, ask, member, outcome);
        let then = match longer.next(target, ask) {
            Step::Try { member, .. } => Then::Ask(member),
            Step::Deliver(index) => match longer.past.get(index) {
                Some(held) if held.member != member => Then::DeliverHeld(held.member),
                Some(_) | None => Then::Deliver,
            },
        };
        Next {
            attempts: longer.past.len() - self.past.len(),
            then,
        }
    }
}

fn attempt(member: usize, outcome: Outcome, took: Duration) -> Attempt {
    let sent = match outcome {
        Outcome::Failed(failure) if failure.is_connect() => Sent::Nothing,
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
    // From the worst down.
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
fn worst_case(target: &Target, ask: Ask) -> (Duration, usize) {
    let mut past: Vec<Attempt> = Vec::new();
    let mut elapsed = Duration::ZERO;
    // What ends here and now may cost more than what goes on to a member that answers at once.
    let mut longest = (Duration::ZERO, 0);
    while let Step::Try { member, within } = next_step(target, ask, &past, elapsed) {
        let mut choice: Option<(Leads, Attempt)> = None;
        for outcome in outcomes(target, member) {
            let next = attempt(member, outcome, most(within, outcome));
            past.push(next);
            let then = next_step(target, ask, &past, elapsed.saturating_add(next.took));
            longest = longest.max((elapsed.saturating_add(next.took), past.len()));
            past.pop();
            let leads = match then {
                Step::Try { member: again, .. } if again == member => Leads::HereAgain,
                Step::Try { .. } => Leads::ToOthers,
                Step::Deliver(_) => Leads::ToAnEnd,
            };
            let worth =
                |(leads, next): &(Leads, Attempt)| (*leads, next.took, !is_soft(target, next));
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
        Outcome::Failed(_) | Outcome::Status(_) => within.connect.saturating_add(within.response),
    };
    within.head.map_or(longest, |head| longest.min(head))
}
