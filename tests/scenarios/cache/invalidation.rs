//! What an operator has invalidated is not used for anybody who asks after that, whatever was under way.

use std::time::Duration;

use harness::{
    Edge, Operator, Origin, Response, answer, edge, gate, in_front_of, operator, origin, patiently,
    viewer, viewer_of,
};
use serde_json::{Value, json};

/// What makes an answer fresh for that long.
const A_MINUTE: (&str, &str) = ("Cache-Control", "max-age=60");

fn fresh(body: &str) -> harness::Answer {
    answer(200).header(A_MINUTE.0, A_MINUTE.1).body(body)
}

async fn tries(operator: &Operator, order: Value) -> (u16, Value) {
    let response = operator.posts("/invalidate", &order).await;
    let told = serde_json::from_str(&response.text()).expect("the answer is JSON");
    (response.status, told)
}

/// An order for these paths of the only distribution, which has to be done.
async fn invalidates(edge: &Edge, paths: &[&str]) -> Value {
    let (status, told) = tries(&operator(edge), json!({ "paths": paths })).await;
    assert_eq!(status, 200, "{told}");
    told
}

async fn listed(edge: &Edge) -> Value {
    let response = viewer_of(edge.admin()).get("/invalidations.json").await;
    serde_json::from_str(&response.expect(200).text()).expect("the answer is JSON")
}

async fn gets(edge: &Edge, target: &str) -> Response {
    viewer(edge).get(target).await
}

/// An origin that answers in turn with the bodies `1`, `2`, `3` and `4`.
async fn counting() -> Origin {
    origin("app")
        .in_turn(["1", "2", "3", "4"].map(fresh))
        .start()
        .await
}

#[tokio::test]
async fn what_was_invalidated_is_asked_for_anew_and_nothing_else_is() {
    let app = origin("app").plays(fresh("kept")).start().await;
    let edge = in_front_of(&app).start().await;
    #[rustfmt::skip]
    let rows = [
        ("/a", "/a", true), ("/a", "/b", false), ("/a", "/a?q", false), ("/a?q", "/a?q", true),
        ("/i/*", "/i/x/y", true), ("/i/*", "/i", false), ("/a*", "/a?q", true), ("/*", "/a", true),
        ("a", "/a", true),
    ];
    for (path, target, expected) in rows {
        gets(&edge, target).await.expect(200);
        let before = gets(&edge, target).await;
        before.header("x-cache", "Hit from tideover");
        invalidates(&edge, &[path]).await;
        let after = gets(&edge, target).await;
        let is_about = after.value("x-cache") == "Miss from tideover";
        assert_eq!(is_about, expected, "{path} about {target}");
    }
}

#[tokio::test]
async fn an_order_says_what_came_of_it_and_is_listed() {
    let app = counting().await;
    let edge = in_front_of(&app).start().await;

    let first = invalidates(&edge, &["/a", "b/*"]).await;
    let second = invalidates(&edge, &["/*"]).await;

    let id = first["id"].as_str().expect("it has an id");
    assert!(id.len() == 14 && id.starts_with('I'), "{id}");
    let is_plain = |c: u8| c.is_ascii_uppercase() || c.is_ascii_digit();
    assert!(id.bytes().all(is_plain), "{id}");
    assert_eq!(first["status"], "Completed");
    assert_eq!(first["paths"], json!(["/a", "/b/*"]));
    assert_eq!(first["distribution"], "site");
    assert_eq!(first["existing"], false);
    assert!(first["took_ms"].is_number(), "{first}");
    let all = listed(&edge).await;
    let ids = [&second["id"], &first["id"]];
    assert_eq!(all["invalidations"][0]["id"], *ids[0]);
    assert_eq!(all["invalidations"][1]["id"], *ids[1]);
    assert_eq!(all["invalidations"][1]["paths"], first["paths"]);
    assert!(all["invalidations"][1]["at"].is_u64(), "{all}");
    assert_eq!(all["left_out"], 0);
}

#[tokio::test]
async fn a_reference_given_again_does_nothing_again() {
    let app = counting().await;
    let edge = in_front_of(&app).start().await;
    let operator = operator(&edge);

    let (_, first) = tries(
        &operator,
        json!({ "paths": ["/a", "/b"], "reference": "r1" }),
    )
    .await;
    gets(&edge, "/a").await.body("1");
    let again = json!({ "paths": ["b", "/a", "/a"], "reference": "r1" });
    let (status, again) = tries(&operator, again).await;
    assert_eq!((status, &again["existing"]), (200, &json!(true)));
    assert_eq!(again["id"], first["id"]);
    gets(&edge, "/a").await.body("1");
    let other = json!({ "paths": ["/a"], "reference": "r1" });
    let (status, refused) = tries(&operator, other).await;
    assert_eq!(status, 409, "{refused}");
    let id = first["id"].as_str().expect("it has an id");
    let detail = refused["detail"].as_str().expect("it says why");
    assert!(
        detail.contains(id) && detail.contains("/a, /b"),
        "{refused}"
    );
    gets(&edge, "/a").await.body("1");
    let (_, other) = tries(&operator, json!({ "paths": ["/a"], "reference": "r2" })).await;
    assert_ne!(other["id"], first["id"]);
    gets(&edge, "/a").await.body("2");
}

