//! One try at one origin: lease or open a connection, send the request, wait for the head, all within limits.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use tideover_rules::failover::{self, Limits, Sent};
use tideover_rules::fields::{Fields, Known, Survey};
use tideover_rules::headers::OriginHead;
use tideover_rules::websocket::is_agreed_to;
use tokio::time::timeout_at;

use super::answer::{OriginAnswer, OriginBody};
use super::connect::Way;
use super::pool::{Lease, Pool, Turn, Wish};
use super::wire::Meter;
use crate::clock::{Clock, LastLook, Moment, sockets_first, wake_by};
use crate::error::OriginError;
use crate::message::{BodyWatch, Once, ViewerBody};

/// What one attempt sends: a head of its own, and the one body.
pub(crate) struct Errand<'a> {
    pub(crate) method: &'a Method,
    /// It asks to switch to WebSocket.
    pub(crate) to_websocket: bool,
    /// Makes the head: called once for every time that something is really sent.
    pub(crate) head: &'a dyn Fn() -> OriginHead,
    pub(crate) body: &'a mut Once,
    pub(crate) watch: Option<&'a Rc<BodyWatch>>,
    /// `None` without TLS.
    pub(crate) server_name: Option<&'a str>,
    /// Tries at this origin so far.
    pub(crate) turn: usize,
    /// Between two pieces of the answer's body; nominal. Not cut by a deadline: that one ends with the head.
    pub(crate) gap: Duration,
}

/// Sends `errand` and waits for the head of the answer. `limits` are nominal.
///
/// A request that was lost on a reused connection is sent once more, on a fresh one if one may be opened, within the same
/// limits and without being counted, if not a byte of it was sent, or if it [may be resent](failover::may_be_resent) and
/// not a byte of an answer came.
pub(crate) async fn attempt(
    way: &Way,
    pool: &Pool,
    clock: Clock,
    limits: &Limits,
    errand: &mut Errand<'_>,
) -> Result<OriginAnswer, OriginError> {
    let started = Moment::now();
    let until =
        |limit: Option<Duration>| limit.map_or(Moment::NEVER, |limit| started + clock.real(limit));
    let patience = Patience {
        response: clock.real(limits.response),
        dripping_until: until(limits.dripping),
        head_by: until(limits.head),
    };
    let complete_by = until(limits.completion);

    let may_be_resent = failover::may_be_resent(errand.method, !errand.body.is_empty());
    let mut wish = if may_be_resent { Wish::Any } else { Wish::Sure };
    loop {
        let mut lease = if let Some(lease) = pool.at_hand(errand.server_name, wish) {
            lease
        } else {
            let by = started + clock.real(limits.connect);
            // Rare and large: boxed, so that it is not part of every request.
            Box::pin(lease(way, pool, errand, by, wish)).await?
        };
        let reused = lease.connection.reused;
        let (written_before, read_before) = lease.connection.meter.begin();
        let Some(body) = errand.body.take() else {
            return Err(OriginError::Malformed {
                what: "the request body is gone",
            });
        };
        let request = request(errand, body);
        let connection = &mut *lease.connection;
        let sent = pin!(connection.sender.try_send_request(request));
        match answer(sent, &connection.meter, errand, &patience).await {
            Ok(response) => {
                let gap = clock.real(errand.gap);
                return accept(response, lease, errand, gap, complete_by);
            }
            Err(Lost { error, unsent }) => {
                let meter = &lease.connection.meter;
                let nothing_sent = unsent.is_some() || meter.written() == written_before;
                let no_answer = meter.read() == read_before;
                let died = matches!(error, OriginError::Reset { .. });
                if let Some(body) = unsent {
                    *errand.body = Once::Here(body);
                }
                let body_is_here = matches!(errand.body, Once::Here(_));
                let is_first = wish != Wish::New;
                if died
                    && reused
                    && is_first
                    && body_is_here
                    && (nothing_sent || (may_be_resent && no_answer))
                {
                    wish = Wish::New;
                    continue;
                }
                return Err(error.with_nothing_sent(nothing_sent && body_is_here));
            }
        }
    }
}

