//! `tideover check`: everything that is wrong with a config, or odd, at once.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgMatches, Args};
use tideover_config::{Problem, Severity, counted, load, to_toml};

use super::overriding::Reading;
use super::paint::Paint;
use super::said;

/// Flags of `check`.
#[derive(Clone, Debug, Args)]
pub(super) struct Options {
    /// `tideover.toml`, or a CloudFront distribution's JSON; `-` is standard input
    file: PathBuf,
    /// Print the compiled result with every default, as TOML that loads again, secrets masked
    #[arg(long, env = "TIDEOVER_PRINT", hide_env_values = true, conflicts_with = "json",
          value_parser = clap::builder::BoolishValueParser::new())]
    print: bool,
    /// Warnings count as problems
    #[arg(long, env = "TIDEOVER_STRICT", hide_env_values = true,
          value_parser = clap::builder::BoolishValueParser::new())]
    strict: bool,
    /// Print what was found to standard output, as a JSON list
    #[arg(long, env = "TIDEOVER_JSON", hide_env_values = true,
          value_parser = clap::builder::BoolishValueParser::new())]
    json: bool,
    #[command(flatten)]
    reading: Reading,
}

/// Exit code 0 if the config would be served (with `--strict`: and nothing looks like a mistake), else 1.
pub(super) fn check(options: &Options, given: &ArgMatches) -> anyhow::Result<ExitCode> {
    let (edge, problems) = match load(&options.file, &options.reading.overrides("check", given)?) {
        Ok(loaded) => (Some(loaded.edge), loaded.remarks),
        Err(problems) => (None, problems.0),
    };
    let worst_allowed = if options.strict {
        Severity::Note
    } else {
        Severity::NotEnforced
    };
    let good = problems
        .iter()
        .all(|problem| problem.severity <= worst_allowed);
    if options.json {
        let list: Vec<serde_json::Value> = problems.iter().map(as_json).collect();
        said::print(&format!("{:#}\n", serde_json::Value::from(list)))?;
    } else {
        said::problems(&problems, Paint::for_stderr());
        eprintln!("{}", verdict(options, &problems, good));
        if let Some(cache) = edge.as_ref().and_then(said::cache) {
            eprintln!("{cache}");
        }
    }
    if let (true, Some(edge)) = (options.print, &edge) {
        said::print(&to_toml(edge))?;
    }
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// `tideover.toml: good; 1 warning, 2 notes`.
fn verdict(options: &Options, problems: &[Problem], good: bool) -> String {
    let counts: Vec<String> = [
        (Severity::Error, "error"),
        (Severity::NotEnforced, "protection NOT ENFORCED"),
        (Severity::Warning, "warning"),
        (Severity::Note, "note"),
    ]
    .into_iter()
    .filter_map(|(severity, noun)| {
        let number = problems
            .iter()
            .filter(|problem| problem.severity == severity)
            .count();
        (number > 0).then(|| match severity {
            Severity::NotEnforced => format!("{number} x {noun}"),
            Severity::Error | Severity::Warning | Severity::Note => counted(number as u64, noun),
        })
    })
    .collect();
    let word = match (good, options.strict) {
        (true, _) => "good",
        (false, true) => "not good enough for --strict",
        (false, false) => "does not load",
    };
    let file = options.file.display();
    if counts.is_empty() {
        format!("{file}: {word}")
    } else {
        format!("{file}: {word}; {}", counts.join(", "))
    }
}

fn as_json(problem: &Problem) -> serde_json::Value {
    let severity = match problem.severity {
        Severity::Error => "error",
        Severity::NotEnforced => "not-enforced",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    serde_json::json!({
        "severity": severity,
        "file": problem.file.to_string_lossy(),
        "line": (problem.line > 0).then_some(problem.line),
        "field": problem.field,
        "found": problem.found,
        "instead": problem.instead,
    })
}
