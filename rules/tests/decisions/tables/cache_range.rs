//! Which part of a kept answer is given. Source: RFC 9110, sections 13.1.5, 14 and 15.3.7; Developer Guide, "How CloudFront
//! processes partial requests for an object (range GETs)".

use std::ops::Range;

use http::{HeaderMap, HeaderValue};
use tideover_rules::cache::range::{
    Part, content_range, content_range_value, covered, multipart, part, slices,
    unsatisfied_range_value,
};
use tideover_rules::fields::Fields;

use crate::cast::{all_hold, headers};

fn several(ranges: &[Range<u64>]) -> Part {
    Part::Several(ranges.to_vec())
}

#[test]
fn a_range_is_cut_from_what_is_there() {
    use Part::{One, Unsatisfiable, Whole};
    const MOST: u64 = u64::MAX;
    #[rustfmt::skip]
    let rows: Vec<(&str, u64, Part)> = vec![
        ("bytes=0-4", 10, One(0..5)),
        ("bytes=0-0", 10, One(0..1)),
        ("bytes=9-9", 10, One(9..10)),
        ("bytes=5-100", 10, One(5..10)),
        ("bytes=5-", 10, One(5..10)),
        ("bytes=0-", 10, One(0..10)),
        ("bytes=-3", 10, One(7..10)),
        ("bytes=-10", 10, One(0..10)),
        ("bytes=-100", 10, One(0..10)),
        ("BYTES=0-4", 10, One(0..5)),
        ("bytes=007-8", 10, One(7..9)),
        ("bytes= 0-4 ,", 10, One(0..5)),
        ("bytes=5-99999999999999999999999", 10, One(5..10)),
        ("bytes=-99999999999999999999999", 10, One(0..10)),
        ("bytes=0-18446744073709551615", MOST, One(0..MOST)),
        // Nothing there.
        ("bytes=10-", 10, Unsatisfiable),
        ("bytes=10-20", 10, Unsatisfiable),
        ("bytes=99999999999999999999999-", 10, Unsatisfiable),
        ("bytes=-0", 10, Unsatisfiable),
        ("bytes=0-", 0, Unsatisfiable),
        ("bytes=0-0", 0, Unsatisfiable),
        ("bytes=-0", 0, Unsatisfiable),
        ("bytes=10-, 20-30, -0", 10, Unsatisfiable),
        // The end of nothing is there, but nothing is in it.
        ("bytes=-1", 0, Whole),
        // Several.
        ("bytes=0-1,4-5", 10, several(&[0..2, 4..6])),
        ("bytes=0-1 , 4-5", 10, several(&[0..2, 4..6])),
        ("bytes=,0-1,,4-5,", 10, several(&[0..2, 4..6])),
        ("bytes=0-1,2-3", 10, several(&[0..2, 2..4])),
        ("bytes=0-1,-1", 10, several(&[0..2, 9..10])),
        ("bytes=0-1,5-", 10, several(&[0..2, 5..10])),
        ("bytes=0-1,5-5,8-20", 10, several(&[0..2, 5..6, 8..10])),
        ("bytes=0-1,20-30", 10, One(0..2)),
        ("bytes=20-30,0-1", 10, One(0..2)),
        ("bytes=0-1,20-30,5-6", 10, several(&[0..2, 5..7])),
        ("bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14,16-16,18-18", 20,
            Part::Several((0..10).map(|index| index * 2..index * 2 + 1).collect())),
        // Too many, overlapping, descending.
        ("bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14,16-16,18-18,20-20", 30, Whole),
        ("bytes=0-4,4-5", 10, Whole),
        ("bytes=0-4,2-3", 10, Whole),
        ("bytes=0-4,0-4", 10, Whole),
        ("bytes=5-6,0-1", 10, Whole),
        ("bytes=0-,-1", 10, Whole),
        ("bytes=-1,0-1", 10, Whole),
        // No ranges of bytes.
        ("bytes=4-3", 10, Whole),
        ("bytes=0-1,4-3", 10, Whole),
        ("bytes=20-30,x", 10, Whole),
        ("bytes=", 10, Whole),
        ("bytes=,", 10, Whole),
        ("bytes=-", 10, Whole),
        ("bytes=--1", 10, Whole),
        ("bytes=0", 10, Whole),
        ("bytes=0-1-2", 10, Whole),
        ("bytes=+0-1", 10, Whole),
        ("bytes=0x0-1", 10, Whole),
        ("bytes=0 - 1", 10, Whole),
        ("bytes=0-1;2-3", 10, Whole),
        ("bytes = 0-1", 10, Whole),
        ("bytes 0-1", 10, Whole),
        ("bytes", 10, Whole),
        ("byte=0-1", 10, Whole),
        ("items=0-1", 10, Whole),
        ("0-1", 10, Whole),
        ("", 10, Whole),
    ];
    let mut failures = Vec::new();
    for (asked, length, expected) in rows {
        let viewer = headers(&[&format!("range: {asked}")]);
        let given = part(Fields::of(&viewer), &HeaderMap::new(), length);
        if given != expected {
            failures.push(format!(
                "{asked:?} of {length}: {given:?}, not {expected:?}"
            ));
        }
    }
    all_hold(&failures);
}

