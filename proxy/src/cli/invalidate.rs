//! `tideover invalidate` and `tideover invalidations`: what a running edge keeps and must not use any more.

use std::process::ExitCode;
use std::time::SystemTime;

use clap::Args;
use serde_json::{Value, json};
use tideover_config::counted;

use super::said;
use super::switch::{Admin, plain, span};

/// So many characters of a path are told.
const SHOWN: usize = 60;

/// Flags of `invalidate`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "A path is one of viewers', in quotes, so that no shell reads the `*`:\n  \
    /a.html      that, without a query\n  \
    '/a.html?b'  that, with just this query\n  \
    '/a.html*'   with any query, and whatever else begins so\n  \
    '/images/*'  all in that folder and below; `*` is a wildcard at the end only\n  \
    '/*'         everything\n\
    Whoever asks after the command has returned gets none of it from the cache."
)]
pub(super) struct Options {
    /// Paths, 3,000 at most
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
    /// Of which distribution, by its id [default: the only one]
    #[arg(
        long,
        value_name = "ID",
        env = "TIDEOVER_DISTRIBUTION",
        hide_env_values = true
    )]
    distribution: Option<String>,
    /// A name of yours for this order: given again, with the same paths, it does nothing again
    #[arg(
        long,
        value_name = "TEXT",
        env = "TIDEOVER_REFERENCE",
        hide_env_values = true
    )]
    reference: Option<String>,
    #[command(flatten)]
    admin: Admin,
}

/// Flags of `invalidations`.
#[derive(Clone, Debug, Args)]
pub(super) struct ListOptions {
    /// As the edge says it, in JSON
    #[arg(long, env = "TIDEOVER_JSON", hide_env_values = true,
          value_parser = clap::builder::BoolishValueParser::new())]
    json: bool,
    #[command(flatten)]
    admin: Admin,
}

/// Exit code 0 if it is done, 1 if not.
pub(super) fn invalidate(options: &Options) -> anyhow::Result<ExitCode> {
    let order = json!({
        "distribution": options.distribution,
        "paths": options.paths,
        "reference": options.reference,
    });
    ask(
        &options.admin,
        "invalidate",
        "/invalidate",
        Some(&order),
        done,
    )
}

/// Exit code 0 if they could be listed, however many they are.
pub(super) fn invalidations(options: &ListOptions) -> anyhow::Result<ExitCode> {
    let told = |answer: &Value| {
        if options.json {
            format!("{answer:#}\n")
        } else {
            list(answer, SystemTime::now())
        }
    };
    ask(
        &options.admin,
        "invalidations",
        "/invalidations.json",
        None,
        told,
    )
}

fn ask(
    admin: &Admin,
    command: &str,
    path: &str,
    change: Option<&Value>,
    told: impl FnOnce(&Value) -> String,
) -> anyhow::Result<ExitCode> {
    let place = admin.place(command)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    match runtime.block_on(admin.ask(place, path, change))? {
        Ok(answer) => {
            said::print(&told(&answer))?;
            Ok(ExitCode::SUCCESS)
        }
        Err(why) => {
            eprintln!("tideover: {why}");
            Ok(ExitCode::FAILURE)
        }
    }
}

/// The id, what it is about, and how long it took.
fn done(answer: &Value) -> String {
    let head = format!(
        "{} {}: {} of {}",
        text(&answer["id"]),
        text(&answer["status"]),
        paths(answer),
        text(&answer["distribution"])
    );
    if answer["existing"] == true {
        let reference = text(&answer["reference"]);
        return format!(
            "{head}; it was given before, as {reference}, and nothing was done again\n"
        );
    }
    let took = answer["took_ms"].as_f64().unwrap_or(0.0);
    format!("{head}, in {took:.3} ms\n")
}

/// A line for each, the latest first.
fn list(answer: &Value, now: SystemTime) -> String {
    let now = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let orders = answer["invalidations"].as_array();
    let orders = orders.map_or(&[][..], Vec::as_slice);
    if orders.is_empty() {
        return "nothing was invalidated since this edge began\n".to_owned();
    }
    let mut told = String::new();
    for order in orders {
        let age = now
            .as_secs()
            .saturating_sub(order["at"].as_u64().unwrap_or(0));
        told += &format!(
            "{} {}, {} ago: {} of {}",
            text(&order["id"]),
            text(&order["status"]),
            span(age),
            paths(order),
            text(&order["distribution"]),
        );
        if order["reference"].is_string() {
            told += &format!(", as {}", text(&order["reference"]));
        }
        told.push('\n');
    }
    if let Some(more) = answer["left_out"].as_u64().filter(|more| *more > 0) {
        told += &format!("and {}\n", counted(more, "older one"));
    }
    told
}

fn text(value: &Value) -> String {
    plain(value.as_str().unwrap_or("?"))
}

/// `/images/*`, or the first of several and how many more.
fn paths(order: &Value) -> String {
    let listed = order["paths"].as_array().map_or(&[][..], Vec::as_slice);
    let first = listed.first().map_or_else(|| "?".to_owned(), text);
    let mut short: String = first.chars().take(SHOWN).collect();
    if first.chars().nth(SHOWN).is_some() {
        short.push('…');
    }
    let more = (listed.len() as u64).saturating_sub(1) + order["more_paths"].as_u64().unwrap_or(0);
    if more > 0 {
        short += &format!(" and {}", counted(more, "more path"));
    }
    short
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use serde_json::json;

    use super::{done, list};

    #[test]
    fn what_was_done_is_told_in_one_line() {
        let mut answer = json!({
            "id": "I0", "status": "Completed", "distribution": "site", "paths": ["/images/*"], "more_paths": 0,
            "reference": null, "existing": false, "took_ms": 0.012,
        });
        assert_eq!(
            done(&answer),
            "I0 Completed: /images/* of site, in 0.012 ms\n"
        );
        answer["paths"] = json!(["/a", "/b"]);
        answer["more_paths"] = json!(3);
        answer["reference"] = json!("r1");
        answer["existing"] = json!(true);
        assert_eq!(
            done(&answer),
            "I0 Completed: /a and 4 more paths of site; it was given before, as r1, and nothing was done again\n"
        );
    }

    #[test]
    fn orders_are_listed_in_a_line_each() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        let answer = json!({
            "invalidations": [
                { "id": "I1", "status": "Completed", "distribution": "site", "paths": ["/\u{1b}[2J"], "more_paths": 0,
                  "reference": "r1", "at": 940 },
            ],
            "left_out": 1,
        });
        assert_eq!(
            list(&answer, now),
            "I1 Completed, 1 min ago: /\u{fffd}[2J of site, as r1\nand 1 older one\n"
        );
        let nothing = json!({ "invalidations": [], "left_out": 0 });
        assert_eq!(
            list(&nothing, now),
            "nothing was invalidated since this edge began\n"
        );
    }
}
