//! What is kept in slices, and what is a slice of it. Source: RFC 9110, sections 8.8, 14.2, 14.3 and 15.3.7.

use http::{HeaderMap, HeaderValue, StatusCode};
use tideover_rules::cache::freshness::{Keep, Lifetime, WhyNot};
use tideover_rules::cache::slices::{
    Asked, Came, came, conditions, in_slices, kept_with_the_whole, key, validator,
};

use crate::cast::{all_hold, headers};

const DATE: &str = "Date: Tue, 15 Nov 2022 08:12:31 GMT";
const BEFORE: &str = "Last-Modified: Tue, 15 Nov 2022 08:12:30 GMT";
const SAME_SECOND: &str = "Last-Modified: Tue, 15 Nov 2022 08:12:31 GMT";
const ETAG: &str = "ETag: \"1\"";

#[test]
fn only_what_is_told_apart_by_each_byte_is_put_together() {
    #[rustfmt::skip]
    let rows: [(&[&str], Option<&str>); 13] = [
        (&[ETAG], Some("\"1\"")),
        (&[ETAG, BEFORE, DATE], Some("\"1\"")),
        (&[ETAG, "Accept-Ranges: bytes"], Some("\"1\"")),
        (&[ETAG, "Accept-Ranges: none"], None),
        (&["ETag: W/\"1\""], None),
        // The origin has said that bytes may differ: a time does not say more.
        (&["ETag: W/\"1\"", BEFORE, DATE], None),
        (&["ETag: 1"], None),
        (&[BEFORE, DATE], Some("Tue, 15 Nov 2022 08:12:30 GMT")),
        (&[BEFORE, DATE, "Accept-Ranges: none"], None),
        (&[SAME_SECOND, DATE], None),
        (&[BEFORE], None),
        (&["Last-Modified: yesterday", DATE], None),
        (&[], None),
    ];
    let mut failures = Vec::new();
    for (fields, expected) in rows {
        let map = headers(fields);
        let told = validator(&map).map(HeaderValue::as_bytes);
        if told != expected.map(str::as_bytes) {
            failures.push(format!("{fields:?}: {told:?}, not {expected:?}"));
        }
    }
    all_hold(&failures);
}

#[test]
fn what_is_larger_than_an_object_may_be_is_kept_in_slices() {
    use Asked::{Part, PartIfUnchanged, Whole};
    const PART: &[&str] = &[ETAG, "Content-Range: bytes 0-4/11"];
    #[rustfmt::skip]
    let rows: [(Asked, u16, &[&str], Option<u64>, Option<u64>); 14] = [
        (Whole, 200, &[ETAG], Some(11), Some(11)),
        (Whole, 200, &[ETAG], Some(10), None),
        (Whole, 200, &[ETAG], None, None),
        (Whole, 200, &[], Some(11), None),
        (Whole, 404, &[ETAG], Some(11), None),
        (Whole, 206, PART, Some(5), None),
        // It was asked for a part, and has none.
        (Part, 200, &[ETAG], Some(11), None),
        (PartIfUnchanged, 200, &[ETAG], Some(11), Some(11)),
        (Part, 206, PART, Some(5), Some(11)),
        // A part by `If-Range` need not have all fields.
        (PartIfUnchanged, 206, PART, Some(5), None),
        (Part, 206, &[ETAG, "Content-Range: bytes 0-4/10"], Some(5), None),
        (Part, 206, &[ETAG, "Content-Range: bytes 0-4/*"], Some(5), None),
        (Part, 206, &["Content-Range: bytes 0-4/11"], Some(5), None),
        (Part, 416, &[ETAG, "Content-Range: bytes */11"], Some(0), None),
    ];
    let mut failures = Vec::new();
    for row in rows {
        let (asked, status, fields, length, expected) = row;
        let status = StatusCode::from_u16(status).expect("a status");
        let total = in_slices(asked, status, &headers(fields), length, 10);
        if total != expected {
            failures.push(format!("{row:?}: {total:?}"));
        }
    }
    all_hold(&failures);
}

