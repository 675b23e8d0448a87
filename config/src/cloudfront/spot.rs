//! One value of a CloudFront JSON file with its place: how the readers walk a tree.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::json::{self, Node, Number, Value};
use crate::problem::{Problem, Severity};
use crate::toml::variables::{self, Unfilled};
use crate::written::{At, Place, Span};

/// The text that a tree was read from.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    pub text: &'a str,
    pub file: Arc<PathBuf>,
}

impl<'a> Source<'a> {
    /// The text of `file`, without the byte order mark that Windows tools put in front.
    pub(crate) fn new(text: &'a str, file: &Path) -> Self {
        Self {
            text: text.strip_prefix('\u{feff}').unwrap_or(text),
            file: Arc::new(file.to_owned()),
        }
    }
}

/// A value of the tree and the path that leads to it.
#[derive(Clone, Debug)]
pub(crate) struct Spot<'a> {
    pub source: &'a Source<'a>,
    pub node: &'a Node,
    /// In the file's notation, from the root of its document: `Origins.Items[1].CustomOriginConfig`.
    pub field: String,
}

impl<'a> Spot<'a> {
    /// The whole of `source`, whose tree is `node`.
    pub(crate) fn root(source: &'a Source<'a>, node: &'a Node) -> Self {
        Self {
            source,
            node,
            field: String::new(),
        }
    }

    pub(crate) fn place(&self) -> Place {
        Place::new(&self.source.file, self.node.line, self.field.as_str())
    }

    pub(crate) fn problem(
        &self,
        severity: Severity,
        found: impl Into<String>,
        instead: impl Into<String>,
    ) -> Problem {
        self.place().problem(severity, found, instead)
    }

    /// Something to say about a field that is there or is missed.
    pub(crate) fn problem_with(
        &self,
        key: &str,
        severity: Severity,
        found: impl Into<String>,
        instead: impl Into<String>,
    ) -> Problem {
        self.place_of(key).problem(severity, found, instead)
    }

    /// The place of `key`, or where it would stand.
    pub(crate) fn place_of(&self, key: &str) -> Place {
        match self.get(key) {
            Some(value) => value.place(),
            None => Place::new(
                &self.source.file,
                self.node.line,
                json::join(&self.field, key),
            ),
        }
    }

    fn at<T>(&self, value: T) -> At<T> {
        At {
            value,
            place: self.place(),
        }
    }

    /// The value of `key`: none if it is absent or null. A key in the wrong letter case (which is reported elsewhere)
    /// serves if there is no other, so that one slip makes one problem.
    pub(crate) fn get(&self, key: &str) -> Option<Spot<'a>> {
        let node = self.node.get(key).or_else(|| {
            self.node
                .members()
                .iter()
                .find(|member| member.key.eq_ignore_ascii_case(key))
                .map(|member| &member.node)
        })?;
        (node.value != Value::Null).then(|| Spot {
            source: self.source,
            node,
            field: json::join(&self.field, key),
        })
    }

    /// The elements of a wrapped list (`{"Quantity": n, "Items": [..]}`), or of a bare one.
    pub(crate) fn items(&self) -> Vec<Spot<'a>> {
        match &self.node.value {
            Value::List(_) => self.elements(),
            Value::Object(_) => self
                .get("Items")
                .map(|items| items.elements())
                .unwrap_or_default(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => Vec::new(),
        }
    }

    /// The elements of a list.
    pub(crate) fn elements(&self) -> Vec<Spot<'a>> {
        self.node
            .elements()
            .iter()
            .enumerate()
            .map(|(index, node)| Spot {
                source: self.source,
                node,
                field: format!("{}[{index}]", self.field),
            })
            .collect()
    }

    /// The elements of the wrapped list at `key`; none if it is absent.
    pub(crate) fn list(&self, key: &str) -> Vec<Spot<'a>> {
        self.get(key).map(|list| list.items()).unwrap_or_default()
    }

    /// This text, even if it is empty, with its variables filled in. One that cannot be filled in stands for itself: what
    /// AWS printed is no template, and may hold a `${`.
    pub(crate) fn as_text(&self) -> Option<At<String>> {
        let text = self.node.text()?;
        Some(match self.filled() {
            Ok(Some(filled)) => {
                let mut at = self.at(filled);
                at.place.template = Some(text.into());
                at
            }
            Ok(None) | Err(_) => self.at(text.to_owned()),
        })
    }

    /// What its variables make of this text; `None` if it has none or is no text.
    pub(crate) fn filled(&self) -> Result<Option<String>, Unfilled> {
        let text = self.node.text().unwrap_or_default();
        let filled = variables::fill(text, |name| std::env::var(name).ok())?;
        Ok((filled.text != text).then_some(filled.text))
    }

    fn as_number(&self) -> Option<At<i64>> {
        match self.node.value {
            Value::Number(Number::Whole(number)) => Some(self.at(number)),
            Value::Null
            | Value::Bool(_)
            | Value::Number(Number::Decimal(_))
            | Value::Text(_)
            | Value::List(_)
            | Value::Object(_) => None,
        }
    }

    /// The text at `key`; an empty one counts as unset, as `get-distribution-config` and CLI skeletons print it.
    pub(crate) fn text(&self, key: &str) -> Option<At<String>> {
        self.get(key)?
            .as_text()
            .filter(|text| !text.value.is_empty())
    }

    /// The whole number at `key`.
    pub(crate) fn number(&self, key: &str) -> Option<At<i64>> {
        self.get(key)?.as_number()
    }

    /// The whole seconds at `key`.
    pub(crate) fn seconds(&self, key: &str) -> Option<At<Span>> {
        let number = self.number(key)?;
        Some(At {
            value: Span::Seconds(number.value),
            place: number.place,
        })
    }

    /// True or false at `key`.
    pub(crate) fn flag(&self, key: &str) -> Option<At<bool>> {
        let spot = self.get(key)?;
        match spot.node.value {
            Value::Bool(flag) => Some(spot.at(flag)),
            Value::Null | Value::Number(_) | Value::Text(_) | Value::List(_) | Value::Object(_) => {
                None
            }
        }
    }

    /// The texts of the wrapped list at `key`; `None` if it is absent.
    pub(crate) fn texts(&self, key: &str) -> Option<Vec<At<String>>> {
        let list = self.get(key)?;
        Some(list.items().iter().filter_map(Spot::as_text).collect())
    }

    /// The whole numbers of the wrapped list at `key`.
    pub(crate) fn numbers(&self, key: &str) -> Vec<At<i64>> {
        self.list(key).iter().filter_map(Spot::as_number).collect()
    }

    /// The value as it stands in the file, cut after sixty characters; objects and lists in words.
    pub(crate) fn shown(&self) -> String {
        match self.node.value {
            Value::List(_) | Value::Object(_) => self.node.kind().to_owned(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => {
                let raw = self.source.text.get(self.node.range.clone()).unwrap_or("");
                match raw.char_indices().nth(60) {
                    None => raw.to_owned(),
                    Some((end, _)) => format!("{}…", raw.get(..end).unwrap_or("")),
                }
            }
        }
    }
}
