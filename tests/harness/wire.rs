//! HTTP/1.1 as bytes: what both the viewer and the scripted origins read. Lenient on purpose, so that scenarios can
//! look at anything the edge sends.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};

/// Anything that bytes go through both ways.
pub(crate) trait Io: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// The first line and the headers of a message, as they came.
#[derive(Clone, Debug, Default)]
pub struct Head {
    /// Without line end.
    pub first_line: String,
    /// In order, names in the letter case they came in.
    pub headers: Vec<(String, String)>,
}

impl Head {
    /// Parses the lines before the empty one; `text` is without it.
    fn parse(text: &[u8]) -> Self {
        let text = String::from_utf8_lossy(text);
        let mut lines = text.split("\r\n");
        let first_line = lines.next().unwrap_or_default().to_owned();
        let headers = lines
            .filter(|line| !line.is_empty())
            .map(|line| match line.split_once(':') {
                Some((name, value)) => (name.to_owned(), value.trim().to_owned()),
                None => (line.to_owned(), String::new()),
            })
            .collect();
        Self {
            first_line,
            headers,
        }
    }

    /// The first value of this header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Every value of this header.
    pub fn all<'s>(&'s self, name: &str) -> impl Iterator<Item = &'s str> + use<'s> {
        let name = name.to_owned();
        self.headers
            .iter()
            .filter(move |(own, _)| own.eq_ignore_ascii_case(&name))
            .map(|(_, value)| value.as_str())
    }

    /// How a body is framed that follows this head, if one does; `None`: nothing says.
    pub(crate) fn framing(&self) -> Option<Framing> {
        if self
            .all("transfer-encoding")
            .any(|value| value.to_ascii_lowercase().contains("chunked"))
        {
            return Some(Framing::Chunked);
        }
        self.header("content-length")
            .and_then(|length| length.parse().ok())
            .map(Framing::Length)
    }
}

/// How the end of a body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Length(u64),
    Chunked,
    UntilClose,
}

/// A body as far as it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Body {
    pub bytes: Vec<u8>,
    pub trailers: Vec<(String, String)>,
    /// It came to its proper end.
    pub whole: bool,
}

/// A stream with what was read of it too early.
pub(crate) struct Reader<S> {
    pub stream: S,
    buffer: Vec<u8>,
}

impl<S: AsyncRead + Unpin> Reader<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            buffer: Vec::new(),
        }
    }

    /// False at the end of the stream.
    async fn fill(&mut self) -> io::Result<bool> {
        self.buffer.reserve(64 * 1024);
        Ok(self.stream.read_buf(&mut self.buffer).await? > 0)
    }

    /// What was read and not used.
    pub(crate) fn left_over(&self) -> &[u8] {
        &self.buffer
    }

    /// Reads until the stream ends or fails; true if it ended in order.
    pub(crate) async fn drain(&mut self) -> bool {
        loop {
            match self.fill().await {
                Ok(true) => {}
                Ok(false) => return true,
                Err(_) => return false,
            }
        }
    }

    /// The next head; `None` when the stream ends before its first byte.
    pub(crate) async fn head(&mut self) -> io::Result<Option<Head>> {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                let text: Vec<u8> = self.buffer.drain(..end + 4).collect();
                return Ok(Some(Head::parse(&text[..end])));
            }
            if !self.fill().await? {
                return if self.buffer.is_empty() {
                    Ok(None)
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                };
            }
        }
    }

    /// The next line without its end.
    pub(crate) async fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..end + 2).collect();
                return Ok(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            if !self.fill().await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Moves up to `wanted` bytes into `into`; stops early at the end of the stream.
    pub(crate) async fn take(&mut self, wanted: u64, into: &mut Vec<u8>) -> io::Result<bool> {
        let mut left = wanted;
        while left > 0 {
            if self.buffer.is_empty() && !self.fill().await? {
                return Ok(false);
            }
            let count = usize::try_from(left)
                .unwrap_or(usize::MAX)
                .min(self.buffer.len());
            // As a slice: byte by byte, an unoptimised reader would be what a loop under load measures.
            into.extend_from_slice(&self.buffer[..count]);
            self.buffer.drain(..count);
            left -= count as u64;
        }
        Ok(true)
    }

    /// The body, as far as it comes.
    pub(crate) async fn body(&mut self, framing: Framing) -> Body {
        let mut body = Body::default();
        body.whole = match framing {
            Framing::Length(length) => self.take(length, &mut body.bytes).await.unwrap_or(false),
            Framing::Chunked => self.chunks(&mut body).await.is_ok(),
            Framing::UntilClose => self.take(u64::MAX, &mut body.bytes).await.is_ok(),
        };
        body
    }

    async fn chunks(&mut self, body: &mut Body) -> io::Result<()> {
        loop {
            let line = self.line().await?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = u64::from_str_radix(size, 16).map_err(|_| io::ErrorKind::InvalidData)?;
            if size == 0 {
                break;
            }
            if !self.take(size, &mut body.bytes).await? || !self.line().await?.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        loop {
            let line = self.line().await?;
            let Some((name, value)) = line.split_once(':') else {
                return if line.is_empty() {
                    Ok(())
                } else {
                    Err(io::ErrorKind::InvalidData.into())
                };
            };
            body.trailers
                .push((name.to_owned(), value.trim().to_owned()));
        }
    }
}

/// Where `what` begins in `bytes`.
pub(crate) fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
