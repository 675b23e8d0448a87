//! An edge as `tideover.toml`, with every default spelled out: it loads again as the same edge, except for what is
//! secret.

mod alarm;
mod behavior;
mod cache;
mod health;
mod lines;
mod origin;
mod rehearsal;

use crate::admin::Admin;
use crate::behavior::WriteError;
use crate::distribution::{AttemptsShown, CustomErrorResponse, Distribution, Voice};
use crate::edge::Edge;
use crate::listener::{AccessLog, Listen, LogFormat, LogTo};
use crate::origin::{FailureSet, Member, OriginKind, Target, Trust};
use crate::viewer_tls::{Acme, Certificate, ViewerTls};
use lines::{Lines, file, key, list, quoted, span};

/// What stands in place of a secret.
pub(crate) const MASK: &str = "********";

/// `edge` as a `tideover.toml` that compiles to the same edge. Secrets are masked: the tokens of `admin` and `attempts`, URLs and
/// headers of webhooks, and values of
/// origin headers that came from the environment, or whose name speaks of a key, a secret, a token, a password and the like.
/// That they are, and what only flags can say (`--time-scale`, `--default-distribution`), stands in comments on top.
pub fn to_toml(edge: &Edge) -> String {
    let mut lines = Lines::default();
    if has_secrets(edge) {
        lines.comment(&format!(
            "{MASK} stands for a secret: fill it in, or write \"${{NAME}}\" to take it from the environment"
        ));
    }
    for flag in flags(edge) {
        lines.comment(&flag);
    }
    lines.field("mode", quoted(edge.mode.as_str()));
    listen(&edge.listen, &mut lines);
    if edge.listen.admin.is_some() {
        admin(&edge.admin, &mut lines);
    }
    if let Some(tls) = &edge.listen.tls {
        self::tls(tls, &mut lines);
    }
    cache::limits(&edge.cache, &mut lines);
    access_log(&edge.access_log, &mut lines);
    if let Some(journal) = &edge.journal {
        lines.header("journal");
        lines.field("file", file(&journal.file));
        lines.field("max_bytes", journal.max_bytes);
    }
    if edge.takes_faults {
        lines.header("faults");
        lines.field("enabled", true);
    }
    for webhook in &edge.alarms {
        alarm::alarm(webhook, &mut lines);
    }
    for origin in &edge.origins {
        lines.header(&format!("origin.{}", key(&origin.id)));
        origin::origin(origin, &mut lines);
    }
    for record in &edge.records {
        lines.header(&format!("failover_record.{}", key(&record.id)));
        health::record(record, edge, &mut lines);
    }
    for target in edge.targets.iter().filter(|target| target.is_group) {
        lines.header(&format!("origin_group.{}", key(&target.name)));
        group(target, edge, &mut lines);
    }
    for distribution in &edge.distributions {
        self::distribution(distribution, edge, &mut lines);
    }
    lines.finish()
}

fn has_secrets(edge: &Edge) -> bool {
    let in_headers = edge.origins.iter().any(|origin| match &origin.kind {
        OriginKind::Server(server) => server.headers.iter().any(|(_, value)| value.is_sensitive()),
        OriginKind::Page(_) | OriginKind::Folder(_) => false,
    });
    let mut distributions = edge.distributions.iter();
    in_headers
        || !edge.alarms.is_empty()
        || (edge.listen.admin.is_some() && edge.admin.token.is_some())
        || distributions.any(|distribution| has_token(&distribution.voice))
}

fn has_token(voice: &Voice) -> bool {
    let mut shown = [&voice.attempts, &voice.server_timing].into_iter();
    shown.any(|shown| matches!(shown, AttemptsShown::Token(_)))
}

/// What was said on the command line and cannot be said in a file.
fn flags(edge: &Edge) -> Vec<String> {
    let mut flags = Vec::new();
    if (edge.time_scale - 1.0).abs() > f64::EPSILON {
        flags.push(format!("--time-scale {}", edge.time_scale));
    }
    for origin in &edge.origins {
        if let OriginKind::Page(page) = &origin.kind
            && let Some(ahead) = &page.ahead
            && let Some(url) = &ahead.mapped_to
        {
            flags.push(format!("--map {}={url}", origin.id));
        }
    }
    let default = edge
        .hosts
        .any
        .and_then(|index| edge.distributions.get(usize::from(index)))
        .filter(|distribution| !distribution.aliases.is_empty());
    if let Some(distribution) = default {
        flags.push(format!("--default-distribution {}", distribution.id));
    }
    flags
}