/// Makes sure that there is a connection for `errand`, and sends nothing. `limits` are nominal.
pub(super) async fn connects(
    way: &Way,
    pool: &Pool,
    clock: Clock,
    limits: &Limits,
    errand: &Errand<'_>,
) -> Result<(), OriginError> {
    let by = Moment::now() + clock.real(limits.connect);
    // A new one: what was open before says nothing of now.
    let lease = Box::pin(lease(way, pool, errand, by, Wish::New)).await?;
    lease.give_back();
    Ok(())
}

/// A connection for this errand that is not simply at hand: a new one, or one that has to be waited for.
async fn lease(
    way: &Way,
    pool: &Pool,
    errand: &Errand<'_>,
    by: Moment,
    wish: Wish,
) -> Result<Lease, OriginError> {
    let got = async {
        let mut lease = match pool.turn(errand.server_name, wish).await {
            Turn::Reuse(lease) => lease,
            Turn::Open(slot) => Lease::new(way.open(errand.server_name, errand.turn, slot).await?),
        };
        // One given back a moment ago may need one more turn of its task.
        let _ = lease.connection.sender.ready().await;
        Ok(lease)
    };
    let mut got = pin!(got);
    if let Ok(got) = timeout_at(by.instant().into(), &mut got).await {
        return got;
    }
    sockets_first().await;
    timeout_at(by.instant().into(), got)
        .await
        .unwrap_or(Err(OriginError::ConnectTimeout))
}

fn request(errand: &Errand<'_>, body: ViewerBody) -> Request<ViewerBody> {
    let mut head = (errand.head)();
    if body.is_empty() {
        // hyper says nothing about a body that is not there, and some applications wait for one (RFC 9110, section 8.6).
        if matches!(*errand.method, Method::POST | Method::PUT | Method::PATCH) {
            let none = HeaderValue::from_static("0");
            head.headers.insert(header::CONTENT_LENGTH, none);
        }
    } else if body.size_hint().exact().is_none() {
        // Unasked, hyper leaves out the body of a GET or HEAD whose length is not known.
        let chunked = HeaderValue::from_static("chunked");
        head.headers.insert(header::TRANSFER_ENCODING, chunked);
    }
    // Always from a new request: nothing of the viewer's version or target form may slip through.
    let mut request = Request::new(body);
    *request.method_mut() = errand.method.clone();
    *request.uri_mut() = head.path_and_query.into();
    *request.headers_mut() = head.headers;
    request
}

struct Lost {
    error: OriginError,
    /// The body, if hyper gave the request back unsent.
    unsent: Option<ViewerBody>,
}

impl From<OriginError> for Lost {
    fn from(error: OriginError) -> Self {
        Self {
            error,
            unsent: None,
        }
    }
}

/// How long an answer's head is waited for. Real time.
struct Patience {
    /// Without a byte moving.
    response: Duration,
    /// However the bytes come.
    dripping_until: Moment,
    /// When the time for the whole exchange is over.
    head_by: Moment,
}

impl Patience {
    fn at_most_until(&self, moment: Moment) -> Moment {
        moment.min(self.dripping_until).min(self.head_by)
    }
}

/// The answer to what was `sent`, or why there is none in time.
async fn answer<F>(
    mut sent: Pin<&mut F>,
    meter: &Meter,
    errand: &Errand<'_>,
    patience: &Patience,
) -> Result<Response<Incoming>, Lost>
where
    F: Future<Output = Result<Response<Incoming>, TrySendError<Request<ViewerBody>>>>,
{
    let mut look_at = patience.at_most_until(Moment::now() + patience.response);
    let mut last_look = LastLook::default();
    poll_fn(|context| {
        if let Poll::Ready(answer) = sent.as_mut().poll(context) {
            return Poll::Ready(answer.map_err(|mut error| Lost {
                unsent: error.take_message().map(Request::into_body),
                error: what_went_wrong(error.into_error(), meter, errand.watch),
            }));
        }
        let now = Moment::now();
        if look_at <= now {
            let body_done = errand.watch.is_none_or(|watch| watch.done.get());
            match overdue(meter, body_done, patience, now) {
                Ok(look_again) => {
                    last_look.give_back();
                    look_at = look_again;
                }
                Err(error) => return last_look.poll_taken(context).map(|()| Err(error.into())),
            }
        }
        wake_by(look_at);
        Poll::Pending
    })
    .await
}

