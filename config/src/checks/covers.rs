//! Whether one path pattern takes every path of another.

use std::collections::HashSet;

use crate::behavior::PathPattern;

/// Stands in no pattern: whatever takes it takes any byte.
const FRESH: u8 = 1;

/// What is not found out in so many steps counts as not covered. Patterns that people write take a few dozen.
const MOST_STEPS: usize = 20_000;

/// True if every path that `narrow` matches is one that `wide` matches. Paths begin with `/`.
///
/// `wide` is followed along every path of `narrow` at once. Where `narrow` takes any byte, a byte that `wide` has nowhere
/// is the hardest one for it, so no other is tried.
pub(super) fn covers(wide: &PathPattern, narrow: &PathPattern) -> bool {
    let (wide, narrow) = (wide.as_str().as_bytes(), narrow.as_str().as_bytes());
    if begins_otherwise(wide, narrow) {
        return false;
    }
    let mut seen = HashSet::new();
    let mut open = vec![Step {
        at: 0,
        is_first: true,
        reached: Reached::start(wide),
    }];
    while let Some(step) = open.pop() {
        if seen.len() > MOST_STEPS {
            return false;
        }
        if !seen.insert(step.clone()) {
            continue;
        }
        let any = if step.is_first { b'/' } else { FRESH };
        match narrow.get(step.at) {
            // A path that does not begin with a slash is none.
            None if step.is_first => {}
            None if step.reached.is_end() => {}
            None => return false,
            Some(b'*') => {
                open.push(step.past(&step.reached));
                open.push(Step {
                    at: step.at,
                    is_first: false,
                    reached: step.reached.after(any, wide),
                });
            }
            Some(b'?') => open.push(step.past(&step.reached.after(any, wide)).inside()),
            Some(byte) if step.is_first && *byte != b'/' => {}
            Some(byte) => open.push(step.past(&step.reached.after(*byte, wide)).inside()),
        }
    }
    true
}

/// True if the two begin with different texts: most pairs of patterns do.
fn begins_otherwise(wide: &[u8], narrow: &[u8]) -> bool {
    let literal = |pattern: &[u8]| {
        let end = pattern.iter().position(|byte| matches!(byte, b'*' | b'?'));
        end.unwrap_or(pattern.len())
    };
    let (in_wide, in_narrow) = (literal(wide), literal(narrow));
    in_narrow > 0 && !narrow[..in_narrow].starts_with(&wide[..in_wide])
}

/// A place in `narrow`, and where `wide` may stand on the way there.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Step {
    at: usize,
    /// The path is empty so far.
    is_first: bool,
    reached: Reached,
}

impl Step {
    /// One further in `narrow`.
    fn past(&self, reached: &Reached) -> Self {
        Self {
            at: self.at + 1,
            is_first: self.is_first,
            reached: reached.clone(),
        }
    }

    fn inside(self) -> Self {
        Self {
            is_first: false,
            ..self
        }
    }
}

/// By place in `wide`, its end included: whether what comes before it can have matched the path so far.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Reached(Vec<bool>);

impl Reached {
    fn start(wide: &[u8]) -> Self {
        let mut places = vec![false; wide.len() + 1];
        places[0] = true;
        Self(places).without_stars(wide)
    }

    fn after(&self, byte: u8, wide: &[u8]) -> Self {
        let mut places = vec![false; self.0.len()];
        for (place, sign) in wide.iter().enumerate().filter(|(place, _)| self.0[*place]) {
            match sign {
                b'*' => places[place] = true,
                b'?' => places[place + 1] = true,
                sign if *sign == byte => places[place + 1] = true,
                _ => {}
            }
        }
        Self(places).without_stars(wide)
    }

    /// A star may also match nothing.
    fn without_stars(mut self, wide: &[u8]) -> Self {
        for (place, _) in wide.iter().enumerate().filter(|(_, sign)| **sign == b'*') {
            if self.0[place] {
                self.0[place + 1] = true;
            }
        }
        self
    }

