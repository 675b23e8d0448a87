//! What the played failures say: which promises broke, and what an operator should know beside them.

use std::time::Duration;

use tideover_config::{Edge, OriginId, OriginKind, Promise, Side};

use super::plan::{How, Question};
use super::play::{By, Came, Seen};
use crate::cli::target_words::methods;

/// What was promised of one answer, and whether it holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Verdict {
    pub(super) promise: Option<Promise>,
    /// Each in words; none: it holds.
    pub(super) broken: Vec<String>,
}

/// What was found besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// For programs.
    pub(super) kind: &'static str,
    pub(super) origin: Option<String>,
    pub(super) words: String,
}

/// One for each of `seen`.
pub(super) fn verdicts(edge: &Edge, questions: &[Question], seen: &[Seen]) -> Vec<Verdict> {
    seen.iter()
        .map(|one| verdict(edge, &questions[one.question], one, seen))
        .collect()
}

fn verdict(edge: &Edge, question: &Question, one: &Seen, all: &[Seen]) -> Verdict {
    let mut broken: Vec<String> = one.trouble.iter().cloned().collect();
    let behavior = question.behavior(edge);
    let Some(expect) = &behavior.expect else {
        return Verdict {
            promise: None,
            broken,
        };
    };
    if let Some(worst) = expect.worst
        && one.took > worst
    {
        broken.push(format!(
            "it took {}, and {} at most are promised",
            span(one.took),
            span(worst)
        ));
    }
    // Where a behavior takes both, what is promised is promised of reads: a write has one server only.
    let takes = behavior.for_methods.unwrap_or(behavior.allowed_methods);
    let takes_reads = takes.contains(&http::Method::GET);
    // What is found out a moment later is judged then.
    let is_found_out_later = !one.run.moved
        && all.iter().any(|other| {
            other.run.moved && other.run.down == one.run.down && other.question == one.question
        });
    if (question.is_write() && takes_reads && !one.run.down.is_empty()) || is_found_out_later {
        return Verdict {
            promise: None,
            broken,
        };
    }
    let promise = expect.promise(one.run.down.len(), question.servers.len());
    let usual = all
        .iter()
        .find(|other| other.run.down.is_empty() && other.question == one.question)
        .and_then(|other| other.status);
    let is_server = match &one.by {
        By::Withheld(_) => true,
        By::Server(_) => one
            .status
            .is_some_and(|status| status < 400 || (Some(status) == usual && status < 500)),
        By::Page(_) | By::Edge => false,
    };
    let holds = match promise {
        None | Some(Promise::Error) => true,
        Some(Promise::Answers) => is_server,
        Some(Promise::Page) => is_server || matches!(one.by, By::Page(_)),
    };
    if let (false, Some(promise), None) = (holds, promise, &one.trouble) {
        broken.push(match promise {
            Promise::Answers => "an answer of a server is promised".to_owned(),
            Promise::Page | Promise::Error => "a page at least is promised".to_owned(),
        });
    }
    Verdict { promise, broken }
}

/// Everything worth saying, the worst first.
pub(super) fn findings(edge: &Edge, questions: &[Question], seen: &[Seen]) -> Vec<Finding> {
    let mut findings = dead_by_themselves(edge, questions, seen);
    findings.extend(not_fallen_through(edge, questions, seen));
    findings.extend(alone(edge, questions));
    findings
}

/// Servers that failed although nothing was done to them.
fn dead_by_themselves(edge: &Edge, questions: &[Question], seen: &[Seen]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (position, origin) in edge.origins.iter().enumerate() {
        // A page answers with an error's status, and cannot fail.
        if matches!(origin.kind, OriginKind::Page(_)) {
            continue;
        }
        let name = &*origin.id;
        let mut ways: Vec<String> = Vec::new();
        for one in seen {
            let is_down = one
                .run
                .down
                .iter()
                .any(|down| usize::from(down.0) == position);
            if is_down {
                continue;
            }
            for (_, came) in one.attempts.iter().filter(|(who, _)| who == name) {
                let way = match came {
                    Came::Status(status) if *status >= 500 => status.to_string(),
                    Came::Failed(error) => error.clone(),
                    Came::Status(_) | Came::Other(_) => continue,
                };
                if !ways.contains(&way) {
                    ways.push(way);
                }
            }
        }
        if ways.is_empty() {
            continue;
        }
        findings.push(Finding {
            kind: "failed-by-itself",
            origin: Some(name.to_owned()),
            words: format!(
                "{name} failed although nothing was done to it ({}){}",
                ways.join(", "),
                use_of(edge, questions, position)
            ),
        });
    }
    findings
}

