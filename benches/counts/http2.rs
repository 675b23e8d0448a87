//! HTTP/2 as a viewer speaks it who asks the same again and again: frames by hand, and no more of the protocol than that
//! takes. Source: RFC 9113 for the frames, RFC 7541 for the head's fields.

use std::io::{Read, Write};

use anyhow::{Context, bail, ensure};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const FRAME_HEAD_BYTES: usize = 9;
/// What is taken of all answers together, in bytes: no window is ever opened again.
const WINDOW: u32 = (1 << 31) - 1;
/// The window of a connection at its start, which no setting changes.
const FIRST_WINDOW: u32 = 65_535;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;

const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// `:status 200` by its place in the static table.
const STATUS_200: u8 = 0x88;
/// A head may begin with a change of the dynamic table's size: `001` and the size.
const TABLE_SIZE: std::ops::Range<u8> = 0x20..0x40;

/// A GET, in the two forms that its head has.
#[derive(Clone)]
pub(crate) struct Get {
    /// The first one says the authority.
    first: Vec<u8>,
    /// All further ones name its place in the dynamic table, as browsers do. A path is said each time.
    further: Vec<u8>,
}

impl Get {
    /// A GET of `path`, with nothing but what HTTP/2 demands. Both texts are shorter than 127 bytes.
    pub(crate) fn new(path: &str, authority: &str) -> Self {
        let mut further = vec![0x82, 0x86]; // GET, http
        further.push(0x04); // :path, not to be kept
        push_text(&mut further, path);
        let mut first = further.clone();
        first.push(0x41); // :authority, to be kept
        push_text(&mut first, authority);
        further.push(0xbe); // what was kept last
        Self { first, further }
    }
}

fn push_text(block: &mut Vec<u8>, text: &str) {
    let length = u8::try_from(text.len()).ok().filter(|&length| length < 127);
    block.push(length.expect("a short text"));
    block.extend_from_slice(text.as_bytes());
}

fn push_frame(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let length = u32::try_from(payload.len()).expect("a short frame");
    out.extend_from_slice(&length.to_be_bytes()[1..]);
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
}

/// One connection.
pub(crate) struct Session {
    get: Get,
    /// 1, 3, 5, …; 0 before the first.
    last_stream: u32,
    /// Not yet whole frames.
    received: Vec<u8>,
}

impl Session {
    pub(crate) fn new(get: Get) -> Self {
        Self {
            get,
            last_stream: 0,
            received: Vec::new(),
        }
    }

    /// What goes over the wire for so many requests.
    pub(crate) fn ask(&mut self, count: usize) -> Vec<u8> {
        let mut out = Vec::new();
        for _ in 0..count {
            let block = if self.last_stream == 0 {
                out.extend_from_slice(PREFACE);
                push_frame(&mut out, SETTINGS, 0, 0, &[]);
                let more = (WINDOW - FIRST_WINDOW).to_be_bytes();
                push_frame(&mut out, WINDOW_UPDATE, 0, 0, &more);
                self.last_stream = 1;
                &self.get.first
            } else {
                self.last_stream += 2;
                &self.get.further
            };
            let flags = END_STREAM | END_HEADERS;
            push_frame(&mut out, HEADERS, flags, self.last_stream, block);
        }
        out
    }

    /// Takes `count` answers, each of which has to be a 200 of `body_bytes`.
    pub(crate) fn is_answered(
        &mut self,
        wire: &mut (impl Read + Write),
        count: usize,
        body_bytes: usize,
    ) -> anyhow::Result<()> {
        let (mut heads, mut ends, mut bytes) = (0, 0, 0);
        let mut piece = vec![0; 64 * 1024];
        while ends < count {
            let read = wire.read(&mut piece).context("no answer")?;
            ensure!(read > 0, "the connection was closed in place of an answer");
            self.received.extend_from_slice(&piece[..read]);
            while let Some(frame) = self.take_frame() {
                match frame.kind {
                    HEADERS => {
                        let first = frame.payload.iter().find(|byte| !TABLE_SIZE.contains(byte));
                        ensure!(first == Some(&STATUS_200), "an answer that is no 200");
                        heads += 1;
                    }
                    DATA => {
                        bytes += frame.payload.len();
                        ends += usize::from(frame.flags & END_STREAM != 0);
                    }
                    SETTINGS | PING if frame.flags & ACK == 0 => {
                        let mut out = Vec::new();
                        let payload = if frame.kind == PING {
                            frame.payload.as_slice()
                        } else {
                            &[]
                        };
                        push_frame(&mut out, frame.kind, ACK, 0, payload);
                        wire.write_all(&out)?;
                    }
                    SETTINGS | PING | WINDOW_UPDATE => {}
                    RST_STREAM | GOAWAY => bail!("refused: {:?}", frame.payload),
                    kind => bail!("a frame of kind {kind}"),
                }
            }
        }
        ensure!(
            heads == count && bytes == count * body_bytes,
            "{count} answers had {heads} heads and {bytes} bytes"
        );
        Ok(())
    }

