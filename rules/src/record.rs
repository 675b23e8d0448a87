//! Health of two origins -> which of them a record stands for.

use std::time::Duration;

use tideover_config::{FailoverRecord, Moves, Side};

use crate::health::Health;

/// Where a record is. Times are nominal, since the edge began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Who is asked.
    pub side: Side,
    /// When it last moved by health; `None`: never. Moves that an operator ordered do not count.
    pub moved: Option<Duration>,
}

impl Default for Position {
    /// On the primary, as a record begins.
    fn default() -> Self {
        Self {
            side: Side::Primary,
            moved: None,
        }
    }
}

/// What is known when a record is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight {
    /// Of the primary.
    pub primary: Health,
    /// Whether that of the primary was found out; if not, it is what an origin counts as until somebody has looked.
    pub primary_is_certain: bool,
    /// Of the secondary.
    pub secondary: Health,
    /// Where an operator has ordered it to be; `None`: by health.
    pub ordered: Option<Side>,
    /// Since the edge began.
    pub now: Duration,
}

/// What becomes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It stays where it should be.
    Stays,
    /// It goes to the other side.
    Moves(Cause),
    /// By health it would go, and an operator has to say so.
    WaitsForOrder,
    /// By health it would go, and does so then at the earliest.
    HeldDown(Duration),
}

/// Why a record moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// An operator said so.
    Ordered,
    /// The one it stood for is unhealthy, or the primary is healthy again.
    Health,
}

/// Whether `record`, which is at `position`, moves.
///
/// By health it belongs to the primary unless that is unhealthy and the secondary is not. It does not go back to a primary
/// that is only taken to be healthy, because the edge or its check has just begun: the writes would follow it to an origin
/// that may be as dead as before.
/// Source: Developer Guide of Route 53, "Failover routing": if neither is healthy, Route 53 answers with the primary.
pub fn decide(record: &FailoverRecord, position: Position, sight: Sight) -> Decision {
    if let Some(ordered) = sight.ordered {
        return if ordered == position.side {
            Decision::Stays
        } else {
            Decision::Moves(Cause::Ordered)
        };
    }
    let belongs = match (sight.primary, sight.secondary) {
        (Health::Unhealthy, Health::Healthy) => Side::Secondary,
        (Health::Healthy, _) | (Health::Unhealthy, Health::Unhealthy) => Side::Primary,
    };
    let is_a_guess = sight.primary == Health::Healthy && !sight.primary_is_certain;
    if belongs == position.side || (belongs == Side::Primary && is_a_guess) {
        return Decision::Stays;
    }
    if record.moves_to(belongs) == Moves::Manual {
        return Decision::WaitsForOrder;
    }
    let until = position
        .moved
        .map(|moved| moved.saturating_add(record.hold_down));
    match until {
        Some(until) if sight.now < until => Decision::HeldDown(until),
        Some(_) | None => Decision::Moves(Cause::Health),
    }
}
