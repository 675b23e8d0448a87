//! `[[alarm]]`: who is told.

use std::net::IpAddr;

use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue};

use super::pem::{Wanted, pem};
use super::{url, values};
use crate::alarm::{AlarmFormat, AlarmKind, Webhook};
use crate::distribution::Secret;
use crate::origin::{Endpoint, Trust, is_nearby};
use crate::print::MASK;
use crate::problem::Problem;
use crate::written::{Alarm, At, Place, Written};

/// Each has a queue and a task of its own.
const MOST: usize = 16;

/// What could be made of them; whatever else there is is a problem.
pub(super) fn alarms(written: &Written, problems: &mut Vec<Problem>) -> Vec<Webhook> {
    if let Some(beyond) = written.alarms.get(MOST) {
        problems.push(beyond.place.error(
            format!("is webhook number {}", MOST + 1),
            format!("write {MOST} at most"),
        ));
    }
    let alarms = written.alarms.iter().take(MOST);
    alarms
        .filter_map(|said| alarm(said, written, problems))
        .collect()
}

fn alarm(said: &Alarm, written: &Written, problems: &mut Vec<Problem>) -> Option<Webhook> {
    let format = match &said.format {
        None => Some(AlarmFormat::Json),
        Some(said) => values::word(said, &AlarmFormat::NAMES, problems),
    };
    let trust = match &said.ca {
        None => Some(Trust::Platform),
        Some(ca) => {
            let file = written.folder.join(&ca.value);
            let pem = pem(ca, &file, Wanted::Trusted, problems);
            pem.map(|pem| Trust::Only { file, pem })
        }
    };
    let headers = headers(said, problems);
    let only = match &said.only {
        None => Some(None),
        Some((place, words)) => only(place, words, problems).map(Some),
    };
    if said.webhook.is_none() {
        problems.push(values::missing(
            &said.place,
            "webhook",
            "write the URL that alarms are posted to: webhook = \"https://…\"",
        ));
    }
    let webhook = said.webhook.as_ref()?;
    let address = address(webhook, problems)?;
    Some(Webhook {
        endpoint: address.endpoint,
        secure: address.secure,
        host: address.host,
        target: address.target,
        trust: trust?,
        format: format?,
        headers,
        only: only?,
    })
}

struct Address {
    endpoint: Endpoint,
    secure: bool,
    host: HeaderValue,
    target: Secret,
}

/// Takes the URL apart. It is a secret: no message repeats it.
fn address(said: &At<String>, problems: &mut Vec<Problem>) -> Option<Address> {
    let mut refuse = |found: &str, instead: &str| {
        problems.push(said.place.error(found, instead));
        None
    };
    let text = said.value.split('#').next().unwrap_or_default();
    let (scheme, rest) = text.split_once("://").unwrap_or_default();
    let secure = match scheme.to_ascii_lowercase().as_str() {
        "https" => true,
        "http" => false,
        _ => return refuse("is no URL of a webhook", "begin it with https://"),
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at(end);
    if authority.contains('@') {
        return refuse(
            "has a user or a password in it",
            "leave them out, and write headers = { Authorization = \"Basic …\" }",
        );
    }
    let Ok((name, port)) = url::host_and_port(authority) else {
        return refuse(
            "names no host",
            "write the host's name or address after the //, and a port from 1 to 65535 if it is not the usual one",
        );
    };
    let target = match target.as_bytes().first() {
        None => "/".to_owned(),
        Some(b'?') => format!("/{target}"),
        Some(_) => target.to_owned(),
    };
    let is_target = target.bytes().all(|byte| byte.is_ascii_graphic())
        && target.parse::<PathAndQuery>().is_ok();
    let host = HeaderValue::from_str(authority).ok();
    let (true, Some(host)) = (is_target, host) else {
        return refuse(
            "has characters in it that no URL has",
            "write others as %XX",
        );
    };
    if said.value.contains(MASK) {
        problems.push(said.place.warning(
            "has a mask of `check --print` in it, which stands for a secret",
            "write the whole URL, or \"${NAME}\" to take it from the environment",
        ));
    }
    if !secure && !stays_nearby(&name) {
        problems.push(said.place.warning(
            "is not https, so that others on the way can read it, and post there",
            "write https://",
        ));
    }
    let endpoint = Endpoint {
        host: name.into(),
        port: port.unwrap_or(if secure { 443 } else { 80 }),
    };
    Some(Address {
        endpoint,
        secure,
        host,
        target: Secret::new(&target),
    })
}

/// An address of the operator's own network, or a name without dots, which no public DNS has.
fn stays_nearby(host: &str) -> bool {
    host.parse::<IpAddr>()
        .map_or(!host.contains('.'), is_nearby)
}

fn headers(said: &Alarm, problems: &mut Vec<Problem>) -> Vec<(HeaderName, HeaderValue)> {
    /// The edge makes these itself.
    const OURS: [&str; 9] = [
        "connection",
        "content-length",
        "content-type",
        "host",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    ];
    let mut headers: Vec<(HeaderName, HeaderValue)> = Vec::new();
    for (name, value) in &said.headers {
        let parsed = HeaderName::from_bytes(name.value.as_bytes());
        let Ok(parsed) = parsed else {
            problems.push(name.place.error(
                format!("has the name {}", name.shown()),
                "write a header name: letters, digits and -",
            ));
            continue;
        };
        if OURS.contains(&parsed.as_str()) {
            problems.push(name.place.error(
                format!("has the name {}", name.shown()),
                "leave it out; the edge makes this header itself",
            ));
            continue;
        }
        values::check_mask(value, problems);
        if let Some(mut value) = value.header_value(problems) {
            value.set_sensitive(true);
            headers.push((parsed, value));
        }
    }
    headers
}

fn only(
    place: &Place,
    words: &[At<String>],
    problems: &mut Vec<Problem>,
) -> Option<Vec<AlarmKind>> {
    if words.is_empty() {
        problems.push(place.error(
            "is empty, so that nothing would be sent",
            "name kinds of alarms, or leave it out for all of them",
        ));
        return None;
    }
    let kinds = words
        .iter()
        .map(|word| values::word(word, &AlarmKind::NAMES, problems));
    let kinds: Vec<Option<AlarmKind>> = kinds.collect();
    let mut kinds = kinds.into_iter().collect::<Option<Vec<_>>>()?;
    kinds.sort_unstable();
    kinds.dedup();
    Some(kinds)
}
