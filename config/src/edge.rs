//! The compiled config: everything one edge needs to know, by index.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::admin::Admin;
use crate::alarm::Webhook;
use crate::cache::CacheLimits;
use crate::distribution::Distribution;
use crate::journal::Journal;
use crate::listener::{AccessLog, Listen};
use crate::origin::{Member, Origin, OriginId, OriginKind, Target, TargetId, Trust};
use crate::record::FailoverRecord;
use crate::viewer_tls::Certificate;

/// A config that was checked: every index is good, every list that must not be empty is not.
#[derive(Clone, Debug)]
pub struct Edge {
    /// Listeners and limits.
    pub listen: Listen,
    /// How it is seen and changed while it runs.
    pub admin: Admin,
    /// How much the cache may keep; no memory: no behavior has one.
    pub cache: CacheLimits,
    /// Where lines go.
    pub access_log: AccessLog,
    /// Where writes are noted that a record's secondary took; `None`: nowhere.
    pub journal: Option<Journal>,
    /// Who is told of alarms, in the order of the file.
    pub alarms: Vec<Webhook>,
    /// By [`OriginId`].
    pub origins: Vec<Origin>,
    /// By [`TargetId`]: every group, and one target for each origin that a behavior names directly.
    pub targets: Vec<Target>,
    /// By [`RecordId`](crate::RecordId).
    pub records: Vec<FailoverRecord>,
    /// In the order of the file; [`Hosts`] picks one.
    pub distributions: Vec<Distribution>,
    /// `Host` to distribution.
    pub hosts: Hosts,
    /// Origins may be made to fail on command.
    pub takes_faults: bool,
    /// Which mode picked the defaults. For messages only: no rule asks.
    pub mode: Mode,
    /// Why it is that mode, in words that follow "mode faithful: ".
    pub mode_reason: String,
    /// What every timer is multiplied by, above 0 and up to 1000; elapsed times are shown as if it were 1. Tests only.
    pub time_scale: f64,
}

impl Edge {
    /// The origin at `id`.
    pub fn origin(&self, id: OriginId) -> &Origin {
        &self.origins[usize::from(id.0)]
    }

    /// What `member` is called: an origin or a record.
    pub fn member_name(&self, member: &Member) -> &Arc<str> {
        match &member.record {
            Some(record) => &self.records[usize::from(record.id.0)].id,
            None => &self.origin(member.origin).id,
        }
    }

    /// The files that its parts were read from, in no order; the config's own is not among them. What is in them was read
    /// when the config was loaded.
    pub fn files(&self) -> Vec<&Path> {
        let of_origins = self.origins.iter().filter_map(|origin| match &origin.kind {
            OriginKind::Page(page) => page.file.as_deref(),
            OriginKind::Server(server) => match &server.tls.trust {
                Trust::Only { file, .. } => Some(file.as_path()),
                Trust::Platform | Trust::Anyone => None,
            },
            // What is in it was not read, and is looked at anew with each request.
            OriginKind::Folder(_) => None,
        });
        let certificates = self.listen.tls.iter().flat_map(|tls| &tls.certificates);
        let of_certificates = certificates.flat_map(|certificate| match certificate {
            Certificate::Files { file, key_file, .. } => vec![file.as_path(), key_file.as_path()],
            // What is ordered is put in by itself.
            Certificate::SelfSigned | Certificate::Acme => Vec::new(),
        });
        let acme = self.listen.tls.iter().filter_map(|tls| tls.acme.as_ref());
        let of_acme = acme.filter_map(|acme| match &acme.trust {
            Trust::Only { file, .. } => Some(file.as_path()),
            Trust::Platform | Trust::Anyone => None,
        });
        let of_alarms = self.alarms.iter().filter_map(|alarm| match &alarm.trust {
            Trust::Only { file, .. } => Some(file.as_path()),
            Trust::Platform | Trust::Anyone => None,
        });
        let of_others = of_acme.chain(of_alarms);
        of_origins.chain(of_certificates).chain(of_others).collect()
    }

