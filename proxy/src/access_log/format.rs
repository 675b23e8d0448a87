//! What a line looks like: CloudFront's standard log, or JSON with the attempts.

use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderValue, StatusCode, Version};
use tideover_config::{AccessLog, LogFormat, ViewerScheme};
use tideover_rules::failover::{Outcome, Sent};
use tideover_rules::fields::Known;
use tideover_rules::told::ResultType;

use super::{Ending, Line, Refused, Sender};
use crate::clock::Moment;
use crate::live::Routed;

/// How a file of CloudFront's format starts. Source: Developer Guide, "Standard logging (legacy)", file format.
pub(super) const HEADER: &str = "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) \
cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id \
x-host-header cs-protocol cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type \
cs-protocol-version fle-status fle-encrypted-fields c-port time-to-first-byte x-edge-detailed-result-type \
sc-content-type sc-content-len sc-range-start sc-range-end\n";

/// Appends the line of a request that is over.
pub(super) fn line(out: &mut Vec<u8>, second: &mut Second, log: &AccessLog, line: &Line) {
    match log.format {
        LogFormat::CloudFront => cloudfront(out, second, line, log.cookies),
        LogFormat::Json => json(out, second, line),
    }
}

/// Appends the line of what was refused before it became a request.
pub(super) fn refused(
    out: &mut Vec<u8>,
    second: &mut Second,
    format: LogFormat,
    sender: Sender<'_>,
    refused: Refused,
) {
    let address = sender.address.ip().to_canonical();
    let scheme = sender.scheme.as_str();
    let status = refused.status.map_or(0, |status| status.as_u16());
    let (result, detail) = (refused.result.word(), refused.detail);
    match format {
        LogFormat::CloudFront => {
            let version = sender.version.map_or("-", version);
            let (protocol, cipher) = sender
                .tls
                .map_or(("-", "-"), |tls| (tls.protocol, tls.cipher));
            second.now(out, b'\t');
            let _ = write!(out, "\t-\t0\t{address}");
            // From the method to the encrypted fields: next to nothing is known.
            let _ = write!(out, "\t-\t-\t-\t{status:03}");
            let _ = write!(out, "\t-\t-\t-\t-\t{result}\t-\t-\t{scheme}\t0\t0.000");
            let _ = write!(out, "\t-\t{protocol}\t{cipher}\t{result}\t{version}\t-\t-");
            let port = sender.address.port();
            let _ = writeln!(out, "\t{port}\t0.000\t{detail}\t-\t-\t-\t-");
        }
        LogFormat::Json => {
            out.extend_from_slice(b"{\"time\":\"");
            second.rfc3339(out);
            let _ = write!(out, "\",\"client\":\"{address}\",\"scheme\":\"{scheme}\"");
            if let Some(tls) = sender.tls {
                let (protocol, cipher) = (tls.protocol, tls.cipher);
                let _ = write!(out, ",\"tls\":\"{protocol}\",\"cipher\":\"{cipher}\"");
            }
            if let Some(spoken) = sender.version {
                let _ = write!(out, ",\"protocol\":\"{}\"", version(spoken));
            }
            let _ = write!(out, ",\"status\":{status},\"detail\":\"{detail}\"");
            if let Some(limit) = refused.limit {
                let _ = write!(out, ",\"limit\":\"{}\"", limit.name());
            }
            if let Some(fault) = refused.fault {
                let _ = write!(out, ",\"fault\":\"{}\"", fault.as_str());
            }
            out.extend_from_slice(b"}\n");
        }
    }
}

/// What both formats tell, in CloudFront's words.
struct Ended {
    result: &'static str,
    response_result: &'static str,
    detail: &'static str,
    status: u16,
    took: Duration,
    first_byte: Duration,
}

impl Ended {
    fn of(line: &Line) -> Self {
        let took = line.view.live.clock.since(line.started);
        let Some(answered) = &line.answered else {
            // The viewer closed before there was an answer.
            let gone = "Error";
            return Self {
                result: gone,
                response_result: gone,
                detail: "ClientCommError",
                status: 0,
                took,
                first_byte: took,
            };
        };
        let response_result = answered.facts.result.word();
        let (result, detail) = match line.ending {
            Ending::Whole | Ending::Idle | Ending::Drained => (
                response_result,
                line.ending.by_the_edge().unwrap_or(answered.facts.detail),
            ),
            Ending::CutByOrigin => (ResultType::Error.word(), "OriginReadError"),
            Ending::Unfinished => (ResultType::Error.word(), "ClientCommError"),
        };
        let status = answered.status.as_u16();
        Self {
            result,
            response_result,
            detail,
            status,
            took,
            first_byte: answered.first_byte,
        }
    }
}

