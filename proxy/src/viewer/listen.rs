//! Sockets that viewers connect to.

use std::io;
use std::net::TcpListener;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::socket::{Closing, ListeningSocket};
use super::{Arrival, Protocol};
use crate::worker::Shared;

/// How long accepting rests when the process has run out of something (files, memory).
pub(crate) const REST: Duration = Duration::from_millis(50);
/// How long nothing may fail until a shortage is over: at the limit, each viewer that leaves makes room for one more.
const CALM: Duration = Duration::from_secs(1);

/// Accepting that does not work, by all listeners of an edge: said once when it begins, and once when it is over.
#[derive(Debug, Default)]
pub(crate) struct Shortage(Mutex<Failing>);

#[derive(Debug, Default)]
struct Failing {
    listeners: usize,
    failures: u64,
}

impl Shortage {
    fn begins(&self, error: &io::Error) {
        let mut failing = self.failing();
        if failing.listeners == 0 {
            tracing::warn!(%error, "cannot accept a connection, trying again until it works");
        }
        failing.listeners += 1;
    }

    fn goes_on(&self) {
        self.failing().failures += 1;
    }

    fn ends(&self) {
        let mut failing = self.failing();
        failing.listeners -= 1;
        if failing.listeners == 0 {
            let failures = std::mem::take(&mut failing.failures);
            tracing::warn!(failures, "connections are accepted again");
        }
    }

    fn failing(&self) -> MutexGuard<'_, Failing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a worker is to accept viewers.
#[derive(Debug)]
pub(crate) struct Accepting {
    pub(crate) protocol: Protocol,
    pub(crate) socket: Arc<ListeningSocket>,
    /// A descriptor of it.
    pub(crate) listener: TcpListener,
    pub(crate) closing: Closing,
}

/// Accepts until it is told to close, and then takes what is in the queue. Running out of descriptors makes it rest, not spin
/// and not end.
pub(crate) async fn accept(
    accepting: Accepting,
    arrivals: mpsc::Sender<Arrival>,
    shared: Arc<Shared>,
) {
    let Accepting {
        protocol,
        socket,
        listener,
        closing,
    } = accepting;
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "a listener cannot be used"),
    };
    let arrives = |stream, address| Arrival {
        stream,
        address,
        protocol,
    };
    let mut closes = pin!(closing.closes());
    let shortage = &shared.shortage;
    // When this listener's part in the shortage will be over, if it has one.
    let mut until: Option<Instant> = None;
    loop {
        let accepts = async {
            match until {
                None => Some(listener.accept().await),
                Some(until) => timeout_at(until, listener.accept()).await.ok(),
            }
        };
        let accepted = tokio::select! {
            biased;
            () = &mut closes => break,
            accepted = accepts => accepted,
        };
        match accepted {
            // Nothing failed for so long.
            None => {
                until = None;
                shortage.ends();
            }
            Some(Ok((stream, address))) => {
                if arrivals.send(arrives(stream, address)).await.is_err() {
                    break;
                }
            }
            // The viewer gave up before it was accepted.
            Some(Err(error)) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Some(Err(error)) => {
                if until.is_none() {
                    shortage.begins(&error);
                }
                shortage.goes_on();
                until = Some(Instant::now() + CALM);
                tokio::time::sleep(REST).await;
            }
        }
    }
    if until.is_some() {
        shortage.ends();
    }
    drop(listener);
    let mut rest = socket.close();
    while let Some((stream, address)) = rest.next().await {
        if arrivals.send(arrives(stream, address)).await.is_err() {
            return;
        }
    }
}
