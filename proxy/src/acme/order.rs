//! One order, from the account to the certificate. Source: RFC 8555, section 7.

use std::io;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, CertificateIdentifier, ChallengeType,
    Identifier, NewAccount, NewOrder, Order, OrderStatus, Problem, RetryPolicy,
};
use rustls::pki_types::Der;
use tideover_config::Acme;
use tideover_rules::renewal::Validity;

use super::http::{Asked, Client};
use super::store::{Found, Store};
use super::{Ordered, Proofs};
use crate::x509::Facts;

/// For the whole of it; a server that is asked for a hundred names takes its time.
const TIMEOUT: Duration = Duration::from_mins(10);
/// How often, and for how long, the server is asked whether it has seen the proofs, or has signed.
const ASKS: RetryPolicy = RetryPolicy::new()
    .initial_delay(Duration::from_millis(250))
    .backoff(1.5)
    .timeout(Duration::from_mins(3));
const NO_SUCH_ACCOUNT: &str = "urn:ietf:params:acme:error:accountDoesNotExist";

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub(super) enum OrderError {
    #[error("the server: {}", in_words(.0))]
    Server(#[from] instant_acme::Error),
    /// One name or several, and what the server says of them.
    #[error("{domain} was not proved: {}", .why.as_deref().unwrap_or("the server does not say why"))]
    Proof { domain: String, why: Option<String> },
    #[error("the server takes no proof over HTTP (HTTP-01) for {0}")]
    NoHttp(String),
    #[error("the folder: {0}")]
    Folder(#[from] io::Error),
    #[error("the certificate that came {0}")]
    Certificate(String),
    #[error("the order took more than {} minutes", TIMEOUT.as_secs() / 60)]
    TooLong,
}

impl OrderError {
    /// What it has in common with one that is of the same kind, whatever the tokens and times in its words.
    pub(super) fn kind(&self) -> String {
        match self {
            Self::Server(instant_acme::Error::Api(Problem {
                r#type: Some(kind), ..
            })) => kind.clone(),
            Self::Proof { domain, .. } => format!("proof of {domain}"),
            Self::Server(_)
            | Self::NoHttp(_)
            | Self::Folder(_)
            | Self::Certificate(_)
            | Self::TooLong => self.to_string(),
        }
    }
}

fn in_words(error: &instant_acme::Error) -> String {
    let instant_acme::Error::Api(problem) = error else {
        return error.to_string();
    };
    // Of each name by itself, where the server says so. Source: RFC 8555, section 6.7.1.
    let of_names = problem.subproblems.iter().filter_map(|each| {
        let name = each.identifier.as_ref()?;
        let detail = each.detail.as_deref().unwrap_or("refused");
        Some(format!("{}: {detail}", name.authorized(false)))
    });
    let words: Vec<String> = problem.detail.clone().into_iter().chain(of_names).collect();
    if words.is_empty() {
        return error.to_string();
    }
    words.join("; ")
}

/// What an order is made with.
pub(super) struct Desk<'d> {
    pub(super) said: &'d Acme,
    pub(super) store: &'d Store,
    pub(super) ordered: &'d Ordered,
    pub(super) asked: &'d Asked,
}

impl Desk<'_> {
    /// A certificate in place of `before`, if that has one that the authority keeps in mind. It is in the folder then.
    pub(super) async fn order(&self, before: Option<&Facts>) -> Result<Found, OrderError> {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = None;
        // Boxed: large, and rare.
        let ordering = Box::pin(tokio::time::timeout(TIMEOUT, self.obtain(before)));
        let pem = ordering.await.map_err(|_| OrderError::TooLong)??;
        let found = Found::of(pem.as_bytes()).map_err(OrderError::Certificate)?;
        if !found.is_for(&self.said.domains) {
            let why = "is not for the names that were ordered";
            return Err(OrderError::Certificate(why.to_owned()));
        }
        self.store.keep_certificate(&pem)?;
        Ok(found)
    }

    /// When the authority would like the successor of a certificate to be ordered, and when to ask again. `None`: it does
    /// not say such things.
    pub(super) async fn window(
        &self,
        facts: &Facts,
    ) -> Result<Option<(Validity, Duration)>, OrderError> {
        let Some(id) = identifier(facts) else {
            return Ok(None);
        };
        let account = self.account().await?;
        let (info, again) = match account.renewal_info(&id).await {
            Ok(told) => told,
            Err(instant_acme::Error::Unsupported(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let since_1970 = |seconds| Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
        let window = Validity {
            not_before: since_1970(info.suggested_window.start.unix_timestamp()),
            not_after: since_1970(info.suggested_window.end.unix_timestamp()),
        };
        Ok(Some((window, again)))
    }

    /// The one in the folder, else a new one.
    async fn account(&self) -> Result<Account, OrderError> {
        let client = Client::new(self.said, Arc::clone(self.asked))?;
        let builder = Account::builder_with_http(Box::new(client));
        if let Some(kept) = self.store.account()? {
            if let Ok(credentials) = serde_json::from_slice::<AccountCredentials>(&kept) {
                return Ok(builder.from_credentials(credentials).await?);
            }
            // The error's own words could show a part of the key.
            tracing::warn!("the ACME account in the folder cannot be read: a new one is made");
        }
        let contact: Vec<&str> = self.said.contact.iter().map(AsRef::as_ref).collect();
        let new = NewAccount {
            contact: &contact,
            terms_of_service_agreed: true,
            only_return_existing: false,
        };
        let directory = self.said.directory.to_string();
        let (account, credentials) = builder.create(&new, directory, None).await?;
        let credentials = serde_json::to_vec(&credentials).map_err(io::Error::other)?;
        self.store.keep_account(&credentials)?;
        Ok(account)
    }

    /// Key and chain in PEM.
    async fn obtain(&self, before: Option<&Facts>) -> Result<String, OrderError> {
        let account = self.account().await?;
        let domains = self.said.domains.iter();
        let identifiers: Vec<Identifier> = domains
            .map(|domain| Identifier::Dns(domain.to_string()))
            .collect();
        let mut new = NewOrder::new(&identifiers);
        if let Some(id) = before.and_then(identifier) {
            new = new.replaces(id);
        }
        let order = account.new_order(&new).await;
        if let Err(instant_acme::Error::Api(problem)) = &order
            && problem.r#type.as_deref() == Some(NO_SUCH_ACCOUNT)
        {
            self.store.forget_account()?;
        }
        let mut order = order?;
        let proofs = Proofs(self.ordered);
        prove(&mut order, &proofs).await?;
        let status = match order.state().status {
            // All names were proved not long ago.
            OrderStatus::Ready => OrderStatus::Ready,
            OrderStatus::Pending
            | OrderStatus::Processing
            | OrderStatus::Valid
            | OrderStatus::Invalid => order.poll_ready(&ASKS).await?,
        };
        if status != OrderStatus::Ready {
            return Err(unproved(&mut order).await?);
        }
        drop(proofs);
        let key = order.finalize().await?;
        let chain = order.poll_certificate(&ASKS).await?;
        Ok(format!("{key}{chain}"))
    }
}

/// Shows the proof of each name that is not proved yet, and tells the server to look.
async fn prove(order: &mut Order, proofs: &Proofs<'_>) -> Result<(), OrderError> {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        let domain = authorization.identifier().to_string();
        match authorization.status {
            AuthorizationStatus::Valid => continue,
            AuthorizationStatus::Pending => {}
            AuthorizationStatus::Invalid
            | AuthorizationStatus::Revoked
            | AuthorizationStatus::Expired
            | AuthorizationStatus::Deactivated => {
                return Err(OrderError::Proof { domain, why: None });
            }
        }
        let Some(mut challenge) = authorization.challenge(ChallengeType::Http01) else {
            return Err(OrderError::NoHttp(domain));
        };
        let answer = challenge.key_authorization();
        proofs.add(&challenge.token, answer.as_str());
        challenge.set_ready().await?;
    }
    Ok(())
}

/// Which names the server did not find the proofs for.
async fn unproved(order: &mut Order) -> Result<OrderError, instant_acme::Error> {
    let mut seen = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        let state = authorization.refresh().await?;
        let mut challenges = state.challenges.iter();
        let why = challenges.find_map(|challenge| challenge.error.as_ref()?.detail.clone());
        let status = state.status;
        seen.push((state.identifier().to_string(), status, why));
    }
    Ok(blamed(seen))
}

/// The names by which an order failed: a server does not look for the rest of the proofs once one is missing, so what still
/// waits is named only if nothing else is at fault.
fn blamed(seen: Vec<(String, AuthorizationStatus, Option<String>)>) -> OrderError {
    let (waiting, settled): (Vec<_>, Vec<_>) = seen
        .into_iter()
        .filter(|(_, status, _)| *status != AuthorizationStatus::Valid)
        .partition(|(_, status, _)| *status == AuthorizationStatus::Pending);
    let at_fault = if settled.is_empty() { waiting } else { settled };
    let domains: Vec<&str> = at_fault.iter().map(|(domain, ..)| &**domain).collect();
    let domain = domains.join(", ");
    let why: Vec<String> = at_fault
        .iter()
        .filter_map(|(.., why)| why.clone())
        .collect();
    if domain.is_empty() {
        return OrderError::Certificate("was refused".to_owned());
    }
    OrderError::Proof {
        domain,
        why: (!why.is_empty()).then(|| why.join("; ")),
    }
}

/// By which the authority knows a certificate. Source: RFC 9773, section 4.1.
fn identifier(facts: &Facts) -> Option<CertificateIdentifier<'static>> {
    let authority = facts.authority_key.as_deref()?;
    let id = CertificateIdentifier::new(Der::from_slice(authority), Der::from_slice(&facts.serial));
    Some(id.into_owned())
}