fn cloudfront(out: &mut Vec<u8>, second: &mut Second, line: &Line, cookies: bool) {
    let ended = Ended::of(line);
    let request = &line.request;
    let distribution = line.distribution();
    let answered = line.answered.as_ref();
    let pop = distribution.and_then(|distribution| distribution.voice.pop.as_ref());
    let mut tab = Tabs { out };

    second.now(tab.out, b'\t');
    tab.text(pop.map_or(b"-", |(_, value)| value.as_bytes()));
    tab.number(line.sent_bytes + answered.map_or(0, |answered| answered.head_bytes));
    tab.text(line.peer.address_text.as_bytes());
    tab.text(request.method.as_str().as_bytes());
    tab.text(distribution.map_or(b"-", |distribution| distribution.domain_name.as_bytes()));
    tab.encoded(request.uri.path().as_bytes());
    tab.status(ended.status);
    tab.header(line, Known::Referer);
    tab.header(line, Known::UserAgent);
    tab.encoded(request.uri.query().unwrap_or_default().as_bytes());
    if cookies {
        tab.header(line, Known::Cookie);
    } else {
        tab.nothing();
    }
    tab.text(ended.result.as_bytes());
    tab.text(line.request_id.as_bytes());
    tab.encoded(host_header(line));
    tab.text(protocol(line).as_bytes());
    tab.number(received_bytes(line));
    tab.seconds(ended.took);
    tab.header(line, Known::XForwardedFor);
    if let Some(tls) = &line.peer.tls {
        tab.text(tls.protocol.as_bytes());
        tab.text(tls.cipher.as_bytes());
    } else {
        tab.nothing_twice();
    }
    tab.text(ended.response_result.as_bytes());
    tab.text(version(request.version).as_bytes());
    // Field-level encryption.
    tab.nothing_twice();
    tab.number(u64::from(line.peer.port));
    tab.seconds(ended.first_byte);
    tab.text(ended.detail.as_bytes());
    tab.encoded(
        answered
            .and_then(|a| a.content_type.as_ref())
            .map_or(b"", |value| value.as_bytes()),
    );
    match answered.and_then(|answered| answered.content_length) {
        Some(length) => tab.number(length),
        None => tab.nothing(),
    }
    // The range of a partial answer: not told.
    tab.nothing_twice();
    tab.out.push(b'\n');
}

/// Fields with a tab in front of each.
struct Tabs<'o> {
    out: &'o mut Vec<u8>,
}

impl Tabs<'_> {
    fn text(&mut self, text: &[u8]) {
        self.out.push(b'\t');
        self.out.extend_from_slice(text);
    }

    /// Eight fields of most lines: as a constant, cheaper than a text of one byte.
    fn nothing(&mut self) {
        self.out.extend_from_slice(b"\t-");
    }

    fn nothing_twice(&mut self) {
        self.out.extend_from_slice(b"\t-\t-");
    }

    fn number(&mut self, number: u64) {
        self.text(itoa::Buffer::new().format(number).as_bytes());
    }

    /// Three digits: 000 for a viewer that left before an answer.
    fn status(&mut self, status: u16) {
        if status == 0 {
            self.text(b"000");
        } else {
            self.number(u64::from(status));
        }
    }

    /// Seconds with three decimals.
    fn seconds(&mut self, span: Duration) {
        let millis = span.subsec_millis();
        let digit = |n: u32| b'0' + u8::try_from(n % 10).unwrap_or(0);
        let [tenths, hundredths, thousandths] = [millis / 100, millis / 10, millis].map(digit);
        if let Ok(second @ 0..=9) = u8::try_from(span.as_secs()) {
            self.text(&[b'0' + second, b'.', tenths, hundredths, thousandths]);
        } else {
            self.number(span.as_secs());
            self.out
                .extend_from_slice(&[b'.', tenths, hundredths, thousandths]);
        }
    }

    fn header(&mut self, line: &Line, known: Known) {
        let value = line.fields().first(known);
        self.encoded(value.map_or(b"", HeaderValue::as_bytes));
    }

    /// `-` for nothing; bytes that would break a line or a field are percent-encoded.
    /// Source: Developer Guide, "Standard logging reference", note on encoding.
    fn encoded(&mut self, bytes: &[u8]) {
        const HEX: &[u8; 16] = b"0123456789ABCDEF";
        if bytes.is_empty() {
            return self.nothing();
        }
        if all_stand(bytes) {
            return self.text(bytes);
        }
        self.out.push(b'\t');
        let mut rest = bytes;
        loop {
            let stands = rest
                .iter()
                .position(|byte| !STANDS[usize::from(*byte)])
                .unwrap_or(rest.len());
            let (as_they_are, others) = rest.split_at(stands);
            self.out.extend_from_slice(as_they_are);
            let Some((byte, after)) = others.split_first() else {
                return;
            };
            let [high, low] = [byte >> 4, byte & 15].map(|digit| HEX[usize::from(digit)]);
            self.out.extend_from_slice(&[b'%', high, low]);
            rest = after;
        }
    }
}

