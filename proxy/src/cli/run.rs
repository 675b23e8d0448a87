//! `tideover run`: serve until told to stop.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{ArgMatches, Args};
use tideover::{Given, ListenerKind, Reloaded, RunningEdge};
use tideover_config::{
    Edge, Loaded, LogTo, Overrides, Problem, Problems, Severity, ViewerScheme, counted,
    from_origins, load,
};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::container;
use super::environment::list;
use super::open_files;
use super::overriding::{Reading, Serving, Statuses};
use super::paint::Paint;
use super::said;
use super::systemd::{self, Watchdog};
use super::target_words::{methods, target};
use super::watch::Watch;

/// Flags of `run`.
#[derive(Clone, Debug, Args)]
pub(super) struct Options {
    /// `tideover.toml`, or a CloudFront distribution's JSON; `-` is standard input
    #[arg(
        long,
        value_name = "FILE",
        env = "TIDEOVER_CONFIG",
        hide_env_values = true
    )]
    config: Option<PathBuf>,
    /// No file: these origins (URLs, or dir:FOLDER) in this order, writes to the first [repeatable]
    #[arg(
        long,
        value_name = "URL",
        env = "TIDEOVER_ORIGIN",
        hide_env_values = true,
        conflicts_with = "config"
    )]
    origin: Vec<String>,
    /// With --origin: the statuses that fall through [default: 500,502,503,504]
    #[arg(
        long,
        value_name = "STATUSES",
        env = "TIDEOVER_FAIL_OVER_ON",
        hide_env_values = true,
        conflicts_with = "config"
    )]
    fail_over_on: Option<Statuses>,
    /// Serve beyond loopback although the config demands protection that is not built
    #[arg(long, env = "TIDEOVER_ALLOW_UNENFORCED", hide_env_values = true,
          value_parser = clap::builder::BoolishValueParser::new())]
    allow_unenforced: bool,
    /// Take the listening sockets over from the edge that serves now, if there is one, and let the next one do the same: at
    /// this Unix socket, or where the config's `takeover` says
    #[arg(long, value_name = "PATH", env = "TIDEOVER_TAKEOVER", hide_env_values = true,
          num_args = 0..=1, require_equals = true)]
    #[expect(
        clippy::option_option,
        reason = "so clap tells a flag without its value from none"
    )]
    takeover: Option<Option<PathBuf>>,
    /// Do not read the config again when its file changes, only on SIGHUP
    #[arg(long, env = "TIDEOVER_NO_WATCH", hide_env_values = true,
          value_parser = clap::builder::BoolishValueParser::new())]
    no_watch: bool,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    serving: Serving,
}

impl Options {
    fn overrides(&self, given: &ArgMatches) -> anyhow::Result<Overrides> {
        let reading = self.reading.overrides("run", given)?;
        Ok(Overrides {
            fail_over_on: self.fail_over_on.clone().map(|Statuses(statuses)| statuses),
            takeover: self.takeover.clone().flatten(),
            ..self.serving.add_to(reading, given)
        })
    }

    fn load(&self, overrides: &Overrides) -> Result<Loaded, Problems> {
        match &self.config {
            Some(file) => load(file, overrides),
            None => from_origins(&self.origin, overrides),
        }
    }

    /// The files whose change means another config; none where that is not to be seen to.
    fn watched(&self, edge: &Edge, overrides: &Overrides) -> BTreeSet<PathBuf> {
        let Some(config) = self.config.as_ref().filter(|_| {
            edge.listen.lifecycle.watch && !self.no_watch && !self.cannot_be_read_again()
        }) else {
            return BTreeSet::new();
        };
        edge.files()
            .into_iter()
            .map(Path::to_owned)
            .chain(overrides.policies.iter().cloned())
            .chain([config.clone()])
            .collect()
    }

