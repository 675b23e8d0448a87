//! Cache behaviors: what they take, who answers, what of a request goes there.

use std::sync::Arc;

use super::defaults::Defaults;
use super::targets::Targets;
use super::{cache, forwarding, rehearsal, values};
use crate::behavior::{Behavior, MethodSet, PathPattern, ViewerProtocol, WriteError};
use crate::origin::TargetId;
use crate::problem::Problem;
use crate::written::{self, At, Caching, Notation, Place, Written};

/// The stand-in of a target that cannot be told.
const NO_TARGET: TargetId = TargetId(u16::MAX);

/// One behavior; `is_default` for the last one, which takes every path. `caching` is what the distribution says for all.
#[expect(
    clippy::too_many_arguments,
    reason = "what a behavior hangs on, each of another kind"
)]
pub(super) fn behavior(
    said: &written::Behavior,
    is_default: bool,
    caching: &Caching,
    written: &Written,
    defaults: &Defaults,
    targets: &mut Targets<'_>,
    write_error: &WriteError,
    problems: &mut Vec<Problem>,
) -> Behavior {
    let path = path(said, is_default, defaults, problems);
    let target = if let Some(name) = &said.target {
        targets.named(name, problems)
    } else {
        problems.push(values::missing(
            &said.place,
            "target",
            "write the id of an origin or group",
        ));
        None
    };
    let expect = rehearsal::expect(said, &path, problems);
    let methods = Methods::of(said, is_default, written, defaults, problems);
    let (mut origin_request, viewer_response) =
        forwarding::forwarding(said, written, defaults, problems);
    let cache = cache::cache(
        said,
        caching,
        methods.cached,
        &mut origin_request,
        written,
        defaults,
        problems,
    );
    Behavior {
        path,
        for_methods: methods.matched,
        allowed_methods: methods.allowed,
        falls_through: defaults
            .falls_through
            .or(methods.cached.and(MethodSet::READS_AND_OPTIONS)),
        get_body: defaults.get_body,
        viewer_protocol: viewer_protocol(said, problems),
        target: target.unwrap_or(NO_TARGET),
        origin_request,
        viewer_response,
        cache,
        write_error: write_error.clone(),
        expect,
    }
}

fn path(
    said: &written::Behavior,
    is_default: bool,
    defaults: &Defaults,
    problems: &mut Vec<Problem>,
) -> PathPattern {
    match (&said.path, is_default) {
        (None, true) => PathPattern::everything(),
        (Some(path), true) => {
            problems.push(path.place.error(
                "belongs to a behavior of the list: the default behavior takes every path",
                "leave it out",
            ));
            PathPattern::everything()
        }
        (None, false) => {
            problems.push(values::missing(
                &said.place,
                "path",
                "write a path pattern such as \"/images/*\"",
            ));
            PathPattern::everything()
        }
        (Some(path), false) => {
            check_pattern(path, defaults, problems);
            PathPattern::new(&path.value)
        }
    }
}

/// Source: Developer Guide, "All distribution settings reference", path pattern.
fn check_pattern(said: &At<String>, defaults: &Defaults, problems: &mut Vec<Problem>) {
    const MARKS: &[u8] = b"_-.*?$/~\"'@:+&";
    let pattern = said.value.as_bytes();
    let known = |byte: &u8| byte.is_ascii_alphanumeric() || MARKS.contains(byte);
    let good = if defaults.is_faithful() {
        pattern.iter().all(known)
    } else {
        pattern
            .iter()
            .all(|byte| byte.is_ascii_graphic() && *byte != b'#')
    };
    if pattern.is_empty() || pattern.len() > 255 {
        problems.push(said.place.error(
            format!("has {} characters", pattern.len()),
            "write 1 to 255",
        ));
    } else if !good {
        let instead = if defaults.is_faithful() {
            "write letters, digits and _ - . * ? $ / ~ \" ' @ : + & only"
        } else {
            "write it as it stands in a request: visible ASCII characters, others as %XX, without #"
        };
        problems.push(said.place.error(format!("is {}", said.shown()), instead));
    }
}

fn viewer_protocol(said: &written::Behavior, problems: &mut Vec<Problem>) -> ViewerProtocol {
    const POLICIES: [(&str, ViewerProtocol); 3] = [
        ("allow-all", ViewerProtocol::HttpAndHttps),
        ("redirect-to-https", ViewerProtocol::RedirectToHttps),
        ("https-only", ViewerProtocol::HttpsOnly),
    ];
    said.viewer_protocol_policy
        .as_ref()
        .and_then(|said| values::word(said, &POLICIES, problems))
        .unwrap_or(ViewerProtocol::HttpAndHttps)
}

/// What a behavior says about methods.
struct Methods {
    matched: Option<MethodSet>,
    allowed: MethodSet,
    cached: MethodSet,
}

