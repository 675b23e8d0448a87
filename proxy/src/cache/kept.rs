//! What the store keeps: whole answers, parts of them, and what is known of keys without an answer.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, StatusCode};
use tideover_rules::cache::compression::Compressed;
use tideover_rules::cache::freshness::Lifetime;
use tideover_rules::fields::Survey;

use super::head;

/// Bodies up to this size lie in one block with key and head.
const SMALL: usize = 4 * 1024;
/// A larger body is kept in pieces of this size at most, each with an allocation of its own.
const PIECE: usize = 1024 * 1024;

/// One thing that the store keeps under a key.
#[derive(Debug)]
pub(crate) struct Kept {
    /// The key, what is known of the head, and a small body.
    block: Bytes,
    key_length: u32,
    /// When it came, nominal nanoseconds of the cache's time.
    at: u64,
    /// Every invalidation up to this one was compared with it.
    pub(super) generation: AtomicU64,
    pub(crate) what: What,
}

#[derive(Debug)]
pub(crate) enum What {
    /// An answer.
    Answer(Answer),
    /// Answers under this key are chosen by these fields, too; each is kept under a longer key, which has this number in it.
    Fork {
        names: Box<[HeaderName]>,
        number: u64,
    },
    /// The last answer was for its viewer only: until this age nobody waits for another's.
    Pass { lasts: Duration },
}

/// An answer as the origin gave it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    head_length: u32,
    survey: Survey,
    pub(crate) lifetime: Lifetime,
    /// The edge has compressed it.
    pub(crate) compressed: Option<Compressed>,
    /// Until then it is served stale without asking, because the origins failed just before; the cache's time in
    /// nanoseconds.
    left_alone_until: AtomicU64,
    /// The body; empty where it lies in the block.
    pieces: Box<[Bytes]>,
    length: u64,
    /// Which part of how much, where it is not the whole. No part of it: its body is kept in [slices](super::slices).
    pub(crate) part: Option<Box<(Range<u64>, u64)>>,
}

impl Kept {
    fn of(key: &[u8], rest: &[u8], generation: u64, now: Duration, what: What) -> Self {
        let mut block = Vec::with_capacity(key.len() + rest.len());
        block.extend_from_slice(key);
        block.extend_from_slice(rest);
        Self {
            block: block.into(),
            key_length: u32::try_from(key.len()).unwrap_or_default(),
            at: nanos(now),
            generation: AtomicU64::new(generation),
            what,
        }
    }

    /// What came under `key` at `now`, whose fill began when the latest invalidation was `generation`.
    pub(crate) fn answer(
        key: &[u8],
        generation: u64,
        now: Duration,
        head: &Head,
        body: &[Bytes],
    ) -> Self {
        let length: usize = body.iter().map(Bytes::len).sum();
        let mut rest = Vec::with_capacity(512);
        head::write(&head.fields, &mut rest);
        let head_length = u32::try_from(rest.len()).unwrap_or_default();
        let pieces = if length <= SMALL {
            for piece in body {
                rest.extend_from_slice(piece);
            }
            Box::default()
        } else {
            copied(body, length)
        };
        let answer = Answer {
            status: head.status,
            head_length,
            survey: Survey::of(&head.fields),
            lifetime: head.lifetime,
            compressed: head.compressed,
            left_alone_until: AtomicU64::new(0),
            pieces,
            length: length as u64,
            part: head.part.clone().map(Box::new),
        };
        Self::of(key, &rest, generation, now, What::Answer(answer))
    }

    /// The same answer, which is `before`, as a 304 at `now` has freshened it.
    pub(crate) fn freshened(
        &self,
        before: &Answer,
        generation: u64,
        now: Duration,
        head: &Head,
    ) -> Self {
        let small = [before.small(self)];
        let mut kept = Self::answer(self.key(), generation, now, head, &small);
        if let What::Answer(fresh) = &mut kept.what {
            fresh.length = before.length;
            fresh.pieces.clone_from(&before.pieces);
        }
        kept
    }

    pub(crate) fn fork(
        key: &[u8],
        generation: u64,
        now: Duration,
        names: &[HeaderName],
        number: u64,
    ) -> Self {
        let names = names.into();
        Self::of(key, &[], generation, now, What::Fork { names, number })
    }

    pub(crate) fn pass(key: &[u8], generation: u64, now: Duration, lasts: Duration) -> Self {
        Self::of(key, &[], generation, now, What::Pass { lasts })
    }

    pub(crate) fn key(&self) -> &[u8] {
        let length = usize::try_from(self.key_length).unwrap_or_default();
        self.block.get(..length).unwrap_or_default()
    }

    /// How long it has been here.
    pub(crate) fn resident(&self, now: Duration) -> Duration {
        Duration::from_nanos(nanos(now).saturating_sub(self.at))
    }

