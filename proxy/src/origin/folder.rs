//! A folder that plays a bucket: which file is the object, and the answer that S3 would give.
//!
//! [`open`] finds the file and never leaves the folder; tower-http's `ServeDir` makes an answer of it ([`object`]): content type,
//! validators, conditions, a range, and a body that is read off the worker. Several ranges are [`parts`]. What is a bucket's own way is
//! here and in [`words`].

mod object;
mod open;
mod parts;
mod words;

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use tideover_config::{FaultKind, Folder, Missing, Website};
use tideover_rules::bucket::{self, Asked, Key, NoKey};
use tideover_rules::failover::Limits;
use tideover_rules::fields::Survey;

use self::open::{NotOpened, Opened};
use self::words::Trouble;
use super::answer::{OriginAnswer, OriginBody};
use super::faulty::{most, with_fault};
use crate::clock::{Clock, Moment};
use crate::error::OriginError;

/// What a folder is asked.
#[derive(Clone, Copy)]
pub(super) struct Inquiry<'a> {
    pub(super) method: &'a Method,
    /// Without the folder's own.
    pub(super) path: &'a str,
    pub(super) query: Option<&'a str>,
    /// The viewer's, with the conditions that hold.
    pub(super) headers: &'a HeaderMap,
    /// Between two pieces of the body; nominal.
    pub(super) gap: Duration,
}

/// Asks `folder`, which may have a fault on command. `limits` are nominal.
pub(super) async fn ask(
    folder: &Folder,
    inquiry: Inquiry<'_>,
    fault: Option<FaultKind>,
    clock: Clock,
    limits: &Limits,
) -> Result<OriginAnswer, OriginError> {
    let attempt = async {
        let (most, too_late) = most(limits);
        let complete_by = limits
            .completion
            .map_or(Moment::NEVER, |limit| Moment::now() + clock.real(limit));
        let answer = tokio::time::timeout(clock.real(most), answer(folder, inquiry)).await;
        let response = answer.map_err(|_| too_late)?;
        let gap = clock.real(inquiry.gap);
        let response = response.map(|body| OriginBody::of_folder(body, gap, complete_by));
        Ok(OriginAnswer {
            survey: Survey::of(response.headers()),
            response,
        })
    };
    match fault {
        None => attempt.await,
        // Nothing is connected to: a folder that is not heard of is one that does not answer.
        Some(FaultKind::BlackHole) => {
            let never = FaultKind::Delay(Duration::MAX);
            with_fault(never, clock, limits, attempt).await
        }
        Some(fault) => with_fault(fault, clock, limits, attempt).await,
    }
}

async fn answer(folder: &Folder, inquiry: Inquiry<'_>) -> Response<FolderBody> {
    match found(folder, inquiry).await {
        Ok(response) => response,
        Err(trouble) => match &folder.website {
            None => trouble.xml(inquiry.method),
            Some(website) => error_document(folder, website, &trouble, inquiry).await,
        },
    }
}

async fn found(folder: &Folder, inquiry: Inquiry<'_>) -> Result<Response<FolderBody>, Trouble> {
    match bucket::asked(inquiry.method, inquiry.headers) {
        Asked::Object => {}
        Asked::Preflight => return Err(Trouble::NoCors(inquiry.headers.clone())),
        Asked::Other => return Err(Trouble::NotAllowed(inquiry.method.clone())),
    }
    let key = Key::of(&folder.path, inquiry.path).map_err(|no_key| match no_key {
        NoKey::Unreadable => Trouble::Unreadable,
        NoKey::TooLong(bytes) => Trouble::TooLong(bytes),
    })?;
    let Some(website) = &folder.website else {
        let opened = opened(folder, &key).await?;
        return object::serve(opened, inquiry.method, inquiry.headers).await;
    };
    if let Some(document) = key.index(&website.index) {
        let opened = opened(folder, &document).await?;
        return object::serve(opened, inquiry.method, inquiry.headers).await;
    }
    match opened(folder, &key).await {
        Ok(opened) => object::serve(opened, inquiry.method, inquiry.headers).await,
        Err(missing @ Trouble::Missing(..)) => {
            let at = key.as_folder();
            let document = at.index(&website.index).unwrap_or_else(|| at.clone());
            match opened(folder, &document).await {
                Ok(_) => Ok(redirect(&at, inquiry.query)),
                Err(_) => Err(missing),
            }
        }
        Err(trouble) => Err(trouble),
    }
}

