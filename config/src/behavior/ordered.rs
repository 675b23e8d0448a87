//! Behaviors in their order, found by the first segment of a path.

use std::collections::BTreeMap;
use std::ops::Deref;

use super::{Behavior, PathPattern};

/// The behaviors of a distribution, the default one last. Which of them may take a path is found without trying those whose
/// pattern begins with another segment: the last of two hundred costs what the first does.
#[derive(Clone, Debug, Default)]
pub struct Behaviors {
    all: Vec<Behavior>,
    /// By the first segment of the path, where the pattern says it: positions in `all`, in order.
    by_segment: BTreeMap<Box<str>, Vec<usize>>,
    /// All others: positions in `all`, in order.
    any_segment: Vec<usize>,
}

impl Behaviors {
    /// The positions of the behaviors whose pattern may match `path`, in order; nobody else's does.
    pub fn candidates(&self, path: &str) -> impl Iterator<Item = usize> {
        let segment = first_segment(path).and_then(|segment| self.by_segment.get(segment));
        let mut named = segment.map_or(&[][..], Vec::as_slice);
        let mut others = &self.any_segment[..];
        std::iter::from_fn(move || {
            let next = match (named.first(), others.first()) {
                (Some(one), Some(other)) if one < other => &mut named,
                (Some(_), None) => &mut named,
                (_, Some(_)) => &mut others,
                (None, None) => return None,
            };
            let (first, rest) = next.split_first()?;
            *next = rest;
            Some(*first)
        })
    }
}

impl Behaviors {
    /// None of them has a cache.
    pub(crate) fn keep_nothing(&mut self) {
        for behavior in &mut self.all {
            behavior.cache = None;
        }
    }
}

impl From<Vec<Behavior>> for Behaviors {
    fn from(all: Vec<Behavior>) -> Self {
        let mut behaviors = Self::default();
        for (index, behavior) in all.iter().enumerate() {
            match named_segment(&behavior.path) {
                Some(segment) => behaviors
                    .by_segment
                    .entry(segment.into())
                    .or_default()
                    .push(index),
                None => behaviors.any_segment.push(index),
            }
        }
        behaviors.all = all;
        behaviors
    }
}

impl Deref for Behaviors {
    type Target = [Behavior];

    fn deref(&self) -> &[Behavior] {
        &self.all
    }
}

impl<'b> IntoIterator for &'b Behaviors {
    type Item = &'b Behavior;
    type IntoIter = std::slice::Iter<'b, Behavior>;

    fn into_iter(self) -> Self::IntoIter {
        self.all.iter()
    }
}

/// What stands between the first slash and the next one, or the end.
fn first_segment(path: &str) -> Option<&str> {
    let rest = path.strip_prefix('/')?;
    let end = rest.bytes().position(|byte| byte == b'/');
    Some(&rest[..end.unwrap_or(rest.len())])
}

/// The first segment of every path that `pattern` matches, if they all have the same.
fn named_segment(pattern: &PathPattern) -> Option<&str> {
    let text = pattern.as_str();
    let segment = first_segment(text)?;
    let is_literal = !segment.contains(['*', '?']);
    is_literal.then_some(segment)
}
