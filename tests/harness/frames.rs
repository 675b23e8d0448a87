//! A viewer that says HTTP/2 frame by frame, whatever its peer may think of it. Source: RFC 9113, RFC 7541.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::gate::patiently;
use crate::secure::{Protocol, client_config, shakes_hands};
use crate::wire::Io;

/// What a connection begins with. Source: RFC 9113, section 3.4.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A frame's type. Source: RFC 9113, section 6.
pub mod kind {
    #![expect(missing_docs, reason = "the RFC's own names")]
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const PRIORITY: u8 = 2;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PUSH_PROMISE: u8 = 5;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
}

/// A frame's flags. Source: RFC 9113, section 6.
pub mod flag {
    #![expect(missing_docs, reason = "the RFC's own names")]
    pub const NONE: u8 = 0;
    pub const ACK: u8 = 1;
    pub const END_STREAM: u8 = 1;
    pub const END_HEADERS: u8 = 4;
    pub const PADDED: u8 = 8;
    pub const PRIORITY: u8 = 0x20;
    /// A whole request without a body.
    pub const WHOLE: u8 = END_STREAM | END_HEADERS;
}

/// Why a stream or connection ended. Source: RFC 9113, section 7.
pub mod code {
    #![expect(missing_docs, reason = "the RFC's own names")]
    pub const NO_ERROR: u32 = 0;
    pub const PROTOCOL_ERROR: u32 = 1;
    pub const INTERNAL_ERROR: u32 = 2;
    pub const FLOW_CONTROL_ERROR: u32 = 3;
    pub const STREAM_CLOSED: u32 = 5;
    pub const FRAME_SIZE_ERROR: u32 = 6;
    pub const REFUSED_STREAM: u32 = 7;
    pub const CANCEL: u32 = 8;
    pub const COMPRESSION_ERROR: u32 = 9;
    pub const ENHANCE_YOUR_CALM: u32 = 11;
}

/// A setting's identifier. Source: RFC 9113, section 6.5.2.
pub mod setting {
    #![expect(missing_docs, reason = "the RFC's own names")]
    pub const HEADER_TABLE_SIZE: u16 = 1;
    pub const ENABLE_PUSH: u16 = 2;
    pub const MAX_CONCURRENT_STREAMS: u16 = 3;
    pub const INITIAL_WINDOW_SIZE: u16 = 4;
    pub const MAX_FRAME_SIZE: u16 = 5;
    pub const MAX_HEADER_LIST_SIZE: u16 = 6;
}

/// The bytes of a frame with its true length.
///
/// # Panics
/// When the payload is longer than any frame can be.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let length = u32::try_from(payload.len()).expect("a frame is small");
    assert!(length < 1 << 24, "a frame is small");
    let mut bytes = length.to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// SETTINGS with these values.
pub fn settings(values: &[(u16, u32)]) -> Vec<u8> {
    let mut payload = Vec::new();
    for (id, value) in values {
        payload.extend(id.to_be_bytes());
        payload.extend(value.to_be_bytes());
    }
    frame(kind::SETTINGS, flag::NONE, 0, payload)
}

/// HEADERS with a block of these fields, in this order.
pub fn headers(stream: u32, flags: u8, fields: &[(&str, &str)]) -> Vec<u8> {
    frame(kind::HEADERS, flags, stream, block(fields))
}

/// DATA.
pub fn data(stream: u32, flags: u8, bytes: impl AsRef<[u8]>) -> Vec<u8> {
    frame(kind::DATA, flags, stream, bytes)
}

/// RST_STREAM.
pub fn reset(stream: u32, code: u32) -> Vec<u8> {
    frame(kind::RST_STREAM, flag::NONE, stream, code.to_be_bytes())
}

/// WINDOW_UPDATE.
pub fn window_update(stream: u32, more: u32) -> Vec<u8> {
    frame(kind::WINDOW_UPDATE, flag::NONE, stream, more.to_be_bytes())
}

/// PING, which is to be answered.
pub fn ping() -> Vec<u8> {
    frame(kind::PING, flag::NONE, 0, b"tideover")
}