    /// Bytes that it takes, roughly: what lies beside the block is small or counted here.
    pub(super) fn weight(&self) -> u32 {
        /// Of the value, of what the index has for it, of allocations.
        const BESIDE: usize = 450;
        let more = match &self.what {
            What::Answer(answer) => answer.pieces.iter().map(|piece| piece.len() + 64).sum(),
            What::Fork { names, .. } => std::mem::size_of_val(&**names) + 32 * names.len(),
            What::Pass { .. } => 0,
        };
        u32::try_from(BESIDE + self.block.len() + more).unwrap_or(u32::MAX)
    }
}

impl Answer {
    /// The fields as they are kept, with room for `more`.
    pub(crate) fn fields(&self, kept: &Kept, more: usize) -> HeaderMap {
        let start = usize::try_from(kept.key_length).unwrap_or_default();
        let end = start + usize::try_from(self.head_length).unwrap_or_default();
        if end > kept.block.len() {
            return HeaderMap::new();
        }
        head::read(&kept.block.slice(start..end), more)
    }

    /// The fields, with the tag that the origin gave them, and room for `more`.
    pub(crate) fn fields_of_the_origin(&self, kept: &Kept, more: usize) -> HeaderMap {
        let fields = self.fields(kept, more);
        match self.compressed {
            Some(compressed) => compressed.with_the_origins_tag(fields),
            None => fields,
        }
    }

    pub(crate) fn survey(&self) -> Survey {
        self.survey
    }

    /// Bytes of the body.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// How many bytes the body has, if it is too large to be kept here: it is kept in slices, each under a key of its own.
    pub(crate) fn in_slices(&self) -> Option<u64> {
        let (part, total) = self.part.as_deref()?;
        part.is_empty().then_some(*total)
    }

    /// The body in pieces, none of them empty; cheap copies.
    pub(crate) fn body(&self, kept: &Kept) -> Vec<Bytes> {
        if self.pieces.is_empty() {
            let small = self.small(kept);
            if small.is_empty() {
                Vec::new()
            } else {
                vec![small]
            }
        } else {
            self.pieces.to_vec()
        }
    }

    /// The body, if it is in one piece.
    pub(crate) fn one_piece(&self, kept: &Kept) -> Option<Bytes> {
        match &*self.pieces {
            [] => Some(self.small(kept)),
            [piece] => Some(piece.clone()),
            _ => None,
        }
    }

    fn small(&self, kept: &Kept) -> Bytes {
        let start = usize::try_from(kept.key_length).unwrap_or_default()
            + usize::try_from(self.head_length).unwrap_or_default();
        if start >= kept.block.len() {
            Bytes::new()
        } else {
            kept.block.slice(start..)
        }
    }

    /// The origins failed at `now`: they are left alone for so long.
    pub(crate) fn leave_alone(&self, now: Duration, span: Duration) {
        let until = nanos(now.saturating_add(span));
        self.left_alone_until.fetch_max(until, Relaxed);
    }

    /// Whether whoever asks this is the one who finds out: the first one at `now`, and then nobody for a `span`.
    pub(crate) fn is_its_turn(&self, now: Duration, span: Duration) -> bool {
        let until = nanos(now.saturating_add(span));
        self.left_alone_until.fetch_max(until, Relaxed) <= nanos(now)
    }

    /// Whether the origins are not to be asked yet.
    pub(crate) fn is_left_alone(&self, now: Duration) -> bool {
        let until = self.left_alone_until.load(Relaxed);
        until != 0 && nanos(now) < until
    }
}

/// The head of what is to be kept.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    /// As the origin sent them, but for what is said of an answer that the edge compresses.
    pub(crate) fields: HeaderMap,
    pub(crate) lifetime: Lifetime,
    /// The edge compresses it.
    pub(crate) compressed: Option<Compressed>,
    /// Which part of how much, where it is not the whole; an empty one of what is kept in slices.
    pub(crate) part: Option<(Range<u64>, u64)>,
}

impl Head {
    /// Whether a body of `length` bytes is the part that the head tells of, if it does.
    pub(crate) fn fits(&self, length: u64) -> bool {
        let part = self.part.as_ref();
        part.is_none_or(|(part, _)| part.end.checked_sub(part.start) == Some(length))
    }
}

/// What arrived lies in the buffers of its connection, which are larger: what is kept is copied out of them.
fn copied(body: &[Bytes], length: usize) -> Box<[Bytes]> {
    let mut pieces = Vec::with_capacity(length.div_ceil(PIECE));
    let mut left = length;
    let mut piece: Vec<u8> = Vec::with_capacity(left.min(PIECE));
    for bytes in body {
        let mut bytes = &bytes[..];
        while !bytes.is_empty() {
            let (fits, more) = bytes.split_at(bytes.len().min(PIECE - piece.len()));
            piece.extend_from_slice(fits);
            bytes = more;
            if piece.len() == PIECE {
                left -= PIECE;
                let full = std::mem::replace(&mut piece, Vec::with_capacity(left.min(PIECE)));
                pieces.push(full.into());
            }
        }
    }
    if !piece.is_empty() {
        pieces.push(piece.into());
    }
    pieces.into()
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
