//! Origins that misbehave, each under the name of what it does.

use std::time::Duration;

use super::script::{Script, Step};
use super::{OriginBuilder, Place};
use crate::certificates::Certificate;

impl OriginBuilder {
    /// Nobody listens at its port.
    pub fn refuses(self) -> Self {
        self.placed(Place::Refuses)
    }

    /// Its accept queue is full, so connecting to it never ends.
    pub fn black_hole(self) -> Self {
        self.placed(Place::BlackHole)
    }

    /// Reads requests and says nothing.
    pub fn never_answers(self) -> Self {
        self.plays([Step::ReadBody, Step::Silence])
    }

    /// Reads a request and resets the connection.
    pub fn resets_before_head(self) -> Self {
        self.plays([Step::ReadBody, Step::Reset])
    }

    /// Reads a request and closes the connection in order.
    pub fn closes_before_head(self) -> Self {
        self.plays([Step::ReadBody, Step::Close])
    }

    /// Reads the head of a request and resets the connection before the body.
    pub fn resets_before_the_request_body(self) -> Self {
        self.plays([Step::Reset])
    }

    /// Answers 200, and resets the connection after this many bytes of a longer body.
    pub fn resets_after(self, bytes: usize) -> Self {
        self.plays([
            Step::ReadBody,
            Step::Send(claim(bytes + 1000)),
            Step::Body(filling(bytes)),
            Step::Reset,
        ])
    }

    /// Answers 200, and says nothing more after this many bytes of a longer body.
    pub fn stalls_after(self, bytes: usize) -> Self {
        self.plays([
            Step::ReadBody,
            Step::Send(claim(bytes + 1000)),
            Step::Body(filling(bytes)),
            Step::Silence,
        ])
    }

    /// Closes the connection within the head of its answer.
    pub fn cuts_mid_head(self) -> Self {
        self.plays([Step::ReadBody, Step::Send(HALF_A_HEAD.into()), Step::Close])
    }

    /// Says nothing more within the head of its answer.
    pub fn stalls_mid_head(self) -> Self {
        self.plays([
            Step::ReadBody,
            Step::Send(HALF_A_HEAD.into()),
            Step::Silence,
        ])
    }

    /// Answers 200 `drop by drop`, one byte of head and body at a time, with this long a gap between them.
    pub fn trickles(self, gap: Duration) -> Self {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n";
        let head = head.iter().map(|byte| Step::Send(vec![*byte]));
        let body = b"drop by drop".iter().map(|byte| Step::Body(vec![*byte]));
        let steps = head.chain(body).flat_map(|step| [Step::Pause(gap), step]);
        self.plays(Script([Step::ReadBody].into_iter().chain(steps).collect()))
    }

    /// Claims 100 bytes of body more than it sends before it closes the connection.
    pub fn claims_more_than_it_sends(self) -> Self {
        self.plays([
            Step::ReadBody,
            Step::Send(claim(105)),
            Step::Body(b"short".into()),
            Step::Close,
        ])
    }

    /// Sends another answer's worth of bytes after the 5 bytes of body (`short`) that it claims.
    pub fn sends_more_than_it_claims(self) -> Self {
        let more = b"shortHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";
        self.plays([
            Step::ReadBody,
            Step::Send([claim(5), more.to_vec()].concat()),
        ])
    }

    /// Ends a chunked body without its last chunk.
    pub fn leaves_out_the_last_chunk(self) -> Self {
        self.plays([
            Step::ReadBody,
            Step::Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".into()),
            Step::Body(b"5\r\nshort\r\n".into()),
            Step::Close,
        ])
    }

    /// Answers 200 with a head of at least this many bytes, in headers of 1,000.
    pub fn huge_headers(self, bytes: usize) -> Self {
        let value = "x".repeat(980);
        let headers: String = (0..bytes.div_ceil(1000))
            .map(|index| format!("X-Filling-{index:04}: {value}\r\n"))
            .collect();
        let head = format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: 0\r\n\r\n");
        self.plays([Step::ReadBody, Step::Send(head.into())])
    }

    /// Sends this many interim answers of status 103 before its real one, 200 `at last`.
    pub fn many_1xx(self, count: usize) -> Self {
        self.sends_interim(
            "HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n",
            count,
        )
    }

    /// Sends `100 Continue` this many times, unasked, before its real answer, 200 `at last`.
    pub fn continues(self, count: usize) -> Self {
        self.sends_interim("HTTP/1.1 100 Continue\r\n\r\n", count)
    }

    fn sends_interim(self, interim: &str, count: usize) -> Self {
        let last = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n";
        self.plays([
            Step::ReadBody,
            Step::Send(format!("{}{last}", interim.repeat(count)).into()),
            Step::Body(b"at last".into()),
        ])
    }

    /// Switches to another protocol that nobody has asked for.
    pub fn switches_protocols(self) -> Self {
        let head =
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: smoke\r\n\r\n";
        self.plays([Step::ReadBody, Step::Send(head.into()), Step::Silence])
    }

    /// Speaks, but not HTTP.
    pub fn not_http(self) -> Self {
        self.plays([
            Step::ReadBody,
            Step::Send(b"SSH-2.0-OpenSSH_9.2p1\r\n\r\n".into()),
            Step::Silence,
        ])
    }

    /// Answers the first request of a connection well, and closes it when the next one arrives.
    pub fn closes_idle_as_request_arrives(mut self) -> Self {
        self.on_reuse = Some([Step::Close].into());
        self
    }

    /// Answers the first request of a connection well, and resets it when the next one arrives.
    pub fn resets_idle_as_request_arrives(mut self) -> Self {
        self.on_reuse = Some([Step::Reset].into());
        self
    }

    /// Shows a certificate that is signed by nobody but itself.
    pub fn bad_certificate(self) -> Self {
        let certificate = Certificate::self_signed(&self.domain_name());
        self.shows(&certificate)
    }

    /// Shows a good certificate of somebody else.
    pub fn wrong_name(self) -> Self {
        self.shows(&Certificate::good("somebody-else.test"))
    }

    /// Shows a certificate that has expired.
    pub fn expired_certificate(self) -> Self {
        let certificate = Certificate::expired(&self.domain_name());
        self.shows(&certificate)
    }
}

const HALF_A_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Le";

fn claim(length: usize) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").into_bytes()
}

/// `0123456789` over and over.
fn filling(bytes: usize) -> Vec<u8> {
    (0..bytes)
        .map(|index| b'0' + u8::try_from(index % 10).unwrap_or(0))
        .collect()
}
