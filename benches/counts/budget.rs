//! What each count may come to, as `benches/budget.toml` has it, and the verdict on what it came to.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context, ensure};
use toml::de::{DeTable, DeValue};

/// A count may move by this share of its budget, unless the budget says otherwise.
const WITHIN: f64 = 0.03;

/// The part of the budget that is not counted here: only the crate `tideover` sees how large its values are, and its unit
/// tests hold them.
const SIZES: &str = "sizes";

/// What one count may come to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Allowance {
    pub(crate) budget: f64,
    /// By which share of it the count may move.
    within: f64,
}

/// The allowances by the names of their counts, such as `host-only.instructions`.
#[derive(Debug)]
pub(crate) struct Budget(BTreeMap<String, Allowance>);

impl Budget {
    /// Reads the file's text: tables of counts, each with its `budget`, `why` it is that, and perhaps `within`.
    pub(crate) fn read(text: &str) -> anyhow::Result<Self> {
        let file = DeTable::parse(text).map_err(|error| anyhow::anyhow!("{error}"))?;
        let mut allowances = BTreeMap::new();
        for (part, counts) in file.get_ref() {
            let counts = counts.get_ref().as_table();
            for (count, allowance) in
                counts.with_context(|| format!("{} is no table", part.get_ref()))?
            {
                let name = format!("{}.{}", part.get_ref(), count.get_ref());
                let allowance = allowance.get_ref().as_table().and_then(allowance_of);
                let allowance = allowance
                    .with_context(|| format!("{name} needs a budget above 0 and a sentence why"))?;
                allowances.insert(name, allowance);
            }
        }
        ensure!(!allowances.is_empty(), "the budget is empty");
        Ok(Self(allowances))
    }

    /// What `name` may come to, if it is counted here at all.
    pub(crate) fn of(&self, name: &str) -> Option<Allowance> {
        self.0.get(name).copied()
    }

    /// The first that is of none of these scenarios.
    pub(crate) fn stray(&self, scenarios: &[&str]) -> Option<&str> {
        self.0.keys().map(String::as_str).find(|name| {
            let scenario = name.split('.').next();
            scenario.is_none_or(|scenario| scenario != SIZES && !scenarios.contains(&scenario))
        })
    }
}

fn allowance_of(table: &DeTable<'_>) -> Option<Allowance> {
    let budget = number(table.get("budget")?.get_ref())?;
    let within = match table.get("within") {
        Some(within) => number(within.get_ref())?,
        None => WITHIN,
    };
    let says_why = table.get("why")?.get_ref().as_str()?.contains(' ');
    (budget > 0.0 && says_why).then_some(Allowance { budget, within })
}

fn number(value: &DeValue<'_>) -> Option<f64> {
    let digits = value
        .as_integer()
        .map(toml::de::DeInteger::as_str)
        .or_else(|| value.as_float().map(toml::de::DeFloat::as_str))?;
    digits.parse().ok()
}

/// What is to be said of a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Holds,
    /// More than its budget allows.
    Grew,
    /// So far below that its budget would not notice the next growth.
    Fell,
    /// It has no budget.
    Unknown,
}

impl Verdict {
    pub(crate) fn on(counted: f64, allowance: Option<Allowance>) -> Self {
        match allowance {
            None => Self::Unknown,
            Some(Allowance { budget, within }) => {
                if counted > budget * (1.0 + within) {
                    Self::Grew
                } else if counted < budget * (1.0 - within) {
                    Self::Fell
                } else {
                    Self::Holds
                }
            }
        }
    }

    /// What is to be done.
    pub(crate) fn remedy(self) -> &'static str {
        match self {
            Self::Holds => "nothing",
            Self::Grew => {
                "make it cheaper, or raise its budget in benches/budget.toml in the same commit and say in its `why` what \
                 the growth buys"
            }
            Self::Fell => {
                "lower its budget in benches/budget.toml to this, so that it cannot grow back unseen"
            }
            Self::Unknown => "give it one in benches/budget.toml, and say why it is that",
        }
    }

    /// Whether the gate stays shut.
    pub(crate) fn fails(self) -> bool {
        matches!(self, Self::Grew | Self::Unknown)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Holds => "holds",
            Self::Grew => "GREW",
            Self::Fell => "fell",
            Self::Unknown => "NO BUDGET",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_may_move_by_three_in_a_hundred_unless_its_budget_says_otherwise() {
        let budget = Budget::read(
            "[bare]\n\
             instructions = { budget = 1_000, why = \"first count\" }\n\
             bytes = { budget = 10.0, within = 0.5, why = \"a noisy one\" }\n",
        )
        .expect("it is good");
        for (name, counted, verdict) in [
            ("bare.instructions", 1030.0, Verdict::Holds),
            ("bare.instructions", 1031.0, Verdict::Grew),
            ("bare.instructions", 970.0, Verdict::Holds),
            ("bare.instructions", 969.0, Verdict::Fell),
            ("bare.bytes", 15.0, Verdict::Holds),
            ("bare.bytes", 15.1, Verdict::Grew),
            ("bare.calls", 1.0, Verdict::Unknown),
        ] {
            let found = Verdict::on(counted, budget.of(name));
            assert_eq!(found, verdict, "{name} at {counted}");
        }
    }

    #[test]
    fn a_budget_says_a_number_and_why() {
        for wrong in [
            "",
            "bare = 1",
            "[bare]\ninstructions = { budget = 1_000 }",
            "[bare]\ninstructions = { budget = 1_000, why = \"\" }",
            "[bare]\ninstructions = { budget = 0, why = \"it is nothing\" }",
            "[bare]\ninstructions = { why = \"it is nothing\" }",
        ] {
            assert!(Budget::read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_budget_of_a_scenario_that_is_no_more_is_seen() {
        let text = "[bare]\na = { budget = 1, why = \"one it is\" }\n[sizes]\nb = { budget = 1, why = \"one it is\" }";
        let budget = Budget::read(text).expect("it is good");
        assert_eq!(budget.stray(&["bare"]), None);
        assert_eq!(budget.stray(&["host-only"]), Some("bare.a"));
    }
}
