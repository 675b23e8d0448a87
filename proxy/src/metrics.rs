//! Every number that the edge keeps, and their names.

use std::fmt::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use http::StatusCode;
use tideover_config::{Failure, counted};
use tideover_rules::failover::{Attempt, Outcome};

use crate::limit::Limit;

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
    /// By class: 1xx (tunnels), 2xx, 3xx, 4xx, 5xx.
    classes: [Count; 5],
    edge_errors: Count,
    viewer_gone: Count,
    refused_heads: Count,
    panics: Count,
    handshakes_failed: Count,
    /// By [`Fault`], in order of declaration.
    http2_faults: [Count; Fault::ALL.len()],
    connections: Count,
    connections_ended: Count,
    attempts_answered: Count,
    /// By [`Failure`], in order of declaration.
    attempts_failed: [Count; Failure::ALL.len()],
    fell_through: Count,
    /// By [`Limit`], in order of declaration.
    limits_reached: [Count; Limit::ALL.len()],
    bytes_sent: Count,
    tunnels: Count,
    tunnels_ended: Count,
    log_lines_lost: Count,
    added: Histogram,
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

    /// One request is over. `status` is `None` if the viewer went before an answer.
    pub(crate) fn request(
        &self,
        status: Option<u16>,
        made_by_edge: bool,
        bytes: u64,
        added: Duration,
    ) {
        self.requests.add(1);
        self.bytes_sent.add(bytes);
        match status {
            Some(status) => {
                if let Some(class) = self
                    .classes
                    .get(usize::from(status / 100).saturating_sub(1))
                {
                    class.add(1);
                }
                self.edge_errors
                    .add(u64::from(made_by_edge && status >= 400));
                self.added.note(added);
            }
            None => self.viewer_gone.add(1),
        }
    }

    pub(crate) fn attempts(&self, attempts: &[Attempt], delivered: usize) {
        for attempt in attempts {
            match attempt.outcome {
                Outcome::Status(_) => self.attempts_answered.add(1),
                Outcome::Failed(failure) => self.attempts_failed[failure as usize].add(1),
                // Nobody was asked; each origin counts these for itself.
                Outcome::Skipped(_) => {}
            }
        }
        if attempts
            .get(delivered)
            .is_some_and(|attempt| attempt.member > 0)
        {
            self.fell_through.add(1);
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
            lost: self.sum(|c| &c.classes[4]),
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
        let busiest = per_worker.iter().copied().max().unwrap_or(0);
        Summary {
            requests: per_worker.iter().sum(),
            edge_errors: self.sum(|counters| &counters.edge_errors),
            viewer_gone: self.sum(|counters| &counters.viewer_gone),
            refused_heads: self.sum(|counters| &counters.refused_heads),
            log_lines_lost: self.log_lines_lost(),
            panics: self.sum(|counters| &counters.panics),
            added_p50: Histogram::quantile(&self.workers, 0.50),
            added_p99: Histogram::quantile(&self.workers, 0.99),
            workers: per_worker.len(),
            busiest_worker: busiest,
        }
    }

    /// All numbers in Prometheus' text format.
    pub(crate) fn prometheus(&self) -> String {
        let mut text = String::new();
        for (name, help, pick) in COUNTED {
            family(&mut text, name, "counter", help);
            let _ = writeln!(text, "{name} {}", self.sum(pick));
        }
        let name = "tideover_access_log_lines_lost_total";
        let help = "Access log lines dropped because the writer was behind or the file took none.";
        family(&mut text, name, "counter", help);
        let _ = writeln!(text, "{name} {}", self.log_lines_lost());

        let name = "tideover_viewer_connections";
        family(&mut text, name, "gauge", "Viewer connections open now.");
        let open = self
            .sum(|c| &c.connections)
            .saturating_sub(self.sum(|c| &c.connections_ended));
        let _ = writeln!(text, "{name} {open}");

        let name = "tideover_tunnels";
        family(&mut text, name, "gauge", "WebSockets open now.");
        let open = self
            .sum(|c| &c.tunnels)
            .saturating_sub(self.sum(|c| &c.tunnels_ended));
        let _ = writeln!(text, "{name} {open}");

        let name = "tideover_responses_total";
        family(&mut text, name, "counter", "Answers by status class.");
        for (index, class) in ["1xx", "2xx", "3xx", "4xx", "5xx"].into_iter().enumerate() {
            let count = self.sum(|c| &c.classes[index]);
            let _ = writeln!(text, "{name}{{class=\"{class}\"}} {count}");
        }

        let name = "tideover_attempts_total";
        family(&mut text, name, "counter", "Tries at origins by outcome.");
        let answered = self.sum(|c| &c.attempts_answered);
        let _ = writeln!(text, "{name}{{outcome=\"answered\"}} {answered}");
        for failure in Failure::ALL {
            let count = self.sum(|c| &c.attempts_failed[failure as usize]);
            let _ = writeln!(text, "{name}{{outcome=\"{failure}\"}} {count}");
        }

        let name = "tideover_http2_faults_total";
        let help = "HTTP/2 connections ended for what the viewer did, by reason.";
        family(&mut text, name, "counter", help);
        for fault in Fault::ALL {
            let count = self.sum(|c| &c.http2_faults[fault as usize]);
            let _ = writeln!(text, "{name}{{reason=\"{}\"}} {count}", fault.as_str());
        }

        let name = "tideover_limits_reached_total";
        let help = "Viewers that came up against a limit, by the setting that moves it.";
        family(&mut text, name, "counter", help);
        for limit in Limit::ALL {
            let count = self.sum(|c| &c.limits_reached[limit as usize]);
            let limit = limit.name();
            let _ = writeln!(text, "{name}{{limit=\"{limit}\"}} {count}");
        }
        text
    }
}

