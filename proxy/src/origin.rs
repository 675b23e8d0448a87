//! The origin's side: from a step of the failover rule to an answer with its connection.
//!
//! [`fetch`](fetch::fetch) obeys the rule; [`attempt`] is one try; [`pool`], [`connect`], [`resolve`], [`tls`] and
//! [`wire`] are what a try stands on; [`answer`] is what it brings back. [`folder`] is a try at a folder, which needs none of that.

mod answer;
mod attempt;
mod connect;
mod faulty;
mod fetch;
mod folder;
mod pool;
mod resolve;
mod tls;
mod wire;

use std::rc::Rc;

use tideover_config::{OriginId, OriginKind, ViewerScheme};

pub(crate) use answer::{OriginAnswer, OriginBody, OriginBodyError, Switched};
pub(crate) use connect::{race, takes_connections};
pub(crate) use fetch::{Answer, Fetched, Struck, Trail, Wanted, fetch, is_known_dead, page_of};
pub(crate) use resolve::Addresses;
pub(crate) use tls::client_config;

use crate::live::{EndpointKey, Live, LiveEndpoint};
use crate::vitals::Connections;
use connect::Way;
use pool::Pool;

/// One worker's way to every origin.
#[derive(Debug, Default)]
pub(crate) struct Origins {
    /// By [`OriginId`].
    reaches: Vec<(Option<Reach>, Option<Reach>)>,
}

/// One worker's way to one endpoint, and its connections there.
#[derive(Clone, Debug)]
struct Reach {
    key: EndpointKey,
    settings: PoolSettings,
    way: Rc<Way>,
    pool: Rc<Pool>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct PoolSettings {
    most: usize,
    keepalive: std::time::Duration,
}

impl Origins {
    /// Ways to the origins of `live`. Connections to endpoints that stay as they were in `before` are taken over.
    pub(crate) fn new(live: &Live, before: &Self) -> Self {
        let limits = live.edge.listen.limits;
        // Two origins at one endpoint have a pool each: what one took over is not the other's too, or they would share
        // one bound, and a request that holds an answer of the first could wait for itself at the second.
        let mut left: Vec<&Reach> = before
            .reaches
            .iter()
            .flat_map(|(http, https)| http.iter().chain(https))
            .collect();
        let mut reach = |endpoint: &LiveEndpoint, settings: PoolSettings| {
            let same = left
                .iter()
                .position(|reach| reach.key == endpoint.key && reach.settings == settings)
                .map(|index| left.remove(index).clone());
            same.unwrap_or_else(|| Reach {
                key: endpoint.key.clone(),
                settings,
                way: Rc::new(Way {
                    addresses: endpoint.addresses.clone(),
                    tls: endpoint.tls.clone(),
                    only_nearby: endpoint.key.trusts_anyone(),
                    head_limit: limits.origin_head_bytes,
                    interim: limits.origin_interim,
                }),
                pool: Pool::new(settings.most, settings.keepalive),
            })
        };
        let reaches = live
            .edge
            .origins
            .iter()
            .zip(&live.origins)
            .map(|(origin, alive)| match &origin.kind {
                OriginKind::Page(_) | OriginKind::Folder(_) => (None, None),
                OriginKind::Server(server) => {
                    let settings = PoolSettings {
                        most: server.max_connections,
                        keepalive: live.clock.real(server.timers.keepalive_timeout),
                    };
                    let mut reach = |endpoint: &LiveEndpoint| reach(endpoint, settings);
                    (
                        alive.http.as_ref().map(&mut reach),
                        alive.https.as_ref().map(reach),
                    )
                }
            });
        Self {
            reaches: reaches.collect(),
        }
    }

    /// The way to `origin` for a viewer who came by `scheme`; `None` for a page.
    fn reach(&self, origin: OriginId, scheme: ViewerScheme) -> Option<&Reach> {
        let (http, https) = self.reaches.get(usize::from(origin.0))?;
        match scheme {
            ViewerScheme::Http => http.as_ref().or(https.as_ref()),
            ViewerScheme::Https => https.as_ref().or(http.as_ref()),
        }
    }

    /// Closes idle connections whose time is over, and tells the origins of `live`, which these are ways to, what `worker`
    /// has open then.
    pub(crate) fn sweep(&self, live: &Live, worker: usize) {
        for ((http, https), alive) in self.reaches.iter().zip(&live.origins) {
            let mut connections = Connections::default();
            for reach in http.iter().chain(https) {
                reach.pool.sweep();
                connections += reach.pool.connections();
            }
            alive.vitals.note_connections(worker, connections);
        }
    }
}
