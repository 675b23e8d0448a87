//! Which part of what is kept a viewer asks for, and how parts are told.

use std::ops::Range;

use http::header::{CONTENT_RANGE, DATE, ETAG, LAST_MODIFIED};
use http::{HeaderMap, HeaderValue};

use super::date;
use crate::fields::{Fields, Known};

/// What a viewer is given of a kept answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it, by 200: no range was asked for, or none that is understood.
    Whole,
    /// One part, by 206; never empty.
    One(Range<u64>),
    /// Several, by 206 with `multipart/byteranges`; each not empty, ascending, none over another.
    Several(Vec<Range<u64>>),
    /// None that there is: 416.
    Unsatisfiable,
}

/// More ranges than any reader of documents asks for in one request are taken for an attack: the answer is whole.
const MOST_RANGES: usize = 10;

/// What the `viewer` is given of a kept answer with the fields `kept` and a body of `length` bytes. It asked with GET, and
/// the answer is a 200: no other method has ranges, and no other answer parts.
///
/// Anything that is no range of bytes counts as none, and so does a second `Range` line. Ranges beyond the end are left out
/// of several. Whole is also the answer to more than ten ranges, and to some that are not ascending or that overlap, as
/// CloudFront does and RFC 9110, section 14.2, allows.
/// Source: RFC 9110, sections 13.1.5 and 14; Developer Guide, "How CloudFront processes partial requests for an object (range
/// GETs)".
pub fn part(viewer: Fields<'_>, kept: &HeaderMap, length: u64) -> Part {
    let Some(asked) = viewer.first(Known::Range) else {
        return Part::Whole;
    };
    if viewer.repeats(Known::Range) || !is_the_one_meant(viewer, kept) {
        return Part::Whole;
    }
    ranges(asked.as_bytes(), length)
}

/// Whether a kept part, the bytes `kept` of `total`, of an answer with `fields` has all that the `viewer` asks for, and which
/// of its bytes (counted from the beginning of the whole). `None` if it asks for several parts, for the whole, or for
/// something that is not there.
pub fn covered(
    viewer: Fields<'_>,
    fields: &HeaderMap,
    kept: &Range<u64>,
    total: u64,
) -> Option<Range<u64>> {
    match part(viewer, fields, total) {
        Part::One(asked) => (kept.start <= asked.start && asked.end <= kept.end).then_some(asked),
        Part::Whole | Part::Several(_) | Part::Unsatisfiable => None,
    }
}

/// Whether `If-Range`, where it is there, means the answer that is kept. Source: RFC 9110, sections 8.8.2.2 and
/// 13.1.5.
fn is_the_one_meant(viewer: Fields<'_>, kept: &HeaderMap) -> bool {
    let Some(condition) = viewer.first(Known::IfRange) else {
        return true;
    };
    if viewer.repeats(Known::IfRange) {
        return false;
    }
    match condition.as_bytes() {
        [b'"', ..] => kept.get(ETAG) == Some(condition),
        [b'W', b'/', ..] => false,
        date => {
            let is_strong = || {
                let at = date::parse(kept.get(DATE)?.as_bytes(), 0)?;
                Some(date::parse(date, at)? < at)
            };
            // One of the second in which the answer was made could be that of two contents.
            kept.get(LAST_MODIFIED) == Some(condition) && is_strong().unwrap_or_default()
        }
    }
}

fn ranges(asked: &[u8], length: u64) -> Part {
    let set = match asked.split_first_chunk::<6>() {
        Some((unit, set)) if unit.eq_ignore_ascii_case(b"bytes=") => set,
        Some(_) | None => return Part::Whole,
    };
    let mut count = 0;
    let mut first: Option<Range<u64>> = None;
    let mut several = Vec::new();
    let specs = set
        .split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|spec| !spec.is_empty());
    for spec in specs {
        count += 1;
        let Some(spec) = Spec::of(spec) else {
            return Part::Whole;
        };
        if count > MOST_RANGES {
            return Part::Whole;
        }
        let range = match spec.within(length) {
            Some(range) if range.is_empty() => return Part::Whole,
            Some(range) => range,
            None => continue,
        };
        match &first {
            None => first = Some(range),
            Some(one) => {
                if several.is_empty() {
                    several.push(one.clone());
                }
                if several
                    .last()
                    .is_some_and(|before| range.start < before.end)
                {
                    return Part::Whole;
                }
                several.push(range);
            }
        }
    }
    match first {
        _ if !several.is_empty() => Part::Several(several),
        Some(one) => Part::One(one),
        None if count > 0 => Part::Unsatisfiable,
        None => Part::Whole,
    }
}

/// Source: RFC 9110, section 14.1.1 and 14.1.2.
#[derive(Clone, Copy)]
enum Spec {
    From(u64),
    FromTo(u64, u64),
    Last(u64),
}

impl Spec {
    fn of(spec: &[u8]) -> Option<Self> {
        let dash = spec.iter().position(|byte| *byte == b'-')?;
        let (first, last) = spec.split_at_checked(dash)?;
        let last = last.get(1..)?;
        match (first.is_empty(), last.is_empty()) {
            (true, _) => Some(Self::Last(number(last)?)),
            (false, true) => Some(Self::From(number(first)?)),
            (false, false) => {
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then_some(Self::FromTo(first, last))
            }
        }
    }

