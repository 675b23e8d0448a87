//! A large object that is nowhere: each byte is made from its position when it is asked for.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::gate::Gate;
use crate::wire::Head;

/// A content of so many bytes, told apart from others by its tag. Clones are the same object.
#[derive(Clone, Debug)]
pub struct Object {
    now: Arc<Mutex<State>>,
}

/// What an object has at each position, whatever its length.
#[derive(Clone, Debug)]
pub struct Content(Arc<[u8]>);

impl Content {
    /// Bytes after which it begins again: no multiple of any length that things are cut into.
    const PERIOD: usize = 65_537;

    /// The content that goes by this tag; that of another one is another.
    pub fn of(tag: &str) -> Self {
        let seed = tag
            .bytes()
            .fold(7_u64, |seed, byte| seed * 31 + u64::from(byte));
        let byte = |at: u64| {
            let mixed = (at ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            mixed.to_be_bytes()[0]
        };
        Self((0..).take(Self::PERIOD).map(byte).collect())
    }

    /// The bytes of these positions.
    pub fn bytes(&self, positions: Range<u64>) -> Vec<u8> {
        let count = positions.end.saturating_sub(positions.start);
        let mut left = usize::try_from(count).unwrap_or(usize::MAX);
        let mut at = usize::try_from(positions.start % Self::PERIOD as u64).unwrap_or_default();
        let mut bytes = Vec::with_capacity(left);
        while left > 0 {
            let taken = left.min(Self::PERIOD - at);
            bytes.extend_from_slice(&self.0[at..at + taken]);
            left -= taken;
            at = 0;
        }
        bytes
    }
}

#[derive(Clone, Debug)]
struct State {
    bytes: u64,
    tag: String,
    content: Content,
    headers: Vec<(String, String)>,
    knows_ranges: bool,
    heeds_conditions: bool,
    breaks_at: Option<u64>,
    waits: Option<Gate>,
}

/// An object of so many bytes with this `ETag`, which may be kept for an hour.
pub fn object(bytes: u64, tag: &str) -> Object {
    Object {
        now: Arc::new(Mutex::new(State {
            bytes,
            tag: tag.to_owned(),
            content: Content::of(tag),
            headers: vec![("Cache-Control".to_owned(), "max-age=3600".to_owned())],
            knows_ranges: true,
            heeds_conditions: true,
            breaks_at: None,
            waits: None,
        })),
    }
}

impl Object {
    fn now(&self) -> MutexGuard<'_, State> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on it has this header too, in place of one of the same name.
    pub fn says(&self, name: &str, value: &str) {
        let headers = &mut self.now().headers;
        headers.retain(|(own, _)| !own.eq_ignore_ascii_case(name));
        headers.push((name.to_owned(), value.to_owned()));
    }

    /// From now on it has another content.
    pub fn becomes(&self, bytes: u64, tag: &str) {
        let mut now = self.now();
        now.bytes = bytes;
        tag.clone_into(&mut now.tag);
        now.content = Content::of(tag);
    }

    /// From now on it comes whole, whatever part is asked for.
    pub fn forgets_ranges(&self) {
        self.now().knows_ranges = false;
    }

    /// From now on a part comes of whatever there is, whatever `If-Range` says.
    pub fn forgets_conditions(&self) {
        self.now().heeds_conditions = false;
    }

    /// From now on it has no `ETag`, and no other content.
    pub fn drops_its_tag(&self) {
        self.now().tag.clear();
    }

    /// From now on the origin resets its connection when it comes to this byte; `None`: it does not.
    pub fn breaks_at(&self, byte: Option<u64>) {
        self.now().breaks_at = byte;
    }

    /// From now on each answer waits for this gate.
    pub fn waits_for(&self, gate: &Gate) {
        self.now().waits = Some(gate.clone());
    }

    /// What it answers to a request.
    pub(super) fn reply(&self, request: &Head) -> Reply {
        let now = self.now().clone();
        let mut fields = now.headers.clone();
        if !now.tag.is_empty() {
            fields.push(("ETag".to_owned(), now.tag.clone()));
        }
        let is_it = |name: &str| {
            request
                .header(name)
                .map(|told| fields.iter().any(|(_, own)| own == told))
        };
        let has_it = is_it("if-none-match").or_else(|| is_it("if-modified-since"));
        let (status, body) = if has_it == Some(true) {
            ("304 Not Modified", 0..0)
        } else {
            let is_meant = !now.heeds_conditions || is_it("if-range") != Some(false);
            let range = request.header("range").filter(|_| now.knows_ranges);
            match range
                .filter(|_| is_meant)
                .map(|range| part(range, now.bytes))
            {
                None => ("200 OK", 0..now.bytes),
                Some(Some(part)) => ("206 Partial Content", part),
                Some(None) => ("416 Range Not Satisfiable", 0..0),
            }
        };
        let mut head = format!("HTTP/1.1 {status}\r\n");
        for (name, value) in &fields {
            head += &format!("{name}: {value}\r\n");
        }
        if status.starts_with("206") {
            let (first, last, total) = (body.start, body.end - 1, now.bytes);
            head += &format!("Content-Range: bytes {first}-{last}/{total}\r\n");
        }
        if !status.starts_with("304") {
            head += &format!("Content-Length: {}\r\n", body.end - body.start);
        }
        head += "\r\n";
        Reply {
            head: head.into_bytes(),
            body,
            content: now.content,
            breaks_at: now.breaks_at,
            waits: now.waits,
        }
    }
}

/// An answer of an object.
pub(super) struct Reply {
    pub(super) head: Vec<u8>,
    /// Which of its bytes.
    pub(super) body: Range<u64>,
    pub(super) content: Content,
    pub(super) breaks_at: Option<u64>,
    pub(super) waits: Option<Gate>,
}

/// The part of `bytes` that a single range means; `None`: there is none.
fn part(range: &str, bytes: u64) -> Option<Range<u64>> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let part = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) => first..bytes.min(last + 1),
        (Ok(first), Err(_)) => first..bytes,
        (Err(_), Ok(count)) => bytes.saturating_sub(count)..bytes,
        (Err(_), Err(_)) => return None,
    };
    (!part.is_empty()).then_some(part)
}
