//! CloudFront's own JSON: a `DistributionConfig` as the AWS command line prints it, walked into the written model.
//!
//! - [`walk`] is the whole story: unwrap, check the shape against the table of [`fields`](crate::fields()), read, remark.
//! - [`shape`] says what has the wrong name, type or count; [`combinations`] which fields exclude or need each other;
//!   [`remarks`] what is not honoured; [`read`] fills the model; [`recognise`] knows what is no distribution.
//!
//! Source: API shapes `DistributionConfig`, `Distribution`; Developer Guide, "All distribution settings reference".

use std::path::Path;

use crate::json;
use crate::problem::Problem;
use crate::written::{
    AccessLog, Admin, CacheLimits, Faults, Listen, Notation, Place, Policies, Tls, Written,
};

mod combinations;
mod read;
mod recognise;
pub(crate) mod remarks;
pub(crate) mod shape;
pub(crate) mod spot;

pub(crate) use combinations::check_ttls;
pub(crate) use recognise::recognise_other;
use remarks::Remarks;
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

/// Walks CloudFront JSON into the written model. `None` if there is no distribution with an origin in it to go on with.
/// Every problem that was found on the way is in `problems`; where there is an error, the model may have a stand-in.
pub(crate) fn walk(text: &str, file: &Path, problems: &mut Vec<Problem>) -> Option<Written> {
    let source = Source::new(text, file);
    let root = parse(&source, problems)?;
    let root = Spot::root(&source, &root);
    let mut found = Vec::new();
    let mut strays = Vec::new();
    unwrap(&root, &mut found, &mut strays);
    if found.is_empty() {
        problems.push(recognise::recognise_json(&root));
        return None;
    }
    for stray in &strays {
        let told = recognise::recognise_json(stray);
        problems.push(stray.place().error(told.found, told.instead));
    }
    let mut written = Written {
        notation: Notation::CloudFront,
        place: Place::new(&source.file, 0, ""),
        folder: file.parent().map(Path::to_owned).unwrap_or_default(),
        mode: None,
        listen: Listen::default(),
        admin: Admin::default(),
        tls: Tls::default(),
        cache: CacheLimits::default(),
        access_log: AccessLog::default(),
        journal: None,
        faults: Faults::default(),
        alarms: Vec::new(),
        origins: Vec::new(),
        groups: Vec::new(),
        records: Vec::new(),
        distributions: Vec::new(),
        policies: Policies::default(),
    };
    let mut remarks = Remarks::default();
    for Found { config, wrapper } in &found {
        shape::check(config, "", problems);
        combinations::check(config, problems);
        remarks.look(config, "");
        read::read(config, wrapper.as_ref(), &mut written);
    }
    remarks.tell(problems);
    (!written.origins.is_empty()).then_some(written)
}

/// The tree of `source`, with its repeated keys reported; `None` if it is not JSON.
pub(crate) fn parse(source: &Source<'_>, problems: &mut Vec<Problem>) -> Option<json::Node> {
    let root = match json::read(source.text) {
        Ok(root) => root,
        Err(error) => {
            problems.push(
                Place::new(&source.file, error.line, "this")
                    .error(format!("is not JSON: it {}", error.found), error.expected),
            );
            return None;
        }
    };
    for (path, member, first) in json::repeated_keys(&root) {
        problems.push(Place::new(&source.file, member.line, path).error(
            format!("stands on line {first} already"),
            "write each key once",
        ));
    }
    Some(root)
}

/// The compiler names what is not there as `tideover.toml` would; here it gets the name that it has in this notation.
pub(crate) fn name_as_cloudfront_does(problem: &mut Problem) {
    const NAMES: [(&str, &str); 7] = [
        ("aliases", "Aliases"),
        ("allowed_methods", "AllowedMethods"),
        ("cached_methods", "AllowedMethods.CachedMethods"),
        ("default_behavior", "DefaultCacheBehavior"),
        ("path", "PathPattern"),
        ("target", "TargetOriginId"),
        ("url", "DomainName"),
    ];
    if let Some((around, name)) = problem.field.rsplit_once('.')
        && let Some((_, right)) = NAMES.iter().find(|(plain, _)| *plain == name)
    {
        // An origin without a DomainName is told at its Id.
        problem.field = json::join(around.trim_end_matches(".Id"), right);
    }
    if problem.field.is_empty() {
        "this distribution".clone_into(&mut problem.field);
    }
}

/// A `DistributionConfig`, and the `Distribution` around it that has Id and DomainName.
struct Found<'a> {
    config: Spot<'a>,
    wrapper: Option<Spot<'a>>,
}

/// Finds the distributions in what the AWS command line prints or takes: bare, as `get-distribution-config`, as
/// `get-distribution`, as input of `create-distribution` and its kin; or several of these in a list.
///
/// What is none of these goes to `strays`.
fn unwrap<'a>(spot: &Spot<'a>, found: &mut Vec<Found<'a>>, strays: &mut Vec<Spot<'a>>) {
    if let Some(several) = spot.get("Distributions") {
        for one in several.elements() {
            unwrap(&one, found, strays);
        }
    } else if !spot.elements().is_empty() {
        for one in spot.elements() {
            unwrap(&one, found, strays);
        }
    } else if recognise::is_of_cloudformation(spot) {
        // Many of its fields have other names and shapes: it is told as a whole.
        strays.push(spot.clone());
    } else if let Some(inner) = ["Distribution", "DistributionConfigWithTags"]
        .iter()
        .find_map(|key| spot.get(key))
    {
        unwrap(&renamed(&inner, &spot.field), found, strays);
    } else if let Some(config) = spot.get("DistributionConfig") {
        // Problems name fields from the config's root on, whatever is around it.
        found.push(Found {
            config: renamed(&config, &spot.field),
            wrapper: Some(spot.clone()),
        });
    } else if is_bare(spot) {
        found.push(Found {
            config: spot.clone(),
            wrapper: None,
        });
    } else {
        strays.push(spot.clone());
    }
}

fn renamed<'a>(spot: &Spot<'a>, field: &str) -> Spot<'a> {
    Spot {
        field: field.to_owned(),
        ..spot.clone()
    }
}

/// A config that stands alone; a summary of `list-distributions` looks alike, but has an ARN.
fn is_bare(spot: &Spot<'_>) -> bool {
    ["Origins", "DefaultCacheBehavior", "CacheBehaviors"]
        .iter()
        .any(|key| spot.get(key).is_some())
        && spot.get("ARN").is_none()
}
