//! How an origin plays its scripts on each connection.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::object::Object;
use super::script::{Script, Step};
use super::{Plan, Seen, State};
use crate::wire::{Framing, Head, Io, Reader};

/// Accepts for ever.
pub(super) async fn accepts(listener: TcpListener, plan: Arc<Plan>, state: Arc<State>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let connection = state.connections.fetch_add(1, Ordering::SeqCst);
        connections.spawn(serves(stream, connection, plan.clone(), state.clone()));
    }
}

async fn serves(stream: TcpStream, connection: usize, scripts: Arc<Plan>, state: Arc<State>) {
    // A second handle on the socket: what a reset is made with, whatever wraps the first one.
    let Ok(socket) = socket2::SockRef::from(&stream).try_clone() else {
        return;
    };
    let _ = stream.set_nodelay(true);
    let io: Box<dyn Io> = match &scripts.tls {
        None => Box::new(stream),
        Some(config) => match TlsAcceptor::from(config.clone()).accept(stream).await {
            Ok(stream) => Box::new(stream),
            Err(_) => return,
        },
    };
    let mut play = Play {
        reader: Reader::new(io),
        state,
        connection,
    };
    let mut reused = false;
    while let Ok(Some(head)) = play.reader.head().await {
        let seen = play.records(&head);
        let script = scripts.script(&head, reused);
        reused = true;
        match play.performs(&script, &head, seen).await {
            End::Ready => {}
            End::Closed => {
                let _ = play.reader.stream.shutdown().await;
                play.state.note_that_it_hung_up();
                return;
            }
            End::Reset => {
                let _ = socket.set_linger(Some(Duration::ZERO));
                return;
            }
        }
    }
    play.state.note_that_it_was_closed();
}

/// How a script left the connection.
enum End {
    Ready,
    Closed,
    Reset,
}

struct Play {
    reader: Reader<Box<dyn Io>>,
    state: Arc<State>,
    connection: usize,
}

impl Play {
    /// Its index among the seen.
    fn records(&self, head: &Head) -> usize {
        let mut words = head.first_line.split(' ').map(str::to_owned);
        self.state.record(Seen {
            method: words.next().unwrap_or_default(),
            target: words.next().unwrap_or_default(),
            head: head.clone(),
            body: Vec::new(),
            trailers: Vec::new(),
            is_whole: head.framing().is_none(),
            connection: self.connection,
        })
    }

    async fn performs(&mut self, script: &Script, head: &Head, seen: usize) -> End {
        for step in &script.0 {
            let went_well = match step {
                Step::ReadBody => self.reads_the_body(head, seen).await,
                Step::Body(_) | Step::Stream(_) if head.first_line.starts_with("HEAD ") => true,
                Step::Send(bytes) | Step::Body(bytes) => self.sends(bytes).await,
                Step::Stream(bytes) => self.streams(*bytes).await,
                Step::Object(object) => match self.shows(object, head).await {
                    End::Ready => true,
                    End::Closed => false,
                    End::Reset => return End::Reset,
                },
                Step::SendForever(bytes) => {
                    while self.sends(bytes).await {}
                    false
                }
                Step::Pause(time) => {
                    tokio::time::sleep(*time).await;
                    true
                }
                Step::Wait(gate) => {
                    gate.wait().await;
                    true
                }
                Step::Silence => {
                    self.reader.drain().await;
                    self.state.note_that_the_peer_left();
                    false
                }
                Step::Close => false,
                Step::Reset => return End::Reset,
            };
            if !went_well {
                return End::Closed;
            }
        }
        End::Ready
    }

    async fn reads_the_body(&mut self, head: &Head, seen: usize) -> bool {
        let body = self
            .reader
            .body(head.framing().unwrap_or(Framing::Length(0)))
            .await;
        let is_whole = body.whole;
        self.state.complete(seen, body);
        is_whole
    }

    async fn sends(&mut self, bytes: &[u8]) -> bool {
        let sent = self.reader.stream.write_all(bytes).await.is_ok()
            && self.reader.stream.flush().await.is_ok();
        if sent {
            self.state
                .bytes_sent
                .fetch_add(bytes.len() as u64, Ordering::SeqCst);
        } else {
            self.state.note_that_the_peer_left();
        }
        sent
    }

    async fn shows(&mut self, object: &Object, request: &Head) -> End {
        let reply = object.reply(request);
        if let Some(gate) = &reply.waits {
            gate.wait().await;
        }
        if !self.sends(&reply.head).await {
            return End::Closed;
        }
        let mut at = reply.body.start;
        if request.first_line.starts_with("HEAD ") {
            at = reply.body.end;
        }
        while at < reply.body.end {
            let mut count = (reply.body.end - at).min(16 * 1024);
            if let Some(byte) = reply.breaks_at.filter(|byte| *byte >= at) {
                count = count.min(byte - at);
            }
            if count == 0 {
                return End::Reset;
            }
            let piece = reply.content.bytes(at..at + count);
            if !self.sends(&piece).await {
                return End::Closed;
            }
            at += count;
        }
        End::Ready
    }

    async fn streams(&mut self, bytes: u64) -> bool {
        let piece = vec![b'x'; 16 * 1024];
        let mut left = bytes;
        while left > 0 {
            let count = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            if !self.sends(&piece[..count]).await {
                return false;
            }
            left -= count as u64;
        }
        true
    }
}
