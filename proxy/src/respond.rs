//! Every outcome -> what the viewer sees: the one place where an error gets a status, words and headers.

mod cached;
mod maintenance;
mod page;
mod told_before;

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use tideover_config::{AttemptsShown, Distribution, MethodSet, OriginId, Voice, WriteError};
use tideover_rules::admit::{Host, Malformed};
use tideover_rules::cache::verdict::Verdict;
use tideover_rules::error_page::status_of;
use tideover_rules::failover::Sent;
use tideover_rules::fields::Known;
use tideover_rules::headers;
use tideover_rules::route::{Refusal, Route, https_location};
use tideover_rules::told::{self, AnsweredBy, ResultType};

use crate::access_log::{Facts, Line};
use crate::body::Body;
use crate::clock::Clock;
use crate::error::{Fault, OriginError};
use crate::limit::Limit;
use crate::message::ViewerBodyError;
use crate::origin::{Answer, Fetched, OriginAnswer, Struck, Trail, Wanted, page_of};
use crate::worker::{View, Worker};
pub(crate) use cached::{asked_for, fill, kept, sliced};
pub(crate) use maintenance::maintenance;
use page::{Cause, Page};
use told_before::Told;
pub(crate) use told_before::ToldBefore;

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
const TIDEOVER_ATTEMPTS: HeaderName = HeaderName::from_static("tideover-attempts");
const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");
/// Headers that an origin's answer gets from us at most, `Via` included.
const MADE: usize = 6;

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
const X_CACHE: HeaderName = HeaderName::from_static("x-cache");
/// When it makes sense to try again after a limit on load.
const COME_BACK_AFTER: Duration = Duration::from_secs(1);

/// An answer with what was found out about the request.
pub(crate) struct Reply {
    pub(crate) response: Response<Body>,
    pub(crate) facts: Facts,
    /// A custom error response may stand in its place.
    pub(crate) may_be_replaced: bool,
}

impl Reply {
    pub(crate) fn status(&self) -> StatusCode {
        self.response.status()
    }
}

/// In whose voice an answer is given, and to whom.
#[derive(Clone, Copy)]
pub(crate) struct Speaker<'a> {
    view: &'a View,
    line: &'a Line,
    distribution: Option<&'a Distribution>,
    voice: &'a Voice,
}

impl<'a> Speaker<'a> {
    /// Where no distribution was found, the first one's voice is used.
    pub(crate) fn of(
        view: &'a View,
        line: &'a Line,
        distribution: Option<&'a Distribution>,
    ) -> Self {
        let first = view
            .live
            .edge
            .distributions
            .first()
            .expect("compile checked that there is a distribution");
        Self {
            view,
            line,
            distribution,
            voice: &distribution.unwrap_or(first).voice,
        }
    }

    fn facts(self, result: ResultType, detail: &'static str) -> Facts {
        Facts {
            distribution: self.distribution.map(|one| one.position),
            behavior: None,
            target: None,
            attempts: Vec::new(),
            struck: Struck::default(),
            delivered: 0,
            result,
            detail,
            cache: None,
            made_by_edge: true,
            limit: None,
        }
    }

    /// Of what was asked of origins, as far as any were.
    fn facts_of(self, wanted: Wanted<'_>, trail: Trail, cache: Option<Verdict>) -> Facts {
        let mut facts = self.facts(ResultType::Miss, ResultType::Miss.word());
        facts.behavior = Some(wanted.route.behavior_index);
        facts.target = Some(wanted.routed);
        facts.attempts = trail.attempts;
        facts.struck = trail.struck;
        facts.delivered = trail.delivered;
        facts.cache = cache;
        facts
    }

