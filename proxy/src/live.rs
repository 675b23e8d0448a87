//! What was said, plus what is alive beside it: shared by all workers, replaced whole by a reload.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Acquire};
use std::time::Duration;

use bytes::Bytes;
use rustls::ClientConfig;
use tideover_config::{
    AddressFamily, Distribution, Edge, Endpoint, FailoverRecord, Origin, OriginId, OriginKind,
    OriginScheme, OriginTls, RecordId, Server, Side, Target, TargetId, Trust, Webhook,
};

use tideover_rules::headers::Frame;
use tideover_rules::route::Route;
use tideover_rules::standing::{Known, Standing, standings};

use crate::StartError;
use crate::clock::Clock;
use crate::faults::FaultSlot;
use crate::metrics::{Answers, CacheUse};
use crate::origin::Addresses;
use crate::recovery::{Ahead, Checked, Post, mark};
use crate::viewer::{Tls, most_connections, most_requests};
use crate::vitals::{RecordState, Vitals, inherited};

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
    /// By the position of the distribution.
    pub(crate) answers: Vec<Arc<Answers>>,
    /// By the positions of distribution and behavior: what the cache did; `None` where it keeps nothing.
    cache_use: Vec<Vec<Option<Arc<CacheUse>>>>,
    /// By `RecordId`.
    pub(crate) records: Vec<Arc<RecordState>>,
    /// To who is told of alarms.
    pub(crate) posts: Vec<Arc<Post>>,
    /// By the position of a distribution: it is in maintenance.
    pub(crate) closed: Vec<AtomicBool>,
    /// What viewers are shown; `None` where no listener speaks TLS.
    pub(crate) tls: Option<Tls>,
    /// By the positions of distribution and behavior.
    frames: Vec<Vec<Frame>>,
    /// By `TargetId`, for those with records among their members.
    routings: Vec<Option<Routing>>,
}

/// A target with records among its members, once for each way that they can stand.
#[derive(Debug)]
struct Routing {
    records: Vec<RecordId>,
    /// By a number whose bits say, from the lowest on, which of `records` are on their secondary.
    ways: Vec<Target>,
}

/// A target, as its records stood when a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Routed {
    pub(crate) target: TargetId,
    way: u8,
}

impl Routed {
    /// Whether any record among the members was there.
    pub(crate) fn is_on_a_secondary(self) -> bool {
        self.way != 0
    }
}

