//! Single values: words of a small list, spans of time, statuses, numbers with bounds.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use http::StatusCode;

use crate::print::MASK;
use crate::problem::Problem;
use crate::spelling::nearest;
use crate::written::{At, Place, Span, Written};

/// The meaning of a word out of a fixed few.
pub(super) fn word<T: Copy>(
    said: &At<String>,
    words: &[(&str, T)],
    problems: &mut Vec<Problem>,
) -> Option<T> {
    if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == said.value) {
        return Some(*meaning);
    }
    let known = words.iter().map(|(word, _)| *word);
    let list = known
        .clone()
        .map(|word| format!("\"{word}\""))
        .collect::<Vec<_>>()
        .join(", ");
    problems.push(said.place.error(
        format!("is {}", said.shown()),
        format!("write one of {list}{}", perhaps(&said.value, known)),
    ));
    None
}

/// `, perhaps "api"`, or nothing where no known word is near.
pub(super) fn perhaps<'c>(word: &str, known: impl IntoIterator<Item = &'c str>) -> String {
    nearest(word, known).map_or_else(String::new, |meant| format!(", perhaps {meant:?}"))
}

/// Like [`perhaps`]; where no known word is near, the known ones themselves, if they are few.
pub(super) fn perhaps_or_any<'c>(word: &str, known: impl IntoIterator<Item = &'c str>) -> String {
    const FEW: usize = 8;
    let mut known: Vec<&str> = known.into_iter().collect();
    known.sort_unstable();
    if nearest(word, known.iter().copied()).is_some() || known.is_empty() || known.len() > FEW {
        return perhaps(word, known);
    }
    let known: Vec<String> = known.iter().map(|known| format!("{known:?}")).collect();
    format!(": {}", known.join(", "))
}

/// A span of time within `bounds`.
pub(super) fn span(
    said: &At<Span>,
    bounds: &RangeInclusive<Duration>,
    problems: &mut Vec<Problem>,
) -> Option<Duration> {
    let (length, shown) = match &said.value {
        Span::Seconds(seconds) => (
            u64::try_from(*seconds).ok().map(Duration::from_secs),
            seconds.to_string(),
        ),
        Span::Text(text) => (
            parse_span(text),
            At {
                value: text.clone(),
                place: said.place.clone(),
            }
            .shown(),
        ),
    };
    match length {
        Some(length) if bounds.contains(&length) => Some(length),
        Some(_) => {
            let between = match &said.value {
                Span::Seconds(_) => format!(
                    "write {} to {} seconds",
                    bounds.start().as_secs_f64(),
                    bounds.end().as_secs_f64()
                ),
                Span::Text(_) => format!(
                    "write a time from {} to {}",
                    display_bound(*bounds.start()),
                    display_bound(*bounds.end())
                ),
            };
            problems.push(said.place.error(format!("is {shown}"), between));
            None
        }
        None => {
            problems.push(said.place.error(
                format!("is {shown}"),
                "write a whole number and a unit: \"100ms\", \"10s\", \"2m\" or \"1h\"",
            ));
            None
        }
    }
}

/// `30m`, `25s`, `100ms`, `2h`: a whole number and a unit, as in `tideover.toml`; `None` for anything else.
pub fn parse_span(text: &str) -> Option<Duration> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.checked_mul(milliseconds).map(Duration::from_millis)
}

/// A span in seconds where they tell it exactly (seconds are what people compare), else in milliseconds.
pub(crate) fn display_span(span: Duration) -> String {
    if span.subsec_millis() == 0 {
        format!("{}s", span.as_secs())
    } else {
        format!("{}ms", span.as_millis())
    }
}

/// A span in the largest unit that tells it exactly.
fn display_bound(span: Duration) -> String {
    match span.as_secs() {
        seconds if seconds > 0 && seconds % 3_600 == 0 => format!("{}h", seconds / 3_600),
        seconds if seconds > 0 && seconds % 60 == 0 => format!("{}m", seconds / 60),
        _ => display_span(span),
    }
}

