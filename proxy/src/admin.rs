//! The operator's listener: what the edge does is seen there, and changed by who has the token.
//!
//! A path is one line in [`ROUTES`] and one function of [`Asked`]. A change is a POST of JSON with the token; `guard` has
//! looked at all that before the function is called, and the body is whole. Answers are JSON; errors are problem documents
//! (RFC 9457). No answer repeats a secret.

mod answer;
mod events;
mod explain;
mod faults;
mod guard;
mod invalidate;
mod journal;
mod page;
mod query;
mod sight;
mod status;
mod stream;
mod switch;
mod token;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde_json::Value;

pub(crate) use answer::{AdminBody, fixed};
pub(crate) use stream::Onlookers;
pub(crate) use token::Token;
pub use token::token_left_for;

use crate::worker::Shared;
use answer::{Problem, guarded};

/// Most bytes of a request's body, where its path says nothing else.
const MOST_BODY_BYTES: usize = 64 * 1024;
/// For all of a request's body.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);

/// What the listener answers. To add a path, add a line.
const ROUTES: &[Route] = &[
    get("/status.json", |asked| Box::pin(status::status(asked))),
    get("/events", |asked| Box::pin(stream::stream(asked))),
    post("/faults", |asked| Box::pin(faults::faults(asked))),
    get("/events.json", |asked| Box::pin(events::events(asked))),
    get("/explain", |asked| Box::pin(explain::explain(asked))),
    get("/journal.json", |asked| Box::pin(journal::journal(asked))),
    post("/switch", |asked| Box::pin(switch::switch(asked))),
    post("/invalidate", |asked| {
        Box::pin(invalidate::invalidate(asked))
    })
    .takes_up_to(invalidate::MOST_BODY_BYTES),
    get("/invalidations.json", |asked| {
        Box::pin(invalidate::list(asked))
    }),
    page("/", |asked| Box::pin(page::part(asked))),
    page("/page.css", |asked| Box::pin(page::part(asked))),
    page("/page.js", |asked| Box::pin(page::part(asked))),
    page("/elements.js", |asked| Box::pin(page::part(asked))),
    page("/lanes.js", |asked| Box::pin(page::part(asked))),
    page("/plots.js", |asked| Box::pin(page::part(asked))),
    page("/stream.js", |asked| Box::pin(page::part(asked))),
    page("/switch.js", |asked| Box::pin(page::part(asked))),
    page("/words.js", |asked| Box::pin(page::part(asked))),
];

/// A request that may be answered.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) shared: Arc<Shared>,
    pub(crate) head: Parts,
    /// Of a change; nothing for what only looks.
    body: Bytes,
}

impl Asked {
    /// The body of a change: an object.
    pub(crate) fn json(&self) -> Result<Value, Problem> {
        match serde_json::from_slice(&self.body) {
            Ok(value @ Value::Object(_)) => Ok(value),
            Ok(_) => Err(Problem::bad_request("the body is JSON and no object")),
            Err(error) => Err(Problem::bad_request(format!(
                "the body is no JSON: {error}"
            ))),
        }
    }
}

type Outcome = Result<Response<AdminBody>, Problem>;
type Answering = Pin<Box<dyn Future<Output = Outcome> + Send>>;

struct Route {
    path: &'static str,
    access: Access,
    answer: fn(Asked) -> Answering,
    most_body_bytes: usize,
}

impl Route {
    const fn takes_up_to(mut self, bytes: usize) -> Self {
        self.most_body_bytes = bytes;
        self
    }
}

/// What a path asks of who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    /// GET, to whoever reaches the listener: it tells nothing of the edge.
    Open,
    /// GET; with the token where others than this machine reach the listener.
    Look,
    /// POST of JSON, with the token.
    Change,
}

impl Access {
    fn methods(self) -> &'static str {
        match self {
            Self::Open | Self::Look => "GET, HEAD",
            Self::Change => "POST",
        }
    }

    fn takes(self, method: &Method) -> bool {
        match self {
            Self::Open | Self::Look => matches!(*method, Method::GET | Method::HEAD),
            Self::Change => *method == Method::POST,
        }
    }
}

/// A file of the page, which a browser asks for without a token.
const fn page(path: &'static str, answer: fn(Asked) -> Answering) -> Route {
    route(path, Access::Open, answer)
}

const fn get(path: &'static str, answer: fn(Asked) -> Answering) -> Route {
    route(path, Access::Look, answer)
}

const fn post(path: &'static str, answer: fn(Asked) -> Answering) -> Route {
    route(path, Access::Change, answer)
}

const fn route(path: &'static str, access: Access, answer: fn(Asked) -> Answering) -> Route {
    Route {
        path,
        access,
        answer,
        most_body_bytes: MOST_BODY_BYTES,
    }
}

/// The answer to any request on the admin listener.
pub(crate) async fn answer(
    shared: &Arc<Shared>,
    request: Request<Incoming>,
) -> Response<AdminBody> {
    if matches!(request.uri().path(), "/healthz" | "/readyz") {
        return fixed(crate::status::answer(
            shared,
            request.method(),
            request.uri(),
        ));
    }
    guarded(
        try_to_answer(shared, request)
            .await
            .unwrap_or_else(Problem::answer),
    )
}

async fn try_to_answer(shared: &Arc<Shared>, request: Request<Incoming>) -> Outcome {
    let (head, body) = request.into_parts();
    guard::is_meant_for_us(shared, &head)?;
    if head.uri.path() == "/metrics" {
        guard::admits(shared, Access::Look, &head)?;
        return Ok(fixed(crate::status::answer(
            shared,
            &head.method,
            &head.uri,
        )));
    }
    let Some(route) = ROUTES.iter().find(|route| route.path == head.uri.path()) else {
        let paths: Vec<&str> = ROUTES.iter().map(|route| route.path).collect();
        let here = format!(
            "here are {}, /metrics, /healthz and /readyz",
            paths.join(", ")
        );
        return Err(Problem::new(StatusCode::NOT_FOUND, here));
    };
    if !route.access.takes(&head.method) {
        let methods = route.access.methods();
        let problem = Problem::new(
            StatusCode::METHOD_NOT_ALLOWED,
            format!("{} takes {methods}", route.path),
        );
        return Err(problem.with(header::ALLOW, methods));
    }
    guard::admits(shared, route.access, &head)?;
    let body = match route.access {
        Access::Open | Access::Look => Bytes::new(),
        Access::Change => whole(body, route.most_body_bytes).await?,
    };
    let asked = Asked {
        shared: Arc::clone(shared),
        head,
        body,
    };
    (route.answer)(asked).await
}

async fn whole(body: Incoming, most_bytes: usize) -> Result<Bytes, Problem> {
    let limited = Limited::new(body, most_bytes).collect();
    match tokio::time::timeout(BODY_TIMEOUT, limited).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("a body has {most_bytes} bytes at most"),
        )),
        Ok(Err(_)) => Err(Problem::bad_request("the body broke off")),
        Err(_) => Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            format!("the body was not whole within {BODY_TIMEOUT:?}"),
        )),
    }
}
