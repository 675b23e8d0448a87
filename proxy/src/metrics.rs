//! Every number that the edge keeps. Their names are in [`exposition`] and [`mod@living`].

mod answers;
mod cached;
mod exposition;
mod failovers;
mod histogram;
mod living;
mod reading;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::StatusCode;
use tideover_config::counted;
use tideover_rules::failover::Attempt;

use crate::limit::Limit;
pub(crate) use answers::{Answers, Classes};
pub(crate) use cached::{CacheUse, Hits};
pub(crate) use exposition::Exposition;
use failovers::Failovers;
use histogram::Histogram;
pub(crate) use living::living;
pub(crate) use reading::{Came, Reading};

/// The counters of all workers.
#[derive(Debug)]
pub(crate) struct EdgeCounters {
    workers: Vec<Arc<Counters>>,
    /// Lines that reached the log's writer and that the file did not take; added to by the writer alone.
    unwritten_lines: Arc<AtomicU64>,
}

/// One worker's counters: written by that worker alone, read by anyone; so a load and a store do, without a lock.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Counters {
    requests: Count,
    /// Answers that are of no distribution.
    nobodys: Classes,
    /// Answers of 500 and above, whoever's they were.
    server_errors: Count,
    edge_errors: Count,
    viewer_gone: Count,
    refused_heads: Count,
    panics: Count,
    handshakes_failed: Count,
    /// By [`Fault`], in order of declaration.
    http2_faults: [Count; Fault::ALL.len()],
    connections: Count,
    connections_ended: Count,
    fell_through: Count,
    failovers: Failovers,
    /// By [`Limit`], in order of declaration.
    limits_reached: [Count; Limit::ALL.len()],
    bytes_sent: Count,
    bytes_received: Count,
    tunnels: Count,
    tunnels_ended: Count,
    log_lines_lost: Count,
    added: Histogram,
    /// Times from a request's head to its answer's.
    first_byte: Histogram,
    /// Where the system tells of the worker's thread.
    thread: OnceLock<PathBuf>,
    pulse: Count,
}

/// A number that one thread adds to.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, more: u64) {
        self.0
            .store(self.0.load(Relaxed).wrapping_add(more), Relaxed);
    }

    /// For what is looked at anew each time.
    pub(crate) fn set(&self, number: u64) {
        self.0.store(number, Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// How a viewer's connection ended, as far as a request's own line does not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnectionEnd {
    /// Between requests, or after an answer.
    Good,
    /// hyper refused the head with this status (400, 414 or 431) and an empty body before the story saw it.
    RefusedHead(StatusCode),
    /// The viewer went away.
    Broken,
    /// The time of this limit is over.
    OutOfTime(Limit),
    /// Over HTTP/2 the viewer did this.
    Faulty(Fault),
}

/// Why the edge ended an HTTP/2 connection: the codes of RFC 9113, section 7, that a viewer can earn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    ProtocolError,
    FlowControlError,
    StreamClosed,
    FrameSizeError,
    CompressionError,
    /// A flood, of whatever.
    EnhanceYourCalm,
    /// Any other code.
    Other,
}

impl Fault {
    const ALL: [Self; 7] = [
        Self::ProtocolError,
        Self::FlowControlError,
        Self::StreamClosed,
        Self::FrameSizeError,
        Self::CompressionError,
        Self::EnhanceYourCalm,
        Self::Other,
    ];

    /// As in metrics and in the log.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::ProtocolError => "protocol_error",
            Self::FlowControlError => "flow_control_error",
            Self::StreamClosed => "stream_closed",
            Self::FrameSizeError => "frame_size_error",
            Self::CompressionError => "compression_error",
            Self::EnhanceYourCalm => "enhance_your_calm",
            Self::Other => "other",
        }
    }
}

impl Counters {
    /// The worker whose thread this is begins.
    pub(crate) fn begin(&self) {
        // Nothing where there is no /proc.
        if let Ok(thread) = std::fs::read_link("/proc/thread-self") {
            let _ = self.thread.set(Path::new("/proc").join(thread));
        }
    }

