//! Targets and plays as chance will have them.

use std::time::Duration;

use http::StatusCode;
use proptest::prelude::*;
use tideover_config::{
    ConnectionAttempts, FailoverCriteria, Failure, Member, OriginId, StatusSet, Target, Timers,
};
use tideover_rules::failover::{Ask, Attempt, Limits, Outcome, Sent, Step, next_step};

/// What a group can list, and some that it cannot.
pub(crate) const STATUSES: [u16; 16] = [
    200, 204, 301, 304, 400, 401, 403, 404, 410, 416, 429, 500, 501, 502, 503, 504,
];

pub(crate) fn set(codes: &[u16]) -> StatusSet {
    codes
        .iter()
        .map(|code| StatusCode::from_u16(*code).expect("a status"))
        .collect()
}

fn criteria() -> impl Strategy<Value = FailoverCriteria> {
    let listable: Vec<u16> = STATUSES.into_iter().filter(|code| *code >= 400).collect();
    let most = listable.len();
    (
        proptest::sample::subsequence(listable, 0..=most),
        proptest::sample::subsequence(Failure::ALL.to_vec(), 0..=Failure::ALL.len()),
        any::<u16>(),
        any::<bool>(),
    )
        .prop_map(|(codes, failures, soft, all_failures)| {
            let soft: Vec<u16> = (0..)
                .zip(&codes)
                .filter(|(index, _)| soft & (1 << index) != 0)
                .map(|(_, code)| *code)
                .collect();
            FailoverCriteria {
                statuses: set(&codes),
                soft: set(&soft),
                failures: if all_failures {
                    Failure::ALL.into_iter().collect()
                } else {
                    failures.into_iter().collect()
                },
            }
        })
}

fn timers() -> impl Strategy<Value = Timers> {
    (1..=3_u8, 1..=10_u64, 1..=30_u64, any::<Option<u8>>()).prop_map(
        |(attempts, connect, response, completion)| Timers {
            connection_attempts: ConnectionAttempts::new(attempts).expect("1 to 3"),
            connection_timeout: Duration::from_secs(connect),
            response_timeout: Duration::from_secs(response),
            // Never below the response timeout: config sees to that.
            response_completion_timeout: completion
                .map(|more| Duration::from_secs(response + u64::from(more))),
            keepalive_timeout: Duration::from_secs(5),
        },
    )
}

fn member() -> impl Strategy<Value = Member> {
    (criteria(), timers(), any::<bool>()).prop_map(|(criteria, timers, retries)| Member {
        origin: OriginId(0),
        is_page: false,
        criteria,
        timers,
        retries_response_timeout: retries,
        record: None,
    })
}

/// One to six members; the last one may be a page; with or without a deadline.
pub(crate) fn target() -> impl Strategy<Value = Target> {
    (
        proptest::collection::vec(member(), 1..=6),
        any::<bool>(),
        proptest::option::of(1..=60_000_u64),
    )
        .prop_map(|(mut members, ends_in_page, deadline)| {
            if ends_in_page && let Some(last) = members.last_mut() {
                last.is_page = true;
                // Its criteria stay: nothing is to come of them.
            }
            for (index, member) in (0..).zip(&mut members) {
                member.origin = OriginId(index);
            }
            Target {
                name: "tiers".into(),
                is_group: true,
                members,
                deadline: deadline.map(Duration::from_millis),
            }
        })
}

pub(crate) fn ask() -> impl Strategy<Value = Ask> {
    // A read, a read where nothing may fall through, OPTIONS, a write.
    proptest::sample::select(vec![
        (true, true),
        (false, true),
        (true, false),
        (false, false),
    ])
    .prop_map(|(may_fall_through, may_repeat)| Ask {
        may_fall_through,
        may_repeat,
        may_reconnect: true,
    })
}

/// How one attempt ends, and how much of its time it takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    outcome: Outcome,
    /// An answer means that something was sent; for the rest it is chance, whatever a failure is supposed to mean.
    sent: Sent,
    /// Of 255.
    share: u8,
    /// The head, or what there is of it, comes in small pieces.
    in_drops: bool,
}