/// A header block: each field literally, never indexed, without Huffman coding. Source: RFC 7541, section 6.2.2.
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in fields {
        bytes.push(0);
        for text in [name, value] {
            number(&mut bytes, text.len());
            bytes.extend(text.as_bytes());
        }
    }
    bytes
}

/// A length without the Huffman bit. Source: RFC 7541, section 5.1.
fn number(bytes: &mut Vec<u8>, length: usize) {
    let Some(mut rest) = length.checked_sub(127) else {
        bytes.extend(u8::try_from(length));
        return;
    };
    bytes.push(127);
    while rest >= 128 {
        bytes.extend(u8::try_from(rest % 128 + 128));
        rest /= 128;
    }
    bytes.extend(u8::try_from(rest));
}

/// The pseudo-header fields of a request for this path of `localhost`.
pub fn request<'f>(method: &'f str, path: &'f str) -> Vec<(&'f str, &'f str)> {
    vec![
        (":method", method),
        (":scheme", "http"),
        (":path", path),
        (":authority", "localhost"),
    ]
}

/// A whole GET.
pub fn get(stream: u32, path: &str) -> Vec<u8> {
    headers(stream, flag::WHOLE, &request("GET", path))
}

/// A frame as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// One of [`kind`].
    pub kind: u8,
    /// Some of [`flag`].
    pub flags: u8,
    /// 0: the connection.
    pub stream: u32,
    /// Without padding taken out.
    pub payload: Vec<u8>,
}

impl Frame {
    /// The code of a RST_STREAM or GOAWAY.
    ///
    /// # Panics
    /// When it is another frame.
    pub fn code(&self) -> u32 {
        let at = match self.kind {
            kind::RST_STREAM => 0,
            kind::GOAWAY => 4,
            other => panic!("a frame of type {other} has no code"),
        };
        let bytes = self.payload[at..at + 4].try_into();
        u32::from_be_bytes(bytes.expect("four bytes"))
    }

    /// Whether this is the peer's last frame of its stream.
    pub fn ends_its_stream(&self) -> bool {
        matches!(self.kind, kind::DATA | kind::HEADERS) && self.flags & flag::END_STREAM != 0
    }

    fn is_ack_of(&self, kind: u8) -> bool {
        self.kind == kind && self.flags & flag::ACK != 0
    }
}

/// What a peer has to say to something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The connection is ended, with this code if it said one.
    Connection(Option<u32>),
    /// The stream is reset with this code.
    Stream(u32),
    /// The stream is answered with this status.
    Answer(u16),
    /// Nothing was wrong, and the connection goes on.
    GoesOn,
}

/// An answer as far as it came.
#[derive(Clone, Debug, Default)]
pub struct Answered {
    /// 0: no head came.
    pub status: u16,
    /// The head's fields.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Fields after the body.
    pub trailers: Vec<(String, String)>,
    /// The status of each interim answer.
    pub interim: Vec<u16>,
    /// It came to its proper end.
    pub whole: bool,
}

impl Answered {
    /// The first value of this field, or an empty text.
    pub fn value(&self, name: &str) -> &str {
        let mut fields = self.headers.iter();
        let field = fields.find(|(own, _)| own == name);
        field.map_or("", |(_, value)| value)
    }
}

/// A connection that frames are said on.
pub struct Frames {
    stream: Box<dyn Io>,
    read: Vec<u8>,
    /// What was read past while something else was waited for.
    kept: VecDeque<Frame>,
    hpack: fluke_hpack::Decoder<'static>,
}

impl std::fmt::Debug for Frames {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Frames").finish_non_exhaustive()
    }
}

/// A plain connection on which nothing was said yet.
///
/// # Panics
/// When nobody accepts.
pub async fn connects(address: SocketAddr) -> Frames {
    let stream = patiently("a connection", TcpStream::connect(address))
        .await
        .expect("the server accepts connections");
    stream.set_nodelay(true).expect("a socket takes options");
    Frames::over(Box::new(stream))
}

/// The same over TLS, with HTTP/2 agreed upon.
///
/// # Panics
/// When nobody accepts, or the handshake fails.
pub async fn connects_by_tls(address: SocketAddr) -> Frames {
    let stream = shakes_hands(address, "localhost", client_config(Protocol::Http2))
        .await
        .expect("a handshake");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    Frames::over(Box::new(stream))
}

