//! A written config becomes an [`Edge`]: every name resolved, every default filled in, every rule checked, and every
//! problem reported. Nothing later checks again.
//!
//! Where a value has a problem, compiling goes on with a stand-in, so that the rest is checked too; an edge with errors is
//! never handed out.

mod acme;
mod admin;
mod alarms;
mod behaviors;
mod cache;
mod defaults;
mod distributions;
mod forwarding;
mod health;
mod hosts;
mod journal;
mod lifecycle;
mod listen;
mod maps;
mod origins;
mod pem;
mod records;
mod rehearsal;
mod targets;
mod tls;
mod url;
mod values;

use crate::edge::{Edge, Mode, Overrides};
use crate::problem::Problem;
use crate::written::{Notation, Place, Written};
use defaults::Defaults;

pub use cache::display_size;
pub(crate) use defaults::USUAL_STATUSES;
pub(crate) use values::display_span;
pub use values::parse_span;

/// Compiles `written`. The edge is good if no problem is an error.
pub(crate) fn compile(
    written: &Written,
    overrides: &Overrides,
    problems: &mut Vec<Problem>,
) -> Edge {
    let (mode, mode_reason) = mode(written, overrides, problems);
    let defaults = Defaults::of(mode);

    let listen = listen::listen(written, overrides, defaults.origin_interim, problems);
    let cache = cache::limits(written, overrides, problems);
    let admin = admin::admin(written, overrides, listen.admin, problems);
    let access_log = listen::access_log(written, overrides, problems);
    let journal = journal::journal(written, problems);
    let alarms = alarms::alarms(written, problems);
    let mut origins = origins::origins(written, &defaults, problems);
    maps::apply(overrides, &mut origins, problems);
    let records = records::records(written, &origins, problems);
    let mut targets = targets::Targets::new(written, &defaults, &origins, &records, problems);
    let mut distributions = distributions::distributions(
        written,
        overrides,
        &defaults,
        &origins,
        &mut targets,
        problems,
    );
    let targets = targets.finish();
    if cache.memory == 0 {
        for distribution in &mut distributions {
            distribution.behaviors.keep_nothing();
        }
    }
    let hosts = hosts::hosts(written, overrides, &distributions, problems);

    Edge {
        listen,
        admin,
        cache,
        access_log,
        journal,
        alarms,
        origins,
        targets,
        records: records.into_iter().flatten().collect(),
        takes_faults: rehearsal::takes_faults(written, problems),
        distributions,
        hosts,
        mode,
        mode_reason,
        time_scale: time_scale(overrides, problems),
    }
}

fn mode(written: &Written, overrides: &Overrides, problems: &mut Vec<Problem>) -> (Mode, String) {
    if let Some(mode) = overrides.mode {
        return (mode, format!("--mode {} was given", mode.as_str()));
    }
    if let Some(said) = &written.mode {
        const MODES: [(&str, Mode); 2] =
            [("faithful", Mode::Faithful), ("resilient", Mode::Resilient)];
        if let Some(mode) = values::word(said, &MODES, problems) {
            return (mode, format!("{} says so", said.place.file.display()));
        }
    }
    match written.notation {
        Notation::CloudFront => (
            Mode::Faithful,
            "the default for a CloudFront config; --mode resilient changes it".to_owned(),
        ),
        Notation::Toml => (
            Mode::Resilient,
            "the default for tideover.toml; mode = \"faithful\" changes it".to_owned(),
        ),
        Notation::CommandLine => (
            Mode::Resilient,
            "the default for --origin; --mode faithful changes it".to_owned(),
        ),
    }
}

fn time_scale(overrides: &Overrides, problems: &mut Vec<Problem>) -> f64 {
    match overrides.time_scale {
        None => 1.0,
        Some(scale) if scale.is_finite() && scale > 0.0 && scale <= 1000.0 => scale,
        Some(scale) => {
            problems.push(flag("--time-scale").error(
                format!("is {scale}"),
                "write a number above 0 and up to 1000, such as 0.01",
            ));
            1.0
        }
    }
}

/// Most origins, groups and distributions, and most behaviors of one distribution: more than anybody needs, and every index
/// fits.
const MOST_OF_A_KIND: usize = 10_000;

/// What is beyond that is not compiled; it is told of the first of them.
fn beyond_the_most<T>(all: &[T], kind: &str, place: impl FnOnce(&T) -> &Place) -> Option<Problem> {
    let first = all.get(MOST_OF_A_KIND)?;
    Some(place(first).error(
        format!("is {kind} number {}", MOST_OF_A_KIND + 1),
        format!("write {MOST_OF_A_KIND} at most"),
    ))
}

/// CloudFront's own quotas can be raised, and what exceeds one does no harm here. In its own notation they are told with
/// the shape of the file.
fn over_quota(place: &Place, count: usize, most: usize, of: &str) -> Option<Problem> {
    (count > most).then(|| {
        place.warning(
            format!("is one of {count} {of}"),
            format!("CloudFront takes {most} at most, unless AWS has raised a quota"),
        )
    })
}

/// The place of a command line flag.
pub(crate) fn flag(name: &str) -> Place {
    Place::new(&std::sync::Arc::new("command line".into()), 0, name)
}
