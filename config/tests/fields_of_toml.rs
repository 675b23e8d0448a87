//! `tests/fixtures/examples/every-field.toml` has every field that `tideover.toml` knows, so that whatever is held for that
//! file is held for every field.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use tideover_config::{Overrides, load_text};
use toml::de::{DeTable, DeValue};

/// Far from every known name, so that all of those are listed.
const UNKNOWN: &str = "zzzzzzzzzzzzzzzz";

const TEXT: &str = include_str!("../../tests/fixtures/examples/every-field.toml");

/// The names in each table, outer ones first.
fn tables<'t>(table: &'t DeTable<'t>, all: &mut Vec<BTreeSet<String>>) {
    all.push(table.keys().map(|key| key.get_ref().to_string()).collect());
    for value in table.values() {
        inside(value.get_ref(), all);
    }
}

fn inside<'t>(value: &'t DeValue<'t>, all: &mut Vec<BTreeSet<String>>) {
    if let Some(table) = value.as_table() {
        tables(table, all);
    }
    for item in value.as_array().into_iter().flat_map(|items| items.iter()) {
        inside(item.get_ref(), all);
    }
}

/// The text with a field in each table that none of them knows.
fn with_an_unknown_field_everywhere() -> String {
    let mut text = format!("{UNKNOWN} = 0\n");
    for line in TEXT.lines() {
        let line = line
            .replace("{}", "{ }")
            .replace("{ }", &format!("{{ {UNKNOWN} = 0 }}"))
            .replace("{ ", &format!("{{ {UNKNOWN} = 0, "))
            .replace(
                &format!("{UNKNOWN} = 0, {UNKNOWN} = 0 "),
                &format!("{UNKNOWN} = 0 "),
            );
        text.push_str(&line);
        text.push('\n');
        if line.starts_with('[') {
            writeln!(text, "{UNKNOWN} = 0").expect("a string takes every line");
        }
    }
    text
}

#[test]
fn every_field_is_there() {
    let mut written = Vec::new();
    let (document, broken) = DeTable::parse_recoverable(TEXT);
    assert!(broken.is_empty(), "{broken:?}");
    tables(document.get_ref(), &mut written);

    let problems = load_text(
        Path::new("every-field.toml"),
        &with_an_unknown_field_everywhere(),
        &Overrides::default(),
    )
    .expect_err("no table knows the unknown field");
    let known: BTreeSet<BTreeSet<String>> = problems
        .0
        .iter()
        .filter(|problem| problem.field.ends_with(UNKNOWN))
        .filter_map(|problem| {
            let names = problem.instead.strip_prefix("write one of ")?;
            Some(names.split(", ").map(ToOwned::to_owned).collect())
        })
        .collect();
    // The top, listen, admin, tls, certificate, acme, cache, access_log, journal, alarm, origin, tls of an origin, health_check, breaker, failover_record, origin_group, member, distribution, write_error, error_response, behavior,
    // cache_key, origin_request, viewer_response, set_headers, cors, the choice of headers, website, fault and expect.
    assert_eq!(known.len(), 30, "{known:#?}");
    for names in &known {
        let used: BTreeSet<&String> = written
            .iter()
            .filter(|table| table.is_subset(names))
            .flatten()
            .collect();
        let missing: Vec<&String> = names.iter().filter(|name| !used.contains(name)).collect();
        assert!(missing.is_empty(), "{missing:?} of {names:?} is nowhere");
    }
}
