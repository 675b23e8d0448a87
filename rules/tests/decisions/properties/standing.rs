//! However members stand.

use std::time::Duration;

use proptest::prelude::*;
use tideover_rules::failover::{Ask, Attempt, Outcome, Sent, Step, next_step};
use tideover_rules::standing::{Standing, Why};

use super::chance::target;

const READ: Ask = Ask {
    may_fall_through: true,
    may_repeat: true,
    may_reconnect: true,
};

fn standing() -> impl Strategy<Value = Standing> {
    prop_oneof![
        Just(Standing::Alive),
        proptest::sample::select(Why::ALL[..4].to_vec()).prop_map(Standing::Suspect),
        proptest::sample::select(Why::ALL[4..].to_vec()).prop_map(Standing::Off),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Where every attempt fails so that the request goes on: each member is met once, in order, asked or left out; nobody who
    /// is off is asked, nobody alive is left out, and somebody is asked if there is anybody who may be.
    #[test]
    fn members_are_met_in_order(target in target(), standings in prop::collection::vec(standing(), 0..6)) {
        // Pages stand well, as they do in the edge.
        let standing = |member: usize| {
            let is_page = target.members[member].is_page;
            standings.get(member).copied().filter(|_| !is_page).unwrap_or_default()
        };
        let standings: Vec<Standing> = (0..target.members.len()).map(standing).collect();
        let mut past: Vec<Attempt> = Vec::new();
        let mut asked = Vec::new();
        for _ in 0..100 {
            let (member, outcome) = match next_step(&target, READ, &standings, &past, Duration::ZERO) {
                Step::Try { member, .. } => {
                    prop_assert!(!matches!(standing(member), Standing::Off(_)), "{member} is off");
                    asked.push(member);
                    let failures = tideover_config::Failure::ALL.into_iter();
                    let leads_on = failures.map(Outcome::Failed).find(|outcome| match outcome {
                        Outcome::Failed(failure) => {
                            !failure.is_connect() && target.members[member].criteria.failures.contains(*failure)
                        }
                        Outcome::Status(_) | Outcome::Skipped(_) => false,
                    });
                    let Some(outcome) = leads_on else { return Ok(()) };
                    (member, outcome)
                }
                Step::Skip { member, why } => {
                    prop_assert!(matches!(standing(member), Standing::Suspect(w) | Standing::Off(w) if w == why));
                    (member, Outcome::Skipped(why))
                }
                Step::Deliver(index) => {
                    let may_be_asked = (0..target.members.len()).any(|member| !matches!(standing(member), Standing::Off(_)));
                    prop_assert_eq!(may_be_asked, !asked.is_empty());
                    let was_skipped = matches!(past[index].outcome, Outcome::Skipped(_));
                    prop_assert_eq!(was_skipped, asked.is_empty());
                    return Ok(());
                }
            };
            let last = past.last().map_or(0, |attempt| attempt.member);
            prop_assert!(member >= last, "{member} after {last}");
            past.push(Attempt { member, outcome, sent: Sent::Something, took: Duration::ZERO });
        }
        prop_assert!(false, "it does not end");
    }

    /// Where everybody is alive nothing is different from nothing being known.
    #[test]
    fn the_alive_need_not_be_told(target in target(), elapsed in 0..60_000_u64) {
        let alive = vec![Standing::Alive; target.members.len()];
        let elapsed = Duration::from_millis(elapsed);
        let (told, untold) = (next_step(&target, READ, &alive, &[], elapsed), next_step(&target, READ, &[], &[], elapsed));
        prop_assert_eq!(told, untold);
    }
}