#[test]
fn a_range_without_a_line_or_with_two_is_none() {
    for lines in [
        &[][..],
        &["range: bytes=0-1", "range: bytes=0-1"],
        &["if-range: \"a\""],
    ] {
        let viewer = headers(lines);
        let given = part(Fields::of(&viewer), &headers(&["etag: \"a\""]), 10);
        assert_eq!(given, Part::Whole, "{lines:?}");
    }
}

#[test]
fn if_range_has_to_mean_what_is_kept() {
    const LATER: &str = "date: Tue, 10 Nov 2026 10:00:01 GMT";
    const MODIFIED: &str = "last-modified: Tue, 10 Nov 2026 10:00:00 GMT";
    const SAME: &str = "Tue, 10 Nov 2026 10:00:00 GMT";
    #[rustfmt::skip]
    let rows: Vec<(&[&str], &[&str], bool)> = vec![
        (&["\"a\""], &["etag: \"a\""], true),
        (&["\"a\""], &["etag: \"b\""], false),
        (&["\"a\""], &["etag: \"A\""], false),
        (&["\"a\""], &["etag: W/\"a\""], false),
        (&["W/\"a\""], &["etag: W/\"a\""], false),
        (&["W/\"a\""], &["etag: \"a\""], false),
        (&["\"a\""], &[], false),
        (&["\"a\", \"b\""], &["etag: \"a\""], false),
        (&["\"a\"", "\"a\""], &["etag: \"a\""], false),
        (&["a"], &["etag: a"], false),
        (&["*"], &["etag: \"a\""], false),
        (&[""], &["etag: \"a\""], false),
        (&[SAME], &[MODIFIED, LATER], true),
        (&[SAME], &[LATER], false),
        (&[SAME], &[MODIFIED], false),                                          // it may be of this second
        (&[SAME], &[MODIFIED, "date: Tue, 10 Nov 2026 10:00:00 GMT"], false),   // it is
        (&["Tue, 10 Nov 2026 10:00:01 GMT"], &[MODIFIED, LATER], false),        // later is not the same
        (&["Tue, 10 Nov 2026 09:59:59 GMT"], &[MODIFIED, LATER], false),
        (&[SAME], &[MODIFIED, "date: Tue, 10 Nov 2026 09:00:00 GMT"], false),   // of a time to come
        (&[SAME], &[MODIFIED, "date: now"], false),
        (&["Tuesday, 10-Nov-26 10:00:00 GMT"], &["last-modified: Tuesday, 10-Nov-26 10:00:00 GMT", LATER], true),
        (&["yesterday"], &[MODIFIED, LATER], false),
        (&["yesterday"], &["last-modified: yesterday", LATER], false),
    ];
    let mut failures = Vec::new();
    for (conditions, kept, expected) in rows {
        let mut viewer = headers(&["range: bytes=0-1"]);
        for condition in conditions {
            viewer.append(
                "if-range",
                HeaderValue::from_str(condition).expect("a value"),
            );
        }
        let given = part(Fields::of(&viewer), &headers(kept), 10);
        let wanted = if expected {
            Part::One(0..2)
        } else {
            Part::Whole
        };
        if given != wanted {
            failures.push(format!(
                "{conditions:?}, {kept:?}: {given:?}, not {wanted:?}"
            ));
        }
    }
    all_hold(&failures);
}

#[test]
fn a_kept_part_answers_what_lies_in_it() {
    #[rustfmt::skip]
    let rows = [
        ("bytes=-5", 5..10, Some(5..10)),
        ("bytes=6-8", 5..10, Some(6..9)),
        ("bytes=6-", 5..10, Some(6..10)),
        ("bytes=-1", 5..10, Some(9..10)),
        ("bytes=5-100", 5..10, Some(5..10)),
        ("bytes=6-8,20-", 5..10, Some(6..9)),
        ("bytes=4-8", 5..10, None),
        ("bytes=0-", 5..10, None),
        ("bytes=-6", 5..10, None),
        ("bytes=0-4", 0..5, Some(0..5)),
        ("bytes=0-5", 0..5, None),
        ("bytes=3-", 0..5, None),
        ("bytes=-1", 0..5, None),
        ("bytes=10-", 5..10, None),
        ("bytes=5-6,8-9", 5..10, None),
        ("items=5-6", 5..10, None),
    ];
    let mut failures = Vec::new();
    for (asked, kept, expected) in rows {
        let viewer = headers(&[&format!("range: {asked}")]);
        let given = covered(Fields::of(&viewer), &HeaderMap::new(), &kept, 10);
        if given != expected {
            failures.push(format!("{asked} in {kept:?}: {given:?}, not {expected:?}"));
        }
    }
    all_hold(&failures);
    let other = headers(&["range: bytes=6-8", "if-range: \"b\""]);
    let fields = headers(&["etag: \"a\""]);
    assert_eq!(covered(Fields::of(&other), &fields, &(5..10), 10), None);
}

