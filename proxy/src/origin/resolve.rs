//! Names to addresses: remembered for a while, refreshed in the background, and kept when a refresh fails.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use tideover_config::{AddressFamily, Endpoint};
use tokio::sync::watch;

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
    /// A look-up is on its way. It is nobody's request's: the system's resolver cannot be called off, so that one for each
    /// request that gave up waiting would fill its threads, and no other name could be looked up.
    looking: AtomicBool,
    /// Told at the end of each look-up: why it brought nothing, if so.
    ended: watch::Sender<Option<Arc<io::Error>>>,
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
            looking: AtomicBool::new(false),
            ended: watch::Sender::new(None),
        }
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The addresses to try, never empty: the last good answer, however old, or that of the look-up at hand.
    pub(crate) async fn get(self: &Arc<Self>) -> io::Result<Vec<SocketAddr>> {
        let this = Arc::clone(self);
        self.get_by(|| async move { this.look_up().await }).await
    }

    /// The same, where `look_up` makes the look-up if one is due.
    async fn get_by<L>(self: &Arc<Self>, look_up: impl FnOnce() -> L) -> io::Result<Vec<SocketAddr>>
    where
        L: Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static,
    {
        let known = self.known.load_full();
        let mut ended = self.ended.subscribe();
        let is_due = known
            .as_ref()
            .is_none_or(|known| known.check_again <= Instant::now());
        if is_due && !self.looking.swap(true, Ordering::AcqRel) {
            tokio::spawn(Arc::clone(self).learn(look_up()));
        }
        if let Some(known) = known {
            return Ok(known.addresses.clone());
        }
        // The sender is ours: it cannot be gone.
        let _ = ended.changed().await;
        if let Some(known) = self.known.load_full() {
            return Ok(known.addresses.clone());
        }
        let error = ended.borrow().clone();
        Err(match error {
            Some(error) => io::Error::new(error.kind(), error),
            None => io::ErrorKind::NotFound.into(),
        })
    }

    async fn learn(self: Arc<Self>, look_up: impl Future<Output = io::Result<Vec<SocketAddr>>>) {
        let error = match look_up.await {
            Ok(addresses) => {
                self.keep(addresses, FRESH_FOR);
                None
            }
            Err(error) => {
                if let Some(known) = self.known.load_full() {
                    tracing::warn!(host = %self.endpoint.host, %error, "an origin's name no longer resolves, its last addresses stay in use");
                    self.keep(known.addresses.clone(), RETRY_AFTER);
                }
                Some(Arc::new(error))
            }
        };
        self.looking.store(false, Ordering::Release);
        self.ended.send_replace(error);
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

    #[tokio::test]
    async fn those_who_give_up_waiting_do_not_make_one_look_up_each() {
        let endpoint = Endpoint {
            host: "slow.test".into(),
            port: 80,
        };
        let addresses = Arc::new(Addresses::new(endpoint, AddressFamily::V4));
        let (answer, answered) = tokio::sync::oneshot::channel::<io::Result<Vec<SocketAddr>>>();
        let mut answered = Some(answered);
        let mut look_ups = 0;
        let mut look_up = || {
            look_ups += 1;
            let answered = answered.take().expect("there is one look-up");
            async { answered.await.expect("it is answered") }
        };

        for _ in 0..3 {
            let waiting = addresses.get_by(&mut look_up);
            tokio::time::timeout(Duration::from_millis(10), waiting)
                .await
                .expect_err("the look-up is not over");
        }
        let found = vec![SocketAddr::from(([192, 0, 2, 1], 80))];
        answer.send(Ok(found.clone())).expect("it is waited for");

        assert_eq!(addresses.get_by(&mut look_up).await.expect("found"), found);
        assert_eq!(look_ups, 1);
    }

    #[tokio::test]
    async fn a_name_that_does_not_resolve_is_looked_up_again_by_the_next() {
        let endpoint = Endpoint {
            host: "gone.test".into(),
            port: 80,
        };
        let addresses = Arc::new(Addresses::new(endpoint, AddressFamily::V4));

        let gone = || async { Err(io::Error::from(io::ErrorKind::HostUnreachable)) };
        let error = addresses.get_by(gone).await.expect_err("it is gone");
        assert_eq!(error.kind(), io::ErrorKind::HostUnreachable);

        let found = vec![SocketAddr::from(([192, 0, 2, 1], 80))];
        let again = found.clone();
        let back = || async { Ok(again) };
        assert_eq!(addresses.get_by(back).await.expect("it is back"), found);
    }

    #[tokio::test]
    async fn the_last_good_answer_stays_when_a_refresh_fails() {
        let endpoint = Endpoint {
            host: "comes-and-goes.test".into(),
            port: 80,
        };
        let addresses = Arc::new(Addresses::new(endpoint, AddressFamily::V4));
        let [first, second] = [1, 2].map(|last| vec![SocketAddr::from(([192, 0, 2, last], 80))]);
        let found = |addresses: &Vec<SocketAddr>| {
            let found = addresses.clone();
            || async { Ok(found) }
        };
        let gone = || async { Err(io::Error::from(io::ErrorKind::HostUnreachable)) };
        let nobody_looks =
            || -> std::future::Ready<io::Result<Vec<SocketAddr>>> { panic!("it is too early") };
        let mut ended = addresses.ended.subscribe();

        let seen = addresses.get_by(found(&first)).await.expect("it is there");
        assert_eq!(seen, first);
        ended.changed().await.expect("the sender is ours");

        // Nobody waits for a refresh, and one that fails takes nothing away.
        addresses.keep(first.clone(), Duration::ZERO);
        let seen = addresses.get_by(gone).await.expect("it was known");
        assert_eq!(seen, first);
        ended.changed().await.expect("the sender is ours");
        assert!(ended.borrow_and_update().is_some(), "it failed");
        let seen = addresses.get_by(nobody_looks).await;
        assert_eq!(seen.expect("it is still known"), first);

        // The next one that brings something counts.
        addresses.keep(first.clone(), Duration::ZERO);
        let seen = addresses.get_by(found(&second)).await;
        assert_eq!(seen.expect("it was known"), first);
        ended.changed().await.expect("the sender is ours");
        let seen = addresses.get_by(nobody_looks).await;
        assert_eq!(seen.expect("it was learnt"), second);
    }

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
