//! A read-only look at the frames that a viewer sends, below the HTTP/2 library: which of them bring nothing forward, how
//! long one takes to arrive, and what the library does not mind, or has the wrong word for: trailers that begin like a head,
//! streams that go on after their end, frames of a wrong size.
//!
//! The library bounds what a frame makes it keep (streams that were reset, header blocks, CONTINUATION). What makes it work
//! without keeping anything it takes for ever: PING, SETTINGS, PRIORITY, frames of types that nobody knows, empty DATA,
//! windows opened byte by byte, requests that are taken back. Each of these costs one of a number of frames that a connection
//! has to spare; what is answered and taken earns more.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use super::Peer;
use super::transport::HTTP_2_PREFACE;
use crate::clock::Moment;

/// Frames that bring nothing forward, per [`PERIOD`] and beside what was earned. A browser that leaves a page takes back
/// some hundred requests at once.
const TO_SPARE: u32 = 1_000;
const PERIOD: Duration = Duration::from_secs(10);

/// Source: RFC 9113, section 4.1.
const FRAME_HEAD: usize = 9;

/// Types of frames. Source: RFC 9113, section 6.
mod kind {
    pub(super) const DATA: u8 = 0;
    pub(super) const HEADERS: u8 = 1;
    pub(super) const PRIORITY: u8 = 2;
    pub(super) const RST_STREAM: u8 = 3;
    pub(super) const SETTINGS: u8 = 4;
    pub(super) const PING: u8 = 6;
    pub(super) const GOAWAY: u8 = 7;
    pub(super) const WINDOW_UPDATE: u8 = 8;
    pub(super) const CONTINUATION: u8 = 9;
}

/// Flags of frames. Source: RFC 9113, section 6.
mod flag {
    pub(super) const ACK: u8 = 1;
    pub(super) const END_STREAM: u8 = 1;
    pub(super) const END_HEADERS: u8 = 4;
    pub(super) const PADDED: u8 = 8;
    pub(super) const PRIORITY: u8 = 0x20;
}

/// What one connection's viewer has sent so far.
#[derive(Debug)]
pub(super) struct Frames {
    peer: Rc<Peer>,
    /// Bytes of the preface that are still to come.
    preface_left: usize,
    /// The frame's head, as far as it came.
    head: [u8; FRAME_HEAD],
    head_came: usize,
    /// Bytes of its payload that are still to come.
    payload_left: usize,
    /// A header block has begun, and goes on in the next frame.
    block_is_open: bool,
    /// Since when the rest of a preface, frame or header block is waited for; [`Moment::NEVER`]: it is not.
    waits_since: Moment,
    /// The last stream whose header block came whole.
    last_stream: u32,
    states: StreamStates,
    trailers: Trailers,
    answered_a_ping: bool,
    spare: u32,
    spare_since: Moment,
}

/// What ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Offence {
    /// More frames that bring nothing forward than a connection has to spare.
    #[error("too many HTTP/2 frames that bring nothing forward")]
    Flood,
    /// Source: RFC 9113, section 8.1.
    #[error("trailers with a pseudo-header field")]
    PseudoTrailer,
    /// Source: RFC 9113, section 5.1.
    #[error("a stream that goes on after its end")]
    StreamClosed,
    /// Source: RFC 9113, section 5.1.1.
    #[error("DATA on a stream that was skipped")]
    StreamSkipped,
    /// Source: RFC 9113, section 4.2.
    #[error("a frame of a size that its type cannot have")]
    FrameSize,
}

/// Which of the latest streams the viewer has begun, and on which of these it has said its last. Older ones are left to the
/// library.
#[derive(Debug, Default)]
struct StreamStates {
    newest: u32,
    /// Bit 0 is `newest`, bit n the stream that is 2n below.
    begun: u128,
    over: u128,
}

