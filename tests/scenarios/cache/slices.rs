//! What is too large to be kept whole is kept in slices: its first byte does not wait for its last, nobody's memory holds it, and
//! bytes of two contents are never mixed.

use std::ops::Range;
use std::time::Duration;

use harness::{
    Content, Edge, EdgeBuilder, Line, Object, Origin, Protocol, Response, Step, edge, in_front_of,
    nginx, object, origin, settles, tiers, viewer, viewer_by,
};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const SLICE: u64 = 64 * KIB;
const TAG: &str = "\"one\"";

/// Small bounds: what is beyond 1 MiB is large.
const BOUNDS: &str = r#"
    [cache]
    memory = "8MiB"
    object = "1MiB"
    slice = "64KiB"
    "#;

async fn shows(name: &str, object: &Object) -> Origin {
    origin(name).plays(object).start().await
}

fn before(origin: &Origin) -> EdgeBuilder {
    in_front_of(origin).and(BOUNDS)
}

/// An edge that knows of the large object at `/a`, whose head it has got by asking for its first byte.
async fn knows_of_it(builder: EdgeBuilder) -> Edge {
    let edge = builder.start().await;
    let cold = part(&edge, 0..1).await;
    cold.expect(206);
    edge
}

/// A viewer who has got the head of the whole, and no more yet.
async fn begins_to_read(edge: &Edge) -> (Line, Response) {
    let mut line = viewer(edge).connects().await;
    line.sends("GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await;
    let head = line.receives_a_head().await;
    (line, head)
}

async fn part(edge: &Edge, bytes: Range<u64>) -> Response {
    let range = format!("bytes={}-{}", bytes.start, bytes.end - 1);
    viewer(edge).get("/a").header("Range", &range).await
}

/// The answer has these bytes of the content with this tag, and no others.
#[track_caller]
fn has(response: &Response, tag: &str, bytes: Range<u64>) {
    response.whole();
    is_a_beginning_of(response, tag, bytes.clone());
    assert_eq!(response.body.len() as u64, bytes.end - bytes.start);
}

/// What came is of this content, however little.
#[track_caller]
fn is_a_beginning_of(response: &Response, tag: &str, bytes: Range<u64>) {
    let came = bytes.start..bytes.start + response.body.len() as u64;
    assert!(came.end <= bytes.end, "too much came: {came:?}");
    let expected = Content::of(tag).bytes(came);
    let differs = std::iter::zip(&response.body, &expected).position(|(came, due)| came != due);
    assert_eq!(differs, None, "the first byte that is another one");
}

/// The ranges that the origin was asked for, in order of their beginnings.
fn asked_for(origin: &Origin) -> Vec<String> {
    let mut ranges: Vec<String> = origin
        .requests()
        .iter()
        .map(|request| request.value("range").to_owned())
        .collect();
    ranges.sort_by_key(|range| {
        let first = range.trim_start_matches("bytes=").split('-').next();
        first.and_then(|first| first.parse().ok()).unwrap_or(0_u64)
    });
    ranges
}

/// `bytes=0-65535`, and so on for so many slices of `total` bytes.
fn slices(total: u64) -> Vec<String> {
    let begins = (0..total).step_by(usize::try_from(SLICE).unwrap_or_default());
    begins
        .map(|begin| format!("bytes={begin}-{}", total.min(begin + SLICE) - 1))
        .collect()
}

#[tokio::test]
async fn it_passes_once_and_is_then_served_in_slices_whole_and_in_parts() {
    const TOTAL: u64 = 2 * MIB + 5;
    let app = shows("app", &object(TOTAL, TAG)).await;
    let edge = before(&app).start().await;

    let first = viewer(&edge).get("/a").await;
    first.expect(200).header("x-cache", "Miss from tideover");
    has(&first, TAG, 0..TOTAL);
    let second = viewer(&edge).get("/a").await;
    second
        .expect(200)
        .header("content-length", &TOTAL.to_string());
    second.header("etag", TAG).no_header("content-range");
    second.header("cache-status", "tideover; fwd=partial; stored; ttl=3600");
    has(&second, TAG, 0..TOTAL);
    let third = viewer(&edge).get("/a").await;
    third.expect(200).header("x-cache", "Hit from tideover");
    has(&third, TAG, 0..TOTAL);

    let mut asked = asked_for(&app);
    assert_eq!(asked.remove(0), "");
    assert_eq!(asked, slices(TOTAL));

    for bytes in [
        0..1,
        5..6,
        SLICE - 1..SLICE + 1,
        SLICE..2 * SLICE,
        SLICE + 7..5 * SLICE + 9,
        TOTAL - 6..TOTAL,
        TOTAL - 1..TOTAL,
    ] {
        let response = part(&edge, bytes.clone()).await;
        response.expect(206).header("x-cache", "Hit from tideover");
        let told = format!("bytes {}-{}/{TOTAL}", bytes.start, bytes.end - 1);
        response.header("content-range", &told);
        has(&response, TAG, bytes);
    }
    let behind = part(&edge, TOTAL..TOTAL + 1).await;
    behind
        .expect(416)
        .header("content-range", &format!("bytes */{TOTAL}"));
    let head = viewer(&edge).head("/a").await;
    head.expect(200)
        .header("content-length", &TOTAL.to_string());
    let has_it = viewer(&edge).get("/a").header("If-None-Match", TAG).await;
    has_it.expect(304);
    assert_eq!(app.count(), 1 + slices(TOTAL).len());
}

#[tokio::test]
async fn a_part_that_nobody_asked_for_before_tells_of_the_whole() {
    const TOTAL: u64 = 5_000_000_000;
    let app = shows("app", &object(TOTAL, TAG)).await;
    let edge = before(&app).start().await;

    let first = part(&edge, 0..10).await;
    first.expect(206).header("content-length", "10");
    has(&first, TAG, 0..10);
    let end = part(&edge, TOTAL - 10..TOTAL).await;
    end.expect(206);
    has(&end, TAG, TOTAL - 10..TOTAL);
    let middle = part(&edge, 4_294_967_290..4_294_967_300).await;
    has(&middle, TAG, 4_294_967_290..4_294_967_300);

    let last = TOTAL - TOTAL % SLICE;
    assert_eq!(
        asked_for(&app),
        [
            "bytes=0-9".to_owned(),
            format!("bytes={}-{}", 65_535 * SLICE, 65_536 * SLICE - 1),
            format!("bytes={}-{}", 65_536 * SLICE, 65_537 * SLICE - 1),
            format!("bytes={last}-{}", TOTAL - 1),
        ]
    );
}

#[tokio::test]
async fn twenty_who_read_it_at_once_ask_for_each_slice_once() {
    const TOTAL: u64 = 2 * MIB;
    let app = shows("app", &object(TOTAL, TAG)).await;
    let edge = knows_of_it(before(&app)).await;

    let viewers = (0..20).map(|_| {
        let asks = viewer(&edge).get("/a");
        tokio::spawn(async move { asks.await })
    });
    let viewers: Vec<_> = viewers.collect();
    for viewer in viewers {
        let response = viewer.await.expect("a viewer does not panic");
        response.expect(200);
        has(&response, TAG, 0..TOTAL);
    }
    let mut asked = asked_for(&app);
    assert_eq!(asked.remove(0), "bytes=0-0");
    assert_eq!(asked, slices(TOTAL));
}

#[tokio::test]
async fn a_burst_for_what_is_not_known_yet_passes_once() {
    const TOTAL: u64 = 2 * MIB;
    let it = object(TOTAL, TAG);
    let gate = harness::gate();
    it.waits_for(&gate);
    let app = shows("app", &it).await;
    let edge = before(&app).start().await;

    let viewers = (0..10).map(|_| {
        let asks = viewer(&edge).get("/a");
        tokio::spawn(async move { asks.await })
    });
    let viewers: Vec<_> = viewers.collect();
    app.until_it_saw(1).await;
    gate.open();
    for viewer in viewers {
        let response = viewer.await.expect("a viewer does not panic");
        has(response.expect(200), TAG, 0..TOTAL);
    }
    let mut asked = asked_for(&app);
    assert_eq!(asked.remove(0), "");
    assert_eq!(asked, slices(TOTAL));
}

#[tokio::test]
async fn who_leaves_has_nothing_more_asked_for() {
    let app = shows("app", &object(5_000_000_000, TAG)).await;
    let edge = knows_of_it(before(&app)).await;

    let (mut line, head) = begins_to_read(&edge).await;
    head.expect(200);
    let begin = line.receives_bytes(100).await;
    assert_eq!(begin, Content::of(TAG).bytes(0..100));
    line.resets();
    let asked = settles(|| app.count() as u64).await;
    // What the sockets between them hold is a few MiB at most.
    assert!(asked < 200, "{asked} slices");
    edge.until_metric("tideover_viewer_connections", 0.0).await;
}

#[tokio::test]
async fn an_origin_that_dies_in_the_middle_cuts_it_there() {
    const BREAKS: u64 = 7 * SLICE + 100;
    let it = object(2 * MIB, TAG);
    let app = shows("app", &it).await;
    let edge = knows_of_it(before(&app)).await;

    it.breaks_at(Some(BREAKS));
    let response = viewer(&edge).get("/a").await;
    response.expect(200).cut();
    is_a_beginning_of(&response, TAG, 0..BREAKS);
    assert!(response.body.len() as u64 >= 7 * SLICE);

    it.breaks_at(None);
    let response = viewer(&edge).get("/a").await;
    has(response.expect(200), TAG, 0..2 * MIB);
}

#[tokio::test]
async fn a_content_that_changes_in_the_middle_cuts_it_and_is_not_mixed() {
    for heeds_conditions in [true, false] {
        let it = object(5_000_000_000, TAG);
        let app = shows("app", &it).await;
        if !heeds_conditions {
            it.forgets_conditions();
        }
        let edge = knows_of_it(before(&app)).await;

        let (mut line, mut response) = begins_to_read(&edge).await;
        it.becomes(5_000_000_000, "\"two\"");
        line.receives_the_rest(&mut response).await;
        response.expect(200).cut();
        is_a_beginning_of(&response, TAG, 0..5_000_000_000);

        let response = part(&edge, 0..100).await;
        response.expect(206).header("etag", "\"two\"");
        has(&response, "\"two\"", 0..100);
        let response = part(&edge, 0..SLICE + 1).await;
        has(&response, "\"two\"", 0..SLICE + 1);
    }
}

#[tokio::test]
async fn a_change_that_shows_before_the_first_byte_is_the_new_answer() {
    let it = object(2 * MIB, TAG);
    let app = shows("app", &it).await;
    let edge = knows_of_it(before(&app)).await;

    it.becomes(3 * MIB, "\"two\"");
    let response = viewer(&edge).get("/a").await;
    response.expect(200).header("etag", "\"two\"");
    has(&response, "\"two\"", 0..3 * MIB);
    let response = part(&edge, MIB..MIB + 9).await;
    response.expect(206);
    has(&response, "\"two\"", MIB..MIB + 9);
    it.becomes(10, "\"three\"");
    let response = part(&edge, 2 * MIB..2 * MIB + 9).await;
    response.expect(416);
    let response = viewer(&edge).get("/a").await;
    has(response.expect(200), "\"three\"", 0..10);
}

#[tokio::test]
async fn the_next_member_goes_on_with_the_same_content_and_with_no_other() {
    for (tag, goes_on) in [(TAG, true), ("\"two\"", false)] {
        const TOTAL: u64 = 64 * MIB;
        let primary = shows("primary", &object(TOTAL, TAG)).await;
        let secondary = shows("secondary", &object(TOTAL, tag)).await;
        let edge = knows_of_it(tiers([&primary, &secondary], [503]).and(BOUNDS)).await;

        let (mut line, mut response) = begins_to_read(&edge).await;
        response.expect(200);
        drop(primary);
        line.receives_the_rest(&mut response).await;
        if goes_on {
            has(&response, TAG, 0..TOTAL);
        } else {
            response.cut();
            is_a_beginning_of(&response, TAG, 0..TOTAL);
        }
        assert!(secondary.count() > 0);
    }
}

#[tokio::test]
async fn what_is_too_old_is_asked_about_and_its_slices_are_good_again() {
    let it = object(2 * MIB, TAG);
    let app = shows("app", &it).await;
    let edge = knows_of_it(before(&app)).await;
    part(&edge, 0..100).await.expect(206);
    assert_eq!(app.count(), 2);

    edge.time_passes(Duration::from_secs(3601));
    let response = part(&edge, 0..100).await;
    response
        .expect(206)
        .header("x-cache", "RefreshHit from tideover");
    has(&response, TAG, 0..100);
    assert_eq!(app.count(), 3);
    let asked = app.requests().pop().expect("it was asked");
    assert_eq!(asked.value("if-none-match"), TAG);
    assert!(!asked.has("range"));
    part(&edge, 0..100)
        .await
        .expect(206)
        .header("x-cache", "Hit from tideover");

    edge.time_passes(Duration::from_secs(3601));
    it.becomes(2 * MIB, "\"two\"");
    let response = part(&edge, 0..100).await;
    response.expect(206).header("etag", "\"two\"");
    has(&response, "\"two\"", 0..100);
    let response = viewer(&edge).get("/a").await;
    has(response.expect(200), "\"two\"", 0..2 * MIB);
}

#[tokio::test]
async fn an_origin_that_does_not_know_parts_is_not_asked_for_them_again() {
    const TOTAL: u64 = 2 * MIB;
    let it = object(TOTAL, TAG);
    it.forgets_ranges();
    let app = shows("app", &it).await;
    let edge = before(&app).start().await;

    for asked in [1, 3, 4, 5] {
        let response = viewer(&edge).get("/a").await;
        has(response.expect(200), TAG, 0..TOTAL);
        assert_eq!(app.count(), asked);
    }
}

#[tokio::test]
async fn what_nothing_tells_apart_is_not_kept_in_slices() {
    for (name, value) in [("ETag", "W/\"1\""), ("Accept-Ranges", "none"), ("A", "b")] {
        let it = object(2 * MIB, TAG);
        it.says(name, value);
        if name != "Accept-Ranges" {
            it.drops_its_tag();
        }
        let app = shows("app", &it).await;
        let edge = before(&app).start().await;
        for _ in 0..3 {
            let response = viewer(&edge).get("/a").await;
            has(response.expect(200), TAG, 0..2 * MIB);
        }
        assert_eq!(asked_for(&app), ["", "", ""], "{name}: {value}");
    }
}

#[tokio::test]
async fn what_is_kept_outlives_its_origin_and_what_is_not_is_an_error_of_its_own() {
    let app = shows("app", &object(2 * MIB, TAG)).await;
    let edge = knows_of_it(before(&app)).await;
    part(&edge, 0..3 * SLICE).await.expect(206);
    drop(app);

    let response = part(&edge, 5..3 * SLICE).await;
    has(response.expect(206), TAG, 5..3 * SLICE);
    part(&edge, 4 * SLICE..5 * SLICE).await.expect(502);
    let response = viewer(&edge).get("/a").await;
    response.expect(200).cut();
    is_a_beginning_of(&response, TAG, 0..3 * SLICE);
}

#[tokio::test]
async fn over_http_2_it_is_the_same() {
    const TOTAL: u64 = 2 * MIB + 5;
    let app = shows("app", &object(TOTAL, TAG)).await;
    let edge = before(&app).tls().start().await;

    for _ in 0..3 {
        let response = viewer_by(&edge, Protocol::Http2).get("/a").await;
        has(response.expect(200), TAG, 0..TOTAL);
    }
    let asks = viewer_by(&edge, Protocol::Http2)
        .get("/a")
        .header("Range", "bytes=65530-200000");
    let response = asks.await;
    has(response.expect(206), TAG, 65_530..200_001);
    let head = viewer_by(&edge, Protocol::Http2).head("/a").await;
    head.expect(200)
        .header("content-length", &TOTAL.to_string());
    assert_eq!(app.count(), 1 + slices(TOTAL).len());
}

#[tokio::test]
async fn four_who_read_different_places_hold_two_slices_each() {
    const TOTAL: u64 = 5_000_000_000;
    const EACH: u64 = 32 * MIB;
    let app = shows("app", &object(TOTAL, TAG)).await;
    let edge = knows_of_it(before(&app)).await;
    let content = Content::of(TAG);

    let begins_with = resident();
    let mut lines = Vec::new();
    for place in 0..4 {
        let begin = place * 1_000_000_000 + 17;
        let mut line = viewer(&edge).connects().await;
        let range = format!("bytes={begin}-{}", begin + EACH - 1);
        line.sends(format!(
            "GET /a HTTP/1.1\r\nHost: localhost\r\nRange: {range}\r\n\r\n"
        ))
        .await;
        line.receives_a_head().await.expect(206);
        lines.push((begin, line));
    }
    let mut most = 0;
    for mib in 0..EACH / MIB {
        for (begin, line) in &mut lines {
            let at = *begin + mib * MIB;
            let came = line.receives_bytes(MIB).await;
            assert!(
                came == content.bytes(at..at + MIB),
                "the bytes from {at} on"
            );
        }
        most = most.max(resident());
    }
    // The cache has its 8 MiB; the rest is of buffers here and there, of viewers and of the origin, who are in this process too.
    let more = most.saturating_sub(begins_with) / MIB;
    assert!(more < 48, "{more} MiB");
}

/// Bytes of memory that this process has.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("a process knows itself");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.expect("it has a size") * KIB
}

