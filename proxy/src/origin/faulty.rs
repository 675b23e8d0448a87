//! What a fault does to one attempt, and to the body of an answer.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body::{Frame, SizeHint};
use tideover_config::FaultKind;
use tideover_rules::failover::Limits;
use tideover_rules::fields::Survey;
use tokio::time::{Sleep, sleep};

use super::answer::{OriginAnswer, OriginBody, OriginBodyError, Source};
use super::attempt::{Errand, attempt, connects};
use super::connect::Way;
use super::pool::Pool;
use crate::clock::{Clock, Moment};
use crate::error::OriginError;

/// An [`attempt`] at an origin with this fault. `limits` are nominal.
pub(super) async fn faulty_attempt(
    fault: FaultKind,
    way: &Way,
    pool: &Pool,
    clock: Clock,
    limits: &Limits,
    errand: &mut Errand<'_>,
) -> Result<OriginAnswer, OriginError> {
    match fault {
        FaultKind::Withhold => {
            connects(way, pool, clock, limits, errand).await?;
            Ok(made(StatusCode::OK))
        }
        FaultKind::Refuse
        | FaultKind::BlackHole
        | FaultKind::Status(_)
        | FaultKind::Delay(_)
        | FaultKind::ResetAfter(_)
        | FaultKind::Throttle(_) => {
            let attempt = attempt(way, pool, clock, limits, errand);
            with_fault(fault, clock, limits, attempt).await
        }
    }
}

/// The outcome of `attempt` with this fault. An attempt that is not to reach anybody is not begun.
pub(super) async fn with_fault(
    fault: FaultKind,
    clock: Clock,
    limits: &Limits,
    attempt: impl Future<Output = Result<OriginAnswer, OriginError>>,
) -> Result<OriginAnswer, OriginError> {
    match fault {
        FaultKind::Refuse => Err(OriginError::Connect {
            source: io::Error::new(io::ErrorKind::ConnectionRefused, "a fault on command"),
        }),
        FaultKind::BlackHole => {
            sleep(clock.real(limits.connect)).await;
            Err(OriginError::ConnectTimeout)
        }
        FaultKind::Status(status) => Ok(made(status)),
        FaultKind::Withhold => Ok(made(StatusCode::OK)),
        FaultKind::Delay(delay) => late(delay, clock, limits, attempt).await,
        FaultKind::ResetAfter(bytes) => {
            let mut answer = attempt.await?;
            let faulty = |source| FaultyBody::new(source, Some(bytes), None);
            answer.response = answer.response.map(|body| body.with_fault(faulty));
            Ok(answer)
        }
        FaultKind::Throttle(bytes) => {
            let mut answer = attempt.await?;
            let pace = Pace::new(bytes, clock);
            let faulty = |source| FaultyBody::new(source, None, Some(pace));
            answer.response = answer.response.map(|body| body.with_fault(faulty));
            Ok(answer)
        }
    }
}

/// An answer that no origin gave.
fn made(status: StatusCode) -> OriginAnswer {
    let mut response = Response::new(OriginBody::made());
    *response.status_mut() = status;
    OriginAnswer {
        survey: Survey::of(response.headers()),
        response,
    }
}

/// The first byte comes later. If that would be too late anyway, nothing is sent.
async fn late(
    delay: Duration,
    clock: Clock,
    limits: &Limits,
    attempt: impl Future<Output = Result<OriginAnswer, OriginError>>,
) -> Result<OriginAnswer, OriginError> {
    let (most, too_late) = most(limits);
    if delay >= most {
        sleep(clock.real(most)).await;
        return Err(too_late);
    }
    let ends = Moment::now() + clock.real(most);
    let answer = attempt.await?;
    let due = Moment::now() + clock.real(delay);
    tokio::time::sleep_until(due.min(ends).instant().into()).await;
    if due > ends {
        return Err(too_late);
    }
    Ok(answer)
}

/// How long the head of an answer may take, nominally, and what it is if it takes longer.
pub(super) fn most(limits: &Limits) -> (Duration, OriginError) {
    let of_all = [limits.head, limits.completion].into_iter().flatten().min();
    let of_answer = limits
        .dripping
        .map_or(limits.response, |limit| limit.min(limits.response));
    match of_all {
        Some(limit) if limit < of_answer => (limit, OriginError::CompletionTimeout),
        Some(_) | None => (of_answer, OriginError::ResponseTimeout),
    }
}

