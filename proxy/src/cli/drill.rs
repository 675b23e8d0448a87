//! `tideover drill`: the failover table, played for real on the demo's tiers; with `--config`, every failure of a real config's
//! tiers ([`real`]).

mod plan;
mod play;
mod real;
mod verdict;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{ArgMatches, Args};
use http::{Method, StatusCode};
use tideover::RunningEdge;
use tokio::runtime::{Builder, LocalOptions};

use super::client::{Answer, NoAnswer, ask};
use super::overriding::Reading;
use super::paint::{Paint, padded};
use super::said;
use super::tier::{Condition, TIER_HEADER};
use super::tiers::{Patience, Tiers};

/// So that nobody has to wait for the whole of it.
const SHORT: Patience = Patience {
    connection_timeout: "300ms",
    response_timeout: "600ms",
    deadline: "3s",
};
/// The defaults of `tideover.toml`.
const USUAL: Patience = Patience {
    connection_timeout: "1s",
    response_timeout: "10s",
    deadline: "25s",
};
/// No row takes longer than the deadline, unless the machine is busy with something else.
const ROW_LIMIT: Duration = Duration::from_secs(30);
/// So many requests that fail at a tier are enough for it to be left out.
const ENOUGH: u32 = 6;
/// A tier that is back has all of its requests again by then: one look a second whether it is, and the slow start.
const BACK_WITHIN: Duration = Duration::from_secs(13);
const LOOK_AGAIN: Duration = Duration::from_millis(20);
const DRAIN_WITHIN: Duration = Duration::from_secs(1);
/// Said where no origin's answer was delivered.
const THE_EDGE: &str = "the edge";

const FRONT_PAGE: &str = "/";
const UNKNOWN_PAGE: &str = "/petclinic/nowhere";
const NEW_OWNER: &str = "/petclinic/owners/new";
const FORM: &str = "firstName=Ada&lastName=King";

/// Flags of `drill`.
#[derive(Clone, Debug, Args)]
pub(super) struct Options {
    /// Play this config against its own origins, in place of the demo's tiers: `tideover.toml`, or a distribution's JSON
    #[arg(
        long,
        value_name = "FILE",
        env = "TIDEOVER_CONFIG",
        hide_env_values = true
    )]
    config: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long, env = "TIDEOVER_JSON", hide_env_values = true, requires = "config",
          value_parser = clap::builder::BoolishValueParser::new())]
    json: bool,
    /// Send writes too, without a body, to the REAL origins
    #[arg(long, env = "TIDEOVER_WRITES", hide_env_values = true, requires = "config",
          value_parser = clap::builder::BoolishValueParser::new())]
    writes: bool,
    /// Only this behavior: its path pattern, or `default`
    #[arg(
        long,
        value_name = "BEHAVIOR",
        env = "TIDEOVER_FROM",
        hide_env_values = true,
        requires = "config"
    )]
    from: Option<String>,
    /// Expect something wrong in the last row, to see what a failed drill looks like
    #[arg(long, hide = true, env = "TIDEOVER_PLANT_MISTAKE", hide_env_values = true,
          value_parser = clap::builder::BoolishValueParser::new())]
    plant_mistake: bool,
    /// With the timers that a config has by default: takes half a minute
    #[arg(long, env = "TIDEOVER_USUAL_TIMERS", hide_env_values = true,
          value_parser = clap::builder::BoolishValueParser::new())]
    usual_timers: bool,
    #[command(flatten)]
    reading: Reading,
}

/// One line of the failover table.
#[derive(Clone, Debug)]
struct Row {
    /// What was done to the tiers, in words.
    done: String,
    /// How "aws", "azure-vm" and "azure-swa" are while it is asked.
    tiers: [Condition; 3],
    method: Method,
    path: &'static str,
    when: When,
    expected: Expected,
}

/// What the edge of a row has seen before it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    /// Nothing: it has just started.
    AtFirst,
    /// So many requests like it.
    After(u32),
    /// All of the row before, and it is asked until the answer is the expected one: the time is until then.
    Back,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Expected {
    status: u16,
    who: &'static str,
    /// Writes that reach the VM.
    writes: u32,
    /// The answer says so, if not empty.
    words: &'static str,
}

/// What came of a row.
#[derive(Debug)]
struct Seen {
    status: Option<u16>,
    who: String,
    writes: u32,
    has_words: bool,
    /// From the first packet to the last byte, less what the answering origin took (known in whole milliseconds).
    added: Duration,
    trouble: Option<String>,
}