/// Name, meaning and place of a counter.
type Counted = (&'static str, &'static str, fn(&Counters) -> &Count);

/// Every counter that is one number per worker.
const COUNTED: [Counted; 9] = [
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
    ("tideover_tunnels_total", "WebSockets opened.", |c| {
        &c.tunnels
    }),
    (
        "tideover_panics_total",
        "Connections ended by a bug in the edge.",
        |c| &c.panics,
    ),
];

/// The two lines in front of a metric.
fn family(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
}

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

/// Spans in buckets that grow by a quarter of a power of two, from 1 µs up.
#[derive(Debug)]
struct Histogram([Count; Self::BUCKETS]);

impl Default for Histogram {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Count::default()))
    }
}

impl Histogram {
    const BUCKETS: usize = 128;

    fn bucket(micros: u64) -> usize {
        if micros < 4 {
            return usize::try_from(micros).unwrap_or(0);
        }
        let exponent = micros.ilog2();
        let quarter = (micros >> (exponent - 2)) & 3;
        (usize::try_from(exponent).unwrap_or(0) * 4 + usize::try_from(quarter).unwrap_or(0) - 4)
            .min(Self::BUCKETS - 1)
    }

    /// The largest span, in microseconds, that falls into `bucket`.
    fn upper(bucket: usize) -> u64 {
        if bucket < 4 {
            return bucket as u64;
        }
        let (exponent, quarter) = ((bucket + 4) / 4, (bucket % 4) as u64);
        ((5 + quarter) << (exponent - 2)) - 1
    }

    fn note(&self, span: Duration) {
        let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        self.0[Self::bucket(micros)].add(1);
    }

    fn quantile(workers: &[Arc<Counters>], share: f64) -> Duration {
        let counts: Vec<u64> = (0..Self::BUCKETS)
            .map(|bucket| {
                workers
                    .iter()
                    .map(|worker| worker.added.0[bucket].get())
                    .sum()
            })
            .collect();
        let total: u64 = counts.iter().sum();
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank"
        )]
        let rank = (total as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (bucket, count) in counts.into_iter().enumerate() {
            seen += count;
            if seen >= rank && seen > 0 {
                return Duration::from_micros(Self::upper(bucket));
            }
        }
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_span_falls_into_a_bucket_that_holds_it_and_is_a_quarter_wide_at_most() {
        for micros in (0..5_000).chain([10_000, 1_000_000, 60_000_000]) {
            let bucket = Histogram::bucket(micros);
            let upper = Histogram::upper(bucket);
            assert!(micros <= upper, "{micros} in bucket {bucket} up to {upper}");
            assert!(
                upper <= micros + micros / 4 + 1,
                "{micros} in bucket {bucket} up to {upper}"
            );
        }
    }
}
