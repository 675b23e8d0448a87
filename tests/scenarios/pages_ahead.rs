//! The maintenance site's own page, fetched ahead of time: there for every path when that site is gone, too.

use harness::certificates::Certificate;
use harness::{
    Edge, EdgeBuilder, Origin, OriginBuilder, Script, answer, edge, ms, origin, patiently, viewer,
    viewer_of,
};
use serde_json::Value;

/// An application that is down, and a page of a site; a second of the config is 10 ms.
const CONFIG: &str = r#"
    [origin.app]
    url = "http://app.test"

    [origin.last]
    page_url = "http://site.test/maintenance/"
    page_interval = "1s"
    retry_after = "90s"

    [origin_group.tiers]
    members = ["app", "last"]
    fail_over_on = [500, 503]

    [distribution.site.default_behavior]
    target = "tiers"
"#;

async fn down(site: OriginBuilder) -> (Origin, Origin, EdgeBuilder) {
    let app = origin("app").answers(503).start().await;
    let site = site.start().await;
    let builder = edge(CONFIG)
        .map("app", &app.url())
        .map("last", &site.url())
        .time_scale(0.01);
    (app, site, builder)
}

fn html(status: u16, text: &str) -> Script {
    answer(status)
        .header("Content-Type", "text/html; charset=utf-8")
        .body(text)
        .into()
}

async fn shows(edge: &Edge, path: &str, part: &str) {
    patiently(&format!("{path} shows {part}"), async {
        while !viewer(edge).get(path).await.text().contains(part) {
            tokio::time::sleep(ms(5)).await;
        }
    })
    .await;
}

async fn told(edge: &Edge, part: &str) {
    patiently(&format!("an event says {part}"), async {
        loop {
            let answer = viewer_of(edge.admin()).get("/events.json").await;
            let all: Value = serde_json::from_str(&answer.text()).expect("the answer is JSON");
            let mut events = all["events"].as_array().expect("it has events").iter();
            if events.any(|event| {
                event["text"]
                    .as_str()
                    .is_some_and(|text| text.contains(part))
            }) {
                return;
            }
            tokio::time::sleep(ms(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn the_sites_own_page_is_there_when_the_site_is_gone() {
    let site = origin("site").plays(html(200, "<h1>We are back at noon</h1>"));
    let (_app, site, builder) = down(site).await;
    let mut edge = builder.start().await;
    shows(&edge, "/", "back at noon").await;
    let asked = &site.requests()[0];
    assert_eq!((&*asked.method, &*asked.target), ("GET", "/maintenance/"));
    assert_eq!(asked.value("host"), "site.test");
    assert_eq!(asked.value("accept-encoding"), "identity");
    drop(site);

    for path in ["/", "/any/path?x=1", "/maintenance/style.css"] {
        viewer(&edge)
            .get(path)
            .await
            .expect(503)
            .body("<h1>We are back at noon</h1>")
            .header("Cache-Control", "no-store")
            .header("Retry-After", "90")
            .header_has("Content-Type", "text/html");
    }
    told(&edge, "the page of last cannot be fetched").await;
    // Over a reload, and over a restart at which nobody has it any more.
    edge.reloads(&CONFIG.replace("90s", "60s"));
    viewer(&edge)
        .get("/")
        .await
        .expect(503)
        .body_has("at noon")
        .header("Retry-After", "60");
    edge.restarts();
    viewer(&edge).get("/").await.expect(503).body_has("at noon");
}

#[tokio::test]
async fn what_is_no_page_is_not_taken_and_the_last_good_one_stays() {
    let answers = [
        html(200, "<h1>the first</h1>"),
        html(404, "<h1>not found</h1>"),
        html(302, "<h1>elsewhere</h1>"),
        answer(200)
            .header("Content-Type", "text/plain")
            .body("text")
            .into(),
        html(200, &"x".repeat(1024 * 1024 + 1)),
        html(200, ""),
        html(200, "<h1>the second</h1>"),
    ];
    let (_app, _site, builder) = down(origin("site").in_turn(answers)).await;
    let edge = builder.start().await;
    shows(&edge, "/", "the first").await;
    told(&edge, "the last good copy is shown meanwhile").await;
    told(&edge, "the page of last can be fetched again").await;
    viewer(&edge)
        .get("/")
        .await
        .expect(503)
        .body("<h1>the second</h1>");
}

#[tokio::test]
async fn until_there_is_a_page_the_configs_own_is_shown() {
    let (_app, site, builder) = down(origin("site").answers(500)).await;
    let edge = builder.start().await;
    told(&edge, "what page says is shown meanwhile").await;
    viewer(&edge)
        .get("/")
        .await
        .expect(503)
        .header("Cache-Control", "no-store")
        .body_has("<html");
    assert!(site.requests().len() >= 3);
}

#[tokio::test]
async fn a_page_by_tls_is_judged_by_the_name_in_its_url() {
    let good = origin("site").https().plays(html(200, "<h1>by TLS</h1>"));
    let (_app, _site, builder) = down(good).await;
    let edge = builder.start().await;
    shows(&edge, "/", "by TLS").await;

    let other = Certificate::good("other.test");
    let other = origin("site")
        .shows(&other)
        .plays(html(200, "<h1>of others</h1>"));
    let (_app, site, builder) = down(other).await;
    let edge = builder.start().await;
    told(&edge, "the page of last cannot be fetched").await;
    site.saw_nothing();
}
