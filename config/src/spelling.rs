//! "Did you mean": the nearest of a few known words.

/// The candidate nearest to `word`, if it is near enough to be what was meant: at most one edit for every three
/// characters (two at least), a swap of neighbours counting as one; letter case does not count.
pub(crate) fn nearest<'c>(
    word: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    let word = word.to_lowercase();
    let near_enough = (word.chars().count() / 3).max(2);
    candidates
        .into_iter()
        .map(|candidate| (edits(&word, &candidate.to_lowercase()), candidate))
        .filter(|(edits, candidate)| *edits <= near_enough && *edits < candidate.chars().count())
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Optimal string alignment distance.
fn edits(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut rows = vec![vec![0; to.len() + 1]; from.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    rows[0] = (0..=to.len()).collect();
    for i in 1..=from.len() {
        for j in 1..=to.len() {
            let swapped = i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1];
            let substituted = rows[i - 1][j - 1] + usize::from(from[i - 1] != to[j - 1]);
            let mut best = substituted.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if swapped {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[from.len()][to.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn the_nearest_known_word_is_offered_and_a_far_one_is_not() {
        for (word, candidates, expected) in [
            ("ap", &["api", "web"][..], Some("api")),
            ("azrue-vm", &["azure-swa", "azure-vm"], Some("azure-vm")),
            (
                "conection_timeout",
                &["connection_timeout", "response_timeout"],
                Some("connection_timeout"),
            ),
            ("originpath", &["OriginPath", "Id"], Some("OriginPath")),
            ("something", &["api", "web"], None),
            ("x", &["y"], None),
        ] {
            assert_eq!(
                nearest(word, candidates.iter().copied()),
                expected,
                "{word}"
            );
        }
    }
}
