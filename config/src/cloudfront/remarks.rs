//! What of a config is not honoured: the fates of the table of [`fields`](crate::fields()), told about one file.

use super::shape::{below, elements_path, name};
use super::spot::Spot;
use crate::fields::{Fate, Field, Kind, Remark};
use crate::json::Value;
use crate::problem::{Problem, Severity, counted, enumerated, listed};
use crate::written::Place;

/// What was found so far.
#[derive(Debug, Default)]
pub(crate) struct Remarks {
    found: Vec<Problem>,
    /// What is set and says nothing to an edge that stands alone.
    meaningless: Vec<(&'static str, Place)>,
}

impl Remarks {
    /// Looks through an object; `path` is its place in the table.
    pub(crate) fn look(&mut self, spot: &Spot<'_>, path: &str) {
        for row in below(path) {
            if let Some(value) = spot.get(name(row)) {
                self.look_at(&value, row);
            }
        }
    }

    fn look_at(&mut self, spot: &Spot<'_>, row: &'static Field) {
        let holds_one_thing = row.kind == Kind::Object
            && below(row.path).len() == 1
            && below(row.path).iter().all(|row| !is_scalar(row.kind));
        if row.fate == Fate::Honoured || holds_one_thing {
            match row.kind {
                Kind::Object | Kind::Texts | Kind::Numbers => self.look(spot, row.path),
                Kind::Objects | Kind::BareObjects => {
                    for element in spot.items() {
                        self.look(&element, &elements_path(row));
                    }
                }
                Kind::Text | Kind::Flag | Kind::Number | Kind::Decimal => {}
            }
        } else {
            if is_set(spot, row) {
                self.remark(spot, row);
            }
            if row.fate != Fate::Meaningless && row.kind == Kind::Object {
                self.look_for_meaningless(spot, row);
            }
        }
    }

    /// What is meaningless inside of what is not honoured.
    fn look_for_meaningless(&mut self, spot: &Spot<'_>, row: &Field) {
        for inner in below(row.path) {
            if inner.fate == Fate::Meaningless
                && let Some(value) = spot.get(name(inner))
                && is_set(&value, inner)
            {
                self.remark(&value, inner);
            }
        }
    }

    fn remark(&mut self, spot: &Spot<'_>, row: &'static Field) {
        let by_fate = match row.fate {
            Fate::NotEnforced => Some(Severity::NotEnforced),
            Fate::NotYet => Some(Severity::Warning),
            Fate::Meaningless | Fate::Honoured => None,
        };
        let severity = match row.remark {
            Remark::Note => Some(Severity::Note),
            Remark::NoteFor(values) if is_one_of(spot, values) => Some(Severity::Note),
            // That was said already.
            _ if row.fate == Fate::NotYet && !is_known_word(spot, row) => return,
            Remark::ByEvent if !runs_at_a_request(spot) => Some(Severity::Warning),
            Remark::NoteFor(_) | Remark::ByFate | Remark::ByEvent => by_fate,
        };
        let Some(severity) = severity else {
            return self.meaningless.push((name(row), spot.place()));
        };
        let found = what_is_set(spot, row);
        let instead = match row.fate {
            Fate::NotYet => format!("not honoured yet: {}", row.says),
            Fate::Honoured | Fate::Meaningless | Fate::NotEnforced => row.says.to_owned(),
        };
        self.found.push(spot.problem(severity, found, instead));
    }