impl StreamStates {
    /// HEADERS come, which open this stream or are its trailers.
    fn has_headers(&mut self, stream: u32) -> Result<(), Offence> {
        if let Some(further) = stream.checked_sub(self.newest + 1) {
            let by = further / 2 + 1;
            self.newest = stream;
            self.begun = self.begun.checked_shl(by).unwrap_or(0) | 1;
            self.over = self.over.checked_shl(by).unwrap_or(0);
            return Ok(());
        }
        if self.over & self.bit(stream) != 0 {
            return Err(Offence::StreamClosed);
        }
        Ok(())
    }

    fn has_data(&self, stream: u32) -> Result<(), Offence> {
        let bit = self.bit(stream);
        if self.over & bit != 0 {
            return Err(Offence::StreamClosed);
        }
        if self.begun & bit != bit {
            return Err(Offence::StreamSkipped);
        }
        Ok(())
    }

    fn is_over(&mut self, stream: u32) {
        self.over |= self.begun & self.bit(stream);
    }

    /// 0 for a stream that nothing is known of.
    fn bit(&self, stream: u32) -> u128 {
        match self.newest.checked_sub(stream) {
            Some(below) if stream % 2 == 1 => 1_u128.checked_shl(below / 2).unwrap_or(0),
            _ => 0,
        }
    }
}

/// The beginning of a trailer block that is being read: a pseudo-header field anywhere else in it is refused by the library.
/// One that the viewer has put into the dynamic table before is not recognized, and dropped by the library.
#[derive(Clone, Copy, Debug, Default)]
struct Trailers {
    /// Bytes in front of the block that are still to come: padding's length and priority.
    before: u8,
    /// Bytes of the block that are looked at and still to come.
    left: u8,
    /// The byte that was looked at last.
    last: u8,
}

impl Trailers {
    fn begin(flags: u8) -> Self {
        let padding = u8::from(flags & flag::PADDED != 0);
        let priority = 5 * u8::from(flags & flag::PRIORITY != 0);
        Self {
            before: padding + priority,
            left: 3,
            last: 0,
        }
    }

    /// Whether the block is seen to begin with a pseudo-header field. Source: RFC 7541, section 6 and appendix A, where these
    /// fields are the first fourteen; section 5.2: a name follows its length, and a colon has a code of seven bits.
    fn came(&mut self, payload: &[u8]) -> bool {
        for &byte in payload {
            if self.left == 0 {
                break;
            }
            if self.before > 0 {
                self.before -= 1;
                continue;
            }
            self.left -= 1;
            match self.left {
                2 => {
                    let index = match byte {
                        0x80.. => byte & 0x7f,
                        0x40.. => byte & 0x3f,
                        // The table's size changes.
                        0x20.. => 15,
                        _ => byte & 0x0f,
                    };
                    if index != 0 {
                        self.left = 0;
                    }
                    if (1..=14).contains(&index) {
                        return true;
                    }
                }
                1 => self.last = byte,
                _ if self.last & 0x80 == 0 => return byte == b':',
                _ => return byte >> 1 == 0x5c,
            }
        }
        false
    }
}

/// What answers earned on one connection: frames that may come in return. A viewer opens its windows, acknowledges and
/// measures as it takes what it is sent.
#[derive(Debug, Default)]
pub(crate) struct Earned(Cell<u32>);

impl Earned {
    /// A head or a piece of a body of this many bytes is on its way to the viewer.
    pub(crate) fn sent(&self, bytes: usize) {
        // For the stream and the connection, at each KiB at most.
        let more = u32::try_from(bytes / 512)
            .unwrap_or(u32::MAX)
            .saturating_add(8);
        self.0
            .set(self.0.get().saturating_add(more).min(Self::MOST));
    }

    /// As much as a viewer who takes a gigabyte and then only talks may say at once.
    const MOST: u32 = 100_000;
}

impl Frames {
    pub(super) fn new(peer: Rc<Peer>) -> Self {
        Self {
            peer,
            preface_left: HTTP_2_PREFACE.len(),
            head: [0; FRAME_HEAD],
            head_came: 0,
            payload_left: 0,
            block_is_open: false,
            waits_since: Moment::now(),
            last_stream: 0,
            states: StreamStates::default(),
            trailers: Trailers::default(),
            answered_a_ping: false,
            spare: TO_SPARE,
            spare_since: Moment::now(),
        }
    }

