//! Texts that something was done to, and what holds whatever that was.

use std::path::Path;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use tideover_config::{Overrides, Problems, Severity, load_text};

use crate::facts::prints_as_itself;

/// Loaded without an error and printed as itself, or not loaded, with an error that says what is wrong and what to write.
pub(crate) fn loads_or_reports(place: &Path, text: &str) {
    match load_text(place, text, &Overrides::default()) {
        Ok(loaded) => {
            let worst = loaded.remarks.iter().map(|remark| remark.severity).max();
            assert!(worst < Some(Severity::Error), "{text}");
            prints_as_itself(&loaded.edge);
        }
        Err(Problems(problems)) => {
            let is_error = |severity| severity == Severity::Error;
            assert!(problems.iter().any(|problem| is_error(problem.severity)));
            for problem in problems {
                assert!(!problem.found.is_empty(), "{problem}");
                assert!(
                    !is_error(problem.severity) || !problem.instead.is_empty(),
                    "{problem}"
                );
            }
        }
    }
}

/// One of `texts`, of which a stretch is missing or there twice.
pub(crate) fn cut_or_repeated(texts: &'static [String]) -> impl Strategy<Value = String> {
    let ends = (any::<Index>(), any::<Index>());
    (select(texts), ends, any::<bool>()).prop_map(|(text, (from, to), twice)| {
        let boundaries: Vec<usize> = text
            .char_indices()
            .map(|(at, _)| at)
            .chain([text.len()])
            .collect();
        let (from, to) = (*from.get(&boundaries), *to.get(&boundaries));
        let (from, to) = (from.min(to), from.max(to));
        let middle = if twice {
            text[from..to].repeat(2)
        } else {
            String::new()
        };
        format!("{}{middle}{}", &text[..from], &text[to..])
    })
}