fn listen(listen: &Listen, lines: &mut Lines) {
    lines.header("listen");
    lines.field(
        "http",
        list(listen.http.iter().map(|at| quoted(&at.to_string()))),
    );
    lines.some(
        "https",
        (!listen.https.is_empty())
            .then(|| list(listen.https.iter().map(|at| quoted(&at.to_string())))),
    );
    lines.some("h2c", listen.h2c.then_some(true));
    lines.some("admin", listen.admin.map(|at| quoted(&at.to_string())));
    lines.some("status", listen.status.map(|at| quoted(&at.to_string())));
    lines.some("health_path", listen.health_path.as_deref().map(quoted));
    lines.field("viewer_scheme", quoted(listen.viewer_scheme.as_str()));
    lines.some("workers", listen.workers);
    lines.field("max_url_bytes", listen.limits.url_bytes);
    lines.field("max_head_bytes", listen.limits.head_bytes);
    lines.field("max_body_bytes", listen.limits.body_bytes);
    lines.field("head_timeout", span(listen.limits.head_timeout));
    lines.field("idle_timeout", span(listen.limits.idle_timeout));
    lines.field("body_timeout", span(listen.limits.body_timeout));
    lines.field(
        "websocket_idle_timeout",
        span(listen.limits.websocket_idle_timeout),
    );
    if listen.limits.connections.is_none() {
        lines.comment("max_connections: what the limit of open files allows");
    }
    lines.some("max_connections", listen.limits.connections);
    lines.some(
        "max_connections_per_address",
        listen.limits.connections_per_address,
    );
    lines.some("max_requests", listen.limits.requests);
    lines.some(
        "max_requests_per_connection",
        listen.limits.requests_per_connection,
    );
    if !listen.proxy_protocol_from.is_empty() {
        let networks = listen.proxy_protocol_from.iter();
        lines.field(
            "proxy_protocol_from",
            list(networks.map(|network| quoted(&network.to_string()))),
        );
    }
    let lifecycle = &listen.lifecycle;
    lines.field("drain_timeout", span(lifecycle.drain_timeout));
    lines.field("drain_delay", span(lifecycle.drain_delay));
    lines.some("takeover", lifecycle.takeover.as_deref().map(file));
    lines.field("watch", lifecycle.watch);
}

fn admin(admin: &Admin, lines: &mut Lines) {
    lines.header("admin");
    lines.some("token", admin.token.as_ref().map(|_| quoted(MASK)));
    lines.field(
        "state",
        admin.state.as_deref().map_or_else(|| quoted("off"), file),
    );
}

fn tls(tls: &ViewerTls, lines: &mut Lines) {
    lines.header("tls");
    let files = tls.certificates.iter().filter_map(|each| match each {
        Certificate::Files { file, key_file, .. } => Some(format!(
            "{{ certificate = {}, key = {} }}",
            self::file(file),
            self::file(key_file)
        )),
        Certificate::SelfSigned | Certificate::Acme => None,
    });
    lines.field("certificates", list(files));
    let is_self_signed = |each: &Certificate| matches!(each, Certificate::SelfSigned);
    lines.field("self_signed", tls.certificates.iter().any(is_self_signed));
    lines.field("minimum_protocol_version", quoted(tls.minimum.as_str()));
    lines.field("handshake_timeout", span(tls.handshake_timeout));
    lines.field("http2", tls.http2);
    if let Some(acme) = &tls.acme {
        self::acme(acme, lines);
    }
}

fn acme(acme: &Acme, lines: &mut Lines) {
    lines.header("tls.acme");
    lines.field("directory", quoted(&acme.directory));
    let contact = acme.contact.iter().map(|contact| quoted(contact));
    lines.field("contact", list(contact));
    lines.field(
        "domains",
        list(acme.domains.iter().map(|domain| quoted(domain))),
    );
    lines.field("folder", file(&acme.folder));
    // Whoever has not agreed has no config.
    lines.field("agree_to_terms", true);
    if let Trust::Only { file, .. } = &acme.trust {
        lines.field("ca", self::file(file));
    }
}

fn access_log(log: &AccessLog, lines: &mut Lines) {
    lines.header("access_log");
    lines.field(
        "to",
        match &log.to {
            LogTo::Off => quoted("off"),
            LogTo::Stdout => quoted("-"),
            LogTo::File(path) => file(path),
        },
    );
    lines.field(
        "format",
        quoted(match log.format {
            LogFormat::CloudFront => "cloudfront",
            LogFormat::Json => "json",
        }),
    );
    lines.field("cookies", log.cookies);
}