/// `: it takes the writes of /owners/*, and stands by for *`.
fn use_of(edge: &Edge, questions: &[Question], origin: usize) -> String {
    let is_it = |id: &OriginId| usize::from(id.0) == origin;
    let mut alone: Vec<String> = Vec::new();
    let mut beside: Vec<String> = Vec::new();
    for question in questions {
        let path = question.behavior(edge).path.as_str();
        let kind = if question.is_write() {
            "writes"
        } else {
            "reads"
        };
        let words = format!("the {kind} of {path}");
        let target = edge.target(question.behavior(edge).target);
        let (list, is_in) = if question.is_write() {
            // The first one takes them, whoever stands behind it.
            let first = question.servers.first();
            (&mut alone, first.is_some_and(is_it))
        } else if target.members.len() == 1 {
            (&mut alone, question.servers.iter().any(is_it))
        } else {
            (&mut beside, question.servers.iter().any(is_it))
        };
        if is_in && !list.contains(&words) {
            list.push(words);
        }
    }
    let alone = (!alone.is_empty()).then(|| format!("nobody else takes {}", alone.join(", ")));
    let beside =
        (!beside.is_empty()).then(|| format!("it is counted on for {}", beside.join(", ")));
    let words: Vec<String> = alone.into_iter().chain(beside).collect();
    if words.is_empty() {
        String::new()
    } else {
        format!(": {}", words.join("; "))
    }
}

/// One server is down, another could have answered, and the viewer saw the failure.
fn not_fallen_through(edge: &Edge, questions: &[Question], seen: &[Seen]) -> Vec<Finding> {
    // By server and target: what of it reaches viewers.
    let mut passed: Vec<(String, String, Vec<String>)> = Vec::new();
    for one in seen {
        let question = &questions[one.question];
        let [down] = one.run.down.as_slice() else {
            continue;
        };
        if question.is_write() || one.trouble.is_some() {
            continue;
        }
        let target = edge.target(question.behavior(edge).target);
        let name = &edge.origin(*down).id;
        // A last resort has nobody behind it.
        let at = target.members.iter().position(|member| {
            let secondary = member.record.as_ref().map(|record| record.secondary.origin);
            member.origin == *down || secondary == Some(*down)
        });
        if at.is_none_or(|at| at + 1 >= target.members.len()) {
            continue;
        }
        let is_seen = match (&one.by, one.run.how) {
            (By::Server(by), How::Answers(status)) => {
                *by == **name && one.status == Some(status.as_u16())
            }
            (By::Edge, _) => {
                let last = one.attempts.last();
                last.is_some_and(|(who, _)| *who == **name)
            }
            (By::Server(_) | By::Withheld(_) | By::Page(_), _) => false,
        };
        if !is_seen {
            continue;
        }
        let what = match one.run.how {
            How::Answers(status) => status.as_u16().to_string(),
            How::Refuses => "refused connections".to_owned(),
            How::BlackHole => "connections that do not come about".to_owned(),
            How::Silent => "silence".to_owned(),
        };
        let known = passed
            .iter_mut()
            .find(|(who, of, _)| *who == **name && *of == *target.name);
        match known {
            Some((_, _, all)) if all.contains(&what) => {}
            Some((_, _, all)) => all.push(what),
            None => passed.push((name.to_string(), target.name.to_string(), vec![what])),
        }
    }
    passed
        .into_iter()
        .map(|(origin, target, what)| Finding {
            kind: "not-fallen-through",
            words: format!(
                "{target} does not fall through on {} of {origin}: viewers see the failure although others are there; add it to fail_over_on",
                what.join(", ")
            ),
            origin: Some(origin),
        })
        .collect()
}

/// Reads that have one server and no page.
fn alone(edge: &Edge, questions: &[Question]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut before = None;
    for question in questions {
        let place = (question.distribution, question.behavior);
        if question.is_write() || before == Some(place) {
            continue;
        }
        before = Some(place);
        let behavior = question.behavior(edge);
        let target = edge.target(behavior.target).routed(|_| Side::Primary);
        let [only] = target.members.as_slice() else {
            continue;
        };
        if only.is_page || question.servers.len() > 1 {
            continue;
        }
        let origin = edge.origin(only.origin).id.to_string();
        let takes = behavior.for_methods.unwrap_or(behavior.allowed_methods);
        findings.push(Finding {
            kind: "no-second-tier",
            words: format!(
                "{} ({}) has no second tier: while {origin} is down, nobody answers",
                behavior.path.as_str(),
                methods(takes),
            ),
            origin: Some(origin),
        });
    }
    findings
}

pub(super) fn span(span: Duration) -> String {
    if span < Duration::from_secs(1) {
        format!("{:.1} ms", span.as_secs_f64() * 1_000.0)
    } else {
        format!("{:.2} s", span.as_secs_f64())
    }
}
