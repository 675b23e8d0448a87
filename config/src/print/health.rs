//! `health_check` and `breaker` of an origin, and `[failover_record.ID]`.

use super::lines::{Lines, list, quoted, span};
use crate::edge::Edge;
use crate::health::{Breaker, CheckKind, HealthCheck, HttpCheck};
use crate::origin::StatusSet;
use crate::record::{FailoverRecord, Moves};

pub(super) fn health_check(check: &HealthCheck, lines: &mut Lines) {
    let mut field = |name: &str, value: String| lines.field(&format!("health_check.{name}"), value);
    let kind = match &check.kind {
        CheckKind::Tcp => "tcp",
        CheckKind::Http(http) if http.secure => "https",
        CheckKind::Http(_) => "http",
    };
    field("type", quoted(kind));
    field("port", check.endpoint.port.to_string());
    if let CheckKind::Http(http) = &check.kind {
        self::http(http, &mut field);
    }
    field("interval", span(check.interval));
    field("failure_threshold", check.failure_threshold.to_string());
    field("recovery_threshold", check.recovery_threshold.to_string());
    field("inverted", check.inverted.to_string());
    field("disabled", check.disabled.to_string());
}

fn http(http: &HttpCheck, field: &mut impl FnMut(&str, String)) {
    field(
        "host",
        quoted(&String::from_utf8_lossy(http.host.as_bytes())),
    );
    field("path", quoted(&http.path));
    field("expected_statuses", list(ranges(&http.expected)));
    if let Some(search) = &http.search {
        field("search_string", quoted(search));
    }
    if http.secure {
        field("enable_sni", http.server_name.is_some().to_string());
        field("verify_certificate", http.judges_certificate.to_string());
    }
}

/// `"200-399"`, `404`.
fn ranges(statuses: &StatusSet) -> Vec<String> {
    let mut ranges: Vec<(u16, u16)> = Vec::new();
    for status in statuses.iter() {
        let code = status.as_u16();
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == code => *last = code,
            Some(_) | None => ranges.push((code, code)),
        }
    }
    ranges
        .into_iter()
        .map(|(first, last)| {
            if first == last {
                first.to_string()
            } else {
                quoted(&format!("{first}-{last}"))
            }
        })
        .collect()
}

pub(super) fn breaker(breaker: Option<&Breaker>, lines: &mut Lines) {
    let Some(breaker) = breaker else {
        lines.field("breaker", false);
        return;
    };
    let statuses = breaker.statuses.iter();
    let statuses = list(statuses.map(|status| status.as_u16().to_string()));
    lines.field(
        "breaker",
        format!(
            "{{ in_a_row = {}, statuses = {statuses}, probe_interval = {}, slow_start = {} }}",
            breaker.in_a_row,
            span(breaker.probe_interval),
            span(breaker.slow_start)
        ),
    );
}

pub(super) fn record(record: &FailoverRecord, edge: &Edge, lines: &mut Lines) {
    lines.field("primary", quoted(&edge.origin(record.primary).id));
    lines.field("secondary", quoted(&edge.origin(record.secondary).id));
    lines.field("fail_over", moves(record.fail_over));
    lines.field("fail_back", moves(record.fail_back));
    lines.field("hold_down", span(record.hold_down));
}

fn moves(moves: Moves) -> String {
    quoted(match moves {
        Moves::Auto => "auto",
        Moves::Manual => "manual",
    })
}
