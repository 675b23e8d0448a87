//! `[origin.ID]`.

use http::HeaderValue;

use super::lines::{Lines, file, key, quoted, span};
use super::{MASK, health, rehearsal};
use crate::folder::Folder;
use crate::origin::{
    AddressFamily, HostHeader, Origin, OriginKind, OriginScheme, OriginTls, Page, Server, Timers,
    Trust,
};

pub(super) fn origin(origin: &Origin, lines: &mut Lines) {
    match &origin.kind {
        OriginKind::Server(server) => self::server(server, lines),
        OriginKind::Page(page) => self::page(page, lines),
        OriginKind::Folder(folder) => self::folder(folder, lines),
    }
}

fn folder(folder: &Folder, lines: &mut Lines) {
    lines.field("dir", file(&folder.dir));
    if !folder.path.is_empty() {
        lines.field("path", quoted(&folder.path));
    }
    lines.field("missing", quoted(&folder.missing.code().to_string()));
    if let Some(website) = &folder.website {
        lines.field("website.index", quoted(&website.index));
        lines.some("website.error", website.error.as_deref().map(quoted));
    }
    if let Some(fault) = &folder.fault {
        rehearsal::fault(fault, lines);
    }
}

fn page(page: &Page, lines: &mut Lines) {
    lines.field(
        "page",
        page.file.as_deref().map_or_else(|| "true".to_owned(), file),
    );
    if let Some(ahead) = &page.ahead {
        lines.field("page_url", quoted(&ahead.url));
        lines.field("page_interval", span(ahead.interval));
        lines.field(
            "page_cache",
            ahead.cache.as_deref().map_or_else(|| quoted("off"), file),
        );
    }
    lines.field("status", page.status.as_u16());
    lines.some("retry_after", page.retry_after.map(span));
}

fn server(server: &Server, lines: &mut Lines) {
    address(server, lines);
    if !server.path.is_empty() {
        lines.field("path", quoted(&server.path));
    }
    lines.field(
        "host",
        match &server.host {
            HostHeader::Own => quoted("origin"),
            HostHeader::Viewer => quoted("viewer"),
            HostHeader::Named(name) => text(name),
        },
    );
    timers(&server.timers, lines);
    lines.field("max_connections", server.max_connections);
    lines.field(
        "address_family",
        quoted(match server.addresses {
            AddressFamily::V4 => "ipv4",
            AddressFamily::V6 => "ipv6",
            AddressFamily::Both => "dualstack",
        }),
    );
    tls(&server.tls, lines);
    if let Some(fault) = &server.fault {
        rehearsal::fault(fault, lines);
    }
    if let Some(check) = &server.health_check {
        health::health_check(check, lines);
    }
    health::breaker(server.breaker.as_ref(), lines);
    for (name, value) in &server.headers {
        let value = if value.is_sensitive() {
            quoted(MASK)
        } else {
            text(value)
        };
        lines.field(&format!("headers.{}", key(name.as_str())), value);
    }
}

fn text(value: &HeaderValue) -> String {
    quoted(&String::from_utf8_lossy(value.as_bytes()))
}

/// `url` where it says all, else the domain name with its ports and policy, as CloudFront has it.
fn address(server: &Server, lines: &mut Lines) {
    let own_host = String::from_utf8_lossy(server.own_host.as_bytes());
    let insecure = server.tls.trust == Trust::Anyone;
    let is_mapped = server.http == server.https;
    let scheme = match server.scheme {
        OriginScheme::Http => Some("http"),
        OriginScheme::Https if insecure => Some("https+insecure"),
        OriginScheme::Https => Some("https"),
        OriginScheme::MatchViewer => None,
    };
    // The name may have a port of its own that is not connected to, where requests were sent elsewhere.
    if let Some(scheme) = scheme.filter(|_| is_mapped || insecure || url_says_all(server)) {
        lines.field("url", quoted(&format!("{scheme}://{own_host}")));
    } else {
        lines.field("domain_name", quoted(&server.domain_name));
        lines.field(
            "protocol_policy",
            quoted(match server.scheme {
                OriginScheme::Http => "http-only",
                OriginScheme::Https => "https-only",
                OriginScheme::MatchViewer => "match-viewer",
            }),
        );
        if !is_mapped {
            lines.field("http_port", server.http.port);
            lines.field("https_port", server.https.port);
        }
    }
    if is_mapped {
        lines.field("connect_to", quoted(&server.http.to_string()));
    }
}

/// A URL has one port; the other one is then the default.
fn url_says_all(server: &Server) -> bool {
    match server.scheme {
        OriginScheme::Http => server.https.port == 443,
        OriginScheme::Https => server.http.port == 80,
        OriginScheme::MatchViewer => false,
    }
}

fn timers(timers: &Timers, lines: &mut Lines) {
    lines.field("connection_attempts", timers.connection_attempts.get());
    lines.field("connection_timeout", span(timers.connection_timeout));
    lines.field("response_timeout", span(timers.response_timeout));
    lines.some(
        "response_completion_timeout",
        timers.response_completion_timeout.map(span),
    );
    lines.field("keepalive_timeout", span(timers.keepalive_timeout));
}

fn tls(tls: &OriginTls, lines: &mut Lines) {
    lines.some("tls.server_name", tls.server_name.as_deref().map(quoted));
    match &tls.trust {
        Trust::Only { file: path, .. } => lines.field("tls.ca", file(path)),
        Trust::Platform | Trust::Anyone => {}
    }
    if !tls.tls12 {
        lines.field("tls.protocols", "[\"TLSv1.3\"]");
    }
}
