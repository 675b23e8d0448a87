//! What is told beforehand against what then happens.

use proptest::prelude::*;
use std::time::Duration;

use tideover_config::{FailoverCriteria, FailureSet, Target};
use tideover_rules::explain::{Then, prospects};
use tideover_rules::failover::{Ask, Attempt, Outcome, Sent, Step, is_soft, next_step};

use super::chance::{Decided, ask, course, prompt_turns, target, turns};

proptest! {
    /// No request takes longer than the worst case that was told.
    #[test]
    fn the_worst_case_is_the_worst(target in target(), ask in ask(), turns in prompt_turns()) {
        let course = course(&target, ask, &turns);
        let told = prospects(&target, ask, &[]);
        prop_assert!(course.elapsed <= told.worst_case, "{:?}, not {:?}", course.elapsed, told.worst_case);
    }

    /// Nor do heads in drops take longer where each member has a limit for them.
    #[test]
    fn nor_do_drops_make_it_worse(target in target(), ask in ask(), turns in turns()) {
        let course = course(&target, ask, &turns);
        let may_drip = |step: &Decided| matches!(step.step, Step::Try { member, within }
            if within.dripping.is_none() && !target.members[member].is_page);
        if course.steps.iter().any(may_drip) {
            return Ok(());
        }
        let told = prospects(&target, ask, &[]);
        prop_assert!(course.elapsed <= told.worst_case, "{:?}, not {:?}", course.elapsed, told.worst_case);
    }

    /// Config warns of a deadline by timers alone: where nothing cuts an attempt short, and whatever happens goes on, that
    /// is the time which the rule comes to.
    #[test]
    fn members_that_hold_nobody_back_take_what_their_timers_add_up_to(target in target()) {
        let mut target = Target { deadline: None, ..target };
        for member in &mut target.members {
            member.criteria = FailoverCriteria { failures: FailureSet::all(), ..FailoverCriteria::default() };
        }
        let told = prospects(&target, Ask { may_fall_through: true, may_repeat: true, may_reconnect: true }, &[]);
        prop_assert_eq!(told.worst_case, target.worst_case());
    }

    /// And no request takes longer than that, whatever is listed, with a deadline or without.
    #[test]
    fn the_worst_case_is_within_what_the_timers_add_up_to(target in target(), ask in ask()) {
        let (told, timers) = (prospects(&target, ask, &[]).worst_case, target.worst_case());
        prop_assert!(told <= timers, "{:?}, beyond {:?}", told, timers);
    }

    /// Whatever happens at a member, and however often it does, leads to where it was told to lead.
    #[test]
    fn what_was_told_is_what_happens(
        target in target(), ask in ask(), picks in proptest::collection::vec(any::<prop::sample::Index>(), 6),
    ) {
        let told = prospects(&target, ask, &[]);
        let step = |past: &[Attempt]| next_step(&target, ask, &[], past, Duration::ZERO);
        let mut past: Vec<Attempt> = Vec::new();
        let mut picks = picks.into_iter();
        let mut held: Option<usize> = None;
        while let Step::Try { member, within } = step(&past) {
            let outlook = &told.members[member];
            let leads_to = match (held, &outlook.holding) {
                (None, _) => {
                    prop_assert_eq!(outlook.within, Some(within));
                    &outlook.leads_to
                }
                (Some(_), Some(holding)) => &holding.leads_to,
                (Some(_), None) => return Err(TestCaseError::fail(format!("{member} was told to be out of reach"))),
            };
            let pick = picks.next().expect("nobody is asked once others were");
            let (outcome, next) = *pick.get(leads_to);
            let sent = match outcome {
                Outcome::Failed(failure) if failure.is_connect() => Sent::Nothing,
                Outcome::Skipped(_) => Sent::Nothing,
                Outcome::Failed(_) | Outcome::Status(_) => Sent::Something,
            };
            let before = past.len();
            while matches!(step(&past), Step::Try { member: again, .. } if again == member) {
                past.push(Attempt { member, outcome, sent, took: Duration::ZERO });
            }
            prop_assert_eq!(past.len() - before, next.attempts);
            match (step(&past), next.then) {
                (Step::Try { member, .. }, Then::Ask(told)) => prop_assert_eq!(member, told),
                (Step::Deliver(index), Then::Deliver) => prop_assert_eq!(past[index].member, member),
                // It tells of one member's answer that is held: any other one's is delivered in its place.
                (Step::Deliver(index), Then::DeliverHeld(_)) => prop_assert_eq!(Some(past[index].member), held),
                (step, then) => prop_assert!(false, "{:?}, not {:?}", step, then),
            }
            held = held.or_else(|| is_soft(&target, &past[before]).then_some(member));
        }
    }

    /// Whoever is asked was told to be within reach, with and without an answer that is held.
    #[test]
    fn nobody_is_asked_by_surprise(target in target(), ask in ask(), turns in turns()) {
        let told = prospects(&target, ask, &[]);
        let course = course(&target, ask, &turns);
        for (index, attempt) in course.attempts.iter().enumerate() {
            let outlook = &told.members[attempt.member];
            let held = course.attempts[..index].iter().any(|earlier| {
                earlier.member != attempt.member && is_soft(&target, earlier)
            });
            if held {
                prop_assert!(outlook.holding.is_some(), "{attempt:?}");
            } else {
                prop_assert!(outlook.within.is_some(), "{attempt:?}");
            }
        }
    }
}
