//! A breaker, whatever happens to it.

use std::time::Duration;

use proptest::prelude::*;
use tideover_config::Breaker;
use tideover_rules::breaker::{Admission, State};

fn state() -> impl Strategy<Value = State> {
    let time = || (0..1_u64 << 50).prop_map(Duration::from_micros);
    prop_oneof![
        Just(State::Closed),
        Just(State::OPENED),
        time().prop_map(|from| State::Open {
            admits_from: Some(from)
        }),
        time().prop_map(|since| State::Recovering { since }),
    ]
}

#[derive(Clone, Copy, Debug)]
enum Happens {
    Good,
    Bad,
    Knock,
    Request,
    Later(u64),
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        Just(Happens::Good),
        Just(Happens::Bad),
        Just(Happens::Knock),
        Just(Happens::Request),
        (1..20_000_u64).prop_map(Happens::Later),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_word_says_the_whole_state(state in state()) {
        prop_assert_eq!(State::of_word(state.word()), state);
        prop_assert_eq!(state.word() == 0, state == State::Closed);
    }

    /// While it is open two requests never try at the same time, as long as none takes longer than it said; and a knock, a
    /// try and an answer always lead back, however it stands.
    #[test]
    fn one_tries_at_a_time_and_there_is_a_way_back(turns in prop::collection::vec(happens(), 0..80)) {
        let breaker = Breaker::default();
        let patience = Duration::from_secs(12);
        let (mut state, mut now, mut in_a_row) = (State::Closed, Duration::ZERO, 0);
        let mut tries_until: Option<Duration> = None;
        for turn in turns {
            match turn {
                Happens::Good => {
                    in_a_row = 0;
                    state = state.after_good(&breaker, now);
                    tries_until = None;
                }
                Happens::Bad => {
                    in_a_row += 1;
                    state = state.after_bad(in_a_row, &breaker);
                    tries_until = None;
                }
                Happens::Knock => state = state.after_knock(now),
                Happens::Later(ms) => now += Duration::from_millis(ms),
                Happens::Request => if let Admission::Tries(then) = state.admits(&breaker, now, 0, patience) {
                    prop_assert!(tries_until.is_none_or(|until| now >= until), "two at a time");
                    tries_until = Some(now + patience);
                    state = then;
                },
            }
        }
        if let State::Open { .. } = state {
            let later = now + Duration::from_mins(1);
            let knocked = state.after_knock(later);
            let admission = knocked.admits(&breaker, later, 0, patience);
            prop_assert!(matches!(admission, Admission::Tries(_)), "{knocked:?}");
        }
        let back = state.after_good(&breaker, now).after_good(&breaker, now + breaker.slow_start);
        prop_assert_eq!(back, State::Closed);
    }
}
