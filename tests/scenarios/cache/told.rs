//! How the cache took part is told: in the log, in numbers, beforehand and on one screen, in the same words.

use harness::{
    Edge, EdgeBuilder, Origin, Script, answer, edge, gate, in_front_of, operator, origin,
    patiently, viewer, viewer_of,
};
use serde_json::{Value, json};

use super::s;

/// What the scenarios' counter of this result has for every path.
fn requests(result: &str) -> String {
    format!(
        "tideover_cache_requests_total{{distribution=\"site\",behavior=\"*\",result=\"{result}\"}}"
    )
}

fn stale(reason: &str) -> String {
    format!(
        "tideover_cache_stale_total{{distribution=\"site\",behavior=\"*\",reason=\"{reason}\"}}"
    )
}

fn kept_a_minute() -> harness::Answer {
    answer(200)
        .header("Cache-Control", "max-age=60")
        .header("ETag", "\"1\"")
        .body("kept")
}

/// Kept for a minute, then good for another, then in trouble.
async fn that_fails_in_the_end() -> Origin {
    origin("app")
        .in_turn([
            Script::from(kept_a_minute()),
            answer(304).header("Cache-Control", "max-age=60").into(),
            answer(503).into(),
        ])
        .start()
        .await
}

/// An edge in front of `app` whose breaker keeps still, so that each request that has to asks.
fn without_breaker(app: &Origin) -> EdgeBuilder {
    in_front_of(app).and("[origin.app]\nurl = \"http://app.test\"\nbreaker = false")
}

/// As the viewer of the scenarios comes: to localhost, on a listener that counts as https.
async fn explained(edge: &Edge, path: &str) -> Value {
    let url = format!("https://localhost{path}");
    let url = url.replace(':', "%3A").replace('/', "%2F");
    let path = format!("/explain?method=GET&url={url}");
    let answer = viewer_of(edge.admin()).get(&path).await;
    serde_json::from_str(&answer.expect(200).text()).expect("the answer is JSON")
}

#[tokio::test]
async fn the_log_has_the_verdict_and_the_reason_that_the_answer_has() {
    let app = that_fails_in_the_end().await;
    let edge = without_breaker(&app).logs("json").start().await;

    let miss = viewer(&edge).get("/a").await;
    edge.time_passes(s(20));
    let hit = viewer(&edge).get("/a").await;
    edge.time_passes(s(41));
    let refreshed = viewer(&edge).get("/a").await;
    edge.time_passes(s(70));
    let stale = viewer(&edge).get("/a").await;
    let written = viewer(&edge).post("/a", "x").await;

    let lines = edge.log_json(5).await;
    let told = [
        (
            miss,
            json!({ "verdict": "miss", "why": "uri-miss", "ttl": 60 }),
            "Miss",
        ),
        (
            hit,
            json!({ "verdict": "hit", "age": 20, "ttl": 40 }),
            "Hit",
        ),
        (
            refreshed,
            json!({ "verdict": "refreshed", "why": "stale", "age": 0, "ttl": 60 }),
            "RefreshHit",
        ),
        (
            stale,
            json!({ "verdict": "stale", "why": "stale-if-error", "age": 70, "ttl": -10 }),
            "RefreshHit",
        ),
        (
            written,
            json!({ "verdict": "passed", "why": "method", "not_kept": "method" }),
            "Error",
        ),
    ];
    for ((answer, expected, result), line) in told.into_iter().zip(&lines) {
        assert_eq!(line["cache"], expected, "{line}");
        assert_eq!(line["result"], result, "{line}");
        if let Some(why) = expected["why"].as_str() {
            let said = answer.value("cache-status").to_owned();
            assert!(said.contains(why), "{why} in {said}");
        }
    }
}

#[tokio::test]
async fn cloudfronts_log_tells_a_hit_from_what_was_asked_about() {
    let app = that_fails_in_the_end().await;
    let edge = without_breaker(&app).logs("cloudfront").start().await;

    for passes in [0, 1, 60, 70] {
        edge.time_passes(s(passes));
        viewer(&edge).get("/a").await.expect(200);
    }
    viewer(&edge).get("/b").await.expect(503);

    let words: Vec<[String; 3]> = edge
        .log(5)
        .await
        .iter()
        .map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            // x-edge-result-type, x-edge-response-result-type, x-edge-detailed-result-type.
            [13, 22, 28].map(|field| fields[field].to_owned())
        })
        .collect();
    let all_three = |word: &str| [word, word, word].map(str::to_owned);
    assert_eq!(words[0], all_three("Miss"));
    assert_eq!(words[1], all_three("Hit"));
    assert_eq!(words[2], all_three("RefreshHit"));
    assert_eq!(words[3], all_three("RefreshHit"));
    assert_eq!(words[4][0], "Error");
}

