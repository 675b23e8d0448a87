//! Targets that are chosen by health alone: Route 53's failover policy.

use std::sync::Arc;
use std::time::Duration;

use crate::origin::OriginId;

/// Index of a [`FailoverRecord`] in [`Edge::records`](crate::Edge::records).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RecordId(pub u16);

/// Two origins, of which one is asked: the primary while it is healthy, else the secondary while that is. If neither is, the
/// primary. Source: Developer Guide of Route 53, "How Amazon Route 53 chooses records when health checking is configured".
/// That a move can be left to the operator, and the hold-down, are ours.
#[derive(Clone, Debug, PartialEq)]
pub struct FailoverRecord {
    /// The operator's name for it; unique among origins, groups and records.
    pub id: Arc<str>,
    /// Asked while it is healthy.
    pub primary: OriginId,
    /// Asked otherwise.
    pub secondary: OriginId,
    /// Who moves it to the secondary.
    pub fail_over: Moves,
    /// Who moves it back.
    pub fail_back: Moves,
    /// After a move it stays where it is for so long, however the origins do. What an operator orders is done at once.
    pub hold_down: Duration,
}

/// Who moves a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moves {
    /// The edge, by health.
    Auto,
    /// An operator, with the switch.
    Manual,
}

/// Which origin of a record is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// [`FailoverRecord::primary`].
    Primary,
    /// [`FailoverRecord::secondary`].
    Secondary,
}

impl Side {
    /// `primary`, `secondary`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Secondary => "secondary",
        }
    }

    /// The opposite one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Primary => Self::Secondary,
            Self::Secondary => Self::Primary,
        }
    }
}

impl FailoverRecord {
    /// One group has so many of them at most: it is made ready for every way in which they can stand.
    pub const MOST_IN_A_GROUP: usize = 4;

    /// The origin on this side.
    pub fn origin(&self, side: Side) -> OriginId {
        match side {
            Side::Primary => self.primary,
            Side::Secondary => self.secondary,
        }
    }

    /// Who moves it to this side.
    pub fn moves_to(&self, side: Side) -> Moves {
        match side {
            Side::Primary => self.fail_back,
            Side::Secondary => self.fail_over,
        }
    }
}
