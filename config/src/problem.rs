//! What is wrong with a config, said so that the operator can mend it.

use std::fmt;
use std::path::PathBuf;

/// One thing to say about a config: where, what was found, what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// The file; `-` for standard input, `command line` for flags.
    pub file: PathBuf,
    /// Line of the value, counted from 1; 0 where there is none (a flag).
    pub line: u32,
    /// The field in the file's own notation: `origin_group.api.fail_over_on`, `Origins.Items[1].OriginPath`.
    pub field: String,
    /// What was found, as a clause that follows the field: `has 200`, `is "ap"`.
    pub found: String,
    /// What to write instead, or what follows from leaving it: a clause that can follow `; `.
    pub instead: String,
}

/// How bad a [`Problem`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; `--strict` does not count it.
    Note,
    /// Probably a mistake, or a field that is not honoured yet; counts with `--strict`.
    Warning,
    /// Protects content and is not enforced: served on loopback only, unless `--allow-unenforced`.
    NotEnforced,
    /// The config does not load.
    Error,
}

impl fmt::Display for Problem {
    /// `tideover.toml:14: origin_group.api.fail_over_on has 200; write one or more of 400, …`; severities below error
    /// stand in front of the field: `warning: `, `note: `, `NOT ENFORCED: `.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        let label = match self.severity {
            Severity::Error => "",
            Severity::NotEnforced => "NOT ENFORCED: ",
            Severity::Warning => "warning: ",
            Severity::Note => "note: ",
        };
        write!(f, ": {label}{}", self.field)?;
        if !self.found.is_empty() {
            // What is wrong with the whole has no field.
            let space = if self.field.is_empty() { "" } else { " " };
            write!(f, "{space}{}", self.found)?;
        }
        if !self.instead.is_empty() {
            write!(f, "; {}", self.instead)?;
        }
        Ok(())
    }
}

/// Every problem of a config that did not load, worst first, then by line; holds at least one error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Problems(pub Vec<Problem>);