    /// Everything, with one note for all that is meaningless.
    pub(crate) fn tell(mut self, problems: &mut Vec<Problem>) {
        problems.append(&mut self.found);
        if let Some((_, first)) = self.meaningless.first() {
            let mut names: Vec<String> = Vec::new();
            for (name, _) in &self.meaningless {
                if !names.iter().any(|known| known == name) {
                    names.push((*name).to_owned());
                }
            }
            let others = match names.get(1..) {
                None | Some([]) => String::new(),
                Some([one]) => format!(", as does {one}"),
                Some(others) => format!(", as do {}", enumerated(others)),
            };
            problems.push(first.note(
                format!("says nothing to an edge that stands alone{others}"),
                "`tideover fields` tells why of each",
            ));
        }
    }
}

/// True if one of these associations runs when a request comes in, or when it cannot be told.
fn runs_at_a_request(spot: &Spot<'_>) -> bool {
    spot.items().iter().any(|item| {
        item.text("EventType")
            .is_none_or(|event| !event.value.ends_with("-response"))
    })
}

fn is_scalar(kind: Kind) -> bool {
    match kind {
        Kind::Text | Kind::Flag | Kind::Number | Kind::Decimal => true,
        Kind::Object | Kind::Texts | Kind::Numbers | Kind::Objects | Kind::BareObjects => false,
    }
}

fn is_one_of(spot: &Spot<'_>, values: &[&str]) -> bool {
    let shown = spot.shown();
    let value = spot.node.text().unwrap_or(&shown);
    values.contains(&value)
}

fn is_known_word(spot: &Spot<'_>, row: &Field) -> bool {
    row.words.is_empty() || is_one_of(spot, row.words)
}

/// Whether a value says something else than leaving it out would.
fn is_set(spot: &Spot<'_>, row: &Field) -> bool {
    match &spot.node.value {
        Value::Null | Value::Bool(false) => false,
        Value::Text(text) => !text.is_empty() && !is_one_of(spot, row.unset),
        Value::Bool(true) | Value::Number(_) => !is_one_of(spot, row.unset),
        Value::List(elements) => !elements.is_empty(),
        Value::Object(_) => {
            let off = spot.flag("Enabled").is_some_and(|enabled| !enabled.value);
            !spot.items().is_empty() || (!off && !set_below(spot, row).is_empty())
        }
    }
}

/// The rows below an object that are set and matter: their names, and those of what is inside them.
fn set_below(spot: &Spot<'_>, row: &Field) -> Vec<String> {
    let mut names = Vec::new();
    for inner in below(row.path) {
        let matters = inner.fate != Fate::Meaningless || row.fate == Fate::Meaningless;
        let Some(value) = spot.get(name(inner)).filter(|_| matters) else {
            continue;
        };
        if !is_set(&value, inner) {
            continue;
        }
        let deeper = match inner.kind {
            Kind::Object => set_below(&value, inner),
            Kind::Text
            | Kind::Flag
            | Kind::Number
            | Kind::Decimal
            | Kind::Texts
            | Kind::Numbers
            | Kind::Objects
            | Kind::BareObjects => Vec::new(),
        };
        if deeper.is_empty() {
            names.push(match value.node.text() {
                Some(_) => format!("{} {}", name(inner), value.shown()),
                None => name(inner).to_owned(),
            });
        }
        names.extend(
            deeper
                .into_iter()
                .map(|deep| format!("{}.{deep}", name(inner))),
        );
    }
    names
}

/// What of a field is set, as a clause.
fn what_is_set(spot: &Spot<'_>, row: &Field) -> String {
    match (&spot.node.value, row.kind) {
        (Value::Object(_) | Value::List(_), Kind::Objects | Kind::BareObjects) => {
            let items = spot.items();
            let functions: Vec<String> = items.iter().filter_map(function).collect();
            if functions.is_empty() {
                format!("has {}", counted(items.len() as u64, "item"))
            } else {
                format!("runs {}", listed(&functions))
            }
        }
        (Value::Object(_), _) => {
            let mut parts = set_below(spot, row);
            let items = spot.items();
            // That a list counts goes without saying where it has something in it.
            parts.retain(|part| part != "Enabled" || items.is_empty());
            parts.extend(items.iter().map(Spot::shown));
            if parts.is_empty() {
                return "has something".to_owned();
            }
            format!("has {}", listed(&parts))
        }
        _ => format!("is {}", spot.shown()),
    }
}

/// `function/auth at viewer-request`: what an association runs, and when.
fn function(spot: &Spot<'_>) -> Option<String> {
    let arn = spot
        .text("FunctionARN")
        .or_else(|| spot.text("LambdaFunctionARN"))?
        .value;
    let name = match arn.split_once(":function") {
        Some((_, name)) => format!("function {}", name.trim_start_matches([':', '/'])),
        None => arn,
    };
    let event = spot.text("EventType")?.value;
    Some(format!("{name} at {event}"))
}