impl Turn {
    /// The longest that it can take within these limits.
    fn most(self, within: Limits) -> Duration {
        let whole = match self.outcome {
            Outcome::Failed(failure) if failure.is_connect() => within.connect,
            Outcome::Skipped(_) => Duration::ZERO,
            // A time that stands for one without end.
            _ if self.in_drops => within.dripping.unwrap_or(Duration::from_mins(10)),
            Outcome::Failed(_) | Outcome::Status(_) => {
                within.connect.saturating_add(within.response)
            }
        };
        within.head.map_or(whole, |head| whole.min(head))
    }
}

fn turn() -> impl Strategy<Value = Turn> {
    let statuses = proptest::sample::select(STATUSES.to_vec())
        .prop_map(|code| Outcome::Status(StatusCode::from_u16(code).expect("a status")));
    let failures = proptest::sample::select(Failure::ALL.to_vec()).prop_map(Outcome::Failed);
    (
        prop_oneof![1 => statuses, 2 => failures],
        any::<bool>(),
        prop_oneof![Just(0), Just(255), any::<u8>()],
        any::<bool>(),
    )
        .prop_map(|(outcome, nothing, share, in_drops)| {
            let sent = match outcome {
                Outcome::Status(_) => Sent::Something,
                Outcome::Failed(_) if nothing => Sent::Nothing,
                Outcome::Failed(_) => Sent::Something,
                Outcome::Skipped(_) => unreachable!("nobody is known to be dead"),
            };
            Turn {
                outcome,
                sent,
                share,
                in_drops,
            }
        })
}

/// More turns than any target takes.
pub(crate) fn turns() -> impl Strategy<Value = Vec<Turn>> {
    proptest::collection::vec(turn(), 18)
}

/// The same from origins that send their heads at once.
pub(crate) fn prompt_turns() -> impl Strategy<Value = Vec<Turn>> {
    let prompt = |turn: Turn| Turn {
        in_drops: false,
        ..turn
    };
    turns().prop_map(move |turns| turns.into_iter().map(prompt).collect())
}

/// A step, and when and after what it was decided.
#[derive(Clone, Debug)]
pub(crate) struct Decided {
    pub(crate) step: Step,
    /// How many of the attempts were known.
    pub(crate) known: usize,
    pub(crate) elapsed: Duration,
}

/// One request from its first step to its delivery.
#[derive(Clone, Debug)]
pub(crate) struct Course {
    pub(crate) attempts: Vec<Attempt>,
    /// The last one delivers.
    pub(crate) steps: Vec<Decided>,
    pub(crate) delivered: usize,
    pub(crate) elapsed: Duration,
}

/// What happens when attempts end as `turns` say, each within its limits.
pub(crate) fn course(target: &Target, ask: Ask, turns: &[Turn]) -> Course {
    let mut turns = turns.iter();
    let mut attempts: Vec<Attempt> = Vec::new();
    let mut steps = Vec::new();
    let mut elapsed = Duration::ZERO;
    loop {
        let step = next_step(target, ask, &[], &attempts, elapsed);
        steps.push(Decided {
            step,
            known: attempts.len(),
            elapsed,
        });
        let (member, within) = match step {
            Step::Try { member, within } => (member, within),
            Step::Skip { .. } => unreachable!("nobody is known to be dead"),
            Step::Deliver(delivered) => {
                return Course {
                    attempts,
                    steps,
                    delivered,
                    elapsed,
                };
            }
        };
        let turn = turns.next().expect("it does not end");
        let attempt = if target.members[member].is_page {
            Attempt {
                member,
                outcome: Outcome::Status(StatusCode::SERVICE_UNAVAILABLE),
                sent: Sent::Something,
                took: Duration::ZERO,
            }
        } else {
            Attempt {
                member,
                outcome: turn.outcome,
                sent: turn.sent,
                took: turn.most(within) * u32::from(turn.share) / 255,
            }
        };
        elapsed += attempt.took;
        attempts.push(attempt);
    }
}