    /// What is listened on already: by the predecessor, or on behalf of the service manager.
    fn given(&self, edge: &Edge) -> anyhow::Result<Given> {
        let sockets = systemd::sockets().context("a socket of the service manager")?;
        if self.takeover.is_none() {
            return Ok(Given::by_a_service_manager(sockets)?);
        }
        let Some(path) = &edge.listen.lifecycle.takeover else {
            return Err(super::wrong_usage(
                "run",
                "--takeover: where? say --takeover=PATH, or set `takeover` in the [listen] of the config",
            ));
        };
        let given = Given::by_a_predecessor(path)
            .with_context(|| format!("cannot take over at {}", path.display()))?;
        if let Some(given) = given {
            eprintln!("taking over at {}", path.display());
            return Ok(given);
        }
        eprintln!("nobody to take over from at {}", path.display());
        Ok(Given::by_a_service_manager(sockets)?)
    }

    /// A pipe is empty once it has been read, a terminal would keep the reader waiting, and so would a named pipe that has
    /// come in the place of a file.
    fn cannot_be_read_again(&self) -> bool {
        self.config.as_deref().is_some_and(|config| {
            let kind = std::fs::metadata(config).map(|config| config.file_type());
            config == Path::new("-")
                || kind.is_ok_and(|kind| kind.is_fifo() || kind.is_char_device())
        })
    }
}

/// Serves until SIGTERM or SIGINT.
pub(super) fn run(mut options: Options, given: &ArgMatches) -> anyhow::Result<ExitCode> {
    options.origin = list(given, "origin", &options.origin);
    if options.config.is_none() && options.origin.is_empty() {
        return Err(super::wrong_usage(
            "run",
            "nothing to serve: give --config FILE or --origin URL, or set TIDEOVER_CONFIG or TIDEOVER_ORIGIN \
             (`tideover demo` needs none of them)",
        ));
    }
    let overrides = options.overrides(given)?;
    let loaded = match options.load(&overrides) {
        Ok(loaded) => loaded,
        Err(problems) => {
            said::problems(&problems.0, Paint::for_stderr());
            return Ok(ExitCode::FAILURE);
        }
    };
    tell_remarks(&loaded.remarks);
    if let Some(refusal) = unenforced(&loaded, options.allow_unenforced) {
        eprintln!("tideover: {refusal}");
        return Ok(ExitCode::FAILURE);
    }
    // Before there is a second thread: it takes what it reads out of the environment.
    let given = options.given(&loaded.edge)?;
    let files = open_files::raise();
    eprint!("{}", introduction(&loaded.edge));
    eprintln!("{files}");
    let listen = &loaded.edge.listen;
    let for_viewers = [&listen.http[..], &listen.https].concat();
    if let Some(warning) = container::out_of_reach(&for_viewers, &container::Signs::seen()) {
        eprintln!("tideover: warning: {warning}");
    }

    let watched = options.watched(&loaded.edge, &overrides);
    let time_scale = loaded.edge.time_scale;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        // As they were read: whatever changes from now on is news.
        let watch = Watch::of(watched, time_scale);
        // Before the first viewer can come: a signal must not find the default action.
        let signals = Signals::listen()?;
        let takes_over = given.has_predecessor();
        let edge = {
            // The access log may go to standard output as well: until these lines are out, its writer waits.
            let _first = std::io::stdout().lock();
            let edge = tideover::start_with(loaded.edge, given)?;
            tell_listeners(&edge);
            edge
        };
        let status = format!("serving {}", places(&edge.listeners()));
        if takes_over {
            systemd::took_over(&status);
        } else {
            systemd::ready(&status);
        }
        Ok(serve(edge, signals, watch, &options, &overrides).await)
    })
}

/// What the operator can say to a running edge.
struct Signals {
    term: Signal,
    int: Signal,
    hup: Signal,
    usr1: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            hup: signal(SignalKind::hangup())?,
            usr1: signal(SignalKind::user_defined1())?,
        })
    }

    async fn stop(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
        }
    }
}

