//! What is known of a member before it is asked, and what that means for a request.

use std::fmt;
use std::time::Duration;

use tideover_config::{Breaker, OriginId, Target};

use crate::breaker::{Admission, State};
use crate::health::Health;
use crate::switch::Order;

/// What is known of an origin at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Known<'k> {
    /// What its check found; healthy without one.
    pub health: Health,
    /// What an operator ordered.
    pub order: Order,
    /// How its breaker stands; `None`: it has none.
    pub breaker: Option<(State, &'k Breaker)>,
}

impl Known<'_> {
    /// What it counts as where records are decided: what its check found, and what an operator said. Its breaker does not
    /// come into it.
    pub fn counts_as(&self) -> Health {
        if self.order.leaves_records() {
            Health::Unhealthy
        } else {
            self.health
        }
    }

    /// What its breaker becomes if the request that comes now is the one that sees whether the origin is back, which takes
    /// `patience` at most; `None`: it is not. Times are nominal, since the edge began.
    ///
    /// Whatever else speaks against it keeps a try from it only where another origin answers, and not a page: checks may be
    /// wrong.
    pub fn tries(&self, another_answers: bool, now: Duration, patience: Duration) -> Option<State> {
        if another_answers && self.counts_as() == Health::Unhealthy {
            return None;
        }
        let (state, breaker) = self.breaker?;
        match state.admits(breaker, now, 0, patience) {
            Admission::Tries(then) => Some(then),
            Admission::Goes | Admission::Waits | Admission::WaitsForSlowStart => None,
        }
    }

    fn stands(&self, another_is_only: bool, nth: u64, now: Duration) -> Standing {
        match self.order {
            Order::Down => return Standing::Off(Why::Down),
            Order::Ready | Order::Drain if another_is_only => {
                return Standing::Off(Why::NotTheOnly);
            }
            Order::Ready | Order::Drain | Order::Only => {}
        }
        let admission = self
            .breaker
            .map(|(state, breaker)| state.admits(breaker, now, nth, Duration::ZERO));
        match (admission, self.order, self.health) {
            // Who may try is seen when it comes to that.
            (Some(Admission::Waits | Admission::Tries(_)), ..) => Standing::Suspect(Why::Breaker),
            (Some(Admission::WaitsForSlowStart), ..) => Standing::Suspect(Why::SlowStart),
            (Some(Admission::Goes) | None, Order::Drain, _) => Standing::Suspect(Why::Drained),
            (Some(Admission::Goes) | None, _, Health::Unhealthy) => {
                Standing::Suspect(Why::Unhealthy)
            }
            (Some(Admission::Goes) | None, _, Health::Healthy) => Standing::Alive,
        }
    }

    /// Whether nothing at all speaks against it.
    fn is_well(&self) -> bool {
        let is_open = |(state, _)| matches!(state, State::Open { .. });
        self.counts_as() == Health::Healthy && !self.breaker.is_some_and(is_open)
    }
}

/// How each member of `target` stands, in order, for the `nth` request of its worker; `known` says what is known of an origin.
/// `now` is nominal, since the edge began.
pub fn standings<'k>(
    target: &Target,
    known: impl Fn(OriginId) -> Known<'k>,
    nth: u64,
    now: Duration,
) -> Vec<Standing> {
    let somebody_is_only = somebody_is_only(target, &known);
    let members = target.members.iter();
    let stands = members.map(|member| {
        // A page stays behind whoever is the only one.
        let another_is_only = somebody_is_only && !member.is_page;
        known(member.origin).stands(another_is_only, nth, now)
    });
    stands.collect()
}

/// Whether something speaks against every server of `target`, and it has one. `standings` as in
/// [`next_step`](crate::failover::next_step).
pub fn nobody_answers(target: &Target, standings: &[Standing]) -> bool {
    let members = target.members.iter().enumerate();
    let mut servers = members.filter(|(_, member)| !member.is_page).peekable();
    let is_alive =
        |position: usize| standings.get(position).copied().unwrap_or_default() == Standing::Alive;
    servers.peek().is_some() && servers.all(|(position, _)| !is_alive(position))
}

