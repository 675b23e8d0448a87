//! `[cache]`: how much may be kept.

use std::ops::RangeInclusive;

use super::values;
use crate::cache::CacheLimits;
use crate::compile::flag;
use crate::edge::Overrides;
use crate::problem::Problem;
use crate::written::{At, Size, Written};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const MEMORY: RangeInclusive<u64> = MIB..=16 * 1024 * 1024 * MIB;
const SLICE: RangeInclusive<u64> = 64 * KIB..=16 * MIB;
/// Below 4 GiB: bodies are counted in 32 bits.
const LARGEST_OBJECT: u64 = 4095 * MIB;
/// So many of the largest objects have room at the same time.
const OBJECTS: u64 = 4;

/// How much the cache may keep; no memory: there is none.
pub(in crate::compile) fn limits(
    written: &Written,
    overrides: &Overrides,
    problems: &mut Vec<Problem>,
) -> CacheLimits {
    let usual = CacheLimits::default();
    let said = &written.cache;
    let memory = memory(said.memory.as_ref(), overrides, problems).unwrap_or(usual.memory);
    let most = if memory == 0 {
        LARGEST_OBJECT
    } else {
        (memory / OBJECTS).min(LARGEST_OBJECT)
    };
    let slice = said.slice.as_ref().and_then(|said| {
        let slice = bytes(said, problems)?;
        within(said, slice, &SLICE, problems)
    });
    // Without a word they fit into what there is.
    let usual_slice = usual.slice.min(most);
    let object = said.object.as_ref().and_then(|said| {
        let object = bytes(said, problems)?;
        let least = slice.unwrap_or(*SLICE.start());
        if object > most && most < LARGEST_OBJECT {
            problems.push(said.place.error(
                format!("is {}, more than a quarter of the memory", display(object)),
                format!(
                    "write {} at most, or {} of memory",
                    display(most),
                    display(object.saturating_mul(OBJECTS))
                ),
            ));
            return None;
        }
        if object < least && slice.is_some() {
            problems.push(said.place.error(
                format!("is {}, less than a slice", display(object)),
                format!("write {} at least, or a smaller slice", display(least)),
            ));
            return None;
        }
        within(said, object, &(least..=LARGEST_OBJECT), problems)
    });
    let slice_or_usual = slice.unwrap_or_else(|| object.unwrap_or(most).min(usual_slice));
    if let (Some(said), Some(slice), None) = (&said.slice, slice, object)
        && slice > most
    {
        problems.push(said.place.error(
            format!("is {}, more than a quarter of the memory", display(slice)),
            format!("write {} at most", display(most)),
        ));
    }
    CacheLimits {
        memory,
        object: object.unwrap_or_else(|| usual.object.min(most).max(slice_or_usual)),
        slice: slice_or_usual,
    }
}

/// What the flags say, else the file.
fn memory(
    said: Option<&At<Size>>,
    overrides: &Overrides,
    problems: &mut Vec<Problem>,
) -> Option<u64> {
    const WORDS: [(&str, bool); 2] = [("on", true), ("off", false)];
    let from_flag = |name: &str, value: &str| At {
        value: value.to_owned(),
        place: flag(name),
    };
    let switch = overrides
        .cache
        .as_ref()
        .and_then(|value| values::word(&from_flag("--cache", value), &WORDS, problems));
    let by_flag = overrides.cache_memory.as_ref().map(|value| {
        let At { value, place } = from_flag("--cache-memory", value);
        let size = value.parse().map_or(Size::Text(value), Size::Bytes);
        At { value: size, place }
    });
    let said = by_flag.as_ref().or(said);
    let memory = said.and_then(|said| match bytes(said, problems)? {
        0 => Some(0),
        memory => within(said, memory, &MEMORY, problems),
    });
    match switch {
        Some(false) => Some(0),
        // What the file has switched off has no size.
        Some(true) => memory.filter(|memory| *memory > 0),
        None => memory,
    }
}

fn within(
    said: &At<Size>,
    bytes: u64,
    bounds: &RangeInclusive<u64>,
    problems: &mut Vec<Problem>,
) -> Option<u64> {
    if bounds.contains(&bytes) {
        return Some(bytes);
    }
    problems.push(said.place.error(
        format!("is {}", display(bytes)),
        format!(
            "write {} to {}",
            display(*bounds.start()),
            display(*bounds.end())
        ),
    ));
    None
}

fn bytes(said: &At<Size>, problems: &mut Vec<Problem>) -> Option<u64> {
    let (bytes, shown) = match &said.value {
        Size::Bytes(bytes) => (u64::try_from(*bytes).ok(), bytes.to_string()),
        Size::Text(text) => {
            let text = At {
                value: text.clone(),
                place: said.place.clone(),
            };
            (parse(&text.value), text.shown())
        }
    };
    if bytes.is_none() {
        problems.push(said.place.error(
            format!("is {shown}"),
            "write a whole number and a unit: \"512KiB\", \"256MiB\" or \"2GiB\"",
        ));
    }
    bytes
}

const UNITS: [(&str, u64); 4] = [("GiB", 1024 * MIB), ("MiB", MIB), ("KiB", KIB), ("B", 1)];

/// `512KiB`, `256MiB`, `2GiB`, `100B`; `None` for anything else.
fn parse(text: &str) -> Option<u64> {
    UNITS.iter().find_map(|(name, unit)| {
        let number = text.strip_suffix(name)?;
        let is_whole = number.bytes().all(|byte| byte.is_ascii_digit());
        let number: u64 = number.parse().ok().filter(|_| is_whole)?;
        number.checked_mul(*unit)
    })
}

/// Bytes as a config writes them, in the largest unit that tells it exactly: `256MiB`.
pub fn display(bytes: u64) -> String {
    let fits = UNITS
        .iter()
        .find(|(_, unit)| bytes >= *unit && bytes.is_multiple_of(*unit));
    let (name, unit) = fits.copied().unwrap_or(("B", 1));
    format!("{}{name}", bytes / unit)
}
