//! TOML, line by line.

use std::fmt::{Display, Write as _};
use std::path::Path;
use std::time::Duration;

use crate::compile::display_span;

/// A TOML text in the making.
#[derive(Default)]
pub(super) struct Lines(String);

impl Lines {
    pub(super) fn comment(&mut self, text: &str) {
        self.push(&format!("# {}", text.replace(char::is_control, " ")));
    }

    /// `[name]`, after an empty line.
    pub(super) fn header(&mut self, name: &str) {
        self.push(&format!("\n[{name}]"));
    }

    /// `[[name]]`, after an empty line.
    pub(super) fn item(&mut self, name: &str) {
        self.push(&format!("\n[[{name}]]"));
    }

    /// `value` is TOML already.
    pub(super) fn field(&mut self, name: &str, value: impl Display) {
        self.push(&format!("{name} = {value}"));
    }

    /// Nothing for `None`.
    pub(super) fn some(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.field(name, value);
        }
    }

    pub(super) fn finish(self) -> String {
        self.0
    }

    fn push(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }
}

/// A basic string, in which no variable is filled in.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.replace("${", "$${").chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => {
                write!(quoted, "\\u{:04X}", u32::from(c)).expect("a string takes every character");
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A name as part of a header or as a field.
pub(super) fn key(name: &str) -> String {
    let bare = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if bare {
        return name.to_owned();
    }
    // Names are taken as they stand: variables are filled in only in values.
    quoted(name).replace("$${", "${")
}

pub(super) fn span(span: Duration) -> String {
    quoted(&display_span(span))
}

/// A file's path that does not depend on where the printed config is kept.
pub(super) fn file(path: &Path) -> String {
    let absolute = std::path::absolute(path);
    quoted(&absolute.as_deref().unwrap_or(path).to_string_lossy())
}

pub(super) fn list(items: impl IntoIterator<Item = String>) -> String {
    let items: Vec<String> = items.into_iter().collect();
    format!("[{}]", items.join(", "))
}