/// The servers of `target` that nothing speaks against, in order.
pub fn servers_left<'k>(target: &Target, known: impl Fn(OriginId) -> Known<'k>) -> Vec<OriginId> {
    let somebody_is_only = somebody_is_only(target, &known);
    let servers = target.members.iter().filter(|member| !member.is_page);
    let left = servers.map(|member| member.origin).filter(|origin| {
        let known = known(*origin);
        known.is_well() && (!somebody_is_only || known.order == Order::Only)
    });
    left.collect()
}

fn somebody_is_only<'k>(target: &Target, known: &impl Fn(OriginId) -> Known<'k>) -> bool {
    let mut members = target.members.iter();
    members.any(|member| known(member.origin).order == Order::Only)
}

/// Whether a member is asked when its turn comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// Nothing speaks against it.
    #[default]
    Alive,
    /// It is left out as long as somebody else can answer.
    Suspect(Why),
    /// An operator wants nothing to be sent to it.
    Off(Why),
}

/// What speaks against a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// Its health check fails.
    Unhealthy,
    /// Requests to it failed, one after another.
    Breaker,
    /// It has just come back and gets its requests little by little; this was not one of them.
    SlowStart,
    /// Switched to `drain`.
    Drained,
    /// Switched to `down`.
    Down,
    /// Another origin is switched to `only`.
    NotTheOnly,
}

impl Why {
    /// All of them, in order of declaration.
    pub const ALL: [Self; 6] = [
        Self::Unhealthy,
        Self::Breaker,
        Self::SlowStart,
        Self::Drained,
        Self::Down,
        Self::NotTheOnly,
    ];

    /// A word for logs and headers: lower case, with `-`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unhealthy => "unhealthy",
            Self::Breaker => "breaker",
            Self::SlowStart => "slow-start",
            Self::Drained => "drained",
            Self::Down => "down",
            Self::NotTheOnly => "not-the-only",
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The member of `target` that is asked first, as its members stand; `None`: nobody may be asked. `standings` as in
/// [`next_step`](crate::failover::next_step).
pub fn first_asked(
    target: &Target,
    standings: &[Standing],
    may_fall_through: bool,
) -> Option<usize> {
    let asked = if may_fall_through {
        target.members.len()
    } else {
        1
    };
    (0..asked)
        .find(|&member| left_out(target, standings, member, may_fall_through, false).is_none())
}

/// Why `member` of `target` is left out although its turn has come; `None`: it is asked. `standings` has one for each member
/// in order; those it has none for are alive.
///
/// - Who is off is never asked, whatever that means for the request.
/// - A request that may not fall through goes to its one member however that stands: what would be left?
/// - A suspect is left out if somebody alive comes later, or if an answer is held already. Otherwise it is asked: health
///   checks may be wrong about everybody at once.
/// - A page alone stands in for a member whose own requests failed: they told the truth, and somebody goes and looks
///   whether it is back without making a viewer wait.
pub(crate) fn left_out(
    target: &Target,
    standings: &[Standing],
    member: usize,
    may_fall_through: bool,
    holds_answer: bool,
) -> Option<Why> {
    let standing = standings.get(member).copied().unwrap_or_default();
    let why = match standing {
        Standing::Alive => return None,
        Standing::Off(why) => return Some(why),
        Standing::Suspect(why) => why,
    };
    let behind = behind(target, standings, member);
    let is_answered = match behind {
        Some(Behind::Server) => true,
        Some(Behind::Page) => why == Why::Breaker,
        None => false,
    };
    (may_fall_through && (holds_answer || is_answered)).then_some(why)
}

/// Who is alive behind a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Behind {
    /// A page alone.
    Page,
    /// An origin, and perhaps a page too.
    Server,
}

/// Who could answer in the place of `member` of `target`, coming later and being alive; `None`: nobody. `standings` as in
/// [`next_step`](crate::failover::next_step).
pub fn behind(target: &Target, standings: &[Standing], member: usize) -> Option<Behind> {
    let is_alive =
        |member: &usize| standings.get(*member).copied().unwrap_or_default() == Standing::Alive;
    let later = (member + 1..target.members.len()).filter(is_alive);
    let kinds = later.map(|member| {
        if target.members[member].is_page {
            Behind::Page
        } else {
            Behind::Server
        }
    });
    kinds.max()
}
