//! TLS towards viewers.

use std::path::Path;
use std::time::Duration;

use super::pem::{Wanted, pem};
use super::{acme, flag, values};
use crate::distribution::Secret;
use crate::edge::Overrides;
use crate::problem::Problem;
use crate::viewer_tls::{Certificate, MinimumProtocol, ViewerTls};
use crate::written::{At, Notation, Place, Written};

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// What is spoken where TLS is; `listener` is the first place that wants it, and without one the answer is `None`.
pub(super) fn viewer_tls(
    written: &Written,
    overrides: &Overrides,
    listener: Option<&Place>,
    problems: &mut Vec<Problem>,
) -> Option<ViewerTls> {
    let said = &written.tls;
    let mut certificates = certificates(written, overrides, problems);
    let by_flag = overrides.certificate.is_some() || overrides.tls_self_signed;
    let has_plain_listener = !(written.listen.http.is_empty() && overrides.listen.is_empty());
    let acme = said
        .acme
        .as_ref()
        .filter(|_| !by_flag)
        .and_then(|said| acme::acme(said, written, has_plain_listener, problems));
    if said.acme.is_some() && !by_flag {
        // A certificate of the edge's own making stands in for it anyway.
        certificates.retain(|each| !matches!(each, Certificate::SelfSigned));
        certificates.push(Certificate::Acme);
    }
    let handshake_timeout = said
        .handshake_timeout
        .as_ref()
        .and_then(|said| {
            let bounds = Duration::from_millis(1)..=Duration::from_mins(10);
            values::span(said, &bounds, problems)
        })
        .unwrap_or(HANDSHAKE_TIMEOUT);
    let minimum = minimum(written, problems);
    let Some(listener) = listener else {
        if let Some(place) = &said.place {
            problems.push(place.warning(
                "is here, and no listener speaks TLS",
                "name an address in listen.https, or leave the table out",
            ));
        }
        return None;
    };
    if certificates.is_empty() {
        problems.push(listener.error(
            "speaks TLS, and there is no certificate for it",
            "name one in [tls] certificates (--cert and --key), have one ordered by [tls.acme], or say \
             self_signed = true in [tls] (--tls-self-signed) for local work",
        ));
    }
    Some(ViewerTls {
        certificates,
        minimum,
        handshake_timeout,
        http2: http2(written),
        acme,
    })
}

fn certificates(
    written: &Written,
    overrides: &Overrides,
    problems: &mut Vec<Problem>,
) -> Vec<Certificate> {
    let said = &written.tls;
    let from_file = |path: &std::path::PathBuf, name| At {
        value: path.display().to_string(),
        place: flag(name),
    };
    let by_flag = match (&overrides.certificate, &overrides.key) {
        (Some(file), key) => Some(files(
            &from_file(file, "--cert"),
            key.as_ref().map(|key| from_file(key, "--key")).as_ref(),
            Path::new(""),
            problems,
        )),
        (None, Some(_)) => {
            problems.push(
                flag("--key").error("is the key of no certificate", "say --cert FILE as well"),
            );
            None
        }
        (None, None) => None,
    };
    let mut found = Vec::from_iter(by_flag);
    if overrides.tls_self_signed && found.is_empty() {
        found.push(Certificate::SelfSigned);
    }
    if found.is_empty() {
        found.extend(said.certificates.iter().map(|said| {
            let key = said.key.as_ref();
            files(&said.certificate, key, &written.folder, problems)
        }));
    }
    let self_signed = said.self_signed.as_ref().is_some_and(|said| said.value);
    if self_signed && found.is_empty() {
        found.push(Certificate::SelfSigned);
    }
    found
}

/// The certificate in one file, with its key in another, or in the same.
fn files(
    certificate: &At<String>,
    key: Option<&At<String>>,
    folder: &Path,
    problems: &mut Vec<Problem>,
) -> Certificate {
    let key = key.unwrap_or(certificate);
    let file = folder.join(&certificate.value);
    let key_file = folder.join(&key.value);
    let pem = pem(certificate, &file, Wanted::Certificate, problems);
    let key_pem = pem_text(key, &key_file, problems);
    let (Some(pem), Some(key_pem)) = (pem, key_pem) else {
        // Something has to stand for it, lest it be said that there is no certificate.
        return Certificate::SelfSigned;
    };
    Certificate::Files {
        file,
        key_file,
        pem,
        key: Secret::new(&key_pem),
    }
}

fn pem_text(said: &At<String>, file: &Path, problems: &mut Vec<Problem>) -> Option<String> {
    let pem = pem(said, file, Wanted::PrivateKey, problems)?;
    // A PEM file is ASCII; whatever else may be in it is no part of the key.
    Some(String::from_utf8_lossy(&pem).into_owned())
}

/// The strictest that anybody asks for: the handshake is over before it is known which distribution is meant.
fn minimum(written: &Written, problems: &mut Vec<Problem>) -> MinimumProtocol {
    let of_distributions = written
        .distributions
        .iter()
        .filter_map(|distribution| distribution.minimum_protocol_version.as_ref());
    let own = written.tls.minimum_protocol_version.as_ref();
    let mut strictest = MinimumProtocol::Tls12From2021;
    for said in own.into_iter().chain(of_distributions) {
        let mut names = MinimumProtocol::NAMES.iter();
        let is_known = names.any(|(name, _)| *name == said.value);
        let minimum = if is_known || !matches!(written.notation, Notation::CloudFront) {
            values::word(said, &MinimumProtocol::NAMES, problems)
        } else {
            // Of a time after this one: no weaker than what is known.
            problems.push(said.place.warning(
                format!("is {}", said.shown()),
                "TLSv1.3_2025 is served: the strictest policy that this edge knows",
            ));
            strictest = MinimumProtocol::Tls13From2025;
            None
        };
        let Some(minimum) = minimum else { continue };
        // What CloudFront's own certificate is always served with is nobody's wish.
        if minimum.as_str() != said.value && said.value != "TLSv1" {
            problems.push(said.place.warning(
                format!("is {}", said.shown()),
                format!(
                    "{} is served: this edge does not speak what is older",
                    minimum.as_str()
                ),
            ));
        }
        strictest = strictest.max(minimum);
    }
    strictest
}

/// Offered unless every distribution asks for HTTP/1.1 only, or the file says so.
fn http2(written: &Written) -> bool {
    if let Some(said) = &written.tls.http2 {
        return said.value;
    }
    let mut asked = written
        .distributions
        .iter()
        .map(|distribution| distribution.http_version.as_ref());
    written.distributions.is_empty()
        || !asked.all(|said| said.is_some_and(|said| said.value.eq_ignore_ascii_case("http1.1")))
}
