//! GET /: the page that shows an operator what goes on, and its parts. It is whole in itself: nothing of it comes from
//! elsewhere, and it has no data before it asks for them as anybody would.

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use http_body_util::{BodyExt, Full};

use super::{AdminBody, Asked, Outcome};

/// A file of the page.
struct Part {
    path: &'static str,
    media_type: &'static str,
    content: &'static [u8],
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! part {
    ($path:literal, $media_type:ident, $file:literal) => {
        Part {
            path: $path,
            media_type: $media_type,
            content: include_bytes!(concat!("page/", $file)),
        }
    };
}

/// All of them. Each has a line among the routes.
const PARTS: &[Part] = &[
    part!("/", HTML, "index.html"),
    part!("/page.css", CSS, "page.css"),
    part!("/page.js", SCRIPT, "page.js"),
    part!("/elements.js", SCRIPT, "elements.js"),
    part!("/lanes.js", SCRIPT, "lanes.js"),
    part!("/plots.js", SCRIPT, "plots.js"),
    part!("/stream.js", SCRIPT, "stream.js"),
    part!("/switch.js", SCRIPT, "switch.js"),
    part!("/words.js", SCRIPT, "words.js"),
];

#[expect(clippy::unused_async, reason = "as all answers")]
pub(super) async fn part(asked: Asked) -> Outcome {
    let path = asked.head.uri.path();
    let found = PARTS.iter().find(|part| part.path == path);
    let body = found.map_or(&b""[..], |part| part.content);
    let body = Full::new(Bytes::from_static(body)).boxed_unsync();
    let mut response: Response<AdminBody> = Response::new(body);
    let media_type = found.map_or(HTML, |part| part.media_type);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    // The parts of two versions do not fit together.
    let caching = HeaderValue::from_static("no-store");
    headers.insert(header::CACHE_CONTROL, caching);
    Ok(response)
}