#[tokio::test]
async fn requests_are_counted_by_what_the_cache_was_to_them() {
    let app = that_fails_in_the_end().await;
    let edge = without_breaker(&app).start().await;

    for passes in [0, 1, 60, 70] {
        edge.time_passes(s(passes));
        viewer(&edge).get("/a").await.expect(200).body("kept");
    }
    viewer(&edge).post("/a", "x").await.expect(503);

    edge.until_metric("tideover_requests_total", 5.0).await;
    for (name, value) in [
        (requests("miss"), 1.0),
        (requests("hit"), 1.0),
        (requests("refreshed"), 1.0),
        (requests("stale"), 1.0),
        (requests("passed"), 1.0),
        (requests("collapsed"), 0.0),
        (stale("stale-if-error"), 1.0),
        (stale("no-origin-answers"), 0.0),
        (
            "tideover_cache_sent_bytes_total{distribution=\"site\",behavior=\"*\"}".to_owned(),
            12.0,
        ),
        ("tideover_cache_entries".to_owned(), 1.0),
        ("tideover_cache_limit_bytes".to_owned(), 268_435_456.0),
        ("tideover_cache_fill_bytes".to_owned(), 0.0),
        // Once as it came, once freshened.
        ("tideover_cache_insertions_total".to_owned(), 2.0),
        ("tideover_cache_revalidations_total".to_owned(), 1.0),
        ("tideover_cache_evictions_total".to_owned(), 0.0),
        ("tideover_cache_refusals_total".to_owned(), 0.0),
        ("tideover_cache_invalidations_total".to_owned(), 0.0),
    ] {
        assert_eq!(edge.metric(&name).await, value, "{name}");
    }
    assert!(edge.metric("tideover_cache_bytes").await > 4.0);
}