/// Exit code 0 if every row held; with `--config`, if no promise of the config broke.
pub(super) fn drill(options: &Options, given: &ArgMatches) -> anyhow::Result<ExitCode> {
    if let Some(config) = &options.config {
        let wanted = real::Wanted {
            config,
            json: options.json,
            writes: options.writes,
            from: options.from.as_deref(),
        };
        return real::drill(wanted, &options.reading.overrides("drill", given)?);
    }
    let mut rows = rows();
    if let (true, Some(last)) = (options.plant_mistake, rows.last_mut()) {
        last.expected.status = 418;
    }
    let held = play(&rows, if options.usual_timers { USUAL } else { SHORT })?;
    Ok(if held {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The failover table.
fn rows() -> Vec<Row> {
    use Condition::{Answers, BlackHole, Refuses, Silent, Up};
    let row = |done: &str, tiers, method, path, status, who| Row {
        done: done.to_owned(),
        tiers,
        method,
        path,
        when: When::AtFirst,
        expected: Expected {
            status,
            who,
            writes: 0,
            words: "",
        },
    };
    let get =
        |done: &str, tiers, status, who| row(done, tiers, Method::GET, FRONT_PAGE, status, who);
    let post = |done: &str, vm, status, who, writes, words| {
        let mut row = row(
            done,
            [Refuses, vm, Up],
            Method::POST,
            NEW_OWNER,
            status,
            who,
        );
        row.expected.writes = writes;
        row.expected.words = words;
        row
    };
    let mut rows = vec![
        get("all tiers are up", [Up, Up, Up], 200, "aws"),
        get(
            "aws refuses, and stays down",
            [Refuses, Up, Up],
            200,
            "azure-vm",
        ),
    ];
    for code in [500, 502, 503, 504, 403, 404] {
        let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let tiers = [Refuses, Answers(status), Up];
        rows.push(get(
            &format!("the VM answers {code}"),
            tiers,
            200,
            "azure-swa",
        ));
    }
    let vm_is_up = [Refuses, Up, Up];
    rows.extend([row(
        "the VM is up, no such page",
        vm_is_up,
        Method::GET,
        UNKNOWN_PAGE,
        404,
        "azure-vm",
    )]);
    let ways = [
        ("refuses", Refuses),
        ("accepts and stays silent", Silent),
        ("is a black hole", BlackHole),
    ];
    rows.extend(ways.map(|(how, vm)| {
        let tiers = [Refuses, vm, Up];
        get(&format!("the VM {how}"), tiers, 200, "azure-swa")
    }));
    rows.extend([
        get(
            "the maintenance site is gone, too",
            [Refuses, Refuses, Refuses],
            503,
            "last-page",
        ),
        post("the VM is up: a write", Up, 302, "azure-vm", 1, ""),
    ]);
    let unanswered = [
        ("refuses", Refuses, 0, "nothing was sent"),
        ("stays silent", Silent, 1, "outcome unknown"),
    ];
    rows.extend(unanswered.map(|(how, vm, writes, words)| {
        let done = format!("the VM {how}: a write");
        post(&done, vm, 503, THE_EDGE, writes, words)
    }));
    rows.extend([
        Row {
            when: When::After(ENOUGH),
            ..get(
                "aws is known to be a black hole",
                [BlackHole, Up, Up],
                200,
                "azure-vm",
            )
        },
        Row {
            when: When::Back,
            ..get("aws is back", [Up, Up, Up], 200, "aws")
        },
    ]);
    rows
}

/// Plays `rows` in order and prints each as it ends; true if all held.
fn play(rows: &[Row], patience: Patience) -> anyhow::Result<bool> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())?;
    runtime.block_on(async {
        let tiers = Tiers::start()?;
        let start = || tiers.edge(patience, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), None);
        let mut edge = start()?;
        let paint = Paint::for_stdout();
        said::print(&format!(
            "Tiers: aws, azure-vm, azure-swa, last-page. Timers: connect 2 x {}, response {}, altogether {}.\n\n{}\n",
            patience.connection_timeout,
            patience.response_timeout,
            patience.deadline,
            paint.bold(&line("what was done", "what was asked", "expected", "seen", "added", "")),
        ))?;
        let mut held = 0;
        for row in rows {
            if row.when != When::Back {
                // What was learnt in one row is not to answer the next.
                let before = std::mem::replace(&mut edge, start()?);
                tokio::task::spawn_blocking(move || before.shut_down(DRAIN_WITHIN)).await?;
            }
            let seen = play_row(&tiers, &edge, row).await?;
            let verdict = verdict(row, &seen);
            held += usize::from(verdict.is_ok());
            said::print(&format!("{}\n", told(row, &seen, &verdict, paint)))?;
        }
        tokio::task::spawn_blocking(move || edge.shut_down(DRAIN_WITHIN)).await?;
        said::print(&format!("\n{held} of {} rows held\n", rows.len()))?;
        Ok(held == rows.len())
    })
}

