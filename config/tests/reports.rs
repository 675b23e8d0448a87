//! Every `NAME.toml` in `tests/fixtures/toml`, every `NAME.json` in `tests/fixtures/cloudfront` and whatever else people take
//! for a distribution there, and the distributions of `tests/fixtures/checks`, in which an operator should look for something,
//! give exactly the report in `NAME.report` beside them; so does `examples/petclinic.cloudfront.json`, whose report is in
//! `tests/fixtures/examples`.
//! `UPDATE_FIXTURES=1 cargo test -p tideover-config --test reports` writes the reports anew; read the difference.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use tideover_config::{Overrides, load_text};

/// Each with its report.
fn configs() -> Vec<(PathBuf, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folders = root.join("tests/fixtures");
    let shown = "examples/petclinic.cloudfront.json";
    let mut configs: Vec<(PathBuf, PathBuf)> = ["toml", "cloudfront", "distributions", "checks"]
        .iter()
        .flat_map(|folder| std::fs::read_dir(folders.join(folder)).expect("the fixtures are there"))
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_file() && path.extension().is_some_and(|kind| kind != "report"))
        .map(|config| (config.clone(), config.with_extension("report")))
        .chain([(
            root.join(shown),
            folders.join(shown).with_extension("report"),
        )])
        .collect();
    configs.sort();
    configs
}

fn report(config: &Path) -> String {
    let text = std::fs::read_to_string(config).expect("the fixture can be read");
    let name = Path::new(config.file_name().expect("the fixture has a name"));
    let (problems, verdict) = match load_text(name, &text, &Overrides::default()) {
        Ok(loaded) => (loaded.remarks, "loads"),
        Err(problems) => (problems.0, "does not load"),
    };
    let mut report = String::new();
    for problem in problems {
        writeln!(report, "{problem}").expect("a string takes every line");
    }
    writeln!(report, "{verdict}").expect("a string takes every line");
    report
}

#[test]
fn every_config_gives_its_report() {
    let update = std::env::var_os("UPDATE_FIXTURES").is_some();
    let mut differing = Vec::new();
    for (config, file) in configs() {
        let seen = report(&config);
        if update {
            std::fs::write(&file, &seen).expect("the report can be written");
            continue;
        }
        let expected = std::fs::read_to_string(&file).unwrap_or_default();
        if seen != expected {
            differing.push(format!(
                "{}\n--- expected\n{expected}--- seen\n{seen}",
                file.display()
            ));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}
