//! A write that went well makes what was kept of its URI, and of those that its answer names, unusable (RFC 9111, section 4.4).

use harness::{Edge, Response, answer, gate, in_front_of, origin, viewer};

fn fresh(body: &str) -> harness::Answer {
    answer(200).header("Cache-Control", "max-age=60").body(body)
}

async fn gets(edge: &Edge, target: &str) -> Response {
    viewer(edge).get(target).await
}

fn is_hit(response: &Response) -> bool {
    response.value("x-cache") == "Hit from tideover"
}

#[tokio::test]
async fn a_write_that_went_well_makes_what_was_kept_unusable() {
    for (method, status, expected) in [
        ("POST", 200, true),
        ("PUT", 204, true),
        ("DELETE", 303, true),
        ("PATCH", 200, true),
        ("POST", 404, false),
        ("POST", 500, false),
        ("OPTIONS", 200, false),
    ] {
        let app = origin("app")
            .in_turn([fresh("old"), answer(status), fresh("new")])
            .start()
            .await;
        let edge = in_front_of(&app).start().await;
        gets(&edge, "/a?b").await.body("old");
        viewer(&edge).request(method, "/a?b").await.expect(status);
        let after = gets(&edge, "/a?b").await;
        assert_eq!(after.text() == "new", expected, "{method} {status}");
    }
}

#[tokio::test]
async fn every_variant_goes_with_a_write() {
    let varies = |body| fresh(body).header("Vary", "Accept-Language");
    let app = origin("app")
        .in_turn([
            varies("1"),
            varies("2"),
            answer(204),
            varies("3"),
            varies("4"),
        ])
        .start()
        .await;
    let edge = in_front_of(&app).start().await;
    let get = |language: &str| viewer(&edge).get("/a").header("Accept-Language", language);

    get("de").await.body("1");
    get("fr").await.body("2");
    get("fr").await.body("2");
    viewer(&edge).post("/a", "it").await.expect(204);
    get("de").await.body("3");
    get("fr").await.body("4");
    get("de").await.body("3");
}

/// Before the head of the old answer is there, and after it; of one answer for all, and of one among several.
#[tokio::test]
async fn a_fetch_that_began_before_a_write_is_neither_joined_nor_kept() {
    for (has_head, varies) in [(false, false), (true, false), (false, true), (true, true)] {
        let (old, new) = (gate(), gate());
        let of = |body| match varies {
            false => fresh(body),
            true => fresh(body).header("Vary", "Accept-Language"),
        };
        let slow = match has_head {
            false => of("old").after(&old),
            true => of("old").body_after(&old),
        };
        let app = origin("app")
            .in_turn([slow, answer(204), of("new").after(&new), of("later")])
            .start()
            .await;
        let edge = in_front_of(&app)
            .flags(|flags| flags.workers = Some(2))
            .start()
            .await;
        let get = || tokio::spawn(viewer(&edge).get("/a").into_future());

        let before = get();
        app.until_it_saw(1).await;
        viewer(&edge).post("/a", "it").await.expect(204);
        let after = get();
        app.until_it_saw(3).await;
        old.open();
        before.await.expect("it ends").body("old");
        new.open();
        after.await.expect("it ends").body("new");
        let last = gets(&edge, "/a").await;
        last.body("new");
        assert!(is_hit(&last), "{has_head} {varies}");
        assert_eq!(app.count(), 3);
    }
}

#[tokio::test]
async fn a_304_brings_nothing_back_that_was_written() {
    let late = gate();
    let tagged = |body| fresh(body).header("ETag", "\"1\"");
    let good = answer(304).header("Cache-Control", "max-age=60");
    let app = origin("app")
        .in_turn([tagged("old"), good.after(&late), answer(204), tagged("new")])
        .start()
        .await;
    let edge = in_front_of(&app).start().await;

    gets(&edge, "/a").await.body("old");
    edge.time_passes(std::time::Duration::from_secs(61));
    let asked = tokio::spawn(viewer(&edge).get("/a").into_future());
    app.until_it_saw(2).await;
    viewer(&edge).post("/a", "it").await.expect(204);
    late.open();
    asked.await.expect("it ends").expect(200).body("old");
    gets(&edge, "/a").await.body("new");
    assert!(!app.requests()[3].has("if-none-match"));
}

#[tokio::test]
async fn what_the_answer_names_on_the_same_host_goes_too() {
    for (status, name, named, expected) in [
        (201, "Location", "/items/7", true),
        (303, "Location", "../items/7", true),
        (201, "Location", "http://www.test/items/7", true),
        (200, "Content-Location", "/items/7", true),
        (201, "Location", "http://other.test/items/7", false),
        (200, "Content-Location", "http://other.test/items/7", false),
        (201, "Location", "/items/8", false),
        // What went wrong has written nothing.
        (409, "Location", "/items/7", false),
        (500, "Content-Location", "/items/7", false),
    ] {
        let app = origin("app")
            .at("/items/7", fresh("seven"))
            .at("/items/", answer(status).header(name, named))
            .start()
            .await;
        let edge = in_front_of(&app).start().await;
        let viewer = || viewer(&edge).host("www.test");
        viewer().get("/items/7").await.body("seven");
        viewer().post("/items/", "it").await.expect(status);
        let after = viewer().get("/items/7").await;
        after.body("seven");
        assert_eq!(!is_hit(&after), expected, "{status} {name}: {named}");
    }
}

#[tokio::test]
async fn a_write_goes_for_the_behavior_that_reads() {
    let app = origin("app")
        .in_turn([fresh("old"), answer(204), fresh("new")])
        .start()
        .await;
    let edge = harness::edge(
        r#"
        [distribution.site]
        default_root_object = "index.html"
        [[distribution.site.behavior]]
        path = "*"
        for_methods = ["POST"]
        target = "app"
        cache = "off"
        [distribution.site.default_behavior]
        target = "app"
        "#,
    )
    .origins([&app])
    .start()
    .await;

    gets(&edge, "/").await.body("old");
    viewer(&edge).post("/", "it").await.expect(204);
    gets(&edge, "/").await.body("new");
}
