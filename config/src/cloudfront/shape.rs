//! Names, types and counts: a tree against the table of [`fields`](crate::fields()). One pass reports everything, so that
//! [`read`](super::read) can be silent.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::spot::Spot;
use crate::fields::{Fate, Field, Kind, fields};
use crate::json::{Number, Value};
use crate::problem::{Problem, Severity};
use crate::spelling::nearest;
use crate::toml::variables::Unfilled;

/// The rows below each path: `Origins.Items[]` has `Id`, `DomainName` and so on.
static BELOW: LazyLock<HashMap<&str, Vec<&Field>>> = LazyLock::new(|| {
    let mut below: HashMap<&str, Vec<&Field>> = HashMap::new();
    for field in fields() {
        below.entry(split(field.path).0).or_default().push(field);
    }
    below
});

/// `Origins.Items[]` and `Id`.
fn split(path: &'static str) -> (&'static str, &'static str) {
    path.rsplit_once('.').unwrap_or(("", path))
}

/// The rows of the object at `path`; the root of a `DistributionConfig` is `""`.
pub(crate) fn below(path: &str) -> &'static [&'static Field] {
    BELOW.get(path).map_or(&[], Vec::as_slice)
}

/// The last part of a row's path.
pub(crate) fn name(field: &Field) -> &'static str {
    split(field.path).1
}

/// Where the fields of a list's elements stand in the table.
pub(crate) fn elements_path(field: &Field) -> String {
    match field.kind {
        Kind::BareObjects => format!("{}[]", field.path),
        Kind::Text
        | Kind::Flag
        | Kind::Number
        | Kind::Decimal
        | Kind::Object
        | Kind::Texts
        | Kind::Numbers
        | Kind::Objects => format!("{}.Items[]", field.path),
    }
}

/// Reports what `spot` has in the wrong name, type or count, and what it lacks; `path` is its place in the table.
pub(crate) fn check(spot: &Spot<'_>, path: &str, problems: &mut Vec<Problem>) {
    if !matches!(spot.node.value, Value::Object(_)) {
        problems.push(wrong_kind(spot, "write an object: { … }"));
        return;
    }
    let rows = below(path);
    check_names(spot, rows, &[], problems);
    check_rows(spot, rows, problems);
}

fn check_rows(spot: &Spot<'_>, rows: &[&Field], problems: &mut Vec<Problem>) {
    for row in rows {
        match spot.get(name(row)) {
            Some(value) => check_value(&value, row, problems),
            None if row.required => problems.push(spot.problem_with(
                name(row),
                Severity::Error,
                "is missing",
                format!("write {} ({})", example(row.kind), row.says),
            )),
            None => {}
        }
    }
}

fn example(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "a text",
        Kind::Flag => "true or false",
        Kind::Number | Kind::Decimal => "a number",
        Kind::Object => "an object",
        Kind::Texts | Kind::Numbers | Kind::Objects => "{ \"Quantity\": n, \"Items\": [ … ] }",
        Kind::BareObjects => "a list",
    }
}

/// Every key must be a row's name, or one of `also`.
fn check_names(spot: &Spot<'_>, rows: &[&Field], also: &[&str], problems: &mut Vec<Problem>) {
    let known = || rows.iter().map(|row| name(row)).chain(also.iter().copied());
    for member in spot.node.members() {
        let key = member.key.as_str();
        if known().any(|known| known == key) {
            continue;
        }
        let mut place = spot.place();
        place.line = member.line;
        place.field = crate::json::join(&place.field, key);
        if let Some(right) = known().find(|known| known.eq_ignore_ascii_case(key)) {
            problems.push(place.error("is in the wrong letter case", format!("write {right}")));
            continue;
        }
        problems.push(place.warning(
            "is not a field that CloudFront has here, as far as is known",
            {
                match (nearest(key, known()), home(key)) {
                    (Some(near), _) => format!("it is ignored; perhaps {near} was meant"),
                    (None, Some(home)) => format!("it is ignored; it belongs into {home}"),
                    (None, None) => "it is ignored".to_owned(),
                }
            },
        ));
    }
}

/// Where a field of this name stands, if it is a field of another object.
fn home(key: &str) -> Option<&'static str> {
    fields()
        .iter()
        .find(|field| name(field) == key && field.path != key)
        .map(|field| split(field.path).0)
}

