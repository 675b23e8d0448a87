//! Is this request head fit to be forwarded? What cannot be understood in one way only is refused.

use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, Version};
use tideover_config::MethodSet;

use crate::fields::{Fields, Known};

/// No method in use is longer than this, in bytes.
const LONGEST_METHOD: usize = 64;

/// Why a head is refused and the connection closed. Source: RFC 9112, sections 2 to 7; RFC 9110, sections 7.2, 9.1, 10.1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// HTTP/1.1 without `Host`.
    MissingHost,
    /// An empty `Host`, or one that is not a host with an optional port.
    InvalidHost,
    /// More than one `Host`.
    SecondHost,
    /// The target is neither a path nor `http(s)://…` nor, for OPTIONS, `*`.
    InvalidTarget,
    /// The target names another host than `Host`.
    TargetAndHostDiffer,
    /// A transfer coding other than a single `chunked`, or any on HTTP/1.0.
    TransferEncoding,
    /// `Transfer-Encoding` beside `Content-Length`.
    LengthAndTransferEncoding,
    /// Several `Content-Length`s, or one that is not a plain number.
    ContentLength,
    /// A line that ends in a bare LF, or holds a bare CR or a NUL.
    LineEnding,
    /// A `#` in the target.
    Fragment,
    /// A method that is longer than any, or a usual one in other letters: some take it for that one, some do not.
    Method,
    /// `Expect` with anything but `100-continue`.
    Expectation,
}

impl Malformed {
    /// The status of the answer: 400, or 417 for an expectation that nobody knows.
    pub fn status(self) -> StatusCode {
        match self {
            Self::Expectation => StatusCode::EXPECTATION_FAILED,
            Self::MissingHost
            | Self::InvalidHost
            | Self::SecondHost
            | Self::InvalidTarget
            | Self::TargetAndHostDiffer
            | Self::TransferEncoding
            | Self::LengthAndTransferEncoding
            | Self::ContentLength
            | Self::LineEnding
            | Self::Fragment
            | Self::Method => StatusCode::BAD_REQUEST,
        }
    }

    /// What is wrong, in a few words: a clause that follows "the request is malformed: ".
    pub fn reason(self) -> &'static str {
        match self {
            Self::MissingHost => "no Host header",
            Self::InvalidHost => "its Host is not a host with an optional port",
            Self::SecondHost => "more than one Host header",
            Self::InvalidTarget => "its target is neither a path nor a URL",
            Self::TargetAndHostDiffer => "its target names another host than its Host",
            Self::TransferEncoding => "a transfer coding other than chunked",
            Self::LengthAndTransferEncoding => "Transfer-Encoding beside Content-Length",
            Self::ContentLength => "its Content-Length is not one plain number",
            Self::LineEnding => "a bare LF, CR or NUL",
            Self::Fragment => "its target has a fragment",
            Self::Method => "a method that is too long, or a usual one in other letters",
            Self::Expectation => "an expectation other than 100-continue",
        }
    }
}

/// The host that an admitted head asks: without port or final dot, in the viewer's letter case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host<'r> {
    /// What distributions are picked by.
    pub name: &'r str,
    /// The host as it was sent, port included: what `Host` forwarding passes on.
    pub sent: &'r str,
}

