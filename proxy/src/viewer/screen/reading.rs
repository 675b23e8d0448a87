//! The state machine: where in which message the viewer is, and what is wrong with it.

use tideover_rules::admit::Malformed;

use super::plain::{self, First};
use super::{Fault, Faulty};

/// Empty lines that may stand before a request line. Source: RFC 9112, section 2.2, which asks for at least one.
const MOST_EMPTY_LINES: u8 = 1;
/// Bytes of one chunk's line: size and extensions. Source: RFC 9112, section 7.1.1 asks for a limit.
const LONGEST_CHUNK_LINE: u32 = 1024;
/// Bytes of a body's trailer section. Hyper's own limit, unless it was told another, is 16 KiB.
const LONGEST_TRAILERS: u32 = 8 * 1024;
/// Lines of a body's trailer section.
const MOST_TRAILERS: u8 = 32;

/// Reads along with what a viewer sends on one connection. Keeps no bytes and allocates nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Screen {
    at: At,
    /// The ordinal of the message at hand, from 1; 0 before the first byte.
    request: u64,
    /// Bytes of the body or chunk still to come; while a length is being read, its value so far.
    left: u64,
    /// Bytes of this chunk's line, or of the trailer section, so far.
    line: u32,
    /// Empty lines before this head, or lines of the trailer section, so far.
    lines: u8,
    has_length: bool,
    is_chunked: bool,
    /// The name at hand has an underscore where a name of the framing has its hyphen.
    is_misspelt: bool,
    is_1_0: bool,
    /// There is an `Upgrade` field.
    has_upgrade: bool,
    fault: Option<Fault>,
}

/// What may become of the bytes that a viewer sends from here on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Watching {
    /// They are read along and go through.
    On,
    /// The faulty head is complete: what follows must not be taken for another request.
    Shut,
    /// The body at hand is broken: what follows has no meaning.
    Broken,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// A message is over; the next byte begins another.
    Between,
    Head(Head),
    Fields(Line),
    /// In a body whose length was told: `left` bytes to go.
    Length,
    /// Its empty line was seen; only within `see`.
    HeadOver,
    Chunk(Chunk),
    Trailers(Line),
    /// In a head that has its fault already; its end is found as leniently as hyper finds it.
    Spoilt(Spoilt),
    Over(Watching),
}

/// Up to the end of the request line. Source: RFC 9112, section 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Head {
    Start,
    EmptyLf,
    Method,
    TargetStart,
    /// The slashes so far; an authority lies between the second and the third, so with three it is past.
    Target(u8),
    /// How much of `VERSION` was there.
    Version(u8),
    Cr,
    Lf,
}

/// In the field lines of a head or a trailer section. Source: RFC 9112, sections 5 and 7.1.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Start,
    /// As many bytes of this name were there, and nothing else.
    Name(Framing, u8),
    /// In a line that says nothing about the framing.
    Rest,
    /// After a CR in such a line.
    RestCr,
    LengthStart,
    /// After a first 0, which must be the only digit.
    LengthZero,
    LengthDigits,
    LengthEnd,
    CodingStart,
    /// How much of `CODING` was there.
    Coding(u8),
    CodingEnd,
    Lf,
    /// After the CR of the empty line.
    OverLf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    ContentLength,
    TransferEncoding,
    /// Not of this message, but of what comes after it.
    Upgrade,
}

/// Source: RFC 9112, section 7.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chunk {
    Start,
    Size,
    /// White space after the size or an extension: before the next one.
    Space,
    ExtensionStart,
    Extension(Extension),
    Lf,
    Data,
    DataCr,
    DataLf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spoilt {
    Before,
    Start,
    StartCr,
    Line,
}

/// In one extension of a chunk. Source: RFC 9112, section 7.1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extension {
    Name,
    /// White space after the name.
    NameOver,
    ValueStart,
    Token,
    Quoted,
    Escaped,
    Over,
}

const VERSION: &[u8] = b"HTTP/1.";
const CODING: &[u8] = b"chunked";

impl Framing {
    const fn malformed(self) -> Malformed {
        match self {
            Self::ContentLength => Malformed::ContentLength,
            Self::TransferEncoding => Malformed::TransferEncoding,
            Self::Upgrade => Malformed::LineEnding,
        }
    }

    const fn name(self) -> &'static [u8] {
        match self {
            Self::ContentLength => b"content-length",
            Self::TransferEncoding => b"transfer-encoding",
            Self::Upgrade => b"upgrade",
        }
    }
}

