//! The bytes that name what a cache keeps.

use http::Method;
use tideover_config::CachePolicy;

use crate::headers::{Request, Viewer};

/// Writes the key of `request` into `key`, which is emptied first: two requests get the same bytes if and only if `policy`
/// does not tell them apart. GET and HEAD share a key.
///
/// It begins with the distribution's id and the target (path, and what the policy leaves of the query), which
/// [`target`] and [`distribution`] find again.
///
/// Source: Developer Guide, "Understand the cache key".
pub fn write(
    policy: &CachePolicy,
    distribution: &str,
    path: &str,
    request: Request<'_>,
    viewer: &Viewer<'_>,
    key: &mut Vec<u8>,
) {
    key.clear();
    let _ = (policy, viewer);
    push(key, distribution.as_bytes());
    let query = request.target.query();
    let target = match query {
        Some(query) => [path, "?", query].concat(),
        None => path.to_owned(),
    };
    push(key, target.as_bytes());
    key.push(u8::from(*request.method == Method::OPTIONS));
}

/// A part behind its length: whatever is in it, it is not taken for another part.
fn push(key: &mut Vec<u8>, part: &[u8]) {
    let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
    key.extend_from_slice(&length.to_le_bytes());
    key.extend_from_slice(part);
}

/// The part at the beginning of `key`, and what follows it.
fn part(key: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = key.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    rest.split_at_checked(length)
}

/// The id of the distribution that a key is of; empty if it is no key.
pub fn distribution(key: &[u8]) -> &[u8] {
    part(key).map_or(&[], |(distribution, _)| distribution)
}

/// Path and query that a key is of; empty if it is no key.
pub fn target(key: &[u8]) -> &[u8] {
    let target = part(key).and_then(|(_, rest)| part(rest));
    target.map_or(&[], |(target, _)| target)
}
