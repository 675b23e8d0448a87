//! A certificate that the edge orders itself (RFC 8555), renews, and shows without a reload.
//!
//! [`Ordered`] is what handshakes and requests see of it: the certificate, and the proofs that a running order is asked for.
//! [`Keeper`] has a thread of its own, on which `keep` looks after the certificate: `store` keeps it in a folder, `order` gets
//! a new one by way of `http`, and the crate's `x509` reads in it how long it is good.

#[cfg(feature = "acme")]
mod http;
#[cfg(feature = "acme")]
mod keep;
#[cfg(feature = "acme")]
mod order;
#[cfg(feature = "acme")]
mod store;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use rustls::sign::CertifiedKey;
use tideover_config::Acme;

use crate::StartError;
use crate::live::Live;
use crate::metrics::Exposition;

/// What handshakes and requests see of a certificate that is ordered. It outlives reloads.
#[derive(Debug, Default)]
pub(crate) struct Ordered {
    /// `None` until the first one is there.
    certificate: ArcSwapOption<CertifiedKey>,
    /// Token and answer, of the order that runs.
    proofs: RwLock<Vec<(Box<str>, Bytes)>>,
    issued: AtomicU64,
    failed: AtomicU64,
    /// In seconds since 1970; 0 while there is none.
    not_after: AtomicU64,
}

impl Ordered {
    /// What is shown to viewers; `None`: a certificate of the edge's own making.
    pub(crate) fn certificate(&self) -> Option<Arc<CertifiedKey>> {
        self.certificate.load_full()
    }

    /// The answer to the server that asks for the proof with this token, if an order that runs has it.
    pub(crate) fn proof(&self, token: &str) -> Option<Bytes> {
        let proofs = self.proofs.read().unwrap_or_else(PoisonError::into_inner);
        let proof = proofs.iter().find(|(known, _)| **known == *token);
        proof.map(|(_, answer)| answer.clone())
    }

    /// Tells its numbers.
    pub(crate) fn expose(&self, text: &mut Exposition) {
        let help = "Orders of a certificate by ACME.";
        text.counter("tideover_certificate_orders_total", help);
        for (outcome, count) in [("issued", &self.issued), ("failed", &self.failed)] {
            text.sample(&[("outcome", outcome)], count.load(Relaxed));
        }
        let help = "When the ordered certificate ends, in seconds since 1970; 0: there is none.";
        text.gauge("tideover_certificate_not_after_seconds", help);
        text.sample(&[], self.not_after.load(Relaxed));
    }
}

/// Sees to it that there is a good certificate, for as long as this value lives.
#[derive(Debug, Default)]
pub(crate) struct Keeper(Mutex<Option<Kept>>);

#[derive(Debug)]
struct Kept {
    said: Acme,
    /// Its thread ends when this is gone.
    #[cfg(feature = "acme")]
    _end: tokio::sync::oneshot::Sender<()>,
}

/// What a config makes of the keeper, with everything done that can fail. Dropped, it has changed nothing.
pub(crate) enum Following {
    Stays,
    Ends,
    Begins(Box<Prepared>),
}

pub(crate) struct Prepared {
    said: Acme,
    #[cfg(feature = "acme")]
    keeping: keep::Prepared,
}

impl Keeper {
    /// To do what the config of `live` says.
    pub(crate) fn prepare(&self, live: &Live) -> Result<Following, StartError> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = live
            .tls
            .as_ref()
            .zip(live.edge.listen.tls.as_ref())
            .and_then(|(tls, said)| Some((tls.ordered(), said.acme.as_ref()?)));
        Ok(match wanted {
            None => Following::Ends,
            Some((_, said)) if kept.as_ref().is_some_and(|kept| kept.said == *said) => {
                Following::Stays
            }
            Some((ordered, said)) => {
                Following::Begins(Box::new(Prepared::new(said, ordered, live)?))
            }
        })
    }

    /// Does so from now on. A certificate that an earlier order left in the folder is shown when this returns.
    pub(crate) fn follow(&self, following: Following) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match following {
            Following::Stays => {}
            Following::Ends => *kept = None,
            Following::Begins(prepared) => *kept = Some(prepared.begin()),
        }
    }
}

#[cfg(feature = "acme")]
impl Prepared {
    fn new(said: &Acme, ordered: &Arc<Ordered>, live: &Live) -> Result<Self, StartError> {
        let keeping =
            keep::prepare(said, Arc::clone(ordered), live.clock).map_err(StartError::Acme)?;
        Ok(Self {
            said: said.clone(),
            keeping,
        })
    }

    fn begin(self) -> Kept {
        Kept {
            said: self.said,
            _end: self.keeping.begin(),
        }
    }
}

#[cfg(not(feature = "acme"))]
impl Prepared {
    fn new(_: &Acme, _: &Arc<Ordered>, _: &Live) -> Result<Self, StartError> {
        Err(StartError::Acme(std::io::Error::new(
            std::io::ErrorKind::Unsupported,
            "this program was built without the feature acme",
        )))
    }

    fn begin(self) -> Kept {
        Kept { said: self.said }
    }
}

/// The proofs of one order: gone with this value.
#[cfg(feature = "acme")]
struct Proofs<'o>(&'o Ordered);

#[cfg(feature = "acme")]
impl Proofs<'_> {
    fn add(&self, token: &str, answer: &str) {
        let answer = Bytes::copy_from_slice(answer.as_bytes());
        let mut proofs = self
            .0
            .proofs
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        proofs.push((token.into(), answer));
    }
}

#[cfg(feature = "acme")]
impl Drop for Proofs<'_> {
    fn drop(&mut self) {
        let mut proofs = self
            .0
            .proofs
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        proofs.clear();
    }
}