/// The host that this head asks, or why it must not be forwarded. HTTP/1.0 without `Host` gets an empty name.
/// `X: Y` pairs of hop-by-hop nature are not judged here. [`Malformed::LineEnding`] and [`Malformed::Fragment`] cannot
/// be seen in a parsed head: whoever reads the bytes says them.
///
/// The framing is judged before the host: a head that does not say where its body ends is the most dangerous one.
/// Source: RFC 9112, sections 3.2 and 6; RFC 9113, section 8.3.1 (`:authority`).
pub fn admit<'r>(
    method: &Method,
    target: &'r Uri,
    version: Version,
    fields: Fields<'r>,
) -> Result<Host<'r>, Malformed> {
    check_framing(version, fields)?;
    check_method(method)?;
    check_target(method, target)?;
    check_expectation(fields)?;
    let from_target = match target.authority() {
        Some(authority) => Some(parse(authority.as_str()).ok_or(Malformed::InvalidTarget)?),
        None => None,
    };
    let from_header = match fields.first(Known::Host) {
        Some(line) => {
            let line = line.to_str().map_err(|_| Malformed::InvalidHost)?;
            Some(parse(line).ok_or(Malformed::InvalidHost)?)
        }
        None => None,
    };
    if fields.repeats(Known::Host) {
        return Err(Malformed::SecondHost);
    }
    match (from_target, from_header) {
        (None, Some(host)) => Ok(host.host()),
        (Some(wanted), Some(host)) => {
            let default = default_port(target.scheme_str());
            if wanted.is_same(&host, default) {
                Ok(host.host())
            } else {
                Err(Malformed::TargetAndHostDiffer)
            }
        }
        // RFC 9112, section 3.2: HTTP/1.1 needs `Host` even if the target says it; HTTP/2 has `:authority` instead.
        (_, None) if version == Version::HTTP_11 => Err(Malformed::MissingHost),
        (Some(wanted), None) => Ok(wanted.host()),
        (None, None) if version <= Version::HTTP_10 => Ok(Host { name: "", sent: "" }),
        (None, None) => Err(Malformed::MissingHost),
    }
}

fn check_framing(version: Version, fields: Fields<'_>) -> Result<(), Malformed> {
    let mut codings = fields.lines(Known::TransferEncoding);
    if let Some(coding) = codings.next() {
        let is_chunked = coding
            .as_bytes()
            .trim_ascii()
            .eq_ignore_ascii_case(b"chunked");
        if !is_chunked || version != Version::HTTP_11 || codings.next().is_some() {
            return Err(Malformed::TransferEncoding);
        }
    }
    let mut lengths = fields.lines(Known::ContentLength);
    if let Some(length) = lengths.next() {
        if !is_plain_number(length) || lengths.next().is_some() {
            return Err(Malformed::ContentLength);
        }
        if fields.has(Known::TransferEncoding) {
            return Err(Malformed::LengthAndTransferEncoding);
        }
    }
    Ok(())
}

/// The HTTP library has a name for every usual method, so that this costs next to nothing for these.
fn check_method(method: &Method) -> Result<(), Malformed> {
    if MethodSet::ALL.contains(method) {
        return Ok(());
    }
    let name = method.as_str();
    let is_usual_in_other_letters = [
        "GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE", "TRACE", "CONNECT",
    ]
    .iter()
    .any(|usual| name != *usual && name.eq_ignore_ascii_case(usual));
    if name.len() > LONGEST_METHOD || is_usual_in_other_letters {
        return Err(Malformed::Method);
    }
    Ok(())
}

