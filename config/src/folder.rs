//! A folder that plays a bucket.

use std::path::PathBuf;
use std::sync::Arc;

use crate::fault::Fault;

/// A folder of files, served as S3 serves a bucket of objects. Ours; source of what it plays: Amazon S3 API reference,
/// `GetObject`, and User Guide, "Website endpoints".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Where the files are. It may be replaced while it is served: it is looked up anew with each request.
    pub dir: PathBuf,
    /// Prefixed to every request path, as [`Server::path`](crate::Server::path) is: empty, or `/like/this`.
    pub path: Arc<str>,
    /// What a key is answered with that there is no file for.
    pub missing: Missing,
    /// Played as a website endpoint; `None`: as the REST endpoint.
    pub website: Option<Website>,
    /// The fault that it begins with; only where [`Edge::takes_faults`](crate::Edge::takes_faults).
    pub fault: Option<Fault>,
}

/// How a bucket speaks of a key that it does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// 403 `AccessDenied`: to whoever may not list the bucket (`s3:ListBucket`), which is the usual thing behind CloudFront.
    Forbidden,
    /// 404 `NoSuchKey`: to whoever may.
    NotFound,
}

impl Missing {
    /// 403 or 404.
    pub fn code(self) -> u16 {
        match self {
            Self::Forbidden => 403,
            Self::NotFound => 404,
        }
    }
}

/// A bucket's `WebsiteConfiguration`. Source: Amazon S3 User Guide, "Enabling website hosting".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Website {
    /// `IndexDocument.Suffix`: what is put behind a key that is empty or ends with a slash.
    pub index: Arc<str>,
    /// `ErrorDocument.Key`: the object that is delivered with a 403 or 404; `None`: S3's own words.
    pub error: Option<Arc<str>>,
}

impl Website {
    /// The documents of a website that does not say.
    pub(crate) const USUAL: (&str, &str) = ("index.html", "404.html");

    /// What a website endpoint that was mapped to a folder has.
    pub(crate) fn usual() -> Self {
        let (index, error) = Self::USUAL;
        Self {
            index: index.into(),
            error: Some(error.into()),
        }
    }
}
