//! `[cache]`, and what a behavior says of how answers are kept.

use super::behavior::{accept_encoding, encodings, header_names, made, names};
use super::lines::{Lines, quoted, span};
use crate::cache::{CacheLimits, CachePolicy, DefaultTtl, StatusRule};
use crate::compile::display_size;

pub(super) fn limits(limits: &CacheLimits, lines: &mut Lines) {
    lines.header("cache");
    for (name, bytes) in [
        ("memory", limits.memory),
        ("object", limits.object),
        ("slice", limits.slice),
    ] {
        lines.field(name, quoted(&display_size(bytes)));
    }
}

/// What is not printed follows from the word for `cache`, and from what origins are sent.
pub(super) fn policy(policy: Option<&CachePolicy>, lines: &mut Lines) {
    let Some(policy) = policy else {
        return lines.field("cache", quoted("off"));
    };
    let by = match policy.statuses {
        StatusRule::CloudFront { .. } => "cloudfront",
        StatusRule::Rfc9111 => "origin",
    };
    lines.field("cache", quoted(by));
    let key = &policy.key;
    lines.field("cache_key.headers", header_names(&key.headers));
    lines.field("cache_key.cookies", names(&key.cookies));
    lines.field("cache_key.query", names(&key.query));
    let encodings_told_apart = accept_encoding(key.accept_encoding);
    lines.field("cache_key.accept_encoding", encodings_told_apart);
    lines.field("cache_key.cloudfront_headers", made(&key.made));
    lines.field("min_ttl", span(policy.ttl.min));
    lines.field(
        "default_ttl",
        match policy.ttl.default {
            DefaultTtl::Fixed(default) => span(default),
            DefaultTtl::Heuristic => quoted("heuristic"),
        },
    );
    lines.field("max_ttl", span(policy.ttl.max));
    lines.field("stale_if_error", span(policy.stale.if_error));
    lines.field("collapse", policy.collapse);
    let compression = policy.compression;
    lines.field("compress", encodings(compression.gzip, compression.brotli));
}
