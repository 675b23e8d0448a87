//! `tideover drill --config`: the example's failures against real nginx, and two mistakes that a drill is there to find.

use std::path::{Path, PathBuf};

use harness::{Folder, Nginx, nginx};
use serde_json::Value;

use super::*;

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");

/// The tiers of `petclinic.toml`, over plain HTTP, and a machine that was given up long ago.
struct Stage {
    vm: Nginx,
    swa: Nginx,
    old_vm: Nginx,
    folder: Folder,
}

impl Stage {
    async fn starts() -> Self {
        let server = async |name: &str| {
            nginx(name, "location / { return 200 \"here\"; }")
                .start()
                .await
        };
        let mut old_vm = server("old-vm").await;
        old_vm.is_killed().await;
        Self {
            vm: server("vm").await,
            swa: server("swa").await,
            old_vm,
            folder: Folder::new(),
        }
    }

    /// The example, with promises, with timers that are short and that a busy machine keeps all the same, and with each of these changed into that.
    fn config(&self, changes: &[(&str, &str)]) -> PathBuf {
        let mut text = std::fs::read_to_string(Path::new(EXAMPLES).join("petclinic.toml"))
            .expect("the example is there");
        let usual = [
            (
                "connection_timeout = \"1s\"",
                "connection_timeout = \"400ms\"",
            ),
            ("response_timeout = \"10s\"", "response_timeout = \"1s\""),
            (
                "host = \"origin\"",
                "response_timeout = \"1s\"\nhost = \"origin\"",
            ),
            ("page = \"maintenance.html\"", "page = true"),
            (
                "target = \"tiers\"",
                "target = \"tiers\"\nexpect = { path = \"/owners\", any_one_down = \"answers\", all_down = \"page\", worst = \"5s\" }",
            ),
            (
                "target = \"azure-vm\"",
                "expect = { any_one_down = \"error\" }\ntarget = \"azure-vm\"",
            ),
        ];
        for (from, to) in usual.iter().chain(changes) {
            assert!(text.contains(from), "{from} in\n{text}");
            text = text.replacen(from, to, 1);
        }
        self.folder.write("petclinic.toml", text)
    }

    fn drill(&self, config: &Path, flags: &[&str]) -> (Option<i32>, String, String) {
        let output = tideover()
            .args(["drill", "--config"])
            .arg(config)
            .args(["--map", &format!("azure-vm={}", self.vm.url())])
            .args(["--map", &format!("azure-swa={}", self.swa.url())])
            .args(flags)
            .stdin(Stdio::null())
            .output()
            .expect("the program starts");
        said(&output)
    }

    /// Writes that reached anybody.
    fn writes(&self) -> Vec<String> {
        let all = [self.vm.log(), self.swa.log()].concat();
        all.into_iter()
            .filter(|line| {
                !["GET ", "HEAD ", "OPTIONS "]
                    .iter()
                    .any(|read| line.starts_with(read))
            })
            .collect()
    }
}

#[tokio::test]
async fn an_example_that_is_well_holds_all_its_promises_and_nobody_is_written_to() {
    let stage = Stage::starts().await;
    let config = stage.config(&[]);

    let (code, out, err) = stage.drill(&config, &[]);

    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}{err}");
    assert!(out.contains(", 0 broken"), "{out}");
    assert!(!out.contains("Found:"), "{out}");
    for row in [
        "goes to azure-vm",
        "azure-vm, azure-swa refuse ",
        "503 last-page",
    ] {
        assert!(out.contains(row), "{row} in\n{out}");
    }
    assert_eq!(stage.writes(), Vec::<String>::new());
}

#[tokio::test]
async fn a_write_target_that_is_dead_and_a_status_that_is_missing_are_found() {
    let stage = Stage::starts().await;
    let old_vm = format!(
        "[origin.old-vm]\nurl = \"{}\"\n\n[origin.azure-swa]",
        stage.old_vm.url()
    );
    let config = stage.config(&[
        ("[origin.azure-swa]", &old_vm),
        (
            "expect = { any_one_down = \"error\" }\ntarget = \"azure-vm\"",
            "expect = { any_one_down = \"error\" }\ntarget = \"old-vm\"",
        ),
        (
            "fail_over_on = [500, 502, 503, 504, 403, 404]",
            "fail_over_on = [500, 502, 504, 403, 404]",
        ),
    ]);

    let (code, out, err) = stage.drill(&config, &[]);

    assert_eq!(code, Some(1), "{out}{err}");
    for words in [
        "old-vm failed although nothing was done to it (refused): nobody else takes the writes of /owners/*",
        "tiers does not fall through on 503 of azure-vm",
        "BROKEN: an answer of a server is promised",
    ] {
        assert!(out.contains(words), "{words} in\n{out}");
    }
    assert_eq!(stage.writes(), Vec::<String>::new());

    let (code, out, err) = stage.drill(&config, &["--json"]);

    assert_eq!(code, Some(1), "{out}{err}");
    let told: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(told["held"], false);
    let rows = told["rows"].as_array().expect("a list");
    let broken: Vec<String> = rows
        .iter()
        .filter(|row| !row["broken"].as_array().is_none_or(Vec::is_empty))
        .map(|row| format!("{} {} {}", row["behavior"], row["down"], row["how"]))
        .collect();
    assert_eq!(
        broken,
        [
            "\"/owners/*\" [] null",
            "\"*\" [\"azure-vm\"] \"status-503\"",
        ]
    );
}

#[tokio::test]
async fn a_dead_standby_is_found_although_everything_is_answered() {
    let mut stage = Stage::starts().await;
    let config = stage.config(&[]);
    stage.swa.is_killed().await;

    let (code, out, _) = stage.drill(&config, &["--from", "default"]);

    // One tier is down by itself, and one more by the drill.
    assert_eq!(code, Some(1), "{out}");
    let words = "azure-swa failed although nothing was done to it (refused): it is counted on for the reads of *";
    assert!(out.contains(words), "{out}");
    assert!(!out.contains("/owners/*"), "{out}");
}

#[tokio::test]
async fn writes_are_sent_when_they_are_asked_for() {
    let stage = Stage::starts().await;
    let config = stage.config(&[]);

    let (code, out, err) = stage.drill(&config, &["--writes", "--from", "/owners/*"]);

    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains("ARE SENT"), "{out}");
    // Once each, while nothing is down.
    stage.vm.logged(4).await;
    let mut writes = stage.writes();
    writes.sort();
    let methods: Vec<&str> = writes
        .iter()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert_eq!(methods, ["DELETE", "PATCH", "POST", "PUT"]);
    let (code, _, err) = stage.drill(&config, &["--from", "/nowhere"]);
    assert_eq!(code, Some(1));
    assert!(err.contains("/owners/*"), "{err}");
}
