//! What an operator promises of a behavior: a drill plays it and says whether it holds. Requests never look at it.

use std::sync::Arc;
use std::time::Duration;

/// `expect` of a behavior. While nothing is down an origin has to answer, whatever else is promised.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expect {
    /// What is asked; `None`: the shortest path that fits the pattern.
    pub path: Option<Arc<str>>,
    /// While any one server of the target is down.
    pub any_one_down: Option<Promise>,
    /// While any two are.
    pub any_two_down: Option<Promise>,
    /// While all of them are.
    pub all_down: Option<Promise>,
    /// The longest that anybody waits for an answer, whatever is down.
    pub worst: Option<Duration>,
}

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Promise {
    /// Anybody: an error that the edge makes will do.
    Error,
    /// A server, or a page of the edge.
    Page,
    /// A server, with a status below 400 or the one that it answers with while nothing is down.
    Answers,
}

impl Promise {
    /// `answers`, `page` or `error`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Page => "page",
            Self::Answers => "answers",
        }
    }
}

impl Expect {
    /// What holds while `down` of `servers` are down: the strictest that was said.
    pub fn promise(&self, down: usize, servers: usize) -> Option<Promise> {
        if down == 0 {
            return Some(Promise::Answers);
        }
        [
            (down == 1, self.any_one_down),
            (down == 2, self.any_two_down),
            (down == servers, self.all_down),
        ]
        .into_iter()
        .filter_map(|(holds, promise)| promise.filter(|_| holds))
        .max()
    }
}
