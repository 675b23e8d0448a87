//! Certificates by ACME.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::pem::{Wanted, pem};
use crate::origin::Trust;
use crate::problem::Problem;
use crate::viewer_tls::Acme;
use crate::written::{self, At, Place, Written};

/// Let's Encrypt puts no more into one certificate.
const MOST_DOMAINS: usize = 100;
/// Source: RFC 1035, section 2.3.4.
const MOST_NAME_BYTES: usize = 253;
const MOST_LABEL_BYTES: usize = 63;

/// `None` where something is missing without which nothing can be ordered; that is a problem then.
pub(super) fn acme(
    said: &written::Acme,
    written: &Written,
    has_plain_listener: bool,
    problems: &mut Vec<Problem>,
) -> Option<Acme> {
    let directory = directory(said, problems);
    agreement(said, directory.as_deref(), problems);
    let trust = match &said.ca {
        None => Some(Trust::Platform),
        Some(ca) => {
            let file = written.folder.join(&ca.value);
            let pem = pem(ca, &file, Wanted::Trusted, problems);
            pem.map(|pem| Trust::Only { file, pem })
        }
    };
    if said.folder.is_none() {
        problems.push(said.place.inner("folder").error(
            "is missing",
            "name a folder that outlives the edge, for the account and the certificate: folder = \"/var/lib/tideover\"",
        ));
    }
    if !has_plain_listener {
        problems.push(said.place.warning(
            "needs a listener without TLS, and listen.http names none",
            "write listen.http = \":80\": that is where the server looks for the proof (HTTP-01)",
        ));
    }
    let contact = said.contact.iter();
    let contact = contact
        .filter_map(|said| contact_url(said, problems))
        .collect();
    let domains = domains(said, written, problems);
    Some(Acme {
        directory: directory?,
        contact,
        domains: (!domains.is_empty()).then_some(domains)?,
        folder: written.folder.join(&said.folder.as_ref()?.value),
        trust: trust?,
    })
}

fn directory(said: &written::Acme, problems: &mut Vec<Problem>) -> Option<Arc<str>> {
    let Some(directory) = &said.directory else {
        return Some(Acme::PRODUCTION.into());
    };
    match directory.value.as_str() {
        "production" => Some(Acme::PRODUCTION.into()),
        "staging" => Some(Acme::STAGING.into()),
        url if is_https_url(url) => Some(url.into()),
        _ => {
            problems.push(directory.place.error(
                format!("is {}", directory.shown()),
                "write \"production\" or \"staging\" for Let's Encrypt's, or the https:// URL of another server's directory",
            ));
            None
        }
    }
}

fn is_https_url(url: &str) -> bool {
    url.parse::<http::Uri>().is_ok_and(|uri| {
        uri.scheme_str() == Some("https") && uri.host().is_some_and(|host| !host.is_empty())
    })
}

/// Nobody agrees for the operator.
fn agreement(said: &written::Acme, directory: Option<&str>, problems: &mut Vec<Problem>) {
    let place = match &said.agree_to_terms {
        Some(At { value: true, .. }) => return,
        Some(At { place, .. }) => place.clone(),
        None => said.place.inner("agree_to_terms"),
    };
    let found = if said.agree_to_terms.is_some() {
        "is false"
    } else {
        "is missing"
    };
    let whose = directory.unwrap_or("the server");
    problems.push(place.error(
        found,
        format!("read the terms of service of {whose}, and write agree_to_terms = true"),
    ));
}

fn contact_url(said: &At<String>, problems: &mut Vec<Problem>) -> Option<Arc<str>> {
    let address = said.value.strip_prefix("mailto:").unwrap_or(&said.value);
    let is_address = address
        .split_once('@')
        .is_some_and(|(who, domain)| !who.is_empty() && is_domain(domain));
    let is_clean = address.bytes().all(|byte| byte.is_ascii_graphic());
    if is_address && is_clean && !address.contains([',', '?']) {
        return Some(format!("mailto:{address}").into());
    }
    problems.push(said.place.error(
        format!("is {}", said.shown()),
        "write one e-mail address, such as \"ops@example.com\", or a list of them",
    ));
    None
}

/// What is said, or the aliases of all distributions that stand for one name.
fn domains(said: &written::Acme, written: &Written, problems: &mut Vec<Problem>) -> Vec<Arc<str>> {
    let mut domains = BTreeSet::new();
    let place: Place = if let Some((place, said)) = &said.domains {
        for said in said {
            let domain = said.value.to_ascii_lowercase();
            if is_domain(&domain) {
                domains.insert(Arc::from(domain));
            } else if domain.starts_with("*.") {
                problems.push(said.place.error(
                    format!("is {}, a wildcard, for which no proof can be given over HTTP", said.shown()),
                    "name its hosts one by one, or name a certificate that was got elsewhere in tls.certificates",
                ));
            } else {
                problems.push(said.place.error(
                    format!(
                        "is {}, which no public server signs a certificate for",
                        said.shown()
                    ),
                    "write DNS names, such as \"www.example.com\"",
                ));
            }
        }
        if said.is_empty() {
            problems.push(place.error(
                "is empty",
                "write the names that the certificate is to be good for",
            ));
        }
        place.clone()
    } else {
        let aliases = written
            .distributions
            .iter()
            .flat_map(|distribution| &distribution.aliases);
        let exact = aliases
            .map(|alias| alias.value.to_ascii_lowercase())
            .filter(|alias| is_domain(alias));
        domains.extend(exact.map(Arc::from));
        let place = said.place.inner("domains");
        if domains.is_empty() {
            problems.push(place.error(
                "is missing, and no distribution has an alias that is one name",
                "write domains = [\"www.example.com\"]",
            ));
        }
        place
    };
    if domains.len() > MOST_DOMAINS {
        problems.push(place.error(
            format!("comes to {} names", domains.len()),
            format!("name {MOST_DOMAINS} at most: all of them stand in one certificate"),
        ));
    }
    domains.into_iter().collect()
}

/// A DNS name of two labels or more, whose last one is not a number.
fn is_domain(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=MOST_LABEL_BYTES).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let is_number = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
    name.len() <= MOST_NAME_BYTES
        && name.contains('.')
        && name.split('.').all(is_label)
        && !name.rsplit('.').next().is_some_and(is_number)
}
