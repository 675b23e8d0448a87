//! `Vary`: which request fields chose an answer, beside the key.

use http::HeaderMap;
use http::HeaderName;

use crate::fields::Fields;

/// What an answer's `Vary` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Varies {
    /// It was not chosen by anything but the key.
    Not,
    /// It was chosen by these fields; sorted, each once.
    By(Vec<HeaderName>),
    /// By anything (`*`): no request can be known to match.
    Unknowably,
}

/// What `answer`'s `Vary` says. A name that cannot be one counts as `*`. Source: RFC 9110, section 12.5.5.
pub fn varies(answer: &HeaderMap) -> Varies {
    let _ = answer;
    Varies::Not
}

/// Appends to `key` what `request` has in the fields `names`: the same bytes for two requests if and only if their fields
/// match. Lines are joined and white space around list elements does not count; an absent field is no empty one.
/// Source: RFC 9111, section 4.1.
pub fn write(names: &[HeaderName], request: Fields<'_>, key: &mut Vec<u8>) {
    let _ = (names, request, key);
}
