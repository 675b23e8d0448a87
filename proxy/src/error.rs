//! What can go wrong between the edge and an origin, and whose fault it is.

use std::io;

use tideover_config::Failure;
use tideover_rules::failover::Sent;
use tideover_rules::standing::Why;

use crate::message::ViewerBodyError;

/// Why an attempt at an origin brought no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OriginError {
    /// The name did not resolve.
    #[error("{host} does not resolve")]
    Dns {
        /// What was looked up.
        host: String,
        #[source]
        source: io::Error,
    },
    /// No address took the connection.
    #[error("cannot connect")]
    Connect {
        #[source]
        source: io::Error,
    },
    /// Look-up, TCP, TLS, or the wait for a free connection took too long.
    #[error("connecting took too long")]
    ConnectTimeout,
    /// The handshake failed.
    #[error("the TLS handshake failed")]
    Tls {
        #[source]
        source: io::Error,
    },
    /// `https+insecure://` towards an address that is neither loopback nor private.
    #[error("certificate checks may be skipped for loopback and private addresses only")]
    InsecureAddress,
    /// The connection ended before the head of the answer was complete.
    #[error("the connection ended before an answer")]
    Reset {
        sent: Sent,
        #[source]
        source: hyper::Error,
    },
    /// The origin stopped reading the request.
    #[error("the origin stopped reading the request")]
    WriteStalled,
    /// Nothing (more) of the head arrived in time, or not all of it.
    #[error("no answer in time")]
    ResponseTimeout,
    /// The completion timeout or the target's deadline ended the exchange.
    #[error("the time for the whole exchange is used up")]
    CompletionTimeout,
    /// What arrived is not an acceptable HTTP answer.
    #[error("the answer is not acceptable HTTP: {what}")]
    Malformed {
        /// In which way.
        what: &'static str,
    },
    /// The head of the answer is larger than the limit.
    #[error("the head of the answer is too large")]
    HeaderTooBig,
    /// Another request asked for this one, too.
    #[error("the fetch for all who asked brought no answer")]
    ForAll(Fault),
    /// Nobody may be asked: this is why the last one may not.
    #[error("no origin may be asked: {0}")]
    LeftOut(Why),
    /// Not the origin's fault: the viewer's request body turned bad while it was sent.
    #[error("the viewer's request body turned bad")]
    ViewerBody(#[source] ViewerBodyError),
}

/// Whose fault it is that there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The origin's: what the failover rule is told.
    Origin(Failure, Sent),
    /// The viewer's own: there is nothing to decide.
    Viewer(ViewerBodyError),
    /// Nobody's: an operator wants it so.
    LeftOut(Why),
}

impl OriginError {
    /// Whose fault it is, and of which kind.
    pub(crate) fn fault(&self) -> Fault {
        let (failure, sent) = match self {
            Self::Dns { .. } => (Failure::Dns, Sent::Nothing),
            Self::Connect { .. } => (Failure::Refused, Sent::Nothing),
            Self::ConnectTimeout => (Failure::ConnectTimeout, Sent::Nothing),
            Self::Tls { .. } | Self::InsecureAddress => (Failure::Tls, Sent::Nothing),
            Self::Reset { sent, .. } => (Failure::Reset, *sent),
            Self::WriteStalled => (Failure::WriteStalled, Sent::Something),
            Self::ResponseTimeout => (Failure::ResponseTimeout, Sent::Something),
            Self::CompletionTimeout => (Failure::CompletionTimeout, Sent::Something),
            Self::Malformed { .. } => (Failure::Malformed, Sent::Something),
            Self::HeaderTooBig => (Failure::HeaderTooBig, Sent::Something),
            Self::ForAll(fault) => return *fault,
            Self::ViewerBody(error) => return Fault::Viewer(*error),
            Self::LeftOut(why) => return Fault::LeftOut(*why),
        };
        Fault::Origin(failure, sent)
    }

    /// If the connection was lost before anything was sent: says so.
    pub(crate) fn with_nothing_sent(mut self, nothing_sent: bool) -> Self {
        if let (Self::Reset { sent, .. }, true) = (&mut self, nothing_sent) {
            *sent = Sent::Nothing;
        }
        self
    }
}