    pub(crate) fn worker(self) -> &'a Worker {
        self.line.worker()
    }

    pub(crate) fn line(self) -> &'a Line {
        self.line
    }

    pub(crate) fn clock(self) -> Clock {
        self.view.live.clock
    }

    /// How the cache took part, for those who may know.
    fn tell_of_the_cache(self, headers: &mut HeaderMap, facts: &Facts) {
        if let Some(verdict) = facts.cache
            && self.may_know(&self.voice.attempts)
        {
            let position = facts.distribution.unwrap_or(usize::MAX);
            let before = &self.view.told_before;
            let told = before.recall_verdict(position, &self.voice.name, verdict);
            headers.append(CACHE_STATUS, told);
        }
    }

    /// What every answer carries: verdict, way, ids.
    fn sign(self, headers: &mut HeaderMap, result: ResultType) {
        headers.insert(X_CACHE, told::x_cache(&self.voice.name, result));
        if let Some((name, value)) = &self.voice.pop {
            headers.insert(name, value.clone());
        }
        headers.insert(&self.voice.request_id, self.line.request_id.clone());
    }

    /// What was tried, for those who may know.
    fn tell(
        self,
        headers: &mut HeaderMap,
        wanted: Option<Wanted<'_>>,
        facts: &Facts,
        by: AnsweredBy,
        refusal: Option<&Refusal>,
    ) {
        if !self.may_know(&self.voice.attempts) {
            return;
        }
        let target = wanted.map(|wanted| wanted.route.target);
        let origins = &self.view.live.edge.origins;
        let tell = || Told {
            proxy_status: told::proxy_status(
                &self.voice.name,
                target,
                origins,
                &facts.attempts,
                by,
                refusal,
            ),
            attempts: target.map(|target| told::attempts(target, origins, &facts.attempts)),
        };
        let told = match (facts.distribution, facts.target, facts.attempts.as_slice()) {
            (Some(distribution), Some(target), [attempt]) => {
                let facts = (distribution, target, *attempt, by);
                self.view.told_before.recall(facts, tell)
            }
            _ => tell(),
        };
        headers.append(PROXY_STATUS, told.proxy_status);
        if let Some(attempts) = told.attempts {
            headers.insert(TIDEOVER_ATTEMPTS, attempts);
        }
    }

    /// How long it took, for those who may know. An origin's own stays beside it.
    fn tell_time(self, headers: &mut HeaderMap, facts: &Facts) {
        if !self.may_know(&self.voice.server_timing) {
            return;
        }
        let first_byte = self.line.took_so_far();
        let target = facts.target.map(|target| self.view.live.target(target));
        let origins = &self.view.live.edge.origins;
        let attempts: Duration = facts.attempts.iter().map(|attempt| attempt.took).sum();
        let edge = first_byte.saturating_sub(attempts);
        let role = facts.cache.map(Verdict::role);
        let timing = told::server_timing(target, origins, &facts.attempts, edge, role);
        headers.append(SERVER_TIMING, timing);
    }

    fn may_know(self, shown: &AttemptsShown) -> bool {
        match shown {
            AttemptsShown::Public => true,
            AttemptsShown::Off => false,
            AttemptsShown::Token(secret) => self
                .line
                .fields()
                .first(Known::TideoverToken)
                .is_some_and(|sent| secret.is(sent.as_bytes())),
        }
    }

    /// An answer that the edge makes itself.
    fn page(self, page: &Page<'_>, result: ResultType) -> Response<Body> {
        let (content_type, text) = page.render(
            self.voice,
            &self.line.request.headers,
            &self.line.request_id,
        );
        let mut response = Response::new(Body::full(text));
        *response.status_mut() = page.status;
        let headers = response.headers_mut();
        headers.insert(header::SERVER, self.voice.server.clone());
        headers.insert(header::CONTENT_TYPE, content_type);
        headers.insert(header::VIA, self.voice.via.by_http_1_1().clone());
        self.sign(headers, result);
        response
    }
}

/// Says in `headers` of an answer, which is ready but for that, how long it took; where nobody asked for it, nothing.
pub(crate) fn time(line: &Line, headers: &mut HeaderMap, facts: &Facts) {
    let distributions = &line.view.live.edge.distributions;
    let Some(distribution) = facts.distribution.and_then(|it| distributions.get(it)) else {
        return;
    };
    match distribution.voice.server_timing {
        AttemptsShown::Off => {}
        AttemptsShown::Public | AttemptsShown::Token(_) => {
            Speaker::of(&line.view, line, Some(distribution)).tell_time(headers, facts);
        }
    }
}

