//! A folder that plays a bucket.

use std::path::{Path, PathBuf};

use super::word;
use crate::compile::rehearsal;
use crate::folder::{Folder, Missing, Website};
use crate::problem::Problem;
use crate::written::{self, At, Notation, Origin, Written};

/// How a flag that takes a URL is given a folder.
pub(in crate::compile) const FOLDER: &str = "dir:";

const FROM_HERE: &str = "name a folder after dir:, relative to where you are";

/// Where a flag's folder is; `None`: it names none.
pub(in crate::compile) fn at(said: &At<String>, problems: &mut Vec<Problem>) -> Option<PathBuf> {
    let dir = PathBuf::from(said.value.strip_prefix(FOLDER)?);
    is_there(said, &dir, FROM_HERE, problems);
    Some(dir)
}

pub(super) fn folder(
    origin: &Origin,
    said: &At<String>,
    written: &Written,
    problems: &mut Vec<Problem>,
) -> Folder {
    what_a_folder_has_not(origin, problems);
    let dir = written.folder.join(&said.value);
    let instead = match written.notation {
        Notation::CommandLine => FROM_HERE,
        Notation::Toml | Notation::CloudFront => "name a folder, relative to this file",
    };
    is_there(said, &dir, instead, problems);
    let website = origin.website.as_ref().map(|said| website(said, problems));
    Folder {
        dir,
        path: super::server::path(origin, "", problems),
        missing: origin
            .missing
            .as_ref()
            .and_then(|said| {
                let words = [("403", Missing::Forbidden), ("404", Missing::NotFound)];
                word(said, &words, problems)
            })
            .unwrap_or(usual_missing(website.as_ref())),
        website,
        fault: rehearsal::fault(origin, written, problems),
    }
}

/// Behind CloudFront a bucket is private and may be read only; one that is a website is public.
pub(in crate::compile) fn usual_missing(website: Option<&Website>) -> Missing {
    match website {
        Some(_) => Missing::NotFound,
        None => Missing::Forbidden,
    }
}

fn what_a_folder_has_not(origin: &Origin, problems: &mut Vec<Problem>) {
    if let Some(check) = &origin.health_check {
        problems.push(check.place.error(
            "belongs to a server, and a folder always counts as healthy",
            "leave it out: there is nothing to probe",
        ));
    }
    let of_a_server = Origin {
        path: None,
        fault: None,
        health_check: None,
        ..origin.clone()
    };
    let of_a_page = [
        origin.page.as_ref().map(|at| &at.place),
        origin.page_url.as_ref().map(|at| &at.place),
        origin.page_interval.as_ref().map(|at| &at.place),
        origin.page_cache.as_ref().map(|at| &at.place),
        origin.status.as_ref().map(|at| &at.place),
        origin.retry_after.as_ref().map(|at| &at.place),
    ];
    let of_a_server = super::server::places(&of_a_server);
    for place in of_a_server
        .into_iter()
        .chain(of_a_page.into_iter().flatten())
    {
        problems.push(place.error(
            "does not belong to a folder, and this origin has dir",
            "leave it out; a folder takes dir, path, missing, website and fault only",
        ));
    }
}

/// What only a folder has, and this origin is none.
pub(super) fn without_a_folder(origin: &Origin, problems: &mut Vec<Problem>) {
    let places = [
        origin.missing.as_ref().map(|at| &at.place),
        origin.website.as_ref().map(|said| &said.place),
    ];
    for place in places.into_iter().flatten() {
        problems.push(place.error(
            "belongs to an origin with dir",
            "leave it out, or write dir = \"./dist\"",
        ));
    }
}

/// Source: Amazon S3 API reference, `IndexDocument` and `ErrorDocument`: a suffix without a slash, and a key.
fn website(said: &written::Website, problems: &mut Vec<Problem>) -> Website {
    if let Some(index) = &said.index
        && (index.value.is_empty() || index.value.contains('/'))
    {
        problems.push(index.place.error(
            format!("is {}", index.shown()),
            "write the name of a file without a slash, such as \"index.html\"; it is looked for in every folder",
        ));
    }
    if let Some(error) = &said.error
        && (error.value.is_empty() || error.value.starts_with('/'))
    {
        problems.push(error.place.error(
            format!("is {}", error.shown()),
            "write the name of a file, from dir on and without a slash in front, such as \"404.html\"",
        ));
    }
    let (index, _) = Website::USUAL;
    Website {
        index: said.index.as_ref().map_or(index, |said| &said.value).into(),
        error: said.error.as_ref().map(|said| said.value.as_str().into()),
    }
}

fn is_there(said: &At<String>, dir: &Path, instead: &str, problems: &mut Vec<Problem>) {
    let found = match std::fs::metadata(dir) {
        Ok(metadata) if metadata.is_dir() => return,
        Ok(_) => "which is no folder".to_owned(),
        Err(error) => format!("which cannot be read ({})", error.kind()),
    };
    problems.push(
        said.place
            .error(format!("is {}, {found}", said.shown()), instead),
    );
}
