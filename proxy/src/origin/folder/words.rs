//! What S3 says when there is no object to deliver: XML at the REST endpoint, HTML at a website's.
//! Source: Amazon S3 API reference, "Error responses"; User Guide, "Website endpoints".

use std::borrow::Cow;
use std::io;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use tideover_config::Missing;
use tideover_rules::bucket::{Key, LONGEST_KEY};

use super::{FolderBody, missing_status};

/// Why there is none.
#[derive(Debug)]
pub(super) enum Trouble {
    /// There is no such file, and so the bucket says.
    Missing(Missing, Key),
    /// The file may not be read.
    Denied,
    /// The folder is not there.
    NoBucket,
    /// The path asks for no key.
    Unreadable,
    /// The key has so many bytes.
    TooLong(usize),
    /// A method that no object has.
    NotAllowed(Method),
    /// A preflight with these headers; the bucket has no CORS configuration.
    NoCors(HeaderMap),
    /// The condition of this header does not hold.
    Precondition(&'static str),
    /// What was asked for, of an object of so many bytes.
    NoSuchRange(Option<HeaderValue>, u64),
    /// Reading it failed.
    Internal,
}

/// Elements of an error beyond `Code` and `Message`.
type Details = Vec<(&'static str, String)>;

impl Trouble {
    /// The library could not go on with a file that is open.
    pub(super) fn by(error: &io::Error) -> Self {
        tracing::warn!(%error, "an open file could not be read");
        Self::Internal
    }

    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Missing(missing, _) => missing_status(*missing),
            Self::Denied | Self::NoCors(_) => StatusCode::FORBIDDEN,
            Self::NoBucket => StatusCode::NOT_FOUND,
            Self::Unreadable | Self::TooLong(_) => StatusCode::BAD_REQUEST,
            Self::NotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Precondition(_) => StatusCode::PRECONDITION_FAILED,
            Self::NoSuchRange(..) => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Whether a website's error document is delivered in its place.
    pub(super) fn has_a_document(&self) -> bool {
        match self {
            Self::Missing(..)
            | Self::Denied
            | Self::Unreadable
            | Self::TooLong(_)
            | Self::NotAllowed(_)
            | Self::NoCors(_) => true,
            Self::NoBucket | Self::Precondition(_) | Self::NoSuchRange(..) | Self::Internal => {
                false
            }
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Missing(Missing::Forbidden, _) | Self::Denied => "AccessDenied",
            Self::Missing(Missing::NotFound, _) => "NoSuchKey",
            Self::NoBucket => "NoSuchBucket",
            Self::Unreadable => "InvalidURI",
            Self::TooLong(_) => "KeyTooLongError",
            Self::NotAllowed(_) => "MethodNotAllowed",
            Self::NoCors(_) => "AccessForbidden",
            Self::Precondition(_) => "PreconditionFailed",
            Self::NoSuchRange(..) => "InvalidRange",
            Self::Internal => "InternalError",
        }
    }

    fn message(&self) -> &'static str {
        match self {
            Self::Missing(Missing::Forbidden, _) | Self::Denied => "Access Denied",
            Self::Missing(Missing::NotFound, _) => "The specified key does not exist.",
            Self::NoBucket => "The specified bucket does not exist",
            Self::Unreadable => "Couldn't parse the specified URI.",
            Self::TooLong(_) => "Your key is too long",
            Self::NotAllowed(_) => "The specified method is not allowed against this resource.",
            Self::NoCors(_) => "CORSResponse: CORS is not enabled for this bucket.",
            Self::Precondition(_) => {
                "At least one of the pre-conditions you specified did not hold"
            }
            Self::NoSuchRange(..) => "The requested range is not satisfiable",
            Self::Internal => "We encountered an internal error. Please try again.",
        }
    }

    fn details(&self) -> Details {
        let text = |value: Option<&HeaderValue>| {
            let value = value.map(|value| String::from_utf8_lossy(value.as_bytes()));
            value.unwrap_or_default().into_owned()
        };
        match self {
            // Who may not list the bucket is not told which keys it has.
            Self::Missing(Missing::Forbidden, _)
            | Self::Denied
            | Self::NoBucket
            | Self::Unreadable
            | Self::Internal => Vec::new(),
            Self::Missing(Missing::NotFound, key) => vec![("Key", key.as_str().to_owned())],
            Self::TooLong(bytes) => vec![
                ("Size", bytes.to_string()),
                ("MaxSizeAllowed", LONGEST_KEY.to_string()),
            ],
            Self::NotAllowed(method) => vec![
                ("Method", method.to_string()),
                ("ResourceType", "OBJECT".to_owned()),
            ],
            Self::NoCors(headers) => vec![
                (
                    "Method",
                    text(headers.get(header::ACCESS_CONTROL_REQUEST_METHOD)),
                ),
                ("ResourceType", "BUCKET".to_owned()),
            ],
            Self::Precondition(condition) => vec![("Condition", (*condition).to_owned())],
            Self::NoSuchRange(range, size) => vec![
                ("RangeRequested", text(range.as_ref())),
                ("ActualObjectSize", size.to_string()),
            ],
        }
    }

    /// As the REST endpoint says it.
    pub(super) fn xml(&self, method: &Method) -> Response<FolderBody> {
        let ids = Ids::new();
        let mut xml = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{}</Code><Message>{}</Message>",
            self.code(),
            escaped(self.message())
        );
        for (name, value) in self.details() {
            xml.push_str(&format!("<{name}>{}</{name}>", escaped(&value)));
        }
        xml.push_str(&format!(
            "<RequestId>{}</RequestId><HostId>{}</HostId></Error>",
            ids.request, ids.host
        ));
        self.answer(xml, "application/xml", &ids, method)
    }