/// Nearly every field stands as it is. To see that eight bytes at a time, without a branch for each, is a third of the work.
fn all_stand(bytes: &[u8]) -> bool {
    let stands = |byte: &u8| u8::from(STANDS[usize::from(*byte)]);
    let (eights, rest) = bytes.as_chunks::<8>();
    let mut all = 1;
    for [a, b, c, d, e, f, g, h] in eights {
        all &= stands(a) & stands(b) & stands(c) & stands(d);
        all &= stands(e) & stands(f) & stands(g) & stands(h);
    }
    rest.iter().fold(all, |all, byte| all & stands(byte)) == 1
}

/// Bytes that a field of CloudFront's format can hold as they are.
const STANDS: [bool; 256] = {
    let mut stands = [false; 256];
    let mut byte = b'!';
    while byte <= b'~' {
        stands[byte as usize] = true;
        byte += 1;
    }
    let encoded = b"<>\"#%{}|\\^~[]`'";
    let mut index = 0;
    while index < encoded.len() {
        stands[encoded[index] as usize] = false;
        index += 1;
    }
    stands
};

fn json(out: &mut Vec<u8>, second: &mut Second, line: &Line) {
    let ended = Ended::of(line);
    let request = &line.request;
    out.extend_from_slice(b"{\"time\":\"");
    second.rfc3339(out);
    out.push(b'"');
    let mut object = Object { out };
    object.text("request_id", line.request_id.as_bytes());
    object.text("client", line.peer.address_text.as_bytes());
    object.text("method", request.method.as_str().as_bytes());
    object.text("scheme", line.peer.scheme.as_str().as_bytes());
    if let Some(tls) = &line.peer.tls {
        object.text("tls", tls.protocol.as_bytes());
        object.text("cipher", tls.cipher.as_bytes());
    }
    object.text("host", host_header(line));
    object.text("path", request.uri.path().as_bytes());
    if let Some(query) = request.uri.query() {
        object.text("query", query.as_bytes());
    }
    object.text("protocol", version(request.version).as_bytes());
    object.number("status", u64::from(ended.status));
    object.text("result", ended.result.as_bytes());
    object.text("detail", ended.detail.as_bytes());
    if let Some(limit) = line.limit() {
        object.text("limit", limit.name().as_bytes());
    }
    object.number("bytes_sent", line.sent_bytes);
    object.number("bytes_received", received_bytes(line));
    object.millis("ms", ended.took);
    object.millis("first_byte_ms", ended.first_byte);
    for (name, key) in [
        (Known::UserAgent, "user_agent"),
        (Known::Referer, "referer"),
        (Known::XForwardedFor, "forwarded_for"),
    ] {
        if let Some(value) = line.fields().first(name) {
            object.text(key, value.as_bytes());
        }
    }
    if let Some(distribution) = line.distribution() {
        object.text("distribution", distribution.id.as_bytes());
        let behavior = line
            .answered
            .as_ref()
            .and_then(|answered| answered.facts.behavior);
        if let Some(behavior) = behavior.and_then(|index| distribution.behaviors.get(index)) {
            object.text("behavior", behavior.path.as_str().as_bytes());
        }
    }
    cache(&mut object, line);
    if let Some(shown) = line.worker.shared.switches.shown() {
        object.key("switches");
        object.out.extend_from_slice(&shown);
    }
    attempts(&mut object, line);
    object.out.extend_from_slice(b"}\n");
}

