//! `tideover status`: what a running edge does, on one screen.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::Value;
use tideover_config::counted;

use super::paint::{Paint, columns, padded};
use super::said;
use super::switch::{Admin, plain, span};

/// How often `--watch` looks.
const EVERY: Duration = Duration::from_secs(2);
/// What fits on any screen.
const WIDTH: usize = 80;

/// Flags of `status`.
#[derive(Clone, Debug, Args)]
pub(super) struct Options {
    /// As the edge says it, in JSON
    #[arg(long, env = "TIDEOVER_JSON", hide_env_values = true,
          value_parser = clap::builder::BoolishValueParser::new())]
    json: bool,
    /// Again every two seconds, until Ctrl-C
    #[arg(long, env = "TIDEOVER_WATCH", hide_env_values = true,
          value_parser = clap::builder::BoolishValueParser::new())]
    watch: bool,
    #[command(flatten)]
    admin: Admin,
}

/// Exit code 0 if an edge answered.
pub(super) fn status(options: &Options) -> anyhow::Result<ExitCode> {
    let place = options.admin.place("status")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let paint = Paint::for_stdout();
    runtime.block_on(async {
        loop {
            let found = options.admin.ask(place, "/status.json", None).await;
            let (screen, code) = match found {
                Ok(Ok(status)) if options.json => (format!("{status:#}\n"), ExitCode::SUCCESS),
                Ok(Ok(status)) => (
                    screen(&place.to_string(), &status, paint, options.watch),
                    ExitCode::SUCCESS,
                ),
                Ok(Err(why)) => (format!("tideover: {why}\n"), ExitCode::FAILURE),
                // It may come back while somebody watches.
                Err(error) if options.watch => {
                    (format!("tideover: {error:#}\n"), ExitCode::FAILURE)
                }
                Err(error) => return Err(error),
            };
            if !options.watch {
                if code == ExitCode::SUCCESS {
                    said::print(&screen)?;
                } else {
                    eprint!("{screen}");
                }
                return Ok(code);
            }
            // What was there before goes only where there is a screen.
            said::print(&format!("{}{screen}", paint.fresh_screen()))?;
            tokio::time::sleep(EVERY).await;
        }
    })
}

/// All of `status`, to be read without colour. What has to stay on one screen has its events in a line each.
fn screen(place: &str, status: &Value, paint: Paint, one_screen: bool) -> String {
    let now = status["now"].as_u64().unwrap_or(0);
    let mut text = String::new();
    let ready = if status["ready"] == true {
        paint.good("ready")
    } else {
        paint.bad("NOT READY: it is about to end")
    };
    let _ = writeln!(
        text,
        "{} at {place}, mode {}, up {}, {ready}",
        paint.bold(&format!("tideover {}", word(&status["version"]))),
        word(&status["mode"]),
        span(number(&status["up_s"])),
    );
    numbers(&mut text, &status["lately"], paint);
    let cache = &status["cache"];
    if cache.is_object() {
        let _ = writeln!(text, "{}", held(cache));
    }
    for distribution in list(&status["distributions"]) {
        self::distribution(&mut text, distribution, now, paint);
        if let Some(hits) = hits(&distribution["cache"], number(&cache["span_s"])) {
            let _ = writeln!(text, "  {hits}");
        }
    }
    origins(&mut text, list(&status["origins"]), now, paint);
    records(&mut text, list(&status["records"]));
    switches(&mut text, list(&status["switches"]), now, paint);
    events(&mut text, list(&status["events"]), now, paint, one_screen);
    text
}

/// `cache: 1204 entries, 12.3 MiB of 256.0 MiB`.
fn held(cache: &Value) -> String {
    let entries = number(&cache["entries"]);
    let noun = if entries == 1 { "entry" } else { "entries" };
    let (bytes, limit) = (number(&cache["bytes"]), number(&cache["limit_bytes"]));
    let mut words = format!(
        "cache: {entries} {noun}, {} of {}",
        bytes_words(bytes),
        bytes_words(limit)
    );
    let fill = number(&cache["fill_bytes"]);
    if fill > 0 {
        let _ = write!(words, ", {} of answers on their way", bytes_words(fill));
    }
    words
}