    /// The viewer sent these bytes next.
    pub(super) fn came(&mut self, bytes: &[u8]) -> Result<(), Offence> {
        let mut rest = skip(bytes, &mut self.preface_left);
        loop {
            if self.trailers.left > 0 {
                let payload = rest.get(..self.payload_left).unwrap_or(rest);
                if self.trailers.came(payload) {
                    return Err(Offence::PseudoTrailer);
                }
            }
            rest = skip(rest, &mut self.payload_left);
            if rest.is_empty() {
                break;
            }
            if self.head_came == FRAME_HEAD {
                self.frame_is_whole();
            }
            let more = rest.len().min(FRAME_HEAD - self.head_came);
            let (head, after) = rest.split_at(more);
            self.head[self.head_came..][..more].copy_from_slice(head);
            self.head_came += more;
            rest = after;
            if self.head_came == FRAME_HEAD {
                self.frame_begins()?;
            }
        }
        if self.head_came == FRAME_HEAD && self.payload_left == 0 {
            self.frame_is_whole();
        }
        let is_waited_for = self.preface_left > 0
            || self.block_is_open
            || self.head_came > 0 && !(self.payload_left > 0 && self.kind() == kind::DATA);
        if !is_waited_for {
            self.waits_since = Moment::NEVER;
        } else if self.waits_since == Moment::NEVER {
            self.waits_since = Moment::now();
        }
        Ok(())
    }

    /// Since when the rest of what has begun is waited for; [`Moment::NEVER`]: nothing has. The payload of DATA is not meant:
    /// whoever takes the body waits for that.
    pub(super) fn waits_since(&self) -> Moment {
        self.waits_since
    }

    /// A byte has come at least.
    pub(super) fn said_something(&self) -> bool {
        self.preface_left < HTTP_2_PREFACE.len()
    }

    /// The last stream whose header block came whole, or 0.
    pub(super) fn last_stream(&self) -> u32 {
        self.last_stream
    }

    pub(super) fn answered_a_ping(&self) -> bool {
        self.answered_a_ping
    }

    fn kind(&self) -> u8 {
        self.head[3]
    }

    fn stream(&self) -> u32 {
        let [.., a, b, c, d] = self.head;
        u32::from_be_bytes([a & 0x7f, b, c, d])
    }

    fn has(&self, flag: u8) -> bool {
        self.head[4] & flag != 0
    }

    fn frame_begins(&mut self) -> Result<(), Offence> {
        let [high, middle, low, ..] = self.head;
        self.payload_left = u32::from_be_bytes([0, high, middle, low]) as usize;
        if !self.has_a_fit_size() {
            return Err(Offence::FrameSize);
        }
        let stream = self.stream();
        match self.kind() {
            kind::HEADERS => {
                self.states.has_headers(stream)?;
                if stream <= self.last_stream {
                    self.trailers = Trailers::begin(self.head[4]);
                }
            }
            kind::DATA => self.states.has_data(stream)?,
            kind::RST_STREAM => self.states.is_over(stream),
            _ => {}
        }
        let ends = matches!(self.kind(), kind::HEADERS | kind::DATA) && self.has(flag::END_STREAM);
        if ends {
            self.states.is_over(stream);
        }
        match self.kind() {
            kind::HEADERS => Ok(()),
            kind::DATA if self.payload_left > 0 || ends => Ok(()),
            _ => self.brings_nothing(),
        }
    }

    /// Source: RFC 9113, section 6.
    fn has_a_fit_size(&self) -> bool {
        let size = self.payload_left;
        match self.kind() {
            kind::DATA => size > 0 || !self.has(flag::PADDED),
            kind::HEADERS => size >= usize::from(Trailers::begin(self.head[4]).before),
            kind::PRIORITY => size == 5,
            kind::RST_STREAM | kind::WINDOW_UPDATE => size == 4,
            kind::SETTINGS if self.has(flag::ACK) => size == 0,
            kind::SETTINGS => size.is_multiple_of(6),
            kind::PING => size == 8,
            kind::GOAWAY => size >= 8,
            _ => true,
        }
    }

