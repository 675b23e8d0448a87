//! What is wrong with a config, said so that the operator can mend it.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::files::Unreadable;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

impl Problem {
    /// The problem of a file that could not be read at all.
    pub(crate) fn unreadable(file: &Path, why: &Unreadable) -> Self {
        let instead = match why {
            // Windows PowerShell writes UTF-16 by `>`.
            Unreadable::NotText => {
                "save it as UTF-8; in PowerShell: … | Out-File -Encoding utf8 FILE"
            }
            Unreadable::TooLarge => "name a tideover.toml, or the JSON of one distribution",
            Unreadable::NotAFile(_) => "name a file; - is standard input",
            Unreadable::Io(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                "let the user that this program runs as read it"
            }
            Unreadable::Io(error) if error.kind() == io::ErrorKind::IsADirectory => {
                "name the file in it"
            }
            Unreadable::Io(_) => "name a file that exists; - is standard input",
        };
        Self {
            severity: Severity::Error,
            file: file.to_owned(),
            line: 0,
            field: "this file".to_owned(),
            found: why.to_string(),
            instead: instead.to_owned(),
        }
    }

    /// True if it says that something is not there: so it does where the value is there and could not be read, which has
    /// a problem of its own then.
    pub(crate) fn is_of_absence(&self) -> bool {
        ["is missing", "is empty", "lacks "]
            .iter()
            .any(|words| self.found.starts_with(words))
    }
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

/// Warnings and notes that say the same of fields of one name are told once, of the first, with the number of the others.
/// What does not load and what is not enforced is told of every place.
pub(crate) fn told_once(problems: Vec<Problem>) -> Vec<Problem> {
    let mut told: Vec<(Problem, usize)> = Vec::new();
    let mut known = HashMap::new();
    for problem in problems {
        let key = (
            problem.severity,
            problem.file.clone(),
            last_name(&problem.field).to_owned(),
            problem.found.clone(),
            problem.instead.clone(),
        );
        let next = told.len();
        match known.get(&key) {
            Some(first) if problem.severity < Severity::NotEnforced => {
                let (_, others): &mut (_, usize) = &mut told[*first];
                *others += 1;
            }
            Some(_) | None => {
                known.insert(key, next);
                told.push((problem, 0));
            }
        }
    }
    told.into_iter()
        .map(|(problem, others)| {
            let places = match others {
                0 => return problem,
                1 => "one more place".to_owned(),
                _ => format!("{others} more places"),
            };
            Problem {
                found: format!("{}, here and in {places}", problem.found),
                ..problem
            }
        })
        .collect()
}

/// `Compress` of `CacheBehaviors.Items[3].Compress`, `Items` of `CacheBehaviors.Items[3]`.
fn last_name(field: &str) -> &str {
    let last = field.rsplit('.').next().unwrap_or(field);
    last.split('[').next().unwrap_or(last)
}

/// `1 origin`, `2 origins`: for messages.
pub fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// `a, b and c`, all of them.
pub(crate) fn enumerated(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// `a, b and c`, or of more than four `a, b, c and 3 more`.
pub(crate) fn listed(words: &[String]) -> String {
    const MOST: usize = 4;
    match words {
        [a, b, c, rest @ ..] if words.len() > MOST => {
            format!("{a}, {b}, {c} and {} more", rest.len())
        }
        all => enumerated(all),
    }
}

/// Every problem of a config that did not load, worst first, then by line; holds at least one error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Problems(pub Vec<Problem>);

#[cfg(test)]
mod tests {
    use super::Severity::{Error, NotEnforced, Note, Warning};
    use super::{Problem, told_once};

    #[test]
    fn what_is_said_again_is_counted_and_what_protects_is_said_of_every_place() {
        let problem = |severity, field: &str, found: &str| Problem {
            severity,
            file: "d.json".into(),
            line: 1,
            field: field.to_owned(),
            found: found.to_owned(),
            instead: String::new(),
        };
        let told = told_once(vec![
            problem(Error, "A.Items[0].Id", "is empty"),
            problem(Error, "A.Items[1].Id", "is empty"),
            problem(NotEnforced, "A.Items[0].Signers", "has 1"),
            problem(NotEnforced, "A.Items[1].Signers", "has 1"),
            problem(Warning, "Default.Compress", "is true"),
            problem(Warning, "A.Items[0].Compress", "is true"),
            problem(Warning, "A.Items[0].Other", "is true"),
            problem(Note, "A.Items[1].Compress", "is true"),
            problem(Warning, "A.Items[2].Compress", "is true"),
        ]);
        let told: Vec<String> = told
            .iter()
            .map(|one| format!("{} {}", one.field, one.found))
            .collect();
        assert_eq!(
            told,
            [
                "A.Items[0].Id is empty",
                "A.Items[1].Id is empty",
                "A.Items[0].Signers has 1",
                "A.Items[1].Signers has 1",
                "Default.Compress is true, here and in 2 more places",
                "A.Items[0].Other is true",
                "A.Items[1].Compress is true",
            ]
        );
    }
}