/// What is alive beside one origin. Empty for a page.
#[derive(Debug)]
pub(crate) struct LiveOrigin {
    pub(crate) vitals: Arc<Vitals>,
    /// `None` where it has no health check.
    pub(crate) checked: Option<Arc<Checked>>,
    /// `None` where it is no page that is fetched.
    pub(crate) ahead: Option<Arc<Ahead>>,
    pub(crate) fault: FaultSlot,
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
        let now = Clock::new(edge.time_scale).elapsed();
        let origins = edge
            .origins
            .iter()
            .map(|origin| LiveOrigin::new(origin, before, workers, now))
            .collect::<io::Result<_>>()
            .map_err(StartError::Origins)?;
        let posts = edge
            .alarms
            .iter()
            .map(|said| post(said, before))
            .collect::<io::Result<_>>()
            .map_err(StartError::Alarms)?;
        let tls = Tls::new(&edge, before.and_then(|before| before.tls.as_ref()))?;
        let frames = edge.distributions.iter().map(|distribution| {
            let behaviors = distribution.behaviors.iter();
            behaviors
                .map(|behavior| Frame::of(distribution, behavior))
                .collect()
        });
        let most_connections = most_connections(&edge, workers, open_files());
        let records = edge.records.iter().map(|record| {
            before
                .and_then(|before| before.left_to(record, &edge))
                .unwrap_or_default()
        });
        let answers = edge.distributions.iter().map(|distribution| {
            before
                .and_then(|before| before.answers_of(&distribution.id))
                .map_or_else(|| Answers::new(workers), Arc::clone)
        });
        Ok(Self {
            answers: answers.collect(),
            cache_use: cache_use(&edge, before, workers),
            records: records.collect(),
            posts,
            routings: edge.targets.iter().map(Routing::of).collect(),
            clock: Clock::new(edge.time_scale),
            most_connections,
            most_requests: most_requests(edge.listen.limits.requests, most_connections),
            frames: frames.collect(),
            closed: edge
                .distributions
                .iter()
                .map(|_| AtomicBool::default())
                .collect(),
            edge,
            origins,
            tls,
        })
    }

    /// What every head begins with that goes to an origin by `route`, which is one of this edge's.
    pub(crate) fn frame(&self, route: &Route<'_, '_>) -> &Frame {
        &self.frames[route.distribution.position][route.behavior_index]
    }

    /// Whether the distribution at `position` is in maintenance.
    pub(crate) fn is_closed(&self, position: usize) -> bool {
        let closed = self.closed.get(position);
        closed.is_some_and(|closed| closed.load(Acquire))
    }

    /// `target` as its records stand now.
    pub(crate) fn routed(&self, target: TargetId) -> Routed {
        let way = match &self.routings[usize::from(target.0)] {
            None => 0,
            Some(routing) => routing.way(|record| self.side(record)),
        };
        Routed { target, way }
    }

    /// Who answers a request that was routed like this.
    pub(crate) fn target(&self, routed: Routed) -> &Target {
        let Routed { target, way } = routed;
        match &self.routings[usize::from(target.0)] {
            None => self.edge.target(target),
            Some(routing) => &routing.ways[usize::from(way)],
        }
    }

    /// The record that brought `origin`, its secondary, among those who answer a request that was routed like this.
    pub(crate) fn record_of(&self, routed: Routed, origin: OriginId) -> Option<RecordId> {
        let routing = self.routings[usize::from(routed.target.0)].as_ref()?;
        let records = routing.records.iter().enumerate();
        let mut on_secondary = records.filter(|(bit, _)| routed.way & (1 << bit) != 0);
        on_secondary
            .find(|(_, id)| {
                let record = self.edge.records.get(usize::from(id.0));
                record.is_some_and(|record| record.secondary == origin)
            })
            .map(|(_, id)| *id)
    }

    /// The records among the target's members by name, and how they stood when the request came.
    pub(crate) fn sides(&self, routed: Routed) -> impl Iterator<Item = (&str, Side)> {
        let Routed { target, way } = routed;
        let routing = self.routings.get(usize::from(target.0));
        let records = routing.and_then(Option::as_ref).map(|it| &it.records);
        let records = records.into_iter().flatten().enumerate();
        records.filter_map(move |(bit, record)| {
            let record = self.edge.records.get(usize::from(record.0))?;
            let is_on_primary = way & (1 << bit) == 0;
            let side = if is_on_primary {
                Side::Primary
            } else {
                Side::Secondary
            };
            Some((&*record.id, side))
        })
    }

    /// Whom `record` stands for now.
    pub(crate) fn side(&self, record: RecordId) -> Side {
        self.records[usize::from(record.0)].side()
    }

    /// What is known of origin `id` at this moment.
    pub(crate) fn known(&self, id: OriginId) -> Known<'_> {
        let breaker = match &self.edge.origin(id).kind {
            OriginKind::Server(server) => server.breaker.as_ref(),
            OriginKind::Page(_) | OriginKind::Folder(_) => None,
        };
        self.origins[usize::from(id.0)].vitals.known(breaker)
    }

    /// How each member of `target` stands for the `nth` request of a worker, if it comes now.
    pub(crate) fn standings(&self, target: &Target, nth: u64) -> Vec<Standing> {
        standings(target, |id| self.known(id), nth, self.clock.elapsed())
    }

    /// What the cache did for the behavior at these positions; `None` where it keeps nothing.
    pub(crate) fn cache_use_of(
        &self,
        distribution: Option<usize>,
        behavior: Option<usize>,
    ) -> Option<&CacheUse> {
        let of = self.cache_use.get(distribution?)?;
        of.get(behavior?)?.as_deref()
    }

    /// What the cache did, by the ids of distributions and path patterns, each once.
    pub(crate) fn cache_use(&self) -> impl Iterator<Item = (&str, &str, &Arc<CacheUse>)> {
        let both = self.edge.distributions.iter().zip(&self.cache_use);
        both.flat_map(|(distribution, of)| {
            let behaviors = distribution.behaviors.iter().zip(of).enumerate();
            behaviors.filter_map(move |(position, (behavior, used))| {
                let used = used.as_ref()?;
                let is_told = |known: &Option<Arc<CacheUse>>| {
                    known.as_ref().is_some_and(|it| Arc::ptr_eq(it, used))
                };
                let is_first = !of.iter().take(position).any(is_told);
                is_first.then_some((&*distribution.id, behavior.path.as_str(), used))
            })
        })
    }

    /// Whether any behavior may keep something.
    pub(crate) fn keeps_something(&self) -> bool {
        self.cache_use.iter().flatten().any(Option::is_some)
    }

    fn answers_of(&self, id: &str) -> Option<&Arc<Answers>> {
        let mut both = self.edge.distributions.iter().zip(&self.answers);
        let found = both.find(|(distribution, _)| *distribution.id == *id);
        found.map(|(_, answers)| answers)
    }

    /// Where `record` of `next` is to begin: where the one of its name was, or, if there was none, the one of the same two
    /// origins whose name is gone. Writes stay with the origin that they went to: if a secondary has become the primary, its
    /// record has come home.
    fn left_to(&self, record: &FailoverRecord, next: &Edge) -> Option<Arc<RecordState>> {
        let mut both = self.edge.records.iter().zip(&self.records);
        let of_now = |side| &next.origin(record.origin(side)).id;
        let of_then =
            |known: &FailoverRecord, side| Arc::clone(&self.edge.origin(known.origin(side)).id);
        let is_renamed = |known: &FailoverRecord| {
            let sides = [Side::Primary, Side::Secondary];
            sides.map(|side| of_then(known, side)) == sides.map(|side| Arc::clone(of_now(side)))
                && !next.records.iter().any(|other| other.id == known.id)
        };
        let (known, state) = both
            .clone()
            .find(|(known, _)| known.id == record.id)
            .or_else(|| both.find(|(known, _)| is_renamed(known)))?;
        let has_come_home = state.side() == Side::Secondary
            && of_then(known, Side::Secondary) == *of_now(Side::Primary);
        (!has_come_home).then(|| Arc::clone(state))
    }

    /// The origin of this name, and what is alive beside it.
    pub(crate) fn origin_named(&self, id: &str) -> Option<(&Origin, &LiveOrigin)> {
        let both = self.edge.origins.iter().zip(&self.origins);
        both.into_iter().find(|(origin, _)| *origin.id == *id)
    }

    /// What the page that origin `id` is says now; `None` if that is no page.
    pub(crate) fn html(&self, id: OriginId) -> Option<Bytes> {
        let OriginKind::Page(page) = &self.edge.origin(id).kind else {
            return None;
        };
        let ahead = self.origins[usize::from(id.0)].ahead.as_ref();
        let fetched = ahead.and_then(|ahead| ahead.html());
        Some(fetched.unwrap_or_else(|| page.html.clone()))
    }

    fn endpoints(&self) -> impl Iterator<Item = &LiveEndpoint> {
        self.origins
            .iter()
            .flat_map(|origin| origin.http.iter().chain(&origin.https))
    }
}

