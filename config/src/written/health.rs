//! Health checks, breakers and failover records, as written.

use super::{At, Place, Span};

/// `health_check` of an origin.
#[derive(Clone, Debug)]
pub(crate) struct HealthCheck {
    pub place: Place,
    /// `http`, `https`, `tcp`.
    pub kind: Option<At<String>>,
    pub port: Option<At<i64>>,
    pub host: Option<At<String>>,
    pub path: Option<At<String>>,
    /// `"200"` or `"200-399"`, with the place of the list.
    pub expected_statuses: Option<(Place, Vec<At<String>>)>,
    pub search_string: Option<At<String>>,
    pub enable_sni: Option<At<bool>>,
    pub verify_certificate: Option<At<bool>>,
    pub interval: Option<At<Span>>,
    pub failure_threshold: Option<At<i64>>,
    pub recovery_threshold: Option<At<i64>>,
    pub inverted: Option<At<bool>>,
    pub disabled: Option<At<bool>>,
}

/// `breaker` of an origin.
#[derive(Clone, Debug)]
pub(crate) enum Breaker {
    /// `true` and `false`.
    Flag(At<bool>),
    /// A table.
    Table(Box<BreakerTable>),
}

impl Breaker {
    /// False if it says that there shall be none.
    pub(crate) fn is_on(&self) -> bool {
        match self {
            Self::Flag(flag) => flag.value,
            Self::Table(_) => true,
        }
    }

    /// Where it stands.
    pub(crate) fn place(&self) -> &Place {
        match self {
            Self::Flag(flag) => &flag.place,
            Self::Table(table) => &table.place,
        }
    }
}

/// `breaker = { … }`.
#[derive(Clone, Debug)]
pub(crate) struct BreakerTable {
    pub place: Place,
    pub in_a_row: Option<At<i64>>,
    pub statuses: Option<Vec<At<i64>>>,
    pub probe_interval: Option<At<Span>>,
    pub slow_start: Option<At<Span>>,
}

/// `[failover_record.ID]`.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub id: At<String>,
    pub primary: Option<At<String>>,
    pub secondary: Option<At<String>>,
    /// `auto`, `manual`.
    pub fail_over: Option<At<String>>,
    /// `auto`, `manual`.
    pub fail_back: Option<At<String>>,
    pub hold_down: Option<At<Span>>,
}
