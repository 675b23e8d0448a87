//! What comes back from origins.