/// Where it is counted what the cache does for the behaviors of `edge`. Those of one distribution and path, which go by the
/// methods, count together, and go on where `before` was.
fn cache_use(
    edge: &Edge,
    before: Option<&Live>,
    workers: usize,
) -> Vec<Vec<Option<Arc<CacheUse>>>> {
    let of = |distribution: &Distribution| {
        let mut known: HashMap<&str, Arc<CacheUse>> = HashMap::new();
        if let Some(before) = before {
            let same = before
                .cache_use()
                .filter(|(id, ..)| *id == &*distribution.id);
            known.extend(same.map(|(_, path, used)| (path, Arc::clone(used))));
        }
        let mut used = Vec::with_capacity(distribution.behaviors.len());
        for behavior in &distribution.behaviors {
            used.push(behavior.cache.is_some().then(|| {
                let known = known.entry(behavior.path.as_str());
                Arc::clone(known.or_insert_with(|| CacheUse::new(workers)))
            }));
        }
        used
    };
    edge.distributions.iter().map(of).collect()
}

/// The post to `said`; that of `before` with all that waits for it, if it has one.
fn post(said: &Webhook, before: Option<&Live>) -> io::Result<Arc<Post>> {
    let known = before.and_then(|before| before.posts.iter().find(|post| post.is_to(said)));
    known.map_or_else(
        || Post::new(said).map(Arc::new),
        |known| Ok(Arc::clone(known)),
    )
}

