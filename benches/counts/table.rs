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
    let mut advice = String::new();
    let mut fails = false;
    for Count { name, each } in counts {
        let allowance = budget.of(name);
        let verdict = Verdict::on(*each, allowance);
        fails |= verdict.fails();
        let allowed =
            allowance.map_or_else(|| "-".to_owned(), |allowance| written(allowance.budget));
        let counted = written(*each);
        println!("{name:<34} {allowed:>9} {counted:>9}  {verdict}");
        match verdict {
            Verdict::Holds => {}
            Verdict::Grew => {
                advice += &format!(
                    "{name} grew: make it cheaper, or raise its budget to {counted} in the same commit, with the reason as its `why`\n"
                )
            }
            Verdict::Fell => {
                advice += &format!(
                    "{name} fell: lower its budget to {counted}, so that it cannot grow back unseen\n"
                )
            }
            Verdict::Unknown => {
                advice += &format!(
                    "{name} has no budget: give it {counted} in benches/budget.toml, and say why\n"
                )
            }
        }
    }
    print!("{advice}");
    if fails {
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
