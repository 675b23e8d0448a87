//! Files in PEM (RFC 7468).

use std::path::Path;

use bytes::Bytes;

use crate::problem::Problem;
use crate::written::At;

/// What a file is read for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted {
    Certificate,
    PrivateKey,
    /// Certificates of those whom one believes.
    Trusted,
}

impl Wanted {
    /// What the line at its beginning ends with: there are several kinds of private keys.
    fn label(self) -> &'static str {
        match self {
            Self::Certificate | Self::Trusted => "CERTIFICATE-----",
            Self::PrivateKey => "PRIVATE KEY-----",
        }
    }

    fn is_missing(self) -> &'static str {
        match self {
            Self::Certificate | Self::Trusted => "holds no certificate",
            Self::PrivateKey => "holds no private key",
        }
    }

    fn file(self) -> &'static str {
        match self {
            Self::Certificate => "a PEM file with a certificate",
            Self::PrivateKey => "a PEM file with its private key",
            Self::Trusted => "a PEM file with the certificates that are trusted",
        }
    }
}

/// What `file` holds, if it is what is wanted.
pub(super) fn pem(
    said: &At<String>,
    file: &Path,
    wanted: Wanted,
    problems: &mut Vec<Problem>,
) -> Option<Bytes> {
    let label = wanted.label();
    let why = match crate::files::read(file) {
        Ok(pem)
            if pem
                .windows(label.len())
                .any(|window| window == label.as_bytes()) =>
        {
            return Some(Bytes::from(pem));
        }
        Ok(_) => wanted.is_missing().to_owned(),
        Err(why) => why.in_short(),
    };
    problems.push(said.place.error(
        format!("is {}, which {why}", said.shown()),
        format!(
            "name {}: it has a line that says BEGIN {label}",
            wanted.file()
        ),
    ));
    None
}