#[tokio::test]
async fn a_file_of_64_mib_that_nginx_has_comes_out_of_slices() {
    const TOTAL: u64 = 64 * MIB;
    let marks = [0, SLICE - 4, 33 * MIB + 1, TOTAL - 8];
    let server = nginx("app", "expires 1h;")
        .hole("a", TOTAL, &marks)
        .start()
        .await;
    let edge = edge("[distribution.site.default_behavior]\ntarget = \"app\"\n")
        .map("app", &server.url())
        .and(BOUNDS)
        .start()
        .await;

    let cold = viewer(&edge).get("/a").header("Range", "bytes=-8").await;
    cold.expect(206);
    assert_eq!(cold.body, (TOTAL - 8).to_be_bytes());
    let whole = viewer(&edge).get("/a").await;
    whole.expect(200).whole();
    assert_eq!(whole.body.len() as u64, TOTAL);
    for mark in marks {
        let at = usize::try_from(mark).expect("it fits");
        assert_eq!(whole.body[at..at + 8], mark.to_be_bytes(), "at {mark}");
    }
    let bytes: usize = whole.body.iter().filter(|byte| **byte != 0).count();
    let due = marks.iter().flat_map(|mark| mark.to_be_bytes());
    assert_eq!(bytes, due.filter(|byte| *byte != 0).count());
    let part = viewer(&edge)
        .get("/a")
        .header("Range", "bytes=34603009-34603016")
        .await;
    part.expect(206);
    assert_eq!(part.body, (33 * MIB + 1).to_be_bytes());
    let log = server.logged(1 + 1024).await;
    assert!(
        log.iter().all(|line| line.contains("GET /a 206 ")),
        "{log:?}"
    );
}

