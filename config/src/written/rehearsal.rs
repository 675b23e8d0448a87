//! Faults and what is expected in spite of them, as written.

use super::{At, Place, Span};

/// `[faults]`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    pub enabled: Option<At<bool>>,
}

/// `fault` of an origin.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub place: Place,
    pub refuse: Option<At<bool>>,
    pub black_hole: Option<At<bool>>,
    pub delay: Option<At<Span>>,
    pub reset_after: Option<At<i64>>,
    pub status: Option<At<i64>>,
    pub throttle: Option<At<i64>>,
    pub percent: Option<At<i64>>,
    pub lasts: Option<At<Span>>,
}

/// `expect` of a behavior.
#[derive(Clone, Debug)]
pub(crate) struct Expect {
    pub place: Place,
    pub path: Option<At<String>>,
    pub any_one_down: Option<At<String>>,
    pub any_two_down: Option<At<String>>,
    pub all_down: Option<At<String>>,
    pub worst: Option<At<Span>>,
}
