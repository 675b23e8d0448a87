//! Ranges against the bytes that they mean, counted one by one.

use std::ops::Range;

use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;
use tideover_rules::cache::invalidation::Pattern;
use tideover_rules::cache::range::{
    Part, content_range, content_range_value, covered, multipart, part, slices,
};
use tideover_rules::fields::Fields;

#[derive(Clone, Copy, Debug)]
enum Spec {
    From(u64),
    FromTo(u64, u64),
    Last(u64),
}

impl Spec {
    fn text(self) -> String {
        match self {
            Self::From(first) => format!("{first}-"),
            Self::FromTo(first, last) => format!("{first}-{last}"),
            Self::Last(bytes) => format!("-{bytes}"),
        }
    }

    /// Every place that it means.
    fn places(self, length: u64) -> Vec<u64> {
        (0..length)
            .filter(|place| match self {
                Self::From(first) => *place >= first,
                Self::FromTo(first, last) => (first..=last).contains(place),
                Self::Last(bytes) => *place + bytes >= length,
            })
            .collect()
    }
}

fn spec() -> impl Strategy<Value = Spec> {
    prop_oneof![
        (0..24_u64).prop_map(Spec::From),
        (0..24_u64, 0..6_u64).prop_map(|(first, more)| Spec::FromTo(first, first + more)),
        (0..24_u64).prop_map(Spec::Last),
    ]
}

fn asking(text: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("range", HeaderValue::from_str(text).expect("a value"));
    headers
}

