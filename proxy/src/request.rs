//! One viewer request from head to tail: admit, route, ask the origins, answer. Start reading here.

mod beside;
mod cached;
#[cfg(test)]
mod sizes;
mod sliced;
mod written;

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, Response, StatusCode, Version, header};
use tideover_config::{Distribution, ErrorPage, MethodSet};
use tideover_rules::admit::{Malformed, admit};
use tideover_rules::challenge;
use tideover_rules::error_page;
use tideover_rules::fields::Fields;
use tideover_rules::headers::{self, Conditions, Viewer};
use tideover_rules::route::{Arrival, Refusal, Route, route, within};
use tideover_rules::websocket::is_asked_for;

use crate::access_log::{Ending, Facts, Line};
use crate::body::{Body, viewers_turn};
use crate::journal::Taking;
use crate::limit::Limit;
use crate::message::{Once, ViewerBody};
use crate::origin::{self, Wanted};
use crate::respond::{self, Reply, Speaker};
use crate::tunnel::Tunnel;
use crate::viewer::Peer;
use crate::worker::{View, Worker};
use cached::Sight;

/// Tells the story of each request on one viewer connection. Always ready.
#[derive(Clone)]
pub(crate) struct Story {
    worker: Rc<Worker>,
    peer: Rc<Peer>,
}

impl Story {
    pub(crate) fn new(worker: Rc<Worker>, peer: Rc<Peer>) -> Self {
        Self { worker, peer }
    }
}

impl tower::Service<Request<ViewerBody>> for Story {
    type Response = Response<Body>;
    type Error = Infallible;
    // Boxed: hyper keeps the future inside the connection, where its size would be every idle connection's.
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<ViewerBody>) -> Self::Future {
        Box::pin(serve(
            Rc::clone(&self.worker),
            Rc::clone(&self.peer),
            request,
        ))
    }
}

/// One request from head to tail. It keeps the config that it began with.
async fn serve(
    worker: Rc<Worker>,
    peer: Rc<Peer>,
    request: Request<ViewerBody>,
) -> Result<Response<Body>, Infallible> {
    let view = worker.view();
    let (head, mut body) = request.into_parts();
    let line = Line::open(worker, Rc::clone(&view), peer, head, body.watch());
    let viewer = viewer(&line);
    let (distribution, reply) = 'reply: {
        match destination(&view, &line, &viewer, !body.is_empty()) {
            Ok(route) if view.live.is_closed(route.distribution.position) => {
                let speaker = Speaker::of(&view, &line, Some(route.distribution));
                (None, respond::maintenance(speaker, &route))
            }
            Ok(route) if !line.takes_a_place() => {
                let speaker = Speaker::of(&view, &line, Some(route.distribution));
                (None, respond::overloaded(speaker, &route))
            }
            Ok(mut route) => {
                let routed = view.live.routed(route.behavior.target);
                route.target = view.live.target(routed);
                if !route.behavior.origin_request.trailers {
                    body.drop_trailers();
                }
                let target = target(&line.request);
                let asked = headers::Request {
                    method: &line.request.method,
                    target: &target,
                    fields: line.fields(),
                    to_websocket: is_asked_for(
                        &line.request.method,
                        line.request.version,
                        line.fields(),
                    ),
                    conditions: Conditions::Viewers,
                };
                let wanted = Wanted {
                    route: &route,
                    routed,
                    request: asked,
                    viewer: &viewer,
                    watch: line.watch.as_ref(),
                };
                let speaker = Speaker::of(&view, &line, Some(route.distribution));
                let (search, verdict) = match cached::look(speaker, wanted, body.is_empty()) {
                    Sight::Answers(reply) => break 'reply (Some(route.distribution), reply),
                    Sight::Goes(search) => (Some(search), None),
                    Sight::None(verdict) => (None, verdict),
                };
                let reply = if let Some(search) = search {
                    // Boxed: what has to be fetched can bear it, and what is not kept does without.
                    Box::pin(cached::go_on(speaker, wanted, search)).await
                } else {
                    let taking = Taking::begin(&line, routed);
                    let fetched = origin::fetch(&view, &wanted, &mut Once::Here(body)).await;
                    if let Some(taking) = taking {
                        taking.ends(&fetched);
                    }
                    let reply = respond::fetched(speaker, wanted, fetched, verdict);
                    written::was_written(speaker, wanted, &reply);
                    reply
                };
                (Some(route.distribution), reply)
            }
            Err(refused) => *refused,
        }
    };
    let custom = distribution.and_then(|distribution| error_page(distribution, &reply));
    let reply = match custom {
        // Boxed: rare, and a whole fetch of its own.
        Some(custom) => Box::pin(with_error_page(&view, &line, custom, reply)).await,
        None => reply,
    };
    Ok(finish(line, reply))
}

