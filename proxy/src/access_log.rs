//! The access log: one line per request, written when its last byte is gone.
//!
//! A [`Line`] is opened when a request begins and rides in the answer's body; dropping it ends the request: it is
//! counted, formatted into its worker's buffer, and full buffers go to the one thread that writes the file. Nothing here
//! waits: lines that the writer cannot take are lost, counted and said.

mod format;
mod writer;

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use http::request::Parts;
use http::{HeaderValue, StatusCode, Version, header};
use tideover_config::{Distribution, LogFormat, LogTo, ViewerScheme};
use tideover_rules::cache::verdict::Verdict;
use tideover_rules::failover::Attempt;
use tideover_rules::fields::{Fields, Survey, bytes_of};
use tideover_rules::told::ResultType;

use crate::clock::Moment;
use crate::falls::{Fall, fell_through};
use crate::limit::Limit;
use crate::live::Routed;
use crate::message::BodyWatch;
use crate::metrics::Fault;
use crate::origin::Struck;
use crate::viewer::{Handshake, Peer};
use crate::worker::{View, Worker};

pub(crate) use format::rfc3339;
pub(crate) use writer::{LogBuffer, LogWriter};

/// One request, from its head to its last byte. Its drop is where the request ends.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) worker: Rc<Worker>,
    pub(crate) view: Rc<View>,
    pub(crate) peer: Rc<Peer>,
    /// The viewer's head, as it came.
    pub(crate) request: Parts,
    survey: Survey,
    /// `Host` as it came, the first one.
    pub(crate) host: Option<HeaderValue>,
    pub(crate) request_id: HeaderValue,
    pub(crate) watch: Option<Rc<BodyWatch>>,
    started: Moment,
    answered: Option<Answered>,
    sent_bytes: u64,
    ending: Ending,
    /// It is one of the requests at once that are counted.
    has_place: Cell<bool>,
}

/// What is known when the head of the answer is ready.
#[derive(Debug)]
struct Answered {
    status: StatusCode,
    facts: Facts,
    first_byte: Duration,
    head_bytes: u64,
    content_type: Option<HeaderValue>,
    content_length: Option<u64>,
    /// Seconds, of what is kept.
    age: Option<u32>,
}

/// What the steps of a request found out about it.
#[derive(Debug)]
pub(crate) struct Facts {
    /// Position of the distribution in the edge's list.
    pub(crate) distribution: Option<usize>,
    /// Position of the behavior in the distribution's list.
    pub(crate) behavior: Option<usize>,
    pub(crate) target: Option<Routed>,
    pub(crate) attempts: Vec<Attempt>,
    /// Which of them came up against a fault on command.
    pub(crate) struck: Struck,
    /// Which attempt's outcome the viewer got.
    pub(crate) delivered: usize,
    pub(crate) result: ResultType,
    /// `x-edge-detailed-result-type`.
    pub(crate) detail: &'static str,
    /// How the cache took part; `None`: there is none for this request.
    pub(crate) cache: Option<Verdict>,
    /// The answer is the edge's own, not an origin's.
    pub(crate) made_by_edge: bool,
    /// What the request came up against, as far as the answer is made by it.
    pub(crate) limit: Option<Limit>,
}

/// How the answer's body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It is still on its way, or the viewer left.
    Unfinished,
    /// Every byte was handed over.
    Whole,
    /// The origin did not deliver all of it.
    CutByOrigin,
    /// A tunnel in which nobody said anything for too long.
    Idle,
    /// A tunnel that was still there at the end of a drain.
    Drained,
}

impl Ending {
    /// Of a tunnel that the edge ended, in the log.
    fn by_the_edge(self) -> Option<&'static str> {
        match self {
            Self::Idle => Some("TunnelIdle"),
            Self::Drained => Some("TunnelDrained"),
            Self::Unfinished | Self::Whole | Self::CutByOrigin => None,
        }
    }
}

impl Line {
    pub(crate) fn worker(&self) -> &Worker {
        &self.worker
    }

    pub(crate) fn open(
        worker: Rc<Worker>,
        view: Rc<View>,
        peer: Rc<Peer>,
        request: Parts,
        watch: Option<Rc<BodyWatch>>,
    ) -> Box<Self> {
        peer.is_served();
        let request_id = worker.ids.borrow_mut().next();
        Box::new(Self {
            worker,
            view,
            peer,
            host: request.headers.get(header::HOST).cloned(),
            survey: Survey::of(&request.headers),
            request,
            request_id,
            watch,
            started: Moment::now(),
            answered: None,
            sent_bytes: 0,
            ending: Ending::Unfinished,
            has_place: Cell::new(false),
        })
    }

    /// Whether it may be one more of the requests at once. It is one until its last byte.
    pub(crate) fn takes_a_place(&self) -> bool {
        let most = self.view.live.most_requests;
        let is_admitted = self.worker.shared.crowd.admits_request(most);
        self.has_place.set(is_admitted);
        is_admitted
    }

    /// The head of the answer is ready to go out.
    pub(crate) fn answer(
        &mut self,
        head: &http::response::Parts,
        content_length: Option<u64>,
        facts: Facts,
    ) {
        let logged = self.view.live.edge.access_log.to != LogTo::Off;
        self.answered = Some(Answered {
            status: head.status,
            first_byte: self.took_so_far(),
            // Status line, one line each, an empty line.
            head_bytes: if logged {
                17 + (bytes_of(&head.headers) + "\r\n".len()) as u64
            } else {
                0
            },
            content_type: head
                .headers
                .get(header::CONTENT_TYPE)
                .cloned()
                .filter(|_| logged),
            content_length,
            age: self.age(head, &facts),
            facts,
        });
    }

