//! `tideover switch`: an operator's order to a running edge.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::client::ask_admin;
use super::environment;
use super::healthcheck::address;
use super::overriding::admin_token;
use super::said;

/// An edge answers at once; what is behind a tunnel may take its time.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the edge is, and what it is asked with. `switch` and `status` have them.
#[derive(Clone, Debug, Args)]
pub(super) struct Admin {
    /// The admin listener of the edge [default: 127.0.0.1:9901]
    #[arg(
        long,
        value_name = "ADDR",
        env = "TIDEOVER_ADMIN",
        hide_env_values = true
    )]
    admin: Option<String>,
    /// A file with its token [default: `TIDEOVER_ADMIN_TOKEN`, else what an edge of the same user on this machine has left]
    #[arg(
        long,
        value_name = "FILE",
        env = "TIDEOVER_TOKEN_FILE",
        hide_env_values = true
    )]
    token_file: Option<PathBuf>,
}

impl Admin {
    pub(super) fn place(&self, command: &str) -> anyhow::Result<SocketAddr> {
        let written = self.admin.as_deref().unwrap_or("127.0.0.1:9901");
        address(written).ok_or_else(|| {
            super::wrong_usage(
                command,
                &format!("`{written}` is no address; write IP:PORT, such as 127.0.0.1:9901"),
            )
        })
    }

    /// What the edge answers to a GET, or to a POST of `change`.
    pub(super) async fn ask(
        &self,
        place: SocketAddr,
        path: &str,
        change: Option<&Value>,
    ) -> anyhow::Result<Result<Value, String>> {
        let token = self.token(place)?;
        let asked = ask_admin(place, path, change, token.as_deref());
        let answer = tokio::time::timeout(PATIENCE, asked)
            .await
            .with_context(|| format!("{place} does not answer"))?
            .with_context(|| format!("no edge answers at {place} (--admin says where it is)"))?;
        let value: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        // A viewer's listener may answer anything.
        if answer.status.is_success() && value.is_object() {
            return Ok(Ok(value));
        }
        let detail = value["detail"].as_str();
        let detail = detail.map_or_else(
            || {
                format!(
                    "{place} answers {} as no admin listener of an edge does (--admin says where it is)",
                    answer.status
                )
            },
            plain,
        );
        Ok(Err(detail))
    }

    fn token(&self, place: SocketAddr) -> anyhow::Result<Option<String>> {
        let said = admin_token(self.token_file.as_deref().map(Path::new))?;
        Ok(said.or_else(|| tideover::token_left_for(place)))
    }
}

/// Flags of `switch`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "An origin:\n  \
    ready        it is asked as its health has it\n  \
    drain        no new request while anybody else can answer\n  \
    down         nothing is sent to it\n  \
    only         groups that have it ask it alone\n\
    A failover record:\n  \
    primary, secondary   it stays there until `auto`\n  \
    auto         it moves by health again\n\
    A distribution:\n  \
    maintenance  every request gets the maintenance page, 503\n  \
    serve        requests are answered again")]
pub(super) struct Options {
    /// An origin, a failover record or a distribution, by its name in the config
    name: String,
    /// To what
    to: To,
    /// Why: told in the log and by `status`
    #[arg(
        long,
        value_name = "TEXT",
        env = "TIDEOVER_REASON",
        hide_env_values = true
    )]
    reason: Option<String>,
    /// Who [default: the name of the user]
    #[arg(
        long,
        value_name = "NAME",
        env = "TIDEOVER_OWNER",
        hide_env_values = true
    )]
    owner: Option<String>,
    /// For how long, such as `30m` or `2h` [default: until it is switched back]
    #[arg(
        long,
        value_name = "SPAN",
        env = "TIDEOVER_FOR",
        hide_env_values = true
    )]
    r#for: Option<String>,
    /// Also if nobody would be left to answer
    #[arg(long, env = "TIDEOVER_INSIST", hide_env_values = true,
          value_parser = clap::builder::BoolishValueParser::new())]
    insist: bool,
    #[command(flatten)]
    admin: Admin,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum To {
    Ready,
    Drain,
    Down,
    Only,
    Primary,
    Secondary,
    Auto,
    Maintenance,
    Serve,
}