impl Screen {
    pub(super) const fn new() -> Self {
        Self {
            at: At::Between,
            request: 0,
            left: 0,
            line: 0,
            lines: 0,
            has_length: false,
            is_chunked: false,
            is_misspelt: false,
            is_1_0: false,
            has_upgrade: false,
            fault: None,
        }
    }

    /// Reads on, at most to the end of the message at hand, and returns how many of these bytes may be passed on.
    /// Fewer than all: call again with the others if `watching` still says `On`, else they must be thrown away.
    pub(super) fn see(&mut self, bytes: &[u8]) -> usize {
        if self.at == At::Between && !bytes.is_empty() {
            *self = Self {
                at: At::Head(Head::Start),
                request: self.request + 1,
                ..Self::new()
            };
        }
        let mut seen = 0;
        while let Some(&next) = bytes.get(seen) {
            let rest = &bytes[seen..];
            let taken = match self.at {
                At::Head(Head::Start) | At::Fields(Line::Start) => self.lines(rest),
                At::Length => self.skip(rest, At::Between),
                At::Chunk(Chunk::Data) => self.skip(rest, At::Chunk(Chunk::DataCr)),
                At::Between | At::Over(_) => break,
                At::Head(_)
                | At::Fields(_)
                | At::HeadOver
                | At::Chunk(_)
                | At::Trailers(_)
                | At::Spoilt(_) => self.step(next),
            };
            seen += taken;
            if self.at == At::HeadOver {
                self.at = self.body();
            }
        }
        seen
    }

    pub(super) const fn watching(&self) -> Watching {
        match self.at {
            At::Over(watching) => watching,
            At::Between
            | At::Head(_)
            | At::Fields(_)
            | At::Length
            | At::HeadOver
            | At::Chunk(_)
            | At::Trailers(_)
            | At::Spoilt(_) => Watching::On,
        }
    }

    /// Some of a head was seen, and not all of it.
    pub(super) const fn is_within_head(&self) -> bool {
        match self.at {
            At::Head(_) | At::Fields(_) | At::Spoilt(_) => true,
            At::Between
            | At::Length
            | At::HeadOver
            | At::Chunk(_)
            | At::Trailers(_)
            | At::Over(_) => false,
        }
    }

    /// The first fault on this connection, and so the only one.
    pub(super) const fn faulty(&self) -> Option<Faulty> {
        match self.fault {
            Some(fault) => Some(Faulty {
                request: self.request,
                fault,
            }),
            None => None,
        }
    }

    /// Whether the message at hand has ended, and what comes next may be of another protocol that it asked for.
    pub(super) fn may_switch(&self) -> bool {
        self.has_upgrade && self.at == At::Between
    }

    /// Whether the message at hand has ended.
    #[cfg(test)]
    pub(super) fn is_between(&self) -> bool {
        self.at == At::Between
    }

    /// Whole lines that are plainly fine at once, else one byte.
    fn lines(&mut self, bytes: &[u8]) -> usize {
        let is_first = self.at == At::Head(Head::Start);
        let run = plain::lines(
            bytes,
            if is_first {
                First::RequestLine
            } else {
                First::FieldLine
            },
        );
        if run.bytes == 0 {
            return match bytes {
                [first, ..] if is_first => self.step(*first),
                _ => self.framing_line(bytes),
            };
        }
        if is_first {
            self.is_1_0 = run.is_1_0;
        }
        self.at = if run.is_over {
            At::HeadOver
        } else {
            At::Fields(Line::Start)
        };
        run.bytes
    }

    /// A line about the framing if it is the first and written as usual, else one byte.
    fn framing_line(&mut self, bytes: &[u8]) -> usize {
        if !self.has_length && !self.is_chunked {
            if let Some((taken, length)) = plain::content_length(bytes) {
                self.has_length = true;
                self.left = length;
                return taken;
            }
            if let Some(taken) = plain::chunked(bytes).filter(|_| !self.is_1_0) {
                self.is_chunked = true;
                return taken;
            }
        }
        bytes.first().map_or(0, |first| self.step(*first))
    }

    /// As much of the body or chunk as is here.
    fn skip(&mut self, bytes: &[u8], then: At) -> usize {
        let here = usize::try_from(self.left).map_or(bytes.len(), |left| left.min(bytes.len()));
        self.left -= here as u64;
        if self.left == 0 {
            self.at = then;
        }
        here
    }