/// `cache: of 1200 requests of the last 1 min 96 % were answered without an origin`; `None` where nobody asked.
fn hits(cache: &Value, span_s: u64) -> Option<String> {
    let (requests, hits) = (number(&cache["requests"]), number(&cache["hits"]));
    let share = (hits * 100).checked_div(requests)?;
    let lately = match span_s {
        0 => "as yet".to_owned(),
        seconds => format!("of the last {}", span(seconds)),
    };
    Some(format!(
        "cache: of {} {lately} {share} % were answered without an origin",
        counted(requests, "request"),
    ))
}

/// `12.3 MiB`, `17 bytes`.
fn bytes_words(bytes: u64) -> String {
    for (unit, name) in [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")] {
        if bytes >= unit {
            let tenths = u128::from(bytes) * 10 / u128::from(unit);
            return format!("{}.{} {name}", tenths / 10, tenths % 10);
        }
    }
    counted(bytes, "byte")
}

fn numbers(text: &mut String, lately: &Value, paint: Paint) {
    let lost = number(&lately["lost"]);
    let lost_words = format!("{lost} lost (5xx)");
    let lost_words = if lost > 0 {
        paint.bad(&lost_words)
    } else {
        lost_words
    };
    let _ = writeln!(
        text,
        "{}: {}, {} fell through, {lost_words}, {} left early",
        match number(&lately["span_s"]) {
            0 => "as yet".to_owned(),
            seconds => format!("the last {}", span(seconds)),
        },
        counted(number(&lately["requests"]), "request"),
        number(&lately["fell_through"]),
        number(&lately["viewer_gone"]),
    );
}

fn distribution(text: &mut String, distribution: &Value, now: u64, paint: Paint) {
    let aliases: Vec<String> = list(&distribution["aliases"]).iter().map(word).collect();
    let hosts = if aliases.is_empty() {
        "any host".to_owned()
    } else {
        aliases.join(", ")
    };
    let name = word(&distribution["id"]);
    let _ = writeln!(
        text,
        "\n{} ({})",
        paint.bold(&name),
        cut(&hosts, WIDTH.saturating_sub(name.chars().count() + 3))
    );
    if distribution["enabled"] == false {
        let _ = writeln!(
            text,
            "  {}",
            paint.bad("DISABLED: every request is refused")
        );
    }
    if distribution["maintenance"] == true {
        let _ = writeln!(
            text,
            "  {}",
            paint.doubtful("IN MAINTENANCE: every request gets the page")
        );
    }
    let rows: Vec<[String; 4]> = list(&distribution["lanes"])
        .iter()
        .map(|lane| {
            let paths: Vec<String> = list(&lane["paths"]).iter().map(word).collect();
            let answers = lane["answers"].as_str().map_or("NOBODY".to_owned(), plain);
            let target = word(&lane["target"]);
            let by = if target == answers {
                String::new()
            } else {
                format!(" (of {target})")
            };
            let since = lane["since"].as_u64();
            [
                word(&lane["does"]),
                cut(&paths.join(" "), 26),
                format!("{answers}{by}"),
                since.map_or(String::new(), |since| format!("for {}", ago(now, since))),
            ]
        })
        .collect();
    text.push_str(&columns(2, &rows));
}

