//! The text that a body has to hold. Source: Developer Guide of Route 53, "How Amazon Route 53 determines whether a health check
//! is healthy": wholly within the first 5,120 bytes, and bodies coded with gzip or deflate are decoded before.

use std::io::Read;

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use memchr::memmem;

/// So much of the body is searched. Whether before or after decoding is not documented: here it is after.
const SEARCHED: usize = 5_120;
/// So much is read of a coded one: what is longer and holds less is not made to be read.
const MOST_CODED: usize = 4 * SEARCHED;

/// How a body is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// As it is, or in a way that nobody here reads: it is searched as it is, and nearly always in vain.
    None,
    Gzip,
    Deflate,
}

impl Coding {
    /// What `Content-Encoding` says.
    pub(super) fn named(name: &[u8]) -> Self {
        let name = name.trim_ascii();
        if name.eq_ignore_ascii_case(b"gzip") || name.eq_ignore_ascii_case(b"x-gzip") {
            Self::Gzip
        } else if name.eq_ignore_ascii_case(b"deflate") {
            Self::Deflate
        } else {
            Self::None
        }
    }
}

/// A body that is searched while it comes.
#[derive(Debug)]
pub(super) struct Search<'t> {
    text: &'t [u8],
    coding: Coding,
    /// As it came.
    body: Vec<u8>,
}

/// What is known so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Found,
    /// More of the body may hold it.
    NotYet,
    NotThere,
}

impl<'t> Search<'t> {
    pub(super) fn new(text: &'t str, coding: Coding) -> Self {
        Self {
            text: text.as_bytes(),
            coding,
            body: Vec::new(),
        }
    }

    /// More of the body came.
    pub(super) fn take(&mut self, more: &[u8]) -> Verdict {
        let most = match self.coding {
            Coding::None => SEARCHED,
            Coding::Gzip | Coding::Deflate => MOST_CODED,
        };
        let room = most.saturating_sub(self.body.len());
        self.body
            .extend_from_slice(more.get(..room).unwrap_or(more));
        let is_full = self.body.len() >= most;
        let (found, decoded) = match self.coding {
            Coding::None => (self.is_in(&self.body), self.body.len()),
            Coding::Gzip => self.look(MultiGzDecoder::new(&self.body[..])),
            Coding::Deflate if is_zlib(&self.body) => self.look(ZlibDecoder::new(&self.body[..])),
            Coding::Deflate => self.look(DeflateDecoder::new(&self.body[..])),
        };
        if found {
            Verdict::Found
        } else if is_full || decoded >= SEARCHED {
            Verdict::NotThere
        } else {
            Verdict::NotYet
        }
    }

    fn look(&self, mut decoder: impl Read) -> (bool, usize) {
        let mut decoded = vec![0; SEARCHED];
        let mut length = 0;
        while let Some(room) = decoded.get_mut(length..).filter(|room| !room.is_empty()) {
            match decoder.read(room) {
                // What is not all there yet ends in an error; what came out before it counts.
                Ok(0) | Err(_) => break,
                Ok(more) => length += more,
            }
        }
        decoded.truncate(length);
        (self.is_in(&decoded), length)
    }

    fn is_in(&self, text: &[u8]) -> bool {
        memmem::find(text, self.text).is_some()
    }
}

/// `deflate` is in a wrapper (RFC 9110, section 8.4.1.2), and some send it without. Source of the two bytes: RFC 1950,
/// section 2.2.
fn is_zlib(body: &[u8]) -> bool {
    const DEFLATE: u8 = 8;
    match body {
        [first, second, ..] => {
            first & 0x0f == DEFLATE && u16::from_be_bytes([*first, *second]).is_multiple_of(31)
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use proptest::prelude::*;

    use super::*;

    fn coded(body: &[u8]) -> [(Coding, Vec<u8>); 4] {
        let level = Compression::default();
        let mut gzip = GzEncoder::new(Vec::new(), level);
        let mut zlib = ZlibEncoder::new(Vec::new(), level);
        let mut bare = DeflateEncoder::new(Vec::new(), level);
        for writer in [&mut gzip as &mut dyn std::io::Write, &mut zlib, &mut bare] {
            writer.write_all(body).expect("memory takes everything");
        }
        [
            (Coding::None, body.to_vec()),
            (Coding::Gzip, gzip.finish().expect("it is whole")),
            (Coding::Deflate, zlib.finish().expect("it is whole")),
            (Coding::Deflate, bare.finish().expect("it is whole")),
        ]
    }

    #[test]
    fn the_text_has_to_end_within_what_is_searched() {
        for (before, expected) in [(0, true), (5_116, true), (5_117, false), (9_000, false)] {
            let body = [&vec![b'.'; before][..], b"well", &[b'.'; 100]].concat();
            for (coding, coded) in coded(&body) {
                let mut search = Search::new("well", coding);
                let found = search.take(&coded) == Verdict::Found;
                assert_eq!(found, expected, "{before} bytes before it, {coding:?}");
            }
        }
        assert_eq!(
            Search::new("well", Coding::None).take(b"Well"),
            Verdict::NotYet
        );
    }

    #[test]
    fn what_expands_without_end_is_not_followed() {
        let [_, (_, bomb), ..] = coded(&vec![b'.'; 100_000_000]);
        let mut search = Search::new("well", Coding::Gzip);
        assert_eq!(search.take(&bomb), Verdict::NotThere);
        assert!(search.body.len() <= MOST_CODED);
    }

    proptest! {
        #[test]
        fn it_does_not_matter_how_a_body_comes(
            before in proptest::collection::vec(any::<u8>(), 0..6_000),
            cut in any::<proptest::sample::Index>(),
        ) {
            let body = [&before[..], b"all is well"].concat();
            for (coding, coded) in coded(&body) {
                let whole = Search::new("all is well", coding).take(&coded);
                let mut search = Search::new("all is well", coding);
                let (first, second) = coded.split_at(cut.index(coded.len()));
                let mut parts = search.take(first);
                if parts == Verdict::NotYet {
                    parts = search.take(second);
                }
                prop_assert_eq!(whole, parts);
                prop_assert_eq!(whole == Verdict::Found, body.len() <= SEARCHED);
            }
        }

        #[test]
        fn any_bytes_are_decoded_or_not(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            for coding in [Coding::None, Coding::Gzip, Coding::Deflate] {
                let mut search = Search::new("well", coding);
                for byte in &body {
                    search.take(&[*byte]);
                }
            }
        }
    }
}