    fn is_end(&self) -> bool {
        self.0.last() == Some(&true)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::covers;
    use crate::behavior::PathPattern;

    #[test]
    fn a_pattern_covers_another_if_it_takes_all_of_its_paths() {
        for (wide, narrow, expected) in [
            ("*", "/api/*", true),
            ("/*", "/api/*", true),
            ("/*", "*", true),
            ("/*", "*.jpg", true),
            ("/*", "*/b", true),
            ("/api/*", "/*", false),
            ("/api/*", "/api/*", true),
            ("api/*", "/api/users", true),
            ("/api*", "/api/*", true),
            ("/api/*", "/api*", false),
            ("/api/*", "/api", false),
            ("*.jpg", "/images/*.jpg", true),
            ("*.jpg", "/images/*", false),
            ("/images/*", "*.jpg", false),
            ("/a?", "/ab", true),
            ("/ab", "/a?", false),
            ("/a?*", "/a*b", true),
            ("/a*b", "/a?*", false),
            ("/?*", "/*?", true),
            ("/*?", "/?*", true),
            ("/a?c", "/a*c", false),
            ("/a*c", "/a?c", true),
            ("/*/b/*", "/a/b/c", true),
            ("/*/*", "/*/x/*", true),
            ("/*/x/*", "/*/*", false),
            ("?api", "/api", true),
            ("/api", "?api", true),
            ("/A", "/a", false),
            ("/*a*", "/*a*a*a*a*a*a*a*a*", true),
            ("/*aa?b*", "/a*aab", false),
            ("/*a*b*", "/x*a*b", true),
            ("/??", "/*", false),
            ("*??*", "/a*", true),
        ] {
            assert_eq!(
                covers(&PathPattern::new(wide), &PathPattern::new(narrow)),
                expected,
                "{wide} covers {narrow}"
            );
        }
    }

    #[test]
    fn patterns_as_long_as_they_may_be_take_no_time() {
        let wide = format!("/{}", "*a?".repeat(84));
        let narrow = format!("/{}", "*?a".repeat(84));
        covers(&PathPattern::new(&wide), &PathPattern::new(&narrow));
    }

    /// Every path over two letters and the slash, up to this length.
    fn short_paths() -> Vec<String> {
        let mut paths = vec!["/".to_owned()];
        let mut longest = 0..1;
        for _ in 0..5 {
            let next: Vec<String> = paths[longest.clone()]
                .iter()
                .flat_map(|path| ["a", "b", "/"].map(|more| format!("{path}{more}")))
                .collect();
            longest = paths.len()..paths.len() + next.len();
            paths.extend(next);
        }
        paths
    }

    proptest! {
        #[test]
        fn what_covers_takes_every_path(wide in "[*?ab/]{1,6}", narrow in "[*?ab/]{1,6}") {
            let (wide, narrow) = (PathPattern::new(&wide), PathPattern::new(&narrow));
            let lost = short_paths().into_iter().find(|path| narrow.matches(path) && !wide.matches(path));
            if covers(&wide, &narrow) {
                prop_assert_eq!(lost, None);
            } else {
                // A path that is lost has a byte that neither pattern has for each wildcard, and is short enough.
                let strange = ["", "\u{1}", "\u{1}\u{1}", "\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}"];
                prop_assert!(narrow_paths(narrow.as_str(), &strange).iter().any(|path| !wide.matches(path)));
            }
        }
    }

    /// Paths of `narrow`, each star replaced by each of `fillings`.
    fn narrow_paths(narrow: &str, fillings: &[&str]) -> Vec<String> {
        let mut paths = vec![String::new()];
        for sign in narrow.chars() {
            paths = paths
                .iter()
                .flat_map(|path| match sign {
                    '*' => fillings
                        .iter()
                        .map(|filling| match path.as_str() {
                            "" if !filling.is_empty() => format!("/{}", &filling[1..]),
                            _ => format!("{path}{filling}"),
                        })
                        .collect(),
                    '?' if path.is_empty() => vec!["/".to_owned()],
                    '?' => vec![format!("{path}\u{1}")],
                    sign => vec![format!("{path}{sign}")],
                })
                .collect();
        }
        paths.retain(|path| path.starts_with('/'));
        paths
    }
}
