//! Text that is not TOML: one problem for each line that is broken, and what people mostly meant to write there.

use ::toml::de::Error;

use super::table::Source;
use crate::problem::Problem;
use crate::written::Place;

/// The problems of `errors`, the first of each line: what follows on the same line follows from it.
pub(super) fn problems(source: &Source, text: &str, errors: &[Error]) -> Vec<Problem> {
    let mut problems: Vec<Problem> = Vec::new();
    let mut errors: Vec<_> = errors
        .iter()
        .map(|error| (error.span().unwrap_or(0..0), error.message()))
        .collect();
    errors.sort_by_key(|(span, _)| span.start);
    for (span, message) in errors {
        let line = source.line(span.start);
        // Past a bracket that is not closed, everything looks broken.
        if problems
            .last()
            .is_some_and(|last| is_open_end(&last.found) && last.line != line)
        {
            break;
        }
        if problems.last().is_none_or(|last| last.line != line) {
            let at = text.get(span).unwrap_or("");
            let place = Place::new(&source.file, line, "this line");
            problems.push(problem(&place, message, at));
        }
    }
    problems
}

/// True of errors inside of brackets.
fn is_open_end(message: &str) -> bool {
    ["array", "inline table", "comma between"]
        .iter()
        .any(|words| message.contains(words))
}

fn problem(place: &Place, message: &str, at: &str) -> Problem {
    if message.contains("duplicate key") {
        return place.error(
            format!("has {at:?} a second time"),
            "write each field once in its table, and each [table] once; only [[tables]] in double brackets make a list",
        );
    }
    let message = message.replace('\n', ", ");
    place.error(format!("is not TOML: {message}"), remedy(&message, at))
}

fn remedy(message: &str, at: &str) -> &'static str {
    let says = |words: &[&str]| words.iter().any(|words| message.contains(words));
    if says(&["must be quoted"]) {
        if at.trim().is_empty() {
            "write a value after the =: text in double quotes, numbers, true and false without, lists in [ ]"
        } else {
            "put the value in double quotes; in a list put a comma between values"
        }
    } else if says(&["with no value"]) {
        "write NAME = VALUE; a comment begins with #, a table is [NAME]"
    } else if says(&["escaped value", "unicode value digits"]) {
        "write \\\\ for a backslash, or put the text in single quotes"
    } else if says(&["string"]) {
        "end the text with the quote that it begins with, on the same line"
    } else if says(&["unquoted key"]) && at == ":" {
        "write = between a name and its value, and the value in double quotes if it is text"
    } else if says(&["unquoted key"]) {
        "put a name that has more than letters, digits, - and _ in double quotes"
    } else if says(&["boolean"]) {
        "write true or false, in small letters"
    } else if is_open_end(message) {
        "close what is open here or on a line before: lists end with ], tables within a line with }, and a comma stands between two values"
    } else if says(&["table"]) {
        "write the name of a table in brackets, [NAME], and nothing else on its line; tables of a list in [[NAME]]"
    } else if says(&["dotted key"]) {
        "a field is either a value or a table: write it in one of the two ways"
    } else if says(&["unexpected key or value"]) {
        "write one field a line"
    } else if says(&["zero", "sign", "radix", "digits", "number"]) {
        "write a plain number such as 8, or text in double quotes"
    } else {
        "look at the quotes, brackets and commas of this line and the one before"
    }
}
