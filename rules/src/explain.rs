//! What could happen to a request, told beforehand by asking [`next_step`] as the proxy asks it.

use std::time::Duration;

use http::StatusCode;
use tideover_config::{Failure, Target};

use crate::failover::{Ask, Attempt, Limits, Outcome, Sent, Step, next_step};

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
    /// that origins in trouble send. Empty if this request never comes here.
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
    let Some(past) = way_to(target, ask, member) else {
        return Outlook {
            member,
            within: None,
            leads_to: Vec::new(),
        };
    };
    let Step::Try { within, .. } = next_step(target, ask, &past, Duration::ZERO) else {
        unreachable!("a way to a member ends where it is asked")
    };
    let leads_to = outcomes(target, member)
        .into_iter()
        .map(|outcome| (outcome, follow(target, ask, past.clone(), member, outcome)))
        .collect();
    Outlook {
        member,
        within: Some(within),
        leads_to,
    }
}

/// Attempts that lead to `member`. Failures are tried before statuses, so that no soft answer is held on the way if that
/// can be helped.
fn way_to(target: &Target, ask: Ask, member: usize) -> Option<Vec<Attempt>> {
    let mut past = Vec::new();
    loop {
        let Step::Try { member: asked, .. } = next_step(target, ask, &past, Duration::ZERO) else {
            return None;
        };
        if asked == member {
            return Some(past);
        }
        past = outcomes(target, asked).into_iter().find_map(|outcome| {
            let mut longer = past.clone();
            repeat(target, ask, &mut longer, asked, outcome);
            match next_step(target, ask, &longer, Duration::ZERO) {
                Step::Try { .. } => Some(longer),
                Step::Deliver(_) => None,
            }
        })?;
    }
}

/// Adds attempts at `member` with this outcome until the rule goes elsewhere.
fn repeat(target: &Target, ask: Ask, past: &mut Vec<Attempt>, member: usize, outcome: Outcome) {
    loop {
        past.push(attempt(member, outcome, Duration::ZERO));
        match next_step(target, ask, past, Duration::ZERO) {
            Step::Try { member: again, .. } if again == member => {}
            Step::Try { .. } | Step::Deliver(_) => return,
        }
    }
}

fn follow(
    target: &Target,
    ask: Ask,
    mut past: Vec<Attempt>,
    member: usize,
    outcome: Outcome,
) -> Next {
    let before = past.len();
    repeat(target, ask, &mut past, member, outcome);
    let then = match next_step(target, ask, &past, Duration::ZERO) {
        Step::Try { member, .. } => Then::Ask(member),
        Step::Deliver(index) => match past.get(index) {
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

/// Every attempt uses up what it may: a connection at the last moment and then silence, or no connection where that is
/// tried again.
fn worst_case(target: &Target, ask: Ask) -> (Duration, usize) {
    let mut past: Vec<Attempt> = Vec::new();
    let mut elapsed = Duration::ZERO;
    while let Step::Try { member, within } = next_step(target, ask, &past, elapsed) {
        if target.members[member].is_page {
            past.push(attempt(
                member,
                Outcome::Status(StatusCode::SERVICE_UNAVAILABLE),
                Duration::ZERO,
            ));
            continue;
        }
        let silence = within.connect.saturating_add(within.response);
        let silence = within.head.map_or(silence, |head| head.min(silence));
        let goes_on = |failure, took| {
            let mut longer = past.clone();
            longer.push(attempt(member, Outcome::Failed(failure), took));
            match next_step(target, ask, &longer, elapsed.saturating_add(took)) {
                Step::Try { member: next, .. } => Some(next == member),
                Step::Deliver(_) => None,
            }
        };
        let by_silence = goes_on(Failure::ResponseTimeout, silence);
        let by_connecting = goes_on(Failure::ConnectTimeout, within.connect);
        // What is tried again here costs more than what goes on, and what goes on more than what ends it.
        let (failure, took) = match (by_silence, by_connecting) {
            (Some(true), _) => (Failure::ResponseTimeout, silence),
            (_, Some(true)) | (None, Some(false)) => (Failure::ConnectTimeout, within.connect),
            (Some(false), _) | (None, None) => (Failure::ResponseTimeout, silence),
        };
        past.push(attempt(member, Outcome::Failed(failure), took));
        elapsed = elapsed.saturating_add(took);
    }
    (elapsed, past.len())
}