/// How the cache took part: `"cache":{"verdict":"stale","why":"stale-if-error","age":70,"ttl":-10}`.
fn cache(object: &mut Object<'_>, line: &Line) {
    let Some(answered) = &line.answered else {
        return;
    };
    let Some(verdict) = answered.facts.cache else {
        return;
    };
    object.key("cache");
    object.out.extend_from_slice(b"{\"verdict\":");
    string(object.out, verdict.role().word().as_bytes());
    if let Some(why) = verdict.why() {
        object.text("why", why.as_bytes());
    }
    if let Some(age) = answered.age {
        object.number("age", u64::from(age));
    }
    if let Some(ttl) = verdict.ttl() {
        object.key("ttl");
        let mut digits = itoa::Buffer::new();
        object.out.extend_from_slice(digits.format(ttl).as_bytes());
    }
    if let Some(why) = verdict.why_not_kept() {
        object.text("not_kept", why.as_bytes());
    }
    object.out.push(b'}');
}

fn attempts(object: &mut Object<'_>, line: &Line) {
    let Some(answered) = &line.answered else {
        return;
    };
    let facts = &answered.facts;
    object.key("made_by_edge");
    object.out.extend_from_slice(if facts.made_by_edge {
        b"true"
    } else {
        b"false"
    });
    let Some(routed) = facts.target else { return };
    let edge = &line.view.live.edge;
    let target = line.view.live.target(routed);
    object.text("target", target.name.as_bytes());
    records(object, line, routed);
    object.key("attempts");
    object.out.push(b'[');
    for (index, attempt) in facts.attempts.iter().enumerate() {
        object.out.extend_from_slice(if index == 0 {
            b"{\"origin\":"
        } else {
            b",{\"origin\":"
        });
        string(
            object.out,
            edge.origin(target.members[attempt.member].origin)
                .id
                .as_bytes(),
        );
        match attempt.outcome {
            Outcome::Status(status) => object.number("status", u64::from(status.as_u16())),
            Outcome::Failed(failure) => {
                object.text("error", failure.word().as_bytes());
                object.text(
                    "sent",
                    if attempt.sent == Sent::Nothing {
                        b"nothing"
                    } else {
                        b"something"
                    },
                );
            }
            Outcome::Skipped(why) => object.text("skipped", why.word().as_bytes()),
        }
        object.millis("ms", attempt.took);
        if let Some(fault) = facts.struck.at(index) {
            object.text("fault", fault.word().as_bytes());
        }
        if index == facts.delivered {
            object.key("delivered");
            object.out.extend_from_slice(b"true");
        }
        object.out.push(b'}');
    }
    object.out.push(b']');
}

/// Whom the records of the target stood for: `"records":{"app":"secondary"}`.
fn records(object: &mut Object<'_>, line: &Line, routed: Routed) {
    let live = &line.view.live;
    let mut between: &[u8] = b"{";
    for (record, side) in live.sides(routed) {
        if between == b"{" {
            object.key("records");
        }
        object.out.extend_from_slice(between);
        between = b",";
        string(object.out, record.as_bytes());
        object.out.push(b':');
        string(object.out, side.word().as_bytes());
    }
    if between == b"," {
        object.out.push(b'}');
    }
}

/// Members of a JSON object, each with a comma in front.
struct Object<'o> {
    out: &'o mut Vec<u8>,
}

impl Object<'_> {
    fn key(&mut self, key: &str) {
        self.out.extend_from_slice(b",\"");
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn text(&mut self, key: &str, value: &[u8]) {
        self.key(key);
        string(self.out, value);
    }

    fn number(&mut self, key: &str, value: u64) {
        self.key(key);
        self.out
            .extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    }

    fn millis(&mut self, key: &str, span: Duration) {
        self.number(key, u64::try_from(span.as_millis()).unwrap_or(u64::MAX));
    }
}

