//! What is too old and used all the same, or must not be: RFC 9111, section 4.2.4; RFC 5861.

use super::{Row, play};

macro_rules! fails {
    ($about:expr, $fields:expr, $failure:expr, $expected:expr) => {
        Row {
            about: $about,
            answers: &[$fields, $failure],
            asks: &[("GET", "1 new"), ("+70 GET", $expected)],
        }
    };
}

#[tokio::test]
async fn if_the_origin_fails() {
    play(&[
        fails!(
            "no answer",
            "cache-control: max-age=60",
            "hangs up",
            "1 asked | age 70"
        ),
        fails!(
            "a 500",
            "cache-control: max-age=60",
            "500",
            "1 asked | age 70"
        ),
        fails!("a 503", "cache-control: max-age=60", "503", "1 asked"),
        fails!(
            "not a 404",
            "cache-control: max-age=60",
            "404",
            "2 new | 404"
        ),
        fails!(
            "for as long as it says",
            "cache-control: max-age=60, stale-if-error=60",
            "503",
            "1 asked"
        ),
        fails!(
            "and no longer",
            "cache-control: max-age=60, stale-if-error=5",
            "503",
            "2 new | 503"
        ),
        fails!(
            "never",
            "cache-control: max-age=60, stale-if-error=0",
            "503",
            "2 new | 503"
        ),
        fails!(
            "not what must be asked about",
            "cache-control: max-age=60, must-revalidate",
            "503",
            "2 new | 503"
        ),
        fails!(
            "by proxies",
            "cache-control: max-age=60, proxy-revalidate",
            "503",
            "2 new | 503"
        ),
        fails!(
            "always",
            "cache-control: max-age=60, no-cache",
            "503",
            "2 new | 503"
        ),
        fails!(
            "by shared caches",
            "cache-control: s-maxage=60",
            "503",
            "2 new | 503"
        ),
        fails!(
            "not what came too old",
            "expires: {-5000} | last-modified: {-100000}",
            "503",
            "2 new | 503"
        ),
    ])
    .await;
}

/// The word for the edge's own answer where no origin answers.
#[tokio::test]
async fn and_if_it_must_not_be_used_the_edge_says_that_nobody_answered() {
    for must_not in [
        "cache-control: max-age=60, must-revalidate",
        "cache-control: max-age=60, proxy-revalidate",
        "cache-control: s-maxage=60",
    ] {
        let app = harness::origin("app")
            .in_turn([super::scripted(1, must_not), super::scripted(2, "hangs up")])
            .start()
            .await;
        let edge = harness::in_front_of(&app).start().await;
        super::asks(&edge, "GET").await.expect(200);
        let answer = super::asks(&edge, "+70 GET").await;
        answer.expect(502).body_lacks("1\n").no_header("age");
    }
}

#[tokio::test]
async fn while_it_is_asked_for_anew() {
    play(&[Row {
        about: "not beyond its span",
        answers: &["cache-control: max-age=60, stale-while-revalidate=60"; 2],
        asks: &[("GET", "1 new"), ("+130 GET", "2 new")],
    }])
    .await;
    let app = harness::origin("app")
        .in_turn((1..3).map(|number| {
            super::scripted(
                number,
                "cache-control: max-age=60, stale-while-revalidate=60",
            )
        }))
        .start()
        .await;
    let edge = harness::in_front_of(&app).start().await;
    super::asks(&edge, "GET").await.body("1");
    super::asks(&edge, "+70 GET").await.expect(200).body("1");
    app.until_it_saw(2).await;
}
