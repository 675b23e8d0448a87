//! No file at all: one group out of `--origin` flags, written down as if in a config.

use std::path::PathBuf;

use crate::compile::{USUAL_STATUSES, flag};
use crate::edge::{Mode, Overrides};
use crate::written::{
    AccessLog, Admin, At, Behavior, CacheLimits, Caching, Distribution, Faults, Listen, Member,
    Notation, Origin, OriginGroup, Place, Policies, Tls, Written,
};

const GROUP: &str = "origins";
const READS: [&str; 3] = ["GET", "HEAD", "OPTIONS"];
const WRITES: [&str; 4] = ["POST", "PUT", "PATCH", "DELETE"];

/// These origins in this order; reads fall through, writes go to the first.
pub(crate) fn walk(urls: &[String], overrides: &Overrides) -> Written {
    let place = flag("--origin");
    let origins: Vec<Origin> = urls
        .iter()
        .enumerate()
        .map(|(index, url)| origin(index, url, &place))
        .collect();
    let statuses = overrides.fail_over_on.as_deref().unwrap_or(&USUAL_STATUSES);
    let fail_over_on_place = flag("--fail-over-on");
    let group = OriginGroup {
        id: at(GROUP, &place),
        members: origins
            .iter()
            .map(|origin| Member {
                origin: origin.id.clone(),
                fail_over_on: None,
            })
            .collect(),
        members_place: place.clone(),
        fail_over_on: statuses
            .iter()
            .map(|status| At {
                value: i64::from(*status),
                place: fail_over_on_place.clone(),
            })
            .collect(),
        fail_over_on_place,
        on_failure: None,
        soft: None,
        deadline: None,
        selection_criteria: None,
    };
    // CloudFront's groups have two members; an origin by itself needs none.
    let is_alone = origins.len() == 1 && overrides.mode == Some(Mode::Faithful);
    let distribution = distribution(&origins, is_alone, overrides, &place);
    Written {
        notation: Notation::CommandLine,
        place: Place::new(&place.file, 0, ""),
        folder: PathBuf::new(),
        mode: None,
        listen: Listen::default(),
        admin: Admin::default(),
        tls: Tls::default(),
        cache: CacheLimits::default(),
        access_log: AccessLog::default(),
        journal: None,
        faults: Faults::default(),
        alarms: Vec::new(),
        groups: if origins.is_empty() || is_alone {
            Vec::new()
        } else {
            vec![group]
        },
        distributions: if origins.is_empty() {
            Vec::new()
        } else {
            vec![distribution]
        },
        records: Vec::new(),
        origins,
        policies: Policies::default(),
    }
}

fn at(value: &str, place: &Place) -> At<String> {
    At {
        value: value.to_owned(),
        place: place.clone(),
    }
}

/// `dir:./dist` is a folder, everything else a URL.
fn origin(index: usize, said: &str, place: &Place) -> Origin {
    let named = Origin::named(at(&format!("origin-{}", index + 1), place));
    match said.strip_prefix("dir:") {
        Some(dir) => Origin {
            dir: Some(at(dir, place)),
            ..named
        },
        None => Origin {
            url: Some(at(said, place)),
            ..named
        },
    }
}

fn distribution(
    origins: &[Origin],
    is_alone: bool,
    overrides: &Overrides,
    place: &Place,
) -> Distribution {
    let target = |name: &str| Some(at(name, place));
    let mut default_behavior = match origins {
        [only] if is_alone => {
            let all = [&READS[..], &WRITES[..]].concat();
            behavior(place, target(&only.id.value), &all, None)
        }
        _ => behavior(place, target(GROUP), &READS, None),
    };
    if overrides.mode == Some(Mode::Faithful) {
        // In either mode OPTIONS falls through: in this one because it is among these.
        let cached = READS.iter().map(|method| at(method, place));
        default_behavior.cached_methods = Some(cached.collect());
    }
    let writes = origins
        .first()
        // CloudFront cannot send writes elsewhere than reads, so in its mode there are none.
        .filter(|_| overrides.mode != Some(Mode::Faithful))
        .map(|first| Behavior {
            path: Some(at("*", place)),
            ..behavior(place, target(&first.id.value), &WRITES, Some(&WRITES))
        });
    Distribution {
        id: at("default", place),
        place: place.clone(),
        domain_name: None,
        aliases: Vec::new(),
        enabled: None,
        default_root_object: None,
        behaviors: writes.into_iter().collect(),
        default_behavior: Some(default_behavior),
        caching: Caching::default(),
        error_responses: Vec::new(),
        name: None,
        attempts: None,
        attempts_token: None,
        server_timing: None,
        write_error_nothing_sent: None,
        write_error_outcome_unknown: None,
        write_error_retry_after: None,
        log_cookies: None,
        minimum_protocol_version: None,
        http_version: None,
    }
}

fn behavior(
    place: &Place,
    target: Option<At<String>>,
    allowed: &[&str],
    matched: Option<&[&str]>,
) -> Behavior {
    let list = |methods: &[&str]| methods.iter().map(|method| at(method, place)).collect();
    Behavior {
        for_methods: matched.map(list),
        target,
        allowed_methods: Some(list(allowed)),
        allowed_methods_place: Some(place.clone()),
        ..Behavior::at(place.clone())
    }
}