    /// As a website endpoint says it. `second`: why its error document cannot be had.
    pub(super) fn html(&self, method: &Method, second: Option<&Self>) -> Response<FolderBody> {
        let ids = Ids::new();
        let status = self.status();
        let title = format!(
            "{} {}",
            status.as_u16(),
            status.canonical_reason().unwrap_or_default()
        );
        let mut html = format!(
            "<html>\n<head><title>{title}</title></head>\n<body>\n<h1>{title}</h1>\n<ul>\n"
        );
        self.list(&mut html);
        html.push_str(&format!(
            "<li>RequestId: {}</li>\n<li>HostId: {}</li>\n</ul>\n",
            ids.request, ids.host
        ));
        if let Some(second) = second {
            html.push_str(
                "<h3>An Error Occurred While Attempting to Retrieve a Custom Error Document</h3>\n<ul>\n",
            );
            second.list(&mut html);
            html.push_str("</ul>\n");
        }
        html.push_str("<hr/>\n</body>\n</html>\n");
        self.answer(html, "text/html; charset=utf-8", &ids, method)
    }

    fn list(&self, html: &mut String) {
        let head = [
            ("Code", self.code().to_owned()),
            ("Message", self.message().to_owned()),
        ];
        for (name, value) in head.into_iter().chain(self.details()) {
            html.push_str(&format!("<li>{name}: {}</li>\n", escaped(&value)));
        }
    }

    fn answer(
        &self,
        text: String,
        kind: &'static str,
        ids: &Ids,
        method: &Method,
    ) -> Response<FolderBody> {
        let length = HeaderValue::from(text.len());
        let body = if *method == Method::HEAD {
            FolderBody::empty()
        } else {
            FolderBody::of(Bytes::from(text))
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(header::CONTENT_LENGTH, length);
        for (name, id) in [
            ("x-amz-request-id", &ids.request),
            ("x-amz-id-2", &ids.host),
        ] {
            if let Ok(id) = HeaderValue::from_str(id) {
                headers.insert(name, id);
            }
        }
        match self {
            Self::NotAllowed(_) => {
                headers.insert(header::ALLOW, HeaderValue::from_static("HEAD, GET"));
            }
            Self::NoSuchRange(_, size) => {
                if let Ok(range) = HeaderValue::try_from(format!("bytes */{size}")) {
                    headers.insert(header::CONTENT_RANGE, range);
                }
            }
            Self::Missing(..)
            | Self::Denied
            | Self::NoBucket
            | Self::Unreadable
            | Self::TooLong(_)
            | Self::NoCors(_)
            | Self::Precondition(_)
            | Self::Internal => {}
        }
        response
    }
}

/// What S3 gives each answer a name by: as long as there, by chance, and good for nothing else.
struct Ids {
    request: String,
    host: String,
}

impl Ids {
    fn new() -> Self {
        let capital = || {
            let position = fastrand::usize(..CAPITALS.len());
            char::from(CAPITALS.as_bytes()[position])
        };
        let host: String = (0..75).map(|_| fastrand::alphanumeric()).collect();
        Self {
            request: (0..16).map(|_| capital()).collect(),
            host: format!("{host}="),
        }
    }
}

const CAPITALS: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// For XML and HTML. What XML has no character for is shown as one that stands for such.
fn escaped(text: &str) -> Cow<'_, str> {
    let is_none_of_xml = |c: char| c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}');
    let is_plain = |c: char| !matches!(c, '&' | '<' | '>') && !is_none_of_xml(c);
    if text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\t' | '\n' | '\r' => escaped.push_str(&format!("&#x{:X};", u32::from(c))),
            c if is_none_of_xml(c) => escaped.push(char::REPLACEMENT_CHARACTER),
            c => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}