/// Whether the origin is too late, and when to look again if not.
///
/// While the viewer's body is still coming and the socket takes what there is, nobody but the viewer is late, and the
/// body has a deadline of its own.
fn overdue(
    meter: &Meter,
    body_done: bool,
    patience: &Patience,
    now: Moment,
) -> Result<Moment, OriginError> {
    if patience.head_by <= now {
        return Err(OriginError::CompletionTimeout);
    }
    if patience.dripping_until <= now {
        return Err(OriginError::ResponseTimeout);
    }
    let due = meter.moved() + patience.response;
    let look_again = if meter.is_blocked() {
        if due <= now {
            return Err(OriginError::WriteStalled);
        }
        due
    } else if body_done {
        if due <= now {
            return Err(OriginError::ResponseTimeout);
        }
        due
    } else {
        now + patience.response
    };
    Ok(patience.at_most_until(look_again))
}

/// hyper's error is no enum: its predicates are asked in order.
fn what_went_wrong(
    error: hyper::Error,
    meter: &Meter,
    watch: Option<&Rc<BodyWatch>>,
) -> OriginError {
    if let Some(fault) = watch.and_then(|watch| watch.fault.get()) {
        return OriginError::ViewerBody(fault);
    }
    if meter.is_flooded() {
        return OriginError::Malformed {
            what: "too many interim answers",
        };
    }
    if error.is_parse_too_large() {
        return OriginError::HeaderTooBig;
    }
    if error.is_parse() {
        return OriginError::Malformed {
            what: "not HTTP/1.1",
        };
    }
    OriginError::Reset {
        sent: Sent::Something,
        source: error,
    }
}

/// The head is complete: judge what only we can judge, and tie the connection to the body.
fn accept(
    response: Response<Incoming>,
    lease: Lease,
    errand: &Errand<'_>,
    gap: Duration,
    complete_by: Moment,
) -> Result<OriginAnswer, OriginError> {
    let (mut head, incoming) = response.into_parts();
    let mut survey = Survey::of(&head.headers);
    let fields = survey.fields(&head.headers);
    if head.status == StatusCode::SWITCHING_PROTOCOLS
        && !(errand.to_websocket && is_agreed_to(fields))
    {
        return Err(OriginError::Malformed {
            what: "switched protocols unasked",
        });
    }
    let granted = fields.first(Known::KeepAlive).and_then(keep_alive_timeout);
    let is_coded = fields.has(Known::TransferEncoding);
    if is_coded && !is_chunked_only(fields) {
        return Err(OriginError::Malformed {
            what: "a transfer coding other than chunked",
        });
    }
    if fields.has(Known::ContentLength) {
        if is_coded {
            // The coding is what counts (RFC 9112, section 6.3), and hyper would believe the length.
            head.headers.remove(header::CONTENT_LENGTH);
            survey = Survey::of(&head.headers);
        } else if let Some(length) = one_length(fields)? {
            head.headers.insert(header::CONTENT_LENGTH, length);
            survey = Survey::of(&head.headers);
        }
    }
    if granted.is_some() {
        lease.connection.granted.set(granted);
    }
    let watch = errand.watch.cloned();
    let body = OriginBody::new(incoming, lease, watch, gap, complete_by);
    Ok(OriginAnswer {
        response: Response::from_parts(head, body),
        survey,
    })
}

/// The one length that is said more than once, by several lines or in a list; none if there is nothing to mend. Where no
/// body comes (HEAD) hyper does not look at it. Source: RFC 9110, section 8.6.
fn one_length(fields: Fields<'_>) -> Result<Option<HeaderValue>, OriginError> {
    let is_plain = |length: &[u8]| !length.is_empty() && length.iter().all(u8::is_ascii_digit);
    let is_one_and_plain = !fields.repeats(Known::ContentLength)
        && fields
            .first(Known::ContentLength)
            .is_none_or(|length| is_plain(length.as_bytes()));
    if is_one_and_plain {
        return Ok(None);
    }
    let mut said = fields
        .lines(Known::ContentLength)
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii);
    let first = said.next().unwrap_or_default();
    let malformed = OriginError::Malformed {
        what: "no single Content-Length",
    };
    if !is_plain(first) || said.any(|length| length != first) {
        return Err(malformed);
    }
    HeaderValue::from_bytes(first)
        .map(Some)
        .map_err(|_| malformed)
}

