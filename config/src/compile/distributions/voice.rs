//! How a distribution speaks: the names in its headers, the look of its pages, who is told of attempts.

use std::sync::Arc;

use http::{HeaderName, HeaderValue};

use crate::compile::defaults::Defaults;
use crate::compile::{flag, values};
use crate::distribution::{AttemptsShown, LoopCheck, Pages, Secret, Via, Voice};
use crate::edge::{Mode, Overrides};
use crate::origin::{Origin, OriginKind};
use crate::problem::Problem;
use crate::written::{At, Distribution};

/// An edge location of CloudFront's form that is nowhere.
const POP: &str = "LOC50-P1";

pub(super) fn voice(
    said: &Distribution,
    domain_name: &str,
    overrides: &Overrides,
    defaults: &Defaults,
    problems: &mut Vec<Problem>,
) -> Voice {
    let name = name(said, problems);
    let attempts = attempts(said, overrides, defaults, problems);
    let server_timing = server_timing(said, overrides, problems);
    match defaults.mode {
        Mode::Faithful => Voice {
            via: name.map_or_else(
                || Via::new(&format!("{}.cloudfront.net (CloudFront)", hex(domain_name))),
                Via::new,
            ),
            name: name.unwrap_or("cloudfront").into(),
            request_id: HeaderName::from_static("x-amz-cf-id"),
            pop: Some((
                HeaderName::from_static("x-amz-cf-pop"),
                HeaderValue::from_static(POP),
            )),
            server: HeaderValue::from_static("CloudFront"),
            pages: Pages::CloudFront,
            attempts,
            server_timing,
        },
        Mode::Resilient => Voice {
            via: Via::new(name.unwrap_or("tideover")),
            name: name.unwrap_or("tideover").into(),
            request_id: HeaderName::from_static("x-request-id"),
            pop: None,
            server: HeaderValue::from_static("tideover"),
            pages: Pages::ByAccept,
            attempts,
            server_timing,
        },
    }
}

/// A name must be a token of structured fields (RFC 9651), because `Proxy-Status` begins with it.
fn name<'s>(said: &'s Distribution, problems: &mut Vec<Problem>) -> Option<&'s str> {
    let said = said.name.as_ref()?;
    let name = said.value.as_str();
    let good = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.len() <= 64
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if !good {
        problems.push(said.place.error(
            format!("is {}", said.shown()),
            "write a letter and then letters, digits, - _ or ., 64 characters at most",
        ));
    }
    good.then_some(name)
}

fn attempts(
    said: &Distribution,
    overrides: &Overrides,
    defaults: &Defaults,
    problems: &mut Vec<Problem>,
) -> AttemptsShown {
    #[derive(Clone, Copy)]
    enum Word {
        Public,
        Token,
        Off,
    }
    const WORDS: [(&str, Word); 3] = [
        ("public", Word::Public),
        ("token", Word::Token),
        ("off", Word::Off),
    ];
    let from_flag = overrides.attempts.as_ref().map(|value| At {
        value: value.clone(),
        place: flag("--attempts"),
    });
    if let Some(said) = &said.attempts_token {
        values::check_mask(said, problems);
    }
    let chosen = from_flag.as_ref().or(said.attempts.as_ref());
    let word = chosen.and_then(|chosen| values::word(chosen, &WORDS, problems));
    match (word, defaults.mode) {
        (Some(Word::Public), _) | (None, Mode::Resilient) => AttemptsShown::Public,
        (Some(Word::Off), _) | (None, Mode::Faithful) => AttemptsShown::Off,
        (Some(Word::Token), _) => {
            if let Some(token) = token(said, overrides) {
                return AttemptsShown::Token(token);
            }
            let place = chosen.map_or_else(|| said.place.clone(), |chosen| chosen.place.clone());
            problems.push(place.error(
                "is \"token\", and there is no token",
                if from_flag.is_some() {
                    "set TIDEOVER_ATTEMPTS_TOKEN"
                } else {
                    "write attempts_token = \"${NAME}\" beside it, or set TIDEOVER_ATTEMPTS_TOKEN"
                },
            ));
            AttemptsShown::Off
        }
    }
}

/// What viewers send who may know.
fn token(said: &Distribution, overrides: &Overrides) -> Option<Secret> {
    let written = said.attempts_token.as_ref().map(|said| &said.value);
    let token = overrides.attempts_token.as_ref().or(written);
    token
        .filter(|token| !token.is_empty())
        .map(|token| Secret::new(token))
}

fn server_timing(
    said: &Distribution,
    overrides: &Overrides,
    problems: &mut Vec<Problem>,
) -> AttemptsShown {
    let Some(chosen) = &said.server_timing else {
        return AttemptsShown::Off;
    };
    match chosen.value.as_str() {
        "true" => AttemptsShown::Public,
        "false" => AttemptsShown::Off,
        "token" => token(said, overrides).map_or_else(
            || {
                problems.push(chosen.place.error(
                    "is \"token\", and there is no token",
                    "write attempts_token = \"${NAME}\" beside it, or set TIDEOVER_ATTEMPTS_TOKEN",
                ));
                AttemptsShown::Off
            },
            AttemptsShown::Token,
        ),
        _ => {
            problems.push(chosen.place.error(
                format!("is {}", chosen.shown()),
                "write true, false or \"token\"",
            ));
            AttemptsShown::Off
        }
    }
}

pub(super) fn loops(
    id: &str,
    domain_name: &str,
    aliases: &[Arc<str>],
    origins: &[Origin],
    defaults: &Defaults,
) -> LoopCheck {
    match defaults.mode {
        Mode::Faithful => LoopCheck::Via,
        Mode::Resilient => {
            // Two edges in a row may have the same names, but not the same origins: only a true circle is refused.
            let mut names = vec![id.to_owned(), domain_name.to_owned()];
            names.extend(aliases.iter().map(ToString::to_string));
            for origin in origins {
                if let OriginKind::Server(server) = &origin.kind {
                    let ends = [&server.http, &server.https];
                    names.extend(ends.map(|end| format!("{}:{}", end.host, end.port)));
                }
            }
            let text = names.join(" ");
            let cdn_id = HeaderValue::try_from(format!("tideover-{}", letters(&text)));
            LoopCheck::CdnLoop {
                cdn_id: cdn_id.expect("letters and digits"),
            }
        }
    }
}

/// 13 letters and digits that are always the same for the same text.
pub(super) fn letters(text: &str) -> String {
    const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let mut rest = fnv(text, 0);
    (0..13)
        .map(|_| {
            let digit = usize::try_from(rest % 36).unwrap_or_default();
            rest /= 36;
            char::from(ALPHABET[digit])
        })
        .collect()
}

/// 32 hexadecimal digits that are always the same for the same text.
fn hex(text: &str) -> String {
    format!("{:016x}{:016x}", fnv(text, 0), fnv(text, 1))
}

/// FNV-1a: short, and the same for all time, which the standard library's hashes do not promise.
fn fnv(text: &str, seed: u64) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325 ^ seed;
    for byte in text.bytes() {
        hash ^= u64::from(byte);
        hash = hash.wrapping_mul(0x0100_0000_01b3);
    }
    hash
}
