//! What is plainly fine, and therefore need not be read byte by byte.
//!
//! Nothing here refuses anything: a line that is not recognised is left to the state machine, which alone judges. And as
//! there, what is in a field line besides its end is hyper's to judge.

use memchr::memchr;

/// A run of whole lines that need no judging.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Run {
    /// How many bytes the run has, line ends included.
    pub(super) bytes: usize,
    /// The last of its lines is the empty one.
    pub(super) is_over: bool,
    /// It has a request line, and that says HTTP/1.0.
    pub(super) is_1_0: bool,
}

/// What the first of some lines is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum First {
    RequestLine,
    FieldLine,
}

/// The lines at the front that are plain: a request line if that comes first, field lines that say nothing about the
/// framing, and the empty line. All of them end in CRLF.
pub(super) fn lines(bytes: &[u8], first: First) -> Run {
    let mut run = Run::default();
    let mut rest = bytes;
    if first == First::RequestLine {
        let Some((line, after)) = line(bytes) else {
            return run;
        };
        let Some(is_1_0) = request_line(line) else {
            return run;
        };
        run.is_1_0 = is_1_0;
        rest = after;
    }
    while says_nothing_of_framing(rest)
        && let Some((_, after)) = line(rest)
    {
        rest = after;
    }
    if let Some(after) = rest.strip_prefix(b"\r\n") {
        run.is_over = true;
        rest = after;
    }
    run.bytes = bytes.len() - rest.len();
    run
}

/// The line at the front without its CRLF, and what comes after.
fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (line, after) = bytes.split_at(memchr(b'\n', bytes)? + 1);
    Some((line.strip_suffix(b"\r\n")?, after))
}

/// Whether a field line begins here that says nothing about the framing, nor of another protocol that is to follow.
#[inline]
fn says_nothing_of_framing(line: &[u8]) -> bool {
    let Some(first) = line.first() else {
        return false;
    };
    match first | 0x20 {
        // One letter tells them from nearly all other names.
        b'c' => line.get(8).is_some_and(|byte| byte | 0x20 != b'l'),
        b't' => line.get(9).is_some_and(|byte| byte | 0x20 != b'e'),
        b'u' => line.get(7).is_some_and(|byte| *byte != b':'),
        _ => *first > b' ',
    }
}

/// Whether this line, its end apart, is a token, a path without `#` and a version, apart by single spaces; and if so,
/// whether it says HTTP/1.0.
fn request_line(line: &[u8]) -> Option<bool> {
    let (front, version) = line.split_last_chunk::<9>()?;
    let is_1_0 = match version {
        b" HTTP/1.1" => false,
        b" HTTP/1.0" => true,
        _ => return None,
    };
    let method = front.iter().position(|&byte| !is_token(byte))?;
    let target = front[method..].strip_prefix(b" ")?;
    (method > 0 && target.first() == Some(&b'/') && is_target(target)).then_some(is_1_0)
}

/// Visible ASCII without `#`.
fn is_target(target: &[u8]) -> bool {
    // Sixteen bytes without a branch: of this the compiler makes a few vector instructions.
    #[expect(clippy::needless_bitwise_bool, reason = "a lazy operator is a branch")]
    fn is_good(good: bool, byte: u8) -> bool {
        good & byte.is_ascii_graphic() & (byte != b'#')
    }
    match target.last_chunk::<16>() {
        // The last block overlaps the one before it.
        Some(last) => target
            .as_chunks::<16>()
            .0
            .iter()
            .chain([last])
            .all(|block| block.iter().copied().fold(true, is_good)),
        None => target.iter().copied().fold(true, is_good),
    }
}

/// The line at the front if it is `Content-Length: N` as nearly everybody writes it: its length, and N.
pub(super) fn content_length(bytes: &[u8]) -> Option<(usize, u64)> {
    /// So many digits are no more than a `u64` holds.
    const MOST_DIGITS: usize = 18;
    let rest = after_name(bytes, b"content-length: ")?;
    let digits = rest
        .iter()
        .take(MOST_DIGITS)
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let (digits, end) = rest.split_at(digits);
    if digits.is_empty() || (digits[0] == b'0' && digits.len() > 1) || !end.starts_with(b"\r\n") {
        return None;
    }
    let length = digits
        .iter()
        .fold(0, |length, digit| 10 * length + u64::from(digit - b'0'));
    Some((16 + digits.len() + 2, length))
}

/// The length of the line at the front if it is `Transfer-Encoding: chunked` as nearly everybody writes it.
pub(super) fn chunked(bytes: &[u8]) -> Option<usize> {
    after_name(bytes, b"transfer-encoding: chunked\r\n").map(|rest| bytes.len() - rest.len())
}

fn after_name<'b>(bytes: &'b [u8], name: &[u8]) -> Option<&'b [u8]> {
    let (begin, rest) = bytes.split_at_checked(name.len())?;
    begin.eq_ignore_ascii_case(name).then_some(rest)
}

/// `tchar`. Source: RFC 9110, section 5.6.2.
pub(super) const fn is_token(byte: u8) -> bool {
    const TOKEN: [bool; 256] = {
        let mut table = [false; 256];
        let mut byte = 0_u8;
        while byte < 128 {
            table[byte as usize] = byte.is_ascii_alphanumeric();
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