/// Whether what is known of one is true of the other.
fn is_same(one: &Origin, other: &Origin) -> bool {
    match (&one.kind, &other.kind) {
        (OriginKind::Server(one), OriginKind::Server(other)) => {
            one.http == other.http
                && one.https == other.https
                && one.scheme == other.scheme
                && one.health_check == other.health_check
        }
        (OriginKind::Page(_), OriginKind::Page(_)) => true,
        (OriginKind::Folder(one), OriginKind::Folder(other)) => one.dir == other.dir,
        (
            OriginKind::Server(_) | OriginKind::Page(_) | OriginKind::Folder(_),
            OriginKind::Server(_) | OriginKind::Page(_) | OriginKind::Folder(_),
        ) => false,
    }
}

/// How many files this process may have open; `None`: any number.
fn open_files() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current
}

impl Routing {
    fn of(target: &Target) -> Option<Self> {
        let records: Vec<RecordId> = target
            .records()
            .take(FailoverRecord::MOST_IN_A_GROUP)
            .collect();
        if records.is_empty() {
            return None;
        }
        let ways = (0..1_u8 << records.len()).map(|way| {
            target.routed(|record| {
                let position = records.iter().position(|known| *known == record);
                match position {
                    Some(bit) if way & (1 << bit) != 0 => Side::Secondary,
                    Some(_) | None => Side::Primary,
                }
            })
        });
        Some(Self {
            ways: ways.collect(),
            records,
        })
    }

    fn way(&self, side: impl Fn(RecordId) -> Side) -> u8 {
        let bits = self.records.iter().enumerate();
        bits.fold(0, |way, (bit, record)| match side(*record) {
            Side::Primary => way,
            Side::Secondary => way | (1 << bit),
        })
    }
}

impl LiveOrigin {
    fn new(
        origin: &Origin,
        before: Option<&Live>,
        workers: usize,
        now: Duration,
    ) -> io::Result<Self> {
        let namesake = before.and_then(|before| before.origin_named(&origin.id));
        let vitals = inherited(
            namesake.map(|(before, alive)| (&alive.vitals, is_same(before, origin))),
            workers,
        );
        let fault = FaultSlot::new(origin, namesake.map(|(_, alive)| alive), now);
        let server = match &origin.kind {
            OriginKind::Server(server) => server,
            OriginKind::Page(page) => {
                let known = namesake.and_then(|(_, alive)| alive.ahead.as_ref());
                let ahead = page.ahead.as_ref().map(|said| Ahead::new(said, known));
                return Ok(Self {
                    vitals,
                    checked: None,
                    fault,
                    ahead: ahead.transpose()?,
                    http: None,
                    https: None,
                });
            }
            OriginKind::Folder(_) => {
                return Ok(Self {
                    vitals,
                    checked: None,
                    fault,
                    ahead: None,
                    http: None,
                    https: None,
                });
            }
        };
        let http = (server.scheme != OriginScheme::Https)
            .then(|| LiveEndpoint::new(server, false, before));
        let https =
            (server.scheme != OriginScheme::Http).then(|| LiveEndpoint::new(server, true, before));
        let (http, https) = (http.transpose()?, https.transpose()?);
        let known = namesake.and_then(|(_, alive)| alive.checked.as_ref());
        let checked = Checked::new(server, [http.as_ref(), https.as_ref()], known)?;
        let keeps = |checked: &Arc<Checked>| {
            namesake.is_some_and(|(_, alive)| Arc::ptr_eq(&alive.vitals, &vitals))
                && known.is_some_and(|known| Arc::ptr_eq(known, checked))
        };
        // What is taken over is marked already, and may be marked anew at this moment.
        if let Some(checked) = checked.as_ref().filter(|checked| !keeps(checked)) {
            mark(&vitals, checked.health());
        }
        Ok(Self {
            vitals,
            checked,
            ahead: None,
            fault,
            http,
            https,
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
