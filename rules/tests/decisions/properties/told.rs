//! What is told is always a header, and a structured one.

use http::StatusCode;
use proptest::prelude::*;
use tideover_config::{Origin, Target};
use tideover_rules::told::{AnsweredBy, ResultType, attempts, proxy_status, x_cache};

use super::chance::{Course, ask, course, target, turns};
use crate::cast::{origin, server};

/// Splits at `mark` where it stands outside of quotes.
fn outside_quotes(text: &str, mark: char) -> Vec<&str> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if letter == mark && !quoted => {
                parts.push(text[start..at].trim_start());
                start = at + letter.len_utf8();
            }
            _ => {}
        }
    }
    assert!(!quoted, "a quote is not closed: {text}");
    parts.push(text[start..].trim_start());
    parts
}

fn names(count: usize) -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec(prop_oneof!["\\PC{0,6}", "[a-z;,\"\\\\= \n\t]{0,6}"], count)
}

fn played() -> impl Strategy<Value = (Target, Vec<Origin>, Course)> {
    (target(), ask(), turns(), names(6)).prop_map(|(target, ask, turns, names)| {
        let origins = names
            .iter()
            .map(|name| origin(name, server("vm")))
            .collect();
        let course = course(&target, ask, &turns);
        (target, origins, course)
    })
}

proptest! {
    /// One item for each attempt, whatever the origins are called.
    #[test]
    fn attempts_are_one_item_each((target, origins, course) in played()) {
        let told = attempts(&target, &origins, &course.attempts);
        let told = told.to_str().expect("plain characters");
        let items = outside_quotes(told, ',');
        prop_assert_eq!(items.len(), course.attempts.len());
        for (item, attempt) in items.iter().zip(&course.attempts) {
            let parts = outside_quotes(item, ';');
            prop_assert_eq!(parts.len(), 3, "{}", item);
            prop_assert_eq!(parts[2], format!("ms={}", attempt.took.as_millis()));
        }
    }

    /// One member, which says `received-status` if and only if an origin's answer is delivered.
    #[test]
    fn proxy_status_is_one_member((target, origins, course) in played(), name in "[a-z \"]{0,8}") {
        let attempt = &course.attempts[course.delivered];
        let is_answer = matches!(attempt.outcome, tideover_rules::failover::Outcome::Status(_));
        let by = if is_answer { AnsweredBy::Attempt(course.delivered) } else { AnsweredBy::FailedAttempt(course.delivered) };
        let told = proxy_status(&name, Some(&target), &origins, &course.attempts, by, None);
        let told = told.to_str().expect("plain characters");
        prop_assert_eq!(outside_quotes(told, ',').len(), 1);
        let parts = outside_quotes(told, ';');
        let has = |name: &str| parts.iter().skip(1).any(|part| part.starts_with(name));
        let is_page = target.members[attempt.member].is_page;
        prop_assert_eq!(has("received-status="), is_answer && !is_page);
        prop_assert_eq!(has("error="), !is_answer || is_page);
    }

    #[test]
    fn x_cache_is_always_a_header(name in "\\PC{0,12}") {
        for result in [ResultType::Miss, ResultType::Error, ResultType::Redirect, ResultType::LimitExceeded] {
            let told = x_cache(&name, result);
            prop_assert!(told.as_bytes().starts_with(result.word().as_bytes()));
        }
    }

    #[test]
    fn errors_begin_at_400(code in 100..1000_u16) {
        let status = StatusCode::from_u16(code).expect("a status");
        prop_assert_eq!(tideover_rules::told::is_error(status), code >= 400);
    }
}