/// A whole number within `bounds`.
pub(super) fn number(
    said: &At<i64>,
    bounds: RangeInclusive<i64>,
    problems: &mut Vec<Problem>,
) -> Option<i64> {
    if bounds.contains(&said.value) {
        return Some(said.value);
    }
    problems.push(said.place.error(
        format!("is {}", said.value),
        format!("write {} to {}", bounds.start(), bounds.end()),
    ));
    None
}

/// Like [`number`], for what counts things in memory.
pub(super) fn size(
    said: &At<i64>,
    bounds: RangeInclusive<i64>,
    problems: &mut Vec<Problem>,
) -> Option<usize> {
    number(said, bounds, problems).and_then(|number| usize::try_from(number).ok())
}

/// A status out of `allowed`.
pub(super) fn one_status(
    said: &At<i64>,
    allowed: &[u16],
    problems: &mut Vec<Problem>,
) -> Option<StatusCode> {
    status_out_of(said, allowed, ("is", "one"), problems)
}

/// A status of a list, out of `allowed`.
pub(super) fn status(
    said: &At<i64>,
    allowed: &[u16],
    problems: &mut Vec<Problem>,
) -> Option<StatusCode> {
    status_out_of(said, allowed, ("has", "one or more"), problems)
}

/// `words`: what the field does with the value, and how many of `allowed` can be written.
fn status_out_of(
    said: &At<i64>,
    allowed: &[u16],
    words: (&str, &str),
    problems: &mut Vec<Problem>,
) -> Option<StatusCode> {
    let known = u16::try_from(said.value)
        .ok()
        .filter(|code| allowed.contains(code))
        .and_then(|code| StatusCode::from_u16(code).ok());
    if known.is_none() {
        let (does, how_many) = words;
        problems.push(said.place.error(
            format!("{does} {}", said.value),
            format!("write {how_many} of {}", list(allowed)),
        ));
    }
    known
}

/// `400, 403, 404`.
pub(super) fn list<T: ToString>(items: &[T]) -> String {
    items
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

/// The path of a file, from the config's folder; `None`: `off`. `example` is one.
pub(super) fn file_or_off(
    said: &At<String>,
    written: &Written,
    example: &str,
    problems: &mut Vec<Problem>,
) -> Option<PathBuf> {
    if said.value == "off" {
        return None;
    }
    let path = written.folder.join(&said.value);
    if path.file_name().is_none() {
        problems.push(said.place.error(
            format!("is {}", said.shown()),
            format!("write the path of a file, such as {example:?}, or \"off\""),
        ));
    }
    Some(path)
}

/// A printed config that is run as it stands would send its masks.
pub(super) fn check_mask(said: &At<String>, problems: &mut Vec<Problem>) {
    if said.value == MASK {
        problems.push(said.place.warning(
            "is a mask of `check --print`, which stands for a secret",
            "write the secret, or \"${NAME}\" to take it from the environment",
        ));
    }
}

/// A value that must be there and is not.
pub(super) fn missing(place: &Place, name: &str, instead: &str) -> Problem {
    place.inner(name).error("is missing", instead)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{display_span, parse_span};

    #[test]
    fn spans_have_a_number_and_a_unit() {
        for (text, milliseconds) in [
            ("25s", Some(25_000)),
            ("100ms", Some(100)),
            ("2m", Some(120_000)),
            ("1h", Some(3_600_000)),
            ("0s", Some(0)),
            ("", None),
            ("s", None),
            ("25", None),
            ("-1s", None),
            ("1.5s", None),
            ("1 s", None),
            ("1d", None),
            ("99999999999999999999s", None),
            ("9999999999999999999h", None),
        ] {
            assert_eq!(
                parse_span(text),
                milliseconds.map(Duration::from_millis),
                "{text}"
            );
        }
    }

    #[test]
    fn a_displayed_span_is_read_as_the_same() {
        for milliseconds in [1, 999, 1_000, 1_500, 60_000, 86_400_000] {
            let span = Duration::from_millis(milliseconds);
            assert_eq!(parse_span(&display_span(span)), Some(span));
        }
    }
}