fn check_expectation(fields: Fields<'_>) -> Result<(), Malformed> {
    let is_known = fields
        .lines(Known::Expect)
        .all(|value| value.is_empty() || value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    if is_known {
        Ok(())
    } else {
        Err(Malformed::Expectation)
    }
}

/// True if these fields may stand in the trailer section of a request: none of them says how the message is framed,
/// where it goes, who sends it, or what its content is. Source: RFC 9110, section 6.5.1.
pub fn may_be_trailers(trailers: &HeaderMap) -> bool {
    trailers.keys().all(|name| {
        let name = name.as_str();
        !(name.starts_with("x-forwarded-")
            || name.starts_with("if-")
            || NEVER_TRAILERS.contains(&name))
    })
}

/// Beside `If-*` and `X-Forwarded-*`.
const NEVER_TRAILERS: [&str; 29] = [
    "age",
    "authorization",
    "cache-control",
    "cdn-loop",
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "cookie",
    "date",
    "expect",
    "expires",
    "forwarded",
    "host",
    "keep-alive",
    "location",
    "max-forwards",
    "pragma",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "vary",
    "via",
];

/// Digits only, no 0 before others (some read such a number as octal), and not more than a `u64` holds.
fn is_plain_number(value: &HeaderValue) -> bool {
    let digits = value.as_bytes();
    digits.iter().all(u8::is_ascii_digit)
        && (digits == b"0" || !digits.starts_with(b"0"))
        && value
            .to_str()
            .is_ok_and(|digits| digits.parse::<u64>().is_ok())
}

fn check_target(method: &Method, target: &Uri) -> Result<(), Malformed> {
    if *method == Method::CONNECT {
        // A tunnel is a method that no behavior allows; only its own form of target is judged here (RFC 9112, 3.2.3).
        let is_authority = target.scheme().is_none() && target.authority().is_some();
        return is_authority.then_some(()).ok_or(Malformed::InvalidTarget);
    }
    let has_its_parts = match target.scheme_str() {
        Some("http" | "https") => target.authority().is_some(),
        Some(_) => false,
        // No scheme: a path alone. `host:port` (CONNECT) and a bare word have an authority and no path.
        None => target.authority().is_none(),
    };
    // Over HTTP/2 a `*` comes beside scheme and authority.
    let is_a_path =
        target.path().starts_with('/') || (target.path() == "*" && *method == Method::OPTIONS);
    if has_its_parts && is_a_path {
        Ok(())
    } else {
        Err(Malformed::InvalidTarget)
    }
}

/// A host that was taken apart.
#[derive(Clone, Copy)]
struct Authority<'r> {
    sent: &'r str,
    name: &'r str,
    /// Digits, maybe none.
    port: Option<&'r str>,
}

impl<'r> Authority<'r> {
    fn host(&self) -> Host<'r> {
        Host {
            name: self.name,
            sent: self.sent,
        }
    }

    fn port_or(&self, default: u16) -> u16 {
        self.port
            .and_then(|digits| digits.parse().ok())
            .unwrap_or(default)
    }

    fn is_same(&self, other: &Self, default: u16) -> bool {
        self.name.eq_ignore_ascii_case(other.name)
            && self.port_or(default) == other.port_or(default)
    }
}

fn default_port(scheme: Option<&str>) -> u16 {
    if scheme == Some("https") { 443 } else { 80 }
}

/// `host [":" port]` of RFC 3986, section 3.2, without user information; `None` if it is not that.
fn parse(sent: &str) -> Option<Authority<'_>> {
    let (name, port) = if sent.starts_with('[') {
        let (address, rest) = sent.split_at(sent.find(']')? + 1);
        let inner = address.strip_prefix('[')?.strip_suffix(']')?;
        let is_address = inner
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'));
        if !is_address || !inner.contains(':') {
            return None;
        }
        match rest.strip_prefix(':') {
            Some(port) => (address, Some(port)),
            None if rest.is_empty() => (address, None),
            None => return None,
        }
    } else {
        match sent.bytes().position(|byte| byte == b':') {
            Some(colon) => (&sent[..colon], Some(&sent[colon + 1..])),
            None => (sent, None),
        }
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_name = !name.is_empty() && (name.starts_with('[') || name.bytes().all(is_name_byte));
    let is_port = port.is_none_or(|port| {
        port.bytes().all(|byte| byte.is_ascii_digit())
            && (port.is_empty() || port.parse::<u16>().is_ok())
    });
    (is_name && is_port).then_some(Authority { sent, name, port })
}

/// Unreserved bytes. A registered name may also hold escapes and sub-delimiters (RFC 3986, section 3.2.2), but none that
/// is in use does, and a comma makes it look like two.
const fn is_name_byte(byte: u8) -> bool {
    const NAME: [bool; 256] = {
        let mut table = [false; 256];
        let mut byte = 0_u8;
        while byte < 128 {
            table[byte as usize] =
                byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
            byte += 1;
        }
        table
    };
    NAME[byte as usize]
}
