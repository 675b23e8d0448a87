//! The table that people and the CI read.

use std::process::ExitCode;

use crate::budget::{Budget, Verdict};

/// What was counted.
pub(crate) struct Count {
    /// Its name in the budget.
    pub(crate) name: String,
    /// For each request, or each idle viewer.
    pub(crate) each: f64,
}

/// How many times the instructions of the scenario `yardstick` those of `scenario` are, if both were counted.
pub(crate) fn ratio(counts: &[Count], scenario: &str, yardstick: &str) -> Option<Count> {
    let instructions = |scenario: &str| {
        let name = format!("{scenario}.instructions");
        let count = counts.iter().find(|count| count.name == name)?;
        Some(count.each)
    };
    Some(Count {
        name: format!("{scenario}.times-{yardstick}"),
        each: instructions(scenario)? / instructions(yardstick)?,
    })
}

/// Prints it, and what is to be done. Fails if one of the counts does.
pub(crate) fn judge(counts: &[Count], budget: &Budget) -> ExitCode {
    println!("{:<34} {:>9} {:>9}  verdict", "what", "budget", "counted");
    let mut verdicts = Vec::new();
    for Count { name, each } in counts {
        let allowance = budget.of(name);
        let verdict = Verdict::on(*each, allowance);
        let allowed =
            allowance.map_or_else(|| "-".to_owned(), |allowance| written(allowance.budget));
        println!("{name:<34} {allowed:>9} {:>9}  {verdict}", written(*each));
        verdicts.push(verdict);
    }
    for verdict in [Verdict::Grew, Verdict::Fell, Verdict::Unknown] {
        if verdicts.contains(&verdict) {
            println!("{verdict}: {}", verdict.remedy());
        }
    }
    if verdicts.iter().any(|verdict| verdict.fails()) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

/// With as many digits as say something.
fn written(count: f64) -> String {
    if count < 100.0 {
        format!("{count:.2}")
    } else {
        format!("{count:.0}")
    }
}