    /// What the worker's thread has used of a processor, where the system tells.
    fn busy(&self) -> Option<Duration> {
        let text = std::fs::read_to_string(self.thread.get()?.join("schedstat")).ok()?;
        let nanos = text.split_ascii_whitespace().next()?.parse().ok()?;
        Some(Duration::from_nanos(nanos))
    }

    /// The worker has turned its loop.
    pub(crate) fn pulse(&self) {
        self.pulse.add(1);
    }

    pub(crate) fn viewer_came(&self) {
        self.connections.add(1);
    }

    pub(crate) fn viewer_ended(&self, ended: &Result<(), tokio::task::JoinError>) {
        self.connections_ended.add(1);
        if ended.as_ref().is_err_and(tokio::task::JoinError::is_panic) {
            self.panics.add(1);
            tracing::error!("a panic ended one viewer's connection; this is a bug in the edge");
        }
    }

    pub(crate) fn tunnel_opened(&self) {
        self.tunnels.add(1);
    }

    pub(crate) fn tunnel_ended(&self) {
        self.tunnels_ended.add(1);
    }

    pub(crate) fn stream_panicked(&self) {
        self.panics.add(1);
        tracing::error!("a panic ended one viewer's request; this is a bug in the edge");
    }

    pub(crate) fn handshake_failed(&self) {
        self.handshakes_failed.add(1);
    }

    pub(crate) fn connection_end(&self, end: ConnectionEnd) {
        match end {
            ConnectionEnd::Faulty(fault) => self.http2_faults[fault as usize].add(1),
            ConnectionEnd::RefusedHead(status) => {
                self.refused_heads.add(1);
                if let Some(limit) = Limit::of_refused_head(status) {
                    self.limit_reached(limit);
                }
            }
            ConnectionEnd::OutOfTime(limit) => self.limit_reached(limit),
            ConnectionEnd::Good | ConnectionEnd::Broken => {}
        }
    }

    pub(crate) fn limit_reached(&self, limit: Limit) {
        self.limits_reached[limit as usize].add(1);
    }

    /// One request is over, which was answered: with `status`, by the edge itself or not, after the edge had `added` to the
    /// time of its origin, `first_byte` after its head. `classes` is its distribution's part of the answers.
    pub(crate) fn answered(
        &self,
        status: StatusCode,
        classes: Option<&Classes>,
        made_by_edge: bool,
        added: Duration,
        first_byte: Duration,
    ) {
        self.requests.add(1);
        classes.unwrap_or(&self.nobodys).add(status);
        self.edge_errors
            .add(u64::from(made_by_edge && status.as_u16() >= 400));
        if status.is_server_error() {
            self.server_errors.add(1);
        }
        self.added.note(added);
        self.first_byte.note(first_byte);
    }

    /// One request is over, whose viewer went before an answer.
    pub(crate) fn unanswered(&self) {
        self.requests.add(1);
        self.viewer_gone.add(1);
    }

    /// Bytes of a request's body, and of its answer's.
    pub(crate) fn bytes(&self, received: u64, sent: u64) {
        self.bytes_received.add(received);
        self.bytes_sent.add(sent);
    }

    /// The attempts of one request; each origin counts its own for itself.
    pub(crate) fn attempts(&self, attempts: &[Attempt], delivered: usize) {
        // Most requests have one, and that is all there is to say.
        if attempts.len() > 1 {
            let delivered = attempts.get(delivered);
            self.fell_through
                .add(u64::from(delivered.is_some_and(|it| it.member > 0)));
            self.failovers.note(attempts, delivered);
        }
    }

    pub(crate) fn log_lines_lost(&self, lines: u64) {
        self.log_lines_lost.add(lines);
    }
}

impl EdgeCounters {
    pub(crate) fn new(workers: usize) -> Self {
        Self {
            workers: (0..workers).map(|_| Arc::default()).collect(),
            unwritten_lines: Arc::default(),
        }
    }

    /// How often each worker has looked after itself.
    pub(crate) fn pulses(&self) -> Vec<u64> {
        self.workers
            .iter()
            .map(|worker| worker.pulse.get())
            .collect()
    }

