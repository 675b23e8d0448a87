//! What the operator said: `tideover.toml` and CloudFront JSON, compiled into types that cannot be wrong.
//!
//! This crate reads files and nothing else: it opens no socket, runs no task and decides nothing about a request.
//! A config is walked as a tree with positions into the written model, then compiled; every problem is reported at once,
//! each with file, line, field, what was found and what to write instead.
//!
//! - [`Edge`] is the compiled config, [`Loaded`] an edge with the remarks its operator should read.
//! - [`distribution`], [`behavior`], [`origin`], [`listener`] hold its parts.
//! - [`Problem`] is one thing to say about a config.

pub mod behavior;
pub mod distribution;
mod edge;
pub mod listener;
pub mod origin;
mod problem;
mod spelling;
mod written;

pub use behavior::{
    AcceptEncoding, Behavior, CloudFrontHeader, Cors, GetBody, HeaderSelection, MethodSet,
    NameSelection, OriginRequest, PathPattern, ResponseHeadersPolicy, ViewerProtocol,
    ViewerResponse, WriteError, wildcard_matches,
};
pub use distribution::{
    AttemptsShown, CustomErrorResponse, Distribution, ErrorPage, LoopCheck, Pages, Secret, Voice,
};
pub use edge::{Edge, Hosts, Loaded, Mode, Overrides};
pub use listener::{AccessLog, Limits, Listen, LogFormat, LogTo, ViewerScheme};
pub use origin::{
    AddressFamily, ConnectionAttempts, Endpoint, FailoverCriteria, Failure, FailureSet, HostHeader,
    Member, Origin, OriginId, OriginKind, OriginScheme, OriginTls, Page, Server, StatusSet, Target,
    TargetId, Timers, Trust,
};
pub use problem::{Problem, Problems, Severity};

use std::path::Path;

/// Reads and compiles the config at `path` (`-` is standard input): `tideover.toml`, or CloudFront JSON bare or as
/// printed by `aws cloudfront get-distribution[-config]`; told apart by content.
pub fn load(path: &Path, overrides: &Overrides) -> Result<Loaded, Problems> {
    let _ = (path, overrides);
    todo!()
}

/// Compiles `text` as if it had been read from `path`: for tests, and for callers that have the text at hand.
pub fn load_text(path: &Path, text: &str, overrides: &Overrides) -> Result<Loaded, Problems> {
    let _ = (path, text, overrides);
    todo!()
}

/// Compiles a config of one group out of `--origin` flags: these origins in this order, writes to the first.
pub fn from_origins(urls: &[String], overrides: &Overrides) -> Result<Loaded, Problems> {
    let _ = (urls, overrides);
    todo!()
}
