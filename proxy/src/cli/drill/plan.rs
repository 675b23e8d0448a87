//! What is asked, and what is down while it is asked.

use std::fmt;
use std::time::Duration;

use http::{HeaderMap, Method, StatusCode, Version};
use tideover_config::{
    Behavior, Distribution, Edge, Fault, FaultKind, MethodSet, Moves, OriginId, OriginKind, Target,
    ViewerScheme,
};
use tideover_rules::fields::Fields;
use tideover_rules::route::{Arrival, route};

/// Most servers of one target that are taken down in pairs.
const MOST_IN_PAIRS: usize = 6;

/// What a viewer asks again and again while this and that is down.
#[derive(Clone, Debug)]
pub(super) struct Question {
    /// Positions of distribution and behavior.
    pub(super) distribution: usize,
    pub(super) behavior: usize,
    pub(super) method: Method,
    pub(super) host: String,
    /// Path and query.
    pub(super) target: String,
    /// Who may be asked to answer it, in order; no pages.
    pub(super) servers: Vec<OriginId>,
}

impl Question {
    pub(super) fn is_write(&self) -> bool {
        !MethodSet::READS_AND_OPTIONS.contains(&self.method)
    }

    pub(super) fn behavior<'e>(&self, edge: &'e Edge) -> &'e Behavior {
        &edge.distributions[self.distribution].behaviors[self.behavior]
    }

    /// Whether what is down in `run` can be of any consequence to it.
    pub(super) fn is_met_by(&self, run: &Run) -> bool {
        run.down.iter().all(|down| self.servers.contains(down))
    }
}

/// How a server is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    Refuses,
    BlackHole,
    Silent,
    Answers(StatusCode),
}

impl How {
    pub(super) fn fault(self) -> Fault {
        Fault::of(match self {
            Self::Refuses => FaultKind::Refuse,
            Self::BlackHole => FaultKind::BlackHole,
            Self::Silent => FaultKind::Delay(Fault::LONGEST_DELAY),
            Self::Answers(status) => FaultKind::Status(status),
        })
    }

    /// For programs.
    pub(super) fn word(self) -> String {
        match self {
            Self::Refuses => "refuse".to_owned(),
            Self::BlackHole => "black-hole".to_owned(),
            Self::Silent => "silent".to_owned(),
            Self::Answers(status) => format!("status-{}", status.as_u16()),
        }
    }
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refuses => f.write_str("refuses"),
            Self::BlackHole => f.write_str("is a black hole"),
            Self::Silent => f.write_str("stays silent"),
            Self::Answers(status) => write!(f, "answers {}", status.as_u16()),
        }
    }
}

/// One state of affairs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// Nobody at first.
    pub(super) down: Vec<OriginId>,
    pub(super) how: How,
    /// Health checks have found it out, and records that move by themselves have moved.
    pub(super) moved: bool,
}

impl Run {
    /// `aws refuses`, `aws, azure-vm refuse`, `nothing is down`.
    pub(super) fn told(&self, edge: &Edge) -> String {
        let names: Vec<&str> = self
            .down
            .iter()
            .map(|down| &*edge.origin(*down).id)
            .collect();
        let after = if self.moved { "; found out" } else { "" };
        match names.as_slice() {
            [] => "nothing is down".to_owned(),
            [only] => format!("{only} {}{after}", self.how),
            several => format!("{} refuse{after}", several.join(", ")),
        }
    }
}

/// All questions of the behaviors that `from` names: a path pattern, or `default`.
pub(super) fn questions(edge: &Edge, from: Option<&str>) -> (Vec<Question>, Vec<String>) {
    let mut questions = Vec::new();
    let mut unreachable = Vec::new();
    for distribution in edge.distributions.iter().filter(|each| each.enabled) {
        let last = distribution.behaviors.len().saturating_sub(1);
        for (index, behavior) in distribution.behaviors.iter().enumerate() {
            let is_meant = from.is_none_or(|from| {
                behavior.path.as_str() == from || (index == last && from == "default")
            });
            if !is_meant {
                continue;
            }
            let servers = servers(edge, edge.target(behavior.target));
            let methods = behavior.for_methods.unwrap_or(behavior.allowed_methods);
            for name in methods.names() {
                let Ok(method) = name.parse::<Method>() else {
                    continue;
                };
                match way_to(edge, distribution, index, behavior, &method) {
                    Some((host, target)) => questions.push(Question {
                        distribution: distribution.position,
                        behavior: index,
                        method,
                        host,
                        target,
                        servers: servers.clone(),
                    }),
                    None => unreachable.push(format!(
                        "no {name} was found that only {} of {} takes: write expect = {{ path = \"...\" }} there",
                        behavior.path.as_str(),
                        distribution.id
                    )),
                }
            }
        }
    }
    (questions, unreachable)
}

