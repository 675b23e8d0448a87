//! What the viewer and the log are told about a request: `X-Cache`, `Proxy-Status`, `Tideover-Attempts`, log words.
//!
//! How an answer that the edge made is told from an origin's, where both are errors: `X-Cache` says `Error from …` for
//! both, as CloudFront's does (an answer of the edge's own load limits says `LimitExceeded from …`). `Proxy-Status` has
//! `received-status` if and only if the answer is an origin's, and `error` if and only if the edge made it. `Server` is the
//! edge's own only on answers that it made. In faithful mode `Proxy-Status` is off unless asked for, and `Server:
//! CloudFront` is the sign, as it is CloudFront's.

use std::time::Duration;

use http::{HeaderValue, StatusCode};
use tideover_config::{Failure, Origin, Target};

use crate::cache::verdict::Role;
use crate::failover::{Attempt, Outcome};
use crate::route::Refusal;

/// How a request ended, in CloudFront's words. Source: Developer Guide, "Standard logging reference", x-edge-result-type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultType {
    /// Fetched from an origin.
    Miss,
    /// Kept from an earlier request.
    Hit,
    /// Kept, and an origin said that it is still good.
    RefreshHit,
    /// A final status of 400 or above, or an answer that the edge made.
    Error,
    /// http -> https.
    Redirect,
    /// Refused by one of the edge's own limits on load.
    LimitExceeded,
}

/// Who made the answer that the viewer got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnsweredBy {
    /// The outcome of this attempt (an index), an origin's own answer.
    Attempt(usize),
    /// The edge, because this attempt (an index) failed.
    FailedAttempt(usize),
    /// The edge, before any origin was asked: a refusal, or a head that is not fit to be forwarded.
    Edge,
    /// One of the edge's own limits on load.
    Limit,
}

impl ResultType {
    /// `Miss`, `Hit`, `RefreshHit`, `Error`, `Redirect`, `LimitExceeded`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Miss => "Miss",
            Self::Hit => "Hit",
            Self::RefreshHit => "RefreshHit",
            Self::Error => "Error",
            Self::Redirect => "Redirect",
            Self::LimitExceeded => LIMIT_EXCEEDED,
        }
    }
}

/// The `X-Cache` value: `Miss from cloudfront`, `Error from tideover`, …. The beginning of this file says how an answer
/// that the edge made is told apart.
/// Source: Developer Guide, "Standard logging reference"; the spellings are those of CloudFront's answers.
pub fn x_cache(voice_name: &str, result: ResultType) -> HeaderValue {
    match (voice_name, result) {
        ("cloudfront", ResultType::Miss) => {
            const { HeaderValue::from_static("Miss from cloudfront") }
        }
        ("cloudfront", ResultType::Hit) => {
            const { HeaderValue::from_static("Hit from cloudfront") }
        }
        ("tideover", ResultType::Miss) => const { HeaderValue::from_static("Miss from tideover") },
        ("tideover", ResultType::Hit) => const { HeaderValue::from_static("Hit from tideover") },
        (name, result) => {
            let value = [result.word(), " from ", name].concat();
            HeaderValue::try_from(value).unwrap_or_else(|_| HeaderValue::from_static(result.word()))
        }
    }
}

/// `Tideover-Attempts`: an RFC 9651 list, one item per attempt in order:
/// `azure-vm;status=404;ms=12, azure-swa;error=refused;ms=1`; who was left out is `aws;skipped=breaker;ms=0`. Ids that are no tokens are quoted; without attempts it is empty.
pub fn attempts(target: &Target, origins: &[Origin], past: &[Attempt]) -> HeaderValue {
    let mut list = List::with_room_for(past.len());
    for attempt in past {
        list.start_item();
        list.push_name(name_of(target, origins, attempt.member));
        match attempt.outcome {
            Outcome::Status(status) => list.push(";status=").push(status.as_str()),
            Outcome::Failed(failure) => list.push(";error=").push(failure.word()),
            Outcome::Skipped(why) => list.push(";skipped=").push(why.word()),
        };
        // A structured integer has at most fifteen digits (RFC 9651, section 3.3.1).
        let ms = attempt.took.as_millis().min(999_999_999_999_999);
        list.push(";ms=").push(itoa::Buffer::new().format(ms));
    }
    list.finish()
}

