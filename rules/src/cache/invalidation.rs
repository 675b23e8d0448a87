//! Which kept answers an invalidation is about.

/// A path, or the beginning of one with `*` behind it. Source: Developer Guide, "Invalidate files to remove content".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: Box<str>,
    is_prefix: bool,
}

impl Pattern {
    /// `/images/*`, `/a.html`, `/a?b=1`; a `/` at the beginning is added where it lacks. A `*` stands for anything only as the
    /// last character. `None` if it is too long (4,000 characters) or has other than visible ASCII characters.
    pub fn new(written: &str) -> Option<Self> {
        if written.len() > 4_000 || !written.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let slash = if written.starts_with('/') { "" } else { "/" };
        let (text, is_prefix) = match written.strip_suffix('*') {
            Some(beginning) => (beginning, true),
            None => (written, false),
        };
        Some(Self {
            text: [slash, text].concat().into(),
            is_prefix,
        })
    }

    /// Whether it is about the answer with this target (path and, after a `?`, what is left of the query in the key).
    pub fn is_about(&self, target: &[u8]) -> bool {
        let text = self.text.as_bytes();
        if self.is_prefix {
            target.starts_with(text)
        } else {
            target == text
        }
    }
}