fn is_chunked_only(fields: Fields<'_>) -> bool {
    let mut codings = fields.lines(Known::TransferEncoding);
    codings
        .next()
        .is_some_and(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked"))
        && codings.next().is_none()
}

/// `timeout=N` of a `Keep-Alive` header, in seconds.
fn keep_alive_timeout(value: &HeaderValue) -> Option<Duration> {
    let seconds = value
        .to_str()
        .ok()?
        .split(',')
        .find_map(|part| part.trim().strip_prefix("timeout="))?;
    seconds.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpListener};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use tideover_config::{AddressFamily, Endpoint, InterimLimit};
    use tokio::runtime::{Builder, LocalOptions};

    use http::HeaderMap;

    use super::*;
    use crate::clock;
    use crate::origin::resolve::Addresses;

    const LIMIT: Duration = Duration::from_millis(20);
    const LONGER: Duration = Duration::from_millis(60);

    /// An origin that answers one request at once, and says when it has.
    fn origin() -> (SocketAddr, Arc<AtomicBool>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let answered = Arc::new(AtomicBool::new(false));
        let says = Arc::clone(&answered);
        thread::spawn(move || {
            let (mut viewer, _) = listener.accept().expect("a connection");
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                viewer.read_exact(&mut byte).expect("a head");
                head.extend(byte);
            }
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
            viewer.write_all(answer).expect("it is taken");
            says.store(true, Ordering::Release);
            // Open until the other side has had enough.
            let _ = viewer.read(&mut [0]);
        });
        (address, answered)
    }

    /// Asks `address` within `limits` while `busy` has the worker to itself now and then.
    fn ask(
        address: SocketAddr,
        limits: Limits,
        busy: impl Future<Output = ()>,
    ) -> Result<(), OriginError> {
        let endpoint = Endpoint {
            host: address.ip().to_string().into(),
            port: address.port(),
        };
        let way = Way {
            addresses: Arc::new(Addresses::new(endpoint, AddressFamily::Both)),
            tls: None,
            only_nearby: false,
            head_limit: 32 * 1024,
            interim: InterimLimit {
                all: 8,
                continues: 8,
            },
        };
        clock::begin_turn();
        let worker = Builder::new_current_thread()
            .enable_all()
            .on_thread_unpark(clock::begin_turn)
            .build_local(LocalOptions::default())
            .expect("a runtime");
        worker.block_on(async {
            let pool = Pool::new(1, Duration::ZERO);
            let mut errand = Errand {
                method: &Method::GET,
                to_websocket: false,
                head: &|| OriginHead {
                    path_and_query: http::uri::PathAndQuery::from_static("/"),
                    headers: HeaderMap::new(),
                },
                body: &mut Once::Here(ViewerBody::Empty),
                watch: None,
                server_name: None,
                turn: 0,
                gap: Duration::from_secs(10),
            };
            let (answer, ()) = tokio::join!(
                attempt(&way, &pool, Clock::new(1.0), &limits, &mut errand),
                busy
            );
            answer.map(drop)
        })
    }

    #[test]
    fn a_worker_that_was_busy_itself_does_not_take_it_for_a_slow_connection() {
        for _ in 0..20 {
            let (address, _) = origin();
            let limits = Limits {
                connect: LIMIT,
                response: Duration::from_secs(10),
                head: None,
                dripping: None,
                completion: None,
            };
            let busy = async { thread::sleep(LONGER) };
            ask(address, limits, busy).expect("an answer");
        }
    }

    #[test]
    fn a_worker_that_was_busy_itself_does_not_take_it_for_a_slow_answer() {
        for limited_by_head in [false, true] {
            for _ in 0..20 {
                let (address, answered) = origin();
                let limits = Limits {
                    connect: Duration::from_secs(10),
                    response: if limited_by_head {
                        Duration::from_secs(10)
                    } else {
                        LIMIT
                    },
                    head: limited_by_head.then_some(LIMIT),
                    dripping: None,
                    completion: None,
                };
                let busy = async {
                    while !answered.load(Ordering::Acquire) {
                        tokio::task::yield_now().await;
                    }
                    thread::sleep(LONGER);
                };
                ask(address, limits, busy).expect("an answer");
            }
        }
    }
}
