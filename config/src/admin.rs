//! How the operator sees and changes a running edge.

use std::path::PathBuf;

use crate::distribution::Secret;

/// What belongs to the admin listener beside its address. Ours.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Admin {
    /// What every change takes, and on a listener that other machines reach everything; `None`: the edge makes one itself,
    /// for its own user on this machine.
    pub token: Option<Secret>,
    /// Where what operators switched is kept over a restart; `None`: nowhere.
    pub state: Option<PathBuf>,
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admin")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