fn check_value(spot: &Spot<'_>, row: &Field, problems: &mut Vec<Problem>) {
    match (row.kind, &spot.node.value) {
        (Kind::Text, Value::Text(text)) => {
            // Headers may be empty; a name, an id or a host may not.
            if text.is_empty() && row.required && !name(row).ends_with("Value") {
                problems.push(spot.problem(
                    Severity::Error,
                    "is empty",
                    format!("write {}", row.says),
                ));
            }
            check_word(spot, row, problems);
            check_size(spot, text.chars().count(), "characters", row, problems);
            check_variables(spot, row, problems);
        }
        (Kind::Number, Value::Number(Number::Whole(number))) => {
            if let Some(most) = row.most
                && usize::try_from(*number).is_ok_and(|number| number > most)
            {
                problems.push(spot.problem(
                    Severity::Warning,
                    format!("is {number}"),
                    format!("CloudFront takes {most} at most, unless AWS has raised a quota"),
                ));
            }
        }
        (Kind::Flag, Value::Bool(_)) | (Kind::Decimal, Value::Number(_)) => {}
        (Kind::Object, Value::Object(_)) => check(spot, row.path, problems),
        (Kind::BareObjects, Value::List(_)) => {
            for element in spot.elements() {
                check(&element, &elements_path(row), problems);
            }
        }
        (Kind::Texts | Kind::Numbers | Kind::Objects, Value::Object(_)) => {
            check_list(spot, row, problems);
        }
        (Kind::Texts | Kind::Numbers | Kind::Objects, Value::List(_)) => {
            let count = spot.node.elements().len();
            problems.push(spot.problem(
                Severity::Error,
                "is a plain list, as CloudFormation writes it",
                format!("write {{ \"Quantity\": {count}, \"Items\": [ … ] }}"),
            ));
            for element in spot.elements() {
                check_element(&element, row, problems);
            }
        }
        (kind, _) => problems.push(wrong_kind(spot, &instead(spot, kind, name(row)))),
    }
}

/// `{"Quantity": n, "Items": [..]}`, and what else the row has.
fn check_list(spot: &Spot<'_>, row: &Field, problems: &mut Vec<Problem>) {
    let rows = below(row.path);
    check_names(spot, rows, &["Quantity", "Items"], problems);
    check_rows(spot, rows, problems);
    let items = spot.get("Items");
    if let Some(items) = &items
        && !matches!(items.node.value, Value::List(_))
    {
        problems.push(wrong_kind(items, "write a list: [ … ]"));
        return;
    }
    let elements = spot.items();
    for element in &elements {
        check_element(element, row, problems);
    }
    let count = elements.len();
    check_size(spot, count, "items", row, problems);
    match spot.get("Quantity") {
        None => problems.push(spot.problem_with(
            "Quantity",
            Severity::Error,
            "is missing",
            format!("write \"Quantity\": {count}"),
        )),
        Some(quantity) => match quantity.node.value {
            Value::Number(Number::Whole(number)) if usize::try_from(number) == Ok(count) => {}
            Value::Number(Number::Whole(number)) => {
                let found = if items.is_none() {
                    format!("is {number}, and there are no Items")
                } else {
                    format!("is {number}, and Items has {count}")
                };
                problems.push(quantity.problem(
                    Severity::Error,
                    found,
                    format!("write {count}; CloudFront answers InconsistentQuantities"),
                ));
            }
            Value::Null
            | Value::Bool(_)
            | Value::Number(Number::Decimal(_))
            | Value::Text(_)
            | Value::List(_)
            | Value::Object(_) => {
                problems.push(wrong_kind(&quantity, &format!("write {count}")));
            }
        },
    }
    if count == 0 && row.required {
        problems.push(spot.problem(
            Severity::Error,
            "is empty",
            format!("write at least one: {}", row.says),
        ));
    }
}

