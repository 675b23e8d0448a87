//! Tideover's promises, a file each. A scenario is a short play: the cast, the edge, one viewer, what each of them saw.

mod cast;
mod conformance;
mod failover;
mod routing;
mod streaming;
mod writes;