#[test]
fn content_range_is_read_strictly_and_written_as_it_is_read() {
    #[rustfmt::skip]
    let rows: Vec<(&[&str], Option<(Range<u64>, u64)>)> = vec![
        (&["bytes 0-4/10"], Some((0..5, 10))),
        (&["Bytes 0-9/10"], Some((0..10, 10))),
        (&["bytes 9-9/10"], Some((9..10, 10))),
        (&[], None),
        (&["bytes 0-4/*"], None),
        (&["bytes */10"], None),
        (&["bytes 0-10/10"], None),
        (&["bytes 4-3/10"], None),
        (&["bytes 0-/10"], None),
        (&["bytes -5/10"], None),
        (&["bytes 0-4"], None),
        (&["bytes 0-4/"], None),
        (&["bytes 0-4/10/10"], None),
        (&["bytes=0-4/10"], None),
        (&["bytes  0-4/10"], None),
        (&["bytes 0-4 / 10"], None),
        (&["bytes 0-4/10 "], Some((0..5, 10))),     // the field's value ends before white space
        (&["items 0-4/10"], None),
        (&["bytes 0-4/99999999999999999999999"], None),
        (&["bytes 0-4/10", "bytes 0-4/10"], None),
    ];
    let mut failures = Vec::new();
    for (lines, expected) in rows {
        let lines: Vec<String> = lines
            .iter()
            .map(|line| format!("content-range: {line}"))
            .collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let read = content_range(&headers(&lines));
        if read != expected {
            failures.push(format!("{lines:?}: {read:?}, not {expected:?}"));
        }
    }
    all_hold(&failures);
    assert_eq!(content_range_value(&(0..5), 10), "bytes 0-4/10");
    assert_eq!(unsatisfied_range_value(10), "bytes */10");
}

#[test]
fn several_parts_have_heads_and_a_closing() {
    let html = HeaderValue::from_static("text/html");
    let made = multipart(&[0..2, 7..10], 10, Some(&html), 0xabc);
    let boundary = "00000000000000000000000000000abc";
    assert_eq!(
        made.content_type,
        format!("multipart/byteranges; boundary={boundary}")
    );
    let body = [
        &made.heads[0][..],
        b"01",
        &made.heads[1],
        b"789",
        &made.closing,
    ]
    .concat();
    let expected = format!(
        "--{boundary}\r\nContent-Type: text/html\r\nContent-Range: bytes 0-1/10\r\n\r\n01\
         \r\n--{boundary}\r\nContent-Type: text/html\r\nContent-Range: bytes 7-9/10\r\n\r\n789\
         \r\n--{boundary}--\r\n"
    );
    assert_eq!(String::from_utf8_lossy(&body), expected);
    assert_eq!(made.content_length, expected.len() as u64);
    let untyped = multipart(&[0..2, 4..5], 10, None, 1);
    assert!(
        !untyped
            .heads
            .concat()
            .windows(12)
            .any(|piece| piece == b"Content-Type")
    );
}

#[test]
fn bytes_lie_in_slices() {
    #[rustfmt::skip]
    let rows: Vec<(Range<u64>, u64, Vec<(u64, Range<u64>)>)> = vec![
        (0..10, 4, vec![(0, 0..4), (1, 0..4), (2, 0..2)]),
        (0..8, 4, vec![(0, 0..4), (1, 0..4)]),
        (5..6, 4, vec![(1, 1..2)]),
        (3..5, 4, vec![(0, 3..4), (1, 0..1)]),
        (4..4, 4, vec![]),
        (0..2, 0, vec![(0, 0..1), (1, 0..1)]),
        (u64::MAX - 1..u64::MAX, u64::MAX, vec![(0, u64::MAX - 1..u64::MAX)]),
    ];
    for (bytes, slice, expected) in rows {
        let found: Vec<_> = slices(bytes.clone(), slice).collect();
        assert_eq!(found, expected, "{bytes:?} by {slice}");
    }
}
