//! One table of a TOML document, read field by field. What is left over at the end is not a field of ours.

use std::path::PathBuf;
use std::sync::Arc;

use ::toml::Spanned;
use ::toml::de::{DeTable, DeValue};

use super::kind::{self, Kind, wrong_kind};
use super::variables::{self, Unfilled};
use crate::problem::Problem;
use crate::spelling::nearest;
use crate::written::{At, Place, Span};

/// A value of the document.
pub(super) type Value<'t> = Spanned<DeValue<'t>>;

/// The file, and where its lines begin.
pub(super) struct Source {
    pub(super) file: Arc<PathBuf>,
    starts: Vec<usize>,
}

impl Source {
    pub(super) fn new(file: Arc<PathBuf>, text: &str) -> Self {
        let starts = text.match_indices('\n').map(|(at, _)| at + 1).collect();
        Self { file, starts }
    }

    /// The line, from 1, that the byte at `offset` is on.
    pub(super) fn line(&self, offset: usize) -> u32 {
        let before = self.starts.partition_point(|start| *start <= offset);
        u32::try_from(before + 1).unwrap_or(u32::MAX)
    }

    fn place(&self, offset: usize, field: String) -> Place {
        Place::new(&self.file, self.line(offset), field)
    }
}

/// A table whose fields are taken one after another.
pub(super) struct Table<'t> {
    /// Where its header stands; the field is its whole name.
    pub(super) place: Place,
    source: &'t Source,
    entries: Vec<Entry<'t>>,
    known: Vec<&'static str>,
}

struct Entry<'t> {
    key: &'t str,
    key_offset: usize,
    value: &'t Value<'t>,
    taken: bool,
}

impl<'t> Table<'t> {
    pub(super) fn new(source: &'t Source, table: &'t DeTable<'t>, place: Place) -> Self {
        let mut entries: Vec<Entry<'t>> = table
            .iter()
            .map(|(key, value)| Entry {
                key: key.get_ref(),
                key_offset: key.span().start,
                value,
                taken: false,
            })
            .collect();
        // The crate sorts by name; order in the file is meaning.
        entries.sort_by_key(|entry| entry.key_offset);
        Self {
            place,
            source,
            entries,
            known: Vec::new(),
        }
    }

    /// The value of `name`, marked as read.
    fn take(&mut self, name: &'static str) -> Option<(Place, &'t Value<'t>)> {
        self.known.push(name);
        let field = self.field(name);
        let source = self.source;
        let entry = self.entries.iter_mut().find(|entry| entry.key == name)?;
        entry.taken = true;
        Some((source.place(entry.key_offset, field), entry.value))
    }

    fn field(&self, name: &str) -> String {
        if self.place.field.is_empty() {
            key(name)
        } else {
            format!("{}.{}", self.place.field, key(name))
        }
    }

    /// The place of `name`, if it is written; nothing is marked.
    pub(super) fn place_of(&self, name: &str) -> Option<Place> {
        let entry = self.entries.iter().find(|entry| entry.key == name)?;
        Some(self.source.place(entry.key_offset, self.field(name)))
    }

