//! What the command line says on top of a config: the flags that change how it is read, and those that change how it is served.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Context;
use clap::{ArgMatches, Args, ValueEnum};
use tideover_config::{Mode, Overrides};

use super::environment::{self, list};

/// Flags that change what a config means; `run`, `check` and `explain` have them.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "How the config is read")]
pub(super) struct Reading {
    /// Which set of defaults [default: as the file says, else faithful for CloudFront JSON and resilient for the rest]
    #[arg(
        long,
        value_name = "MODE",
        env = "TIDEOVER_MODE",
        hide_env_values = true
    )]
    mode: Option<ModeName>,
    /// Send an origin's traffic elsewhere, or play it from a folder (dir:FOLDER); ORIGIN is an id, a domain name or a glob of either [repeatable]
    #[arg(
        long,
        value_name = "ORIGIN=URL",
        env = "TIDEOVER_MAP",
        hide_env_values = true
    )]
    map: Vec<String>,
    /// Call an origin by this Host [repeatable]
    #[arg(
        long,
        value_name = "ORIGIN=NAME",
        env = "TIDEOVER_MAP_HOST",
        hide_env_values = true
    )]
    map_host: Vec<String>,
    /// PEM file: origins' certificates are checked against these authorities, not the platform's
    #[arg(
        long,
        value_name = "FILE",
        env = "TIDEOVER_ORIGIN_CA",
        hide_env_values = true
    )]
    origin_ca: Option<PathBuf>,
    /// Output of `aws cloudfront get-cache-policy`, `get-origin-request-policy` or `get-response-headers-policy` [repeatable]
    #[arg(
        long,
        value_name = "FILE",
        env = "TIDEOVER_POLICY",
        hide_env_values = true
    )]
    policy: Vec<String>,
    /// The distribution that answers to hosts which no other one knows
    #[arg(
        long,
        value_name = "ID",
        env = "TIDEOVER_DEFAULT_DISTRIBUTION",
        hide_env_values = true
    )]
    default_distribution: Option<String>,
    /// What a plain listener counts as [default: https on loopback without a TLS listener, else http]
    #[arg(long, value_name = "SCHEME", env = "TIDEOVER_VIEWER_SCHEME", hide_env_values = true,
          value_parser = ["http", "https"])]
    viewer_scheme: Option<String>,
    /// `off`: nothing is cached, whatever the config says; `on`: it is, although the config's `[cache]` has no memory
    #[arg(long, value_name = "on|off", env = "TIDEOVER_CACHE", hide_env_values = true,
          value_parser = ["on", "off"])]
    cache: Option<String>,
    /// How much memory the cache may take, such as `512MiB`; 0 is none [default: as the file says, else 256MiB]
    #[arg(
        long,
        value_name = "SIZE",
        env = "TIDEOVER_CACHE_MEMORY",
        hide_env_values = true
    )]
    cache_memory: Option<String>,
    /// Who is told which origins were tried; `token`: viewers that send the value of `TIDEOVER_ATTEMPTS_TOKEN` as `Tideover-Token`
    #[arg(long, value_name = "WHO", env = "TIDEOVER_ATTEMPTS", hide_env_values = true,
          value_parser = ["public", "token", "off"])]
    attempts: Option<String>,
    /// A file with the token that changes by the admin listener take, in place of that of the config; or set `TIDEOVER_ADMIN_TOKEN`
    #[arg(
        long,
        value_name = "FILE",
        env = "TIDEOVER_ADMIN_TOKEN_FILE",
        hide_env_values = true
    )]
    admin_token_file: Option<PathBuf>,
}

/// Flags that change how and where a config is served; `run` has them.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "How it is served")]
pub(super) struct Serving {
    /// Plain HTTP for viewers; port 0 picks a free one [repeatable]
    #[arg(
        long,
        value_name = "ADDR",
        env = "TIDEOVER_LISTEN",
        hide_env_values = true
    )]
    listen: Vec<String>,
    /// HTTP over TLS for viewers, HTTP/2 offered [repeatable]
    #[arg(
        long,
        value_name = "ADDR",
        env = "TIDEOVER_LISTEN_TLS",
        hide_env_values = true
    )]
    listen_tls: Vec<String>,
    /// PEM file: the certificate that viewers are shown, and those that lead to an authority's
    #[arg(
        long,
        value_name = "FILE",
        env = "TIDEOVER_CERT",
        hide_env_values = true
    )]
    cert: Option<PathBuf>,
    /// PEM file: its private key [default: in the file of --cert]
    #[arg(
        long,
        value_name = "FILE",
        env = "TIDEOVER_KEY",
        hide_env_values = true
    )]
    key: Option<PathBuf>,
    /// In place of the config's certificates: one that the edge makes itself and nobody trusts, for local work
    #[arg(long, env = "TIDEOVER_TLS_SELF_SIGNED", hide_env_values = true,
          value_parser = clap::builder::BoolishValueParser::new())]
    tls_self_signed: bool,
    /// Health and metrics; on loopback if only a port is given
    #[arg(
        long,
        value_name = "ADDR",
        env = "TIDEOVER_ADMIN",
        hide_env_values = true
    )]
    admin: Option<String>,
    /// The same for the network: health checks, Prometheus
    #[arg(
        long,
        value_name = "ADDR",
        env = "TIDEOVER_STATUS",
        hide_env_values = true
    )]
    status: Option<String>,
    /// Threads that serve viewers [default: one per core]
    #[arg(long, value_name = "N", env = "TIDEOVER_WORKERS", hide_env_values = true,
          value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,
    /// One line per request: a file, `-` for standard output, or `off` [default: off]
    #[arg(
        long,
        value_name = "FILE|-|off",
        env = "TIDEOVER_ACCESS_LOG",
        hide_env_values = true
    )]
    access_log: Option<String>,
    /// What such a line looks like
    #[arg(long, value_name = "FORMAT", env = "TIDEOVER_LOG_FORMAT", hide_env_values = true,
          value_parser = ["cloudfront", "json"])]
    log_format: Option<String>,
    /// Every timer of the config times this, for tests
    #[arg(long, value_name = "FACTOR", env = "TIDEOVER_TIME_SCALE", hide_env_values = true,
          value_parser = time_scale)]
    time_scale: Option<f64>,
}