    /// Where the log's writer counts lines that it could not write.
    pub(crate) fn unwritten_lines(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.unwritten_lines)
    }

    fn log_lines_lost(&self) -> u64 {
        self.sum(|counters| &counters.log_lines_lost) + self.unwritten_lines.load(Relaxed)
    }

    pub(crate) fn of(&self, worker: usize) -> Arc<Counters> {
        Arc::clone(&self.workers[worker])
    }

    fn sum(&self, pick: impl Fn(&Counters) -> &Count) -> u64 {
        self.workers.iter().map(|worker| pick(worker).get()).sum()
    }

    pub(crate) fn totals(&self) -> Totals {
        Totals {
            requests: self.sum(|c| &c.requests),
            lost: self.sum(|c| &c.server_errors),
            viewer_gone: self.sum(|c| &c.viewer_gone),
            fell_through: self.sum(|c| &c.fell_through),
        }
    }

    pub(crate) fn summary(&self) -> Summary {
        let per_worker: Vec<u64> = self
            .workers
            .iter()
            .map(|worker| worker.requests.get())
            .collect();
        let added = self.each(|c| &c.added);
        let busiest = per_worker.iter().copied().max().unwrap_or(0);
        Summary {
            requests: per_worker.iter().sum(),
            edge_errors: self.sum(|counters| &counters.edge_errors),
            viewer_gone: self.sum(|counters| &counters.viewer_gone),
            refused_heads: self.sum(|counters| &counters.refused_heads),
            log_lines_lost: self.log_lines_lost(),
            panics: self.sum(|counters| &counters.panics),
            added_p50: Histogram::quantile(&added, 0.50),
            added_p99: Histogram::quantile(&added, 0.99),
            workers: per_worker.len(),
            busiest_worker: busiest,
        }
    }

    /// Writes every number that is nobody's in particular.
    pub(crate) fn expose(&self, text: &mut Exposition) {
        for (name, help, pick) in COUNTED {
            text.counter(name, help);
            text.sample(&[], self.sum(pick));
        }
        let help = "Access log lines dropped because the writer was behind or the file took none.";
        text.counter("tideover_access_log_lines_lost_total", help);
        text.sample(&[], self.log_lines_lost());
        for (name, help, began, ended) in OPEN {
            text.gauge(name, help);
            text.sample(&[], self.sum(began).saturating_sub(self.sum(ended)));
        }

        let help = "HTTP/2 connections ended for what the viewer did, by reason.";
        text.counter("tideover_http2_faults_total", help);
        for fault in Fault::ALL {
            let count = self.sum(|c| &c.http2_faults[fault as usize]);
            text.sample(&[("reason", fault.as_str())], count);
        }

        let help = "Viewers that came up against a limit, by the setting that moves it.";
        text.counter("tideover_limits_reached_total", help);
        for limit in Limit::ALL {
            let count = self.sum(|c| &c.limits_reached[limit as usize]);
            text.sample(&[("limit", limit.name())], count);
        }

        Failovers::expose(&self.each(|c| &c.failovers), text);
        let help = "Time from a request's head to its answer's that the attempt which was delivered does not account for.";
        text.histogram("tideover_added_seconds", help);
        Histogram::expose(&self.each(|c| &c.added), text);

        let help = "Processor time of each worker's thread; its rate is the share of the time in which that is busy.";
        text.counter("tideover_worker_busy_seconds_total", help);
        for (index, worker) in self.workers.iter().enumerate() {
            if let Some(busy) = worker.busy() {
                text.sample(&[("worker", &index.to_string())], busy.as_secs_f64());
            }
        }
    }

    fn each<T>(&self, pick: impl Fn(&Counters) -> &T) -> Vec<&T> {
        self.workers.iter().map(|worker| pick(worker)).collect()
    }

    /// Answers that are of no distribution: to hosts that nobody knows, and to heads that are unfit.
    fn nobodys(&self) -> [u64; 5] {
        Classes::sum(self.each(|c| &c.nobodys))
    }
}

/// Name, meaning, and what it is the difference of.
type Open = (
    &'static str,
    &'static str,
    fn(&Counters) -> &Count,
    fn(&Counters) -> &Count,
);

