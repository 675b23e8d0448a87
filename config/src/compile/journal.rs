//! `[journal]`: where writes are noted that a record's secondary took.

use super::values;
use crate::journal::Journal;
use crate::problem::Problem;
use crate::written::Written;

/// Some hundred thousand writes.
const USUAL_BYTES: u64 = 16 * 1024 * 1024;

pub(super) fn journal(written: &Written, problems: &mut Vec<Problem>) -> Option<Journal> {
    let said = written.journal.as_ref()?;
    let max_bytes = said
        .max_bytes
        .as_ref()
        .and_then(|said| values::number(said, 4096..=1_073_741_824, problems))
        .and_then(|bytes| u64::try_from(bytes).ok());
    let Some(file) = &said.file else {
        if said.max_bytes.is_some() {
            problems.push(values::missing(
                &said.place,
                "file",
                "write file = \"tideover.journal.jsonl\"",
            ));
        }
        return None;
    };
    let path = written.folder.join(&file.value);
    if path.file_name().is_none() {
        problems.push(file.place.error(
            format!("is {}", file.shown()),
            "write the path of a file, such as \"tideover.journal.jsonl\"",
        ));
        return None;
    }
    Some(Journal {
        file: path,
        max_bytes: max_bytes.unwrap_or(USUAL_BYTES),
    })
}
