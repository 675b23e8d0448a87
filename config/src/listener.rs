//! Where the edge listens, what it accepts, and where it writes its access log.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::lifecycle::Lifecycle;
use crate::network::Network;
use crate::viewer_tls::ViewerTls;

/// Listeners and what holds for all of them.
#[derive(Clone, Debug)]
pub struct Listen {
    /// Plain HTTP for viewers.
    pub http: Vec<SocketAddr>,
    /// HTTP over TLS for viewers.
    pub https: Vec<SocketAddr>,
    /// What is spoken on `https`; `None` where there is none.
    pub tls: Option<ViewerTls>,
    /// A viewer of a plain listener may begin with HTTP/2 (RFC 9113, section 3.3).
    pub h2c: bool,
    /// Health and metrics, for the operator; `None`: no such listener. On loopback if only a port was given.
    pub admin: Option<SocketAddr>,
    /// Health and metrics, for whoever can reach it; `None`: no such listener.
    pub status: Option<SocketAddr>,
    /// Answers like `/healthz` on the traffic port, for any Host.
    pub health_path: Option<Arc<str>>,
    /// What a plain listener counts as.
    pub viewer_scheme: ViewerScheme,
    /// What a viewer and an origin may send.
    pub limits: Limits,
    /// Whoever connects from there sends a PROXY protocol header first (version 1 or 2), which says who the viewer is; from
    /// everywhere else nobody does. Source: HAProxy, "The PROXY protocol, versions 1 & 2".
    pub proxy_protocol_from: Vec<Network>,
    /// Threads that serve viewers; `None`: one per available core.
    pub workers: Option<usize>,
    /// How it changes and ends while it serves.
    pub lifecycle: Lifecycle,
}

impl Listen {
    /// Every address that is listened on, as configured: a port may be 0.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        let viewers = self.http.iter().chain(&self.https).copied();
        viewers.chain(self.admin).chain(self.status)
    }

    /// Whether a listener at `address` takes IPv4 as well: `[::]` does, unless an IPv4 address with the same port is listened
    /// on too.
    pub fn takes_both_families(&self, address: SocketAddr) -> bool {
        takes_both_families(address, self.addresses())
    }
}

fn takes_both_families(address: SocketAddr, all: impl IntoIterator<Item = SocketAddr>) -> bool {
    let is_on_its_port = |other: &SocketAddr| other.is_ipv4() && other.port() == address.port();
    // Two that say 0 get different ports.
    let is_beside_ipv4 = address.port() != 0 && all.into_iter().any(|other| is_on_its_port(&other));
    address.is_ipv6() && address.ip().is_unspecified() && !is_beside_ipv4
}

/// `http` or `https`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViewerScheme {
    /// The viewer came over plain HTTP.
    Http,
    /// The viewer came over TLS, or a plain listener was told to count as that.
    Https,
}

impl ViewerScheme {
    /// `http` or `https`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// What a viewer and an origin may send, and how much of the edge viewers may take up. Source of the defaults for the URL,
/// the head and the body: Developer Guide, "Quotas"; the others are ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Path and query; more is 413.
    pub url_bytes: usize,
    /// Request line and headers; more is 413.
    pub head_bytes: usize,
    /// An origin's status line and headers; more is a failure of that origin.
    pub origin_head_bytes: usize,
    /// Interim answers (1xx) that an origin may send before its final one, and those of them that may be `100 Continue`;
    /// more is a failure of that origin. None of them reaches the viewer.
    pub origin_interim: InterimLimit,
    /// A request's body, without its framing; more is 413, before an origin is asked if the head says so.
    pub body_bytes: u64,
    /// For a request's head, from its first byte; for the first one, and for a PROXY protocol header, from the beginning of
    /// the connection.
    pub head_timeout: Duration,
    /// Between an answer and the first byte of the next request. Longer than the 60 s for which most load balancers keep a
    /// connection, so that it is they who close it.
    pub idle_timeout: Duration,
    /// Between two pieces of a request body, and for a viewer that takes nothing of its answer.
    pub body_timeout: Duration,
    /// How long a WebSocket may be silent in both directions. Source of the default: Developer Guide, "Use WebSockets with
    /// CloudFront distributions".
    pub websocket_idle_timeout: Duration,
    /// Viewers' connections, over all workers; one more gets 503 and is closed. `None`: what the limit of open files
    /// allows, less what origins and the edge itself need.
    pub connections: Option<usize>,
    /// The same from one address; of IPv6 addresses, from one /64. `None`: no limit.
    pub connections_per_address: Option<usize>,
    /// Requests for which an origin or a page was asked and whose answer's last byte is not sent yet, over all workers; one
    /// more gets 503 at once. `None`: as many as connections, and 16,384 at least.
    pub requests: Option<usize>,
    /// The last of so many requests is answered with `Connection: close`. `None`: no limit.
    pub requests_per_connection: Option<usize>,
}

/// How many interim answers an origin may send. CloudFront takes one `100 Continue` (Developer Guide, "Request and
/// response behavior for custom origins", 100 Continue responses); eight of any kind are ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterimLimit {
    /// Of any kind.
    pub all: u8,
    /// `100 Continue`.
    pub continues: u8,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            url_bytes: 8_192,
            head_bytes: 32_768,
            origin_head_bytes: 32_768,
            origin_interim: InterimLimit {
                all: 8,
                continues: 8,
            },
            // 64 GB there; the larger reading of a GB.
            body_bytes: 64 << 30,
            head_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(65),
            body_timeout: Duration::from_secs(30),
            websocket_idle_timeout: Duration::from_mins(10),
            connections: None,
            connections_per_address: None,
            requests: None,
            requests_per_connection: None,
        }
    }
}

/// The access log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessLog {
    /// Where lines go.
    pub to: LogTo,
    /// What a line looks like.
    pub format: LogFormat,
    /// `cs(Cookie)` holds the cookies.
    pub cookies: bool,
}

/// Where log lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogTo {
    /// Nowhere.
    Off,
    /// Standard output.
    Stdout,
    /// Appended to this file, reopened on SIGUSR1.
    File(PathBuf),
}

/// What a log line looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// CloudFront's 33 tab-separated fields. Source: Developer Guide, "Standard logging reference".
    CloudFront,
    /// One JSON object a line, with the attempts.
    Json,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_ipv6_address_is_any_ipv4_address_too_unless_that_is_listened_on() {
        for (address, beside, expected) in [
            ("[::]:80", "[::]:443", true),
            ("[::]:80", "0.0.0.0:443", true),
            ("[::]:80", "0.0.0.0:80", false),
            ("[::]:80", "127.0.0.1:80", false),
            ("[::]:0", "127.0.0.1:0", true),
            ("[::1]:80", "[::]:443", false),
            ("0.0.0.0:80", "[::]:80", false),
        ] {
            let [own, other] = [address, beside].map(|text| text.parse().expect("an address"));
            let seen = takes_both_families(own, [other, own]);
            assert_eq!(seen, expected, "{address} beside {beside}");
        }
    }
}
