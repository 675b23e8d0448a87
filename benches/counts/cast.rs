//! Who plays: origins that answer always the same, and viewers that ask in lockstep. Both are plain sockets and live outside
//! of the program that is counted, so whatever they cost is nobody's.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use http::HeaderMap;

/// Nobody waits longer than this for a program that is being counted, which runs a hundred times slower than alone.
const PATIENCE: Duration = Duration::from_mins(1);

/// The body of each good answer.
const BODY_BYTES: usize = 1024;

/// Starts an origin that answers each GET with 200 and 1 KiB, as nginx does by `return 200`. Returns where it listens. It
/// plays until this process ends.
pub(crate) fn good_origin() -> anyhow::Result<SocketAddr> {
    let mut answer = format!(
        "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Tue, 06 Jan 2026 09:00:00 GMT\r\nContent-Type: text/plain\r\n\
         Content-Length: {BODY_BYTES}\r\nConnection: keep-alive\r\n\r\n"
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
    origin(answer.into_bytes())
}

fn origin(answer: Vec<u8>) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let answer = answer.clone();
            // It ends with the connection, and how that ended says nothing about what was counted.
            thread::spawn(move || play(connection, &answer));
        }
    });
    Ok(address)
}

/// One answer for each head, until the other side is gone.
fn play(mut connection: TcpStream, answer: &[u8]) -> std::io::Result<()> {
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
            connection.write_all(answer)?;
        }
    }
}

/// Where the body begins.
fn end_of_head(received: &[u8]) -> Option<usize> {
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

/// Viewers with one kept connection each, who all ask for the same.
pub(crate) struct Viewers {
    address: SocketAddr,
    request: Vec<u8>,
    connections: Vec<TcpStream>,
}

impl Viewers {
    /// Nobody yet, who will send `request` to `address`.
    pub(crate) fn new(address: SocketAddr, request: Vec<u8>) -> Self {
        Self {
            address,
            request,
            connections: Vec::new(),
        }
    }

    /// Lets viewers come until there are `count`. Each asks once as it comes, before the next.
    pub(crate) fn come(&mut self, count: usize) -> anyhow::Result<()> {
        while self.connections.len() < count {
            let mut connection = TcpStream::connect(self.address)?;
            connection.set_nodelay(true)?;
            connection.set_read_timeout(Some(PATIENCE))?;
            connection.write_all(&self.request)?;
            answered(&mut connection)?;
            self.connections.push(connection);
        }
        Ok(())
    }

    /// In each round all ask, then all wait for their answer: a single viewer's requests come strictly one after another.
    pub(crate) fn ask(&mut self, rounds: usize) -> anyhow::Result<()> {
        for _ in 0..rounds {
            for connection in &mut self.connections {
                connection.write_all(&self.request)?;
            }
            for connection in &mut self.connections {
                answered(connection)?;
            }
        }
        Ok(())
    }
}

/// Takes one answer, which has to be the good one: a count of failures would be a small one.
fn answered(connection: &mut TcpStream) -> anyhow::Result<()> {
    let mut received = Vec::with_capacity(4096);
    let mut piece = [0; 4096];
    loop {
        let count = connection.read(&mut piece).context("no answer")?;
        if count == 0 {
            bail!("the connection was closed in place of an answer");
        }
        received.extend_from_slice(&piece[..count]);
        if let Some(end) = end_of_head(&received)
            && received.len() >= end + BODY_BYTES
        {
            ensure!(
                received.starts_with(b"HTTP/1.1 200 ") && received.len() == end + BODY_BYTES,
                "not the answer that the origin gave: {}",
                String::from_utf8_lossy(&received)
            );
            return Ok(());
        }
    }
}
