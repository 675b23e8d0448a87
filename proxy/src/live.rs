//! What was said, plus what is alive beside it: shared by all workers, replaced whole by a reload.

use std::io;
use std::sync::Arc;

use rustls::ClientConfig;
use tideover_config::{
    AddressFamily, Edge, Endpoint, Origin, OriginKind, OriginScheme, OriginTls, Server, Trust,
};

use tideover_rules::headers::Frame;
use tideover_rules::route::Route;

use crate::StartError;
use crate::clock::Clock;
use crate::origin::Addresses;
use crate::viewer::{Tls, most_connections, most_requests};

/// An edge and the living things that belong to its origins.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) edge: Edge,
    pub(crate) clock: Clock,
    /// Connections of viewers, over all workers.
    pub(crate) most_connections: usize,
    /// Their requests at once, over all workers.
    pub(crate) most_requests: usize,
    /// By `OriginId`.
    pub(crate) origins: Vec<LiveOrigin>,
    /// What viewers are shown; `None` where no listener speaks TLS.
    pub(crate) tls: Option<Tls>,
    /// By the positions of distribution and behavior.
    frames: Vec<Vec<Frame>>,
}

/// What is alive beside one origin. Empty for a page.
#[derive(Debug, Default)]
pub(crate) struct LiveOrigin {
    pub(crate) http: Option<LiveEndpoint>,
    pub(crate) https: Option<LiveEndpoint>,
}

/// An endpoint that is carried over a reload as long as its key stays.
#[derive(Debug)]
pub(crate) struct LiveEndpoint {
    pub(crate) key: EndpointKey,
    pub(crate) addresses: Arc<Addresses>,
    pub(crate) tls: Option<Arc<ClientConfig>>,
}

/// What makes two endpoints the same one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EndpointKey {
    endpoint: Endpoint,
    family: AddressFamily,
    /// With the name that certificates are checked against.
    tls: Option<(OriginTls, Arc<str>)>,
}

impl EndpointKey {
    /// `https+insecure://`: towards loopback and private addresses only.
    pub(crate) fn trusts_anyone(&self) -> bool {
        self.tls
            .as_ref()
            .is_some_and(|(tls, _)| tls.trust == Trust::Anyone)
    }
}

impl Live {
    /// Brings `edge` to life on so many workers; what `before` knows about endpoints that stay is taken over.
    pub(crate) fn new(
        edge: Edge,
        before: Option<&Self>,
        workers: usize,
    ) -> Result<Self, StartError> {
        let origins = edge
            .origins
            .iter()
            .map(|origin| LiveOrigin::new(origin, before))
            .collect::<io::Result<_>>()
            .map_err(StartError::Origins)?;
        let tls = Tls::new(&edge, before.and_then(|before| before.tls.as_ref()))?;
        let frames = edge.distributions.iter().map(|distribution| {
            let behaviors = distribution.behaviors.iter();
            behaviors
                .map(|behavior| Frame::of(distribution, behavior))
                .collect()
        });
        let most_connections = most_connections(&edge, workers, open_files());
        Ok(Self {
            clock: Clock::new(edge.time_scale),
            most_connections,
            most_requests: most_requests(edge.listen.limits.requests, most_connections),
            frames: frames.collect(),
            edge,
            origins,
            tls,
        })
    }

    /// What every head begins with that goes to an origin by `route`, which is one of this edge's.
    pub(crate) fn frame(&self, route: &Route<'_, '_>) -> &Frame {
        &self.frames[route.distribution.position][route.behavior_index]
    }

    fn endpoints(&self) -> impl Iterator<Item = &LiveEndpoint> {
        self.origins
            .iter()
            .flat_map(|origin| origin.http.iter().chain(&origin.https))
    }
}

/// How many files this process may have open; `None`: any number.
fn open_files() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current
}

impl LiveOrigin {
    fn new(origin: &Origin, before: Option<&Live>) -> io::Result<Self> {
        let OriginKind::Server(server) = &origin.kind else {
            return Ok(Self::default());
        };
        let http = (server.scheme != OriginScheme::Https)
            .then(|| LiveEndpoint::new(server, false, before));
        let https =
            (server.scheme != OriginScheme::Http).then(|| LiveEndpoint::new(server, true, before));
        Ok(Self {
            http: http.transpose()?,
            https: https.transpose()?,
        })
    }
}

impl LiveEndpoint {
    fn new(server: &Server, secure: bool, before: Option<&Live>) -> io::Result<Self> {
        let name = server
            .tls
            .server_name
            .as_ref()
            .unwrap_or(&server.domain_name);
        let key = EndpointKey {
            endpoint: if secure {
                server.https.clone()
            } else {
                server.http.clone()
            },
            family: server.addresses,
            tls: secure.then(|| (server.tls.clone(), Arc::clone(name))),
        };
        if let Some(same) =
            before.and_then(|before| before.endpoints().find(|endpoint| endpoint.key == key))
        {
            return Ok(Self {
                key,
                addresses: Arc::clone(&same.addresses),
                tls: same.tls.clone(),
            });
        }
        let addresses = Arc::new(Addresses::new(key.endpoint.clone(), key.family));
        let tls = secure
            .then(|| crate::origin::client_config(&server.tls, name))
            .transpose()?;
        Ok(Self {
            key,
            addresses,
            tls,
        })
    }
}