/// A JSON string; bytes that are not UTF-8 become U+FFFD.
fn string(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    for character in String::from_utf8_lossy(bytes).chars() {
        match character {
            '"' | '\\' => out.extend_from_slice(&[b'\\', character as u8]),
            control if control < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            other => out.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

/// The `Host` that the viewer sent, or the host of an absolute target.
fn host_header(line: &Line) -> &[u8] {
    let sent = line.host.as_ref().map(HeaderValue::as_bytes);
    sent.or_else(|| {
        line.request
            .uri
            .authority()
            .map(|authority| authority.as_str().as_bytes())
    })
    .unwrap_or_default()
}

/// Request line, headers, and as much of the body as was read.
fn received_bytes(line: &Line) -> u64 {
    let target = line
        .request
        .uri
        .path_and_query()
        .map_or(0, |target| target.as_str().len());
    let request_line =
        (line.request.method.as_str().len() + target + " ".len() + " HTTP/1.1\r\n".len()) as u64;
    let body = line.watch.as_ref().map_or(0, |watch| watch.bytes.get());
    request_line + (line.fields().bytes() + "\r\n".len()) as u64 + body
}

/// What the connection speaks above TCP: a WebSocket's is another one. Source: Developer Guide, "Standard logging
/// reference", `cs-protocol`.
fn protocol(line: &Line) -> &'static str {
    let answered = line.answered.as_ref();
    if answered.is_some_and(|answered| answered.status == StatusCode::SWITCHING_PROTOCOLS) {
        match line.peer.scheme {
            ViewerScheme::Http => "ws",
            ViewerScheme::Https => "wss",
        }
    } else {
        line.peer.scheme.as_str()
    }
}

fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "HTTP/0.9",
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        Version::HTTP_3 => "HTTP/3.0",
        _ => "HTTP/1.1",
    }
}

/// A second as it stands in lines: `2026-11-24`, a separator, `03:44:02`, in UTC. Kept, because the next line nearly always
/// is of the same second.
#[derive(Debug, Default)]
pub(super) struct Second {
    since_1970: u64,
    text: [u8; 19],
}

impl Second {
    /// Appends it, and returns the milliseconds of the present moment.
    fn now(&mut self, out: &mut Vec<u8>, separator: u8) -> u32 {
        let since = Moment::now().on_the_wall();
        if since.as_secs() != self.since_1970 || self.text[10] != separator {
            self.since_1970 = since.as_secs();
            self.text = second(since.as_secs(), separator);
        }
        out.extend_from_slice(&self.text);
        since.subsec_millis()
    }

    /// `2026-11-24T03:44:02.123Z`.
    fn rfc3339(&mut self, out: &mut Vec<u8>) {
        let millis = self.now(out, b'T');
        let _ = write!(out, ".{millis:03}Z");
    }
}

/// `2026-11-24T03:44:02.123Z`; what is before 1970 is 1970.
pub(crate) fn rfc3339(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let text = second(since.as_secs(), b'T');
    format!(
        "{}.{:03}Z",
        String::from_utf8_lossy(&text),
        since.subsec_millis()
    )
}

fn second(since_1970: u64, separator: u8) -> [u8; 19] {
    let (days, seconds) = (since_1970 / 86_400, since_1970 % 86_400);
    let (year, month, day) = date(days);
    let mut text = *b"0000-00-00 00:00:00";
    text[10] = separator;
    for (at, two_digits) in [
        (0, year / 100),
        (2, year % 100),
        (5, month),
        (8, day),
        (11, seconds / 3_600),
        (14, seconds / 60 % 60),
        (17, seconds % 60),
    ] {
        let digit = |number: u64| b'0' + u8::try_from(number % 10).unwrap_or(0);
        text[at] = digit(two_digits / 10);
        text[at + 1] = digit(two_digits);
    }
    text
}

/// Year, month, day of the Gregorian calendar.
fn date(since_1970: u64) -> (u64, u64, u64) {
    // Counted from 1 March of year 0, so that the leap day is a year's last.
    let days = since_1970 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (days, expected) in [
            (0, "1970-01-01"),
            (59, "1970-03-01"),
            (11_016, "2000-02-29"),
            (20_781, "2026-11-24"),
        ] {
            let text = second(days * 86_400 + 13_442, b'T');
            assert_eq!(
                String::from_utf8_lossy(&text),
                format!("{expected}T03:44:02")
            );
        }
    }

    #[test]
    fn a_field_cannot_end_itself_or_its_line() {
        let mut out = Vec::new();
        Tabs { out: &mut out }.encoded(b"a\tb\n\"%20\xff");
        assert_eq!(out, b"\ta%09b%0A%22%2520%FF");
        out.clear();
        string(&mut out, b"a\"\n\xff");
        assert_eq!(String::from_utf8_lossy(&out), "\"a\\\"\\u000a\u{fffd}\"");
    }

    #[test]
    fn the_standard_log_names_33_fields() {
        let fields = HEADER
            .lines()
            .nth(1)
            .and_then(|line| line.strip_prefix("#Fields: "))
            .unwrap_or_default();
        assert_eq!(fields.split(' ').count(), 33);
    }
}