    fn take_frame(&mut self) -> Option<Frame> {
        let &[a, b, c, kind, flags, ..] = self.received.as_slice() else {
            return None;
        };
        let end = FRAME_HEAD_BYTES + usize::try_from(u32::from_be_bytes([0, a, b, c])).ok()?;
        if self.received.len() < end {
            return None;
        }
        let rest = self.received.split_off(end);
        let mut payload = std::mem::replace(&mut self.received, rest);
        payload.drain(..FRAME_HEAD_BYTES);
        Some(Frame {
            kind,
            flags,
            payload,
        })
    }
}

struct Frame {
    kind: u8,
    flags: u8,
    payload: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use std::io::{self, Cursor};

    use super::*;

    /// What the other side says, and what it is told.
    struct Script {
        says: Cursor<Vec<u8>>,
        told: Vec<u8>,
    }

    impl Read for Script {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            // Frames arrive in pieces.
            let some = buffer.len().min(7);
            self.says.read(&mut buffer[..some])
        }
    }

    impl Write for Script {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.told.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn play(frames: &[(u8, u8, &[u8])], count: usize) -> (anyhow::Result<()>, Vec<u8>) {
        let mut says = Vec::new();
        for (kind, flags, payload) in frames {
            push_frame(&mut says, *kind, *flags, 1, payload);
        }
        let mut script = Script {
            says: Cursor::new(says),
            told: Vec::new(),
        };
        let mut session = Session::new(Get::new("/1k", "www.example.com"));
        let taken = session.is_answered(&mut script, count, 4);
        (taken, script.told)
    }

    #[test]
    fn a_good_answer_is_taken_and_settings_are_acknowledged() {
        let frames: [(u8, u8, &[u8]); 5] = [
            (SETTINGS, 0, &[0, 3, 0, 0, 0, 128]),
            (SETTINGS, ACK, &[]),
            (HEADERS, END_HEADERS, &[0x3f, 0xe1, 0x1f, STATUS_200]),
            (DATA, 0, b"x"),
            (DATA, END_STREAM, b"yyy"),
        ];
        // The table's size goes on over several bytes there: only a short one is read.
        assert!(play(&frames, 1).0.is_err());
        let mut short = frames;
        short[2] = (HEADERS, END_HEADERS, &[0x20, STATUS_200]);
        let (taken, told) = play(&short, 1);
        assert!(taken.is_ok(), "{taken:?}");
        assert_eq!(told, [0, 0, 0, SETTINGS, ACK, 0, 0, 0, 0]);
    }

    #[test]
    fn what_is_no_good_answer_is_none() {
        let head: (u8, u8, &[u8]) = (HEADERS, END_HEADERS, &[STATUS_200]);
        for (what, frames) in [
            ("closed", vec![head]),
            ("short", vec![head, (DATA, END_STREAM, b"xyz".as_slice())]),
            ("reset", vec![head, (RST_STREAM, 0, &[0, 0, 0, 2])]),
            (
                "503",
                vec![(HEADERS, END_HEADERS, &[0x8d]), (DATA, END_STREAM, b"wxyz")],
            ),
            ("unknown", vec![head, (77, 0, &[])]),
        ] {
            assert!(play(&frames, 1).0.is_err(), "{what}");
        }
    }

    #[test]
    fn only_the_first_request_says_who_it_is_and_the_authority() {
        let mut session = Session::new(Get::new("/1k", "a"));
        let asked = session.ask(2);
        let first = [0x82, 0x86, 0x04, 3, b'/', b'1', b'k', 0x41, 1, b'a'];
        let second = [0x82, 0x86, 0x04, 3, b'/', b'1', b'k', 0xbe];
        let begin = PREFACE.len() + FRAME_HEAD_BYTES + FRAME_HEAD_BYTES + 4;
        let mut expected = Vec::new();
        push_frame(&mut expected, HEADERS, 5, 1, &first);
        push_frame(&mut expected, HEADERS, 5, 3, &second);
        assert!(asked.starts_with(PREFACE));
        assert_eq!(asked[begin..], expected);
    }
}