fn check_element(spot: &Spot<'_>, row: &Field, problems: &mut Vec<Problem>) {
    match (row.kind, &spot.node.value) {
        (Kind::Texts, Value::Text(_)) => {
            check_word(spot, row, problems);
            check_variables(spot, row, problems);
        }
        (Kind::Numbers, Value::Number(Number::Whole(_))) => {}
        (Kind::Texts, _) => problems.push(wrong_kind(spot, &instead(spot, Kind::Text, ""))),
        (Kind::Numbers, _) => problems.push(wrong_kind(spot, &instead(spot, Kind::Number, ""))),
        _ => check(spot, &elements_path(row), problems),
    }
}

/// A word that is not known is an error where it would have to be obeyed.
fn check_word(spot: &Spot<'_>, row: &Field, problems: &mut Vec<Problem>) {
    let text = spot.as_text().map_or_else(String::new, |text| text.value);
    if text.is_empty() || row.words.is_empty() || row.words.contains(&text.as_str()) {
        return;
    }
    let meant = nearest(&text, row.words.iter().copied())
        .map_or_else(String::new, |meant| format!(", perhaps {meant:?}"));
    let (severity, found) = match row.fate {
        Fate::Honoured => (Severity::Error, format!("is {}", spot.shown())),
        Fate::Meaningless | Fate::NotYet | Fate::NotEnforced => (
            Severity::Warning,
            format!(
                "is {}, which is not a value that CloudFront has here, as far as is known",
                spot.shown()
            ),
        ),
    };
    let known: Vec<String> = row.words.iter().map(|word| format!("{word:?}")).collect();
    problems.push(spot.problem(
        severity,
        found,
        format!("write one of {}{meant}", known.join(", ")),
    ));
}

/// What AWS printed may hold a `${` that is none of ours: it is taken as it stands, and that is said.
fn check_variables(spot: &Spot<'_>, row: &Field, problems: &mut Vec<Problem>) {
    let Err(unfilled) = spot.filled() else {
        return;
    };
    match unfilled {
        Unfilled::Demanded { name, message } => problems.push(spot.problem(
            Severity::Error,
            format!("needs the environment variable {name}, which is not set or empty"),
            message,
        )),
        // It says nothing anyway.
        _ if row.fate == Fate::Meaningless => {}
        Unfilled::NotSet(name) => problems.push(spot.problem(
            Severity::Warning,
            format!("names the environment variable {name}, which is not set"),
            "the text is taken as it stands; set it if it is meant",
        )),
        Unfilled::Malformed => problems.push(spot.problem(
            Severity::Warning,
            "has a \"${\" that is not one of ${NAME}, ${NAME:-default} and ${NAME:?message}",
            "the text is taken as it stands",
        )),
    }
}

/// What exceeds a quota does no harm here, and the quota may have been raised.
fn check_size(spot: &Spot<'_>, size: usize, of: &str, row: &Field, problems: &mut Vec<Problem>) {
    if let Some(most) = row.most.filter(|most| size > *most) {
        problems.push(spot.problem(
            Severity::Warning,
            format!("has {size} {of}"),
            format!("CloudFront takes {most} at most, unless AWS has raised a quota"),
        ));
    }
}

fn wrong_kind(spot: &Spot<'_>, instead: &str) -> Problem {
    // What stands in a header may be a secret.
    let found = if spot.field.ends_with("Value") {
        spot.node.kind().to_owned()
    } else {
        spot.shown()
    };
    spot.problem(Severity::Error, format!("is {found}"), instead)
}

/// What to write in place of a value of the wrong type: if it is only the quotes, then the same value.
fn instead(spot: &Spot<'_>, kind: Kind, name: &str) -> String {
    match (kind, &spot.node.value) {
        (Kind::Number | Kind::Decimal, Value::Text(text)) if text.parse::<i64>().is_ok() => {
            format!("write {text}, without quotes")
        }
        (Kind::Flag, Value::Text(text)) if matches!(text.as_str(), "true" | "false") => {
            format!("write {text}, without quotes")
        }
        (Kind::Text, Value::Number(_) | Value::Bool(_)) if !name.ends_with("Value") => {
            format!("write \"{}\", in quotes", spot.shown())
        }
        (Kind::Text, _) => "write a text in quotes".to_owned(),
        (Kind::Flag, _) => "write true or false".to_owned(),
        (Kind::Number, _) => "write a whole number".to_owned(),
        (kind, _) => format!("write {}", example(kind)),
    }
}
