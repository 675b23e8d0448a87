//! Plays one state of affairs: an edge of its own, the real origins, and everything asked at once.

use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use tideover_config::{
    AccessLog, AttemptsShown, Edge, Fault, FaultKind, Lifecycle, Limits, Listen, LogTo, OriginId,
    OriginKind, Side, ViewerScheme,
};
use tokio::task::JoinSet;

use super::plan::{Question, Run, patience};
use crate::cli::client::{Answer, NoAnswer, ask_as};

/// States of affairs that are played at the same time: real origins are asked by all of them.
const AT_ONCE: usize = 4;

/// What came of one question while one thing was down.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) run: Run,
    /// Position among the questions.
    pub(super) question: usize,
    pub(super) status: Option<u16>,
    pub(super) by: By,
    /// In order: who, and what came of it.
    pub(super) attempts: Vec<(String, Came)>,
    pub(super) took: Duration,
    /// Why there is no status.
    pub(super) trouble: Option<String>,
}

/// Who answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum By {
    Server(String),
    /// It would have been sent there, and was not.
    Withheld(String),
    Page(String),
    Edge,
}

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Came {
    Status(u16),
    Failed(String),
    Other(String),
}

/// Plays every run for the questions that it bears on, a few at a time; in the order of `runs`.
pub(super) async fn play(
    edge: &Edge,
    questions: &[Question],
    runs: &[Run],
    sends_writes: bool,
) -> anyhow::Result<Vec<Seen>> {
    let edge = Rc::new(edge.clone());
    let questions: Rc<[Question]> = questions.into();
    let mut playing = JoinSet::new();
    let mut left = runs.iter().cloned().enumerate();
    let mut seen: Vec<(usize, Vec<Seen>)> = Vec::new();
    loop {
        while playing.len() < AT_ONCE {
            let Some((position, run)) = left.next() else {
                break;
            };
            let (edge, questions) = (Rc::clone(&edge), Rc::clone(&questions));
            playing.spawn_local(async move {
                let mut all = play_one(&edge, &questions, &run, Half::Reads).await?;
                let writes = if sends_writes {
                    Half::Writes
                } else {
                    Half::WritesWithheld
                };
                all.extend(play_one(&edge, &questions, &run, writes).await?);
                anyhow::Ok((position, all))
            });
        }
        match playing.join_next().await {
            None => break,
            Some(played) => seen.push(played??),
        }
    }
    seen.sort_by_key(|(position, _)| *position);
    Ok(seen.into_iter().flat_map(|(_, seen)| seen).collect())
}

/// Reads and writes are asked of an edge each: from what may not be sent, origins are kept by a fault of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Half {
    Reads,
    Writes,
    WritesWithheld,
}

async fn play_one(
    edge: &Edge,
    questions: &[Question],
    run: &Run,
    half: Half,
) -> anyhow::Result<Vec<Seen>> {
    let asked: Vec<usize> = questions
        .iter()
        .enumerate()
        .filter(|(_, question)| question.is_write() != (half == Half::Reads))
        .filter(|(_, question)| question.is_met_by(run))
        .map(|(position, _)| position)
        .collect();
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let running = tideover::start(stage(edge, run, half))?;
    let Some(&address) = running.http().first() else {
        anyhow::bail!("the edge listens nowhere");
    };
    let limit = patience(edge);
    let mut asking = JoinSet::new();
    for position in asked {
        let question = questions[position].clone();
        asking.spawn_local(async move {
            let asked = ask_as(
                address,
                &question.host,
                &question.method,
                &question.target,
                "",
            );
            (position, tokio::time::timeout(limit, asked).await)
        });
    }
    let mut all = Vec::new();
    while let Some(asked) = asking.join_next().await {
        let (position, answer) = asked?;
        let answer = match answer {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(trouble(&error)),
            Err(_) => Err(format!("no answer within {limit:?}")),
        };
        all.push(seen(run, position, answer, half));
    }
    all.sort_by_key(|seen| seen.question);
    tokio::task::spawn_blocking(move || drop(running)).await?;
    Ok(all)
}

fn trouble(error: &NoAnswer) -> String {
    error.to_string()
}

