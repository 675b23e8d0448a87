//! Distributions, and how each of them speaks.

mod error_responses;
mod voice;

use std::sync::Arc;

use super::defaults::Defaults;
use super::targets::Targets;
use super::{MOST_OF_A_KIND, behaviors, beyond_the_most, over_quota, url};
use crate::behavior::{Behavior, WriteError};
use crate::distribution::Distribution;
use crate::edge::Overrides;
use crate::origin::Origin;
use crate::problem::Problem;
use crate::written::{self, Notation, Written};

/// Source: Developer Guide, "Quotas".
const QUOTA_OF_BEHAVIORS: usize = 75;
const QUOTA_OF_ALIASES: usize = 100;

pub(super) fn distributions(
    written: &Written,
    overrides: &Overrides,
    defaults: &Defaults,
    compiled: &[Origin],
    targets: &mut Targets<'_>,
    problems: &mut Vec<Problem>,
) -> Vec<Distribution> {
    // Without an origin there is none on the command line either, and that is told.
    if written.distributions.is_empty() && written.notation != Notation::CommandLine {
        problems.push(written.place.error(
            "this config has no distribution",
            "write [distribution.NAME] with [distribution.NAME.default_behavior]",
        ));
    }
    let beyond = beyond_the_most(&written.distributions, "distribution", |said| &said.place);
    problems.extend(beyond);
    written
        .distributions
        .iter()
        .take(MOST_OF_A_KIND)
        .enumerate()
        .map(|(position, said)| {
            let domain_name = domain_name(said, problems);
            let aliases = aliases(said, written, defaults, problems);
            let write_error = behaviors::write_error(said, defaults, problems);
            Distribution {
                position,
                voice: voice::voice(said, &domain_name, overrides, defaults, problems),
                loops: voice::loops(&said.id.value, &domain_name, &aliases, compiled, defaults),
                behaviors: self::behaviors(
                    said,
                    written,
                    defaults,
                    targets,
                    &write_error,
                    problems,
                )
                .into(),
                error_responses: error_responses::error_responses(said, written, problems),
                id: said.id.value.as_str().into(),
                domain_name,
                aliases,
                enabled: said.enabled.as_ref().is_none_or(|said| said.value),
                default_root_object: default_root_object(said, problems),
            }
        })
        .collect()
}

fn behaviors(
    said: &written::Distribution,
    written: &Written,
    defaults: &Defaults,
    targets: &mut Targets<'_>,
    write_error: &WriteError,
    problems: &mut Vec<Problem>,
) -> Vec<Behavior> {
    let beyond = beyond_the_most(&said.behaviors, "behavior", |behavior| &behavior.place);
    problems.extend(beyond);
    // The default behavior counts as one.
    if defaults.has_quotas(written)
        && let Some(behavior) = said.behaviors.get(QUOTA_OF_BEHAVIORS - 1)
    {
        let count = said.behaviors.len() + 1;
        let over = over_quota(&behavior.place, count, QUOTA_OF_BEHAVIORS, "behaviors");
        problems.extend(over);
    }
    if said.default_behavior.is_none() {
        problems.push(said.place.inner("default_behavior").error(
            "is missing",
            format!(
                "write [{}.default_behavior] with the target that answers what no other behavior takes",
                said.place.field
            ),
        ));
    }
    let listed = said.behaviors.iter().map(|behavior| (behavior, false));
    let default = said
        .default_behavior
        .iter()
        .map(|behavior| (behavior, true));
    listed
        .chain(default)
        .map(|(behavior, is_default)| {
            behaviors::behavior(
                behavior,
                is_default,
                &said.caching,
                written,
                defaults,
                targets,
                write_error,
                problems,
            )
        })
        .collect()
}

/// As written, or a made-up name of CloudFront's form that stays the same for the same id.
fn domain_name(said: &written::Distribution, problems: &mut Vec<Problem>) -> Arc<str> {
    if let Some(name) = &said.domain_name {
        if url::is_host(&name.value) {
            return name.value.to_ascii_lowercase().into();
        }
        problems.push(name.place.error(
            format!("is {}", name.shown()),
            "write a DNS name such as \"d111111abcdef8.cloudfront.net\"",
        ));
    }
    format!("d{}.cloudfront.net", voice::letters(&said.id.value)).into()
}

fn aliases(
    said: &written::Distribution,
    written: &Written,
    defaults: &Defaults,
    problems: &mut Vec<Problem>,
) -> Vec<Arc<str>> {
    if defaults.has_quotas(written)
        && let Some(alias) = said.aliases.get(QUOTA_OF_ALIASES)
    {
        let count = said.aliases.len();
        problems.extend(over_quota(&alias.place, count, QUOTA_OF_ALIASES, "names"));
    }
    let mut aliases: Vec<Arc<str>> = Vec::new();
    for alias in &said.aliases {
        let name = alias.value.to_ascii_lowercase();
        let bare = name.strip_prefix("*.").unwrap_or(&name);
        if !url::is_host(bare) {
            problems.push(alias.place.error(
                format!("has {}", alias.shown()),
                "write host names without scheme or port; * may only stand in front, as in \"*.example.com\"",
            ));
        } else if !aliases.iter().any(|known| **known == *name) {
            aliases.push(name.trim_end_matches('.').into());
        }
    }
    aliases
}

/// Source: API shape `DistributionConfig`, `DefaultRootObject`.
fn default_root_object(
    said: &written::Distribution,
    problems: &mut Vec<Problem>,
) -> Option<Arc<str>> {
    const MARKS: &[u8] = b"_-.*$/~\"'&;";
    let said = said.default_root_object.as_ref()?;
    let name = said.value.as_str();
    if name.is_empty() {
        return None;
    }
    let good = !name.starts_with('/')
        && name.len() <= 255
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || MARKS.contains(&byte));
    if !good {
        problems.push(said.place.error(
            format!("is {}", said.shown()),
            "write the name of an object without a slash in front, such as \"index.html\"",
        ));
    }
    Some(format!("/{name}").into())
}

/// Whether CloudFront's own notation was used, where its API is stricter than what is safe to accept.
fn is_cloudfronts(written: &Written) -> bool {
    written.notation == Notation::CloudFront
}
