//! What a request means to a bucket: what it asks, for which key, and which file may be that object.
//!
//! Source: Amazon S3 User Guide, "Naming Amazon S3 objects" and "Website endpoints"; API reference, `GetObject`.

use http::header::{ACCESS_CONTROL_REQUEST_METHOD, ORIGIN};
use http::{HeaderMap, Method};

/// In bytes of UTF-8. Source: Amazon S3 User Guide, "Naming Amazon S3 objects".
pub const LONGEST_KEY: usize = 1_024;

/// An object's key: any text at all, not the name of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(String);

/// Why a path asks for no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoKey {
    /// A `%` without two digits behind it, or no UTF-8: 400 `InvalidURI`.
    Unreadable,
    /// More than [`LONGEST_KEY`]; so many bytes: 400 `KeyTooLongError`.
    TooLong(usize),
}

impl Key {
    /// Of `origin_path` + `path`, as they were sent: without the slash in front, and decoded once.
    pub fn of(origin_path: &str, path: &str) -> Result<Self, NoKey> {
        let mut key = decoded(origin_path).ok_or(NoKey::Unreadable)?;
        key.extend(decoded(path).ok_or(NoKey::Unreadable)?);
        let key = String::from_utf8(key).map_err(|_| NoKey::Unreadable)?;
        let key = key.strip_prefix('/').unwrap_or(&key);
        if key.len() > LONGEST_KEY {
            return Err(NoKey::TooLong(key.len()));
        }
        Ok(Self(key.to_owned()))
    }

    /// `name`, as it stands in a config.
    pub fn named(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// The same key with `index` behind it: the index document of a folder. `None`: it has no slash at its end, and is not
    /// the root.
    pub fn index(&self, index: &str) -> Option<Self> {
        (self.0.is_empty() || self.0.ends_with('/')).then(|| Self(format!("{}{index}", self.0)))
    }

    /// The folder of this name.
    #[must_use]
    pub fn as_folder(&self) -> Self {
        Self(format!("{}/", self.0))
    }

    /// As a bucket's answers show it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The names of folders and file by which a folder has it, from the outermost on; `None`: there is no such file, and
    /// none may be looked for. None of the names is empty, `.` or `..`, and none has a slash or a NUL in it.
    pub fn names(&self) -> Option<Vec<&str>> {
        let is_name = |name: &&str| {
            let is_a_way = matches!(*name, "" | "." | "..");
            !is_a_way && !name.contains('\0')
        };
        let names: Vec<&str> = self.0.split('/').collect();
        names.iter().all(is_name).then_some(names)
    }

    /// A path that asks for it: what a `Location` says.
    pub fn as_path(&self) -> String {
        let mut path = String::with_capacity(self.0.len() + 1);
        path.push('/');
        for byte in self.0.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~/!$&'()*+,;=:@".contains(&byte) {
                path.push(char::from(byte));
            } else {
                path.push_str(&format!("%{byte:02X}"));
            }
        }
        path
    }
}

fn decoded(path: &str) -> Option<Vec<u8>> {
    let mut bytes = path.bytes();
    let mut decoded = Vec::with_capacity(path.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let (high, low) = (digit(bytes.next()?)?, digit(bytes.next()?)?);
                u8::try_from(high * 16 + low).ok()?
            }
            byte => byte,
        });
    }
    Some(decoded)
}

/// What is asked of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// GET or HEAD.
    Object,
    /// A preflight, to a bucket without a CORS configuration: 403 `AccessForbidden`.
    Preflight,
    /// Anything else: 405 `MethodNotAllowed`.
    Other,
}

/// What `method` with these headers asks.
pub fn asked(method: &Method, headers: &HeaderMap) -> Asked {
    if matches!(*method, Method::GET | Method::HEAD) {
        return Asked::Object;
    }
    let is_preflight = *method == Method::OPTIONS
        && headers.contains_key(ORIGIN)
        && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    if is_preflight {
        Asked::Preflight
    } else {
        Asked::Other
    }
}