const OPEN: [Open; 2] = [
    (
        "tideover_viewer_connections",
        "Viewer connections open now.",
        |c| &c.connections,
        |c| &c.connections_ended,
    ),
    (
        "tideover_tunnels",
        "WebSockets open now.",
        |c| &c.tunnels,
        |c| &c.tunnels_ended,
    ),
];

/// Name, meaning and place of a counter.
type Counted = (&'static str, &'static str, fn(&Counters) -> &Count);

/// Every counter that is one number per worker.
const COUNTED: [Counted; 11] = [
    (
        "tideover_requests_total",
        "Requests whose last byte was sent or lost.",
        |c| &c.requests,
    ),
    (
        "tideover_edge_errors_total",
        "Answers of 400 and above that the edge made itself.",
        |c| &c.edge_errors,
    ),
    (
        "tideover_viewer_gone_total",
        "Requests whose viewer left before an answer.",
        |c| &c.viewer_gone,
    ),
    (
        "tideover_refused_heads_total",
        "Heads that were no HTTP, or too large to be read.",
        |c| &c.refused_heads,
    ),
    (
        "tideover_failed_handshakes_total",
        "TLS handshakes with viewers that failed or took too long.",
        |c| &c.handshakes_failed,
    ),
    (
        "tideover_fell_through_total",
        "Requests answered by a member other than the first.",
        |c| &c.fell_through,
    ),
    (
        "tideover_sent_bytes_total",
        "Bytes sent to viewers in bodies and WebSockets.",
        |c| &c.bytes_sent,
    ),
    (
        "tideover_received_bytes_total",
        "Bytes received from viewers in bodies and WebSockets.",
        |c| &c.bytes_received,
    ),
    (
        "tideover_viewer_connections_total",
        "Viewer connections that were opened.",
        |c| &c.connections,
    ),
    ("tideover_tunnels_total", "WebSockets opened.", |c| {
        &c.tunnels
    }),
    (
        "tideover_panics_total",
        "Connections ended by a bug in the edge.",
        |c| &c.panics,
    ),
];

/// What came of the requests so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) requests: u64,
    /// Answered with a 5xx, whoever's it was.
    pub(crate) lost: u64,
    /// The viewer left before an answer.
    pub(crate) viewer_gone: u64,
    /// Answered by another member than the first.
    pub(crate) fell_through: u64,
}

impl Totals {
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            requests: self.requests.saturating_sub(before.requests),
            lost: self.lost.saturating_sub(before.lost),
            viewer_gone: self.viewer_gone.saturating_sub(before.viewer_gone),
            fell_through: self.fell_through.saturating_sub(before.fell_through),
        }
    }
}

/// What a run of the edge came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Requests whose last byte was sent or lost.
    pub requests: u64,
    /// Answers of 400 and above that the edge made itself.
    pub edge_errors: u64,
    /// Requests whose viewer left before an answer.
    pub viewer_gone: u64,
    /// Heads that were refused before they became a request.
    pub refused_heads: u64,
    /// Access log lines that were dropped because the writer was behind or the file took none.
    pub log_lines_lost: u64,
    /// Connections that a bug in the edge ended.
    pub panics: u64,
    /// Median of the time from a request's head to its answer's head, less the time of the attempt that was delivered.
    pub added_p50: Duration,
    /// Its 99th percentile.
    pub added_p99: Duration,
    /// Threads that served viewers.
    pub workers: usize,
    /// Requests of the one with the most.
    pub busiest_worker: u64,
}

impl fmt::Display for Summary {
    /// One line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = (self.busiest_worker * 100)
            .checked_div(self.requests)
            .unwrap_or(0);
        write!(
            f,
            "{}, {} made by the edge, time the edge added p50 {:?} p99 {:?}, busiest of {} {share} %",
            counted(self.requests, "request"),
            counted(self.edge_errors, "error"),
            self.added_p50,
            self.added_p99,
            counted(self.workers as u64, "worker"),
        )?;
        if self.log_lines_lost > 0 {
            let lines = counted(self.log_lines_lost, "access log line");
            write!(f, ", {lines} lost")?;
        }
        Ok(())
    }
}
