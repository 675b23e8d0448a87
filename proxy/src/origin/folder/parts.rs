//! Several parts of a file in one answer, which the library cannot give.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body::{Body, Frame};
use tideover_rules::cache::range::multipart;
use tokio::task::{JoinHandle, spawn_blocking};

use super::FolderBody;

/// Read at once.
const PIECE_BYTES: u64 = 64 * 1024;

/// These `parts` of `file`, which has `size` bytes, with the headers of `whole`: the answer with all of it.
pub(super) fn several<B>(
    whole: &Response<B>,
    file: File,
    parts: &[Range<u64>],
    size: u64,
) -> Response<FolderBody> {
    let kind = whole.headers().get(header::CONTENT_TYPE);
    let around = multipart(parts, size, kind, fastrand::u128(..));
    let mut pieces = VecDeque::with_capacity(parts.len() * 2 + 1);
    for (head, part) in around.heads.into_iter().zip(parts) {
        pieces.push_back(Piece::Text(head.into()));
        pieces.push_back(Piece::File(part.clone()));
    }
    pieces.push_back(Piece::Text(around.closing.into()));
    let body = Parts {
        file: Arc::new(file),
        pieces,
        reading: None,
    };
    let mut response = Response::new(FolderBody::of_file(body, around.content_length));
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    let headers = response.headers_mut();
    headers.clone_from(whole.headers());
    headers.insert(header::CONTENT_TYPE, around.content_type);
    let length = HeaderValue::from(around.content_length);
    headers.insert(header::CONTENT_LENGTH, length);
    response
}

enum Piece {
    Text(Bytes),
    File(Range<u64>),
}

struct Parts {
    file: Arc<File>,
    pieces: VecDeque<Piece>,
    /// From the part that is first among `pieces`.
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

impl Body for Parts {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = &mut *self;
        let Some(piece) = this.pieces.front_mut() else {
            return Poll::Ready(None);
        };
        let part = match piece {
            Piece::Text(text) => {
                let text = std::mem::take(text);
                this.pieces.pop_front();
                return Poll::Ready(Some(Ok(Frame::data(text))));
            }
            Piece::File(part) => part,
        };
        let reading = this.reading.get_or_insert_with(|| {
            let (file, from) = (Arc::clone(&this.file), part.start);
            let most = (part.end - part.start).min(PIECE_BYTES);
            spawn_blocking(move || read(&file, from, most))
        });
        let read = ready!(Pin::new(reading).poll(context));
        this.reading = None;
        let data = match read.map_err(io::Error::other).flatten() {
            Ok(data) => data,
            Err(error) => return Poll::Ready(Some(Err(error))),
        };
        part.start += data.len() as u64;
        if part.is_empty() {
            this.pieces.pop_front();
        }
        Poll::Ready(Some(Ok(Frame::data(data))))
    }
}

/// `most` bytes at most, and not none.
fn read(file: &File, from: u64, most: u64) -> io::Result<Bytes> {
    let mut piece = vec![0; usize::try_from(most).unwrap_or(usize::MAX)];
    let count = file.read_at(&mut piece, from)?;
    if count == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    piece.truncate(count);
    Ok(piece.into())
}
