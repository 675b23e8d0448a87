//! Values of another kind than the field's, and how they would be written as one of the field's.

use ::toml::de::DeValue;

use super::table::Value;
use crate::problem::Problem;
use crate::written::Place;

/// What a field takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Integer,
    Flag,
    Span,
    /// A text, or a list of them.
    Texts,
    /// A list of texts.
    ListOfTexts,
    /// A list of integers.
    ListOfIntegers,
    /// `[NAME]`, or `{ … }`.
    Table,
    /// `[[NAME]]`.
    Tables,
    /// A list of what these words say.
    List(&'static str),
    /// What these words say.
    Other(&'static str),
}

/// The problem of `value` where a field takes `kind`. What may be a secret is not shown.
pub(super) fn wrong_kind(place: &Place, value: &Value<'_>, kind: Kind) -> Problem {
    let value = value.get_ref();
    place.error(found(value, kind), instead(value, kind))
}

fn found(value: &DeValue<'_>, kind: Kind) -> String {
    match value {
        // Whatever belongs in a table may be a secret.
        DeValue::String(_) if matches!(kind, Kind::Table | Kind::Tables) => "is a text",
        DeValue::String(text) => return format!("is {text:?}, a text"),
        DeValue::Integer(_) if integer(value).is_none() => "is an integer out of all bounds",
        DeValue::Integer(_) => "is an integer",
        DeValue::Float(_) => "is a number with a fraction",
        DeValue::Boolean(true) => "is true",
        DeValue::Boolean(false) => "is false",
        DeValue::Datetime(_) => "is a date or time",
        DeValue::Array(_) => "is a list",
        DeValue::Table(_) => "is a table",
    }
    .to_owned()
}

fn instead(value: &DeValue<'_>, kind: Kind) -> String {
    let text = value.as_str();
    match kind {
        Kind::Text | Kind::Texts if is_single(value) => "write it in double quotes".to_owned(),
        Kind::Text => "write one text in double quotes".to_owned(),
        Kind::Integer => match text.filter(|text| text.parse::<i64>().is_ok()) {
            Some(digits) => format!("write {digits}, without quotes"),
            None => "write an integer".to_owned(),
        },
        Kind::Flag => match text.filter(|text| matches!(*text, "true" | "false")) {
            Some(flag) => format!("write {flag}, without quotes"),
            None => "write true or false, without quotes".to_owned(),
        },
        Kind::Span => match integer(value) {
            Some(number) if number >= 0 => {
                format!(
                    "write the unit too, in quotes: \"{number}s\", \"{number}ms\" or \"{number}m\""
                )
            }
            Some(_) | None => "write a time such as \"10s\", \"100ms\" or \"2m\"".to_owned(),
        },
        Kind::Texts => "write a text in double quotes, or a list of such".to_owned(),
        Kind::ListOfTexts | Kind::List(_) if text.is_some() => {
            format!("write a list: [{:?}]", text.unwrap_or_default())
        }
        Kind::ListOfTexts => "write a list of texts: [\"…\", \"…\"]".to_owned(),
        Kind::ListOfIntegers => match integer(value) {
            Some(number) => format!("write a list: [{number}]"),
            None => "write a list of integers: [500, 503]".to_owned(),
        },
        Kind::Table => {
            "write a table: { NAME = VALUE, … }, or fields below a [header] of its own".to_owned()
        }
        Kind::Tables => "write it with double brackets, [[…]], once for each".to_owned(),
        Kind::List(what) => format!("write a list of {what}"),
        Kind::Other(what) => format!("write {what}"),
    }
}

/// True of what a pair of quotes would make a text of.
fn is_single(value: &DeValue<'_>) -> bool {
    match value {
        DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::String(_) => true,
        DeValue::Array(_) | DeValue::Table(_) => false,
    }
}

/// The number, if it is one of ours.
pub(super) fn integer(value: &DeValue<'_>) -> Option<i64> {
    let digits = value.as_integer()?;
    i64::from_str_radix(digits.as_str(), digits.radix()).ok()
}