fn cut<'b>(body: &'b [u8], range: &Range<u64>) -> &'b [u8] {
    let place = |at: u64| usize::try_from(at).expect("small");
    &body[place(range.start)..place(range.end)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_048))]

    #[test]
    fn what_is_given_is_what_was_asked_for(
        specs in proptest::collection::vec(spec(), 1..12),
        body in proptest::collection::vec(any::<u8>(), 1..20),
    ) {
        let length = body.len() as u64;
        let text: Vec<String> = specs.iter().map(|spec| spec.text()).collect();
        let viewer = asking(&format!("bytes={}", text.join(",")));
        let given = part(Fields::of(&viewer), &HeaderMap::new(), length);
        let meant: Vec<Vec<u64>> = specs
            .iter()
            .map(|spec| spec.places(length))
            .filter(|places| !places.is_empty())
            .collect();
        let in_order: Vec<u64> = meant.concat();
        let is_ascending = in_order.windows(2).all(|two| two[0] < two[1]);
        let bytes_at = |places: &[u64]| -> Vec<u8> {
            places.iter().map(|place| body[usize::try_from(*place).expect("small")]).collect()
        };
        match given {
            Part::Whole => prop_assert!(specs.len() > 10 || !is_ascending),
            Part::Unsatisfiable => prop_assert!(meant.is_empty()),
            Part::One(range) => {
                prop_assert_eq!(meant.len(), 1);
                prop_assert_eq!(cut(&body, &range), bytes_at(&meant[0]));
            }
            Part::Several(ranges) => {
                prop_assert_eq!(ranges.len(), meant.len());
                prop_assert!(ranges.len() > 1 && is_ascending);
                for (range, places) in ranges.iter().zip(&meant) {
                    prop_assert_eq!(cut(&body, range), bytes_at(places));
                }
            }
        }
    }

    #[test]
    fn whatever_is_asked_for_is_there(
        text in prop_oneof!["bytes=[0-9, -]{0,24}", "[bB]ytes ?=[-0-9a-z, ]{0,24}", "\\PC{0,24}"],
        length in prop_oneof![Just(0), 0..200_u64, any::<u64>()],
    ) {
        let Ok(value) = HeaderValue::from_str(&text).or_else(|_| HeaderValue::from_bytes(text.as_bytes())) else {
            return Ok(());
        };
        let mut viewer = HeaderMap::new();
        viewer.insert("range", value);
        let ranges = match part(Fields::of(&viewer), &HeaderMap::new(), length) {
            Part::Whole | Part::Unsatisfiable => Vec::new(),
            Part::One(range) => vec![range],
            Part::Several(ranges) => {
                prop_assert!((2..=10).contains(&ranges.len()));
                ranges
            }
        };
        let mut before = 0;
        for range in ranges {
            prop_assert!(before <= range.start && range.start < range.end && range.end <= length);
            before = range.end;
        }
    }

    #[test]
    fn parts_between_their_heads_are_as_long_as_said_and_can_be_read_again(
        cuts in proptest::collection::btree_set(0..64_u64, 2..12),
        body in proptest::collection::vec(any::<u8>(), 64),
        random in any::<u128>(),
    ) {
        let cuts: Vec<u64> = cuts.into_iter().collect();
        let ranges: Vec<Range<u64>> = cuts.chunks_exact(2).map(|two| two[0]..two[1]).collect();
        let text = HeaderValue::from_static("text/plain");
        let made = multipart(&ranges, 64, Some(&text), random);
        let mut sent = Vec::new();
        for (head, range) in made.heads.iter().zip(&ranges) {
            sent.extend_from_slice(head);
            sent.extend_from_slice(cut(&body, range));
        }
        sent.extend_from_slice(&made.closing);
        prop_assert_eq!(made.content_length, sent.len() as u64);

        let boundary = made.content_type.to_str().expect("text").rsplit('=').next().expect("a boundary");
        let delimiter = format!("\r\n--{boundary}").into_bytes();
        // The first delimiter has no line before it.
        let mut rest = [b"\r\n", &sent[..]].concat();
        for range in &ranges {
            prop_assert!(rest.starts_with(&delimiter));
            rest.drain(..delimiter.len());
            let end = find(&rest, b"\r\n\r\n").expect("the end of a head");
            let head = String::from_utf8(rest[..end].to_vec()).expect("text");
            prop_assert_eq!(
                head,
                format!("\r\nContent-Type: text/plain\r\nContent-Range: bytes {}-{}/64", range.start, range.end - 1)
            );
            rest.drain(..end + 4);
            let end = find(&rest, &delimiter).expect("the next delimiter");
            prop_assert_eq!(&rest[..end], cut(&body, range));
            rest.drain(..end);
        }
        prop_assert_eq!(rest, [&delimiter[..], b"--\r\n"].concat());
    }

    #[test]
    fn a_content_range_is_read_as_it_is_written(start in any::<u64>(), bytes in 1..=u64::MAX, more in any::<u64>()) {
        let end = start.saturating_add(bytes);
        let total = end.saturating_add(more);
        let mut fields = HeaderMap::new();
        fields.insert("content-range", content_range_value(&(start..end), total));
        let expected = (start < end && total < u64::MAX).then_some((start..end, total));
        if start < end {
            prop_assert_eq!(content_range(&fields), expected);
        }
    }

    #[test]
    fn whatever_content_range_says_can_be(line in "(bytes ?)?[-0-9*/]{0,24}") {
        let mut fields = HeaderMap::new();
        fields.insert("content-range", HeaderValue::from_str(&line).expect("a value"));
        if let Some((range, total)) = content_range(&fields) {
            prop_assert!(range.start < range.end && range.end <= total);
        }
    }

    #[test]
    fn a_kept_part_gives_the_bytes_of_the_whole(spec in spec(), start in 0..10_u64, bytes in 1..10_u64, total in 20..24_u64) {
        let kept = start..start + bytes;
        let viewer = asking(&format!("bytes={}", spec.text()));
        let meant = spec.places(total);
        let is_kept = !meant.is_empty() && meant.iter().all(|place| kept.contains(place));
        let given = covered(Fields::of(&viewer), &HeaderMap::new(), &kept, total);
        prop_assert_eq!(given.is_some(), is_kept);
        if let Some(given) = given {
            prop_assert_eq!(given.collect::<Vec<_>>(), meant);
        }
    }

    #[test]
    fn slices_put_together_are_what_was_cut(start in 0..200_u64, bytes in 0..200_u64, slice in 1..40_u64) {
        let all: Vec<(u64, Range<u64>)> = slices(start..start + bytes, slice).collect();
        let mut places = Vec::new();
        for (index, inside) in &all {
            prop_assert!(inside.start < inside.end && inside.end <= slice);
            places.extend(inside.clone().map(|place| index * slice + place));
        }
        prop_assert_eq!(places, (start..start + bytes).collect::<Vec<_>>());
        // Each slice once, one after the other.
        prop_assert!(all.windows(2).all(|two| two[0].0 + 1 == two[1].0));
    }

    #[test]
    fn slices_end_at_the_largest_numbers_too(start in any::<u64>(), slice in any::<u64>()) {
        let taken: Vec<_> = slices(start..u64::MAX, slice).take(3).collect();
        let bytes: u64 = taken.iter().map(|(_, inside)| inside.end - inside.start).fold(0, u64::saturating_add);
        prop_assert!(bytes <= u64::MAX - start);
        prop_assert_eq!(taken.is_empty(), start == u64::MAX);
    }

    #[test]
    fn whatever_is_written_is_a_pattern_of_itself_or_told_why_not(text in "\\PC{0,12}", target in "/[a%*?]{0,4}") {
        if let Ok(pattern) = Pattern::new(&text) {
            let slash = if text.starts_with('/') { "" } else { "/" };
            let itself = format!("{slash}{text}");
            prop_assert!(pattern.is_about(itself.as_bytes()));
        }
        let pattern = Pattern::new(&target).expect("a path");
        let is_about = |other: &str| match target.strip_suffix('*') {
            Some(beginning) => other.starts_with(beginning),
            None => other == target,
        };
        for other in ["/", "/a", "/aa", "/a?", "/*a", "/%a"] {
            prop_assert_eq!(pattern.is_about(other.as_bytes()), is_about(other), "{} {}", target, other);
        }
    }
}

fn find(text: &[u8], piece: &[u8]) -> Option<usize> {
    text.windows(piece.len()).position(|window| window == piece)
}