fn group(target: &Target, edge: &Edge, lines: &mut Lines) {
    let codes = |member: &Member| {
        let statuses = member.criteria.statuses.iter();
        list(statuses.map(|status| status.as_u16().to_string()))
    };
    let members = target.members.iter().map(|member| {
        let id = quoted(edge.member_name(member));
        if member.is_page {
            id
        } else {
            format!("{{ origin = {id}, fail_over_on = {} }}", codes(member))
        }
    });
    lines.field("members", list(members));
    let servers = || target.members.iter().filter(|member| !member.is_page);
    let always = servers().all(|member| member.criteria.failures == FailureSet::all());
    // Every server has statuses of its own here, so those of the group say nothing; but where they gate failures there
    // must be some.
    let of_group = if always {
        servers().next().map(codes)
    } else {
        let has_some = |member: &&Member| !member.criteria.statuses.is_empty();
        Some(servers().find(has_some).map_or("[503]".to_owned(), codes))
    };
    lines.some("fail_over_on", of_group);
    lines.field(
        "on_failure",
        quoted(if always { "always" } else { "status" }),
    );
    let mut soft: Vec<u16> = servers()
        .flat_map(|member| member.criteria.soft.iter())
        .map(|status| status.as_u16())
        .collect();
    soft.sort_unstable();
    soft.dedup();
    lines.field("soft", list(soft.iter().map(ToString::to_string)));
    lines.some("deadline", target.deadline.map(span));
}

fn distribution(distribution: &Distribution, edge: &Edge, lines: &mut Lines) {
    let name = format!("distribution.{}", key(&distribution.id));
    lines.header(&name);
    lines.field("domain_name", quoted(&distribution.domain_name));
    lines.field(
        "aliases",
        list(distribution.aliases.iter().map(|alias| quoted(alias))),
    );
    lines.field("enabled", distribution.enabled);
    lines.some(
        "default_root_object",
        distribution
            .default_root_object
            .as_deref()
            .map(|path| quoted(path.trim_start_matches('/'))),
    );
    voice(&distribution.voice, lines);
    if let Some(behavior) = distribution.behaviors.first() {
        write_error(&behavior.write_error, lines);
    }
    for response in &distribution.error_responses {
        lines.item(&format!("{name}.error_response"));
        error_response(response, lines);
    }
    if let Some((default, listed)) = distribution.behaviors.split_last() {
        for behavior in listed {
            lines.item(&format!("{name}.behavior"));
            lines.field("path", quoted(behavior.path.as_str()));
            behavior::behavior(behavior, edge, lines);
        }
        lines.header(&format!("{name}.default_behavior"));
        behavior::behavior(default, edge, lines);
    }
}

fn voice(voice: &Voice, lines: &mut Lines) {
    // A name that can be written is the name in `Via`, too; CloudFront's is not.
    lines.some(
        "name",
        (voice.name.as_bytes() == voice.via.received_by()).then(|| quoted(&voice.name)),
    );
    let attempts = match &voice.attempts {
        AttemptsShown::Public => "public",
        AttemptsShown::Token(_) => "token",
        AttemptsShown::Off => "off",
    };
    lines.field("attempts", quoted(attempts));
    let server_timing = match &voice.server_timing {
        AttemptsShown::Public => Some("true"),
        AttemptsShown::Token(_) => Some("\"token\""),
        AttemptsShown::Off => None,
    };
    lines.some("server_timing", server_timing);
    if has_token(voice) {
        lines.field("attempts_token", quoted(MASK));
    }
}

fn write_error(write_error: &WriteError, lines: &mut Lines) {
    match write_error {
        WriteError::Plain => {}
        WriteError::Explained {
            nothing_sent,
            outcome_unknown,
            retry_after,
        } => {
            lines.field("write_error.nothing_sent", quoted(nothing_sent));
            lines.field("write_error.outcome_unknown", quoted(outcome_unknown));
            lines.field("write_error.retry_after", span(*retry_after));
        }
    }
}

fn error_response(response: &CustomErrorResponse, lines: &mut Lines) {
    lines.field("error_code", response.error_code.as_u16());
    if let Some(page) = &response.page {
        lines.field("page", quoted(&page.path));
        lines.field("response_code", page.status.as_u16());
    }
    lines.some("min_ttl", response.min_ttl_seconds);
}
