//! The decisions as tables, one case a row, and as properties of whatever may come.

mod cast;
mod play;
mod tables {
    mod admit;
    mod failover;
    mod routing;
    mod told;
}
