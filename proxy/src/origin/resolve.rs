//! Names to addresses: remembered for a while, refreshed in the background, and kept when a refresh fails.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use tideover_config::{AddressFamily, Endpoint};
use tokio::sync::Mutex;

/// How long an answer is used before a new one is asked for. The system's resolver tells no TTL.
const FRESH_FOR: Duration = Duration::from_secs(30);
/// How long a failed refresh is not repeated.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// The addresses of one endpoint, shared by all workers.
#[derive(Debug)]
pub(crate) struct Addresses {
    endpoint: Endpoint,
    family: AddressFamily,
    known: ArcSwapOption<Known>,
    /// The first look-up is made by one request while others wait for its answer.
    first: Mutex<()>,
    refreshing: AtomicBool,
}

#[derive(Debug)]
struct Known {
    addresses: Vec<SocketAddr>,
    check_again: Instant,
}

impl Addresses {
    pub(crate) fn new(endpoint: Endpoint, family: AddressFamily) -> Self {
        let literal = endpoint.host.parse::<IpAddr>().ok().map(|address| {
            Arc::new(Known {
                addresses: vec![SocketAddr::new(address, endpoint.port)],
                check_again: Instant::now() + Duration::from_secs(u64::from(u32::MAX)),
            })
        });
        Self {
            endpoint,
            family,
            known: ArcSwapOption::new(literal),
            first: Mutex::new(()),
            refreshing: AtomicBool::new(false),
        }
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The addresses to try, never empty: the last good answer, however old, or a first look-up's.
    pub(crate) async fn get(self: &Arc<Self>) -> io::Result<Vec<SocketAddr>> {
        if let Some(known) = self.known.load_full() {
            if known.check_again <= Instant::now() && !self.refreshing.swap(true, Ordering::AcqRel)
            {
                tokio::spawn(Arc::clone(self).refresh());
            }
            return Ok(known.addresses.clone());
        }
        let _one_at_a_time = self.first.lock().await;
        if let Some(known) = self.known.load_full() {
            return Ok(known.addresses.clone());
        }
        let addresses = self.look_up().await?;
        self.keep(addresses.clone(), FRESH_FOR);
        Ok(addresses)
    }

    async fn refresh(self: Arc<Self>) {
        match self.look_up().await {
            Ok(addresses) => self.keep(addresses, FRESH_FOR),
            Err(error) => {
                tracing::warn!(host = %self.endpoint.host, %error, "an origin's name no longer resolves, its last addresses stay in use");
                if let Some(known) = self.known.load_full() {
                    self.keep(known.addresses.clone(), RETRY_AFTER);
                }
            }
        }
        self.refreshing.store(false, Ordering::Release);
    }

    fn keep(&self, addresses: Vec<SocketAddr>, for_now: Duration) {
        self.known.store(Some(Arc::new(Known {
            addresses,
            check_again: Instant::now() + for_now,
        })));
    }

    async fn look_up(&self) -> io::Result<Vec<SocketAddr>> {
        let found = tokio::net::lookup_host((&*self.endpoint.host, self.endpoint.port)).await?;
        let addresses = in_order(found.collect(), self.family);
        if addresses.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                "the name has no address of the allowed kind",
            ));
        }
        Ok(addresses)
    }
}

/// Those of the allowed family; where both are, alternating from IPv6 on (RFC 8305, section 4).
fn in_order(found: Vec<SocketAddr>, family: AddressFamily) -> Vec<SocketAddr> {
    let (v6, v4): (Vec<_>, Vec<_>) = found.into_iter().partition(SocketAddr::is_ipv6);
    match family {
        AddressFamily::V4 => v4,
        AddressFamily::V6 => v6,
        AddressFamily::Both => {
            let (mut v6, mut v4) = (v6.into_iter(), v4.into_iter());
            let mut mixed = Vec::with_capacity(v6.len() + v4.len());
            loop {
                let pair = (v6.next(), v4.next());
                if pair == (None, None) {
                    return mixed;
                }
                mixed.extend(pair.0);
                mixed.extend(pair.1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_of_the_allowed_family_and_alternate() {
        let found = |texts: &[&str]| {
            texts
                .iter()
                .filter_map(|text| text.parse().ok())
                .collect::<Vec<SocketAddr>>()
        };
        let all = ["192.0.2.1:80", "192.0.2.2:80", "[2001:db8::1]:80"];
        for (family, expected) in [
            (AddressFamily::V4, &["192.0.2.1:80", "192.0.2.2:80"][..]),
            (AddressFamily::V6, &["[2001:db8::1]:80"]),
            (
                AddressFamily::Both,
                &["[2001:db8::1]:80", "192.0.2.1:80", "192.0.2.2:80"],
            ),
        ] {
            assert_eq!(in_order(found(&all), family), found(expected), "{family:?}");
        }
    }
}
