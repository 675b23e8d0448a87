//! `tideover journal`: the writes that secondaries took, for who has to bring them back.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use clap::Args;
use serde_json::{Value, json};
use tideover::{Since, list};
use tideover_config::counted;

use super::client::encoded;
use super::said;
use super::switch::{Admin, plain};

/// Flags of `journal`.
#[derive(Clone, Debug, Args)]
pub(super) struct Options {
    /// Those of this failover record only
    #[arg(
        long,
        value_name = "RECORD",
        env = "TIDEOVER_RECORD",
        hide_env_values = true
    )]
    record: Option<String>,
    /// From when on: a span such as `2h`, a time in UTC such as `2026-01-31T12:00`, or `all` [default: each record's last
    /// fail-over]
    #[arg(
        long,
        value_name = "WHEN",
        env = "TIDEOVER_SINCE",
        hide_env_values = true
    )]
    since: Option<String>,
    /// Read this journal, and ask no edge
    #[arg(
        long,
        value_name = "FILE",
        env = "TIDEOVER_FILE",
        hide_env_values = true
    )]
    file: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long, env = "TIDEOVER_JSON", hide_env_values = true,
          value_parser = clap::builder::BoolishValueParser::new())]
    json: bool,
    #[command(flatten)]
    admin: Admin,
}

/// Exit code 0 if they could be listed, however many they are.
pub(super) fn journal(options: &Options) -> anyhow::Result<ExitCode> {
    let since = match &options.since {
        None => Since::LastFailOver,
        Some(said) => Since::parse(said, SystemTime::now()).ok_or_else(|| {
            super::wrong_usage(
                "journal",
                &format!("`{said}` is no span and no time; write 2h, 2026-01-31T12:00 or all"),
            )
        })?,
    };
    let answer = match &options.file {
        Some(file) => list(file, options.record.as_deref(), &since, usize::MAX)
            .map(|listed| {
                json!({
                    "file": file.display().to_string(),
                    "writes": listed.writes,
                    "left_out": listed.left_out,
                    "broken": listed.broken,
                })
            })
            .map_err(|error| format!("{}: {error}", file.display())),
        None => ask(options)?,
    };
    match answer {
        Ok(answer) if options.json => said::print(&format!("{answer:#}\n"))?,
        Ok(answer) => said::print(&text(&answer, &since))?,
        Err(why) => {
            eprintln!("tideover: {why}");
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn ask(options: &Options) -> anyhow::Result<Result<Value, String>> {
    let place = options.admin.place("journal")?;
    let asked = [("record", &options.record), ("since", &options.since)];
    let query: Vec<String> = asked
        .into_iter()
        .filter_map(|(name, value)| Some(format!("{name}={}", encoded(value.as_deref()?))))
        .collect();
    let path = format!("/journal.json?{}", query.join("&"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(options.admin.ask(place, &path, None))
}

fn text(answer: &Value, since: &Since) -> String {
    let writes = answer["writes"].as_array().map_or(&[][..], Vec::as_slice);
    let when = match since {
        Since::LastFailOver => "since the last fail-over".to_owned(),
        Since::Time(from) => format!("since {from}"),
        Since::Ever => "in all that is kept".to_owned(),
    };
    let mut text = String::new();
    for write in writes {
        let field = |name: &str| plain(write[name].as_str().unwrap_or("?"));
        let came = match (write["status"].as_u64(), write["failure"].as_str()) {
            (Some(status), _) => status.to_string(),
            (None, Some(failure)) => format!("outcome unknown ({})", plain(failure)),
            (None, None) => "outcome unknown (the viewer left)".to_owned(),
        };
        let query = if write["has_query"] == true {
            "?…"
        } else {
            ""
        };
        let _ = writeln!(
            text,
            "{}  {} -> {}  {} {}{}{query}  {came}  {}",
            field("time"),
            field("record"),
            field("origin"),
            field("method"),
            field("host"),
            field("path"),
            field("request_id"),
        );
    }
    let _ = writeln!(text, "{} {when}", counted(writes.len() as u64, "write"));
    let more = |name: &str| answer[name].as_u64().filter(|count| *count > 0);
    let file = plain(answer["file"].as_str().unwrap_or("?"));
    if let Some(count) = more("left_out") {
        let _ = writeln!(
            text,
            "{} left out: tideover journal --file {file} lists all of them",
            counted(count, "older one")
        );
    }
    for (name, words) in [
        ("lost", "could not be noted since the edge began"),
        ("dropped", "had to make room for newer ones"),
    ] {
        if let Some(count) = more(name) {
            let _ = writeln!(text, "{} {words}", counted(count, "write"));
        }
    }
    if let Some(count) = more("broken") {
        let _ = writeln!(text, "{} cannot be read", counted(count, "line"));
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tideover::Since;

    use super::text;

    #[test]
    fn writes_are_listed_with_what_is_known_of_them() {
        let write = |status, failure, has_query| {
            json!({
                "time": "T", "record": "app", "origin": "vm", "method": "POST", "host": "shop", "path": "/cart",
                "has_query": has_query, "request_id": "ID", "status": status, "failure": failure,
            })
        };
        let answer = json!({
            "file": "j.jsonl", "left_out": 1, "broken": 0, "lost": 2, "dropped": 0,
            "writes": [
                write(json!(302), json!(null), true),
                write(json!(null), json!("response-timeout"), false),
                write(json!(null), json!(null), false),
            ],
        });
        assert_eq!(
            text(&answer, &Since::LastFailOver),
            "T  app -> vm  POST shop/cart?…  302  ID\n\
             T  app -> vm  POST shop/cart  outcome unknown (response-timeout)  ID\n\
             T  app -> vm  POST shop/cart  outcome unknown (the viewer left)  ID\n\
             3 writes since the last fail-over\n\
             1 older one left out: tideover journal --file j.jsonl lists all of them\n\
             2 writes could not be noted since the edge began\n"
        );
    }
}
