//! Whether one path pattern takes every path of another.

use crate::behavior::PathPattern;

/// Stands in no pattern.
const FRESH: char = '\u{1}';

/// More stars than this are tried with fewer fillings, so that the number of trials stays small.
const MOST_STARS: usize = 7;

/// True if every path that `narrow` matches is one that `wide` matches. Paths begin with `/`.
///
/// It is found out by trial: each `*` of `narrow` is filled with nothing, with one character, and with more characters
/// than `wide` has `?`, all of them strange to `wide`, in every combination.
pub(super) fn covers(wide: &PathPattern, narrow: &PathPattern) -> bool {
    let wide_text = wide.as_str();
    if matches!(wide_text, "*" | "/*") {
        return true;
    }
    let long: String = std::iter::repeat_n(FRESH, wide_text.len() + 1).collect();
    let narrow = narrow.as_str();
    let stars = narrow.matches('*').count();
    let fillings: &[&str] = if stars <= MOST_STARS {
        &["", "\u{1}", &long]
    } else {
        &[&long]
    };
    let trials = fillings
        .len()
        .pow(u32::try_from(stars.min(MOST_STARS)).unwrap_or(0));
    (0..trials).all(|trial| {
        let path = filled(narrow, fillings, trial);
        // A path that does not begin with a slash is none.
        !path.starts_with('/') || wide.matches(&path)
    })
}

/// `pattern` with its wildcards filled: the digits of `trial` say with what.
fn filled(pattern: &str, fillings: &[&str], mut trial: usize) -> String {
    let mut path = String::new();
    for (index, c) in pattern.chars().enumerate() {
        match c {
            '*' => {
                let filling = fillings[trial % fillings.len()];
                trial /= fillings.len();
                if index == 0 && !filling.is_empty() {
                    path.push('/');
                }
                path.push_str(filling);
            }
            '?' if index == 0 => path.push('/'),
            '?' => path.push(FRESH),
            c => path.push(c),
        }
    }
    path
}

#[cfg(test)]
mod tests {
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
        ] {
            assert_eq!(
                covers(&PathPattern::new(wide), &PathPattern::new(narrow)),
                expected,
                "{wide} covers {narrow}"
            );
        }
    }
}
