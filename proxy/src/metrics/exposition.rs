//! Prometheus' text format. Source: Prometheus documentation, "Exposition formats", text-based format.

use std::fmt::{Display, Write as _};

/// Numbers on their way out: one family after another, each with its samples.
#[derive(Debug, Default)]
pub(crate) struct Exposition {
    text: String,
    /// Of the family that samples go to.
    name: &'static str,
}

impl Exposition {
    /// Begins a family of numbers that only grow. Names of such end in `_total`.
    pub(crate) fn counter(&mut self, name: &'static str, help: &str) {
        self.family(name, "counter", help);
    }

    /// Begins a family of numbers that go up and down.
    pub(crate) fn gauge(&mut self, name: &'static str, help: &str) {
        self.family(name, "gauge", help);
    }

    /// Begins a histogram.
    pub(crate) fn histogram(&mut self, name: &'static str, help: &str) {
        self.family(name, "histogram", help);
    }

    fn family(&mut self, name: &'static str, kind: &str, help: &str) {
        self.name = name;
        let _ = write!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    /// One number of the family.
    pub(crate) fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.sample_of("", labels, value);
    }

    /// One of the numbers that a histogram is made of, such as `_sum`.
    pub(super) fn sample_of(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl Display) {
        self.text.push_str(self.name);
        self.text.push_str(suffix);
        for (index, (label, value)) in labels.iter().enumerate() {
            self.text.push(if index == 0 { '{' } else { ',' });
            self.text.push_str(label);
            self.text.push_str("=\"");
            for character in value.chars() {
                match character {
                    '\\' | '"' => self.text.extend(['\\', character]),
                    '\n' => self.text.push_str("\\n"),
                    _ => self.text.push(character),
                }
            }
            self.text.push('"');
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
    }

    /// One number for each of `words`, in their order.
    pub(crate) fn samples<'w>(
        &mut self,
        owner: (&str, &str),
        label: &str,
        words: impl IntoIterator<Item = &'w str>,
        values: impl IntoIterator<Item = u64>,
    ) {
        for (word, value) in words.into_iter().zip(values) {
            self.sample(&[owner, (label, word)], value);
        }
    }

    /// All of it.
    pub(crate) fn finish(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_can_hold_any_text() {
        let mut text = Exposition::default();
        text.gauge("tideover_test", "A test.");
        text.sample(&[("origin", "a\"b\\c\nd"), ("side", "primary")], 1);
        assert_eq!(
            text.finish(),
            "# HELP tideover_test A test.\n# TYPE tideover_test gauge\n\
             tideover_test{origin=\"a\\\"b\\\\c\\nd\",side=\"primary\"} 1\n"
        );
    }
}