/// Those that may be asked, with the secondaries of records.
fn servers(edge: &Edge, target: &Target) -> Vec<OriginId> {
    let mut servers = Vec::new();
    for member in &target.members {
        let secondary = member.record.iter().map(|record| record.secondary.origin);
        for origin in std::iter::once(member.origin).chain(secondary) {
            let may_fail = match edge.origin(origin).kind {
                OriginKind::Server(_) | OriginKind::Folder(_) => true,
                OriginKind::Page(_) => false,
            };
            if may_fail && !servers.contains(&origin) {
                servers.push(origin);
            }
        }
    }
    servers
}

/// A host and a target by which a request of this method comes to this behavior, and to no other.
fn way_to(
    edge: &Edge,
    distribution: &Distribution,
    index: usize,
    behavior: &Behavior,
    method: &Method,
) -> Option<(String, String)> {
    let hosts = distribution
        .aliases
        .iter()
        .map(|alias| alias.replace('*', "drill"))
        .chain([distribution.domain_name.to_string(), "localhost".to_owned()]);
    let pattern = behavior.path.as_str();
    let rooted = |path: String| {
        if path.starts_with('/') {
            path
        } else {
            format!("/{path}")
        }
    };
    let samples = ["", "drill", "a/drill"]
        .into_iter()
        .map(|star| rooted(pattern.replace('*', star).replace('?', "x")));
    let said = behavior.expect.as_ref().and_then(|said| said.path.clone());
    let targets: Vec<String> = match said {
        Some(path) => vec![path.to_string()],
        None => samples.collect(),
    };
    let headers = HeaderMap::new();
    let comes_here = |host: &str, target: &str| {
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        let arrival = Arrival {
            method,
            host,
            path,
            query,
            scheme: ViewerScheme::Https,
            version: Version::HTTP_11,
            has_body: false,
            fields: Fields::of(&headers),
        };
        route(edge, &arrival).is_ok_and(|route| {
            route.distribution.position == distribution.position && route.behavior_index == index
        })
    };
    for host in hosts {
        if let Some(target) = targets.iter().find(|target| comes_here(&host, target)) {
            return Some((host, target.clone()));
        }
    }
    None
}

/// Nothing down; every server alone, in every way; every pair; everybody; everybody but one.
pub(super) fn runs(edge: &Edge, questions: &[Question]) -> Vec<Run> {
    let run = |down: Vec<OriginId>, how| Run {
        down,
        how,
        moved: false,
    };
    let mut runs = vec![run(Vec::new(), How::Refuses)];
    let mut add = |down: Vec<OriginId>, how| {
        let new = run(down, how);
        if !runs.contains(&new) {
            runs.push(new);
        }
    };
    for question in questions {
        let servers = &question.servers;
        for server in servers {
            let statuses = [500, 502, 503, 504].into_iter();
            let answers = statuses.filter_map(|code| StatusCode::from_u16(code).ok());
            for how in [How::Refuses, How::BlackHole, How::Silent]
                .into_iter()
                .chain(answers.map(How::Answers))
            {
                add(vec![*server], how);
            }
        }
        if servers.len() <= MOST_IN_PAIRS {
            for (at, one) in servers.iter().enumerate() {
                for other in servers.iter().skip(at + 1) {
                    add(vec![*one, *other], How::Refuses);
                }
            }
        }
        if servers.len() > 2 {
            for left in servers {
                let others = servers.iter().filter(|server| *server != left);
                add(others.copied().collect(), How::Refuses);
            }
            add(servers.clone(), How::Refuses);
        }
    }
    let moves = |run: &Run| {
        edge.records.iter().any(|record| {
            record.fail_over == Moves::Auto
                && run.down.contains(&record.primary)
                && !run.down.contains(&record.secondary)
        })
    };
    let found_out: Vec<Run> = runs
        .iter()
        .filter(|run| moves(run))
        .map(|run| Run {
            moved: true,
            ..run.clone()
        })
        .collect();
    runs.extend(found_out);
    runs
}

/// No case lasts longer, unless the config's own timers do.
pub(super) fn patience(edge: &Edge) -> Duration {
    let longest = edge.targets.iter().map(Target::worst_case).max();
    longest
        .unwrap_or_default()
        .saturating_add(Duration::from_secs(30))
}
