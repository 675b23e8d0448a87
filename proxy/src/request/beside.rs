//! A fetch that no viewer waits for: what is kept is asked for anew while it is served.

use std::rc::Rc;
use std::sync::Arc;

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Version};
use tideover_config::{CachePolicy, TargetId};
use tideover_rules::cache::plan::Ask;
use tideover_rules::cache::verdict::Forward;
use tideover_rules::fields::Fields;
use tideover_rules::headers::{Conditions, Request, Viewer};
use tideover_rules::route::within;

use super::cached::{Asks, FIND_OUT_EVERY};
use crate::access_log::Line;
use crate::cache::{Kept, Lead, Part, Since};
use crate::origin::{self, Wanted};
use crate::viewer::Peer;
use crate::worker::{View, Worker};

/// Asks for what is `kept` under `key` anew, as `wanted` by the request of `line` does, if nobody does so already.
pub(super) fn refresh(line: &Line, wanted: &Wanted<'_>, key: &[u8], kept: &Arc<Kept>) {
    let cache = &line.worker().shared.cache;
    let since = cache.since(key);
    let Part::Leads(lead) = cache.join(key, since) else {
        return;
    };
    if !cache.still_has(kept) {
        // Somebody did so between the look and the lead; or it was made unusable, and must not come back by a 304.
        return;
    }
    let asking = Asking::of(line, wanted);
    let (key, kept) = (key.to_owned(), Arc::clone(kept));
    Rc::clone(&line.worker).pours(asking.asks(lead, key, kept, since));
}

/// What is left of a request that is asked again, by a task that outlives it.
pub(super) struct Asking {
    pub(super) worker: Rc<Worker>,
    pub(super) view: Rc<View>,
    peer: Rc<Peer>,
    distribution: usize,
    method: Method,
    path: Box<str>,
    target: PathAndQuery,
    fields: HeaderMap,
    host: Option<HeaderValue>,
    version: Version,
    request_id: HeaderValue,
}

impl Asking {
    /// As the request of `line` asks.
    pub(super) fn of(line: &Line, wanted: &Wanted<'_>) -> Self {
        Self {
            worker: Rc::clone(&line.worker),
            view: Rc::clone(&line.view),
            peer: Rc::clone(&line.peer),
            distribution: wanted.route.distribution.position,
            // An answer to HEAD has no body that could be kept.
            method: match *wanted.request.method {
                Method::HEAD => Method::GET,
                ref method => method.clone(),
            },
            path: wanted.route.path.into(),
            target: wanted.request.target.clone(),
            fields: line.request.headers.clone(),
            host: line.host.clone(),
            version: line.request.version,
            request_id: line.request_id.clone(),
        }
    }

    async fn asks(self, lead: Lead, key: Vec<u8>, kept: Arc<Kept>, since: Since) {
        let asked = self.ask(async |wanted, policy| {
            let asks = Asks {
                worker: &self.worker,
                view: &self.view,
                wanted,
                policy,
                key,
                kept: Some(kept),
                since,
                ask: Ask {
                    why: Forward::Stale,
                    about_what_was_found: true,
                    for_all: true,
                    together: true,
                },
            };
            let target = wanted.route.behavior.target;
            // Whatever it brings is in the store by then, or for nobody.
            if origin::is_known_dead(&self.view, wanted.route.target) {
                tokio::select! {
                    biased;
                    brought = asks.ask(Some(lead)) => drop(brought),
                    // It may hang at one that is still dead: whoever comes next asks the one who is back.
                    () = self.somebody_answers(target) => {}
                }
            } else {
                drop(asks.ask(Some(lead)).await);
            }
        });
        asked.await;
    }

    /// Has `asks` ask for what the request asked for. Nothing is asked if that is not kept.
    pub(super) async fn ask(&self, asks: impl AsyncFnOnce(Wanted<'_>, &CachePolicy)) {
        let live = &self.view.live;
        let Some(distribution) = live.edge.distributions.get(self.distribution) else {
            return;
        };
        let viewer = Viewer {
            address: self.peer.address,
            port: self.peer.port,
            address_text: &self.peer.address_text,
            scheme: self.peer.scheme,
            host: self.host.as_ref(),
            version: self.version,
            request_id: &self.request_id,
        };
        let mut route = within(&live.edge, distribution, &self.method, &self.path);
        let routed = live.routed(route.behavior.target);
        route.target = live.target(routed);
        let policy: &CachePolicy = match &route.behavior.cache {
            Some(policy) => policy,
            None => return,
        };
        let wanted = Wanted {
            route: &route,
            routed,
            request: Request {
                method: &self.method,
                target: &self.target,
                fields: Fields::of(&self.fields),
                to_websocket: false,
                conditions: Conditions::Viewers,
            },
            viewer: &viewer,
            watch: None,
        };
        asks(wanted, policy).await;
    }

    /// Returns when it is not known any more that no origin of `target` answers.
    async fn somebody_answers(&self, target: TargetId) {
        let live = &self.view.live;
        while origin::is_known_dead(&self.view, live.target(live.routed(target))) {
            tokio::time::sleep(live.clock.real(FIND_OUT_EVERY)).await;
        }
    }
}