/// A plain connection that is ready for requests: preface and settings are exchanged.
pub async fn greets(address: SocketAddr) -> Frames {
    connects(address).await.greets_with(&[]).await
}

impl Frames {
    fn over(stream: Box<dyn Io>) -> Self {
        Self {
            stream,
            read: Vec::new(),
            kept: VecDeque::new(),
            hpack: fluke_hpack::Decoder::new(),
        }
    }

    /// Says the preface and these settings, takes the peer's, and waits until it has taken ours.
    ///
    /// # Panics
    /// When the peer hangs up.
    #[must_use]
    pub async fn greets_with(mut self, values: &[(u16, u32)]) -> Self {
        let acknowledgement = frame(kind::SETTINGS, flag::ACK, 0, []);
        let greeting = [PREFACE, &settings(values), &acknowledgement];
        self.sends(greeting.concat()).await;
        self.until("our settings are taken", |frame| {
            frame.is_ack_of(kind::SETTINGS)
        })
        .await;
        self
    }

    /// Sends these bytes. A peer that no longer reads is no failure here: it shows in what comes back.
    pub async fn sends(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.tries_to_send(bytes.as_ref()).await;
    }

    /// Sends these bytes; fails when the peer has hung up.
    pub async fn tries_to_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        patiently("the server reads", self.stream.write_all(bytes)).await?;
        patiently("the server reads", self.stream.flush()).await
    }

    /// Sends `bytes` again and again, at most `times`, reading nothing, until the peer hangs up or takes no more for a second;
    /// how often all of them were taken.
    pub async fn floods(&mut self, bytes: &[u8], times: usize) -> usize {
        for sent in 0..times {
            let taken = tokio::time::timeout(crate::gate::ms(1_000), async {
                self.stream.write_all(bytes).await?;
                self.stream.flush().await
            });
            if !matches!(taken.await, Ok(Ok(()))) {
                return sent;
            }
        }
        times
    }

    /// The next frame; `None` once the peer has hung up. A PING is answered.
    pub async fn next(&mut self) -> Option<Frame> {
        let frame = match self.kept.pop_front() {
            Some(frame) => frame,
            None => patiently("a frame", self.reads()).await?,
        };
        if frame.kind == kind::PING && frame.flags & flag::ACK == 0 {
            self.sends(self::frame(kind::PING, flag::ACK, 0, &frame.payload))
                .await;
        }
        Some(frame)
    }

    /// The next frame if one comes within `limit`.
    pub async fn next_within(&mut self, limit: std::time::Duration) -> Option<Frame> {
        if let Some(frame) = self.kept.pop_front() {
            return Some(frame);
        }
        tokio::time::timeout(limit, self.reads())
            .await
            .ok()
            .flatten()
    }

    /// May be dropped while it waits.
    async fn reads(&mut self) -> Option<Frame> {
        loop {
            if let Some(head) = self.read.first_chunk::<9>() {
                let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
                if self.read.len() >= 9 + length {
                    let frame = Frame {
                        kind: head[3],
                        flags: head[4],
                        stream: u32::from_be_bytes([head[5] & 0x7f, head[6], head[7], head[8]]),
                        payload: self.read[9..9 + length].to_vec(),
                    };
                    self.read.drain(..9 + length);
                    return Some(frame);
                }
            }
            self.read.reserve(64 * 1024);
            match self.stream.read_buf(&mut self.read).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// Reads until such a frame comes, and keeps those before it.
    ///
    /// # Panics
    /// When the peer hangs up before.
    pub async fn until(&mut self, what: &str, is_it: impl Fn(&Frame) -> bool) -> Frame {
        if let Some(at) = self.kept.iter().position(&is_it) {
            return self.kept.remove(at).expect("it is there");
        }
        loop {
            match patiently(what, self.reads()).await {
                Some(frame) if is_it(&frame) => return frame,
                Some(frame) => self.kept.push_back(frame),
                None => panic!("hung up before: {what}; {:?}", self.kept),
            }
        }
    }

    /// Reads until the peer hangs up; the code of its last GOAWAY.
    pub async fn until_closed(&mut self) -> Option<u32> {
        let mut code = None;
        while let Some(frame) = self.next().await {
            if frame.kind == kind::GOAWAY {
                code = Some(frame.code());
            }
        }
        code
    }

    /// Whether the peer still answers: twice, so that what it has to say to what came before the first is said.
    pub async fn pings(&mut self) -> bool {
        for _ in 0..2 {
            self.sends(ping()).await;
            loop {
                match patiently("an answer to a ping", self.reads()).await {
                    Some(frame) if frame.is_ack_of(kind::PING) => break,
                    Some(frame) => self.kept.push_back(frame),
                    None => return false,
                }
            }
        }
        true
    }

    /// What the peer has to say about this stream and the connection. A connection error counts only once it has hung up.
    pub async fn verdict(&mut self, stream: u32, waits_for_an_answer: bool) -> Verdict {
        let goes_on = waits_for_an_answer || self.pings().await;
        loop {
            let frame = if goes_on && !waits_for_an_answer {
                self.kept.pop_front()
            } else {
                self.next().await
            };
            match frame {
                Some(frame) if frame.kind == kind::GOAWAY => {
                    let code = self.until_closed().await.unwrap_or(frame.code());
                    return Verdict::Connection(Some(code));
                }
                Some(frame) if frame.kind == kind::RST_STREAM && frame.stream == stream => {
                    return Verdict::Stream(frame.code());
                }
                Some(frame) if frame.kind == kind::HEADERS && waits_for_an_answer => {
                    let fields = self.fields(&frame);
                    if frame.stream == stream {
                        let status = fields[0].1.parse().expect("a status");
                        return Verdict::Answer(status);
                    }
                }
                Some(_) => {}
                None if goes_on && !waits_for_an_answer => return Verdict::GoesOn,
                None => return Verdict::Connection(None),
            }
        }
    }

    /// The fields of a HEADERS frame. Each has to be decoded once, and in order.
    ///
    /// # Panics
    /// When it is padded, goes on in another frame, or is not HPACK.
    pub fn fields(&mut self, frame: &Frame) -> Vec<(String, String)> {
        assert_eq!(frame.flags & !flag::WHOLE, 0, "{frame:?}");
        assert_ne!(frame.flags & flag::END_HEADERS, 0, "{frame:?}");
        let fields = self.hpack.decode(&frame.payload).expect("it is HPACK");
        fields
            .into_iter()
            .map(|(name, value)| {
                let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
                (text(&name), text(&value))
            })
            .collect()
    }

    /// Reads the answer on this stream to its end, asking for more as it comes. Answers on other streams are lost.
    pub async fn answer(&mut self, stream: u32) -> Answered {
        let [answer] = self.answers([stream]).await;
        answer
    }

    /// The same for several streams at once.
    pub async fn answers<const N: usize>(&mut self, streams: [u32; N]) -> [Answered; N] {
        let mut answers = std::array::from_fn(|_| Answered::default());
        let mut left = N;
        while left > 0 {
            let Some(frame) = self.next().await else {
                break;
            };
            let fields = (frame.kind == kind::HEADERS).then(|| self.fields(&frame));
            let Some(at) = streams.iter().position(|stream| *stream == frame.stream) else {
                continue;
            };
            let answer: &mut Answered = &mut answers[at];
            match (frame.kind, fields) {
                (kind::HEADERS, Some(fields)) if fields[0].0 == ":status" => {
                    let status = fields[0].1.parse().expect("a status");
                    if status < 200 {
                        answer.interim.push(status);
                        continue;
                    }
                    answer.status = status;
                    answer.headers = fields;
                }
                (kind::HEADERS, Some(fields)) => answer.trailers = fields,
                (kind::DATA, _) => {
                    answer.body.extend(&frame.payload);
                    let more = u32::try_from(frame.payload.len()).unwrap_or_default();
                    if more > 0 {
                        let updates = [window_update(0, more), window_update(frame.stream, more)];
                        self.sends(updates.concat()).await;
                    }
                }
                (kind::RST_STREAM, _) if !answer.whole => left -= 1,
                _ => {}
            }
            if frame.ends_its_stream() {
                answer.whole = true;
                left -= 1;
            }
        }
        answers
    }

    /// Says that nothing more will come.
    pub async fn ends(&mut self) {
        let _ = self.stream.shutdown().await;
    }
}