#[tokio::test]
async fn what_is_no_order_is_told_what_to_write_all_at_once() {
    let app = counting().await;
    let edge = in_front_of(&app).start().await;
    gets(&edge, "/a").await.body("1");
    let operator = operator(&edge);
    let many: Vec<String> = (0..3_001).map(|number| format!("/{number}")).collect();
    #[rustfmt::skip]
    let rows = [
        (json!({ "paths": ["/*", "/caf\u{e9}", "", "http://a.test/"] }), 400, &["\"/caf\u{e9}\" has 'é'; write it URL-encoded, as %C3%A9", "is empty", "has a scheme"][..]),
        (json!({ "paths": [] }), 400, &["\"paths\" is empty; write a path"]),
        (json!({ "paths": "/*" }), 400, &["write \"paths\": a list"]),
        (json!({ "paths": [7] }), 400, &["7 is no text"]),
        (json!({}), 400, &["write \"paths\""]),
        (json!({ "paths": many }), 400, &["has 3001 paths; write at most 3000"]),
        (json!({ "paths": ["/*"], "distribution": "other" }), 404, &["there is no distribution \"other\"; the config has site"]),
        (json!({ "paths": ["/*"], "path": "/*" }), 400, &["\"path\" is no field of an invalidation; write some of distribution, paths, reference"]),
        (json!({ "paths": ["/*"], "reference": "a\nb" }), 400, &["one line"]),
        (json!({ "paths": ["/*"], "reference": "r".repeat(501) }), 400, &["500 characters"]),
        (json!({ "paths": ["/*"], "reference": 1 }), 400, &["is no text"]),
        (json!({ "paths": ["a".repeat(1024 * 1024)] }), 413, &["1048576 bytes at most"]),
    ];
    for (order, expected, words) in rows {
        let (status, told) = tries(&operator, order).await;
        assert_eq!(status, expected, "{told}");
        let detail = told["detail"].as_str().unwrap_or_default();
        for word in words {
            assert!(detail.contains(word), "{detail} lacks {word}");
        }
    }
    gets(&edge, "/a").await.body("1");
    assert_eq!(listed(&edge).await["invalidations"], json!([]));
    let most: Vec<String> = (0..3_000).map(|number| format!("/{number}*")).collect();
    let (status, told) = tries(&operator, json!({ "paths": most })).await;
    assert_eq!((status, &told["more_paths"]), (200, &json!(2_900)));
}

#[tokio::test]
async fn an_order_takes_the_token_and_comes_from_no_other_site() {
    let app = counting().await;
    let edge = in_front_of(&app).start().await;
    gets(&edge, "/a").await.body("1");
    let order = json!({ "paths": ["/*"] });
    let post = || {
        let post = viewer_of(edge.admin()).post("/invalidate", &order.to_string());
        post.header("Content-Type", "application/json")
    };

    post().await.expect(401);
    let with_token = || operator(&edge).posts("/invalidate", &order);
    let foreign = with_token().header("Origin", "https://evil.example").await;
    foreign.expect(403);
    let rebound = viewer_of(edge.admin()).host("evil.example");
    rebound.post("/invalidate", "{}").await.expect(403);
    viewer_of(edge.admin())
        .get("/invalidate")
        .await
        .expect(405)
        .header("allow", "POST");
    gets(&edge, "/a").await.body("1");
    with_token().await.expect(200);
    gets(&edge, "/a").await.body("2");
}