    fn frame_is_whole(&mut self) {
        self.head_came = 0;
        self.trailers.left = 0;
        self.answered_a_ping |= self.kind() == kind::PING && self.has(flag::ACK);
        if matches!(self.kind(), kind::HEADERS | kind::CONTINUATION) {
            self.block_is_open = !self.has(flag::END_HEADERS);
            if !self.block_is_open {
                self.last_stream = self.last_stream.max(self.stream());
            }
        }
        if !self.block_is_open {
            self.waits_since = Moment::NEVER;
        }
    }

    fn brings_nothing(&mut self) -> Result<(), Offence> {
        if self.spare == 0 {
            self.spare = self.peer.earned.0.take();
            let now = Moment::now();
            if self.spare_since + PERIOD <= now {
                self.spare_since = now;
                self.spare = self.spare.saturating_add(TO_SPARE);
            }
        }
        self.spare = self.spare.checked_sub(1).ok_or(Offence::Flood)?;
        Ok(())
    }
}

/// `bytes` without the next `count`; of those, `count` keeps what is still to come.
fn skip<'b>(bytes: &'b [u8], count: &mut usize) -> &'b [u8] {
    let skipped = bytes.len().min(*count);
    *count -= skipped;
    &bytes[skipped..]
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::Arc;

    use tideover_config::ViewerScheme;

    use super::*;
    use crate::viewer::crowd::Crowd;

    fn frames() -> Frames {
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let place = Arc::new(Crowd::default()).admit_connection(1);
        let place = place.expect("there is one");
        let peer = Peer::new(address, ViewerScheme::Http, None, place);
        Frames::new(Rc::new(peer))
    }

    fn frame(kind: u8, flags: u8, stream: u8, length: u8) -> Vec<u8> {
        let mut bytes = vec![0, 0, length, kind, flags, 0, 0, 0, stream];
        bytes.extend(vec![0; usize::from(length)]);
        bytes
    }

    /// What was sent after the preface, whether the rest of something is waited for, and the last whole stream.
    #[test]
    fn what_is_waited_for_is_told_however_the_bytes_are_cut() {
        let open = frame(kind::HEADERS, 0, 1, 20);
        let whole = frame(kind::HEADERS, flag::END_HEADERS, 3, 20);
        let end = frame(kind::CONTINUATION, flag::END_HEADERS, 1, 5);
        let body = frame(kind::DATA, 0, 3, 30);
        let cases: [(Vec<u8>, bool, u32); 11] = [
            (vec![], false, 0),
            (frame(4, 0, 0, 0), false, 0),
            (frame(4, 0, 0, 0)[..8].to_vec(), true, 0),
            (frame(4, 0, 0, 6)[..14].to_vec(), true, 0),
            (open.clone(), true, 0),
            ([open.clone(), end.clone()].concat(), false, 1),
            ([open, end, whole.clone()].concat(), false, 3),
            (whole[..28].to_vec(), true, 0),
            ([whole.clone(), body[..20].to_vec()].concat(), false, 3),
            ([whole.clone(), body[..5].to_vec()].concat(), true, 3),
            ([whole, body].concat(), false, 3),
        ];
        for (bytes, is_waited_for, last_stream) in cases {
            let bytes = [HTTP_2_PREFACE, &bytes].concat();
            for piece in [1, 2, 7, 9, 10, 24, bytes.len()] {
                let mut frames = frames();
                assert_ne!(frames.waits_since(), Moment::NEVER);
                for piece in bytes.chunks(piece) {
                    frames.came(piece).expect("it is no flood");
                }
                let what = format!("{bytes:?} by {piece}");
                assert_eq!(
                    frames.waits_since() != Moment::NEVER,
                    is_waited_for,
                    "{what}"
                );
                assert_eq!(frames.last_stream(), last_stream, "{what}");
            }
        }
    }

    /// Flags and payload of HEADERS on a stream that has had some, and whether a pseudo-header field is seen.
    #[test]
    fn trailers_do_not_begin_like_a_head() {
        const WHOLE: u8 = flag::END_HEADERS | flag::END_STREAM;
        let cases: [(u8, &[u8], bool); 15] = [
            // Indexed; literal with an indexed name, of each kind.
            (WHOLE, &[0x82], true),
            (WHOLE, &[0x8e], true),
            (WHOLE, &[0x8f], false),
            (WHOLE, &[0xbe], false),
            (WHOLE, &[0x42, 3, b'2', b'0', b'0'], true),
            (WHOLE, &[0x02, 3, b'2', b'0', b'0'], true),
            (WHOLE, &[0x12, 3, b'2', b'0', b'0'], true),
            (WHOLE, &[0x0f, 3, 1, b'x'], false),
            // With a name of its own, Huffman coded or not.
            (WHOLE, &[0x40, 2, b':', b'x', 0], true),
            (WHOLE, &[0x00, 2, b'x', b':', 0], false),
            (WHOLE, &[0x10, 0x82, 0xb8, 0xff, 0], true),
            (WHOLE, &[0x10, 0x82, 0xf3, 0xff, 0], false),
            (WHOLE | flag::PADDED, &[1, 0x82, 0], true),
            (
                WHOLE | flag::PADDED | flag::PRIORITY,
                &[1, 0x82, 0, 0, 0, 0, 0x90, 0],
                false,
            ),
            (WHOLE | flag::PRIORITY, &[0, 0, 0, 0, 0, 0x82], true),
        ];
        for (flags, payload, is_seen) in cases {
            let mut trailers = frame(kind::HEADERS, flags, 1, 0);
            trailers[2] = u8::try_from(payload.len()).expect("it is short");
            let trailers = [&trailers, payload].concat();
            let ping = frame(6, 0, 0, 8);
            let bytes = [
                HTTP_2_PREFACE,
                &frame(kind::HEADERS, flag::END_HEADERS, 1, 9),
                &frame(kind::DATA, 0, 1, 3),
                &trailers,
                &ping,
            ]
            .concat();
            for piece in [1, 2, 3, 9, bytes.len()] {
                let mut frames = frames();
                let came = bytes.chunks(piece).try_for_each(|piece| frames.came(piece));
                let expected = if is_seen {
                    Err(Offence::PseudoTrailer)
                } else {
                    Ok(())
                };
                assert_eq!(came, expected, "{flags:#x} {payload:x?} by {piece}");
            }
        }
    }

    /// What was sent before DATA or HEADERS on which stream, and what is said to each of the two.
    #[test]
    fn a_stream_that_was_ended_or_skipped_stays_so() {
        const CLOSED: Result<(), Offence> = Err(Offence::StreamClosed);
        const SKIPPED: Result<(), Offence> = Err(Offence::StreamSkipped);
        let begins = |stream| frame(kind::HEADERS, flag::END_HEADERS, stream, 9);
        let ends = |stream| frame(kind::DATA, flag::END_STREAM, stream, 9);
        let resets = |stream| frame(kind::RST_STREAM, 0, stream, 4);
        let whole = |stream| {
            let flags = flag::END_HEADERS | flag::END_STREAM;
            frame(kind::HEADERS, flags, stream, 9)
        };
        let many = |last: u8| {
            (1..=last)
                .step_by(2)
                .map(whole)
                .collect::<Vec<_>>()
                .concat()
        };
        // What is unknown here is the library's: a stream that was not begun, or so long ago that it is forgotten.
        let cases = [
            (vec![], 1, Ok(()), Ok(())),
            (begins(1), 1, Ok(()), Ok(())),
            (whole(1), 1, CLOSED, CLOSED),
            ([begins(1), ends(1)].concat(), 1, CLOSED, CLOSED),
            ([begins(1), resets(1)].concat(), 1, CLOSED, CLOSED),
            ([begins(1), whole(1)].concat(), 1, CLOSED, CLOSED),
            ([begins(1), resets(3)].concat(), 3, Ok(()), Ok(())),
            ([begins(1), whole(3)].concat(), 1, Ok(()), Ok(())),
            (begins(5), 3, SKIPPED, Ok(())),
            ([begins(5), resets(3)].concat(), 3, SKIPPED, Ok(())),
            (begins(5), 2, Ok(()), Ok(())),
            ([begins(1), begins(255)].concat(), 1, Ok(()), Ok(())),
            (many(255), 1, CLOSED, CLOSED),
            (many(255), 255, CLOSED, CLOSED),
            ([many(253), frame_far_on()].concat(), 253, Ok(()), Ok(())),
        ];
        for (before, stream, to_data, to_headers) in cases {
            for (next, expected) in [(ends(stream), to_data), (whole(stream), to_headers)] {
                let mut frames = frames();
                let before = [HTTP_2_PREFACE, &before].concat();
                frames.came(&before).expect("nothing is wrong yet");
                assert_eq!(frames.came(&next), expected, "{before:?} {next:?}");
            }
        }
    }

    fn frame_far_on() -> Vec<u8> {
        let mut bytes = frame(kind::HEADERS, flag::END_HEADERS, 1, 9);
        bytes[5] = 0x7f;
        bytes
    }

    #[test]
    fn a_frame_has_a_size_that_fits_its_type() {
        const PADDED: u8 = flag::PADDED;
        for (kind, flags, fit, unfit) in [
            (kind::DATA, 0, &[0, 1][..], &[][..]),
            (kind::DATA, PADDED, &[1], &[0]),
            (kind::HEADERS, PADDED, &[1], &[0]),
            (kind::HEADERS, flag::PRIORITY, &[5], &[4]),
            (kind::HEADERS, flag::PRIORITY | PADDED, &[6], &[5]),
            (kind::PRIORITY, 0, &[5], &[0, 4, 6]),
            (kind::RST_STREAM, 0, &[4], &[0, 3, 5]),
            (kind::SETTINGS, 0, &[0, 6, 12], &[1, 5, 7]),
            (kind::SETTINGS, flag::ACK, &[0], &[6]),
            (kind::PING, 0, &[8], &[0, 7, 9]),
            (kind::GOAWAY, 0, &[8, 20], &[0, 7]),
            (kind::WINDOW_UPDATE, 0, &[4], &[0, 3, 5]),
            (kind::CONTINUATION, 0, &[0, 1], &[]),
            (99, 0, &[0, 1], &[]),
        ] {
            let fit = fit.iter().map(|size| (size, Ok(())));
            let unfit = unfit.iter().map(|size| (size, Err(Offence::FrameSize)));
            for (size, expected) in fit.chain(unfit) {
                let mut frames = frames();
                frames.came(HTTP_2_PREFACE).expect("a preface");
                let came = frames.came(&frame(kind, flags, 1, *size));
                assert_eq!(came, expected, "{kind} {flags} {size}");
            }
        }
    }

    #[test]
    fn what_brings_nothing_forward_is_bounded_by_what_was_earned() {
        let ping = frame(6, 0, 0, 8);
        for (sent, more) in [
            (None, 0),
            (Some(0), 8),
            (Some(512), 9),
            (Some(1 << 20), 2_056),
        ] {
            let mut frames = frames();
            frames.came(HTTP_2_PREFACE).expect("it is no flood");
            if let Some(bytes) = sent {
                frames.peer.earned.sent(bytes);
            }
            for (useful, stream) in [
                frame(kind::HEADERS, flag::END_HEADERS, 1, 9),
                frame(kind::DATA, 0, 1, 1),
                frame(kind::DATA, flag::END_STREAM, 1, 0),
            ]
            .iter()
            .cycle()
            .zip((0..5_000_u16).map(|turn| 1 + turn / 3 * 2))
            {
                let mut useful = useful.clone();
                useful[7..9].copy_from_slice(&stream.to_be_bytes());
                frames.came(&useful).expect("it brings something");
            }
            for _ in 0..TO_SPARE + more {
                frames.came(&ping).expect("there is some to spare");
            }
            assert_eq!(frames.came(&ping), Err(Offence::Flood), "{sent:?}");
        }
    }
}
