//! Health and metrics, on listeners of their own; and the admin listener's connections, whose requests `admin` answers.

use std::convert::Infallible;
use std::net::TcpListener;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};

use crate::admin::{self, AdminBody};
use crate::metrics::{Exposition, living};
use crate::viewer::{Closing, ListeningSocket, REST, Tls};
use crate::worker::Shared;

/// Most connections at once.
const MOST: usize = 64;
/// For a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);

/// Who answers on a listener.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Desk {
    Admin,
    Status,
}

impl Desk {
    async fn answer(self, shared: &Arc<Shared>, request: Request<Incoming>) -> Response<AdminBody> {
        match self {
            Self::Admin => admin::answer(shared, request).await,
            Self::Status => admin::fixed(answer(shared, request.method(), request.uri())),
        }
    }
}

/// Has `desk` answer on `listener`, which is a descriptor of `_socket`, until it closes.
pub(crate) async fn accept(
    desk: Desk,
    shared: Arc<Shared>,
    _socket: Arc<ListeningSocket>,
    listener: TcpListener,
    closing: Closing,
) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "the status listener cannot be used"),
    };
    let permits = Arc::new(tokio::sync::Semaphore::new(MOST));
    let mut closes = pin!(closing.closes());
    loop {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else {
            return;
        };
        let accepted = tokio::select! {
            biased;
            () = &mut closes => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(REST).await;
            continue;
        };
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let answers = service_fn(|request: Request<Incoming>| {
                let shared = Arc::clone(&shared);
                async move { Ok::<_, Infallible>(desk.answer(&shared, request).await) }
            });
            let _ = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT)
                .serve_connection(TokioIo::new(stream), answers)
                .await;
            drop(permit);
        });
    }
}

pub(crate) fn answer(shared: &Shared, method: &Method, uri: &Uri) -> Response<Full<Bytes>> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n".into());
        response
            .headers_mut()
            .insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    match uri.path() {
        "/healthz" => text(StatusCode::OK, "ok\n".into()),
        "/readyz" if !shared.is_ready() => {
            text(StatusCode::SERVICE_UNAVAILABLE, "draining\n".into())
        }
        "/readyz" => text(StatusCode::OK, "ready\n".into()),
        "/metrics" => text(StatusCode::OK, metrics(shared)),
        _ => text(
            StatusCode::NOT_FOUND,
            "here are /healthz, /readyz and /metrics\n".into(),
        ),
    }
}

fn metrics(shared: &Shared) -> String {
    let mut metrics = Exposition::default();
    shared.switches.expose(&mut metrics);
    let live = shared.live();
    shared.counters.expose(&mut metrics);
    living(&live, &shared.counters, &mut metrics);
    if live.keeps_something() {
        shared.cache.expose(&mut metrics);
    }
    let tls = live.tls.as_ref();
    let is_ordered = |tls: &&Tls| tls.orders();
    if let Some(tls) = tls.filter(is_ordered) {
        tls.ordered().expose(&mut metrics);
    }
    shared.events.expose(&mut metrics);
    metrics.finish()
}

fn text(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    // The version is that of Prometheus' text format; to anybody else it says nothing.
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