    /// What comes after this head. Source: RFC 9112, section 6.3.
    const fn body(&self) -> At {
        if self.is_chunked {
            At::Chunk(Chunk::Start)
        } else if self.left > 0 {
            At::Length
        } else {
            At::Between
        }
    }

    /// One byte, wherever it stands; 1, or 0 if it must not be passed on.
    fn step(&mut self, byte: u8) -> usize {
        let next = match self.at {
            At::Head(head) => self.head(head, byte).map_err(Fault::Head),
            At::Fields(line) => match self.line(line, byte) {
                Ok(Some(line)) => Ok(At::Fields(line)),
                Ok(None) => Ok(At::HeadOver),
                Err(malformed) => Err(Fault::Head(malformed)),
            },
            At::Chunk(chunk) => self.chunk(chunk, byte).ok_or(Fault::Body),
            At::Trailers(line) => self.trailer(line, byte).ok_or(Fault::Body),
            At::Spoilt(spoilt) => Ok(spoilt.step(byte)),
            At::Between | At::HeadOver | At::Length | At::Over(_) => Ok(self.at),
        };
        match next {
            Ok(at) => self.at = at,
            Err(fault) => {
                self.fault = Some(fault);
                match fault {
                    Fault::Head(_) => self.at = self.spoilt().step(byte),
                    Fault::Body => {
                        self.at = At::Over(Watching::Broken);
                        return 0;
                    }
                }
            }
        }
        1
    }

    /// Where hyper would say that this head now is.
    const fn spoilt(&self) -> Spoilt {
        match self.at {
            At::Head(Head::Start | Head::EmptyLf) => Spoilt::Before,
            At::Fields(Line::Start) => Spoilt::Start,
            At::Fields(Line::OverLf) => Spoilt::StartCr,
            At::Between
            | At::Head(_)
            | At::Fields(_)
            | At::Length
            | At::HeadOver
            | At::Chunk(_)
            | At::Trailers(_)
            | At::Spoilt(_)
            | At::Over(_) => Spoilt::Line,
        }
    }

    fn head(&mut self, at: Head, byte: u8) -> Result<At, Malformed> {
        let next = match (at, byte) {
            (Head::Start, b'\r') if self.lines < MOST_EMPTY_LINES => Head::EmptyLf,
            (Head::EmptyLf, b'\n') => {
                self.lines += 1;
                Head::Start
            }
            (Head::Start | Head::EmptyLf, b'\r' | b'\n') => return Err(Malformed::LineEnding),
            (Head::Start | Head::Method, _) if plain::is_token(byte) => Head::Method,
            (Head::Method, b' ') => Head::TargetStart,
            (Head::TargetStart, b'/') => Head::Target(3),
            (Head::TargetStart | Head::Target(_), b'#') => return Err(Malformed::Fragment),
            (Head::Target(_), b' ') => Head::Version(0),
            (Head::Target(0..=2), b'@') => return Err(Malformed::InvalidTarget),
            (Head::Target(0..=2), b'?') => Head::Target(3),
            (Head::Target(slashes @ 0..=2), b'/') => Head::Target(slashes + 1),
            (Head::TargetStart, b'!'..=b'~') => Head::Target(0),
            (Head::Target(slashes), b'!'..=b'~') => Head::Target(slashes),
            (Head::Version(there), _) if VERSION.get(usize::from(there)) == Some(&byte) => {
                Head::Version(there + 1)
            }
            (Head::Version(there), b'0' | b'1') if usize::from(there) == VERSION.len() => {
                self.is_1_0 = byte == b'0';
                Head::Cr
            }
            (Head::Cr, b'\r') => Head::Lf,
            (Head::Lf, b'\n') => return Ok(At::Fields(Line::Start)),
            (Head::EmptyLf | Head::Cr | Head::Lf, _) | (_, 0..=0x1f) => {
                return Err(Malformed::LineEnding);
            }
            _ => return Err(Malformed::InvalidTarget),
        };
        Ok(At::Head(next))
    }

