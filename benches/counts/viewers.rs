//! Viewers that ask in lockstep, in one of the protocols that a viewer may speak.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::cast::{BODY_BYTES, end_of_head};
use crate::http2;

/// Nobody waits longer than this for a program that is being counted, which runs a hundred times slower than alone.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a viewer says.
#[derive(Clone)]
pub(crate) struct Speech {
    pub(crate) request: Request,
    /// TLS below it, and the name that the certificate is to have.
    pub(crate) tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

impl Speech {
    /// The same, but for one request at a time.
    pub(crate) fn one_at_a_time(&self) -> Self {
        let mut alone = self.clone();
        if let Request::Http2 { together, .. } = &mut alone.request {
            *together = 1;
        }
        alone
    }
}

/// What is asked, again and again.
#[derive(Clone)]
pub(crate) enum Request {
    /// HTTP/1.1: this, as it goes over the wire.
    Http1(Vec<u8>),
    /// HTTP/2, begun without asking: so many of them at a time.
    Http2 { get: http2::Get, together: usize },
}

impl Request {
    /// How many requests one viewer makes before it waits.
    pub(crate) fn together(&self) -> usize {
        match self {
            Self::Http1(_) => 1,
            Self::Http2 { together, .. } => *together,
        }
    }
}

/// Viewers with one kept connection each, who all ask for the same.
pub(crate) struct Viewers {
    address: SocketAddr,
    speech: Speech,
    connections: Vec<Connection>,
}

impl Viewers {
    /// Nobody yet, who will speak to `address`.
    pub(crate) fn new(address: SocketAddr, speech: Speech) -> Self {
        Self {
            address,
            speech,
            connections: Vec::new(),
        }
    }

    /// Lets viewers come until there are `count`. Each asks once as it comes, before the next.
    pub(crate) fn come(&mut self, count: usize) -> anyhow::Result<()> {
        while self.connections.len() < count {
            let mut connection = Connection::open(self.address, &self.speech)?;
            connection.ask()?;
            connection.is_answered()?;
            self.connections.push(connection);
        }
        Ok(())
    }

    /// In each round all ask, then all wait for their answers: a single viewer's rounds come strictly one after another.
    pub(crate) fn ask(&mut self, rounds: usize) -> anyhow::Result<()> {
        for _ in 0..rounds {
            for connection in &mut self.connections {
                connection.ask()?;
            }
            for connection in &mut self.connections {
                connection.is_answered()?;
            }
        }
        Ok(())
    }
}

/// One viewer's.
struct Connection {
    wire: Wire,
    speaker: Speaker,
}

/// What a connection knows of its protocol.
enum Speaker {
    Http1(Vec<u8>),
    Http2 {
        session: http2::Session,
        together: usize,
    },
}

impl Connection {
    fn open(address: SocketAddr, speech: &Speech) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let wire = match &speech.tls {
            None => Wire::Plain(stream),
            Some((config, name)) => {
                let session = ClientConnection::new(Arc::clone(config), name.clone())?;
                Wire::Tls(Box::new(StreamOwned::new(session, stream)))
            }
        };
        let speaker = match &speech.request {
            Request::Http1(request) => Speaker::Http1(request.clone()),
            Request::Http2 { get, together } => Speaker::Http2 {
                session: http2::Session::new(get.clone()),
                together: *together,
            },
        };
        Ok(Self { wire, speaker })
    }

    fn ask(&mut self) -> anyhow::Result<()> {
        match &mut self.speaker {
            Speaker::Http1(request) => self.wire.write_all(request)?,
            Speaker::Http2 { session, together } => {
                let requests = session.ask(*together);
                self.wire.write_all(&requests)?;
            }
        }
        Ok(())
    }

    fn is_answered(&mut self) -> anyhow::Result<()> {
        match &mut self.speaker {
            Speaker::Http1(_) => answered(&mut self.wire),
            Speaker::Http2 { session, together } => {
                session.is_answered(&mut self.wire, *together, BODY_BYTES)
            }
        }
    }
}

/// Takes one answer, which has to be the good one: a count of failures would be a small one.
fn answered(wire: &mut Wire) -> anyhow::Result<()> {
    let mut received = Vec::with_capacity(4096);
    let mut piece = [0; 4096];
    loop {
        let count = wire.read(&mut piece).context("no answer")?;
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

/// What HTTP is spoken over.
enum Wire {
    Plain(TcpStream),
    // Boxed: thousands of plain ones shall not be as large.
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}