/// For load balancers that ask the traffic port.
pub(crate) fn health(speaker: Speaker<'_>, is_ready: bool) -> Reply {
    let (status, text): (_, &[u8]) = if is_ready {
        (StatusCode::OK, b"ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, b"draining\n")
    };
    let mut response = Response::new(Body::full(Bytes::from_static(text)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Reply {
        response,
        facts: speaker.facts(ResultType::Miss, "Miss"),
        may_be_replaced: false,
    }
}

/// For the authority that a certificate is ordered from. Source: RFC 8555, section 8.3.
pub(crate) fn proof(speaker: Speaker<'_>, proof: Bytes) -> Reply {
    let mut reply = health(speaker, true);
    let headers = reply.response.headers_mut();
    let kind = HeaderValue::from_static("application/octet-stream");
    headers.insert(header::CONTENT_TYPE, kind);
    *reply.response.body_mut() = Body::full(proof);
    reply
}

/// A head that is not fit to be forwarded: 400 or 417, and the connection is closed.
pub(crate) fn malformed(speaker: Speaker<'_>, malformed: Malformed) -> Reply {
    let page = Page {
        status: malformed.status(),
        cause: Cause::Malformed(malformed),
        retry_after: None,
    };
    let facts = speaker.facts(ResultType::Error, "InvalidRequestHeader");
    let mut response = speaker.page(&page, ResultType::Error);
    close(response.headers_mut());
    speaker.tell(response.headers_mut(), None, &facts, AnsweredBy::Edge, None);
    Reply {
        response,
        facts,
        may_be_replaced: false,
    }
}

/// What routing decided against an origin's answer.
pub(crate) fn refused(speaker: Speaker<'_>, refusal: &Refusal, host: &Host<'_>) -> Reply {
    let result = match refusal {
        Refusal::RedirectToHttps(_) => ResultType::Redirect,
        Refusal::UnknownHost
        | Refusal::Misdirected
        | Refusal::Disabled
        | Refusal::UrlTooLong
        | Refusal::HeadTooLarge
        | Refusal::FieldsTooLarge
        | Refusal::BodyTooLarge
        | Refusal::Loop(_)
        | Refusal::MethodNotAllowed
        | Refusal::GetWithBody
        | Refusal::HttpsRequired => ResultType::Error,
    };
    if *refusal == Refusal::UnknownHost {
        let known = speaker.view.live.edge.hosts.known();
        tracing::debug!(
            host = host.name,
            ?known,
            "no distribution answers to this host"
        );
    }
    let mut facts = speaker.facts(result, told::detailed_refusal(refusal));
    facts.limit = Limit::of_refusal(refusal);
    let page = Page {
        status: refusal.status(),
        cause: Cause::Refused(refusal),
        retry_after: None,
    };
    let mut response = speaker.page(&page, result);
    let headers = response.headers_mut();
    match refusal {
        Refusal::RedirectToHttps(_) => {
            let target = speaker
                .line
                .request
                .uri
                .path_and_query()
                .map_or("/", |target| target.as_str());
            let listeners = &speaker.view.live.edge.listen.https;
            let port = listeners.first().map(std::net::SocketAddr::port);
            let location = https_location(host, target, port);
            if let Ok(location) = HeaderValue::from_str(&location) {
                headers.insert(header::LOCATION, location);
            }
        }
        Refusal::UrlTooLong
        | Refusal::HeadTooLarge
        | Refusal::FieldsTooLarge
        | Refusal::BodyTooLarge => close(headers),
        // TRACE, CONNECT, or no method at all: whoever sends it may mean something else by what follows, too.
        Refusal::MethodNotAllowed if !MethodSet::ALL.contains(&speaker.line.request.method) => {
            close(headers);
        }
        Refusal::UnknownHost
        | Refusal::Misdirected
        | Refusal::Disabled
        | Refusal::Loop(_)
        | Refusal::MethodNotAllowed
        | Refusal::GetWithBody
        | Refusal::HttpsRequired => {}
    }
    speaker.tell(headers, None, &facts, AnsweredBy::Edge, Some(refusal));
    let may_be_replaced = matches!(
        refusal,
        Refusal::MethodNotAllowed | Refusal::GetWithBody | Refusal::HttpsRequired
    );
    Reply {
        response,
        facts,
        may_be_replaced,
    }
}

/// More requests at once than there may be: 503 before an origin is asked. The connection is kept.
pub(crate) fn overloaded(speaker: Speaker<'_>, route: &Route<'_, '_>) -> Reply {
    let mut facts = speaker.facts(ResultType::LimitExceeded, told::LIMIT_EXCEEDED);
    facts.behavior = Some(route.behavior_index);
    facts.limit = Some(Limit::Requests);
    let page = Page {
        status: StatusCode::SERVICE_UNAVAILABLE,
        cause: Cause::Overloaded,
        retry_after: Some(COME_BACK_AFTER),
    };
    let mut response = speaker.page(&page, ResultType::LimitExceeded);
    let headers = response.headers_mut();
    page.forbid_storing(headers);
    speaker.tell(headers, None, &facts, AnsweredBy::Limit, None);
    Reply {
        response,
        facts,
        // Source: Developer Guide, "HTTP 503 status code": what the edge's own capacity brings about has no custom page.
        may_be_replaced: false,
    }
}

/// All that a viewer is told for whom there is no place: an answer of its own accord, before anything was read.
pub(crate) fn no_place(view: &View) -> Vec<u8> {
    let first = view.live.edge.distributions.first();
    let name = first.map_or("tideover", |distribution| &distribution.voice.name);
    let after = COME_BACK_AFTER.as_secs();
    let verdict = told::x_cache(name, ResultType::LimitExceeded);
    [
        format!(
            "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\
             Cache-Control: no-store\r\nRetry-After: {after}\r\nX-Cache: "
        )
        .as_bytes(),
        verdict.as_bytes(),
        b"\r\n\r\n",
    ]
    .concat()
}

/// The connection ends with this answer.
pub(crate) fn close(headers: &mut HeaderMap) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
}

/// What the origins brought.
pub(crate) fn fetched(
    speaker: Speaker<'_>,
    wanted: Wanted<'_>,
    fetched: Fetched,
    verdict: Option<Verdict>,
) -> Reply {
    let Fetched { answer, trail } = fetched;
    let facts = speaker.facts_of(wanted, trail, verdict);
    match answer {
        Ok(Answer::Origin(answer)) => from_origin(speaker, wanted, answer, facts),
        Ok(Answer::Page(origin)) => from_page(speaker, wanted, origin, facts),
        Err(error) => failed(speaker, wanted, &error, facts),
    }
}

fn from_origin(
    speaker: Speaker<'_>,
    wanted: Wanted<'_>,
    answer: OriginAnswer,
    mut facts: Facts,
) -> Reply {
    let (mut head, body) = answer.response.into_parts();
    // No more than needed: room for one more doubles the map, and an idle connection keeps it.
    head.headers
        .reserve(MADE + usize::from(facts.cache.is_some()));
    // The version is each connection's own affair (RFC 9110, section 2.5).
    head.version = http::Version::HTTP_11;
    if let Some(verdict) = facts.cache {
        facts.result = verdict.result(head.status);
        facts.detail = facts.result.word();
    }
    headers::for_viewer(
        &speaker.view.live.edge,
        wanted.route,
        wanted.viewer,
        wanted.request,
        head.status,
        answer.survey,
        &mut head.headers,
    );
    if told::is_error(head.status) {
        facts.result = ResultType::Error;
        facts.detail = if head.status.is_server_error() {
            "OriginError"
        } else {
            "Error"
        };
    }
    facts.made_by_edge = false;
    speaker.sign(&mut head.headers, facts.result);
    speaker.tell(
        &mut head.headers,
        Some(wanted),
        &facts,
        AnsweredBy::Attempt(facts.delivered),
        None,
    );
    speaker.tell_of_the_cache(&mut head.headers, &facts);
    let body = Body::origin(body, wanted.route.behavior.viewer_response.trailers);
    Reply {
        response: Response::from_parts(head, body),
        facts,
        may_be_replaced: true,
    }
}

/// A page is an origin that is the edge itself.
fn from_page(
    speaker: Speaker<'_>,
    wanted: Wanted<'_>,
    origin: OriginId,
    mut facts: Facts,
) -> Reply {
    let page = page_of(speaker.view, origin).expect("an answer by page comes from a page");
    facts.result = if told::is_error(page.status) {
        ResultType::Error
    } else {
        ResultType::Miss
    };
    facts.detail = facts.result.word();
    let html = speaker.view.live.html(origin).unwrap_or_default();
    let shown = Page {
        status: page.status,
        cause: Cause::LastPage(&html),
        retry_after: page.retry_after,
    };
    let mut response = speaker.page(&shown, facts.result);
    shown.forbid_storing(response.headers_mut());
    speaker.tell(
        response.headers_mut(),
        Some(wanted),
        &facts,
        AnsweredBy::Attempt(facts.delivered),
        None,
    );
    speaker.tell_of_the_cache(response.headers_mut(), &facts);
    Reply {
        response,
        facts,
        may_be_replaced: false,
    }
}

/// When to ask again while everybody is switched off: an operator is at work.
const SWITCHED_OFF_FOR: Duration = Duration::from_secs(30);

/// No origin brought an answer.
fn failed(
    speaker: Speaker<'_>,
    wanted: Wanted<'_>,
    error: &OriginError,
    mut facts: Facts,
) -> Reply {
    facts.result = ResultType::Error;
    let (failure, sent) = match error.fault() {
        Fault::Origin(failure, sent) => (Some(failure), sent),
        Fault::Viewer(fault) => return bad_body(speaker, wanted, fault, facts),
        Fault::LeftOut(_) => (None, Sent::Nothing),
    };
    facts.detail = failure.map_or(told::SWITCHED_OFF, told::detailed_result);
    let is_write = !MethodSet::READS_AND_OPTIONS.contains(wanted.request.method);
    let page = match &wanted.route.behavior.write_error {
        WriteError::Explained {
            nothing_sent,
            outcome_unknown,
            retry_after,
        } if is_write => {
            let words = match sent {
                Sent::Nothing => nothing_sent,
                Sent::Something => outcome_unknown,
            };
            Page {
                status: StatusCode::SERVICE_UNAVAILABLE,
                cause: Cause::WriteFailed(words),
                retry_after: Some(*retry_after),
            }
        }
        WriteError::Explained { .. } | WriteError::Plain => match failure {
            Some(failure) => Page {
                status: status_of(failure),
                cause: Cause::OriginFailed(failure),
                retry_after: None,
            },
            None => Page {
                status: StatusCode::SERVICE_UNAVAILABLE,
                cause: Cause::SwitchedOff,
                retry_after: Some(SWITCHED_OFF_FOR),
            },
        },
    };
    let mut response = speaker.page(&page, ResultType::Error);
    if page.retry_after.is_some() {
        page.forbid_storing(response.headers_mut());
    }
    let by = AnsweredBy::FailedAttempt(facts.delivered);
    speaker.tell(response.headers_mut(), Some(wanted), &facts, by, None);
    speaker.tell_of_the_cache(response.headers_mut(), &facts);
    Reply {
        response,
        facts,
        may_be_replaced: page.retry_after.is_none(),
    }
}

/// The viewer's own body turned bad before an answer: the origin's connection was cut, and the viewer's is closed.
fn bad_body(
    speaker: Speaker<'_>,
    wanted: Wanted<'_>,
    fault: ViewerBodyError,
    mut facts: Facts,
) -> Reply {
    let status = match fault {
        ViewerBodyError::Broken => StatusCode::BAD_REQUEST,
        ViewerBodyError::Stalled => StatusCode::REQUEST_TIMEOUT,
        ViewerBodyError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
    };
    facts.detail = match fault {
        ViewerBodyError::Broken | ViewerBodyError::Stalled => "InvalidRequest",
        ViewerBodyError::TooLarge => told::LIMIT_EXCEEDED,
    };
    let mut response = speaker.page(
        &Page {
            status,
            cause: Cause::BadBody(fault),
            retry_after: None,
        },
        ResultType::Error,
    );
    close(response.headers_mut());
    speaker.tell(
        response.headers_mut(),
        Some(wanted),
        &facts,
        AnsweredBy::Edge,
        None,
    );
    Reply {
        response,
        facts,
        may_be_replaced: false,
    }
}

/// A custom error page was asked for in place of `reply`, and `shown` came: its head and body, under the status that was chosen
/// for it. If that is no page, the viewer gets its status and no page.
pub(crate) fn with_page(
    speaker: Speaker<'_>,
    reply: Reply,
    shown: Reply,
    status: StatusCode,
) -> Reply {
    if shown.status() != StatusCode::OK {
        let status = shown.status();
        shown.response.into_body().set_aside();
        return without_page(speaker, reply, status);
    }
    let mut response = shown.response;
    *response.status_mut() = status;
    // The verdict stays that of the request, whatever status the page is shown with.
    response.headers_mut().insert(
        X_CACHE,
        told::x_cache(&speaker.voice.name, ResultType::Error),
    );
    in_place_of(reply, response)
}

/// The page of a custom error response could not be had.
pub(crate) fn without_page(speaker: Speaker<'_>, reply: Reply, status: StatusCode) -> Reply {
    let page = Page {
        status,
        cause: Cause::NoErrorPage,
        retry_after: None,
    };
    in_place_of(reply, speaker.page(&page, ResultType::Error))
}

/// `response` takes the place of `reply`'s; what is told about the request stays.
fn in_place_of(reply: Reply, mut response: Response<Body>) -> Reply {
    let (mut head, body) = reply.response.into_parts();
    body.set_aside();
    for name in [PROXY_STATUS, TIDEOVER_ATTEMPTS] {
        response.headers_mut().remove(&name);
        if let Some(value) = head.headers.remove(&name) {
            response.headers_mut().insert(name, value);
        }
    }
    Reply {
        response,
        facts: reply.facts,
        may_be_replaced: false,
    }
}