/// The config as it is, on a loopback port of its own, without memory of what happened before: every question stands for
/// itself. Nothing of it is told to anybody: no log, no listener for operators.
fn stage(edge: &Edge, run: &Run, half: Half) -> Edge {
    let mut edge = edge.clone();
    let limits = Limits {
        connections: None,
        connections_per_address: None,
        requests: None,
        requests_per_connection: None,
        ..edge.listen.limits
    };
    edge.listen = Listen {
        http: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))],
        https: Vec::new(),
        tls: None,
        h2c: false,
        admin: None,
        status: None,
        health_path: None,
        viewer_scheme: ViewerScheme::Https,
        limits,
        proxy_protocol_from: Vec::new(),
        workers: Some(1),
        lifecycle: Lifecycle {
            takeover: None,
            ..Lifecycle::default()
        },
    };
    // What operators switched stays with the edge that they switched.
    edge.admin.state = None;
    edge.journal = None;
    // A rehearsal alarms nobody.
    edge.alarms.clear();
    edge.access_log = AccessLog {
        to: LogTo::Off,
        ..edge.access_log
    };
    for distribution in &mut edge.distributions {
        distribution.voice.attempts = AttemptsShown::Public;
    }
    let records = &edge.records;
    let has_moved = |primary: OriginId| run.moved && run.down.contains(&primary);
    for target in &mut edge.targets {
        if target.records().next().is_some() {
            *target = target.routed(|id| match records.get(usize::from(id.0)) {
                Some(record) if has_moved(record.primary) => Side::Secondary,
                Some(_) | None => Side::Primary,
            });
        }
    }
    edge.takes_faults = true;
    for (position, origin) in edge.origins.iter_mut().enumerate() {
        let fault = match &mut origin.kind {
            OriginKind::Server(server) => {
                server.health_check = None;
                server.breaker = None;
                &mut server.fault
            }
            OriginKind::Folder(folder) => &mut folder.fault,
            OriginKind::Page(page) => {
                page.ahead = None;
                continue;
            }
        };
        let is_down = run.down.iter().any(|down| usize::from(down.0) == position);
        *fault = if is_down {
            Some(run.how.fault())
        } else if half == Half::WritesWithheld {
            Some(Fault::of(FaultKind::Withhold))
        } else {
            None
        };
    }
    edge
}

fn seen(run: &Run, question: usize, answer: Result<Answer, String>, half: Half) -> Seen {
    let answer = match answer {
        Ok(answer) => answer,
        Err(trouble) => {
            return Seen {
                run: run.clone(),
                question,
                status: None,
                by: By::Edge,
                attempts: Vec::new(),
                took: Duration::ZERO,
                trouble: Some(trouble),
            };
        }
    };
    let attempts: Vec<(String, Came)> = split(answer.header("tideover-attempts"), ',')
        .iter()
        .map(|item| attempt(item))
        .collect();
    let told = split(answer.header("proxy-status"), ';');
    let parameter = |name: &str| {
        told.iter()
            .find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
            .map(plain)
    };
    let page = parameter("details").and_then(|told| Some(told.strip_prefix("page ")?.to_owned()));
    let by = match (parameter("next-hop"), parameter("received-status"), page) {
        (_, _, Some(page)) => By::Page(page),
        (Some(server), Some(_), None) => By::Server(server),
        (_, _, None) => By::Edge,
    };
    let status = answer.status.as_u16();
    let (by, status) = match by {
        // What is down answers by its fault; whoever else does has been kept from it.
        By::Server(server) if half == Half::WritesWithheld && status == 200 => {
            (By::Withheld(server), None)
        }
        By::Server(_) | By::Withheld(_) | By::Page(_) | By::Edge => (by, Some(status)),
    };
    Seen {
        run: run.clone(),
        question,
        status,
        by,
        attempts,
        took: answer.took,
        trouble: None,
    }
}

/// `azure-vm;status=404;ms=12`.
fn attempt(item: &str) -> (String, Came) {
    let item = item.trim();
    let parts = split(item, ';');
    let name = parts.first().map(|name| plain(name.trim()));
    let parameter = |name: &str| {
        parts
            .iter()
            .find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
    };
    let status = parameter("status").and_then(|status| status.parse().ok());
    let came = match (status, parameter("error"), parameter("skipped")) {
        (Some(status), _, _) => Came::Status(status),
        (None, Some(error), _) => Came::Failed(error.to_owned()),
        (None, None, Some(why)) => Came::Other(why.to_owned()),
        (None, None, None) => Came::Other(String::new()),
    };
    (name.unwrap_or_default(), came)
}

/// The parts of a structured field (RFC 9651) between separators that stand outside of quotes; none of an empty one.
fn split(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut quoted, mut escaped, mut start) = (false, false, 0);
    for (at, c) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if quoted && c == '\\' {
            escaped = true;
        } else if c == '"' {
            quoted = !quoted;
        } else if c == separator && !quoted {
            parts.push(&text[start..at]);
            start = at + c.len_utf8();
        }
    }
    if start < text.len() {
        parts.push(&text[start..]);
    }
    parts
}

/// A token or a string, as what it stands for.
fn plain(item: &str) -> String {
    let Some(inside) = item
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    else {
        return item.to_owned();
    };
    inside.replace("\\\"", "\"").replace("\\\\", "\\")
}

#[cfg(test)]
mod tests {
    use super::{Came, attempt, split};

    #[test]
    fn attempts_are_read_whatever_an_origin_is_called() {
        let header =
            r#"aws;error=refused;ms=1, "the, \"b;ucket\"";status=200;ms=3, vm;skipped=down;ms=0"#;
        let read: Vec<_> = split(header, ',').into_iter().map(attempt).collect();
        assert_eq!(
            read,
            [
                ("aws".to_owned(), Came::Failed("refused".to_owned())),
                (r#"the, "b;ucket""#.to_owned(), Came::Status(200)),
                ("vm".to_owned(), Came::Other("down".to_owned())),
            ]
        );
        assert_eq!(split("", ','), Vec::<&str>::new());
    }
}
