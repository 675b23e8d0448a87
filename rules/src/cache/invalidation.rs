//! Which kept answers an invalidation is about.

use std::fmt;

/// Characters of a pattern.
const MOST: usize = 4_000;

/// A path, or the beginning of one with `*` behind it. Source: Developer Guide, "Invalidate files to remove content".
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pattern {
    text: Box<str>,
    is_prefix: bool,
}

/// Why something is no [`Pattern`]. Its words say what to write instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPattern {
    /// Nothing is written.
    Empty,
    /// So many characters, more than 4,000.
    TooLong(usize),
    /// It has a character that no target may hold.
    NotEncoded(char),
    /// It begins with `http://` or `https://`.
    Url,
}

impl fmt::Display for NoPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("is empty; write a path like /images/a.png, or /* for all"),
            Self::TooLong(characters) => write!(
                f,
                "has {characters} characters; write at most {MOST}, perhaps with * at the end in place of the rest"
            ),
            Self::NotEncoded(character) => {
                write!(f, "has {character:?}; write it URL-encoded, as ")?;
                let mut bytes = [0; 4];
                let mut encoded = character.encode_utf8(&mut bytes).bytes();
                encoded.try_for_each(|byte| write!(f, "%{byte:02X}"))
            }
            Self::Url => {
                f.write_str("has a scheme and a host; write the path alone, like /images/a.png")
            }
        }
    }
}

impl std::error::Error for NoPattern {}

impl Pattern {
    /// `/images/*`, `/a.html`, `/a?b=1`; a `/` at the beginning is added where it lacks. A `*` stands for anything only as the
    /// last character, and `?` for nothing but itself: it begins the query.
    pub fn new(written: &str) -> Result<Self, NoPattern> {
        let characters = written.chars().count();
        let is_url = ["http://", "https://"].iter().any(|scheme| {
            written
                .get(..scheme.len())
                .is_some_and(|beginning| beginning.eq_ignore_ascii_case(scheme))
        });
        if written.is_empty() {
            return Err(NoPattern::Empty);
        }
        if characters > MOST {
            return Err(NoPattern::TooLong(characters));
        }
        if is_url {
            return Err(NoPattern::Url);
        }
        if let Some(character) = written.chars().find(|character| !may_stand(*character)) {
            return Err(NoPattern::NotEncoded(character));
        }
        let slash = if written.starts_with('/') { "" } else { "/" };
        let (text, is_prefix) = match written.strip_suffix('*') {
            Some(beginning) => (beginning, true),
            None => (written, false),
        };
        Ok(Self {
            text: [slash, text].concat().into(),
            is_prefix,
        })
    }

    /// Bytes of it, but for a `*` at its end.
    pub fn length(&self) -> usize {
        self.text.len()
    }

    /// Whether it is about the answer with this target (path and, after a `?`, what is left of the query in the key), byte
    /// by byte and case-sensitively. A byte that a viewer sent as it is though it should have been URL-encoded is what the
    /// pattern has encoded.
    ///
    /// A path without a query is only about the answer for no query. `/dir/*` is about what is in `/dir/` and below, not
    /// about `/dir`.
    pub fn is_about(&self, target: &[u8]) -> bool {
        if self.is_prefix && *self.text == *"/" {
            // `OPTIONS *` too.
            return true;
        }
        let mut rest = self.text.as_bytes();
        for byte in target {
            if rest.is_empty() {
                return self.is_prefix;
            }
            match without(rest, *byte) {
                Some(behind) => rest = behind,
                None => return false,
            }
        }
        rest.is_empty()
    }
}

/// As it is compared: with the `/` at its beginning, and the `*` at its end if it has one.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        f.write_str(if self.is_prefix { "*" } else { "" })
    }
}

/// Visible ASCII characters, but those that no target is admitted with.
fn may_stand(character: char) -> bool {
    character.is_ascii_graphic() && !matches!(character, '#' | '<' | '>')
}

/// What of `pattern` is behind `byte`, as it is or URL-encoded; `None` if it begins with something else.
fn without(pattern: &[u8], byte: u8) -> Option<&[u8]> {
    let (first, rest) = pattern.split_first()?;
    if *first == byte {
        return Some(rest);
    }
    if *first != b'%' || may_stand(char::from(byte)) {
        return None;
    }
    let (digits, rest) = rest.split_first_chunk::<2>()?;
    let digits = std::str::from_utf8(digits).ok()?;
    (u8::from_str_radix(digits, 16).ok()? == byte).then_some(rest)
}