/// Where the request of `line` goes; or the reply to it, and the distribution in whose voice that is spoken.
fn destination<'r>(
    view: &'r View,
    line: &'r Line,
    viewer: &Viewer<'_>,
    has_body: bool,
) -> Result<Route<'r, 'r>, Box<(Option<&'r Distribution>, Reply)>> {
    let edge = &view.live.edge;
    let request = &line.request;
    let nobodys = Speaker::of(view, line, None);
    if let Some(malformed) = request.extensions.get::<Malformed>() {
        return Err(Box::new((None, respond::malformed(nobodys, *malformed))));
    }
    if edge.listen.health_path.as_deref() == Some(request.uri.path()) {
        let reply = respond::health(nobodys, line.worker().shared.is_ready());
        return Err(Box::new((None, reply)));
    }
    if let Some(tls) = &view.live.tls
        && line.peer.tls.is_none()
        && let Some(proof) =
            challenge::token(request.uri.path()).and_then(|token| tls.ordered().proof(token))
        && MethodSet::READS.contains(&request.method)
    {
        return Err(Box::new((None, respond::proof(nobodys, proof))));
    }
    let fields = line.fields();
    let host = admit(&request.method, &request.uri, request.version, fields)
        .map_err(|malformed| Box::new((None, respond::malformed(nobodys, malformed))))?;
    if let (Some(shaken), Some(tls)) = (&line.peer.tls, &view.live.tls)
        && tls
            .names()
            .is_misdirected(shaken.server_name.as_deref(), host.name)
    {
        let reply = respond::refused(nobodys, &Refusal::Misdirected, &host);
        return Err(Box::new((None, reply)));
    }
    let arrival = Arrival {
        method: &request.method,
        host: host.name,
        path: request.uri.path(),
        query: request.uri.query(),
        scheme: viewer.scheme,
        version: request.version,
        has_body,
        fields,
    };
    route(edge, &arrival).map_err(|(refusal, distribution)| {
        let speaker = Speaker::of(view, line, distribution);
        Box::new((distribution, respond::refused(speaker, &refusal, &host)))
    })
}

/// The page that stands in place of `reply` if the distribution has one for its status, and the distribution.
fn error_page<'e>(
    distribution: &'e Distribution,
    reply: &Reply,
) -> Option<(&'e Distribution, &'e ErrorPage)> {
    if !reply.may_be_replaced {
        return None;
    }
    let page = error_page::custom(distribution, reply.status())?
        .page
        .as_ref()?;
    Some((distribution, page))
}

