//! What is too large to be kept whole: whether it can be kept in slices, and whether what came is one of them.

use std::ops::Range;

use http::header::{ACCEPT_RANGES, CONTENT_ENCODING, DATE, ETAG, IF_RANGE, LAST_MODIFIED, RANGE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::date;
use super::freshness::{Keep, Lifetime, WhyNot};
use super::key::push;
use super::range::{content_range, of_ours};

/// What tells that bytes fetched at different times, or from different origins, are of one answer: its strong `ETag`, or where
/// it has no tag at all, its `Last-Modified`. `None`: nothing does, or it says that it comes in no parts. A weak tag is the
/// origin's word that bytes may differ; a time of the second in which the answer was made could be that of two contents.
///
/// Source: RFC 9110, sections 8.8.1, 8.8.2.2 and 14.3.
pub fn validator(fields: &HeaderMap) -> Option<&HeaderValue> {
    let mut units = fields.get_all(ACCEPT_RANGES).iter();
    let is_none = |units: &HeaderValue| units.as_bytes().trim_ascii() == b"none";
    if units.any(is_none) {
        return None;
    }
    if let Some(tag) = fields.get(ETAG) {
        return tag.as_bytes().starts_with(b"\"").then_some(tag);
    }
    let changed = fields.get(LAST_MODIFIED)?;
    let made = date::parse(fields.get(DATE)?.as_bytes(), 0)?;
    (date::parse(changed.as_bytes(), made)? < made).then_some(changed)
}

/// What the origin was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// All of it.
    Whole,
    /// A part, by `Range`.
    Part,
    /// A part, if it is still the answer that the viewer knows (`If-Range`); else all of it.
    PartIfUnchanged,
}

/// How many bytes an answer has that is to be kept in slices, because more than `object` bytes are not kept whole. `None`: it is
/// not large, or cannot be kept so. `length` is that of the body, if it was told.
///
/// A 200 to a plain `Range` shows an origin that does not know parts; a 206 to an `If-Range` need not have the fields that a
/// 200 would have. Source: RFC 9110, sections 14.2 and 15.3.7.
pub fn in_slices(
    asked: Asked,
    status: StatusCode,
    fields: &HeaderMap,
    length: Option<u64>,
    object: u64,
) -> Option<u64> {
    let total = match (status, asked) {
        (StatusCode::OK, Asked::Whole | Asked::PartIfUnchanged) => length?,
        (StatusCode::PARTIAL_CONTENT, Asked::Part) => content_range(fields)?.1,
        _ => return None,
    };
    (total > object && validator(fields).is_some()).then_some(total)
}

/// What an origin is asked for the bytes `slice` by, of the answer that `validator` tells: the whole answer comes if it is another
/// one now, and with it what tells it.
pub fn conditions(slice: &Range<u64>, validator: &HeaderValue) -> [(HeaderName, HeaderValue); 2] {
    let mut text = Vec::with_capacity(32);
    text.extend_from_slice(b"bytes=");
    text.extend_from_slice(itoa::Buffer::new().format(slice.start).as_bytes());
    text.push(b'-');
    let last = slice.end.saturating_sub(1);
    text.extend_from_slice(itoa::Buffer::new().format(last).as_bytes());
    [(RANGE, of_ours(text)), (IF_RANGE, validator.clone())]
}

/// What an answer is to one who asked for a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// The slice.
    Slice,
    /// Of another answer than the one that is known: that is not to be used any more.
    Changed,
    /// The known answer, but not the part that was asked for: the origin does not know parts, and is not asked for them any more.
    NotInParts,
    /// Nothing of either.
    Failed,
}

/// What an answer with this `status`, these `fields` and a body of `length` bytes is to one who asked for the bytes `slice` of
/// the `total` of the one with the fields `known`. Never [`Came::Slice`] where bytes of two answers could be mixed, whichever
/// origin it is from. Source: RFC 9110, section 15.3.7.3.
pub fn came(
    known: &HeaderMap,
    slice: &Range<u64>,
    total: u64,
    status: StatusCode,
    fields: &HeaderMap,
    length: Option<u64>,
) -> Came {
    match status {
        StatusCode::OK | StatusCode::PARTIAL_CONTENT if !is_the_same(known, fields) => {
            Came::Changed
        }
        StatusCode::OK => Came::NotInParts,
        StatusCode::PARTIAL_CONTENT => match content_range(fields) {
            Some((_, another)) if another != total => Came::Changed,
            Some((part, _)) if part == *slice && length == Some(slice.end - slice.start) => {
                Came::Slice
            }
            Some(_) | None => Came::NotInParts,
        },
        StatusCode::NOT_FOUND
        | StatusCode::GONE
        | StatusCode::PRECONDITION_FAILED
        | StatusCode::RANGE_NOT_SATISFIABLE => Came::Changed,
        _ => Came::Failed,
    }
}

/// A part need not repeat how the whole is coded.
fn is_the_same(known: &HeaderMap, fields: &HeaderMap) -> bool {
    let told_by = |name| known.get(&name) == fields.get(&name);
    let is_told = if known.contains_key(ETAG) {
        told_by(ETAG)
    } else {
        told_by(LAST_MODIFIED)
    };
    let coding = fields.get(CONTENT_ENCODING);
    is_told && coding.is_none_or(|coding| known.get(CONTENT_ENCODING) == Some(coding))
}

/// How long a slice is kept whose answer says `keep`; or why it is not. That of the whole is what counts, so that a part which
/// says nothing of its own is kept with it.
pub fn kept_with_the_whole(keep: Keep) -> Result<Lifetime, WhyNot> {
    match keep {
        Keep::For(lifetime) => Ok(lifetime),
        Keep::Not(WhyNot::NoTime | WhyNot::TooOld) => Ok(Lifetime::default()),
        Keep::Not(
            why @ (WhyNot::Method
            | WhyNot::Status
            | WhyNot::NoStore
            | WhyNot::Private
            | WhyNot::Authorization
            | WhyNot::VariesUnknowably
            | WhyNot::Steered
            | WhyNot::NotWhole),
        ) => Err(why),
    }
}

/// The key of slice `index` of the answer under `key` that `validator` tells. It begins like `key`, so that what is about that
/// is about its slices.
pub fn key(key: &[u8], validator: &HeaderValue, index: u64) -> Vec<u8> {
    const SLICE: &[u8] = b"slice";
    let validator = validator.as_bytes();
    let mut longer = Vec::with_capacity(key.len() + SLICE.len() + validator.len() + 16);
    longer.extend_from_slice(key);
    push(&mut longer, SLICE);
    push(&mut longer, validator);
    longer.extend_from_slice(&index.to_le_bytes());
    longer
}
