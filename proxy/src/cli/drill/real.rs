//! `tideover drill --config FILE`: every failure of one tier and of two, against the real config and the real origins.
//!
//! An edge of its own is started from the config for each state of affairs, on loopback; a running one is not touched and
//! learns nothing of it. What is down is down by a fault on command. Writes are sent to nobody unless that is asked for: a
//! connection is made to whoever would have got them, and that is all.

use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};
use tideover_config::{Edge, Overrides, load};
use tokio::runtime::{Builder, LocalOptions};

use super::plan::{Question, questions, runs};
use super::play::{By, Came, Seen, play};
use super::verdict::{Finding, Verdict, findings, span, verdicts};
use crate::cli::paint::{Paint, columns};
use crate::cli::said;
use crate::cli::target_words::target;

/// What is wanted of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'w> {
    pub(super) config: &'w Path,
    pub(super) json: bool,
    pub(super) writes: bool,
    /// The path pattern of a behavior, or `default`.
    pub(super) from: Option<&'w str>,
}

/// All that came of it.
struct Played {
    edge: Edge,
    questions: Vec<Question>,
    seen: Vec<Seen>,
    verdicts: Vec<Verdict>,
    findings: Vec<Finding>,
}

/// Exit code 0 unless a promise of the config breaks.
pub(super) fn drill(wanted: Wanted<'_>, overrides: &Overrides) -> anyhow::Result<ExitCode> {
    let edge = match load(wanted.config, overrides) {
        Ok(loaded) => loaded.edge,
        Err(problems) => {
            said::problems(&problems.0, Paint::for_stderr());
            return Ok(ExitCode::FAILURE);
        }
    };
    let (questions, unreachable) = questions(&edge, wanted.from);
    if questions.is_empty() {
        let known: Vec<&str> = edge
            .distributions
            .iter()
            .flat_map(|distribution| distribution.behaviors.iter())
            .map(|behavior| behavior.path.as_str())
            .collect();
        anyhow::bail!(
            "there is nothing to play; the behaviors are {}",
            known.join(", ")
        );
    }
    let runs = runs(&edge, &questions);
    if !wanted.json {
        let writes = if wanted.writes {
            "Writes ARE SENT to the real origins."
        } else {
            "Writes are sent to nobody: whoever would get them is only connected to."
        };
        said::print(&format!(
            "{} states of affairs, {} requests to be asked in each that bears on them. {writes}\n",
            runs.len(),
            questions.len(),
        ))?;
    }
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())?;
    let seen = runtime.block_on(play(&edge, &questions, &runs, wanted.writes))?;
    let mut played = Played {
        verdicts: verdicts(&edge, &questions, &seen),
        findings: findings(&edge, &questions, &seen),
        edge,
        questions,
        seen,
    };
    played
        .findings
        .extend(unreachable.into_iter().map(|words| Finding {
            kind: "not-played",
            origin: None,
            words,
        }));
    let broken = played
        .verdicts
        .iter()
        .filter(|verdict| !verdict.broken.is_empty())
        .count();
    if wanted.json {
        said::print(&format!("{:#}\n", played.as_json(broken == 0)))?;
    } else {
        said::print(&played.told(Paint::for_stdout()))?;
    }
    Ok(if broken == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Methods that fared alike, in one state of affairs.
struct Row<'p> {
    seen: &'p Seen,
    verdict: &'p Verdict,
    methods: Vec<&'p str>,
    /// The longest.
    took: std::time::Duration,
}

