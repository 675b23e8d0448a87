//! Whatever comes and goes, who is told knows in the end how it stands, and is not told too often.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use tideover_config::AlarmKind;
use tideover_rules::alarm::{Alarm, Word};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn who_listens_knows_how_it_stands(changes in vec((0_u8..3, 0_u64..400), 0..60)) {
        let mut alarm = Alarm::default();
        let mut now = Duration::ZERO;
        let mut told: Vec<(Duration, Word)> = Vec::new();
        let changes = changes.into_iter().map(Some).chain([None]);
        for change in changes {
            if let Some((level, _)) = change {
                told.extend(alarm.stands(level, now).map(|word| (now, word)));
            }
            // After the last change it keeps still.
            let pause = change.map_or(Alarm::STILL.as_secs(), |(_, pause)| pause);
            for _ in 0..pause {
                now += Duration::from_secs(1);
                told.extend(alarm.look(AlarmKind::Breaker, now).map(|word| (now, word)));
            }
        }

        let is_amiss = |word: Word| word != Word::Ends;
        let knows = told.last().is_some_and(|(_, word)| is_amiss(*word));
        prop_assert_eq!(knows, alarm.level() > 0, "{:?}", told);
        prop_assert_eq!(alarm.since().is_some(), alarm.level() > 0);

        let mut before = None;
        for (_, word) in &told {
            match (before, word) {
                // It begins once, and ends what began.
                (None | Some(Word::Ends), Word::Begins | Word::Flaps) => {}
                (None | Some(Word::Ends), word) => prop_assert!(false, "{:?} out of the blue", word),
                (Some(_), Word::Begins) => prop_assert!(false, "it began twice: {:?}", told),
                (Some(_), _) => {}
            }
            before = Some(*word);
        }

        // Each time it gets worse it may also get better, by two steps; then it flaps, and keeps still after that.
        let most = Alarm::OFTEN * 3 + 2;
        for (index, (at, _)) in told.iter().enumerate() {
            let within = told[index..].iter().take_while(|(then, _)| then.saturating_sub(*at) < Alarm::STILL);
            prop_assert!(within.count() <= most, "{:?}", told);
        }
    }
}
