//! What the failover rule never does, whatever the group and whatever its origins do.

use std::time::Duration;

use http::{Method, StatusCode};
use proptest::prelude::*;
use tideover_config::{Behavior, Failure, MethodSet, Target};
use tideover_rules::failover::{Ask, Attempt, Outcome, Sent, Step, is_soft, next_step};

use super::chance::{Decided, ask, course, target, turns};
use crate::cast;

/// True if this outcome sends a request on to the next member.
fn meets_criteria(target: &Target, attempt: &Attempt) -> bool {
    let criteria = &target.members[attempt.member].criteria;
    match attempt.outcome {
        Outcome::Status(status) => criteria.statuses.contains(status),
        Outcome::Failed(failure) => criteria.failures.contains(failure),
        Outcome::Skipped(_) => true,
    }
}

fn is_good(attempt: &Attempt) -> bool {
    matches!(attempt.outcome, Outcome::Status(status) if status < StatusCode::BAD_REQUEST)
}

fn tried(decided: &Decided) -> Option<usize> {
    match decided.step {
        Step::Try { member, .. } => Some(member),
        Step::Skip { .. } | Step::Deliver(_) => None,
    }
}

proptest! {
    /// Each member is tried as often as it may be, at most, and then there is an answer.
    #[test]
    fn every_request_ends(target in target(), ask in ask(), turns in turns()) {
        let course = course(&target, ask, &turns);
        prop_assert!(!course.attempts.is_empty());
        prop_assert!(course.delivered < course.attempts.len());
        for (index, member) in target.members.iter().enumerate() {
            let tries = course.attempts.iter().filter(|attempt| attempt.member == index).count();
            let most = if member.is_page { 1 } else { usize::from(member.timers.connection_attempts.get()) };
            prop_assert!(tries <= most, "member {index}: {tries}");
        }
    }

    /// Members are asked in their order, the first one first, and nobody is asked once another was.
    #[test]
    fn members_are_asked_in_order(target in target(), ask in ask(), turns in turns()) {
        let course = course(&target, ask, &turns);
        prop_assert!(course.attempts.is_sorted_by_key(|attempt| attempt.member));
        let first = course.attempts[0].member;
        prop_assert!(first == 0 || target.members[first].is_page);
    }

    /// What cannot be repeated stays with the first member, and is over once any of it may have arrived.
    #[test]
    fn a_write_is_never_sent_twice(target in target(), turns in turns()) {
        let ask = Ask { may_fall_through: false, may_repeat: false, may_reconnect: true };
        let course = course(&target, ask, &turns);
        let first = course.attempts[0].member;
        for (index, attempt) in course.attempts.iter().enumerate() {
            prop_assert_eq!(attempt.member, first);
            if attempt.sent == Sent::Something {
                prop_assert_eq!(index + 1, course.attempts.len());
            }
        }
        prop_assert_eq!(course.delivered, course.attempts.len() - 1);
    }

    /// Not even where a connection is told to have failed: what counts is whether any of it may have arrived.
    #[test]
    fn what_may_have_arrived_is_not_sent_again(
        target in target(),
        failure in proptest::sample::select(Failure::ALL.to_vec()),
        before in 0..3_usize,
    ) {
        let ask = Ask { may_fall_through: false, may_repeat: false, may_reconnect: true };
        let attempt = |failure, sent| Attempt { member: 0, outcome: Outcome::Failed(failure), sent, took: Duration::ZERO };
        let mut past = vec![attempt(Failure::Refused, Sent::Nothing); before];
        past.push(attempt(failure, Sent::Something));
        prop_assert_eq!(next_step(&target, ask, &[], &past, Duration::ZERO), Step::Deliver(before));
    }

    /// Which requests that holds for: every write, and every request with a body, whatever the behavior.
    #[test]
    fn writes_and_bodies_are_sent_once(
        method in proptest::sample::select(vec!["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE", "TRACE", "get"]),
        has_body in any::<bool>(),
        options_fall in any::<bool>(),
    ) {
        let method: Method = method.parse().expect("a method");
        let falls_through = if options_fall { MethodSet::READS_AND_OPTIONS } else { MethodSet::READS };
        let ask = Ask::of(&Behavior { falls_through, ..cast::behavior("*", 0) }, &method, "/x", has_body);
        let is_read = MethodSet::READS.contains(&method);
        prop_assert_eq!(ask.may_repeat, is_read && !has_body);
        prop_assert_eq!(ask.may_fall_through, !has_body && (is_read || (options_fall && method == Method::OPTIONS)));
    }

    /// An answer that is none of the criteria's business ends the request and is delivered, unless it is an error and an
    /// earlier answer is held.
    #[test]
    fn no_answer_beyond_the_criteria_is_thrown_away(target in target(), ask in ask(), turns in turns()) {
        let course = course(&target, ask, &turns);
        for (index, attempt) in course.attempts.iter().enumerate() {
            let is_answer = matches!(attempt.outcome, Outcome::Status(_));
            if is_answer && !meets_criteria(&target, attempt) {
                prop_assert_eq!(index + 1, course.attempts.len());
                let is_held = course.attempts[..index].iter().any(|earlier| is_soft(&target, earlier));
                if is_good(attempt) || !is_held {
                    prop_assert_eq!(course.delivered, index);
                }
            }
        }
    }

    /// It is the last outcome, or the first soft answer where the last outcome is no good answer.
    #[test]
    fn what_is_delivered(target in target(), ask in ask(), turns in turns()) {
        let course = course(&target, ask, &turns);
        let last = course.attempts.len() - 1;
        let soft = course.attempts.iter().position(|attempt| is_soft(&target, attempt));
        let expected = match soft {
            Some(soft) if !is_good(&course.attempts[last]) => soft,
            Some(_) | None => last,
        };
        prop_assert_eq!(course.delivered, expected);
    }

    /// Nobody else is asked without a reason: the outcome before met its member's criteria and the request may fall through.
    #[test]
    fn nobody_is_asked_without_a_reason(target in target(), ask in ask(), turns in turns()) {
        let course = course(&target, ask, &turns);
        for pair in course.attempts.windows(2) {
            let [before, after] = pair else { unreachable!("windows of two") };
            if after.member == before.member {
                let again = match before.outcome {
                    Outcome::Failed(failure) if failure.is_connect() => before.sent == Sent::Nothing,
                    Outcome::Failed(failure) => {
                        failure == tideover_config::Failure::ResponseTimeout
                            && ask.may_repeat
                            && target.members[before.member].retries_response_timeout
                    }
                    Outcome::Status(_) | Outcome::Skipped(_) => false,
                };
                prop_assert!(again, "{before:?}");
            } else {
                prop_assert!(ask.may_fall_through && meets_criteria(&target, before), "{before:?}");
            }
        }
    }

    /// A page is never asked while an answer is held, and nobody is asked after one.
    #[test]
    fn a_page_is_a_last_word(target in target(), ask in ask(), turns in turns()) {
        let course = course(&target, ask, &turns);
        if let Some(index) = course.attempts.iter().position(|attempt| target.members[attempt.member].is_page) {
            prop_assert_eq!(index + 1, course.attempts.len());
            prop_assert_eq!(course.delivered, index);
            prop_assert!(!course.attempts[..index].iter().any(|attempt| is_soft(&target, attempt)));
        }
    }

    /// No step is taken that could end after the deadline; past it, only a page is asked.
    #[test]
    fn the_deadline_holds(target in target(), ask in ask(), turns in turns()) {
        let course = course(&target, ask, &turns);
        let Some(deadline) = target.deadline else { return Ok(()) };
        prop_assert!(course.elapsed <= deadline);
        for decided in &course.steps {
            if let Step::Try { member, within } = decided.step {
                let head = within.head.expect("the deadline limits it");
                prop_assert!(decided.elapsed + head <= deadline);
                prop_assert!(target.members[member].is_page || head > Duration::ZERO);
                prop_assert!(within.connect <= head && within.response <= head);
            }
        }
    }

    /// The same with clocks that go over: however late it is, nobody but a page is asked after the deadline.
    #[test]
    fn nobody_is_asked_too_late(target in target(), ask in ask(), turns in turns(), late in 0..100_000_u64) {
        let course = course(&target, ask, &turns);
        let Some(deadline) = target.deadline else { return Ok(()) };
        let elapsed = deadline + Duration::from_millis(late);
        for known in 1..=course.attempts.len() {
            match next_step(&target, ask, &[], &course.attempts[..known], elapsed) {
                Step::Try { member, .. } => prop_assert!(target.members[member].is_page),
                Step::Skip { .. } => prop_assert!(false, "nobody is known to be dead"),
                Step::Deliver(index) => prop_assert!(index < known),
            }
        }
    }

    /// Timers are never stretched, and an origin never gets more than its completion timeout over all its tries.
    #[test]
    fn limits_are_the_members_own_or_less(target in target(), ask in ask(), turns in turns()) {
        let course = course(&target, ask, &turns);
        for decided in &course.steps {
            let Step::Try { member, within } = decided.step else { continue };
            let member_timers = target.members[member].timers;
            prop_assert!(within.connect <= member_timers.connection_timeout);
            prop_assert!(within.response <= member_timers.response_timeout);
            if let Some(whole) = member_timers.response_completion_timeout
                && !target.members[member].is_page
            {
                let spent: Duration = course.attempts[..decided.known]
                    .iter()
                    .filter(|attempt| attempt.member == member)
                    .map(|attempt| attempt.took)
                    .sum();
                let left = whole.checked_sub(spent);
                prop_assert!(left.is_some(), "{spent:?} of {whole:?}");
                prop_assert_eq!(within.completion, left);
                prop_assert!(within.head.is_some() && within.head <= left);
            }
        }
    }

    /// A head in drops is waited for as long as any other where others can be asked instead, and then they are.
    #[test]
    fn nobody_uses_up_the_time_of_others_in_drops(target in target(), ask in ask(), turns in turns()) {
        let course = course(&target, ask, &turns);
        for decided in &course.steps {
            let Step::Try { member, within } = decided.step else { continue };
            let Some(dripping) = within.dripping else { continue };
            // Nothing else is cut by it.
            prop_assert!(within.connect + within.response <= dripping);
            let Some(head) = within.head else {
                return Err(TestCaseError::fail("only a deadline asks for it"));
            };
            let cut = Attempt {
                member,
                outcome: Outcome::Failed(Failure::ResponseTimeout),
                sent: Sent::Something,
                took: dripping.min(head),
            };
            let past: Vec<Attempt> = course.attempts[..decided.known].iter().copied().chain([cut]).collect();
            if dripping < head {
                let next = next_step(&target, ask, &[], &past, decided.elapsed + dripping);
                prop_assert!(matches!(next, Step::Try { .. }), "{next:?}");
            }
        }
    }

    /// As long as there is time and no answer is held, everybody is asked before the request is given up.
    #[test]
    fn nobody_is_skipped(target in target(), turns in turns()) {
        let target = Target { deadline: None, ..target };
        let ask = Ask { may_fall_through: true, may_repeat: true, may_reconnect: true };
        let course = course(&target, ask, &turns);
        let asked: Vec<usize> = course.steps.iter().filter_map(tried).collect();
        let last = course.attempts.last().expect("somebody was asked");
        let holds = course.attempts.iter().any(|attempt| is_soft(&target, attempt));
        for member in 0..=last.member {
            prop_assert!(asked.contains(&member), "{member} of {asked:?}");
        }
        if meets_criteria(&target, last) {
            let next = last.member + 1;
            let only_a_page_is_left = target.members.get(next).is_none_or(|member| member.is_page && holds);
            prop_assert!(only_a_page_is_left);
        }
    }
}
