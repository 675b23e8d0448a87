//! The latest requests that fell through, for whoever asks why something was answered as it was.
//!
//! A worker hands them on by a bounded channel that never waits, and only so many at a time: who stands before a dead origin
//! has the same story to tell each time. One thread (`control`) takes them from there and folds what is alike.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use http::StatusCode;
use tideover_config::Target;
use tideover_rules::failover::{Attempt, Outcome};
use tokio::sync::mpsc;

use crate::access_log::{Facts, Line};
use crate::live::Live;

/// So many stories are remembered.
const REMEMBERED: usize = 64;
/// So many are on their way at most.
const ON_THEIR_WAY: usize = 256;
/// So many does a worker tell between two of its ticks.
pub(crate) const AT_A_TIME: u8 = 4;
/// Bytes of a path or a host that are kept.
const MOST_BYTES: usize = 160;
/// Attempts that are told of one request.
const MOST_ATTEMPTS: usize = 16;

/// One request that did not get the answer of the first member that it came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fall {
    pub(crate) at: SystemTime,
    pub(crate) request_id: String,
    pub(crate) method: String,
    /// Without the query, which may hold what is nobody's business.
    pub(crate) path: String,
    /// From its head to its answer's. Nominal.
    pub(crate) took: Duration,
    pub(crate) story: Story,
    /// In order, as long as each outcome of `story`'s took. Nominal.
    pub(crate) spans: Vec<Duration>,
}

/// What requests have in common that fell through in the same way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Story {
    pub(crate) distribution: Option<Arc<str>>,
    pub(crate) target: Arc<str>,
    /// What the viewer got.
    pub(crate) status: StatusCode,
    /// Which of `outcomes` that was.
    pub(crate) delivered: usize,
    /// Who was asked, or left out, in order, and what came of it.
    pub(crate) outcomes: Vec<(Arc<str>, Outcome)>,
}

/// A story and how often it was told.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) latest: Fall,
    pub(crate) first: SystemTime,
    /// By requests that told it: at least so many there were.
    pub(crate) times: u64,
}

/// Where they are told, and where they are kept.
#[derive(Debug)]
pub(crate) struct Falls {
    tell: mpsc::Sender<Fall>,
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    arriving: mpsc::Receiver<Fall>,
    /// The latest last.
    rows: VecDeque<Row>,
}

impl Default for Falls {
    fn default() -> Self {
        let (tell, arriving) = mpsc::channel(ON_THEIR_WAY);
        Self {
            tell,
            kept: Mutex::new(Kept {
                arriving,
                rows: VecDeque::new(),
            }),
        }
    }
}

/// Whether a member was left for another one: trying the same one again is none.
pub(crate) fn fell_through(attempts: &[Attempt]) -> bool {
    attempts
        .windows(2)
        .any(|pair| matches!(pair, [left, next] if left.member != next.member))
}

