//! What is known of a member before it is asked, and what that means for a request.

use std::fmt;

use tideover_config::Target;

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
    let standing = |member: usize| standings.get(member).copied().unwrap_or_default();
    let why = match standing(member) {
        Standing::Alive => return None,
        Standing::Off(why) => return Some(why),
        Standing::Suspect(why) => why,
    };
    let mut later = (member + 1..target.members.len())
        .map(|later| (target.members[later].is_page, standing(later)));
    let somebody_answers = may_fall_through
        && (holds_answer
            || later.any(|(is_page, standing)| {
                standing == Standing::Alive && (!is_page || why == Why::Breaker)
            }));
    somebody_answers.then_some(why)
}