/// `Proxy-Status` (RFC 9209), one member: this edge, with `next-hop` and `received-status` or `error`.
///
/// - An origin's answer: `tideover;next-hop=azure-vm;received-status=404`.
/// - Made because an origin failed: `tideover;next-hop=azure-vm;error=connection_refused`.
/// - A page: `tideover;error=destination_unavailable;details="page last-page"`.
/// - A refusal: `tideover;error=http_request_denied` and the like, without a next hop. Neither a refusal nor a limit:
///   the head was not fit to be forwarded, `tideover;error=http_request_error`.
pub fn proxy_status(
    voice_name: &str,
    target: Option<&Target>,
    origins: &[Origin],
    past: &[Attempt],
    answered_by: AnsweredBy,
    refusal: Option<&Refusal>,
) -> HeaderValue {
    let mut member = List::with_room_for(1);
    member.push_name(voice_name);
    match answered_by {
        AnsweredBy::Attempt(index) | AnsweredBy::FailedAttempt(index) => {
            if let (Some(target), Some(attempt)) = (target, past.get(index)) {
                push_attempt(&mut member, target, origins, attempt);
            }
        }
        AnsweredBy::Edge => {
            member.push(";error=");
            member.push(refusal.map_or("http_request_error", refusal_error));
        }
        AnsweredBy::Limit => {
            member.push(";error=http_request_denied");
        }
    }
    member.finish()
}

/// `Server-Timing`: what the `edge` itself took, and each attempt by its origin, in order and in milliseconds:
/// `edge;dur=0.3, aws;dur=12.0, azure-vm;dur=31.4`; and what the `cache` was to the request: `edge;dur=0.1, cache;desc=hit`. Who was skipped took no time and is not in it. Source: W3C, Server Timing,
/// "The Server-Timing Header Field".
pub fn server_timing(
    target: Option<&Target>,
    origins: &[Origin],
    past: &[Attempt],
    edge: Duration,
    cache: Option<Role>,
) -> HeaderValue {
    let mut list = List::with_room_for(2 + past.len());
    list.push_metric("edge", edge);
    if let Some(role) = cache {
        list.start_item();
        list.push("cache;desc=").push(role.word());
    }
    for attempt in past {
        let Some(target) = target else { break };
        if matches!(attempt.outcome, Outcome::Skipped(_)) {
            continue;
        }
        list.push_metric(name_of(target, origins, attempt.member), attempt.took);
    }
    list.finish()
}

fn push_attempt(list: &mut List, target: &Target, origins: &[Origin], attempt: &Attempt) {
    let name = name_of(target, origins, attempt.member);
    let is_page = target
        .members
        .get(attempt.member)
        .is_some_and(|member| member.is_page);
    if is_page {
        list.push(";error=destination_unavailable;details=\"page ");
        list.push_escaped(name).push("\"");
        return;
    }
    list.push(";next-hop=").push_name(name);
    match attempt.outcome {
        Outcome::Status(status) => list.push(";received-status=").push(status.as_str()),
        Outcome::Failed(failure) => list.push(";error=").push(failure_error(failure)),
        // Nobody was asked: this was the last one who could have been.
        Outcome::Skipped(_) => list.push(";error=destination_unavailable"),
    };
}

/// The error type of RFC 9209, section 2.3. A failed handshake is nearly always the certificate's fault and is said as that.
fn failure_error(failure: Failure) -> &'static str {
    match failure {
        Failure::Dns => "dns_error",
        Failure::Refused => "connection_refused",
        Failure::ConnectTimeout => "connection_timeout",
        Failure::Tls => "tls_certificate_error",
        Failure::Reset => "connection_terminated",
        Failure::WriteStalled => "connection_write_timeout",
        Failure::ResponseTimeout | Failure::CompletionTimeout => "http_response_timeout",
        Failure::Malformed => "http_protocol_error",
        Failure::HeaderTooBig => "http_response_header_section_size",
    }
}

/// The error type of RFC 9209, section 2.3.
fn refusal_error(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::UnknownHost
        | Refusal::Misdirected
        | Refusal::Disabled
        | Refusal::MethodNotAllowed
        | Refusal::GetWithBody
        | Refusal::HttpsRequired => "http_request_denied",
        Refusal::UrlTooLong
        | Refusal::HeadTooLarge
        | Refusal::FieldsTooLarge
        | Refusal::BodyTooLarge => "http_request_error",
        Refusal::Loop(_) => "proxy_loop_detected",
        Refusal::RedirectToHttps(_) => "proxy_internal_response",
    }
}

