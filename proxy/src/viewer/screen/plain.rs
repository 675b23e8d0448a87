//! What is plainly fine, and therefore need not be read byte by byte.
//!
//! Nothing here refuses anything: a line that is not recognised is left to the state machine, which alone judges.

use memchr::{memchr, memchr2};

/// A run of whole lines that need no judging.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Run {
    /// How many bytes the run has, line ends included.
    pub(super) bytes: usize,
    /// How many lines these are.
    pub(super) lines: usize,
    /// The last of them is the empty line.
    pub(super) is_over: bool,
}

/// The request line at the front, if it is a token, a path without `#` and a version, apart by single spaces:
/// its length, and whether it says HTTP/1.0.
pub(super) fn request_line(bytes: &[u8]) -> Option<(usize, bool)> {
    let line = &bytes[..=memchr(b'\n', bytes)?];
    let (front, version) = line.split_last_chunk::<11>()?;
    let is_1_0 = match version {
        b" HTTP/1.1\r\n" => false,
        b" HTTP/1.0\r\n" => true,
        _ => return None,
    };
    let method = front.iter().position(|&byte| !is_token(byte))?;
    let target = front[method..].strip_prefix(b" ")?;
    let is_fine = method > 0
        && target.first() == Some(&b'/')
        && memchr2(b' ', b'#', target).is_none()
        && target.is_ascii()
        && !target.contains(&0x7f);
    is_fine.then_some((line.len(), is_1_0))
}

/// The field lines at the front that end in CRLF and say nothing about the framing, up to and including the
/// empty line.
pub(super) fn field_lines(bytes: &[u8]) -> Run {
    let mut run = Run::default();
    let mut rest = bytes;
    while let Some(end) = memchr(b'\n', rest) {
        let (line, after) = rest.split_at(end + 1);
        let [first, .., b'\r', b'\n'] = line else {
            if line == b"\r\n" {
                run.bytes += 2;
                run.lines += 1;
                run.is_over = true;
            }
            break;
        };
        if *first <= b' ' || is_about_framing(*first, line) {
            break;
        }
        run.bytes += line.len();
        run.lines += 1;
        rest = after;
    }
    run
}

/// Whether there is no control byte in these lines beyond the two at the end of each. A tab counts as one:
/// it is allowed, but so rare that the state machine may look at it.
pub(super) fn has_line_ends_only(bytes: &[u8], lines: usize) -> bool {
    let (blocks, rest) = bytes.as_chunks::<16>();
    let mut controls = rest.iter().filter(|&&byte| byte < b' ').count();
    // 255 rounds are what a lane of one byte can count.
    for blocks in blocks.chunks(255) {
        let mut lanes = [0_u8; 16];
        for block in blocks {
            for (lane, byte) in lanes.iter_mut().zip(block) {
                *lane += u8::from(*byte < b' ');
            }
        }
        controls += lanes.iter().map(|&lane| usize::from(lane)).sum::<usize>();
    }
    controls == 2 * lines
}

fn is_about_framing(first: u8, line: &[u8]) -> bool {
    let begins = |name: &[u8]| {
        line.get(..name.len())
            .is_some_and(|begin| begin.eq_ignore_ascii_case(name))
    };
    match first | 0x20 {
        b'c' => begins(b"content-length") || begins(b"content_length"),
        b't' => begins(b"transfer-encoding") || begins(b"transfer_encoding"),
        _ => false,
    }
}

/// `tchar`. Source: RFC 9110, section 5.6.2.
pub(super) const fn is_token(byte: u8) -> bool {
    const TOKEN: [bool; 256] = {
        let mut table = [false; 256];
        let mut byte = 0;
        while byte < 128 {
            table[byte] = (byte as u8).is_ascii_alphanumeric();
            byte += 1;
        }
        let marks = b"!#$%&'*+-.^_`|~";
        let mut mark = 0;
        while mark < marks.len() {
            table[marks[mark] as usize] = true;
            mark += 1;
        }
        table
    };
    TOKEN[byte as usize]
}