#[cfg(test)]
mod tests {
    use AuthorizationStatus::{Invalid, Pending, Valid};

    use super::*;

    #[test]
    fn the_names_at_fault_are_named_and_no_others() {
        let no = Some("nobody answers");
        for (seen, expected) in [
            (
                // The server has stopped looking: the first one is not at fault.
                vec![("a", Pending, None), ("b", Invalid, no), ("c", Valid, None)],
                "b was not proved: nobody answers",
            ),
            (
                vec![
                    ("a", Invalid, no),
                    ("b", Invalid, Some("404")),
                    ("c", Pending, None),
                ],
                "a, b was not proved: nobody answers; 404",
            ),
            (
                vec![("a", Pending, None), ("b", Valid, None)],
                "a was not proved: the server does not say why",
            ),
            (
                vec![("a", Valid, None)],
                "the certificate that came was refused",
            ),
        ] {
            let words = seen
                .into_iter()
                .map(|(domain, status, why)| (domain.to_owned(), status, why.map(str::to_owned)));
            assert_eq!(blamed(words.collect()).to_string(), expected);
        }
    }

    #[test]
    fn what_a_server_says_of_each_name_is_told() {
        let problem: Problem = serde_json::from_str(
            r#"{ "type": "urn:ietf:params:acme:error:rejectedIdentifier", "detail": "some were refused", "subproblems": [
                { "type": "x", "detail": "a policy forbids it", "identifier": { "type": "dns", "value": "b.example" } }
            ] }"#,
        )
        .expect("it is a problem");
        let error = OrderError::Server(instant_acme::Error::Api(problem));
        assert_eq!(
            error.to_string(),
            "the server: some were refused; b.example: a policy forbids it"
        );
    }
}
