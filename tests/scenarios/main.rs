//! Tideover's promises, a file each. A scenario is a short play: the cast, the edge, one viewer, what each of them saw.

mod access_log;
mod answers;
mod bad_input;
mod cast;
mod conformance;
mod failover;
mod headers;
mod limits;
mod reload;
mod routing;
mod streaming;
mod writes;