async fn serve(
    edge: RunningEdge,
    mut signals: Signals,
    mut watch: Watch,
    options: &Options,
    overrides: &Overrides,
) -> ExitCode {
    let mut watchdog = Watchdog::from_environment();
    let mut successor = None;
    loop {
        let reloaded = tokio::select! {
            _ = signals.term.recv() => break,
            _ = signals.int.recv() => break,
            _ = signals.hup.recv() => {
                watch.are_read();
                reload(&edge, options, overrides)
            }
            () = watch.changes() => {
                eprintln!("the config's files have changed");
                reload(&edge, options, overrides)
            }
            _ = signals.usr1.recv() => {
                edge.reopen_log();
                None
            }
            () = watchdog.is_due() => {
                watchdog.look(&edge);
                None
            }
            present = edge.successor(successor) => {
                systemd::is_succeeded(present);
                successor = present;
                None
            }
        };
        if let Some(files) = reloaded {
            watch.turn_to(files);
        }
    }
    tokio::select! {
        biased;
        // Who has just taken over may be why this one is to end.
        present = edge.successor(successor) => systemd::is_succeeded(present),
        () = std::future::ready(()) => {}
    }
    let lifecycle = edge.lifecycle();
    let (delay, timeout) = (lifecycle.drain_delay, lifecycle.drain_timeout);
    systemd::stopping("draining");
    if !delay.is_zero() {
        edge.look_away();
        eprintln!("not ready any more, serving on for {delay:?}; a second signal ends at once");
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            () = signals.stop() => std::process::exit(1),
        }
    }
    eprintln!(
        "draining: no new request is taken, running ones have {timeout:?}; a second signal ends at once"
    );
    let mut drained = tokio::task::spawn_blocking(move || edge.shut_down(timeout));
    loop {
        tokio::select! {
            summary = &mut drained => return match summary {
                Ok(summary) => {
                    eprintln!("{summary}");
                    ExitCode::SUCCESS
                }
                Err(error) => {
                    eprintln!("tideover: the drain broke off: {error}");
                    ExitCode::FAILURE
                }
            },
            // The drain has a limit of its own, and workers that are done do not answer.
            () = watchdog.is_due() => Watchdog::feed(),
            // The blocking thread would be waited for: this is what "at once" means.
            () = signals.stop() => std::process::exit(1),
        }
    }
}

/// A config that does not load changes nothing. Returns the files of one that does, which are those to watch.
fn reload(
    edge: &RunningEdge,
    options: &Options,
    overrides: &Overrides,
) -> Option<BTreeSet<PathBuf>> {
    systemd::reloading();
    let files = try_to_reload(edge, options, overrides);
    let places = places(&edge.listeners());
    systemd::ready(&match files {
        Some(_) => format!("serving {places}"),
        None => format!("serving {places}; the last reload was refused"),
    });
    files
}

fn try_to_reload(
    edge: &RunningEdge,
    options: &Options,
    overrides: &Overrides,
) -> Option<BTreeSet<PathBuf>> {
    if options.cannot_be_read_again() {
        eprintln!(
            "reload: the config is standard input or a pipe and cannot be read again; nothing changed"
        );
        return None;
    }
    let loaded = match options.load(overrides) {
        Ok(loaded) => loaded,
        Err(problems) => {
            eprintln!("reload refused, the old config keeps serving:");
            said::problems(&problems.0, Paint::for_stderr());
            return None;
        }
    };
    tell_remarks(&loaded.remarks);
    if let Some(refusal) = unenforced(&loaded, options.allow_unenforced) {
        eprintln!("reload refused, the old config keeps serving: {refusal}");
        return None;
    }
    let introduction = introduction(&loaded.edge);
    let watched = options.watched(&loaded.edge, overrides);
    match edge.reload(loaded.edge) {
        Ok(reloaded) => {
            eprint!("{}{introduction}", told(&reloaded));
            Some(watched)
        }
        Err(error) => {
            let error = anyhow::Error::from(error);
            eprintln!("reload refused, the old config keeps serving: {error:#}");
            None
        }
    }
}

/// What a reload came to, on a line; what it could not change, on another.
fn told(reloaded: &Reloaded) -> String {
    let changes = [
        ("opened", &reloaded.listeners.opened),
        ("closed", &reloaded.listeners.closed),
    ];
    let changes: Vec<String> = changes
        .into_iter()
        .filter(|(_, listeners)| !listeners.is_empty())
        .map(|(what, listeners)| format!("{what} {}", places(listeners)))
        .collect();
    let changes = if changes.is_empty() {
        "the same listeners".to_owned()
    } else {
        changes.join("; ")
    };
    let mut text = format!("reloaded ({changes})\n");
    if !reloaded.stays.is_empty() {
        text += &format!(
            "the new {} waits for a restart: until then it stays as it was started\n",
            reloaded.stays.join(" and ")
        );
    }
    text
}

