//! What an answer says to caches: `Cache-Control`, or a field that is for this cache alone.

mod structured;

use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderName};

/// Longer spans are as good as this one: 68 years. Source: RFC 9111, section 1.2.2.
pub(crate) const LONGEST: u32 = 1 << 31;

/// The directives of an answer that this cache acts on.
///
/// Of several values of one directive the smallest counts, and what is no number counts as 0: neither makes an answer last
/// longer than any reading of it (RFC 9111, section 4.2.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Directives {
    /// They are from the targeted field: neither `Cache-Control` nor `Expires` count.
    pub(crate) are_targeted: bool,
    pub(crate) max_age: Option<u32>,
    pub(crate) s_maxage: Option<u32>,
    pub(crate) stale_while_revalidate: Option<u32>,
    pub(crate) stale_if_error: Option<u32>,
    pub(crate) no_store: bool,
    pub(crate) no_cache: bool,
    pub(crate) private: bool,
    pub(crate) public: bool,
    pub(crate) must_revalidate: bool,
    pub(crate) proxy_revalidate: bool,
    pub(crate) must_understand: bool,
    pub(crate) no_transform: bool,
    /// Fields that `no-cache="…"` and `private="…"` name, which say nothing of the rest of the answer.
    pub(crate) withheld: Vec<HeaderName>,
    /// There was a `no-cache` that named fields.
    pub(crate) no_cache_of_fields: bool,
    /// There was a `private` that named fields.
    pub(crate) private_of_fields: bool,
}

/// What stands behind the name of a directive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Argument<'v> {
    None,
    Token(&'v [u8]),
    /// What is between the quotes, escapes as they are.
    Quoted(&'v [u8]),
    /// Something that cannot be right.
    Broken,
}

impl Directives {
    /// What `answer` says: in the field `targeted` if it is there and well-formed, else in `Cache-Control`.
    /// Source: RFC 9111, section 5.2; RFC 9213, section 2.1.
    pub(crate) fn of(answer: &HeaderMap, targeted: Option<&HeaderName>) -> Self {
        targeted
            .and_then(|name| structured::directives(answer, name))
            .unwrap_or_else(|| Self::cache_control(answer))
    }

    fn cache_control(answer: &HeaderMap) -> Self {
        let mut directives = Self::default();
        for line in answer.get_all(CACHE_CONTROL) {
            let mut rest = line.as_bytes();
            while let Some((name, argument)) = next(&mut rest) {
                directives.add(name, argument);
            }
        }
        directives
    }

    /// How long it is fresh by the word for shared caches, else for all.
    pub(crate) fn lifetime(&self) -> Option<u32> {
        self.s_maxage.or(self.max_age)
    }

    fn add(&mut self, name: &[u8], argument: Argument<'_>) {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        let span = match name.len() {
            7 if is("max-age") => &mut self.max_age,
            8 if is("s-maxage") => &mut self.s_maxage,
            22 if is("stale-while-revalidate") => &mut self.stale_while_revalidate,
            14 if is("stale-if-error") => &mut self.stale_if_error,
            _ => return self.add_flag(name, argument),
        };
        let seconds = argument.seconds();
        *span = Some(span.map_or(seconds, |before| before.min(seconds)));
    }

    fn add_flag(&mut self, name: &[u8], argument: Argument<'_>) {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        if is("no-cache") || is("private") {
            let is_private = is("private");
            match argument.names() {
                Some(names) => {
                    self.withheld.extend(names);
                    self.private_of_fields |= is_private;
                    self.no_cache_of_fields |= !is_private;
                }
                None if is_private => self.private = true,
                None => self.no_cache = true,
            }
            return;
        }
        let flag = match name.len() {
            8 if is("no-store") => &mut self.no_store,
            6 if is("public") => &mut self.public,
            15 if is("must-revalidate") => &mut self.must_revalidate,
            16 if is("proxy-revalidate") => &mut self.proxy_revalidate,
            15 if is("must-understand") => &mut self.must_understand,
            12 if is("no-transform") => &mut self.no_transform,
            _ => return,
        };
        *flag = true;
    }
}

impl Argument<'_> {
    /// 0 if it is no number.
    fn seconds(self) -> u32 {
        let digits = match self {
            Self::Token(text) | Self::Quoted(text) => text,
            Self::None | Self::Broken => return 0,
        };
        seconds(digits).unwrap_or(0)
    }

    /// The fields that it names; `None` if it does not name fields and nothing but fields.
    fn names(self) -> Option<Vec<HeaderName>> {
        let Self::Quoted(text) = self else {
            return None;
        };
        let names: Option<Vec<_>> = text
            .split(|byte| *byte == b',')
            .map(<[u8]>::trim_ascii)
            .filter(|name| !name.is_empty())
            .map(|name| HeaderName::from_bytes(name).ok())
            .collect();
        names.filter(|names| !names.is_empty())
    }
}

/// Digits alone, at most [`LONGEST`].
pub(crate) fn seconds(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u32, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| u32::from(digit - b'0'))?;
        let number = number.saturating_mul(10).saturating_add(digit);
        Some(number.min(LONGEST))
    })
}

/// The next directive of a line.
///
/// White space and semicolons separate as commas do: `private; max-age=60` and `private max-age=60` are wrong, and it is not
/// for a shared cache to overlook a `private` because of that. With white space beside its `=` an argument is broken.
fn next<'v>(rest: &mut &'v [u8]) -> Option<(&'v [u8], Argument<'v>)> {
    let is_separator = |byte: &u8| matches!(byte, b',' | b';' | b' ' | b'\t');
    let start = rest.iter().position(|byte| !is_separator(byte))?;
    let (_, text) = rest.split_at(start);
    let is_end = |byte: &u8| *byte == b'=' || *byte == b'"' || is_separator(byte);
    let (name, after) = text.split_at(text.iter().position(is_end).unwrap_or(text.len()));
    let (argument, after) = match after {
        [b'=', b'"', quoted @ ..] => quoted_string(quoted),
        [b'=', value @ ..] => {
            let is_end = |byte: &u8| matches!(byte, b',' | b' ' | b'\t');
            let end = value.iter().position(is_end).unwrap_or(value.len());
            let (token, after) = value.split_at(end);
            (Argument::Token(token), after)
        }
        [b'"', quoted @ ..] => (Argument::Broken, quoted_string(quoted).1),
        _ => (Argument::None, after),
    };
    *rest = after;
    Some((name, argument))
}

/// What is left of `text` after a quoted string, whose first quote is gone already.
fn quoted_string(text: &[u8]) -> (Argument<'_>, &[u8]) {
    let mut is_escaped = false;
    let end = text.iter().position(|byte| {
        let ends = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        ends
    });
    let Some((inside, [_, after @ ..])) = end.map(|end| text.split_at(end)) else {
        return (Argument::Broken, &[]);
    };
    let is_alone = after
        .first()
        .is_none_or(|byte| matches!(byte, b',' | b' ' | b'\t' | b';'));
    let argument = if is_alone {
        Argument::Quoted(inside)
    } else {
        Argument::Broken
    };
    (argument, after)
}