    /// One byte of a field line; none after the LF of the empty line.
    fn line(&mut self, at: Line, byte: u8) -> Result<Option<Line>, Malformed> {
        let next = match (at, byte) {
            (Line::Start, b'\r') => Line::OverLf,
            (Line::OverLf, b'\n') => return Ok(None),
            (Line::Lf, b'\n') => Line::Start,
            // White space at the start continues the line before (section 5.2).
            (Line::Start, 0..=b' ') | (Line::OverLf | Line::Lf, _) => {
                return Err(Malformed::LineEnding);
            }
            (Line::Start, b'c' | b'C' | b't' | b'T' | b'u' | b'U') => {
                self.is_misspelt = false;
                let name = match byte | 0x20 {
                    b'c' => Framing::ContentLength,
                    b't' => Framing::TransferEncoding,
                    _ => Framing::Upgrade,
                };
                Line::Name(name, 1)
            }
            (Line::Name(name, there), _) => return self.name(name, there, byte).map(Some),

            (Line::LengthStart, b' ' | b'\t') => Line::LengthStart,
            (Line::LengthStart, b'0') => Line::LengthZero,
            (Line::LengthStart | Line::LengthDigits, b'0'..=b'9') => {
                let more = self
                    .left
                    .checked_mul(10)
                    .and_then(|left| left.checked_add(u64::from(byte - b'0')));
                self.left = more.ok_or(Malformed::ContentLength)?;
                Line::LengthDigits
            }
            (Line::LengthZero | Line::LengthDigits | Line::LengthEnd, b' ' | b'\t') => {
                Line::LengthEnd
            }
            (Line::LengthZero | Line::LengthDigits | Line::LengthEnd, b'\r') => Line::Lf,
            (Line::LengthStart | Line::LengthZero | Line::LengthDigits | Line::LengthEnd, _) => {
                return Err(Malformed::ContentLength);
            }

            (Line::CodingStart, b' ' | b'\t') => Line::CodingStart,
            (Line::CodingStart, b'c' | b'C') => Line::Coding(1),
            (Line::Coding(there), _)
                if CODING.get(usize::from(there)) == Some(&byte.to_ascii_lowercase()) =>
            {
                Line::Coding(there + 1)
            }
            (Line::Coding(7) | Line::CodingEnd, b' ' | b'\t') => Line::CodingEnd,
            (Line::Coding(7) | Line::CodingEnd, b'\r') => Line::Lf,
            (Line::CodingStart | Line::Coding(_) | Line::CodingEnd, _) => {
                return Err(Malformed::TransferEncoding);
            }

            (Line::Rest | Line::RestCr, b'\r') => Line::RestCr,
            (Line::RestCr, b'\n') => Line::Start,
            (Line::Rest, b'\n') => return Err(Malformed::LineEnding),
            // What is in such a line besides its end is hyper's to judge, a CR included.
            (Line::Start | Line::Rest | Line::RestCr, _) => Line::Rest,
        };
        Ok(Some(next))
    }

    /// One byte of a line that so far could be about the framing.
    fn name(&mut self, name: Framing, there: u8, byte: u8) -> Result<Line, Malformed> {
        let whole = name.name();
        if let Some(&expected) = whole.get(usize::from(there)) {
            // Many an application reads `_` as `-`, so here that is the same name.
            let is_joint = expected == b'-' && byte == b'_';
            return if byte.to_ascii_lowercase() == expected || is_joint {
                self.is_misspelt |= is_joint;
                Ok(Line::Name(name, there + 1))
            } else {
                self.line(Line::Rest, byte)
                    .map(|line| line.unwrap_or(Line::Rest))
            };
        }
        if byte == b':' && self.is_misspelt {
            return Err(name.malformed());
        }
        match (name, byte) {
            (Framing::ContentLength, b':') if self.is_chunked => {
                Err(Malformed::LengthAndTransferEncoding)
            }
            (Framing::ContentLength, b':') if self.has_length => Err(Malformed::ContentLength),
            (Framing::ContentLength, b':') => {
                self.has_length = true;
                Ok(Line::LengthStart)
            }
            (Framing::TransferEncoding, b':') if self.has_length => {
                Err(Malformed::LengthAndTransferEncoding)
            }
            (Framing::TransferEncoding, b':') if self.is_chunked || self.is_1_0 => {
                Err(Malformed::TransferEncoding)
            }
            (Framing::TransferEncoding, b':') => {
                self.is_chunked = true;
                Ok(Line::CodingStart)
            }
            (Framing::Upgrade, _) => {
                self.has_upgrade |= byte == b':';
                self.line(Line::Rest, byte)
                    .map(|line| line.unwrap_or(Line::Rest))
            }
            _ if plain::is_token(byte) => Ok(Line::Rest),
            _ => Err(name.malformed()),
        }
    }

