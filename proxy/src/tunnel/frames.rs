//! Where in its frames one direction of a WebSocket is. Nothing is judged: it is only known where the next one may begin.
//! Source: RFC 6455, section 5.2.

/// A frame that closes, as a server sends it, with the status 1001: the endpoint goes away.
/// Source: RFC 6455, sections 5.5.1 and 7.4.1.
pub(super) const GOING_AWAY: Close = Close([0x88, 2, 0x03, 0xe9]);

/// A frame that closes: opcode, length and status.
#[derive(Clone, Copy, Debug)]
pub(super) struct Close(pub(super) [u8; 4]);

/// The same as a client sends it. Source: RFC 6455, section 5.3.
pub(super) fn masked(Close([opcode, length, high, low]): Close, mask: u32) -> [u8; 8] {
    let [a, b, c, d] = mask.to_be_bytes();
    [opcode, length | MASKED, a, b, c, d, high ^ a, low ^ b]
}

const MASKED: u8 = 0x80;
const OPCODE: u8 = 0x0f;
const CLOSE: u8 = 8;

/// Reads along in one direction.
#[derive(Debug, Default)]
pub(super) struct Frames {
    at: At,
    /// A frame that closes has begun: none may follow it.
    has_closed: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    /// The next byte begins a frame.
    #[default]
    Between,
    Length,
    /// So many bytes are left of a length that begins like this, and then of the mask.
    Rest {
        length_left: u8,
        length: u64,
        mask_left: u8,
    },
    /// So many bytes are left.
    Payload(u64),
}

impl Frames {
    /// A frame may begin here.
    pub(super) fn may_begin(&self) -> bool {
        self.at == At::Between && !self.has_closed
    }

    pub(super) fn see(&mut self, mut bytes: &[u8]) {
        while let [byte, rest @ ..] = bytes {
            self.at = match self.at {
                At::Between => {
                    self.has_closed |= byte & OPCODE == CLOSE;
                    At::Length
                }
                At::Length => {
                    let mask_left = if byte & MASKED == 0 { 0 } else { 4 };
                    let (length_left, length) = match byte & !MASKED {
                        126 => (2, 0),
                        127 => (8, 0),
                        length => (0, u64::from(length)),
                    };
                    after_length(length_left, length, mask_left)
                }
                At::Rest {
                    length_left: 0,
                    length,
                    mask_left,
                } => after_length(0, length, mask_left - 1),
                At::Rest {
                    length_left,
                    length,
                    mask_left,
                } => after_length(length_left - 1, length << 8 | u64::from(*byte), mask_left),
                At::Payload(left) => {
                    let here =
                        usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
                    bytes = &bytes[here..];
                    self.at = payload(left - here as u64);
                    continue;
                }
            };
            bytes = rest;
        }
    }
}

fn after_length(length_left: u8, length: u64, mask_left: u8) -> At {
    if length_left == 0 && mask_left == 0 {
        return payload(length);
    }
    At::Rest {
        length_left,
        length,
        mask_left,
    }
}

fn payload(left: u64) -> At {
    if left == 0 {
        At::Between
    } else {
        At::Payload(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(opcode: u8, payload: usize, is_masked: bool) -> Vec<u8> {
        let mask = if is_masked { MASKED } else { 0 };
        let mut frame = vec![0x80 | opcode];
        match payload {
            0..126 => frame.push(u8::try_from(payload).expect("small") | mask),
            126..0x1_0000 => {
                frame.push(126 + mask);
                frame.extend(u16::try_from(payload).expect("medium").to_be_bytes());
            }
            _ => {
                frame.push(127 + mask);
                frame.extend((payload as u64).to_be_bytes());
            }
        }
        frame.extend(std::iter::repeat_n(
            0xff,
            payload + if is_masked { 4 } else { 0 },
        ));
        frame
    }

    #[test]
    fn a_frame_may_begin_where_one_ends_and_nowhere_else() {
        for payload in [0, 1, 125, 126, 127, 65_535, 65_536, 70_000] {
            for is_masked in [false, true] {
                let frame = frame(2, payload, is_masked);
                for step in [1, 3, frame.len()] {
                    let mut frames = Frames::default();
                    for _ in 0..2 {
                        let mut seen = 0;
                        for piece in frame.chunks(step) {
                            frames.see(piece);
                            seen += piece.len();
                            let is_whole = seen == frame.len();
                            assert_eq!(
                                frames.may_begin(),
                                is_whole,
                                "{payload} {is_masked} {seen}"
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn nothing_follows_a_frame_that_closes() {
        let mut frames = Frames::default();
        frames.see(&GOING_AWAY.0);
        assert_eq!(frames.at, At::Between);
        assert!(!frames.may_begin());
    }

    #[test]
    fn a_mask_hides_the_status_and_nothing_else() {
        let frame = masked(GOING_AWAY, 0x0102_0304);
        assert_eq!(frame, [0x88, 0x82, 1, 2, 3, 4, 0x03 ^ 1, 0xe9 ^ 2]);
    }
}