impl To {
    /// What can be switched to this, and the word for this.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Ready => ("origin", "ready"),
            Self::Drain => ("origin", "drain"),
            Self::Down => ("origin", "down"),
            Self::Only => ("origin", "only"),
            Self::Primary => ("record", "primary"),
            Self::Secondary => ("record", "secondary"),
            Self::Auto => ("record", "auto"),
            Self::Maintenance => ("distribution", "maintenance"),
            Self::Serve => ("distribution", "serve"),
        }
    }
}

/// Exit code 0 if it is switched, 1 if not.
pub(super) fn switch(options: &Options) -> anyhow::Result<ExitCode> {
    let place = options.admin.place("switch")?;
    let (kind, to) = options.to.words();
    let owner = options.owner.clone().or_else(|| environment::set("USER"));
    let mut change = json!({
        "to": to,
        "reason": options.reason,
        "owner": owner,
        "for": options.r#for,
        "insist": options.insist,
    });
    change[kind] = Value::from(options.name.as_str());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    match runtime.block_on(options.admin.ask(place, "/switch", Some(&change)))? {
        Ok(answer) => {
            said::print(&told(kind, &options.name, &answer))?;
            Ok(ExitCode::SUCCESS)
        }
        Err(why) => {
            eprintln!("tideover: {why}");
            Ok(ExitCode::FAILURE)
        }
    }
}

/// What it was, what it is, until when, and what that means.
fn told(kind: &str, name: &str, answer: &Value) -> String {
    let text = |field: &str| plain(answer[field].as_str().unwrap_or("?"));
    let (was, is) = (text("was"), text("is"));
    let mut told = if was == is {
        format!("{kind} {name} is {is}, as it was")
    } else {
        format!("{kind} {name} was {was} and is {is}")
    };
    if let Some(seconds) = answer["ends_in_s"].as_u64() {
        told += &format!(", for {}", span(seconds));
    }
    told += &format!(": {}\n", text("means"));
    if answer["to_reconcile"].is_string() {
        told += &format!("{}\n", text("to_reconcile"));
    }
    if answer["beware"].is_string() {
        told += &format!("{}\n", text("beware"));
    }
    if answer["not_kept"].is_string() {
        told += &format!("it ends with the process: {}\n", text("not_kept"));
    }
    told
}

/// What an edge says goes to a terminal, which must not be told anything by it.
pub(super) fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

/// `45 s`, `12 min`, `3 h 5 min`, `2 d 4 h`.
pub(super) fn span(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, _) if minutes % 60 == 0 => format!("{hours} h"),
        (0, _, _) => format!("{hours} h {} min", minutes % 60),
        _ if hours % 24 == 0 => format!("{days} d"),
        _ => format!("{days} d {} h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{plain, span, told};

    #[test]
    fn spans_are_told_in_two_units() {
        for (seconds, expected) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (1_800, "30 min"),
            (3_600, "1 h"),
            (3_900, "1 h 5 min"),
            (86_400, "1 d"),
            (190_000, "2 d 4 h"),
        ] {
            assert_eq!(span(seconds), expected);
        }
    }

    #[test]
    fn a_switch_is_told_in_plain_words() {
        let answer = json!({ "was": "ready", "is": "down", "means": "nothing is sent to it", "ends_in_s": 1_800 });
        assert_eq!(
            told("origin", "vm", &answer),
            "origin vm was ready and is down, for 30 min: nothing is sent to it\n"
        );
        let answer = json!({ "was": "down", "is": "down", "means": "so", "not_kept": "no file" });
        assert_eq!(
            told("origin", "vm", &answer),
            "origin vm is down, as it was: so\nit ends with the process: no file\n"
        );
    }

    #[test]
    fn a_terminal_is_told_nothing_by_an_edge() {
        assert_eq!(plain("a\x1b[2Jb\n"), "a\u{fffd}[2Jb\u{fffd}");
    }
}