    fn chunk(&mut self, at: Chunk, byte: u8) -> Option<At> {
        self.line += 1;
        let next = match (at, byte) {
            (Chunk::Start | Chunk::Size, _) if byte.is_ascii_hexdigit() => {
                self.left = self.left.checked_mul(16)? + u64::from(hex(byte));
                Chunk::Size
            }
            (Chunk::Size, b'\r') => Chunk::Lf,
            (Chunk::Size | Chunk::Space, b';') => Chunk::ExtensionStart,
            // Only before an extension, where section 7.1.1 has such space read and thrown away.
            (Chunk::Size | Chunk::Space, b' ' | b'\t') => Chunk::Space,
            (Chunk::ExtensionStart, b' ' | b'\t') => Chunk::ExtensionStart,
            (Chunk::ExtensionStart, _) if plain::is_token(byte) => {
                Chunk::Extension(Extension::Name)
            }
            (Chunk::Extension(at), _) => at.step(byte)?,
            (Chunk::Lf, b'\n') => {
                self.line = 0;
                if self.left == 0 {
                    self.lines = 0;
                    return Some(At::Trailers(Line::Start));
                }
                Chunk::Data
            }
            (Chunk::DataCr, b'\r') => Chunk::DataLf,
            (Chunk::DataLf, b'\n') => {
                self.line = 0;
                Chunk::Start
            }
            _ => return None,
        };
        (self.line <= LONGEST_CHUNK_LINE).then_some(At::Chunk(next))
    }

    /// As a head's field lines, but few, short, and without a framing of their own (RFC 9110, section 6.5.1).
    fn trailer(&mut self, at: Line, byte: u8) -> Option<At> {
        self.line += 1;
        let is_bare_cr = at == Line::RestCr && byte != b'\n';
        if is_bare_cr || matches!(byte, ..b'\t' | 0x0b | 0x0c | 0x0e..b' ' | 0x7f) {
            return None;
        }
        let next = match self.line(at, byte).ok()? {
            None => return Some(At::Between),
            Some(Line::LengthStart | Line::CodingStart) => return None,
            Some(Line::Start) => {
                self.lines += 1;
                Line::Start
            }
            Some(line) => line,
        };
        (self.line <= LONGEST_TRAILERS && self.lines <= MOST_TRAILERS).then_some(At::Trailers(next))
    }
}

impl Extension {
    const fn step(self, byte: u8) -> Option<Chunk> {
        let next = match (self, byte) {
            (Self::Name, _) if plain::is_token(byte) => Self::Name,
            (Self::Token | Self::ValueStart, _) if plain::is_token(byte) => Self::Token,
            (Self::Name | Self::NameOver, b'=') => Self::ValueStart,
            (Self::ValueStart, b'"') => Self::Quoted,
            (Self::Quoted, b'"') => Self::Over,
            (Self::Quoted, b'\\') => Self::Escaped,
            (Self::Quoted | Self::Escaped, b'\t' | b' '..=b'~' | 0x80..) => Self::Quoted,
            (Self::Name | Self::Token | Self::Over, b'\r') => return Some(Chunk::Lf),
            (Self::Name | Self::NameOver | Self::Token | Self::Over, b';') => {
                return Some(Chunk::ExtensionStart);
            }
            (Self::Name | Self::NameOver, b' ' | b'\t') => Self::NameOver,
            (Self::ValueStart, b' ' | b'\t') => Self::ValueStart,
            (Self::Token | Self::Over, b' ' | b'\t') => return Some(Chunk::Space),
            _ => return None,
        };
        Some(Chunk::Extension(next))
    }
}

impl Spoilt {
    /// Lines end with LF, a CR before it or not, and an empty one ends the head, as in hyper's parser.
    const fn step(self, byte: u8) -> At {
        At::Spoilt(match (self, byte) {
            (Self::Before, b'\r' | b'\n') => Self::Before,
            (Self::Start | Self::StartCr, b'\n') => return At::Over(Watching::Shut),
            (Self::Start, b'\r') => Self::StartCr,
            (Self::Line, b'\n') => Self::Start,
            (Self::Before | Self::Start | Self::StartCr | Self::Line, _) => Self::Line,
        })
    }
}

const fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}