impl Reading {
    /// As `config` takes it, of the flags `given`; `command` is named where the usage is wrong.
    pub(super) fn overrides(&self, command: &str, given: &ArgMatches) -> anyhow::Result<Overrides> {
        Ok(Overrides {
            mode: self.mode.map(|mode| match mode {
                ModeName::Faithful => Mode::Faithful,
                ModeName::Resilient => Mode::Resilient,
            }),
            map: pairs(command, "--map", "URL", &list(given, "map", &self.map))?,
            map_host: pairs(
                command,
                "--map-host",
                "NAME",
                &list(given, "map_host", &self.map_host),
            )?,
            origin_ca: self.origin_ca.clone(),
            policies: list(given, "policy", &self.policy)
                .iter()
                .map(PathBuf::from)
                .collect(),
            default_distribution: self.default_distribution.clone(),
            viewer_scheme: self.viewer_scheme.clone(),
            cache: self.cache.clone(),
            cache_memory: self.cache_memory.clone(),
            attempts: self.attempts.clone(),
            admin_token: admin_token(self.admin_token_file.as_deref())?,
            attempts_token: environment::set(environment::ATTEMPTS_TOKEN),
            ..Overrides::default()
        })
    }
}

/// What is in `file`, without the line's end; else what is in the environment.
pub(super) fn admin_token(file: Option<&Path>) -> anyhow::Result<Option<String>> {
    let Some(file) = file else {
        return Ok(environment::set(environment::ADMIN_TOKEN));
    };
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read the token in {}", file.display()))?;
    Ok(Some(text.trim().to_owned()))
}

impl Serving {
    /// Adds these to what [`Reading::overrides`] said.
    pub(super) fn add_to(&self, overrides: Overrides, given: &ArgMatches) -> Overrides {
        Overrides {
            listen: list(given, "listen", &self.listen),
            listen_tls: list(given, "listen_tls", &self.listen_tls),
            certificate: self.cert.clone(),
            key: self.key.clone(),
            tls_self_signed: self.tls_self_signed,
            admin: self.admin.clone(),
            status: self.status.clone(),
            workers: self.workers.map(usize::from),
            access_log: self.access_log.clone(),
            log_format: self.log_format.clone(),
            time_scale: self.time_scale,
            ..overrides
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ModeName {
    /// Do what CloudFront does
    Faithful,
    /// Keep serving where CloudFront would not
    Resilient,
}

/// A list of statuses in one word, `500,502`, or split on white space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statuses(pub(super) Vec<u16>);

impl FromStr for Statuses {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let statuses = text
            .split(|c: char| c == ',' || c.is_whitespace())
            .filter(|word| !word.is_empty())
            .map(|word| match word.parse() {
                Ok(status) if (400..=599).contains(&status) => Ok(status),
                Ok(_) | Err(_) => Err(format!("`{word}` is no status from 400 to 599")),
            })
            .collect::<Result<Vec<_>, _>>()?;
        if statuses.is_empty() {
            return Err("name one status or more".to_owned());
        }
        Ok(Self(statuses))
    }
}

fn time_scale(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(factor) if factor > 0.0 && factor <= 1000.0 => Ok(factor),
        Ok(_) | Err(_) => Err("write a number above 0, up to 1000".to_owned()),
    }
}

fn pairs(
    command: &str,
    flag: &str,
    right: &str,
    values: &[String],
) -> anyhow::Result<Vec<(String, String)>> {
    values
        .iter()
        .map(|value| match value.split_once('=') {
            Some((origin, to)) if !origin.is_empty() && !to.is_empty() => {
                Ok((origin.to_owned(), to.to_owned()))
            }
            Some(_) | None => Err(super::wrong_usage(
                command,
                &format!("{flag} is `{value}`; write ORIGIN={right}"),
            )),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Statuses, time_scale};

    #[test]
    fn statuses_are_split_on_commas_and_white_space() {
        assert_eq!("500,502".parse(), Ok(Statuses(vec![500, 502])));
        assert_eq!("500 404\n".parse(), Ok(Statuses(vec![500, 404])));
        for wrong in ["", "200", "5xx", "70000"] {
            assert!(wrong.parse::<Statuses>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_time_scale_is_a_positive_number() {
        assert_eq!(time_scale("0.01"), Ok(0.01));
        for wrong in ["0", "-1", "NaN", "inf", "fast"] {
            assert!(time_scale(wrong).is_err(), "{wrong}");
        }
    }
}
