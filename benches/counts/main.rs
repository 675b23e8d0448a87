//! Counts what a forwarded request costs, in numbers that do not move with the machine or with what else runs on it, and
//! holds them against `benches/budget.toml`. `benches/gates` builds what is counted and runs this.
//!
//! Nearly everything is a slope: the same run with few and with many requests, the difference divided by the requests that
//! make it. What starting and ending cost falls out.
#![expect(clippy::cast_precision_loss, reason = "no count comes near 2^52")]

mod budget;
mod callgrind;
mod cast;
mod program;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use budget::{Budget, Verdict};
use cast::Viewers;
use http::HeaderMap;
use program::Program;
use tideover_benches::{browser, load_generator};

/// Requests of the two runs that make a slope.
const FEW: usize = 500;
const MANY: usize = 4_500;

/// What was counted, and what it is called in the budget.
struct Count {
    name: String,
    per_request: f64,
}

fn main() -> anyhow::Result<ExitCode> {
    let folder = std::env::current_exe()?.with_file_name("gates");
    std::fs::create_dir_all(&folder)?;
    let budget = Path::new(env!("CARGO_MANIFEST_DIR")).join("budget.toml");
    let budget = std::fs::read_to_string(&budget).with_context(|| budget.display().to_string())?;
    let budget = Budget::read(&budget)?;
    let chosen: Vec<String> = std::env::args().skip(1).collect();

    let mut counts = Vec::new();
    for scenario in scenarios(&folder)? {
        if chosen.is_empty() || chosen.iter().any(|name| name == scenario.name) {
            counts.extend(count(&scenario, &folder)?);
        }
    }
    Ok(judge(&counts, &budget))
}

/// What runs, and what it is asked.
struct Scenario {
    name: &'static str,
    program: Program,
    request: Vec<u8>,
}

fn scenarios(folder: &Path) -> anyhow::Result<Vec<Scenario>> {
    let origin = cast::good_origin()?;
    let bare = Program::beside("bare", &["127.0.0.1:0", &origin.to_string()])?;
    let edge = |name, primary| edge(folder, name, primary, origin);
    let asked = |path, headers: &HeaderMap| cast::get(path, headers);
    Ok(vec![
        Scenario {
            name: "bare",
            program: bare.clone(),
            request: asked("/1k", &load_generator()),
        },
        Scenario {
            name: "host-only",
            program: edge("host-only", origin)?,
            request: asked("/1k", &load_generator()),
        },
        Scenario {
            name: "browser",
            program: edge("browser", origin)?,
            request: asked("/1k", &browser()),
        },
    ])
}

/// The edge with everything on, in front of a group of these two.
fn edge(
    folder: &Path,
    name: &str,
    primary: SocketAddr,
    secondary: SocketAddr,
) -> anyhow::Result<Program> {
    let log = folder.join(name).with_extension("log");
    let config = format!(
        r#"
[listen]
http = "127.0.0.1:0"
status = "127.0.0.1:0"
workers = 1
[access_log]
to = "{log}"
[origin.primary]
url = "http://{primary}"
[origin.secondary]
url = "http://{secondary}"
[origin_group.tiers]
members = ["primary", "secondary"]
fail_over_on = [500, 502, 503, 504]
[distribution.site.default_behavior]
target = "tiers"
"#,
        log = log.display()
    );
    let file = folder.join(name).with_extension("toml");
    std::fs::write(&file, config)?;
    Program::beside(
        "tideover",
        &["run", "--config", &file.display().to_string()],
    )
}

fn count(scenario: &Scenario, folder: &Path) -> anyhow::Result<Vec<Count>> {
    eprintln!("counting {}", scenario.name);
    let few = profile(scenario, folder, FEW)?;
    let many = profile(scenario, folder, MANY)?;
    let slope = |few: u64, many: u64| (many as f64 - few as f64) / (MANY - FEW) as f64;
    Ok(vec![
        Count {
            name: format!("{}.instructions", scenario.name),
            per_request: slope(few.instructions, many.instructions),
        },
        Count {
            name: format!("{}.allocations", scenario.name),
            per_request: slope(few.allocations, many.allocations),
        },
    ])
}

/// One viewer's `requests`, one after another, under callgrind.
fn profile(
    scenario: &Scenario,
    folder: &Path,
    requests: usize,
) -> anyhow::Result<callgrind::Profile> {
    let file = |extension: &str| -> PathBuf {
        folder.join(format!("{}-{requests}.{extension}", scenario.name))
    };
    let profile = file("callgrind");
    let program = scenario
        .program
        .under(&callgrind::tool(&profile.display().to_string()));
    let running = program.start(&file("said"))?;
    let mut viewers = Viewers::new(running.address()?, scenario.request.clone());
    viewers.come(1)?;
    viewers.ask(requests - 1)?;
    running.end()?;
    callgrind::read(&profile)
}

/// Prints the table. Fails if one of the counts does.
fn judge(counts: &[Count], budget: &Budget) -> ExitCode {
    println!("{:<32} {:>10} {:>10}  verdict", "what", "budget", "counted");
    let mut fails = false;
    for Count { name, per_request } in counts {
        let allowance = budget.of(name);
        let verdict = Verdict::on(*per_request, allowance);
        let allowed = allowance.map_or(f64::NAN, |allowance| allowance.budget);
        println!("{name:<32} {allowed:>10.1} {per_request:>10.1}  {verdict}");
        fails |= verdict.fails();
    }
    if fails {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