#[tokio::test]
async fn an_order_is_about_one_distribution() {
    let app = origin("app")
        .in_turn(["1", "2", "3"].map(fresh))
        .start()
        .await;
    let edge = edge(
        r#"
        [distribution.one]
        aliases = ["one.test"]
        default_behavior = { target = "app" }
        [distribution.two]
        aliases = ["two.test"]
        default_behavior = { target = "app" }
        "#,
    )
    .origins([&app])
    .start()
    .await;
    let get = |host: &str| viewer(&edge).host(host).get("/a");
    get("one.test").await.body("1");
    get("two.test").await.body("2");

    let (status, told) = tries(&operator(&edge), json!({ "paths": ["/*"] })).await;
    assert_eq!(status, 400);
    let detail = told["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("one of one, two"), "{detail}");
    let order = json!({ "paths": ["/*"], "distribution": "one" });
    assert_eq!(tries(&operator(&edge), order).await.0, 200);

    get("two.test").await.body("2");
    get("one.test").await.body("3");
}

/// Before the head of the old answer is there, and after it.
#[tokio::test]
async fn a_fetch_that_began_before_is_neither_joined_nor_kept() {
    for has_head in [false, true] {
        let (old, new) = (gate(), gate());
        let slow = match has_head {
            false => fresh("old").after(&old),
            true => fresh("old").body_after(&old),
        };
        let app = origin("app")
            .in_turn([slow, fresh("new").after(&new), fresh("later")])
            .start()
            .await;
        let edge = in_front_of(&app)
            .flags(|flags| flags.workers = Some(2))
            .start()
            .await;

        let get = || tokio::spawn(viewer(&edge).get("/a").into_future());
        let before = get();
        app.until_it_saw(1).await;
        invalidates(&edge, &["/a"]).await;
        let after = get();
        app.until_it_saw(2).await;
        // They wait for each other, but not for what began before.
        let along = get();
        old.open();
        before.await.expect("it ends").body("old");
        new.open();
        after.await.expect("it ends").body("new");
        along.await.expect("it ends").body("new");
        gets(&edge, "/a").await.body("new");
        assert_eq!(app.count(), 2, "{has_head}");
    }
}

/// The order comes while the new answer is whole and the old one is not.
#[tokio::test]
async fn what_comes_late_does_not_take_the_place_of_what_is_newer() {
    let old = gate();
    let app = origin("app")
        .in_turn([fresh("old").body_after(&old), fresh("new"), fresh("later")])
        .start()
        .await;
    let edge = in_front_of(&app).start().await;

    let before = tokio::spawn(viewer(&edge).get("/a").into_future());
    app.until_it_saw(1).await;
    invalidates(&edge, &["/*"]).await;
    gets(&edge, "/a").await.body("new");
    old.open();
    before.await.expect("it ends").body("old");
    gets(&edge, "/a")
        .await
        .body("new")
        .header("x-cache", "Hit from tideover");
    assert_eq!(app.count(), 2);
}

#[tokio::test]
async fn a_304_brings_nothing_back() {
    let late = gate();
    let tagged = |body| fresh(body).header("ETag", "\"1\"");
    let good = answer(304).header(A_MINUTE.0, A_MINUTE.1).after(&late);
    let app = origin("app")
        .in_turn([tagged("old"), good, tagged("new")])
        .start()
        .await;
    let edge = in_front_of(&app).start().await;

    gets(&edge, "/a").await.body("old");
    edge.time_passes(Duration::from_secs(61));
    let asked = tokio::spawn(viewer(&edge).get("/a").into_future());
    app.until_it_saw(2).await;
    invalidates(&edge, &["/a"]).await;
    late.open();
    asked.await.expect("it ends").expect(200).body("old");
    gets(&edge, "/a").await.body("new");
    assert!(!app.requests()[2].has("if-none-match"));
}

#[tokio::test]
async fn a_refresh_beside_brings_nothing_back() {
    for status in [200, 304] {
        let late = gate();
        let stale = fresh("old").header("ETag", "\"1\"");
        let stale = stale.header("Cache-Control", "stale-while-revalidate=600");
        let refreshed = answer(status).header(A_MINUTE.0, A_MINUTE.1);
        let refreshed = refreshed.after(&late);
        let refreshed = if status == 200 {
            refreshed.body("old, too")
        } else {
            refreshed
        };
        let app = origin("app")
            .in_turn([stale, refreshed, fresh("new"), fresh("later")])
            .start()
            .await;
        let edge = in_front_of(&app).start().await;

        gets(&edge, "/a").await.body("old");
        edge.time_passes(Duration::from_secs(61));
        gets(&edge, "/a").await.body("old");
        app.until_it_saw(2).await;
        invalidates(&edge, &["/a"]).await;
        gets(&edge, "/a").await.body("new");
        late.open();
        // The refresh is over when its connection serves another.
        app.until_it_saw(3).await;
        gets(&edge, "/other").await.expect(200);
        gets(&edge, "/a").await.body("new");
        assert_eq!(app.count(), 4, "{status}");
    }
}

#[tokio::test]
async fn what_was_invalidated_stands_in_for_nobody() {
    let app = origin("app")
        .in_turn([fresh("old"), answer(503).body("down")])
        .start()
        .await;
    let edge = in_front_of(&app).start().await;

    gets(&edge, "/a").await.body("old");
    edge.time_passes(Duration::from_secs(61));
    gets(&edge, "/a").await.expect(200).body("old");
    invalidates(&edge, &["/a"]).await;
    gets(&edge, "/a").await.expect(503);
}

#[tokio::test]
async fn every_variant_is_invalidated() {
    let varies = |body| fresh(body).header("Vary", "Accept-Language");
    let app = origin("app")
        .in_turn(["1", "2", "3", "4", "5"].map(varies))
        .start()
        .await;
    let edge = in_front_of(&app).start().await;
    let get = |language: &str| viewer(&edge).get("/a").header("Accept-Language", language);

    get("de").await.body("1");
    get("fr").await.body("2");
    get("de").await.body("1");
    invalidates(&edge, &["/a"]).await;
    get("fr").await.body("3");
    get("de").await.body("4");
    get("fr").await.body("3");
    get("de").await.body("4");
}

#[tokio::test]
async fn that_nobody_waits_for_a_key_is_forgotten_too() {
    let together = gate();
    let private = answer(200).header("Cache-Control", "private").body("mine");
    let shared = fresh("ours").after(&together);
    let app = origin("app")
        .in_turn([private, shared, fresh("later")])
        .start()
        .await;
    let edge = in_front_of(&app).start().await;

    gets(&edge, "/a").await.body("mine");
    invalidates(&edge, &["/a"]).await;
    let get = || tokio::spawn(viewer(&edge).get("/a").into_future());
    let first = get();
    app.until_it_saw(2).await;
    let second = get();
    // Else it would be at the origin by now, as soon as a request that came after it is.
    gets(&edge, "/b").await.body("later");
    together.open();
    first.await.expect("it ends").body("ours");
    second.await.expect("it ends").body("ours");
    assert_eq!(app.count(), 3);
}

#[tokio::test]
async fn orders_outlive_a_reload() {
    let app = counting().await;
    let text = |attempts: &str| {
        format!(
            "[distribution.site]\nattempts = {attempts:?}\ndefault_behavior = {{ target = \"app\" }}"
        )
    };
    let edge = edge(&text("public")).origins([&app]).start().await;

    gets(&edge, "/a").await.body("1");
    let order = json!({ "paths": ["/a"], "reference": "r1" });
    let (_, first) = tries(&operator(&edge), order.clone()).await;
    edge.reloads(&text("off"));
    gets(&edge, "/a").await.body("2");
    let (_, again) = tries(&operator(&edge), order).await;
    assert_eq!(again["id"], first["id"]);
    gets(&edge, "/a").await.body("2");
    assert_eq!(listed(&edge).await["invalidations"][0]["id"], first["id"]);
}

/// Requests go on all the time, on all workers. None that began after an order was answered gets what is older.
#[tokio::test]
async fn whoever_asks_after_the_order_gets_nothing_older() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
    const ORDERS: u64 = 40;

    // The origin counts its answers, so that a body says after which of them it was made.
    let bodies: Vec<_> = (0..2_000).map(|n| fresh(&n.to_string())).collect();
    let app = origin("app").in_turn(bodies).start().await;
    let edge = in_front_of(&app)
        .flags(|flags| flags.workers = Some(4))
        .start()
        .await;
    // The answers that the origin had begun when the latest order was answered: any of them may be older than it.
    let oldest = Arc::new(AtomicU64::new(0));
    let over = Arc::new(AtomicBool::new(false));
    let viewers: Vec<_> = (0..6)
        .map(|_| {
            let (oldest, over) = (Arc::clone(&oldest), Arc::clone(&over));
            let viewer = viewer(&edge);
            tokio::spawn(async move {
                let mut seen = 0;
                while !over.load(SeqCst) {
                    let bound = oldest.load(SeqCst);
                    let body = viewer.get("/a").await.expect(200).text();
                    let number: u64 = body.parse().expect("a number");
                    assert!(number >= bound, "{number} was made before {bound}");
                    seen += 1;
                }
                seen
            })
        })
        .collect();
    for _ in 0..ORDERS {
        // Nothing new is kept unless somebody asks: this one does.
        gets(&edge, "/a").await.expect(200);
        let made = app.count() as u64;
        invalidates(&edge, &["/a"]).await;
        oldest.store(made, SeqCst);
    }
    over.store(true, SeqCst);
    for viewer in viewers {
        let seen: u64 = patiently("a viewer ends", viewer).await.expect("it ends");
        assert!(seen > 0);
    }
    // Else they were no hits at all.
    assert!(app.count() as u64 <= ORDERS * 8, "{}", app.count());
}
