//! Whatever is done to a `tideover.toml`, it is loaded or reported, and what loads prints as itself.

use std::path::PathBuf;
use std::sync::LazyLock;

use crate::{examples, fixture, mangled};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use tideover_config::{Mode, Overrides, Problems, Severity, from_origins, load_text};

/// Names of files stand relative to this one.
fn place() -> PathBuf {
    fixture("examples/x.toml")
}

static TEXTS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut files: Vec<PathBuf> = [fixture("toml"), fixture("examples"), examples()]
        .into_iter()
        .flat_map(|folder| std::fs::read_dir(folder).expect("the fixtures are there"))
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "toml"))
        .collect();
    files.sort();
    files
        .iter()
        .map(|file| std::fs::read_to_string(file).expect("the fixture can be read"))
        .collect()
});

fn loads_or_reports(text: &str) {
    mangled::loads_or_reports(&place(), text);
}

/// A value as it may stand on the right of a `=`, mostly one that some field takes.
fn any_value() -> impl Strategy<Value = String> {
    let plain = select(vec![
        "true",
        "false",
        "0",
        "-1",
        "1",
        "2",
        "3",
        "80",
        "404",
        "503",
        "65536",
        "1.5",
        "inf",
        "0xff",
        "1_000",
        "9223372036854775807",
        "99999999999999999999",
        "1979-05-27",
        "\"\"",
        "\"a\"",
        "\"b\"",
        "\"g\"",
        "\"vm\"",
        "\"page\"",
        "\"the group\"",
        "\"*\"",
        "\"/*\"",
        "\"*.jpg\"",
        "\"/a?b*\"",
        "\"GET\"",
        "\"all\"",
        "\"none\"",
        "\"origin\"",
        "\"viewer\"",
        "\"always\"",
        "\"status\"",
        "\"faithful\"",
        "\"resilient\"",
        "\"public\"",
        "\"token\"",
        "\"off\"",
        "\"-\"",
        "\"json\"",
        "\"http-only\"",
        "\"match-viewer\"",
        "\"ipv4\"",
        "\"dualstack\"",
        "\"0s\"",
        "\"1ms\"",
        "\"10s\"",
        "\"90s\"",
        "\"2h\"",
        "\"heuristic\"",
        "\"cloudfront\"",
        "\"64KiB\"",
        "\"256MiB\"",
        "[\"gzip\", \"br\"]",
        "\"http://a.example\"",
        "\"https://[::1]:8443/app\"",
        "\"https+insecure://127.0.0.1\"",
        "\"www.example.com\"",
        "\"*.example.com\"",
        "\"127.0.0.1:8000\"",
        "\"[::]:0\"",
        "\"maintenance.html\"",
        "\"ca.pem\"",
        "\"site\"",
        "\"404\"",
        "\"${HOME}\"",
        "\"${NONE:-x}\"",
        "\"${\"",
        "\"$${A}\"",
        "[]",
        "[503]",
        "[403, 404, 503, 504]",
        "[\"GET\", \"HEAD\"]",
        "[\"POST\"]",
        "[\"a\", \"b\"]",
        "[[]]",
        "{}",
        "{ a = 1 }",
        "{ origin = \"a\", fail_over_on = [] }",
        "{ except = [\"X-A\"] }",
        "{ legacy_with = [] }",
        "{ index = \"index.html\" }",
    ])
    .prop_map(ToOwned::to_owned);
    prop_oneof![
        6 => plain,
        1 => any::<i64>().prop_map(|number| number.to_string()),
        1 => "\\PC{0,12}".prop_map(|text| format!("{text:?}")),
        1 => "\\PC{0,8}",
    ]
}

/// What is done to one line.
#[derive(Clone, Debug)]
enum Change {
    Value(String),
    Delete,
    Twice,
    Add(String),
    MoveTo(Index),
}

fn any_change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => any_value().prop_map(Change::Value),
        1 => Just(Change::Delete),
        1 => Just(Change::Twice),
        1 => ("[a-z_]{1,8}", any_value()).prop_map(|(name, value)| Change::Add(format!("{name} = {value}"))),
        1 => any::<Index>().prop_map(Change::MoveTo),
    ]
}

fn change(lines: &mut Vec<String>, at: usize, change: Change) {
    match change {
        Change::Value(value) => {
            if let Some((name, _)) = lines[at].split_once('=') {
                lines[at] = format!("{name}= {value}");
            }
        }
        Change::Delete => drop(lines.remove(at)),
        Change::Twice => lines.insert(at, lines[at].clone()),
        Change::Add(line) => lines.insert(at, line),
        Change::MoveTo(to) => {
            let line = lines.remove(at);
            lines.insert(to.index(lines.len() + 1), line);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_loads_or_is_reported(text in "\\PC{0,200}") {
        loads_or_reports(&text);
    }

    #[test]
    fn any_text_of_tomls_own_signs_loads_or_is_reported(text in "[\\[\\]{}=\",.'#a-c1-3 \n$-]{0,80}") {
        loads_or_reports(&text);
    }

    #[test]
    fn a_config_with_changed_lines_loads_or_is_reported(
        text in any::<Index>(), changes in prop::collection::vec((any::<Index>(), any_change()), 1..4),
    ) {
        let mut lines: Vec<String> = text.get(&TEXTS).lines().map(ToOwned::to_owned).collect();
        for (at, what) in changes {
            if !lines.is_empty() {
                let at = at.index(lines.len());
                change(&mut lines, at, what);
            }
        }
        loads_or_reports(&lines.join("\n"));
    }

    #[test]
    fn a_config_that_is_cut_or_repeated_loads_or_is_reported(text in mangled::cut_or_repeated(&TEXTS)) {
        loads_or_reports(&text);
    }

    #[test]
    fn any_flags_load_or_are_reported(
        urls in prop::collection::vec(prop_oneof![2 => Just("http://a.example".to_owned()), 1 => "[a-z:/@?\\[\\]0-9.]{0,20}", 1 => "\\PC{0,12}"], 0..4),
        faithful in prop::option::of(any::<bool>()),
        fail_over_on in prop::option::of(prop::collection::vec(any::<u16>(), 0..3)),
        texts in prop::collection::vec(prop::option::of("[a-z0-9:./*-]{0,12}"), 8),
    ) {
        let text = |index: usize| texts[index].clone();
        let overrides = Overrides {
            mode: faithful.map(|faithful| if faithful { Mode::Faithful } else { Mode::Resilient }),
            fail_over_on,
            listen: text(0).into_iter().collect(),
            admin: text(1),
            viewer_scheme: text(2),
            map: text(3).into_iter().map(|url| ("origin-*".to_owned(), format!("http://{url}"))).collect(),
            map_host: text(4).into_iter().map(|name| ("origin-1".to_owned(), name)).collect(),
            default_distribution: text(5),
            access_log: text(6),
            attempts: text(7),
            ..Overrides::default()
        };
        if let Err(Problems(problems)) = from_origins(&urls, &overrides) {
            for problem in problems {
                prop_assert!(problem.severity < Severity::Error || !problem.instead.is_empty(), "{problem}");
            }
        }
    }
}

#[test]
fn nesting_without_end_is_reported() {
    for (open, close) in [("[", "]"), ("{ a = ", "}")] {
        let depth = 100_000;
        let text = format!("a = {}{}", open.repeat(depth), close.repeat(depth));
        assert!(load_text(&place(), &text, &Overrides::default()).is_err());
    }
    let dotted = format!("{} = 1", vec!["a"; 100_000].join("."));
    assert!(load_text(&place(), &dotted, &Overrides::default()).is_err());
}
