//! Who has it already: a viewer's conditions against what is kept, and the edge's own towards the origin.

use http::header::{ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::fields::Fields;

/// Whether the viewer has what is `kept`: 304 is its answer. `If-None-Match` is compared weakly and decides alone where it is
/// there. Source: RFC 9110, sections 13.1.2, 13.1.3 and 13.2.2.
pub fn is_not_modified(viewer: Fields<'_>, kept: &HeaderMap) -> bool {
    let _ = (viewer, kept);
    false
}

/// The conditions to ask the origin by whether what is `kept` is still good; both `None` where it has no validator.
/// Source: RFC 9111, section 4.3.1.
pub fn validators(kept: &HeaderMap) -> [(HeaderName, Option<HeaderValue>); 2] {
    [
        (IF_NONE_MATCH, kept.get(ETAG).cloned()),
        (IF_MODIFIED_SINCE, kept.get(LAST_MODIFIED).cloned()),
    ]
}

/// What is `kept`, freshened by a 304 with the fields `fresh`. Source: RFC 9111, section 3.2.
pub fn freshened(kept: HeaderMap, fresh: &HeaderMap) -> HeaderMap {
    let _ = fresh;
    kept
}
