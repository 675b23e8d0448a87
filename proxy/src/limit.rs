//! What a peer may come up against, by the name of the setting that moves it: one counter each, and a word in the log.

use http::StatusCode;
use tideover_rules::route::Refusal;

use crate::message::ViewerBodyError;

/// A limit that was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// Connections in all: 503, and the connection is closed.
    Connections,
    /// Connections from one address: the same.
    ConnectionsPerAddress,
    /// Requests at once: 503.
    Requests,
    /// Requests of one connection: answered, and the connection is closed.
    RequestsPerConnection,
    /// The length of a URL: 413.
    UrlBytes,
    /// The size of a head: 413 or 431.
    HeadBytes,
    /// The size of a request's body: 413.
    BodyBytes,
    /// The time for a head, or for a PROXY protocol header: the connection is closed.
    HeadTimeout,
    /// The time for a TLS handshake: the connection is closed.
    HandshakeTimeout,
    /// The time between an answer and the next request: the connection is closed.
    IdleTimeout,
    /// The time between two pieces of a request's body (408), and for a viewer that takes nothing (the connection is reset).
    BodyTimeout,
    /// Where a PROXY protocol header is expected, something else came: the connection is closed.
    ProxyProtocol,
}

impl Limit {
    /// In order of declaration.
    pub(crate) const ALL: [Self; 12] = [
        Self::Connections,
        Self::ConnectionsPerAddress,
        Self::Requests,
        Self::RequestsPerConnection,
        Self::UrlBytes,
        Self::HeadBytes,
        Self::BodyBytes,
        Self::HeadTimeout,
        Self::HandshakeTimeout,
        Self::IdleTimeout,
        Self::BodyTimeout,
        Self::ProxyProtocol,
    ];

    /// The name of the setting in `[listen]`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Connections => "max_connections",
            Self::ConnectionsPerAddress => "max_connections_per_address",
            Self::Requests => "max_requests",
            Self::RequestsPerConnection => "max_requests_per_connection",
            Self::UrlBytes => "max_url_bytes",
            Self::HeadBytes => "max_head_bytes",
            Self::BodyBytes => "max_body_bytes",
            Self::HeadTimeout => "head_timeout",
            Self::HandshakeTimeout => "handshake_timeout",
            Self::IdleTimeout => "idle_timeout",
            Self::BodyTimeout => "body_timeout",
            Self::ProxyProtocol => "proxy_protocol_from",
        }
    }

    /// The limit that this refusal is about, if it is about one.
    pub(crate) fn of_refusal(refusal: &Refusal) -> Option<Self> {
        match refusal {
            Refusal::UrlTooLong => Some(Self::UrlBytes),
            Refusal::HeadTooLarge | Refusal::FieldsTooLarge => Some(Self::HeadBytes),
            Refusal::BodyTooLarge => Some(Self::BodyBytes),
            Refusal::UnknownHost
            | Refusal::Misdirected
            | Refusal::Disabled
            | Refusal::Loop(_)
            | Refusal::MethodNotAllowed
            | Refusal::GetWithBody
            | Refusal::HttpsRequired
            | Refusal::RedirectToHttps(_) => None,
        }
    }

    /// The limit that hyper refused a head by, with this status.
    pub(crate) fn of_refused_head(status: StatusCode) -> Option<Self> {
        match status {
            StatusCode::URI_TOO_LONG => Some(Self::UrlBytes),
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => Some(Self::HeadBytes),
            _ => None,
        }
    }

    /// The limit that a request's body came up against, if it was one.
    pub(crate) fn of_body(fault: ViewerBodyError) -> Option<Self> {
        match fault {
            ViewerBodyError::Broken => None,
            ViewerBodyError::Stalled => Some(Self::BodyTimeout),
            ViewerBodyError::TooLarge => Some(Self::BodyBytes),
        }
    }
}
