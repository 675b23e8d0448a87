//! What the admin listener's answers look like.

use std::convert::Infallible;

use bytes::Bytes;
use http::header::{self, HeaderName};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};

/// Whole, or a stream that goes on.
pub(crate) type AdminBody = UnsyncBoxBody<Bytes, Infallible>;

/// A response whose body is whole.
pub(crate) fn fixed(response: Response<Full<Bytes>>) -> Response<AdminBody> {
    response.map(BodyExt::boxed_unsync)
}

/// 200 with `value`.
pub(crate) fn json(value: &Value) -> Response<AdminBody> {
    written(StatusCode::OK, "application/json", value)
}

fn written(status: StatusCode, media_type: &'static str, value: &Value) -> Response<AdminBody> {
    let mut text = value.to_string();
    text.push('\n');
    let mut response = Response::new(Full::new(Bytes::from(text)).boxed_unsync());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Why a request is not done, in words for who asked. Answered as RFC 9457 has it.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    detail: String,
    header: Option<(HeaderName, &'static str)>,
}

impl Problem {
    /// `detail` says what is wrong and what to do instead.
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            status,
            detail: detail.into(),
            header: None,
        }
    }

    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// With one more header.
    pub(super) fn with(mut self, name: HeaderName, value: &'static str) -> Self {
        self.header = Some((name, value));
        self
    }

    pub(super) fn answer(self) -> Response<AdminBody> {
        let title = self.status.canonical_reason().unwrap_or("Problem");
        let document = json!({
            "type": "about:blank",
            "title": title,
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        let mut response = written(self.status, "application/problem+json", &document);
        if let Some((name, value)) = self.header {
            let value = HeaderValue::from_static(value);
            response.headers_mut().insert(name, value);
        }
        response
    }
}

/// What every answer says to browsers: no other site reads it, frames it or has scripts of its own in it.
const FOR_BROWSERS: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
         frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

pub(super) fn guarded(mut response: Response<AdminBody>) -> Response<AdminBody> {
    for (name, value) in FOR_BROWSERS {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    response
}
