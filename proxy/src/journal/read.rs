//! What is in a journal.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::time::SystemTime;

use serde_json::{Map, Value};
use tideover_config::parse_span;

use super::file::older;
use crate::access_log::rfc3339;

/// A longer line is none of ours.
const LONGEST_LINE: usize = 256 * 1024;

/// From when on writes are listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Since {
    /// Those of each record from its last fail-over on.
    LastFailOver,
    /// From this time on, as `2026-01-31T12:00:00.000Z`, or a beginning of that.
    Time(String),
    /// All that are there.
    Ever,
}

impl Since {
    /// `all`, a span that ends now such as `2h`, or a time or day in UTC such as `2026-01-31T12:00` or `2026-01-31`.
    pub fn parse(text: &str, now: SystemTime) -> Option<Self> {
        if text == "all" {
            return Some(Self::Ever);
        }
        if let Some(span) = parse_span(text) {
            let begins = now.checked_sub(span).unwrap_or(SystemTime::UNIX_EPOCH);
            return Some(Self::Time(rfc3339(begins)));
        }
        let shape = b"0000-00-00T00:00:00.000Z";
        let is_time = (10..=shape.len()).contains(&text.len())
            && text.bytes().zip(shape).all(|(own, shape)| match shape {
                b'0' => own.is_ascii_digit(),
                _ => own == *shape,
            });
        is_time.then(|| Self::Time(text.to_owned()))
    }
}

/// Writes, the oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listed {
    /// Each as its line has it: an object with `time`, `record`, `origin`, `method`, `host`, `path`, `has_query`,
    /// `request_id`, `outcome` (`answered`, `unknown`), `status` and `failure`, the last two null where there is none.
    pub writes: Vec<Value>,
    /// Older ones that would have been too much.
    pub left_out: u64,
    /// Lines that are no JSON: cut off when a disk was full or a machine went down.
    pub broken: u64,
}

/// The writes in the journal `file`, and in the older one beside it, of `record`, or of all of them: the latest ones of
/// together `most_bytes` at most. An error says that there is no such file, or that it cannot be read.
pub fn list(
    file: &Path,
    record: Option<&str>,
    since: &Since,
    most_bytes: usize,
) -> io::Result<Listed> {
    let mut writes: VecDeque<(usize, Value)> = VecDeque::new();
    let mut listed = Listed::default();
    let mut bytes = 0;
    let mut take = |value: &Value, line: &str| match what(value) {
        What::Write { record: of } => {
            let time = value["time"].as_str().unwrap_or_default();
            let is_wanted = record.is_none_or(|record| record == of)
                && match since {
                    Since::Time(from) => time >= from.as_str(),
                    Since::LastFailOver | Since::Ever => true,
                };
            if is_wanted {
                bytes += line.len();
                writes.push_back((line.len(), value.clone()));
            }
            while bytes > most_bytes
                && let Some((length, _)) = writes.pop_front()
            {
                bytes -= length;
                listed.left_out += 1;
            }
        }
        What::FailedOver { record: of } if *since == Since::LastFailOver => {
            writes.retain(|(length, write)| {
                let stays = write["record"].as_str() != Some(of);
                if !stays {
                    bytes -= length;
                }
                stays
            });
            if writes.is_empty() {
                listed.left_out = 0;
            }
        }
        What::FailedOver { .. } | What::Continues { .. } | What::Other => {}
    };
    let mut broken = 0;
    match each(&older(file), &mut take) {
        Ok(more) => broken += more,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    broken += each(file, &mut take)?;
    listed.broken = broken;
    listed.writes = writes.into_iter().map(|(_, write)| write).collect();
    Ok(listed)
}

/// What a line is.
pub(super) enum What<'v> {
    Write { record: &'v str },
    FailedOver { record: &'v str },
    Continues { taken: &'v Map<String, Value> },
    Other,
}

pub(super) fn what(value: &Value) -> What<'_> {
    let record = value["record"].as_str();
    match (value["event"].as_str(), record) {
        (None, Some(record)) => What::Write { record },
        (Some("failed_over"), Some(record)) => What::FailedOver { record },
        (Some("continues"), _) => match value["taken"].as_object() {
            Some(taken) => What::Continues { taken },
            None => What::Other,
        },
        (Some(_), _) | (None, None) => What::Other,
    }
}

/// Hands over every line that is JSON; how many are not.
pub(super) fn each(file: &Path, mut take: impl FnMut(&Value, &str)) -> io::Result<u64> {
    let mut lines = BufReader::new(File::open(file)?);
    let mut broken = 0;
    let mut line = Vec::new();
    loop {
        line.clear();
        if lines.read_until(b'\n', &mut line)? == 0 {
            return Ok(broken);
        }
        let text = std::str::from_utf8(&line).unwrap_or_default().trim_end();
        if text.is_empty() && line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        match serde_json::from_str::<Value>(text) {
            Ok(value) if line.len() <= LONGEST_LINE => take(&value, text),
            Ok(_) | Err(_) => broken += 1,
        }
    }
}

/// How many writes are in there; 0 where that cannot be read.
pub(super) fn writes_in(file: &Path) -> u64 {
    let mut writes = 0;
    let read = each(file, |value, _| {
        writes += u64::from(matches!(what(value), What::Write { .. }));
    });
    read.map_or(0, |_| writes)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::Since;

    #[test]
    fn since_is_a_span_or_a_time() {
        let now = UNIX_EPOCH + Duration::from_hours(24);
        let time = |text: &str| Some(Since::Time(text.to_owned()));
        for (text, expected) in [
            ("all", Some(Since::Ever)),
            ("2h", time("1970-01-01T22:00:00.000Z")),
            ("2026-01-31", time("2026-01-31")),
            ("2026-01-31T12:00", time("2026-01-31T12:00")),
            ("2026-01-31T12:00:00.000Z", time("2026-01-31T12:00:00.000Z")),
            ("2026", None),
            ("2026-01-31 12:00", None),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(Since::parse(text, now), expected, "{text}");
        }
    }
}
