//! Which distribution answers to which host.

use std::collections::btree_map::Entry;

use super::{flag, values};
use crate::distribution::Distribution;
use crate::edge::{Hosts, Overrides};
use crate::problem::Problem;
use crate::written::Written;

pub(super) fn hosts(
    written: &Written,
    overrides: &Overrides,
    distributions: &[Distribution],
    problems: &mut Vec<Problem>,
) -> Hosts {
    let mut hosts = Hosts::default();
    for (index, (distribution, said)) in
        (0_u16..).zip(distributions.iter().zip(&written.distributions))
    {
        let own = [(&distribution.domain_name, &said.place)];
        // Aliases that were refused are missing in the compiled list, so places are found by value.
        let aliases = distribution.aliases.iter().map(|alias| {
            let at = said
                .aliases
                .iter()
                .find(|at| at.value.eq_ignore_ascii_case(alias));
            (alias, at.map_or(&said.place, |at| &at.place))
        });
        for (name, place) in own.into_iter().chain(aliases) {
            let holder = if let Some(suffix) = name.strip_prefix('*') {
                if let Some((_, holder)) =
                    hosts.wildcards.iter().find(|(known, _)| **known == *suffix)
                {
                    *holder
                } else {
                    hosts.wildcards.push((suffix.into(), index));
                    index
                }
            } else {
                match hosts.exact.entry(name.as_ref().into()) {
                    Entry::Occupied(taken) => *taken.get(),
                    Entry::Vacant(free) => *free.insert(index),
                }
            };
            if holder != index {
                let other = &distributions[usize::from(holder)].id;
                problems.push(place.error(
                    format!("has \"{name}\", which distribution {other:?} answers to already"),
                    "write each name in one distribution",
                ));
            }
        }
        if distribution.aliases.is_empty() && said.aliases.is_empty() {
            match hosts.any {
                None => hosts.any = Some(index),
                // The flag says which of the two it is.
                Some(_) if overrides.default_distribution.is_some() => {}
                Some(holder) => {
                    let other = &distributions[usize::from(holder)].id;
                    problems.push(said.place.inner("aliases").error(
                        format!(
                            "is missing, and distribution {other:?} has none either: both would answer to every host"
                        ),
                        "write the names that this one answers to, or give --default-distribution",
                    ));
                }
            }
        }
    }
    // The longest suffix is the one that fits best.
    hosts
        .wildcards
        .sort_by(|(a, _), (b, _)| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    if distributions.len() == 1 {
        hosts.local = Some(0);
    }
    if let Some(wanted) = &overrides.default_distribution {
        hosts.any = by_name(wanted, distributions, problems).or(hosts.any);
    }
    hosts
}

/// The distribution that `--default-distribution` names by id, domain name or alias.
fn by_name(
    wanted: &str,
    distributions: &[Distribution],
    problems: &mut Vec<Problem>,
) -> Option<u16> {
    let names = |distribution: &Distribution| {
        let mut names = vec![
            distribution.id.to_string(),
            distribution.domain_name.to_string(),
        ];
        names.extend(distribution.aliases.iter().map(ToString::to_string));
        names
    };
    let found = distributions
        .iter()
        .position(|distribution| names(distribution).iter().any(|name| name == wanted));
    if let Some(index) = found {
        return u16::try_from(index).ok();
    }
    let known: Vec<String> = distributions.iter().flat_map(names).collect();
    problems.push(flag("--default-distribution").error(
        format!("is {wanted:?}"),
        format!(
            "write the id, domain name or an alias of a distribution{}",
            values::perhaps(wanted, known.iter().map(String::as_str))
        ),
    ));
    None
}
