//! The house: which crate may know which, how much the program stands on, and that no file grows out of sight.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Files that are nothing but a list, which may be long.
const LISTS: [&str; 2] = [
    "config/src/fields.rs",
    "tests/scenarios/conformance/requests.rs",
];

fn house() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests
        .parent()
        .expect("the tests are a folder of the house")
        .to_owned()
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(house())
        .output()
        .expect("cargo is there");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("cargo speaks UTF-8")
}

/// Each of our packages, with the names of what it needs to be built as a library or program.
fn needs() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = cargo(&["metadata", "--format-version", "1", "--no-deps"]);
    let metadata: Value = serde_json::from_str(&metadata).expect("cargo writes JSON");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let packages = metadata["packages"].as_array().expect("a list");
    packages
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().expect("a list");
            let needed = dependencies
                .iter()
                .filter(|dependency| dependency["kind"].is_null())
                .map(|dependency| text(&dependency["name"]))
                .collect();
            (text(&package["name"]), needed)
        })
        .collect()
}

/// Every package in what this package is built from, itself included.
fn tree(package: &str) -> BTreeSet<String> {
    let tree = cargo(&[
        "tree",
        "--package",
        package,
        "--edges",
        "normal",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]);
    tree.lines()
        .map(|line| {
            line.split_whitespace()
                .take(2)
                .collect::<Vec<_>>()
                .join(" ")
        })
        .filter(|line| !line.is_empty())
        .collect()
}

#[test]
fn the_arrows_between_the_crates_point_one_way() {
    // Who may know whom of ours.
    let allowed: BTreeMap<&str, &[&str]> = [
        ("tideover-config", &[][..]),
        ("tideover-rules", &["tideover-config"]),
        ("tideover", &["tideover-config", "tideover-rules"]),
        (
            "tideover-tests",
            &["tideover", "tideover-config", "tideover-rules"],
        ),
        (
            "tideover-benches",
            &[
                "tideover",
                "tideover-config",
                "tideover-rules",
                "tideover-tests",
            ],
        ),
    ]
    .into();
    let needs = needs();
    let ours: Vec<&str> = needs.keys().map(String::as_str).collect();
    assert_eq!(
        ours.len(),
        allowed.len(),
        "a crate that this test does not know: {ours:?}"
    );
    for (package, needed) in &needs {
        let may = allowed
            .get(package.as_str())
            .unwrap_or_else(|| panic!("{package} is new here"));
        for other in needed.iter().filter(|other| ours.contains(&other.as_str())) {
            assert!(
                may.contains(&other.as_str()),
                "{package} must not know {other}"
            );
        }
    }
}

#[test]
fn the_viewers_side_and_the_origins_side_do_not_know_each_other() {
    for (side, other) in [("viewer", "crate::origin"), ("origin", "crate::viewer")] {
        let source = house().join("proxy/src");
        let mut files = vec![source.join(side).with_extension("rs")];
        rust_files(&source.join(side), &mut files);
        assert!(files.len() > 3, "the files were not found: {files:?}");
        for file in files {
            let text = std::fs::read_to_string(&file).expect("a file can be read");
            assert!(!text.contains(other), "{} knows {other}", file.display());
        }
    }
}

#[test]
fn what_is_said_and_what_is_decided_opens_no_socket_and_runs_no_task() {
    for package in ["tideover-config", "tideover-rules"] {
        let names: BTreeSet<String> = tree(package)
            .into_iter()
            .filter_map(|line| line.split(' ').next().map(str::to_owned))
            .collect();
        for doer in [
            "tokio",
            "mio",
            "socket2",
            "hyper",
            "hyper-util",
            "rustls",
            "futures-core",
            "tower",
        ] {
            assert!(!names.contains(doer), "{package} stands on {doer}");
        }
    }
}

#[test]
fn the_program_stands_on_few_crates() {
    let needs = needs();
    let direct = &needs["tideover"];
    assert!(
        direct.len() <= 38,
        "{} direct dependencies: {direct:?}",
        direct.len()
    );
    let all = tree("tideover");
    assert!(all.len() > direct.len(), "the tree was not read: {all:?}");
    assert!(all.len() <= 150, "{} crates in all: {all:?}", all.len());
}

#[test]
fn no_file_passes_800_lines_unless_it_is_a_list() {
    let mut files = Vec::new();
    for part in ["config", "rules", "proxy", "tests", "benches"] {
        rust_files(&house().join(part), &mut files);
    }
    assert!(files.len() > 50, "the files were not found: {files:?}");
    let too_long: Vec<String> = files
        .iter()
        .filter(|file| !LISTS.iter().any(|list| file.ends_with(list)))
        .filter_map(|file| {
            let lines = std::fs::read_to_string(file)
                .expect("a file can be read")
                .lines()
                .count();
            (lines > 800).then(|| format!("{} has {lines} lines", file.display()))
        })
        .collect();
    assert!(too_long.is_empty(), "{too_long:#?}");
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder can be read") {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                rust_files(&path, found);
            }
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}
