//! Every `NAME.toml` in `tests/fixtures/toml`, every `NAME.json` in `tests/fixtures/cloudfront` and whatever else people take
//! for a distribution there, and the distributions of `tests/fixtures/checks`, in which an operator should look for something,
//! give exactly the report in `NAME.report` beside them.
//! `UPDATE_FIXTURES=1 cargo test -p tideover-config --test reports` writes the reports anew; read the difference.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use tideover_config::{Overrides, load_text};

fn configs() -> Vec<PathBuf> {
    let folders = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures");
    let mut configs: Vec<PathBuf> = ["toml", "cloudfront", "distributions", "checks"]
        .iter()
        .flat_map(|folder| std::fs::read_dir(folders.join(folder)).expect("the fixtures are there"))
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_file() && path.extension().is_some_and(|kind| kind != "report"))
        .chain([folders.join("examples/petclinic.cloudfront.json")])
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
    for config in configs() {
        let seen = report(&config);
        let file = config.with_extension("report");
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