async fn opened(folder: &Folder, key: &Key) -> Result<Opened, Trouble> {
    let missing = || Trouble::Missing(folder.missing, key.clone());
    let names = key.names().ok_or_else(missing)?;
    let names: Vec<String> = names.into_iter().map(ToOwned::to_owned).collect();
    let dir = folder.dir.clone();
    // A disk, or a network behind it, may take its time.
    let opened = tokio::task::spawn_blocking(move || open::open(&dir, &names)).await;
    match opened {
        Ok(Ok(opened)) => Ok(opened),
        Ok(Err(NotOpened::Missing)) => Err(missing()),
        Ok(Err(NotOpened::NoFolder)) => Err(Trouble::NoBucket),
        Ok(Err(NotOpened::Denied)) => Err(Trouble::Denied),
        Ok(Err(NotOpened::Failed(error))) => Err(failed(&folder.dir, &error)),
        Err(error) => Err(failed(&folder.dir, &io::Error::other(error))),
    }
}

fn failed(dir: &Path, error: &io::Error) -> Trouble {
    tracing::warn!(dir = %dir.display(), %error, "a file of a folder could not be read");
    Trouble::Internal
}

/// The object of that key is delivered with the status of the error; where it is not there, that is told, too.
/// Source: Amazon S3 User Guide, "Configuring a custom error document": for the 4XX class.
async fn error_document(
    folder: &Folder,
    website: &Website,
    trouble: &Trouble,
    inquiry: Inquiry<'_>,
) -> Response<FolderBody> {
    let status = trouble.status();
    let of_its_own = |second| trouble.html(inquiry.method, second);
    let Some(document) = website
        .error
        .as_deref()
        .filter(|_| trouble.has_a_document())
    else {
        return of_its_own(None);
    };
    let key = Key::named(document);
    let served = match opened(folder, &key).await {
        // Neither conditions nor a range: they were meant for something else.
        Ok(opened) => object::serve(opened, inquiry.method, &HeaderMap::new()).await,
        Err(second) => Err(second),
    };
    match served {
        Ok(mut response) => {
            *response.status_mut() = status;
            response
        }
        Err(second) => of_its_own(Some(&second)),
    }
}

/// Source: Amazon S3 User Guide, "Configuring an index document": 302 to the key with a slash. What becomes of the query is not
/// documented; it is kept.
fn redirect(at: &Key, query: Option<&str>) -> Response<FolderBody> {
    let location = match query {
        Some(query) => format!("{}?{query}", at.as_path()),
        None => at.as_path(),
    };
    let mut response = Response::new(FolderBody::empty());
    *response.status_mut() = StatusCode::FOUND;
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, HeaderValue::from(0));
    response
}

/// The body of a folder's answer: exactly as long as its head says.
#[derive(Debug)]
pub(super) struct FolderBody {
    pieces: UnsyncBoxBody<Bytes, io::Error>,
    /// Bytes to come.
    left: u64,
}

impl FolderBody {
    fn empty() -> Self {
        Self::of(Bytes::new())
    }

    fn of(text: Bytes) -> Self {
        let left = text.len() as u64;
        let pieces = http_body_util::Full::new(text).map_err(|never| match never {});
        Self {
            pieces: pieces.boxed_unsync(),
            left,
        }
    }

    /// A file may grow or shrink while it is sent: of `pieces`, `length` bytes are the body, and fewer are an error.
    fn of_file<B>(pieces: B, length: u64) -> Self
    where
        B: http_body::Body<Data = Bytes, Error = io::Error> + Send + 'static,
    {
        Self {
            pieces: pieces.boxed_unsync(),
            left: length,
        }
    }

    pub(super) fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let frame = ready!(Pin::new(&mut self.pieces).poll_frame(context));
        let data = match frame.map(|frame| frame.map(Frame::into_data)) {
            Some(Ok(Ok(data))) => data,
            Some(Ok(Err(_))) | None => {
                let error = io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter");
                return Poll::Ready(Some(Err(error)));
            }
            Some(Err(error)) => return Poll::Ready(Some(Err(error))),
        };
        let most = usize::try_from(self.left).unwrap_or(usize::MAX);
        let data = data.slice(..data.len().min(most));
        self.left -= data.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    pub(super) fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// The status that a key is answered with that there is no file for.
fn missing_status(missing: Missing) -> StatusCode {
    match missing {
        Missing::Forbidden => StatusCode::FORBIDDEN,
        Missing::NotFound => StatusCode::NOT_FOUND,
    }
}