/// `http 127.0.0.1:8000, status 127.0.0.1:9902`.
fn places(listeners: &[(ListenerKind, SocketAddr)]) -> String {
    let places: Vec<String> = listeners
        .iter()
        .map(|(kind, address)| format!("{} {address}", kind.as_str()))
        .collect();
    places.join(", ")
}

/// Everything that counts; notes are for `check`.
fn tell_remarks(remarks: &[Problem]) {
    let (notes, others): (Vec<&Problem>, Vec<&Problem>) = remarks
        .iter()
        .partition(|problem| problem.severity == Severity::Note);
    said::problems(others, Paint::for_stderr());
    if !notes.is_empty() {
        eprintln!(
            "{} more from `tideover check`",
            counted(notes.len() as u64, "note")
        );
    }
}

/// Why this config must not be served where it is to be served, if so.
fn unenforced(loaded: &Loaded, allowed: bool) -> Option<String> {
    let listen = &loaded.edge.listen;
    let open = listen
        .http
        .iter()
        .chain(&listen.https)
        .find(|address| !address.ip().is_loopback())?;
    let first = loaded
        .remarks
        .iter()
        .find(|problem| problem.severity == Severity::NotEnforced)?;
    (!allowed).then(|| {
        format!(
            "{} is set and NOT ENFORCED here, and {open} can be reached from other machines; \
             listen on loopback, or say --allow-unenforced if everyone may see this content",
            first.field
        )
    })
}

/// What is served, in which mode, and why: printed at start and after a reload.
fn introduction(edge: &Edge) -> String {
    use std::fmt::Write;
    let mut text = format!("mode {}: {}\n", edge.mode.as_str(), edge.mode_reason);
    for distribution in &edge.distributions {
        let names = if distribution.aliases.is_empty() {
            "any host".to_owned()
        } else {
            distribution.aliases.join(", ")
        };
        let state = if distribution.enabled {
            ""
        } else {
            " (disabled: every request is refused)"
        };
        let _ = writeln!(text, "{}{state} serves {names}", distribution.id);
        for behavior in &distribution.behaviors {
            let _ = writeln!(
                text,
                "  {} {} -> {}",
                behavior.path.as_str(),
                methods(behavior.for_methods.unwrap_or(behavior.allowed_methods)),
                target(edge, edge.target(behavior.target)),
            );
        }
    }
    let plain = match edge.listen.viewer_scheme {
        ViewerScheme::Http => "a plain listener counts as http",
        ViewerScheme::Https => {
            "a plain listener counts as https (origins and redirects see https; --viewer-scheme http changes that)"
        }
    };
    let _ = writeln!(text, "{plain}");
    let listen = &edge.listen;
    let any_ipv6 = |address: &SocketAddr| address.is_ipv6() && address.ip().is_unspecified();
    for address in listen.addresses().filter(any_ipv6) {
        let whom = if listen.takes_both_families(address) {
            "IPv6 and IPv4"
        } else {
            "IPv6 only: IPv4 is listened to on an address of its own"
        };
        let _ = writeln!(text, "{address} takes {whom}");
    }
    let log = match &edge.access_log.to {
        LogTo::Off => "access log off".to_owned(),
        LogTo::Stdout => "access log to standard output".to_owned(),
        LogTo::File(file) => format!("access log to {}", file.display()),
    };
    let _ = writeln!(text, "{log}");
    if let Some(cache) = said::cache(edge) {
        let _ = writeln!(text, "{cache}");
    }
    text
}

/// The contract with scripts: the addresses, one per line, then `ready`.
fn tell_listeners(edge: &RunningEdge) {
    let mut text = String::new();
    for (kind, address) in edge.listeners() {
        text += &format!("listening {} {address}\n", kind.as_str());
    }
    text += "ready\n";
    if let Err(error) = said::print(&text) {
        // Nobody reads it: no reason not to serve.
        tracing::debug!(%error, "standard output is closed");
    }
}