fn origins(text: &mut String, origins: &[Value], now: u64, paint: Paint) {
    let cells: Vec<[String; 4]> = origins
        .iter()
        .map(|origin| {
            let since = origin["since"].as_u64();
            [
                cut(&word(&origin["id"]), 24),
                word(&origin["state"]),
                since.map_or(String::new(), |since| ago(now, since)),
                number(&origin["lately"]["delivered"]).to_string(),
            ]
        })
        .collect();
    let head = ["origin", "state", "for", "served"].map(str::to_owned);
    let width = |column: usize| {
        let all = cells.iter().chain([&head]);
        all.map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: [usize; 4] = std::array::from_fn(width);
    let line = |row: &[String; 4], paint: &dyn Fn(&str) -> String| {
        format!(
            "  {}  {}  {}  {:>answered$}",
            padded(&row[0], widths[0]),
            paint(&padded(&row[1], widths[1])),
            padded(&row[2], widths[2]),
            row[3],
            answered = widths[3],
        )
    };
    let _ = writeln!(
        text,
        "\n{}",
        paint.dim(&format!("{}  fell through", line(&head, &str::to_owned)))
    );
    let before = 2 + widths.iter().sum::<usize>() + 6;
    for (origin, row) in origins.iter().zip(&cells) {
        let colour = |text: &str| match text.trim_end() {
            "healthy" | "ready" | "page" => paint.good(text),
            "down" | "drained" | "recovering" | "untried" => paint.doubtful(text),
            _ => paint.bad(text),
        };
        let why = origin["lately"]["fell_through"].as_object();
        let why: Vec<String> = why
            .into_iter()
            .flatten()
            .map(|(why, count)| format!("{} {}", number(count), plain(why)))
            .collect();
        let line = line(row, &colour);
        text.push_str(line.trim_end());
        // As much as fits on the line, the rest below.
        let mut room = WIDTH.saturating_sub(before);
        for (index, why) in why.iter().enumerate() {
            let length = why.chars().count() + 2;
            if length > room && index > 0 {
                let _ = write!(text, ",\n{}", " ".repeat(before + 2));
                room = WIDTH.saturating_sub(before);
            } else {
                text.push_str(if index == 0 { "  " } else { ", " });
            }
            room = room.saturating_sub(length);
            text.push_str(why);
        }
        text.push('\n');
    }
}

fn records(text: &mut String, records: &[Value]) {
    for record in records {
        let others = if record["side"] == "primary" {
            "secondary"
        } else {
            "primary"
        };
        let _ = writeln!(
            text,
            "\nrecord {} is on its {}, {}; its {others} is {}",
            word(&record["id"]),
            word(&record["side"]),
            word(&record["answers"]),
            word(&record[others]),
        );
        if record["returns_by_hand"] == true {
            let _ = writeln!(
                text,
                "  it stays there until you say: tideover switch {} primary",
                word(&record["id"]),
            );
        }
        if let Some(taken) = record["taken"].as_u64().filter(|taken| *taken > 0) {
            let _ = writeln!(
                text,
                "  {} taken by {} since the last fail-over: tideover journal --record {}",
                counted(taken, "write"),
                word(&record["secondary"]),
                word(&record["id"]),
            );
        }
    }
}

fn switches(text: &mut String, switches: &[Value], now: u64, paint: Paint) {
    if switches.is_empty() {
        text.push_str("\nno switch is in force\n");
        return;
    }
    let _ = writeln!(text, "\n{}", paint.bold("switches in force"));
    for switch in switches {
        let kinds = ["origin", "record", "distribution"];
        let kind = kinds.into_iter().find(|kind| switch[kind].is_string());
        let kind = kind.unwrap_or("origin");
        let mut line = format!(
            "{kind} {} {}",
            word(&switch[kind]),
            paint.doubtful(&word(&switch["to"]))
        );
        let since = switch["since"].as_u64().unwrap_or(now);
        let _ = write!(line, ", for {}", ago(now, since));
        if let Some(left) = switch["ends_in_s"].as_u64() {
            let _ = write!(line, ", {} to go", span(left));
        }
        if let Some(owner) = switch["owner"].as_str() {
            let _ = write!(line, ", by {}", plain(owner));
        }
        let _ = writeln!(text, "  {line}");
        if let Some(reason) = switch["reason"].as_str() {
            let _ = writeln!(text, "    {}", cut(&plain(reason), WIDTH - 4));
        }
    }
}

fn events(text: &mut String, events: &[Value], now: u64, paint: Paint, one_screen: bool) {
    /// One screen has no place for more.
    const SHOWN: usize = 5;
    if events.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{}", paint.bold("lately"));
    let shown = || events.iter().rev().take(SHOWN);
    let when = |event: &Value| {
        let at = event["at"].as_u64().unwrap_or(now);
        format!("{} ago", ago(now, at))
    };
    let times = shown().map(|event| when(event).chars().count()).max();
    let times = times.unwrap_or(0);
    let room = WIDTH.saturating_sub(times + 4);
    for event in shown() {
        let words = word(&event["words"]);
        let lines = if one_screen {
            vec![cut(&words, room)]
        } else {
            folded(&words, room)
        };
        let mut when = when(event);
        for line in lines {
            let _ = writeln!(text, "  {}  {line}", padded(&when, times));
            when.clear();
        }
    }
}

/// `text` in lines of `width` characters at most; a word that is longer has a line of its own.
fn folded(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| "?".to_owned(), plain)
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

fn ago(now: u64, then: u64) -> String {
    span(now.saturating_sub(then))
}

/// `text` in `width` characters at most.
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(width.saturating_sub(1)).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{WIDTH, cut, screen};
    use crate::cli::paint::Paint;

    #[test]
    fn a_screen_says_it_all_in_80_columns() {
        let status = json!({
            "version": "0.1.0", "mode": "resilient", "ready": true, "up_s": 11_100, "now": 100_000,
            "lately": { "span_s": 600, "requests": 51_234, "fell_through": 120, "lost": 3, "viewer_gone": 1 },
            "distributions": [{
                "id": "petclinic", "aliases": ["www.goupang.shop"], "enabled": true, "maintenance": false,
                "lanes": [
                    { "does": "reads", "paths": ["*"], "target": "reads", "answers": "azure-vm", "since": 99_400 },
                    { "does": "writes", "paths": ["/owners/*", "/petclinic/owners/*", "/vets"], "target": "app", "answers": null, "since": 99_400 },
                ],
            }],
            "origins": [
                { "id": "aws", "state": "unhealthy", "since": 99_400,
                  "lately": { "delivered": 40_000, "fell_through": { "connect timeout": 117, "left out: unhealthy": 12_000, "status": 3 } } },
                { "id": "azure-vm", "state": "drained", "since": 40_000, "lately": { "delivered": 11_231, "fell_through": {} } },
                { "id": "last-page", "state": "page", "since": 1, "lately": { "delivered": 3, "fell_through": {} } },
            ],
            "records": [{ "id": "app", "side": "secondary", "answers": "azure-vm", "primary": "aws", "secondary": "azure-vm", "returns_by_hand": true }],
            "switches": [{ "origin": "azure-vm", "to": "drain", "since": 99_000, "ends_in_s": 800, "owner": "kim", "reason": "the disk is exchanged" }],
            "events": [{ "at": 99_400, "words": "app moved aws -> azure-vm, by health" }],
        });
        let shown = screen("127.0.0.1:9901", &status, Paint::none(), false);
        let expected = "\
tideover 0.1.0 at 127.0.0.1:9901, mode resilient, up 3 h 5 min, ready
the last 10 min: 51234 requests, 120 fell through, 3 lost (5xx), 1 left early

petclinic (www.goupang.shop)
  reads   *                           azure-vm (of reads)  for 10 min
  writes  /owners/* /petclinic/owne…  NOBODY (of app)      for 10 min

  origin     state      for          served  fell through
  aws        unhealthy  10 min        40000  117 connect timeout,
                                             12000 left out: unhealthy, 3 status
  azure-vm   drained    16 h 40 min   11231
  last-page  page       1 d 3 h           3

record app is on its secondary, azure-vm; its primary is aws
  it stays there until you say: tideover switch app primary

switches in force
  origin azure-vm drain, for 16 min, 13 min to go, by kim
    the disk is exchanged

lately
  10 min ago  app moved aws -> azure-vm, by health
";
        assert_eq!(shown, expected);
        let longest = shown.lines().map(|line| line.chars().count()).max();
        assert!(longest <= Some(WIDTH), "{longest:?}\n{shown}");
    }

    #[test]
    fn an_event_is_told_whole_unless_it_has_one_line() {
        let words = "app moved aws -> azure-vm: aws is unhealthy: 3 of 3 probes failed, connection refused; \
                     return is manual: tideover switch app primary";
        let status = json!({ "now": 100, "lately": { "requests": 1 }, "events": [{ "at": 96, "words": words }] });
        let shown = screen("127.0.0.1:9901", &status, Paint::none(), false);
        let expected = "
lately
  4 s ago  app moved aws -> azure-vm: aws is unhealthy: 3 of 3 probes failed,
           connection refused; return is manual: tideover switch app primary
";
        assert!(shown.ends_with(expected), "{shown}");
        assert!(shown.contains("as yet: 1 request, 0 fell"), "{shown}");
        let shown = screen("127.0.0.1:9901", &status, Paint::none(), true);
        let expected = "
lately
  4 s ago  app moved aws -> azure-vm: aws is unhealthy: 3 of 3 probes failed, c…
";
        assert!(shown.ends_with(expected), "{shown}");
    }

    #[test]
    fn what_is_too_long_says_so() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "ab…");
    }
}
