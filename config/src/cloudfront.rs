//! CloudFront's own JSON: a `DistributionConfig` as the AWS command line prints it, walked into the written model.
//!
//! - [`walk`] is the whole story: unwrap, check the shape against the table of [`fields`](crate::fields()), read, remark.
//! - [`shape`] says what has the wrong name, type or count; [`combinations`] which fields exclude or need each other;
//!   [`remarks`] what is not honoured; [`read`] fills the model; [`recognise`] knows what is no distribution.
//!
//! Source: API shapes `DistributionConfig`, `Distribution`; Developer Guide, "All distribution settings reference".

use std::path::Path;
use std::sync::Arc;

use crate::json;
use crate::problem::{Problem, Severity};
use crate::written::{AccessLog, Listen, Notation, Place, Policies, Written};

mod read;
pub(crate) mod spot;

use spot::{Source, Spot};

/// True if `text` is meant as JSON and not as TOML: it starts with `{`, or with `[` and then `{` or `]` (TOML never does).
pub(crate) fn looks_like_json(text: &str) -> bool {
    let start = without_mark(text).trim_start();
    start.starts_with('{')
        || start
            .strip_prefix('[')
            .is_some_and(|rest| rest.trim_start().starts_with(['{', ']']))
}

/// Windows tools put a byte order mark in front.
fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// Walks CloudFront JSON into the written model. `None` if there is no distribution in it to go on with; else every
/// problem that was found on the way is in `problems`, and what had the wrong type is missing from the model.
pub(crate) fn walk(text: &str, file: &Path, problems: &mut Vec<Problem>) -> Option<Written> {
    let source = Source {
        text: without_mark(text),
        file: Arc::new(file.to_owned()),
    };
    let place = Place {
        file: Arc::clone(&source.file),
        line: 1,
        field: "the file".to_owned(),
        template: None,
    };
    let root = match json::read(source.text) {
        Ok(root) => root,
        Err(error) => {
            let place = Place {
                line: error.line,
                field: "the JSON".to_owned(),
                ..place
            };
            problems.push(place.problem(Severity::Error, error.found, error.expected));
            return None;
        }
    };
    let root = Spot {
        source: &source,
        node: &root,
        field: String::new(),
    };
    Some(Written {
        notation: Notation::CloudFront,
        place,
        folder: file.parent().unwrap_or(Path::new("")).to_owned(),
        mode: None,
        listen: Listen::default(),
        access_log: AccessLog::default(),
        origins: read::origins(&root),
        groups: read::groups(&root),
        distributions: vec![read::distribution(&root, None)],
        policies: Policies::default(),
    })
}