    /// Which bytes of `length` it means; `None` if none are there. Those at the end of nothing are an empty range.
    fn within(self, length: u64) -> Option<Range<u64>> {
        let (start, end) = match self {
            Self::From(first) => (first, length),
            Self::FromTo(first, last) => (first, length.min(last.saturating_add(1))),
            Self::Last(0) => return None,
            Self::Last(bytes) => return Some(length.saturating_sub(bytes)..length),
        };
        (start < length).then_some(start..end)
    }
}

/// Digits alone; what is too large for a number is the largest one, and so beyond every end.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        Some(number.saturating_mul(10).saturating_add(digit))
    })
}

/// Which bytes an origin's 206 has, and of how many: `Content-Range: bytes 0-4/10` is `(0..5, 10)`. `None` if it does not
/// say that, or not of how many (`*`), or twice, or what cannot be. Source: RFC 9110, section 14.4.
pub fn content_range(fields: &HeaderMap) -> Option<(Range<u64>, u64)> {
    let mut lines = fields.get_all(CONTENT_RANGE).iter();
    let line = lines.next()?;
    if lines.next().is_some() {
        return None;
    }
    let (unit, range) = line.as_bytes().split_first_chunk::<6>()?;
    if !unit.eq_ignore_ascii_case(b"bytes ") {
        return None;
    }
    let slash = range.iter().position(|byte| *byte == b'/')?;
    let (range, total) = range.split_at_checked(slash)?;
    let Some(Spec::FromTo(first, last)) = Spec::of(range) else {
        return None;
    };
    let total = number(total.get(1..)?)?;
    // The largest number stands for what is too large.
    (last < total && total < u64::MAX).then(|| (first..last + 1, total))
}

/// `bytes 0-4/10`, for the bytes `0..5` of 10. The range is not empty.
pub fn content_range_value(range: &Range<u64>, total: u64) -> HeaderValue {
    let mut text = Vec::with_capacity(32);
    push_content_range(&mut text, range, total);
    of_ours(text)
}

/// `bytes */10`, for a 416 whose answer has 10 bytes.
pub fn unsatisfied_range_value(total: u64) -> HeaderValue {
    let mut digits = itoa::Buffer::new();
    of_ours([b"bytes */", digits.format(total).as_bytes()].concat())
}

pub(super) fn of_ours(text: Vec<u8>) -> HeaderValue {
    HeaderValue::try_from(text).expect("words and digits of ours")
}

fn push_content_range(text: &mut Vec<u8>, range: &Range<u64>, total: u64) {
    let last = range.end.saturating_sub(1);
    text.extend_from_slice(b"bytes ");
    text.extend_from_slice(itoa::Buffer::new().format(range.start).as_bytes());
    text.push(b'-');
    text.extend_from_slice(itoa::Buffer::new().format(last).as_bytes());
    text.push(b'/');
    text.extend_from_slice(itoa::Buffer::new().format(total).as_bytes());
}

/// What stands around the parts of an answer that has several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Multipart {
    /// `Content-Type` of the answer, with the boundary.
    pub content_type: HeaderValue,
    /// `Content-Length` of the answer: heads, parts and closing.
    pub content_length: u64,
    /// What is sent before each part, in their order.
    pub heads: Vec<Vec<u8>>,
    /// What is sent after the last one.
    pub closing: Vec<u8>,
}

/// What stands around `parts` of an answer of `total` bytes with this `Content-Type`. `random` makes the boundary: 128 bits
/// that nobody can foresee do not stand in a body either. Source: RFC 9110, section 14.6; RFC 2046, section 5.1.
pub fn multipart(
    parts: &[Range<u64>],
    total: u64,
    content_type: Option<&HeaderValue>,
    random: u128,
) -> Multipart {
    let boundary = format!("{random:032x}");
    let head = |(index, part): (usize, &Range<u64>)| {
        let mut head = Vec::with_capacity(160);
        head.extend_from_slice(if index == 0 { b"" } else { b"\r\n" });
        for piece in ["--", &boundary, "\r\n"] {
            head.extend_from_slice(piece.as_bytes());
        }
        if let Some(content_type) = content_type {
            head.extend_from_slice(b"Content-Type: ");
            head.extend_from_slice(content_type.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"Content-Range: ");
        push_content_range(&mut head, part, total);
        head.extend_from_slice(b"\r\n\r\n");
        head
    };
    let heads: Vec<Vec<u8>> = parts.iter().enumerate().map(head).collect();
    let closing = ["\r\n--", &boundary, "--\r\n"].concat().into_bytes();
    let around = heads
        .iter()
        .chain([&closing])
        .map(|piece| piece.len() as u64);
    let inside = parts.iter().map(|part| part.end.saturating_sub(part.start));
    let own_type = ["multipart/byteranges; boundary=", &boundary].concat();
    Multipart {
        content_length: around.chain(inside).fold(0, u64::saturating_add),
        content_type: of_ours(own_type.into_bytes()),
        heads,
        closing,
    }
}

/// Which slices the bytes `bytes` of an answer lie in, and which bytes of each slice they are: in order, none empty. A slice
/// has `slice` bytes (0 counts as 1).
pub fn slices(bytes: Range<u64>, slice: u64) -> impl Iterator<Item = (u64, Range<u64>)> {
    let slice = slice.max(1);
    let mut at = bytes.start;
    std::iter::from_fn(move || {
        if at >= bytes.end {
            return None;
        }
        let (index, inside) = (at / slice, at % slice);
        let taken = (slice - inside).min(bytes.end - at);
        at += taken;
        Some((index, inside..inside + taken))
    })
}