#[tokio::test]
async fn who_reads_along_is_counted_as_collapsed() {
    let held = gate();
    let app = origin("app")
        .plays(kept_a_minute().after(&held))
        .start()
        .await;
    let edge = in_front_of(&app).start().await;

    let (one, other) = (viewer(&edge), viewer(&edge));
    let (first, second, ()) = tokio::join!(one.get("/a"), other.get("/a"), async {
        // Both are there before there is an answer.
        edge.until_metric("tideover_viewer_connections", 2.0).await;
        patiently("the origin is asked", async {
            while app.count() == 0 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        held.open();
    });

    first.expect(200).body("kept");
    second.expect(200).body("kept");
    edge.until_metric("tideover_requests_total", 2.0).await;
    assert_eq!(edge.metric(&requests("miss")).await, 1.0);
    // Whoever comes when it is whole finds it kept.
    let read = edge.metric(&requests("collapsed")).await + edge.metric(&requests("hit")).await;
    assert_eq!(read, 1.0);
    app.saw(["GET /a"]);
}

#[tokio::test]
async fn what_must_make_room_and_what_finds_none_are_counted() {
    let app = origin("app")
        .plays(
            answer(200)
                .header("Cache-Control", "max-age=60")
                .body(vec![b'x'; 40_000]),
        )
        .start()
        .await;
    let edge = in_front_of(&app)
        .and("[cache]\nmemory = \"1MiB\"\nobject = \"64KiB\"\nslice = \"64KiB\"")
        .start()
        .await;

    for number in 0..60 {
        viewer(&edge).get(&format!("/{number}")).await.expect(200);
    }

    edge.until_metric("tideover_cache_insertions_total", 60.0)
        .await;
    let entries = edge.metric("tideover_cache_entries").await;
    let evicted = edge.metric("tideover_cache_evictions_total").await;
    assert_eq!(entries + evicted, 60.0);
    assert!(evicted > 30.0, "{evicted}");
    let bytes = edge.metric("tideover_cache_bytes").await;
    assert!(bytes <= 1_048_576.0, "{bytes}");
}

#[tokio::test]
async fn a_behavior_that_keeps_nothing_has_no_numbers_of_the_cache() {
    let app = origin("app").start().await;
    let edge = in_front_of(&app).keeps_nothing().start().await;

    viewer(&edge).get("/a").await.expect(200);

    assert!(!edge.metrics().await.contains("tideover_cache_"));
    assert_eq!(operator(&edge).status().await["cache"], Value::Null);
}

#[tokio::test]
async fn behaviors_that_differ_by_method_alone_count_together_and_go_on_over_a_reload() {
    let app = origin("app").plays(kept_a_minute()).start().await;
    let text = |header: &str| {
        format!(
            r#"
            [origin.app]
            url = "http://app.test"
            headers = {{ "X-Which" = "{header}" }}
            [[distribution.site.behavior]]
            path = "/a*"
            for_methods = ["HEAD"]
            target = "app"
            [[distribution.site.behavior]]
            path = "/a*"
            target = "app"
            [distribution.site.default_behavior]
            target = "app"
            "#
        )
    };
    let edge = edge(&text("first")).origins([&app]).start().await;
    let hits =
        "tideover_cache_requests_total{distribution=\"site\",behavior=\"/a*\",result=\"hit\"}";

    viewer(&edge).get("/a").await.expect(200);
    viewer(&edge).head("/a").await.expect(200);
    edge.until_metric(hits, 1.0).await;
    edge.reloads(&text("second"));
    viewer(&edge).get("/a").await.expect(200);

    edge.until_metric(hits, 2.0).await;
    let metrics = edge.metrics().await;
    assert_eq!(metrics.matches(hits).count(), 1, "{metrics}");
}

#[tokio::test]
async fn it_is_told_beforehand_what_the_key_is_and_what_is_kept_now() {
    let app = origin("app").plays(kept_a_minute()).start().await;
    let edge = in_front_of(&app).start().await;

    let told = explained(&edge, "/a").await;
    assert_eq!(told["cache"]["now"]["verdict"], "nothing");
    assert_eq!(
        told["cache"]["key"][0],
        json!({ "part": "path", "value": "/a" })
    );
    viewer(&edge).get("/a").await.expect(200);
    edge.time_passes(s(20));

    let told = patiently("it is kept", async {
        loop {
            let told = explained(&edge, "/a").await;
            if told["cache"]["now"]["verdict"] == "fresh" {
                return told;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(
        told["cache"]["now"],
        json!({ "verdict": "fresh", "status": 200, "age": 20, "ttl": 40, "bytes": 4 })
    );
    let text = told["text"].as_str().expect("it has a text");
    for part in [
        "  cache         key: path /a, no query, header host = ",
        "a tenth of the time since its Last-Modified",
        "requests with one key at the same time wait for one fetch",
        "too old: served all the same for 86400 s more when the origins fail",
        "  kept now      fresh: status 200, 20 s old, good for 40 s more, 4 bytes",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    edge.time_passes(s(50));
    let told = explained(&edge, "/a").await;
    assert_eq!(told["cache"]["now"]["verdict"], "stale");
    assert_eq!(told["cache"]["now"]["ttl"], -10);
    app.saw(["GET /a"]);
}

#[tokio::test]
async fn the_status_says_how_much_is_kept_and_how_often_that_was_enough() {
    let app = origin("app").plays(kept_a_minute()).start().await;
    let edge = in_front_of(&app).start().await;

    for _ in 0..4 {
        viewer(&edge).get("/a").await.expect(200);
    }
    edge.until_metric(&requests("hit"), 3.0).await;

    let status = operator(&edge).status().await;
    assert_eq!(status["cache"]["entries"], 1);
    assert_eq!(status["cache"]["limit_bytes"], 268_435_456);
    assert_eq!(
        status["distributions"][0]["cache"],
        json!({ "requests": 4, "hits": 3 })
    );
}

#[tokio::test]
async fn server_timing_says_what_the_cache_was() {
    let app = origin("app").plays(kept_a_minute()).start().await;
    let edge = in_front_of(&app)
        .and("[distribution.site]\nserver_timing = true")
        .start()
        .await;

    let miss = viewer(&edge).get("/a").await;
    let hit = viewer(&edge).get("/a").await;

    let said = miss.value("server-timing").to_owned();
    assert!(said.contains(", cache;desc=miss, app;dur="), "{said}");
    let said = hit.value("server-timing").to_owned();
    assert!(said.ends_with(", cache;desc=hit"), "{said}");
}
