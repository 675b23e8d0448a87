//! `${NAME}`, `${NAME:-default}` and `${NAME:?message}` inside of string values; `$${` is a plain `${`.

/// Why a text could not be filled in. It names variables, never their values.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unfilled {
    /// `${NAME}` of a variable that is not set.
    NotSet(String),
    /// `${NAME:?message}` of a variable that is not set or empty.
    Demanded { name: String, message: String },
    /// `${` without `}`, or without a name in it.
    Malformed,
}

/// A text without its variables.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Filled {
    pub(crate) text: String,
    /// False if there was none: the text may still have had a `$${`.
    pub(crate) had_variables: bool,
}

/// `text` with every variable filled in from `look_up`.
pub(crate) fn fill(
    text: &str,
    look_up: impl Fn(&str) -> Option<String>,
) -> Result<Filled, Unfilled> {
    let mut filled = String::with_capacity(text.len());
    let mut had_variables = false;
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        if rest[..start].ends_with('$') {
            filled.push_str(&rest[..start]);
            filled.push('{');
            rest = &rest[start + 2..];
            continue;
        }
        filled.push_str(&rest[..start]);
        let (inside, after) = rest[start + 2..]
            .split_once('}')
            .ok_or(Unfilled::Malformed)?;
        filled.push_str(&one(inside, &look_up)?);
        had_variables = true;
        rest = after;
    }
    filled.push_str(rest);
    Ok(Filled {
        text: filled,
        had_variables,
    })
}

fn one(inside: &str, look_up: impl Fn(&str) -> Option<String>) -> Result<String, Unfilled> {
    let end = inside
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(inside.len());
    let (name, rule) = inside.split_at(end);
    if name.is_empty() {
        return Err(Unfilled::Malformed);
    }
    let value = look_up(name);
    // As in a shell, the colon makes an empty variable count as one that is not set.
    if let Some(default) = rule.strip_prefix(":-") {
        Ok(value
            .filter(|value| !value.is_empty())
            .unwrap_or_else(|| default.to_owned()))
    } else if let Some(message) = rule.strip_prefix(":?") {
        value
            .filter(|value| !value.is_empty())
            .ok_or_else(|| Unfilled::Demanded {
                name: name.to_owned(),
                message: message.to_owned(),
            })
    } else if rule.is_empty() {
        value.ok_or_else(|| Unfilled::NotSet(name.to_owned()))
    } else {
        Err(Unfilled::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::{Filled, Unfilled, fill};

    #[test]
    fn variables_are_filled_in_as_in_a_shell() {
        let look_up = |name: &str| match name {
            "HOST" => Some("vm.example".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        for (text, expected) in [
            ("no variable", Ok("no variable")),
            ("a $ sign", Ok("a $ sign")),
            ("http://${HOST}:80", Ok("http://vm.example:80")),
            ("${HOST}${HOST}", Ok("vm.examplevm.example")),
            ("[${EMPTY}]", Ok("[]")),
            ("${EMPTY:-x}", Ok("x")),
            ("${PORT:-8080}", Ok("8080")),
            ("${PORT:-}", Ok("")),
            ("$${HOST}", Ok("${HOST}")),
            ("${PORT}", Err(Unfilled::NotSet("PORT".to_owned()))),
            (
                "${EMPTY:?say where}",
                Err(Unfilled::Demanded {
                    name: "EMPTY".to_owned(),
                    message: "say where".to_owned(),
                }),
            ),
            ("${HOST", Err(Unfilled::Malformed)),
            ("${}", Err(Unfilled::Malformed)),
            ("${HOST-x}", Err(Unfilled::Malformed)),
        ] {
            let had_variables = text.replace("$${", "").contains("${");
            let expected = expected.map(|text: &str| Filled {
                text: text.to_owned(),
                had_variables,
            });
            assert_eq!(fill(text, look_up), expected, "{text}");
        }
    }
}