impl Methods {
    fn of(
        said: &written::Behavior,
        is_default: bool,
        written: &Written,
        defaults: &Defaults,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let matched = said
            .for_methods
            .as_ref()
            .map(|said_methods| set(said_methods, problems));
        let place = |list: Option<&Vec<At<String>>>, name: &str| {
            list.and_then(|list| list.first())
                .map_or_else(|| said.place.inner(name), |first| first.place.clone())
        };
        let for_methods_place = place(said.for_methods.as_ref(), "for_methods");
        if matched.is_some() {
            if is_default {
                problems.push(for_methods_place.error(
                    "belongs to a behavior of the list: the default behavior takes every method",
                    "leave it out",
                ));
            } else if said.for_methods.as_ref().is_some_and(Vec::is_empty) {
                problems.push(
                    for_methods_place
                        .error("is empty", "write one or more methods, or leave it out"),
                );
            } else if defaults.is_faithful() {
                problems.push(for_methods_place.error(
                    "is part of the match, which CloudFront cannot do",
                    format!("leave it out, or {}", written.resilient()),
                ));
            }
        }
        let allowed_said = said
            .allowed_methods
            .as_ref()
            .map(|methods| set(methods, problems));
        let allowed_place = said
            .allowed_methods_place
            .clone()
            .unwrap_or_else(|| place(said.allowed_methods.as_ref(), "allowed_methods"));
        let allowed = match (matched, allowed_said) {
            (Some(matched), Some(allowed)) if matched != allowed => {
                problems.push(allowed_place.error(
                    "differs from for_methods, which are the methods allowed here",
                    "leave it out",
                ));
                matched
            }
            (Some(matched), _) => matched,
            (None, Some(allowed)) => allowed,
            // Source: API shape CacheBehavior, AllowedMethods.
            (None, None) if written.notation == Notation::CloudFront => MethodSet::READS,
            (None, None) => MethodSet::READS_AND_OPTIONS,
        };
        if matched.is_none() {
            check_allowed(allowed, &allowed_place, defaults, problems);
        }
        let cached = said
            .cached_methods
            .as_ref()
            .map(|methods| set(methods, problems));
        if let Some(cached) = cached {
            let place = place(said.cached_methods.as_ref(), "cached_methods");
            check_cached(cached, allowed, &place, problems);
        }
        Self {
            matched: matched.filter(|methods| !methods.is_empty()),
            allowed,
            cached: cached.unwrap_or(MethodSet::READS),
        }
    }
}

fn set(said: &[At<String>], problems: &mut Vec<Problem>) -> MethodSet {
    let mut methods = MethodSet::default();
    for said in said {
        if let Some(method) = MethodSet::named(&said.value) {
            methods = methods.or(method);
        } else {
            let known: Vec<&str> = MethodSet::ALL.names().collect();
            problems.push(said.place.error(
                format!("has {}", said.shown()),
                format!(
                    "write one or more of {}{}",
                    values::list(&known),
                    values::perhaps(&said.value, known.iter().copied())
                ),
            ));
        }
    }
    methods
}

/// Source: API shape `AllowedMethods`: one of three sets. In resilient mode any set will do.
fn check_allowed(
    allowed: MethodSet,
    place: &Place,
    defaults: &Defaults,
    problems: &mut Vec<Problem>,
) {
    let three = [
        MethodSet::READS,
        MethodSet::READS_AND_OPTIONS,
        MethodSet::ALL,
    ];
    if defaults.is_faithful() && !three.contains(&allowed) {
        problems.push(place.error(
            format!("has {}", said(allowed)),
            "write one of CloudFront's three sets: GET, HEAD; GET, HEAD, OPTIONS; or all of GET, HEAD, OPTIONS, PUT, PATCH, POST, DELETE",
        ));
    } else if allowed.is_empty() {
        problems.push(place.error("is empty", "write one or more methods"));
    }
}

/// Source: API shape `CachedMethods`: one of two sets, within the allowed ones.
fn check_cached(cached: MethodSet, allowed: MethodSet, place: &Place, problems: &mut Vec<Problem>) {
    if ![MethodSet::READS, MethodSet::READS_AND_OPTIONS].contains(&cached) {
        problems.push(place.error(
            format!("has {}", said(cached)),
            "write GET, HEAD; or GET, HEAD, OPTIONS",
        ));
    } else if !allowed.covers(cached) {
        problems.push(place.error(
            format!("has {}, which are not all allowed", said(cached)),
            format!("write methods out of {}", said(allowed)),
        ));
    }
}

pub(super) fn said(methods: MethodSet) -> String {
    let names: Vec<&str> = methods.names().collect();
    if names.is_empty() {
        "nothing".to_owned()
    } else {
        names.join(", ")
    }
}

/// How writes are answered whose origin is down: explained in resilient mode, or where the operator found words.
pub(super) fn write_error(
    said: &written::Distribution,
    defaults: &Defaults,
    problems: &mut Vec<Problem>,
) -> WriteError {
    const SECOND: std::time::Duration = std::time::Duration::from_secs(1);
    const A_DAY: std::time::Duration = std::time::Duration::from_hours(24);
    const RETRY_AFTER: std::time::Duration = std::time::Duration::from_secs(30);
    const NOTHING_SENT: &str = "This change was not made: the server that takes it cannot be reached, and nothing was sent to it. It is safe to try again.";
    const OUTCOME_UNKNOWN: &str = "This change was sent, and the server that takes it stopped answering: outcome unknown. It may or may not have been made. Look before you try again.";
    let silent = said.write_error_nothing_sent.is_none()
        && said.write_error_outcome_unknown.is_none()
        && said.write_error_retry_after.is_none();
    if defaults.is_faithful() && silent {
        return WriteError::Plain;
    }
    let words = |said: &Option<At<String>>, ours: &str| -> Arc<str> {
        said.as_ref()
            .map_or(ours, |said| said.value.as_str())
            .into()
    };
    WriteError::Explained {
        nothing_sent: words(&said.write_error_nothing_sent, NOTHING_SENT),
        outcome_unknown: words(&said.write_error_outcome_unknown, OUTCOME_UNKNOWN),
        retry_after: said
            .write_error_retry_after
            .as_ref()
            .and_then(|said| values::span(said, &(SECOND..=A_DAY), problems))
            .unwrap_or(RETRY_AFTER),
    }
}
