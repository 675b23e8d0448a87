//! A TCP connection that sends what is small in one piece.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Up to this many bytes in several slices are copied together and sent by `send`: for so few that is cheaper than
/// `writev`, whose way through the kernel is longer.
const SMALL: usize = 4 * 1024;

thread_local! {
    /// Where they are copied together.
    static TOGETHER: RefCell<Vec<u8>> = RefCell::new(Vec::with_capacity(SMALL));
}

/// How long a beginning that may still become what is expected is left alone.
const A_MOMENT: Duration = Duration::from_millis(5);

/// A TCP connection, to a viewer or to an origin.
#[derive(Debug)]
pub(crate) struct Tcp(TcpStream);

impl Tcp {
    /// Small writes are not held back until the peer has acknowledged the ones before.
    pub(crate) fn new(stream: TcpStream) -> Self {
        // If it cannot be set, the connection is slow or already gone, and in the second case the next use says so.
        let _ = stream.set_nodelay(true);
        Self(stream)
    }

    /// Whether these bytes come first, as soon as that is certain; nothing is read.
    pub(crate) async fn begins_with(&self, expected: &[u8]) -> io::Result<bool> {
        let mut seen = vec![0; expected.len()];
        let mut before = 0;
        let mut moment = A_MOMENT;
        loop {
            let count = self.0.peek(&mut seen).await?;
            let is_over = count == 0 || count == expected.len();
            if is_over || seen[..count] != expected[..count] {
                return Ok(seen[..count] == *expected);
            }
            if count == before {
                // What has come is there at once, again and again: more of it is worth a moment, and then a longer one, or
                // many who leave it at a beginning would keep the worker busy.
                tokio::time::sleep(moment).await;
                moment *= 2;
            }
            before = count;
        }
    }

    /// The peer has sent something, or has ended; nothing is read.
    pub(crate) async fn begins(&self) -> io::Result<()> {
        // That it is said to be readable may be a guess.
        self.0.peek(&mut [0]).await.map(drop)
    }

    /// Who is at the other end; `None` if nobody is any more.
    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        self.0.peer_addr().ok()
    }

    pub(crate) fn into_inner(self) -> TcpStream {
        self.0
    }
}

impl AsyncRead for Tcp {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Tcp {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let stream = Pin::new(&mut self.get_mut().0);
        let length: usize = slices.iter().map(|slice| slice.len()).sum();
        if length > SMALL {
            return stream.poll_write_vectored(context, slices);
        }
        TOGETHER.with_borrow_mut(|together| {
            together.clear();
            for slice in slices {
                together.extend_from_slice(slice);
            }
            stream.poll_write(context, together)
        })
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use harness::patiently;
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    use super::*;

    /// Below and above what is copied together: what arrives is what was said to be written, in order.
    #[tokio::test]
    async fn slices_arrive_in_order() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let stream = TcpStream::connect(address).await.expect("it listens");
        let (mut peer, _) = listener.accept().await.expect("it came");
        let mut tcp = Tcp::new(stream);
        for length in [0, 1, 700, SMALL - 2, SMALL - 1, SMALL, 3 * SMALL] {
            let parts = [vec![b'a'; 1], vec![b'b'; length], vec![b'c'; 1]];
            let slices = parts.each_ref().map(|part| IoSlice::new(part));
            let write = poll_fn(|context| Pin::new(&mut tcp).poll_write_vectored(context, &slices));
            let written = patiently("a write", write).await.expect("it is read");
            let mut got = vec![0; written];
            patiently("the bytes", peer.read_exact(&mut got))
                .await
                .expect("as many");
            assert_eq!(got, parts.concat()[..written], "{length}");
            assert!(
                length > SMALL || written == length + 2,
                "{length}: {written}"
            );
        }
    }
}
