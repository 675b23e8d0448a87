//! What was fetched before is served again, by the origin's own word, and the answer says so.

mod attacked;
mod collapsing;
mod compression;
mod conformance;
mod invalidation;
mod slices;
mod stale;
mod told;
mod written;

use std::time::Duration;

use harness::{answer, in_front_of, origin, viewer};

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[tokio::test]
async fn a_fresh_answer_is_served_without_asking_and_says_how_old_it_is() {
    let app = origin("app")
        .plays(
            answer(200)
                .header("Cache-Control", "max-age=60")
                .body("kept"),
        )
        .start()
        .await;
    let edge = in_front_of(&app).start().await;

    let first = viewer(&edge).get("/a").await;
    first.expect(200).header("x-cache", "Miss from tideover");
    first.header("cache-status", "tideover; fwd=uri-miss; stored; ttl=60");
    edge.time_passes(s(20));
    let second = viewer(&edge).get("/a").await;
    second.expect(200).body("kept").header("age", "20");
    second.header("x-cache", "Hit from tideover");
    second.header("cache-status", "tideover; hit; ttl=40");
    app.saw(["GET /a"]);
}

#[tokio::test]
async fn what_is_too_old_is_asked_about_and_freshened_by_304() {
    let app = origin("app")
        .in_turn([
            answer(200)
                .header("Cache-Control", "max-age=60")
                .header("ETag", "\"1\"")
                .body("kept"),
            answer(304).header("Cache-Control", "max-age=60"),
        ])
        .start()
        .await;
    let edge = in_front_of(&app).start().await;

    viewer(&edge).get("/a").await.expect(200);
    edge.time_passes(s(61));
    let asked = viewer(&edge).get("/a").await;
    asked.expect(200).body("kept");
    asked.header("x-cache", "RefreshHit from tideover");
    viewer(&edge)
        .get("/a")
        .await
        .expect(200)
        .header("x-cache", "Hit from tideover");
    assert_eq!(app.count(), 2);
    assert_eq!(app.requests()[1].value("if-none-match"), "\"1\"");
}

/// The page is one of the distribution's own paths: kept by its own behavior, and whole whatever was asked for.
#[tokio::test]
async fn a_custom_error_page_is_kept_like_any_other_path() {
    let app = origin("app")
        .at("/missing", answer(404))
        .at(
            "/404.html",
            answer(200)
                .header("Cache-Control", "max-age=60")
                .header("ETag", "\"p\"")
                .body("the page"),
        )
        .start()
        .await;
    let edge = in_front_of(&app)
        .and(
            "[[distribution.site.error_response]]\nerror_code = 404\npage = \"/404.html\"\nresponse_code = 404",
        )
        .start()
        .await;
    for (name, value) in [
        ("accept", "*/*"),
        ("range", "bytes=0-1"),
        ("if-none-match", "\"p\""),
    ] {
        let shown = viewer(&edge).get("/missing").header(name, value).await;
        shown.expect(404).body("the page");
        shown.header("x-cache", "Error from tideover");
    }
    let pages = app.requests();
    assert_eq!(
        pages
            .iter()
            .filter(|seen| seen.target == "/404.html")
            .count(),
        1
    );
}
