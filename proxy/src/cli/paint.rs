//! Colour, on a terminal only, and columns that line up.

use std::io::IsTerminal;

/// False if the user asked for no colour (<https://no-color.org>).
pub(super) fn colour_is_welcome() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Colours text, or leaves it alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paint {
    on: bool,
}

impl Paint {
    /// For standard output.
    pub(super) fn for_stdout() -> Self {
        Self {
            on: std::io::stdout().is_terminal() && colour_is_welcome(),
        }
    }

    /// Without colour.
    #[cfg(test)]
    pub(super) fn none() -> Self {
        Self { on: false }
    }

    /// What empties a screen, where there is one.
    pub(super) fn fresh_screen(self) -> &'static str {
        if self.on { "\x1b[2J\x1b[H" } else { "" }
    }

    /// For standard error.
    pub(super) fn for_stderr() -> Self {
        Self {
            on: std::io::stderr().is_terminal() && colour_is_welcome(),
        }
    }

    fn wrapped(self, code: &str, text: &str) -> String {
        if self.on {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    pub(super) fn bold(self, text: &str) -> String {
        self.wrapped("1", text)
    }

    pub(super) fn dim(self, text: &str) -> String {
        self.wrapped("2", text)
    }

    pub(super) fn good(self, text: &str) -> String {
        self.wrapped("32", text)
    }

    pub(super) fn bad(self, text: &str) -> String {
        self.wrapped("1;31", text)
    }

    pub(super) fn doubtful(self, text: &str) -> String {
        self.wrapped("33", text)
    }
}

/// `text` filled up with spaces to `width` characters.
pub(super) fn padded(text: &str, width: usize) -> String {
    format!("{text:<width$}")
}

/// The rows as lines of aligned columns, `indent` spaces in front, two between columns, none at the end.
pub(super) fn columns<const N: usize>(indent: usize, rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in rows {
        let mut line = " ".repeat(indent);
        for (width, cell) in widths.iter().zip(row) {
            line.push_str(&padded(cell, width + 2));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Paint, columns};

    #[test]
    fn columns_line_up_and_lines_have_no_tail() {
        let rows = [["a", "bb", ""], ["ccc", "d", "e"]].map(|row| row.map(str::to_owned));
        assert_eq!(columns(1, &rows), " a    bb\n ccc  d   e\n");
    }

    #[test]
    fn colour_is_left_out_where_nobody_sees_it() {
        assert_eq!(Paint { on: false }.bad("gone"), "gone");
        assert_eq!(Paint { on: true }.bad("gone"), "\x1b[1;31mgone\x1b[0m");
    }
}
