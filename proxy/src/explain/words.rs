//! Records, health checks and breakers in the words of `explain`.

use std::time::Duration;

use tideover_config::{
    Breaker, CheckKind, Edge, FailoverRecord, Folder, HealthCheck, Moves, OriginScheme, Server,
};

use super::seconds;

/// `app: aws while it is healthy, else azure-vm; goes there by itself, comes back when an operator says so; …`.
pub(super) fn record(edge: &Edge, record: &FailoverRecord) -> String {
    let by = |moves: Moves| match moves {
        Moves::Auto => "by itself",
        Moves::Manual => "when an operator says so",
    };
    format!(
        "{}: {} while it is healthy, else {}; goes there {}, comes back {}; stays for {} after a move",
        record.id,
        edge.origin(record.primary).id,
        edge.origin(record.secondary).id,
        by(record.fail_over),
        by(record.fail_back),
        seconds(record.hold_down),
    )
}

/// How it is found out that `server` is dead, a line for each way.
pub(super) fn memory(server: &Server) -> Vec<String> {
    let check = server.health_check.as_ref().map(check);
    let breaker = server.breaker.as_ref().map(breaker);
    check.into_iter().chain(breaker).collect()
}

fn check(check: &HealthCheck) -> String {
    let asks = match &check.kind {
        CheckKind::Tcp => format!("connects to {}", check.endpoint),
        CheckKind::Http(http) => {
            let scheme = if http.secure { "https" } else { "http" };
            let text = http
                .search
                .as_ref()
                .map_or_else(String::new, |text| format!(", looks for {text:?}"));
            format!("GET {scheme}://{}{}{text}", check.endpoint, http.path)
        }
    };
    let disabled = if check.disabled {
        ", disabled: counts as healthy"
    } else {
        ""
    };
    let inverted = if check.inverted {
        ", inverted: the opposite counts"
    } else {
        ""
    };
    format!(
        "checked every {}: {asks}; unhealthy after {} that fail, healthy after {} that pass{disabled}{inverted}",
        seconds(check.interval),
        check.failure_threshold,
        check.recovery_threshold,
    )
}

fn breaker(breaker: &Breaker) -> String {
    let statuses: Vec<String> = breaker
        .statuses
        .iter()
        .map(|status| status.as_u16().to_string())
        .collect();
    let or = if statuses.is_empty() {
        String::new()
    } else {
        format!(", or {}", statuses.join(" "))
    };
    let back = if breaker.slow_start == Duration::ZERO {
        "at once".to_owned()
    } else {
        format!("over {}", seconds(breaker.slow_start))
    };
    format!(
        "left alone after {} failures in a row (connecting, waiting{or}), tried every {}, back {back}",
        breaker.in_a_row,
        seconds(breaker.probe_interval),
    )
}

/// Where a server is connected to: `http://10.0.0.4:8080`.
pub fn place(server: &Server) -> String {
    let (scheme, endpoint) = match server.scheme {
        OriginScheme::Http => ("http", &server.http),
        OriginScheme::Https => ("https", &server.https),
        OriginScheme::MatchViewer => {
            return format!("http or https, as the viewer came: {}", server.domain_name);
        }
    };
    format!("{scheme}://{endpoint}{}", server.path)
}

/// Where a folder's files are, and how it plays the bucket: `folder ./dist/site, a website`.
pub fn folder_place(folder: &Folder) -> String {
    let kind = match folder.website {
        Some(_) => "a website",
        None => "a bucket",
    };
    format!("folder {}{}, {kind}", folder.dir.display(), folder.path)
}
