//! What the operator said: `tideover.toml` and CloudFront JSON, compiled into types that cannot be wrong.
//!
//! This crate reads files and nothing else: it opens no socket, runs no task and decides nothing about a request.
//! A config is walked as a tree with positions into the written model, then compiled; every problem is reported at once,
//! each with file, line, field, what was found and what to write instead.
//!
//! - [`Edge`] is the compiled config, [`Loaded`] an edge with the remarks its operator should read.
//! - [`distribution`], [`behavior`], [`origin`], [`listener`] hold its parts.
//! - [`Problem`] is one thing to say about a config.

pub mod admin;
pub mod alarm;
pub mod behavior;
pub mod cache;
mod checks;
mod cloudfront;
mod command_line;
mod compile;
pub mod distribution;
mod edge;
pub mod expect;
pub mod fault;
mod fields;
mod files;
pub mod folder;
pub mod health;
pub mod journal;
mod json;
pub mod lifecycle;
pub mod listener;
mod network;
pub mod origin;
mod policies;
mod print;
mod problem;
pub mod record;
mod spelling;
mod toml;
pub mod viewer_tls;
mod written;

pub use admin::Admin;
pub use alarm::{AlarmFormat, AlarmKind, Webhook};
pub use behavior::{
    AcceptEncoding, Behavior, Behaviors, CloudFrontHeader, Cors, GetBody, HeaderSelection,
    MethodSet, NameSelection, OriginRequest, PathPattern, ResponseHeadersPolicy, ViewerProtocol,
    ViewerResponse, WriteError, wildcard_matches,
};
pub use cache::{
    CacheLimits, CachePolicy, Compression, DefaultTtl, KeyParts, StaleRule, StatusRule, Ttls,
    VaryRule,
};
pub use compile::{display_size, parse_span};
pub use distribution::{
    AttemptsShown, CustomErrorResponse, Distribution, ErrorPage, LoopCheck, Pages, Secret, Via,
    Voice,
};
pub use edge::{Edge, Hosts, Loaded, Mode, Overrides};
pub use expect::{Expect, Promise};
pub use fault::{Fault, FaultKind};
pub use fields::{Fate, Field, fields};
pub use folder::{Folder, Missing, Website};
pub use health::{Breaker, CheckKind, HealthCheck, HttpCheck};
pub use journal::Journal;
pub use lifecycle::Lifecycle;
pub use listener::{AccessLog, InterimLimit, Limits, Listen, LogFormat, LogTo, ViewerScheme};
pub use network::Network;
pub use origin::{
    AddressFamily, ConnectionAttempts, Endpoint, FailoverCriteria, Failure, FailureSet, HostHeader,
    Member, Origin, OriginId, OriginKind, OriginScheme, OriginTls, Page, PageUrl, RecordMember,
    Server, StatusSet, Target, TargetId, Timers, Trust, is_nearby,
};
pub use print::to_toml;
pub use problem::{Problem, Problems, Severity, counted};
pub use record::{FailoverRecord, Moves, RecordId, Side};
pub use viewer_tls::{Acme, Certificate, MinimumProtocol, ViewerTls};

use std::path::Path;

use written::{Notation, Written};

/// Reads and compiles the config at `path` (`-` is standard input): `tideover.toml`, or CloudFront JSON bare or as
/// printed by `aws cloudfront get-distribution[-config]`; told apart by content. Read are files of 16 MiB at most, and pipes
/// that this program was started with; a device or a named pipe is a problem, for it need not come to an end.
pub fn load(path: &Path, overrides: &Overrides) -> Result<Loaded, Problems> {
    match files::read_text(path) {
        Ok(text) => load_text(path, &text, overrides),
        Err(error) => Err(Problems(vec![Problem::unreadable(path, &error)])),
    }
}

/// Compiles `text` as if it had been read from `path`: for tests, and for callers that have the text at hand.
pub fn load_text(path: &Path, text: &str, overrides: &Overrides) -> Result<Loaded, Problems> {
    let mut problems = Vec::new();
    let policies = policies::read(&overrides.policies, &mut problems);
    let mut written = if cloudfront::looks_like_json(text) {
        cloudfront::walk(text, path, &mut problems)
    } else {
        let mut as_toml = Vec::new();
        let written = toml::walk(text, path, &mut as_toml);
        let other = cloudfront::recognise_other(text, path).filter(|_| written.is_none());
        // What is wrong with a text as TOML helps nobody if it was never meant as TOML.
        problems.extend(other.map_or(as_toml, |other| vec![other]));
        written
    };
    if let Some(written) = &mut written {
        written.policies = policies;
    }
    finish(written, overrides, problems)
}

/// Compiles a config of one group out of `--origin` flags: these origins in this order, writes to the first.
pub fn from_origins(urls: &[String], overrides: &Overrides) -> Result<Loaded, Problems> {
    let written = command_line::walk(urls, overrides);
    finish(Some(written), overrides, Vec::new())
}

/// Takes out of `found` what `told` says already: that a value is missing which is there and could not be read. A table
/// stands before what is in it, so of several places with the same name it is the last one before the value. In
/// CloudFront's notation a field names one value, so whatever else is said of it is said of the same value.
fn hide_what_is_told(told: &[Problem], notation: Notation, found: &mut Vec<Problem>) {
    for told in told.iter().filter(|told| told.severity == Severity::Error) {
        let is_there = |found: &Problem| found.file == told.file && found.field == told.field;
        if notation == Notation::CloudFront {
            found.retain(|found| !is_there(found));
            continue;
        }
        let follows =
            |found: &Problem| is_there(found) && found.line <= told.line && found.is_of_absence();
        let lines = found.iter().filter(|found| follows(found));
        if let Some(line) = lines.map(|found| found.line).max() {
            found.retain(|found| !(follows(found) && found.line == line));
        }
    }
}

/// From the written model to an edge, or to every problem there is.
fn finish(
    written: Option<Written>,
    overrides: &Overrides,
    mut problems: Vec<Problem>,
) -> Result<Loaded, Problems> {
    let is_cloudfronts = written
        .as_ref()
        .is_some_and(|written| written.notation == Notation::CloudFront);
    let edge = written.map(|written| {
        let mut found = Vec::new();
        let edge = compile::compile(&written, overrides, &mut found);
        checks::check(&edge, &written, &mut found);
        if is_cloudfronts {
            found
                .iter_mut()
                .for_each(cloudfront::name_as_cloudfront_does);
        }
        hide_what_is_told(&problems, written.notation, &mut found);
        problems.extend(found);
        edge
    });
    problems.sort_by(|a, b| {
        (b.severity, &a.file, a.line)
            .cmp(&(a.severity, &b.file, b.line))
            .then_with(|| a.field.cmp(&b.field))
    });
    if is_cloudfronts {
        // A behavior of CloudFront spells out every field, so what is said of one is said of most.
        problems = problem::told_once(problems);
    }
    // A flag is looked at once for each distribution or origin that it bears on.
    problems.dedup();
    match edge {
        Some(edge)
            if problems
                .iter()
                .all(|problem| problem.severity < Severity::Error) =>
        {
            Ok(Loaded {
                edge,
                remarks: problems,
            })
        }
        Some(_) | None => Err(Problems(problems)),
    }
}
