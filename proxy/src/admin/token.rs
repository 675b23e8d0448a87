//! The token that every change takes.

use std::sync::Mutex;

use tideover_config::Secret;

/// What the token is now, and what it is for.
#[derive(Debug, Default)]
pub(crate) struct Token(Mutex<Held>);

#[derive(Default)]
struct Held {
    secret: Option<Secret>,
    is_for_all: bool,
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Held")
            .field("is_for_all", &self.is_for_all)
            .finish_non_exhaustive()
    }
}

impl Token {
    /// From now on: `secret`, also for what only looks if it `is_for_all`.
    pub(crate) fn set(&self, secret: Option<Secret>, is_for_all: bool) {
        *self.lock() = Held { secret, is_for_all };
    }

    /// Whether `candidate` is it; `None` if there is none. The time taken does not depend on where they differ.
    pub(super) fn is(&self, candidate: &[u8]) -> Option<bool> {
        self.lock()
            .secret
            .as_ref()
            .map(|secret| secret.is(candidate))
    }

    /// Whether it is needed to look, too: the listener is reached by others than this machine.
    pub(super) fn is_for_all(&self) -> bool {
        self.lock().is_for_all
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Held> {
        let held = self.0.lock();
        held.unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