#[tokio::test]
async fn what_chooses_among_whole_answers_chooses_among_their_slices() {
    let it = object(2 * MIB, TAG);
    it.says("Vary", "Accept-Language");
    let app = shows("app", &it).await;
    let edge = before(&app).start().await;
    let asks = |language: &str| {
        viewer(&edge)
            .get("/a")
            .header("Accept-Language", language)
            .header("Range", "bytes=0-99")
    };

    for language in ["de", "de", "de"] {
        has(asks(language).await.expect(206), TAG, 0..100);
    }
    assert_eq!(app.count(), 2);
    it.becomes(2 * MIB, "\"two\"");
    has(asks("en").await.expect(206), "\"two\"", 0..100);
    has(asks("en").await.expect(206), "\"two\"", 0..100);
    has(asks("de").await.expect(206), TAG, 0..100);
    assert_eq!(app.count(), 4);
}

#[tokio::test]
async fn an_origin_that_falls_silent_in_what_is_kept_is_waited_for_no_longer_than_otherwise() {
    let head = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 10\r\n\r\n";
    let app = origin("app")
        .plays([
            Step::ReadBody,
            Step::Send(head.into()),
            Step::Send("abc".into()),
            Step::Silence,
        ])
        .start()
        .await;
    let edge = before(&app)
        .and("[origin.app]\nurl = \"http://app.test\"\nresponse_timeout = \"200ms\"")
        .start()
        .await;

    let response = viewer(&edge).get("/a").await;
    response.expect(200).cut();
    assert_eq!(response.text(), "abc");
}