    /// The target at `id`.
    pub fn target(&self, id: TargetId) -> &Target {
        &self.targets[usize::from(id.0)]
    }
}

/// A set of defaults. Nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// What CloudFront does.
    Faithful,
    /// What keeps serving where CloudFront would not.
    Resilient,
}

impl Mode {
    /// `faithful` or `resilient`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Faithful => "faithful",
            Self::Resilient => "resilient",
        }
    }
}

/// `Host` to distribution. Source: Developer Guide, "Use custom URLs by adding alternate domain names";
/// the rules for local names are ours, so that a plain curl reaches the only distribution.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    /// Lower-case names without port.
    pub exact: BTreeMap<Box<str>, u16>,
    /// What follows the `*`, dot included (`.example.com`), longest first.
    pub wildcards: Vec<(Box<str>, u16)>,
    /// Takes every host that nothing else takes: a distribution without aliases, or `--default-distribution`.
    pub any: Option<u16>,
    /// Takes `localhost`, `*.localhost` and loopback addresses: the only distribution there is.
    pub local: Option<u16>,
}

impl Hosts {
    /// All names and wildcards, sorted, for messages.
    pub fn known(&self) -> Vec<String> {
        let mut names: Vec<String> = self.exact.keys().map(ToString::to_string).collect();
        names.extend(
            self.wildcards
                .iter()
                .map(|(suffix, _)| format!("*{suffix}")),
        );
        names.sort();
        names
    }
}

/// What the command line said on top of the file.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--mode`.
    pub mode: Option<Mode>,
    /// `--listen`, as written; replaces those of the file.
    pub listen: Vec<String>,
    /// `--listen-tls`, as written; replaces those of the file.
    pub listen_tls: Vec<String>,
    /// `--cert`: with `--key` it replaces the certificates of the file.
    pub certificate: Option<std::path::PathBuf>,
    /// `--key`.
    pub key: Option<std::path::PathBuf>,
    /// `--tls-self-signed`: in place of the certificates of the file, those that are ordered included, unless `--cert` names one.
    pub tls_self_signed: bool,
    /// `--admin`.
    pub admin: Option<String>,
    /// `TIDEOVER_ADMIN_TOKEN`, or what is in the file of `--admin-token-file`.
    pub admin_token: Option<String>,
    /// `--status`.
    pub status: Option<String>,
    /// `--viewer-scheme`: `http` or `https`.
    pub viewer_scheme: Option<String>,
    /// `--map ORIGIN=URL`, split at the first `=`.
    pub map: Vec<(String, String)>,
    /// `--map-host ORIGIN=NAME`.
    pub map_host: Vec<(String, String)>,
    /// `--origin-ca`.
    pub origin_ca: Option<std::path::PathBuf>,
    /// `--default-distribution`.
    pub default_distribution: Option<String>,
    /// `--time-scale`.
    pub time_scale: Option<f64>,
    /// `--takeover=PATH`: replaces that of the file.
    pub takeover: Option<std::path::PathBuf>,
    /// `--workers`.
    pub workers: Option<usize>,
    /// `--access-log`: a file, `-` or `off`.
    pub access_log: Option<String>,
    /// `--log-format`: `cloudfront` or `json`.
    pub log_format: Option<String>,
    /// `--cache`: `on` or `off`.
    pub cache: Option<String>,
    /// `--cache-memory`: replaces that of the file; `256MiB`, or bytes.
    pub cache_memory: Option<String>,
    /// `--attempts`: `public`, `token` or `off`.
    pub attempts: Option<String>,
    /// `TIDEOVER_ATTEMPTS_TOKEN`.
    pub attempts_token: Option<String>,
    /// `--policy`, in order.
    pub policies: Vec<std::path::PathBuf>,
    /// `--fail-over-on`, only with `--origin`.
    pub fail_over_on: Option<Vec<u16>>,
}

/// A config that loaded, with what its operator should know.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The compiled config.
    pub edge: Edge,
    /// Warnings, notes and unenforced protection; never a [`Severity::Error`](crate::Severity::Error).
    pub remarks: Vec<crate::Problem>,
}