    /// The text of `name` as it stands, if it is a string; nothing is marked, filled in or reported.
    pub(super) fn peek(&self, name: &str) -> Option<&'t str> {
        let entry = self.entries.iter().find(|entry| entry.key == name)?;
        entry.value.get_ref().as_str()
    }

    pub(super) fn string(
        &mut self,
        name: &'static str,
        problems: &mut Vec<Problem>,
    ) -> Option<At<String>> {
        let (place, value) = self.take(name)?;
        string(place, value, problems)
    }

    pub(super) fn integer(
        &mut self,
        name: &'static str,
        problems: &mut Vec<Problem>,
    ) -> Option<At<i64>> {
        let (place, value) = self.take(name)?;
        integer(place, value, problems)
    }

    pub(super) fn boolean(
        &mut self,
        name: &'static str,
        problems: &mut Vec<Problem>,
    ) -> Option<At<bool>> {
        let (place, value) = self.take(name)?;
        if let DeValue::Boolean(value) = value.get_ref() {
            return Some(At {
                value: *value,
                place,
            });
        }
        problems.push(wrong_kind(&place, value, Kind::Flag));
        None
    }

    /// `"25s"`, `"100ms"`, `"2m"`; what the text means is for the compiler to say.
    pub(super) fn span(
        &mut self,
        name: &'static str,
        problems: &mut Vec<Problem>,
    ) -> Option<At<Span>> {
        let (place, value) = self.take(name)?;
        if value.get_ref().as_str().is_none() {
            problems.push(wrong_kind(&place, value, Kind::Span));
            return None;
        }
        let At { value, place } = string(place, value, problems)?;
        Some(At {
            value: Span::Text(value),
            place,
        })
    }

    /// A string, or a list of strings.
    pub(super) fn string_or_strings(
        &mut self,
        name: &'static str,
        problems: &mut Vec<Problem>,
    ) -> Vec<At<String>> {
        let Some((place, value)) = self.take(name) else {
            return Vec::new();
        };
        match value.get_ref() {
            DeValue::String(_) => string(place, value, problems).into_iter().collect(),
            DeValue::Array(_) => self.items(&place, value, string, problems),
            DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Table(_) => {
                problems.push(wrong_kind(&place, value, Kind::Texts));
                Vec::new()
            }
        }
    }

    /// A list of strings, with the place of the list.
    pub(super) fn strings(
        &mut self,
        name: &'static str,
        problems: &mut Vec<Problem>,
    ) -> Option<(Place, Vec<At<String>>)> {
        let (place, value) = self.take(name)?;
        if value.get_ref().as_array().is_none() {
            problems.push(wrong_kind(&place, value, Kind::ListOfTexts));
            return None;
        }
        let items = self.items(&place, value, string, problems);
        Some((place, items))
    }

    /// The strings of the list that `value` is.
    pub(super) fn strings_in(
        &self,
        place: &Place,
        value: &'t Value<'t>,
        problems: &mut Vec<Problem>,
    ) -> Vec<At<String>> {
        self.items(place, value, string, problems)
    }

    /// A list of integers, with the place of the list.
    pub(super) fn integers(
        &mut self,
        name: &'static str,
        problems: &mut Vec<Problem>,
    ) -> Option<(Place, Vec<At<i64>>)> {
        let (place, value) = self.take(name)?;
        if value.get_ref().as_array().is_none() {
            problems.push(wrong_kind(&place, value, Kind::ListOfIntegers));
            return None;
        }
        let items = self.items(&place, value, integer, problems);
        Some((place, items))
    }

    /// The items of a list that `read` can make something of; each has the list's field and its own line.
    fn items<T>(
        &self,
        place: &Place,
        value: &'t Value<'t>,
        read: impl Fn(Place, &'t Value<'t>, &mut Vec<Problem>) -> Option<T>,
        problems: &mut Vec<Problem>,
    ) -> Vec<T> {
        let items = value.get_ref().as_array();
        items
            .into_iter()
            .flat_map(|items| items.iter())
            .filter_map(|item| {
                let place = self.source.place(item.span().start, place.field.clone());
                read(place, item, problems)
            })
            .collect()
    }

    /// Whatever stands at `name`, with its place: for fields of more than one kind.
    pub(super) fn value(&mut self, name: &'static str) -> Option<(Place, &'t Value<'t>)> {
        self.take(name)
    }

    /// The items of the list at `name`, each with its place.
    pub(super) fn list(
        &mut self,
        name: &'static str,
        kind: Kind,
        problems: &mut Vec<Problem>,
    ) -> Option<(Place, Vec<(Place, &'t Value<'t>)>)> {
        let (place, value) = self.take(name)?;
        if value.get_ref().as_array().is_none() {
            problems.push(wrong_kind(&place, value, kind));
            return None;
        }
        let items = self.items(
            &place,
            value,
            |place, item, _| Some((place, item)),
            problems,
        );
        Some((place, items))
    }

    /// The table at `name`.
    pub(super) fn table(
        &mut self,
        name: &'static str,
        problems: &mut Vec<Problem>,
    ) -> Option<Table<'t>> {
        let (place, value) = self.take(name)?;
        self.table_in(place, value, problems)
    }

    /// `value` as a table.
    pub(super) fn table_in(
        &self,
        place: Place,
        value: &'t Value<'t>,
        problems: &mut Vec<Problem>,
    ) -> Option<Table<'t>> {
        self.table_or(Kind::Table, place, value, problems)
    }

    fn table_or(
        &self,
        kind: Kind,
        place: Place,
        value: &'t Value<'t>,
        problems: &mut Vec<Problem>,
    ) -> Option<Table<'t>> {
        if let Some(table) = value.get_ref().as_table() {
            return Some(Table::new(self.source, table, place));
        }
        problems.push(wrong_kind(&place, value, kind));
        None
    }

    /// The tables of `[[name]]`, in order.
    pub(super) fn tables(
        &mut self,
        name: &'static str,
        problems: &mut Vec<Problem>,
    ) -> Vec<Table<'t>> {
        let Some((_, items)) = self.list(name, Kind::Tables, problems) else {
            return Vec::new();
        };
        items
            .into_iter()
            .filter_map(|(place, item)| self.table_or(Kind::Tables, place, item, problems))
            .collect()
    }

    /// The tables of `[name.ID]`, each with its id, in order.
    pub(super) fn named_tables(
        &mut self,
        name: &'static str,
        problems: &mut Vec<Problem>,
    ) -> Vec<(At<String>, Table<'t>)> {
        let Some(mut outer) = self.table(name, problems) else {
            return Vec::new();
        };
        outer
            .rest()
            .into_iter()
            .filter_map(|(id, value)| {
                let table = outer.table_in(id.place.clone(), value, problems)?;
                Some((id, table))
            })
            .collect()
    }

    /// Every entry that was not taken yet, by its name, in order; all of them are marked as read.
    pub(super) fn rest(&mut self) -> Vec<(At<String>, &'t Value<'t>)> {
        let mut rest = Vec::new();
        for index in 0..self.entries.len() {
            let entry = &self.entries[index];
            if entry.taken {
                continue;
            }
            let place = self.source.place(entry.key_offset, self.field(entry.key));
            let id = At {
                value: entry.key.to_owned(),
                place,
            };
            rest.push((id, entry.value));
            self.entries[index].taken = true;
        }
        rest
    }

    /// Reports every entry that nothing asked for.
    pub(super) fn finish(self, problems: &mut Vec<Problem>) {
        for entry in self.entries.iter().filter(|entry| !entry.taken) {
            let place = self.source.place(entry.key_offset, self.field(entry.key));
            let instead = match nearest(entry.key, self.known.iter().copied()) {
                Some(meant) => format!("perhaps {meant} is meant"),
                None => match self.known.as_slice() {
                    [only] => format!("write {only}"),
                    known => format!("write one of {}", known.join(", ")),
                },
            };
            problems.push(place.error("is not a field of tideover.toml", instead));
        }
    }
}