/// A body that is cut off, or comes slowly.
#[derive(Debug)]
pub(super) struct FaultyBody {
    source: Source,
    /// So many bytes more, and then it is cut off.
    left: Option<u64>,
    /// There was more than that.
    is_cut: bool,
    /// What may go out had the time to.
    has_gone_out: bool,
    pace: Option<Pace>,
}

#[derive(Debug)]
pub(super) struct Pace {
    /// Handed out at once.
    piece: usize,
    /// Before each piece; real time.
    pause: Duration,
    /// What came and is not handed out.
    rest: Bytes,
    sleep: Option<Pin<Box<Sleep>>>,
}

/// What comes of a faulty body.
#[derive(Debug)]
pub(super) enum FaultyEnd {
    /// As ordered.
    Cut,
    /// By itself.
    ByItself(OriginBodyError),
}

impl Pace {
    /// Smooth enough to be seen as slow, not as a row of halts.
    const PIECES_A_SECOND: u64 = 10;

    fn new(bytes_a_second: u64, clock: Clock) -> Self {
        let piece = (bytes_a_second / Self::PIECES_A_SECOND).max(1);
        let micros = piece.saturating_mul(1_000_000) / bytes_a_second.max(1);
        Self {
            piece: usize::try_from(piece).unwrap_or(usize::MAX),
            pause: clock.real(Duration::from_micros(micros)),
            rest: Bytes::new(),
            sleep: None,
        }
    }

    /// The next piece of what is there, which is not nothing.
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Bytes> {
        let pause = self.pause;
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep(pause)));
        ready!(sleep.as_mut().poll(context));
        self.sleep = None;
        Poll::Ready(self.rest.split_to(self.piece.min(self.rest.len())))
    }
}

impl FaultyBody {
    fn new(source: Source, left: Option<u64>, pace: Option<Pace>) -> Self {
        Self {
            source,
            left,
            is_cut: false,
            has_gone_out: false,
            pace,
        }
    }

    pub(super) fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, FaultyEnd>>> {
        if self.is_cut {
            return self.poll_end(context);
        }
        if let Some(pace) = self.pace.as_mut().filter(|pace| !pace.rest.is_empty()) {
            return pace
                .poll_piece(context)
                .map(|piece| Some(Ok(Frame::data(piece))));
        }
        let Some(frame) = ready!(self.source.poll_frame(context)) else {
            return Poll::Ready(None);
        };
        let data = match frame.map(Frame::into_data) {
            Ok(Ok(data)) => data,
            Ok(Err(other)) => return Poll::Ready(Some(Ok(other))),
            Err(error) => return Poll::Ready(Some(Err(FaultyEnd::ByItself(error)))),
        };
        if let Some(pace) = self.pace.as_mut().filter(|_| !data.is_empty()) {
            pace.rest = data;
            return pace
                .poll_piece(context)
                .map(|piece| Some(Ok(Frame::data(piece))));
        }
        let data = self.cut(data);
        if self.is_cut && data.is_empty() {
            return self.poll_end(context);
        }
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    /// hyper sends nothing of what it holds once a body errs, and it sends when there is nothing more to be had for now.
    fn poll_end<T>(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<T, FaultyEnd>>> {
        if std::mem::replace(&mut self.has_gone_out, true) {
            return Poll::Ready(Some(Err(FaultyEnd::Cut)));
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// `data` as far as it may go out.
    fn cut(&mut self, mut data: Bytes) -> Bytes {
        let Some(left) = &mut self.left else {
            return data;
        };
        let most = usize::try_from(*left).unwrap_or(usize::MAX);
        self.is_cut = data.len() > most;
        data.truncate(most);
        *left -= data.len() as u64;
        data
    }

    pub(super) fn is_end_stream(&self) -> bool {
        let has_rest = self.pace.as_ref().is_some_and(|pace| !pace.rest.is_empty());
        self.source.is_end_stream() && !has_rest && !self.is_cut
    }

    /// Of what the origin said that it sends.
    pub(super) fn size_hint(&self) -> SizeHint {
        let rest = self.pace.as_ref().map_or(0, |pace| pace.rest.len() as u64);
        let mut hint = self.source.size_hint();
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + rest);
        }
        hint.set_lower(hint.lower() + rest);
        hint
    }
}
