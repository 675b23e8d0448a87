//! An answer out of an open file, by tower-http: it makes content type and validators, judges conditions, and reads the file on
//! threads that may wait, a piece whenever one is wanted.

use std::fs::Metadata;
use std::future::{Ready, ready};
use std::io::{self, SeekFrom};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Empty;
use tideover_rules::cache::range::{self, Part};
use tideover_rules::fields::Fields;
use tokio::io::{AsyncRead, AsyncSeek, ReadBuf};
use tower_http::services::ServeDir;
use tower_http::services::fs::{self, Backend, ServeFileSystemResponseBody};

use super::open::Opened;
use super::words::Trouble;
use super::{FolderBody, parts};

/// Headers that are a condition on the object, in the library's hands.
const CONDITIONS: [header::HeaderName; 4] = [
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_UNMODIFIED_SINCE,
];

/// The answer to a GET or HEAD with these headers.
pub(super) async fn serve(
    opened: Opened,
    method: &Method,
    wanted: &HeaderMap,
) -> Result<Response<FolderBody>, Trouble> {
    let size = opened.metadata.len();
    let target = target(&opened.name);
    let file = OneFile::new(opened);
    let mut library =
        ServeDir::with_backend("", file.clone()).append_index_html_on_directories(false);
    let mut ask = async |method: &Method, headers: HeaderMap| {
        let mut request = Request::new(Empty::<Bytes>::new());
        *request.method_mut() = method.clone();
        *request.uri_mut() = target.parse().unwrap_or_default();
        *request.headers_mut() = headers;
        library.try_call(request).await
    };
    let mut headers = HeaderMap::new();
    let mut several = None;
    if wanted.contains_key(header::RANGE) {
        // What the range depends on is made by the library, and told by it without the file being read.
        let validators = ask(&Method::HEAD, HeaderMap::new()).await;
        let mut validators = validators.map_err(|error| Trouble::by(&error))?;
        // What a date is worth depends on when the answer is made.
        let now = httpdate::fmt_http_date(SystemTime::now());
        let now = HeaderValue::try_from(now).ok();
        let dated = now.map(|now| (header::DATE, now));
        validators.headers_mut().extend(dated);
        let part = range::part(Fields::of(wanted), validators.headers(), size);
        let asked_for = match part {
            Part::Whole => None,
            Part::One(part) => Some(format!("bytes={}-{}", part.start, part.end - 1)),
            Part::Several(parts) => {
                several = Some(parts).filter(|_| *method == Method::GET);
                None
            }
            Part::Unsatisfiable => Some(format!("bytes={size}-")),
        };
        let asked_for = asked_for.and_then(|range| HeaderValue::try_from(range).ok());
        headers.extend(asked_for.map(|range| (header::RANGE, range)));
    }
    for name in CONDITIONS {
        // One line, as the library reads it: entity tags may come in several.
        let mut values = wanted.get_all(&name).iter();
        let Some(first) = values.next() else { continue };
        let mut line = first.as_bytes().to_vec();
        for value in values {
            line.extend_from_slice(b", ");
            line.extend_from_slice(value.as_bytes());
        }
        let line = HeaderValue::from_bytes(&line).ok();
        headers.extend(line.map(|line| (name, line)));
    }
    if let Some(parts) = several {
        let answer = ask(&Method::HEAD, headers.clone()).await;
        let answer = answer.map_err(|error| Trouble::by(&error))?;
        // Else a condition is the answer.
        if answer.status() == StatusCode::OK
            && let Some(file) = file.taken()
        {
            return Ok(parts::several(&answer, file, &parts, size));
        }
    }
    let answer = ask(method, headers).await;
    let answer = answer.map_err(|error| Trouble::by(&error))?;
    match answer.status() {
        StatusCode::RANGE_NOT_SATISFIABLE => {
            let range = wanted.get(header::RANGE).cloned();
            Err(Trouble::NoSuchRange(range, size))
        }
        StatusCode::PRECONDITION_FAILED => Err(Trouble::Precondition(
            if wanted.contains_key(header::IF_MATCH) {
                "If-Match"
            } else {
                "If-Unmodified-Since"
            },
        )),
        _ => Ok(with_its_length(answer, method)),
    }
}

/// A name that leads nowhere: of the real one the library needs the extension, for the content type.
fn target(name: &str) -> String {
    let extension = Path::new(name).extension();
    let extension = extension.and_then(|extension| extension.to_str());
    let is_plain = |text: &&str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match extension.filter(is_plain) {
        Some(extension) => format!("/object.{extension}"),
        None => "/object".to_owned(),
    }
}

fn with_its_length(
    answer: Response<ServeFileSystemResponseBody>,
    method: &Method,
) -> Response<FolderBody> {
    let length = answer.headers().get(header::CONTENT_LENGTH);
    let length = length
        .filter(|_| *method != Method::HEAD)
        .and_then(|length| length.to_str().ok()?.parse().ok())
        .unwrap_or(0);
    answer.map(|body| FolderBody::of_file(body, length))
}

/// A file system with a single file in it, which is open already.
#[derive(Clone)]
struct OneFile {
    /// Until the library opens it.
    file: Arc<Mutex<Option<std::fs::File>>>,
    metadata: Metadata,
}

impl OneFile {
    fn new(opened: Opened) -> Self {
        Self {
            file: Arc::new(Mutex::new(Some(opened.file))),
            metadata: opened.metadata,
        }
    }

    /// The file; `None` from the second time on.
    fn taken(&self) -> Option<std::fs::File> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.take()
    }
}

impl Backend for OneFile {
    type File = ReadFile;
    type Metadata = Metadata;
    type OpenFuture = Ready<io::Result<ReadFile>>;
    type MetadataFuture = Ready<io::Result<Metadata>>;

    fn open(&self, _path: PathBuf) -> Self::OpenFuture {
        let file = self.taken();
        let metadata = self.metadata.clone();
        let file = file.map(|file| ReadFile {
            file: tokio::fs::File::from_std(file),
            metadata,
        });
        ready(file.ok_or_else(|| io::ErrorKind::NotFound.into()))
    }

    fn metadata(&self, _path: PathBuf) -> Self::MetadataFuture {
        ready(Ok(self.metadata.clone()))
    }
}

/// It, opened. What was known of it then counts.
struct ReadFile {
    file: tokio::fs::File,
    metadata: Metadata,
}

impl fs::File for ReadFile {
    type Metadata = Metadata;
    type MetadataFuture<'a> = Ready<io::Result<Metadata>>;

    fn metadata(&self) -> Self::MetadataFuture<'_> {
        ready(Ok(self.metadata.clone()))
    }
}

impl AsyncRead for ReadFile {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.file).poll_read(context, buffer)
    }
}

impl AsyncSeek for ReadFile {
    fn start_seek(mut self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        Pin::new(&mut self.file).start_seek(position)
    }

    fn poll_complete(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<u64>> {
        Pin::new(&mut self.file).poll_complete(context)
    }
}