/// `value` as a string, with its variables filled in.
pub(super) fn string(
    mut place: Place,
    value: &Value<'_>,
    problems: &mut Vec<Problem>,
) -> Option<At<String>> {
    let Some(text) = value.get_ref().as_str() else {
        problems.push(wrong_kind(&place, value, Kind::Text));
        return None;
    };
    let unfilled = match variables::fill(text, |name| std::env::var(name).ok()) {
        Ok(filled) => {
            place.template = filled.had_variables.then(|| text.into());
            return Some(At {
                value: filled.text,
                place,
            });
        }
        Err(unfilled) => unfilled,
    };
    problems.push(match unfilled {
        Unfilled::NotSet(name) => place.error(
            format!("needs the environment variable {name}, which is not set"),
            format!("set it, or write ${{{name}:-default}}"),
        ),
        Unfilled::Demanded { name, message } => place.error(
            format!("needs the environment variable {name}, which is not set or empty"),
            if message.is_empty() {
                "set it".to_owned()
            } else {
                message
            },
        ),
        Unfilled::Malformed => place.error(
            "has a \"${\" that is not one of ${NAME}, ${NAME:-default} and ${NAME:?message}",
            "write \"$${\" where no variable is meant",
        ),
    });
    None
}

fn integer(place: Place, value: &Value<'_>, problems: &mut Vec<Problem>) -> Option<At<i64>> {
    if let Some(value) = kind::integer(value.get_ref()) {
        return Some(At { value, place });
    }
    problems.push(wrong_kind(&place, value, Kind::Integer));
    None
}

/// `name` as a key of a TOML path: quoted unless it is a bare key.
fn key(name: &str) -> String {
    let bare = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if bare {
        name.to_owned()
    } else {
        format!("{name:?}")
    }
}
