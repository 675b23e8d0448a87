//! `[[distribution.ID.behavior]]` and `[distribution.ID.default_behavior]`.

use http::{HeaderName, HeaderValue, Method};

use super::cache;
use super::lines::{Lines, list, quoted};
use super::rehearsal;
use crate::behavior::{
    AcceptEncoding, Behavior, CloudFrontHeader, Cors, HeaderSelection, MethodSet, NameSelection,
    OriginRequest, ViewerProtocol, ViewerResponse,
};
use crate::edge::{Edge, Mode};

pub(super) fn behavior(behavior: &Behavior, edge: &Edge, lines: &mut Lines) {
    lines.field("target", quoted(&edge.target(behavior.target).name));
    match behavior.for_methods {
        Some(methods) => lines.field("for_methods", self::methods(methods)),
        None => lines.field("allowed_methods", methods(behavior.allowed_methods)),
    }
    // In resilient mode OPTIONS falls through whether it is cached or not.
    let falls_through =
        edge.mode == Mode::Faithful && behavior.falls_through.contains(&Method::OPTIONS);
    let kept = behavior.cache.as_ref().map(|cache| cache.methods);
    if falls_through || kept.is_some_and(|kept| kept.contains(&Method::OPTIONS)) {
        lines.field("cached_methods", methods(MethodSet::READS_AND_OPTIONS));
    }
    lines.field(
        "viewer_protocol",
        quoted(match behavior.viewer_protocol {
            ViewerProtocol::HttpAndHttps => "allow-all",
            ViewerProtocol::RedirectToHttps => "redirect-to-https",
            ViewerProtocol::HttpsOnly => "https-only",
        }),
    );
    lines.field(
        "rewrite_location",
        behavior.viewer_response.rewrite_location,
    );
    origin_request(&behavior.origin_request, lines);
    viewer_response(&behavior.viewer_response, lines);
    cache::policy(behavior.cache.as_ref(), lines);
    if let Some(expect) = &behavior.expect {
        rehearsal::expect(expect, lines);
    }
}

fn methods(methods: MethodSet) -> String {
    list(methods.names().map(quoted))
}

fn origin_request(request: &OriginRequest, lines: &mut Lines) {
    let mut field = |name: &str, value: String| {
        lines.field(&format!("origin_request.{name}"), value);
    };
    field(
        "headers",
        match &request.headers {
            HeaderSelection::All => quoted("all"),
            HeaderSelection::AllExcept(names) => format!("{{ except = {} }}", header_names(names)),
            HeaderSelection::Only(names) => header_names(names),
            HeaderSelection::LegacyWith(names) => {
                format!("{{ legacy_with = {} }}", header_names(names))
            }
        },
    );
    field("cookies", names(&request.cookies));
    field("query", names(&request.query));
    field("accept_encoding", accept_encoding(request.accept_encoding));
    for (name, flag) in [
        ("authorization", request.authorization),
        ("viewer_user_agent", request.viewer_user_agent),
        ("viewer_host", request.viewer_host),
        ("forwarded_host_and_proto", request.forwarded_host_and_proto),
        ("trailers", request.trailers),
    ] {
        field(name, flag.to_string());
    }
    field("cloudfront_headers", made(&request.cloudfront_headers));
}

pub(super) fn accept_encoding(said: AcceptEncoding) -> String {
    match said {
        AcceptEncoding::Viewer => quoted("viewer"),
        AcceptEncoding::Removed => quoted("none"),
        AcceptEncoding::Normalised { gzip, brotli } => encodings(gzip, brotli),
    }
}

pub(super) fn encodings(gzip: bool, brotli: bool) -> String {
    let all = [(brotli, "br"), (gzip, "gzip")];
    let kept = all.into_iter().filter(|(kept, _)| *kept);
    list(kept.map(|(_, name)| quoted(name)))
}

pub(super) fn made(headers: &[CloudFrontHeader]) -> String {
    list(headers.iter().map(|header| quoted(header.name())))
}

pub(super) fn header_names(names: &[HeaderName]) -> String {
    list(names.iter().map(|name| quoted(name.as_str())))
}

pub(super) fn names(selection: &NameSelection) -> String {
    let names = |names: &[String]| list(names.iter().map(|name| quoted(name)));
    match selection {
        NameSelection::All => quoted("all"),
        NameSelection::None => quoted("none"),
        NameSelection::Only(only) => names(only),
        NameSelection::Except(except) => format!("{{ except = {} }}", names(except)),
    }
}

fn viewer_response(response: &ViewerResponse, lines: &mut Lines) {
    let mut field = |name: &str, value: String| {
        lines.field(&format!("viewer_response.{name}"), value);
    };
    if let Some(kept) = &response.vary_kept {
        field("vary", header_names(kept));
    }
    field("set_cookie", response.set_cookie.to_string());
    field("trailers", response.trailers.to_string());
    let Some(policy) = &response.policy else {
        return;
    };
    field("remove_headers", header_names(&policy.removed));
    field(
        "set_headers",
        list(policy.set.iter().map(|(name, value, replace)| {
            format!(
                "{{ name = {}, value = {}, replace = {replace} }}",
                quoted(name.as_str()),
                text(value)
            )
        })),
    );
    if let Some(cors) = &policy.cors {
        for (name, value) in cors_fields(cors) {
            field(&format!("cors.{name}"), value);
        }
    }
}

fn cors_fields(cors: &Cors) -> Vec<(&'static str, String)> {
    let origins = cors.allow_origins.iter().map(|origin| quoted(origin));
    let mut fields = vec![
        ("allow_origins", list(origins)),
        ("allow_credentials", cors.allow_credentials.to_string()),
        ("origin_override", cors.origin_override.to_string()),
    ];
    for (name, value) in [
        ("allow_headers", &cors.allow_headers),
        ("allow_methods", &cors.allow_methods),
        ("expose_headers", &cors.expose_headers),
        ("max_age", &cors.max_age),
    ] {
        if let Some(value) = value {
            fields.push((name, text(value)));
        }
    }
    fields
}

fn text(value: &HeaderValue) -> String {
    quoted(&String::from_utf8_lossy(value.as_bytes()))
}