    /// What `head` says of the age of an answer that the cache took part in, where that is logged.
    fn age(&self, head: &http::response::Parts, facts: &Facts) -> Option<u32> {
        let log = &self.view.live.edge.access_log;
        if facts.cache.is_none() || log.to == LogTo::Off || log.format != LogFormat::Json {
            return None;
        }
        head.headers.get(header::AGE)?.to_str().ok()?.parse().ok()
    }

    /// The fields of the viewer's head.
    pub(crate) fn fields(&self) -> Fields<'_> {
        self.survey.fields(&self.request.headers)
    }

    /// Nominal time since its head came, by the system's clock and not by the turn: what the edge did in it counts.
    pub(crate) fn took_so_far(&self) -> Duration {
        let clock = self.view.live.clock;
        clock.nominal(Moment::read().since(self.started))
    }

    pub(crate) fn add_sent(&mut self, bytes: u64) {
        self.sent_bytes += bytes;
    }

    /// What came behind the request and is counted with it.
    pub(crate) fn add_received(&mut self, bytes: u64) {
        let watch = self.watch.get_or_insert_with(Rc::default);
        watch.bytes.set(watch.bytes.get() + bytes);
    }

    /// Bytes of its body.
    fn received_bytes(&self) -> u64 {
        self.watch.as_ref().map_or(0, |watch| watch.bytes.get())
    }

    pub(crate) fn end(&mut self, ending: Ending) {
        self.ending = ending;
    }

    /// For who asks why; told of some, where there are many.
    #[cold]
    fn tell_of_a_fall(&self, answered: &Answered) {
        let left = &self.worker.falls_left;
        let Some(less) = left.get().checked_sub(1) else {
            return;
        };
        if fell_through(&answered.facts.attempts) {
            left.set(less);
            let fall = Fall::of(self, &answered.facts, answered.status, answered.first_byte);
            if let Some(fall) = fall {
                self.worker.shared.falls.tell(fall);
            }
        }
    }

    /// What it came up against.
    fn limit(&self) -> Option<Limit> {
        let of_answer = self.answered.as_ref().and_then(|a| a.facts.limit);
        let fault = self.watch.as_ref().and_then(|watch| watch.fault.get());
        of_answer.or_else(|| fault.and_then(Limit::of_body))
    }

    fn distribution(&self) -> Option<&Distribution> {
        let index = self.answered.as_ref()?.facts.distribution?;
        self.view.live.edge.distributions.get(index)
    }
}

impl Answered {
    /// Time from the request's head to the answer's head that no delivered attempt accounts for.
    fn added(&self) -> Duration {
        let facts = &self.facts;
        self.first_byte.saturating_sub(
            facts
                .attempts
                .get(facts.delivered)
                .map_or(Duration::ZERO, |a| a.took),
        )
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.peer.has_its_turn();
        if self.has_place.get() {
            self.worker.shared.crowd.request_is_over();
        }
        let counters = &self.worker.counters;
        if let Some(limit) = self.limit() {
            counters.limit_reached(limit);
        }
        counters.bytes(self.received_bytes(), self.sent_bytes);
        match &self.answered {
            Some(answered) => {
                let facts = &answered.facts;
                counters.attempts(&facts.attempts, facts.delivered);
                let live = &self.view.live;
                let answers = facts.distribution.and_then(|it| live.answers.get(it));
                counters.answered(
                    answered.status,
                    answers.and_then(|answers| answers.of(self.view.worker)),
                    facts.made_by_edge,
                    answered.added(),
                    answered.first_byte,
                );
                if let Some(verdict) = facts.cache
                    && let Some(used) = live.cache_use_of(facts.distribution, facts.behavior)
                    && let Some(used) = used.of(self.view.worker)
                {
                    used.note(verdict, self.sent_bytes);
                }
                if facts.attempts.len() > 1 {
                    self.tell_of_a_fall(answered);
                }
            }
            None => counters.unanswered(),
        }
        let log = &self.view.live.edge.access_log;
        if log.to != LogTo::Off {
            self.worker
                .log
                .borrow_mut()
                .write(&self.worker.counters, |buffer, second| {
                    format::line(buffer, second, log, self);
                });
        }
    }
}

/// What never became a request: a head, or a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused {
    /// What was answered; `None`: nothing.
    pub(crate) status: Option<StatusCode>,
    pub(crate) result: ResultType,
    /// `x-edge-detailed-result-type`.
    pub(crate) detail: &'static str,
    pub(crate) limit: Option<Limit>,
    /// What was wrong with how HTTP/2 was spoken.
    pub(crate) fault: Option<Fault>,
}

/// Who it came from, and how: all that is known of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sender<'p> {
    pub(crate) address: SocketAddr,
    pub(crate) scheme: ViewerScheme,
    /// `None`: a plain connection, or no hands were shaken yet.
    pub(crate) tls: Option<&'p Handshake>,
    /// `None`: it is not known yet what is spoken.
    pub(crate) version: Option<Version>,
}

impl<'p> Sender<'p> {
    pub(crate) fn of(peer: &'p Peer, version: Version) -> Self {
        Self {
            address: SocketAddr::new(peer.address, peer.port),
            scheme: peer.scheme,
            tls: peer.tls.as_ref(),
            version: Some(version),
        }
    }
}

/// A line for what was refused before it became a request.
pub(crate) fn refused(worker: &Worker, sender: Sender<'_>, refused: Refused) {
    let view = worker.view();
    let log = &view.live.edge.access_log;
    if log.to != LogTo::Off {
        worker
            .log
            .borrow_mut()
            .write(&worker.counters, |buffer, second| {
                format::refused(buffer, second, log.format, sender, refused);
            });
    }
}