#[test]
fn a_slice_is_what_was_asked_for_of_the_same_answer_and_nothing_else() {
    use Came::{Changed, Failed, NotInParts, Slice};
    const RANGE: &str = "Content-Range: bytes 64-127/1000";
    const KNOWN: &[&str] = &[ETAG, BEFORE, DATE];
    const KNOWN_BY_TIME: &[&str] = &[BEFORE, DATE];
    #[rustfmt::skip]
    let rows: [(&[&str], u16, &[&str], Option<u64>, Came); 26] = [
        (KNOWN, 206, &[ETAG, RANGE], Some(64), Slice),
        (KNOWN, 206, &["ETag: \"2\"", RANGE], Some(64), Changed),
        (KNOWN, 206, &["ETag: W/\"1\"", RANGE], Some(64), Changed),
        // The tag is what it is known by.
        (KNOWN, 206, &[BEFORE, RANGE], Some(64), Changed),
        (KNOWN, 206, &[ETAG, SAME_SECOND, RANGE], Some(64), Slice),
        (KNOWN_BY_TIME, 206, &[BEFORE, RANGE], Some(64), Slice),
        (KNOWN_BY_TIME, 206, &[SAME_SECOND, RANGE], Some(64), Changed),
        (KNOWN_BY_TIME, 206, &[RANGE], Some(64), Changed),
        (KNOWN, 206, &[ETAG, "Content-Range: bytes 64-127/1001"], Some(64), Changed),
        (KNOWN, 206, &[ETAG, "Content-Range: bytes 64-127/*"], Some(64), NotInParts),
        (KNOWN, 206, &[ETAG, "Content-Range: bytes 64-126/1000"], Some(63), NotInParts),
        (KNOWN, 206, &[ETAG, "Content-Range: bytes 65-127/1000"], Some(63), NotInParts),
        (KNOWN, 206, &[ETAG, "Content-Range: bytes 0-127/1000"], Some(128), NotInParts),
        (KNOWN, 206, &[ETAG, RANGE], Some(63), NotInParts),
        (KNOWN, 206, &[ETAG, RANGE], None, NotInParts),
        (KNOWN, 206, &[ETAG], Some(64), NotInParts),
        (KNOWN, 206, &[ETAG, RANGE, "Content-Encoding: gzip"], Some(64), Changed),
        (KNOWN, 200, &[ETAG], Some(1000), NotInParts),
        (KNOWN, 200, &["ETag: \"2\""], Some(1000), Changed),
        (KNOWN, 404, &[], Some(0), Changed),
        (KNOWN, 410, &[], Some(0), Changed),
        (KNOWN, 412, &[], Some(0), Changed),
        (KNOWN, 416, &[], Some(0), Changed),
        (KNOWN, 304, &[ETAG], Some(0), Failed),
        (KNOWN, 403, &[], Some(0), Failed),
        (KNOWN, 503, &[ETAG, RANGE], Some(64), Failed),
    ];
    let mut failures = Vec::new();
    for row in rows {
        let (known, status, fields, length, expected) = row;
        let status = StatusCode::from_u16(status).expect("a status");
        let told = came(
            &headers(known),
            &(64..128),
            1000,
            status,
            &headers(fields),
            length,
        );
        if told != expected {
            failures.push(format!("{row:?}: {told:?}"));
        }
    }
    all_hold(&failures);
}

#[test]
fn a_slice_is_asked_for_with_the_whole_as_what_comes_if_it_is_another_one() {
    let tag = HeaderValue::from_static("\"1\"");
    let asked: HeaderMap = conditions(&(64..128), &tag).into_iter().collect();
    assert_eq!(asked, headers(&["Range: bytes=64-127", "If-Range: \"1\""]));
}

#[test]
fn a_slice_that_says_nothing_is_kept_with_the_whole_and_one_that_refuses_is_not() {
    use WhyNot::{Authorization, NoStore, NoTime, Private, TooOld, VariesUnknowably};
    let lifetime = Lifetime {
        fresh: 60,
        ..Lifetime::default()
    };
    let rows = [
        (Keep::For(lifetime), Ok(lifetime)),
        (Keep::Not(NoTime), Ok(Lifetime::default())),
        (Keep::Not(TooOld), Ok(Lifetime::default())),
        (Keep::Not(NoStore), Err(NoStore)),
        (Keep::Not(Private), Err(Private)),
        (Keep::Not(Authorization), Err(Authorization)),
        (Keep::Not(VariesUnknowably), Err(VariesUnknowably)),
    ];
    for (keep, expected) in rows {
        assert_eq!(kept_with_the_whole(keep), expected, "{keep:?}");
    }
}

#[test]
fn each_slice_of_each_content_has_a_key_of_its_own_that_begins_like_the_whole_ones() {
    let tags = ["\"1\"", "\"11\"", "\"\""].map(HeaderValue::from_static);
    let mut keys: Vec<Vec<u8>> = Vec::new();
    for tag in &tags {
        for index in [0, 1, 255, 256, u64::MAX] {
            let longer = key(b"whole", tag, index);
            assert!(longer.starts_with(b"whole") && longer.len() > 5);
            keys.push(longer);
        }
    }
    let count = keys.len();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), count);
}