async fn play_row(tiers: &Tiers, edge: &RunningEdge, row: &Row) -> anyhow::Result<Seen> {
    for (tier, condition) in tiers.all().into_iter().zip(row.tiers) {
        if tier.condition() != condition {
            tier.turn(condition).await?;
        }
    }
    let Some(&address) = edge.http().first() else {
        anyhow::bail!("the edge listens nowhere");
    };
    if let When::After(times) = row.when {
        for _ in 0..times {
            play_once(address, row).await;
        }
    }
    let before = tiers.vm.writes_seen();
    let began = Instant::now();
    let mut seen = play_once(address, row).await;
    if row.when == When::Back {
        while seen.who != row.expected.who && began.elapsed() < BACK_WITHIN {
            tokio::time::sleep(LOOK_AGAIN).await;
            seen = play_once(address, row).await;
        }
        seen.added = began.elapsed();
    }
    seen.writes = tiers.vm.writes_seen() - before;
    Ok(seen)
}

async fn play_once(address: SocketAddr, row: &Row) -> Seen {
    let form = if row.method == Method::POST { FORM } else { "" };
    let asked = ask(address, &row.method, row.path, form);
    match tokio::time::timeout(ROW_LIMIT, asked).await {
        Ok(answer) => seen(&answer, row.expected.words),
        Err(_) => nothing(format!("no answer within {ROW_LIMIT:?}")),
    }
}

fn nothing(trouble: String) -> Seen {
    Seen {
        status: None,
        who: "nobody".to_owned(),
        writes: 0,
        has_words: false,
        added: ROW_LIMIT,
        trouble: Some(trouble),
    }
}

fn seen(answer: &Result<Answer, NoAnswer>, words: &str) -> Seen {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return nothing(error.to_string()),
    };
    // The last attempt is the one that answered, if it has a status at all.
    let last = answer
        .header("tideover-attempts")
        .split(", ")
        .last()
        .unwrap_or_default();
    let mut parts = last.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let parameter = |name: &str| {
        last.split(';')
            .find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
    };
    let told = answer.header(TIER_HEADER.as_str());
    let who = if !told.is_empty() {
        told
    } else if parameter("status").is_some() {
        name
    } else {
        THE_EDGE
    };
    let answering = parameter("status")
        .and_then(|_| parameter("ms")?.parse().ok())
        .map_or(Duration::ZERO, Duration::from_millis);
    Seen {
        status: Some(answer.status.as_u16()),
        who: who.to_owned(),
        writes: 0,
        has_words: String::from_utf8_lossy(&answer.body).contains(words),
        added: answer.took.saturating_sub(answering),
        trouble: None,
    }
}

/// `Err` says what did not hold.
fn verdict(row: &Row, seen: &Seen) -> Result<(), String> {
    let expected = row.expected;
    if let Some(trouble) = &seen.trouble {
        return Err(trouble.clone());
    }
    if seen.status != Some(expected.status) {
        return Err("another status".to_owned());
    }
    if seen.who != expected.who {
        return Err("somebody else answered".to_owned());
    }
    if seen.writes != expected.writes {
        return Err(format!(
            "{} writes reached the VM, not {}",
            seen.writes, expected.writes
        ));
    }
    if !seen.has_words {
        return Err(format!("the answer does not say \"{}\"", expected.words));
    }
    Ok(())
}

fn told(row: &Row, seen: &Seen, verdict: &Result<(), String>, paint: Paint) -> String {
    let status = seen.status.map_or("no answer".to_owned(), |status| {
        format!("{status} {}", seen.who)
    });
    let verdict = match verdict {
        Ok(()) => paint.good("held"),
        Err(why) => paint.bad(&format!("FAILED: {why}")),
    };
    line(
        &row.done,
        &format!("{} {}", row.method, row.path),
        &format!("{} {}", row.expected.status, row.expected.who),
        &status,
        &span(seen.added),
        &verdict,
    )
}

fn span(span: Duration) -> String {
    if span < Duration::from_secs(1) {
        format!("{:.1} ms", span.as_secs_f64() * 1_000.0)
    } else {
        format!("{:.3} s", span.as_secs_f64())
    }
}

fn line(done: &str, asked: &str, expected: &str, seen: &str, added: &str, verdict: &str) -> String {
    [
        padded(done, 35),
        padded(asked, 28),
        padded(expected, 15),
        padded(seen, 15),
        format!("{added:>8}"),
        format!("  {verdict}"),
    ]
    .concat()
    .trim_end()
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_expectation_is_seen() {
        let mut rows: Vec<Row> = rows().into_iter().take(2).collect();
        assert!(play(&rows, SHORT).expect("the tiers start"));
        for spoil in [
            |row: &mut Row| row.expected.status = 500,
            |row: &mut Row| row.expected.who = "aws",
            |row: &mut Row| row.expected.writes = 1,
            |row: &mut Row| row.expected.words = "nobody says this",
        ] {
            let whole = rows[1].clone();
            spoil(&mut rows[1]);
            assert!(!play(&rows, SHORT).expect("the tiers start"));
            rows[1] = whole;
        }
    }
}
