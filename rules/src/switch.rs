//! What operators order, and whom that would leave with nobody to answer.

use std::time::Duration;

use tideover_config::{Behavior, Edge, MethodSet, Moves, OriginId, Side, Target, TargetId};

use crate::health::Health;
use crate::standing::{Known, Standing, standings};

/// What an operator ordered of an origin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Order {
    /// Nothing: it is asked as its health has it.
    #[default]
    Ready,
    /// No new request while anybody else can answer.
    Drain,
    /// Nothing is sent to it, ever.
    Down,
    /// Groups that have it ask it alone; a page stays.
    Only,
}

impl Order {
    /// All of them, in order of declaration.
    pub const ALL: [Self; 4] = [Self::Ready, Self::Drain, Self::Down, Self::Only];

    /// `ready`, `drain`, `down`, `only`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Drain => "drain",
            Self::Down => "down",
            Self::Only => "only",
        }
    }

    /// Whether it has an origin count as unhealthy where records are decided.
    pub fn leaves_records(self) -> bool {
        match self {
            Self::Drain | Self::Down => true,
            Self::Ready | Self::Only => false,
        }
    }
}

/// Everything that is ordered. What is beyond the end of a list is not ordered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Orders {
    /// By [`OriginId`].
    pub origins: Vec<Order>,
    /// By [`RecordId`](tideover_config::RecordId): where each has to be; `None`: by health.
    pub records: Vec<Option<Side>>,
}

impl Orders {
    fn of(&self, origin: OriginId) -> Order {
        let order = self.origins.get(usize::from(origin.0));
        order.copied().unwrap_or_default()
    }

    fn is_left(&self, origin: OriginId) -> bool {
        self.of(origin).leaves_records()
    }
}

/// Who would have nobody to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bereft {
    /// Position of the distribution.
    pub distribution: usize,
    /// Position of its behavior.
    pub behavior: usize,
    /// The behavior's target.
    pub target: TargetId,
}

/// The behaviors that would have nobody to answer by `next` and have somebody by `present`; while the records of `edge` are on
/// these `sides`. Health does not come into it: checks may be wrong, an order is not.
///
/// A record that is not ordered is taken to leave an origin that is drained or down if it moves by itself.
pub fn left_with_nobody(
    edge: &Edge,
    sides: &[Side],
    present: &Orders,
    next: &Orders,
) -> Vec<Bereft> {
    let mut bereft = Vec::new();
    for (distribution, said) in edge.distributions.iter().enumerate() {
        for (position, behavior) in said.behaviors.iter().enumerate() {
            let somebody = |orders| has_somebody(edge, sides, behavior, orders);
            if somebody(present) && !somebody(next) {
                bereft.push(Bereft {
                    distribution,
                    behavior: position,
                    target: behavior.target,
                });
            }
        }
    }
    bereft
}

/// Whether every method that `behavior` takes can be answered.
fn has_somebody(edge: &Edge, sides: &[Side], behavior: &Behavior, orders: &Orders) -> bool {
    let target = edge.target(behavior.target).routed(|record| {
        let index = usize::from(record.0);
        let side = sides.get(index).copied().unwrap_or(Side::Primary);
        let ordered = orders.records.get(index).copied().flatten();
        edge.records.get(index).map_or(side, |record| {
            ordered.unwrap_or_else(|| moved_by_itself(record, side, orders))
        })
    });
    let is_asked = askable(&target, orders);
    // What may not fall through goes to the first member, whoever else there is.
    let writes = reached_by(behavior).and(MethodSet::WRITES);
    if writes.without(behavior.falls_through).is_empty() {
        is_asked.contains(&true)
    } else {
        is_asked.first().copied().unwrap_or(false)
    }
}

fn moved_by_itself(record: &tideover_config::FailoverRecord, side: Side, orders: &Orders) -> Side {
    let other = side.other();
    let by = record.moves_to(other);
    let leaves = orders.is_left(record.origin(side)) && !orders.is_left(record.origin(other));
    if leaves && by == Moves::Auto {
        other
    } else {
        side
    }
}

/// Whether each member of `target` may be asked, whatever is known of it but what was ordered.
fn askable(target: &Target, orders: &Orders) -> Vec<bool> {
    let ordered = |origin| Known {
        health: Health::Healthy,
        order: orders.of(origin),
        breaker: None,
    };
    let standings = standings(target, ordered, 0, Duration::ZERO).into_iter();
    standings
        .map(|standing| !matches!(standing, Standing::Off(_)))
        .collect()
}

/// The methods that reach the target of `behavior`.
pub fn reached_by(behavior: &Behavior) -> MethodSet {
    behavior.for_methods.unwrap_or(behavior.allowed_methods)
}
