//! Who plays: origins that answer always the same. They are plain sockets and live outside of the program that is counted, as
//! the viewers do, so whatever they cost is nobody's.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;

use http::HeaderMap;

/// The body of each good answer.
pub(crate) const BODY_BYTES: usize = 1024;

/// Starts an origin that answers each GET with 200 and 1 KiB, as nginx does by `return 200`. Returns where it listens. It
/// plays until this process ends.
pub(crate) fn good_origin() -> anyhow::Result<SocketAddr> {
    let mut answer = format!(
        "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Tue, 06 Jan 2026 09:00:00 GMT\r\nContent-Type: text/plain\r\n\
         Content-Length: {BODY_BYTES}\r\nConnection: keep-alive\r\n\r\n"
    )
    .into_bytes();
    answer.extend(std::iter::repeat_n(b'x', BODY_BYTES));
    Ok(origin(answer)?.0)
}

/// Starts an origin that answers as the good one, and lets the answer be kept. Returns where it listens, and how often it was
/// asked. It leaves `Date` out: one of a fixed day would make the answer old, and soon too old.
pub(crate) fn kept_origin() -> anyhow::Result<(SocketAddr, Arc<AtomicU64>)> {
    let mut answer = format!(
        "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nContent-Type: text/plain\r\nContent-Length: {BODY_BYTES}\r\n\
         Cache-Control: max-age=3600\r\nConnection: keep-alive\r\n\r\n"
    )
    .into_bytes();
    answer.extend(std::iter::repeat_n(b'x', BODY_BYTES));
    origin(answer)
}

/// Starts an origin that answers each GET with 503 and a small page, and keeps its connections.
pub(crate) fn busy_origin() -> anyhow::Result<SocketAddr> {
    let page = "<html><head><title>503 Service Temporarily Unavailable</title></head></html>\n";
    let answer = format!(
        "HTTP/1.1 503 Service Temporarily Unavailable\r\nServer: nginx/1.22.1\r\nDate: Tue, 06 Jan 2026 09:00:00 GMT\r\n\
         Content-Type: text/html\r\nContent-Length: {}\r\nConnection: keep-alive\r\n\r\n{page}",
        page.len()
    );
    Ok(origin(answer.into_bytes())?.0)
}

/// Where it listens, and how often it was asked.
pub(crate) fn origin(answer: Vec<u8>) -> anyhow::Result<(SocketAddr, Arc<AtomicU64>)> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    let asked = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&asked);
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let (answer, counter) = (answer.clone(), Arc::clone(&counter));
            // It ends with the connection, and how that ended says nothing about what was counted.
            thread::spawn(move || play(connection, &answer, &counter));
        }
    });
    Ok((address, asked))
}

/// One answer for each head, until the other side is gone.
fn play(mut connection: TcpStream, answer: &[u8], asked: &AtomicU64) -> std::io::Result<()> {
    connection.set_nodelay(true)?;
    let mut received = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let count = connection.read(&mut piece)?;
        if count == 0 {
            return Ok(());
        }
        received.extend_from_slice(&piece[..count]);
        while let Some(end) = end_of_head(&received) {
            received.drain(..end);
            asked.fetch_add(1, Relaxed);
            connection.write_all(answer)?;
        }
    }
}

/// Where the body begins.
pub(crate) fn end_of_head(received: &[u8]) -> Option<usize> {
    let blank_line = b"\r\n\r\n";
    let found = received
        .windows(blank_line.len())
        .position(|window| window == blank_line);
    Some(found? + blank_line.len())
}

/// A GET of `path` with these headers, as it goes over the wire.
pub(crate) fn get(path: &str, headers: &HeaderMap) -> Vec<u8> {
    let mut request = format!("GET {path} HTTP/1.1\r\n").into_bytes();
    for (name, value) in headers {
        request.extend_from_slice(name.as_str().as_bytes());
        request.extend_from_slice(b": ");
        request.extend_from_slice(value.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    request
}
