//! Counts what a forwarded request costs, in numbers that do not move with the machine or with what else runs on it, and
//! holds them against `benches/budget.toml`. `benches/gates` builds what is counted and runs this.
//!
//! Each count is a slope: the same run with few and with many requests (or viewers), the difference divided by those that
//! make it. What starting and ending cost falls out.
#![expect(clippy::cast_precision_loss, reason = "no count comes near 2^52")]

mod budget;
mod callgrind;
mod cast;
mod certificate;
mod http2;
mod memory;
mod program;
mod scenarios;
mod strace;
mod table;
mod viewers;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::Ordering::Relaxed;

use anyhow::{Context, bail, ensure};
use budget::Budget;
use program::Running;
use scenarios::Scenario;
use table::Count;
use viewers::Viewers;

/// Requests of the two runs that make a slope.
const REQUESTS: [usize; 2] = [512, 4_608];

/// Viewers who ask at the same time while system calls are counted: a worker waits once for many.
const TOGETHER: usize = 64;

/// The same where each of them has many requests at a time.
const TOGETHER_WITH_MANY: usize = 16;

/// Idle viewers of the two looks that make a slope.
const IDLE: [usize; 2] = [100, 2_100];

fn main() -> anyhow::Result<ExitCode> {
    let chosen: Vec<String> = std::env::args().skip(1).collect();
    let budget = Path::new(env!("CARGO_MANIFEST_DIR")).join("budget.toml");
    let budget = std::fs::read_to_string(&budget).with_context(|| budget.display().to_string())?;
    let budget = Budget::read(&budget)?;
    // What the tools wrote stays there, to be looked at.
    let folder = std::env::current_exe()?.with_file_name("gates");
    std::fs::create_dir_all(&folder)?;

    let scenarios = scenarios::all(&folder)?;
    let names: Vec<&str> = scenarios.iter().map(|scenario| scenario.name).collect();
    if let Some(name) = chosen.iter().find(|name| !names.contains(&name.as_str())) {
        bail!("there is no {name}; there are {}", names.join(", "));
    }
    if let Some(name) = budget.stray(&names) {
        bail!("benches/budget.toml has {name}, which is not counted: take it out");
    }

    let mut counts = Vec::new();
    for scenario in &scenarios {
        if chosen.is_empty() || chosen.iter().any(|name| name == scenario.name) {
            eprintln!("counting {}: {}", scenario.name, scenario.about);
            counts.extend(count(scenario, &folder)?);
        }
    }
    counts.extend(table::ratio(&counts, "host-only", "bare"));
    counts.extend(table::ratio(&counts, "watched", "unwatched"));
    counts.extend(table::ratio(&counts, "last-of-200", "first-of-200"));
    Ok(table::judge(&counts, &budget))
}

fn count(scenario: &Scenario, folder: &Path) -> anyhow::Result<Vec<Count>> {
    let run = Run { scenario, folder };
    let profiles = [run.profile(REQUESTS[0])?, run.profile(REQUESTS[1])?];
    let mut counts = vec![
        run.slope(
            "instructions",
            profiles.map(|profile| profile.instructions),
            REQUESTS,
        ),
        run.slope(
            "allocations",
            profiles.map(|profile| profile.allocations),
            REQUESTS,
        ),
    ];
    if scenario.whole {
        let calls = [
            run.system_calls(REQUESTS[0])?,
            run.system_calls(REQUESTS[1])?,
        ];
        counts.push(run.slope("system-calls", calls, REQUESTS));
        counts.push(run.slope("idle-bytes", run.idle()?, IDLE));
    }
    if let Some(asked) = &scenario.asked {
        let (asked, runs) = (asked.load(Relaxed), if scenario.whole { 5 } else { 2 });
        ensure!(
            asked <= runs,
            "{}: the origin was asked {asked} times in {runs} runs, and once in each is enough: these are no hits",
            scenario.name
        );
    }
    Ok(counts)
}

/// A scenario that is played, and where to write about it.
struct Run<'a> {
    scenario: &'a Scenario,
    folder: &'a Path,
}

impl Run<'_> {
    fn slope(&self, what: &str, [few, many]: [u64; 2], [from, to]: [usize; 2]) -> Count {
        Count {
            name: format!("{}.{what}", self.scenario.name),
            each: (many as f64 - few as f64) / (to - from) as f64,
        }
    }

    /// One viewer's `requests`, one round after another, under callgrind.
    fn profile(&self, requests: usize) -> anyhow::Result<callgrind::Profile> {
        let (running, file) = self.start("callgrind", callgrind::tool, requests)?;
        let mut viewer = self.viewers(&running)?;
        viewer.come(1)?;
        viewer.ask(requests / self.scenario.speech.request.together() - 1)?;
        // Who speaks HTTP/2 and does not answer to a farewell would be waited for.
        drop(viewer);
        running.end()?;
        callgrind::read(&file)
    }

    /// The `requests` of many viewers, all of whom ask and then wait, under strace.
    fn system_calls(&self, requests: usize) -> anyhow::Result<u64> {
        let (running, file) = self.start("strace", strace::tool, requests)?;
        let mut viewers = self.viewers(&running)?;
        let each = self.scenario.speech.request.together();
        let count = if each == 1 {
            TOGETHER
        } else {
            TOGETHER_WITH_MANY
        };
        viewers.come(count)?;
        // The first round is in both runs, and opens as many connections to the origins as there will ever be.
        viewers.ask(requests / (count * each))?;
        drop(viewers);
        running.end()?;
        strace::read(&file)
    }

    /// The memory with few and with many viewers who each asked once, for one thing, and stay.
    fn idle(&self) -> anyhow::Result<[u64; 2]> {
        let running = self.scenario.program.start(&self.file("idle", "said"))?;
        let mut viewers = Viewers::new(running.address()?, self.scenario.speech.one_at_a_time());
        let mut bytes = [0; 2];
        for (count, bytes) in IDLE.into_iter().zip(&mut bytes) {
            viewers.come(count)?;
            *bytes = memory::private_bytes(running.process())?;
        }
        drop(viewers);
        running.end()?;
        Ok(bytes)
    }

    /// The program under a tool, and the file that the tool writes.
    fn start(
        &self,
        tool: &str,
        words: fn(&str) -> Vec<String>,
        requests: usize,
    ) -> anyhow::Result<(Running, PathBuf)> {
        let run = requests.to_string();
        let file = self.file(&run, tool);
        let program = self
            .scenario
            .program
            .under(&words(&file.display().to_string()));
        let running = program.start(&self.file(&run, "said"))?;
        Ok((running, file))
    }

    fn viewers(&self, running: &Running) -> anyhow::Result<Viewers> {
        Ok(Viewers::new(
            running.address()?,
            self.scenario.speech.clone(),
        ))
    }

    fn file(&self, run: &str, extension: &str) -> PathBuf {
        self.folder
            .join(format!("{}-{run}.{extension}", self.scenario.name))
    }
}