impl Played {
    /// The rows of one behavior: in the order of the states of affairs.
    fn rows(&self, distribution: usize, behavior: usize) -> Vec<Row<'_>> {
        let mut rows: Vec<Row<'_>> = Vec::new();
        for (seen, verdict) in self.seen.iter().zip(&self.verdicts) {
            let question = &self.questions[seen.question];
            if (question.distribution, question.behavior) != (distribution, behavior) {
                continue;
            }
            let alike = rows.iter_mut().find(|row| {
                row.seen.run == seen.run
                    && row.seen.status == seen.status
                    && row.seen.by == seen.by
                    && row.seen.attempts == seen.attempts
                    && row.verdict.broken.is_empty() == verdict.broken.is_empty()
            });
            match alike {
                Some(row) => {
                    row.methods.push(question.method.as_str());
                    row.took = row.took.max(seen.took);
                }
                None => rows.push(Row {
                    seen,
                    verdict,
                    methods: vec![question.method.as_str()],
                    took: seen.took,
                }),
            }
        }
        rows
    }

    /// Distribution and behavior of every question, each once.
    fn places(&self) -> Vec<(usize, usize)> {
        let mut places = Vec::new();
        for question in &self.questions {
            let place = (question.distribution, question.behavior);
            if !places.contains(&place) {
                places.push(place);
            }
        }
        places
    }

    fn told(&self, paint: Paint) -> String {
        let mut text = String::new();
        let (mut rows_told, mut rows_promised, mut rows_broken) = (0, 0, 0);
        for (distribution, behavior) in self.places() {
            let of = &self.edge.distributions[distribution];
            let compiled = &of.behaviors[behavior];
            let asked = self.questions.iter().find(|question| {
                (question.distribution, question.behavior) == (distribution, behavior)
            });
            let asked = asked.map_or(String::new(), |asked| {
                format!("{}{}", asked.host, asked.target)
            });
            text += &format!(
                "\n{}  asked: {asked}\n{}\n",
                paint.bold(&format!("{} {}", of.id, compiled.path.as_str())),
                paint.dim(&format!(
                    "  {}",
                    target(&self.edge, self.edge.target(compiled.target))
                )),
            );
            let rows = self.rows(distribution, behavior);
            let cells: Vec<[String; 6]> = rows.iter().map(|row| self.cells(row)).collect();
            for (line, row) in columns(2, &cells).lines().zip(&rows) {
                rows_told += 1;
                rows_promised += usize::from(row.verdict.promise.is_some());
                rows_broken += usize::from(!row.verdict.broken.is_empty());
                text += &if row.verdict.broken.is_empty() {
                    format!("{line}\n")
                } else {
                    format!("{}\n", paint.bad(line))
                };
            }
        }
        if !self.findings.is_empty() {
            text += &format!("\n{}\n", paint.bold("Found:"));
            for finding in &self.findings {
                text += &format!("{}\n", paint.doubtful(&format!("  - {}", finding.words)));
            }
        }
        let promised = if rows_promised == 0 {
            "; no behavior says what to expect (expect = { any_one_down = \"answers\" })".to_owned()
        } else {
            format!(", {rows_promised} of them promised")
        };
        let broken = format!("{rows_broken} broken");
        let broken = if rows_broken == 0 {
            paint.good(&broken)
        } else {
            paint.bad(&broken)
        };
        text + &format!("\n{rows_told} rows{promised}, {broken}\n")
    }

    fn cells(&self, row: &Row<'_>) -> [String; 6] {
        let Row {
            seen,
            verdict,
            methods,
            took,
        } = row;
        let answered = match (&seen.by, seen.status) {
            _ if seen.trouble.is_some() => "no answer".to_owned(),
            (By::Withheld(by), _) => format!("goes to {by}"),
            (By::Server(by) | By::Page(by), Some(status)) => format!("{status} {by}"),
            (By::Edge, Some(status)) => format!("{status} the edge"),
            (By::Server(_) | By::Page(_) | By::Edge, None) => "no answer".to_owned(),
        };
        let held = match (verdict.broken.is_empty(), verdict.promise) {
            (false, _) => format!("BROKEN: {}", verdict.broken.join("; ")),
            (true, Some(_)) => "held".to_owned(),
            (true, None) => String::new(),
        };
        [
            seen.run.told(&self.edge),
            methods.join(" "),
            answered,
            span(*took),
            in_turn(seen.attempts.iter().map(|(who, came)| match came {
                Came::Status(_) if matches!(&seen.by, By::Withheld(by) if by == who) => {
                    format!("{who} connected")
                }
                Came::Status(status) => format!("{who} {status}"),
                Came::Failed(why) | Came::Other(why) => format!("{who} {why}"),
            })),
            held,
        ]
    }

    fn as_json(&self, held: bool) -> Value {
        let rows = self
            .places()
            .into_iter()
            .flat_map(|(distribution, behavior)| {
                self.rows(distribution, behavior)
                    .iter()
                    .map(|row| self.row_as_json(row))
                    .collect::<Vec<_>>()
            });
        let findings = self.findings.iter().map(|finding| {
            json!({ "kind": finding.kind, "origin": finding.origin, "words": finding.words })
        });
        json!({
            "held": held,
            "rows": rows.collect::<Vec<_>>(),
            "findings": findings.collect::<Vec<_>>(),
        })
    }

    fn row_as_json(&self, row: &Row<'_>) -> Value {
        let seen = row.seen;
        let question = &self.questions[seen.question];
        let distribution = &self.edge.distributions[question.distribution];
        let down: Vec<&str> = seen
            .run
            .down
            .iter()
            .map(|down| &*self.edge.origin(*down).id)
            .collect();
        let (by, kind) = match &seen.by {
            By::Server(by) => (Some(by), "server"),
            By::Withheld(by) => (Some(by), "withheld"),
            By::Page(by) => (Some(by), "page"),
            By::Edge => (None, "edge"),
        };
        let attempts = seen.attempts.iter().map(|(who, came)| match came {
            Came::Status(_) if kind == "withheld" && by == Some(who) => {
                json!({ "origin": who, "connected": true })
            }
            Came::Status(status) => json!({ "origin": who, "status": status }),
            Came::Failed(why) => json!({ "origin": who, "error": why }),
            Came::Other(why) => json!({ "origin": who, "skipped": why }),
        });
        json!({
            "distribution": &*distribution.id,
            "behavior": question.behavior(&self.edge).path.as_str(),
            "methods": row.methods,
            "asked": format!("{}{}", question.host, question.target),
            "down": down,
            "how": (!seen.run.down.is_empty()).then(|| seen.run.how.word()),
            "found_out": seen.run.moved,
            "status": seen.status,
            "by": by,
            "kind": kind,
            "ms": u64::try_from(row.took.as_millis()).unwrap_or(u64::MAX),
            "attempts": attempts.collect::<Vec<_>>(),
            "promised": row.verdict.promise.map(tideover_config::Promise::word),
            "broken": row.verdict.broken,
        })
    }
}

/// One after the other; what comes twice in a row is told once, with its number.
fn in_turn(attempts: impl Iterator<Item = String>) -> String {
    let mut told: Vec<(String, usize)> = Vec::new();
    for attempt in attempts {
        match told.last_mut() {
            Some((last, times)) if *last == attempt => *times += 1,
            _ => told.push((attempt, 1)),
        }
    }
    let words = told.into_iter().map(|(attempt, times)| match times {
        1 => attempt,
        _ => format!("{times} x {attempt}"),
    });
    words.collect::<Vec<_>>().join(" > ")
}

#[cfg(test)]
mod tests {
    use super::in_turn;

    #[test]
    fn attempts_that_end_alike_are_told_once() {
        let told = |attempts: &[&str]| in_turn(attempts.iter().map(|&attempt| attempt.to_owned()));
        assert_eq!(
            told(&["vm refused", "vm refused", "swa 200"]),
            "2 x vm refused > swa 200"
        );
        assert_eq!(
            told(&["vm 503", "swa 503", "vm 503"]),
            "vm 503 > swa 503 > vm 503"
        );
        assert_eq!(told(&[]), "");
    }
}
