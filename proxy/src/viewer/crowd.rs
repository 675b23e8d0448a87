//! How many there are, over all workers: connections, connections from one address, requests at once. A connection or a
//! request that is let in holds a place and gives it back when it is dropped.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tideover_config::{Edge, OriginKind};

/// The counts of all workers.
#[derive(Debug, Default)]
pub(crate) struct Crowd {
    connections: AtomicUsize,
    requests: AtomicUsize,
    /// Only those that came while there was a limit for each address. Locked when a connection comes and goes.
    neighbours: Mutex<HashMap<Neighbourhood, usize>>,
}

/// A connection's place among all connections, and among those of its address.
#[derive(Debug)]
pub(crate) struct Place {
    crowd: Arc<Crowd>,
    neighbourhood: Option<Neighbourhood>,
}

/// One IPv4 address, or the /64 that one IPv6 subscriber has at least (RFC 6177, section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Neighbourhood(IpAddr);

impl Neighbourhood {
    fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => {
                IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)))
            }
        })
    }
}

impl Crowd {
    /// A place for one more connection, if there are fewer than `most`.
    pub(super) fn admit_connection(self: &Arc<Self>, most: usize) -> Option<Place> {
        enter(&self.connections, most).then(|| Place {
            crowd: Arc::clone(self),
            neighbourhood: None,
        })
    }

    /// Whether there are fewer than `most` requests; one more is counted then, until [`Crowd::request_is_over`].
    pub(crate) fn admits_request(&self, most: usize) -> bool {
        enter(&self.requests, most)
    }

    /// One that was admitted has come to its end.
    pub(crate) fn request_is_over(&self) {
        self.requests.fetch_sub(1, Relaxed);
    }

    fn neighbours(&self) -> MutexGuard<'_, HashMap<Neighbourhood, usize>> {
        self.neighbours
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts one more if there are fewer than `most`.
fn enter(count: &AtomicUsize, most: usize) -> bool {
    let is_admitted = count.fetch_add(1, Relaxed) < most;
    if !is_admitted {
        count.fetch_sub(1, Relaxed);
    }
    is_admitted
}

impl Place {
    /// Takes a place among the connections from `address` as well; false if there are `most` of them already.
    pub(super) fn is_among_neighbours(&mut self, address: IpAddr, most: usize) -> bool {
        let neighbourhood = Neighbourhood::of(address);
        let mut neighbours = self.crowd.neighbours();
        let count = neighbours.entry(neighbourhood).or_insert(0);
        if *count >= most {
            return false;
        }
        *count += 1;
        drop(neighbours);
        self.neighbourhood = Some(neighbourhood);
        true
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.crowd.connections.fetch_sub(1, Relaxed);
        let Some(neighbourhood) = self.neighbourhood else {
            return;
        };
        if let Entry::Occupied(mut count) = self.crowd.neighbours().entry(neighbourhood) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

/// Files that are not for viewers or origins: logs, listeners of the operator and who asks there, the runtimes' own.
const KEPT_BACK: usize = 128;
/// The same for each worker: its runtime's, its listeners, and connections that are accepted and not yet counted.
const KEPT_BACK_PER_WORKER: usize = 72;

/// How many connections of viewers `edge` takes: what it says, or what `files` open files (`None`: any number) allow, less
/// what its origins may need (half of what there is at most) and what the edge keeps back, but a quarter of all at least.
pub(crate) fn most_connections(edge: &Edge, workers: usize, files: Option<u64>) -> usize {
    if let Some(most) = edge.listen.limits.connections {
        return most;
    }
    let Some(files) = files else {
        return usize::MAX;
    };
    let per_worker: usize = edge
        .origins
        .iter()
        .map(|origin| match &origin.kind {
            OriginKind::Server(server) => server.max_connections,
            OriginKind::Page(_) | OriginKind::Folder(_) => 0,
        })
        .fold(0, usize::saturating_add);
    let origins = per_worker.saturating_mul(workers);
    viewers_of(
        usize::try_from(files).unwrap_or(usize::MAX),
        origins,
        workers,
    )
}

/// Requests at once that are let in where nobody said how many: a viewer of HTTP/1.1 has one, so as many as there may be
/// connections; over HTTP/2 a few viewers have many, for whom there is room however few connections may be.
const ROOM_FOR_REQUESTS: usize = 16_384;

/// How many requests at once are let in, of viewers who may have so many `connections`: what the config says, if it does.
pub(crate) fn most_requests(said: Option<usize>, connections: usize) -> usize {
    said.unwrap_or(connections.max(ROOM_FOR_REQUESTS))
}

fn viewers_of(files: usize, origins: usize, workers: usize) -> usize {
    let kept_back = KEPT_BACK.saturating_add(KEPT_BACK_PER_WORKER.saturating_mul(workers));
    let for_both = files.saturating_sub(kept_back);
    let viewers = for_both - origins.min(for_both / 2);
    viewers.max(files / 4).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn viewers_get_the_files_that_nobody_else_needs() {
        for (files, origins, workers, expected) in [
            (1_000_000, 3_072, 2, 996_656),
            (20_000, 3_072, 2, 16_656),
            // Origins get half at most.
            (1_024, 3_072, 2, 376),
            // And viewers a quarter at least.
            (256, 512, 2, 64),
            (1, 512, 64, 1),
            (usize::MAX, usize::MAX, 1, usize::MAX / 2 - 99),
        ] {
            let seen = viewers_of(files, origins, workers);
            assert_eq!(seen, expected, "{files} {origins} {workers}");
        }
    }

    #[test]
    fn no_viewer_of_http1_is_refused_unless_the_config_says_so() {
        for (said, connections, expected) in [
            (None, 376, 16_384),
            (None, 996_656, 996_656),
            (None, usize::MAX, usize::MAX),
            (Some(1), 996_656, 1),
            (Some(1_000_000), 376, 1_000_000),
        ] {
            let seen = most_requests(said, connections);
            assert_eq!(seen, expected, "{said:?} {connections}");
        }
    }

    #[test]
    fn a_place_is_given_back() {
        let crowd = Arc::new(Crowd::default());
        let first = crowd.admit_connection(2).expect("there is room");
        let second = crowd.admit_connection(2).expect("there is room");
        assert!(crowd.admit_connection(2).is_none());
        drop(first);
        let third = crowd.admit_connection(2).expect("one has left");
        drop((second, third));
        assert_eq!(crowd.connections.load(Relaxed), 0);

        assert!(crowd.admits_request(1));
        assert!(!crowd.admits_request(1));
        crowd.request_is_over();
        assert!(crowd.admits_request(1));
    }

    #[test]
    fn neighbours_share_an_address_or_a_64() {
        for (one, other, are_neighbours) in [
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("2001:db8::1", "2001:db8::ffff:0:0:2", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
        ] {
            let crowd = Arc::new(Crowd::default());
            let [mut first, mut second] =
                [(); 2].map(|()| crowd.admit_connection(9).expect("there is room"));
            let [one, other] = [one, other].map(|text| text.parse().expect("an address"));
            assert!(first.is_among_neighbours(one, 1));
            assert_eq!(!second.is_among_neighbours(other, 1), are_neighbours);
            drop(first);
            let mut third = crowd.admit_connection(9).expect("there is room");
            assert!(third.is_among_neighbours(one, 1), "{one} has left");
            drop((second, third));
            assert!(crowd.neighbours().is_empty(), "nothing is kept of {one}");
        }
    }
}