/// `x-edge-detailed-result-type` for a failed origin: `OriginConnectError`, `OriginDnsError`, `OriginCommError`, ….
/// Source: Developer Guide, "Standard logging reference"; which failure has which word is our reading.
pub fn detailed_result(failure: Failure) -> &'static str {
    match failure {
        Failure::Dns => "OriginDnsError",
        Failure::Refused | Failure::ConnectTimeout | Failure::Tls => "OriginConnectError",
        Failure::Reset => "OriginReadError",
        Failure::WriteStalled => "OriginWriteError",
        Failure::ResponseTimeout | Failure::CompletionTimeout => "OriginCommError",
        Failure::Malformed => "OriginInvalidResponseError",
        Failure::HeaderTooBig => "OriginHeaderTooBigError",
    }
}

/// The same where no origin may be asked, because an operator said so.
pub const SWITCHED_OFF: &str = "OriginsSwitchedOff";

/// The same where an operator has taken the distribution out of service.
pub const IN_MAINTENANCE: &str = "Maintenance";

/// The same for a limit on load, and for a body beyond the limit: a quota was exceeded.
pub const LIMIT_EXCEEDED: &str = "LimitExceeded";

/// The same for a refusal: `InvalidRequestMethod`, ….
pub fn detailed_refusal(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::MethodNotAllowed => "InvalidRequestMethod",
        Refusal::Misdirected => "InvalidRequestCertificate",
        Refusal::UnknownHost
        | Refusal::Disabled
        | Refusal::UrlTooLong
        | Refusal::HeadTooLarge
        | Refusal::FieldsTooLarge => "InvalidRequest",
        Refusal::BodyTooLarge => LIMIT_EXCEEDED,
        Refusal::Loop(_) | Refusal::GetWithBody | Refusal::HttpsRequired => "Error",
        Refusal::RedirectToHttps(_) => "Redirect",
    }
}

/// True when an answer with this status counts as an error in logs and `X-Cache`.
pub fn is_error(status: StatusCode) -> bool {
    status.as_u16() >= 400
}

fn name_of<'e>(target: &'e Target, origins: &'e [Origin], member: usize) -> &'e str {
    target
        .members
        .get(member)
        .and_then(|member| origins.get(usize::from(member.origin.0)))
        .map_or(&target.name, |origin| &origin.id)
}

/// A structured list (RFC 9651) as it is written.
struct List(Vec<u8>);

impl List {
    /// Items are about as long as `azure-vm;error=response-timeout;ms=10000, `.
    fn with_room_for(items: usize) -> Self {
        Self(Vec::with_capacity(16 + items * 48))
    }

    fn push(&mut self, text: &str) -> &mut Self {
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    fn start_item(&mut self) {
        if !self.0.is_empty() {
            self.push(", ");
        }
    }

    /// A token if `name` can be one, else a string.
    fn push_name(&mut self, name: &str) -> &mut Self {
        if is_token(name) {
            self.push(name)
        } else {
            self.push("\"").push_escaped(name).push("\"")
        }
    }

    /// One of `Server-Timing`, whose names are tokens of HTTP (RFC 9110, section 5.6.2) and nothing else.
    fn push_metric(&mut self, name: &str, took: Duration) {
        self.start_item();
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if !name.is_empty() && name.bytes().all(is_token) {
            self.push(name);
        } else {
            self.push("origin;desc=\"").push_escaped(name).push("\"");
        }
        let micros = took.as_micros();
        let text = format!(";dur={}.{}", micros / 1_000, micros / 100 % 10);
        self.push(&text);
    }

    /// The inside of a string: quotes and backslashes escaped; what a string cannot hold as `%` and two digits.
    fn push_escaped(&mut self, text: &str) -> &mut Self {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        for byte in text.bytes() {
            match byte {
                b'"' | b'\\' => self.0.extend_from_slice(&[b'\\', byte]),
                b' '..=b'~' => self.0.push(byte),
                _ => {
                    let [high, low] = [byte >> 4, byte & 15].map(|digit| HEX[usize::from(digit)]);
                    self.0.extend_from_slice(&[b'%', high, low]);
                }
            }
        }
        self
    }

    fn finish(self) -> HeaderValue {
        HeaderValue::try_from(self.0).expect("names are escaped, all else is ours")
    }
}

/// RFC 9651, section 3.3.4.
fn is_token(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes
        .next()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'*')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&byte))
}