/// The page of a custom error response, fetched like any other path of the distribution, in place of `reply`'s own body.
/// If that fails, the viewer gets the status of the failure and no page; there is no second replacement.
/// Source: Developer Guide, "Generate custom error responses".
async fn with_error_page(
    view: &View,
    line: &Line,
    (distribution, page): (&Distribution, &ErrorPage),
    reply: Reply,
) -> Reply {
    let speaker = Speaker::of(view, line, Some(distribution));
    let method = if line.request.method == Method::HEAD {
        Method::HEAD
    } else {
        Method::GET
    };
    let Ok(target) = page.path.parse::<PathAndQuery>() else {
        return reply;
    };
    let mut reply = reply;
    // Nobody gets it any more, and while it is unread it keeps a connection that the page may have to wait for.
    std::mem::replace(reply.response.body_mut(), Body::empty()).set_aside();
    let viewer = viewer(line);
    let mut route = within(&view.live.edge, distribution, &method, target.path());
    let routed = view.live.routed(route.behavior.target);
    route.target = view.live.target(routed);
    // They are about what was asked for, and not about the page.
    let mut fields = line.request.headers.clone();
    for name in &headers::CONDITIONS {
        fields.remove(name);
    }
    let asked = headers::Request {
        method: &method,
        target: &target,
        fields: Fields::of(&fields),
        // What the viewer asked for is not what is asked for here.
        to_websocket: false,
        conditions: Conditions::Viewers,
    };
    let wanted = Wanted {
        route: &route,
        routed,
        request: asked,
        viewer: &viewer,
        watch: None,
    };
    let shown = match cached::look(speaker, wanted, true) {
        Sight::Answers(reply) => reply,
        Sight::Goes(search) => cached::go_on(speaker, wanted, search).await,
        Sight::None(verdict) => {
            let fetched = origin::fetch(view, &wanted, &mut Once::Here(ViewerBody::Empty)).await;
            respond::fetched(speaker, wanted, fetched, verdict)
        }
    };
    respond::with_page(speaker, reply, shown, page.status)
}

/// What the edge tells origins about the viewer.
fn viewer(line: &Line) -> Viewer<'_> {
    Viewer {
        address: line.peer.address,
        port: line.peer.port,
        address_text: &line.peer.address_text,
        scheme: line.peer.scheme,
        host: line.host.as_ref(),
        version: line.request.version,
        request_id: &line.request_id,
    }
}

/// Path and query as sent; `OPTIONS *` has `*`.
fn target(request: &http::request::Parts) -> PathAndQuery {
    request
        .uri
        .path_and_query()
        .cloned()
        .unwrap_or_else(|| PathAndQuery::from_static("/"))
}

/// Ties the request's line to the answer's body: from here on the request ends where that body does.
fn finish(mut line: Box<Line>, mut reply: Reply) -> Response<Body> {
    let switches = reply.status() == StatusCode::SWITCHING_PROTOCOLS;
    // A 101 ends HTTP on its connection anyway, and its `Connection` says something else.
    if line.peer.is_last.get() && line.request.version < Version::HTTP_2 && !switches {
        respond::close(reply.response.headers_mut());
        let limit = &mut reply.facts.limit;
        *limit = limit.or(Some(Limit::RequestsPerConnection));
    }
    let (mut head, mut body) = reply.response.into_parts();
    if switches {
        return switch(line, Response::from_parts(head, body), reply.facts);
    }
    // What is asked while the edge drains is answered, and nothing more is to be asked on this connection. HTTP/2 has another
    // word for it.
    if line.worker().drain.has_begun() && line.request.version < Version::HTTP_2 {
        respond::close(&mut head.headers);
    }
    respond::time(&line, &mut head.headers, &reply.facts);
    let length = http_body::Body::size_hint(&body).exact();
    line.answer(&head, length, reply.facts);
    if line.request.method == Method::HEAD {
        // hyper never asks for a body that is not sent.
        line.end(Ending::Whole);
        if line.request.version == Version::HTTP_2 {
            // There it sends what it is given, and does not say what was left out.
            if let Some(length) = length {
                let entry = head.headers.entry(header::CONTENT_LENGTH);
                entry.or_insert_with(|| HeaderValue::from(length));
            }
            std::mem::replace(&mut body, Body::empty()).set_aside();
        }
    }
    line.peer.earned.sent(0);
    body.carry(line);
    viewers_turn();
    Response::from_parts(head, body)
}

/// The request does not end with this answer, which has no body, but with the tunnel that follows it: the viewer's
/// connection finds that with its peer as soon as hyper has sent the answer.
fn switch(mut line: Box<Line>, mut response: Response<Body>, facts: Facts) -> Response<Body> {
    let upgrade = hyper::upgrade::on(&mut response);
    let (head, body) = response.into_parts();
    line.answer(&head, None, facts);
    let peer = Rc::clone(&line.peer);
    *peer.tunnel.borrow_mut() = body
        .switched(upgrade)
        .map(|origin| Box::new(Tunnel::new(line, origin)));
    Response::from_parts(head, Body::empty())
}