impl Falls {
    /// From a worker. Never waits: what there is no room for is not told.
    pub(crate) fn tell(&self, fall: Fall) {
        let _ = self.tell.try_send(fall);
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what has arrived; by the thread of `control`.
    pub(crate) fn gather(&self) {
        let mut kept = self.kept();
        while let Ok(fall) = kept.arriving.try_recv() {
            kept.take(fall);
        }
    }

    /// The latest first.
    pub(crate) fn lately(&self) -> Vec<Row> {
        self.kept().rows.iter().rev().cloned().collect()
    }
}

impl Kept {
    fn take(&mut self, fall: Fall) {
        let mut rows = self.rows.iter();
        let same = rows.position(|row| row.latest.story == fall.story);
        let same = same.and_then(|index| self.rows.remove(index));
        let (first, times) = same.map_or((fall.at, 0), |row| (row.first, row.times));
        if self.rows.len() == REMEMBERED {
            self.rows.pop_front();
        }
        self.rows.push_back(Row {
            latest: fall,
            first,
            times: times + 1,
        });
    }
}

impl Fall {
    /// What is to be told of a request that fell through; `None` where its target is not known.
    pub(crate) fn of(
        line: &Line,
        facts: &Facts,
        status: StatusCode,
        took: Duration,
    ) -> Option<Self> {
        let live = &line.view.live;
        let target = live.target(facts.target?);
        let told = facts.attempts.iter().take(MOST_ATTEMPTS);
        let distribution = facts
            .distribution
            .and_then(|position| live.edge.distributions.get(position));
        Some(Self {
            at: SystemTime::now(),
            request_id: line.request_id.to_str().unwrap_or_default().to_owned(),
            method: cut(line.request.method.as_str()),
            path: cut(line.request.uri.path()),
            took,
            story: Story {
                distribution: distribution.map(|said| Arc::clone(&said.id)),
                target: Arc::clone(&target.name),
                status,
                delivered: facts.delivered,
                outcomes: told
                    .clone()
                    .filter_map(|attempt| Some((asked(live, target, attempt)?, attempt.outcome)))
                    .collect(),
            },
            spans: told.map(|attempt| attempt.took).collect(),
        })
    }
}

fn asked(live: &Live, target: &Target, attempt: &Attempt) -> Option<Arc<str>> {
    let member = target.members.get(attempt.member)?;
    Some(Arc::clone(&live.edge.origin(member.origin).id))
}

fn cut(text: &str) -> String {
    let mut end = text.len().min(MOST_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut short = text.get(..end).unwrap_or_default().to_owned();
    if end < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use http::StatusCode;
    use tideover_config::Failure;
    use tideover_rules::failover::{Attempt, Outcome, Sent};

    use super::{Fall, Falls, MOST_BYTES, REMEMBERED, Story, cut, fell_through};

    fn fall(path: &str, failure: Failure) -> Fall {
        let outcomes = [
            ("aws", Outcome::Failed(failure)),
            ("azure-vm", Outcome::Status(StatusCode::OK)),
        ];
        Fall {
            at: SystemTime::now(),
            request_id: String::new(),
            method: "GET".to_owned(),
            path: path.to_owned(),
            took: Duration::ZERO,
            story: Story {
                distribution: None,
                target: "reads".into(),
                status: StatusCode::OK,
                delivered: 1,
                outcomes: outcomes
                    .map(|(name, outcome)| (name.into(), outcome))
                    .into(),
            },
            spans: vec![Duration::ZERO; 2],
        }
    }

    #[test]
    fn what_is_alike_is_one_row_and_the_latest_is_first() {
        let falls = Falls::default();
        falls.tell(fall("/a", Failure::Refused));
        falls.tell(fall("/b", Failure::Reset));
        falls.tell(fall("/c", Failure::Refused));
        falls.gather();
        let rows = falls.lately();
        let told: Vec<_> = rows
            .iter()
            .map(|row| (row.latest.path.as_str(), row.times))
            .collect();
        assert_eq!(told, [("/c", 2), ("/b", 1)]);
    }

    #[test]
    fn no_more_are_kept_than_there_is_room_for() {
        let falls = Falls::default();
        for status in 200..200 + 2 * u16::try_from(REMEMBERED).unwrap_or(0) {
            let mut one = fall("/", Failure::Refused);
            one.story.status = StatusCode::from_u16(status).unwrap_or_default();
            falls.tell(one);
        }
        falls.gather();
        let rows = falls.lately();
        assert_eq!(rows.len(), REMEMBERED);
        assert_eq!(rows[0].latest.story.status.as_u16(), 327);
    }

    #[test]
    fn the_same_member_again_is_no_fall() {
        let attempt = |member| Attempt {
            member,
            outcome: Outcome::Failed(Failure::Refused),
            sent: Sent::Nothing,
            took: Duration::ZERO,
        };
        for (members, expected) in [
            (&[][..], false),
            (&[0], false),
            (&[0, 0], false),
            (&[0, 0, 1], true),
        ] {
            let attempts: Vec<Attempt> = members.iter().map(|member| attempt(*member)).collect();
            assert_eq!(fell_through(&attempts), expected, "{members:?}");
        }
    }

    #[test]
    fn a_long_path_is_cut_between_two_characters() {
        assert_eq!(cut("/short"), "/short");
        let long = "é".repeat(MOST_BYTES);
        assert_eq!(cut(&long), format!("{}…", "é".repeat(MOST_BYTES / 2)));
    }
}
