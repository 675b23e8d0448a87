//! The operator's page: it is whole in itself, shows what goes on as it goes on, and switches.

use std::time::{Duration, Instant};

use harness::{
    Edge, Line, TOKEN, browser, edge, ms, operator, origin, patiently, tiers, viewer, viewer_of,
};
use serde_json::{Value, json};

const USUAL: [u16; 4] = [500, 502, 503, 504];

/// Everything that the page is made of, and what each part is.
const PARTS: [(&str, &str); 9] = [
    ("/", "text/html; charset=utf-8"),
    ("/page.css", "text/css; charset=utf-8"),
    ("/page.js", "text/javascript; charset=utf-8"),
    ("/elements.js", "text/javascript; charset=utf-8"),
    ("/lanes.js", "text/javascript; charset=utf-8"),
    ("/plots.js", "text/javascript; charset=utf-8"),
    ("/stream.js", "text/javascript; charset=utf-8"),
    ("/switch.js", "text/javascript; charset=utf-8"),
    ("/words.js", "text/javascript; charset=utf-8"),
];

#[tokio::test]
async fn the_page_is_whole_in_itself_and_says_so_to_browsers() {
    let only = origin("only").start().await;
    let edge = tiers([&only], USUAL).start().await;
    for (path, media_type) in PARTS {
        let response = viewer_of(edge.admin()).get(path).await;
        response
            .expect(200)
            .header("Content-Type", media_type)
            .header("Cache-Control", "no-store")
            .header("X-Content-Type-Options", "nosniff")
            .header("Referrer-Policy", "no-referrer");
        let policy = response.value("content-security-policy");
        let said: Vec<&str> = policy.split(';').map(str::trim).collect();
        for directive in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            "connect-src 'self'",
            "frame-ancestors 'none'",
        ] {
            assert!(
                said.contains(&directive),
                "{path}: {directive} is not in {policy}"
            );
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        let text = response.text();
        // The namespace of SVG is a name and no place.
        let places = text.replace("http://www.w3.org/2000/svg", "");
        assert!(
            !places.contains("http:") && !places.contains("https:"),
            "{path} names another place"
        );
        for inline in [" style=\"", " onclick", "<style", "innerHTML", "eval("] {
            assert!(!text.contains(inline), "{path} has {inline}");
        }
        viewer_of(edge.admin()).head(path).await.expect(200);
        let change = viewer_of(edge.admin()).post(path, "").await;
        change.expect(405).header("Allow", "GET, HEAD");
    }
    viewer_of(edge.status()).get("/").await.expect(404);
    viewer_of(edge.status()).get("/events").await.expect(404);
}

/// Whoever listens to what goes on.
async fn listens(edge: &Edge) -> Line {
    let mut line = viewer_of(edge.admin()).connects().await;
    line.sends("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await;
    let head = line.receives_a_head().await;
    head.expect(200)
        .header("Content-Type", "text/event-stream")
        .header("Cache-Control", "no-store");
    line
}

async fn next_event(line: &mut Line) -> Value {
    loop {
        let text = line.receives_line().await;
        if let Some(data) = text.strip_prefix("data: ") {
            return serde_json::from_str(data).expect("an event is JSON");
        }
    }
}

#[tokio::test]
async fn who_listens_is_told_everything_once_and_then_what_changes() {
    let first = origin("first").answers(503).start().await;
    let second = origin("second").start().await;
    let edge = tiers([&first, &second], USUAL).start().await;
    let mut line = listens(&edge).await;

    let all = next_event(&mut line).await;
    for part in [
        "distributions",
        "origins",
        "targets",
        "probes",
        "events",
        "falls",
        "switches",
        "lately",
    ] {
        assert!(!all[part].is_null(), "{part} is not in {all}");
    }
    let members = &all["targets"]["tiers"]["members"];
    assert_eq!(
        members,
        &json!([{ "origin": "first" }, { "origin": "second" }])
    );
    assert_eq!(all["falls"], json!([]));

    let began = Instant::now();
    viewer(&edge).get("/owners?secret=1").await.expect(200);
    viewer(&edge).get("/vets").await.expect(200);
    let falls = loop {
        let news = next_event(&mut line).await;
        assert!(
            news["targets"].is_null(),
            "what has not changed is told again: {news}"
        );
        if news["falls"][0]["times"] == 2 {
            break news["falls"].clone();
        }
    };
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(falls.as_array().map(Vec::len), Some(1), "{falls}");
    let fall = &falls[0];
    assert_eq!(
        (&fall["method"], &fall["path"]),
        (&json!("GET"), &json!("/vets"))
    );
    assert_eq!(
        (&fall["status"], &fall["delivered"]),
        (&json!(200), &json!(1))
    );
    let attempts = fall["attempts"].as_array().expect("a list");
    let told = attempts
        .iter()
        .map(|attempt| (attempt["origin"].as_str(), attempt["words"].as_str()));
    let told: Vec<_> = told.collect();
    let expected = [
        (Some("first"), Some("answered 503")),
        (Some("second"), Some("answered 200")),
    ];
    assert_eq!(told, expected);
    assert!(!falls.to_string().contains("secret"), "{falls}");
}

#[tokio::test]
async fn each_second_is_told_with_what_came_in_it() {
    let first = origin("first").answers(503).start().await;
    let second = origin("second").start().await;
    let edge = tiers([&first, &second], USUAL).start().await;
    let mut line = listens(&edge).await;
    next_event(&mut line).await;
    for _ in 0..3 {
        viewer(&edge).get("/").await.expect(200);
    }
    let (mut requests, mut fell) = (0, 0);
    while requests < 3 {
        let news = next_event(&mut line).await;
        for second in news["seconds"].as_array().into_iter().flatten() {
            let came = second["requests"].as_u64().expect("a number");
            requests += came;
            fell += second["fell"].as_u64().expect("a number");
            assert_eq!(second["lost"], 0, "{second}");
            assert_eq!(second["p50"].is_f64(), came > 0, "{second}");
            assert_eq!(second["p99"].is_f64(), came > 0, "{second}");
        }
        if requests == 3 {
            let flows = &news["flows"];
            assert_eq!(flows["first"][1], 0, "{flows}");
            assert_ne!(flows["second"][1], 0, "{flows}");
        }
    }
    assert_eq!((requests, fell), (3, 3));
}

#[tokio::test]
async fn where_others_reach_it_the_page_is_shown_and_what_goes_on_takes_the_token() {
    let only = origin("only").start().await;
    let edge = tiers([&only], USUAL)
        .flags(|flags| flags.admin = Some("0.0.0.0:0".to_owned()))
        .start()
        .await;
    let mut address = edge.admin();
    address.set_ip([127, 0, 0, 1].into());
    // It holds nothing of this edge's.
    let page = viewer_of(address).get("/").await;
    page.expect(200).body_lacks("only").body_lacks(TOKEN);
    viewer_of(address).get("/events").await.expect(401);
    let mut line = viewer_of(address).connects().await;
    let ask =
        format!("GET /events HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n");
    line.sends(&ask).await;
    line.receives_a_head().await.expect(200);
    let all = next_event(&mut line).await;
    assert!(!all.to_string().contains(TOKEN), "{all}");
}

#[tokio::test]
async fn a_request_that_was_answered_at_once_or_tried_twice_at_one_origin_fell_nowhere() {
    let first = origin("first").start().await;
    let gone = origin("gone").refuses().start().await;
    let edge = edge(
        r#"
        [[distribution.site.behavior]]
        path = "/gone"
        target = "gone"

        [distribution.site.default_behavior]
        target = "first"
        "#,
    )
    .origins([&first, &gone])
    .start()
    .await;
    viewer(&edge).get("/").await.expect(200);
    // Two tries at the same one.
    viewer(&edge).get("/gone").await.expect(502);
    edge.until_metric("tideover_requests_total", 2.0).await;
    let mut line = listens(&edge).await;
    for _ in 0..2 {
        let news = next_event(&mut line).await;
        assert!(
            matches!(&news["falls"], Value::Null) || news["falls"] == json!([]),
            "{news}"
        );
    }
}

#[tokio::test]
async fn only_so_many_listen_and_who_leaves_makes_room() {
    let only = origin("only").start().await;
    let edge = tiers([&only], USUAL).start().await;
    let mut lines = Vec::new();
    for _ in 0..16 {
        lines.push(listens(&edge).await);
    }
    let refused = viewer_of(edge.admin()).get("/events").await;
    refused.expect(503).body_has("16 listeners");
    // Others are answered all the same.
    viewer_of(edge.admin())
        .get("/status.json")
        .await
        .expect(200);

    lines.pop();
    patiently("who leaves makes room", async {
        loop {
            let mut line = viewer_of(edge.admin()).connects().await;
            line.sends("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
                .await;
            if line.receives_a_head().await.status == 200 {
                break;
            }
            tokio::time::sleep(ms(10)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn who_listens_is_let_go_when_the_edge_drains() {
    let only = origin("only").start().await;
    let edge = tiers([&only], USUAL).start().await;
    let mut line = listens(&edge).await;
    next_event(&mut line).await;
    edge.shuts_down(ms(1000)).await;
    assert!(line.until_closed().await, "it was cut off");
}

#[tokio::test]
async fn a_browser_shows_a_failover_within_two_seconds() {
    let Some(mut browser) = browser().await else {
        return;
    };
    let first = origin("first").start().await;
    let second = origin("second").start().await;
    let edge = tiers([&first, &second], USUAL).start().await;
    let place = format!("http://{}/", edge.admin());
    browser.is_wide(1280).await;
    browser.opens(&place).await;
    let reads_by = |name: &str| {
        format!(
            "document.querySelector('[data-lane=\"site reads tiers\"]').dataset.answers === '{name}'"
        )
    };
    browser.until(&reads_by("first")).await;
    browser
        .until("document.querySelector('#falls .empty')")
        .await;

    drop(first);
    let began = Instant::now();
    for _ in 0..6 {
        viewer(&edge).get("/owners").await.expect(200);
    }
    browser.until(&reads_by("second")).await;
    browser
        .until(
            "document.querySelector('#falls').textContent.includes('first refused the connection')",
        )
        .await;
    let took = began.elapsed();
    assert!(took < Duration::from_secs(2), "{took:?}");
    browser
        .until("document.querySelector('[data-origin=first] [data-state=broken]')")
        .await;
    browser
        .until("document.querySelector('#events').textContent.includes('first is left alone')")
        .await;

    // Nothing is wider than the window, on a phone neither.
    for width in [1280, 390] {
        browser.is_wide(width).await;
        let wide = browser
            .evaluates("document.documentElement.scrollWidth")
            .await;
        assert!(wide.as_u64() <= Some(u64::from(width)), "{wide} of {width}");
    }
    assert_eq!(browser.complaints(), Vec::<String>::new());
    let elsewhere = browser
        .asked_for()
        .into_iter()
        .filter(|url| !url.starts_with(&place) && !url.starts_with("data:"));
    assert_eq!(elsewhere.collect::<Vec<_>>(), Vec::<&str>::new());
}

#[tokio::test]
async fn a_browser_switches_after_it_was_said_what_will_happen() {
    let Some(mut browser) = browser().await else {
        return;
    };
    let first = origin("first").start().await;
    let second = origin("second").start().await;
    let edge = tiers([&first, &second], USUAL).start().await;
    let place = format!("http://{}/", edge.admin());
    browser.opens(&place).await;
    browser.clicks("[data-origin=first] button").await;
    browser.clicks("dialog input[value=drain]").await;
    browser
        .types("dialog input[name=reason]", "the disk is exchanged")
        .await;
    browser.types("dialog input[name=owner]", "kim").await;
    browser.clicks("dialog button.main").await;
    // Not yet.
    browser.until("document.querySelector('dialog .happens').textContent.includes('second is the next in line')").await;
    assert_eq!(operator(&edge).status().await["switches"], json!([]));
    browser.types("dialog input[name=token]", TOKEN).await;
    browser.clicks("dialog button.main").await;
    browser
        .until(
            "document.querySelector('dialog').textContent.includes('first is switched to drain')",
        )
        .await;
    browser.until("document.querySelector('#switches').textContent.includes('by kim: the disk is exchanged')").await;
    browser.until("document.querySelector('[data-lane=\"site reads tiers\"]').dataset.answers === 'second'").await;

    let switches = &operator(&edge).status().await["switches"];
    assert_eq!(
        (&switches[0]["origin"], &switches[0]["to"]),
        (&json!("first"), &json!("drain"))
    );
    assert_eq!(viewer(&edge).get("/").await.text(), "from second");
    // The token is in this tab and nowhere else.
    let kept = browser
        .evaluates("[document.cookie, localStorage.length, sessionStorage.length, location.href]")
        .await;
    assert_eq!(kept, json!(["", 0, 2, place]));

    // Back again, by the button where it is told; the token is known.
    browser.clicks("dialog [data-close]").await;
    browser.clicks("#switches button").await;
    browser.clicks("dialog input[value=ready]").await;
    browser.clicks("dialog button.main").await;
    browser
        .clicks("dialog form[data-step=confirm] button.main")
        .await;
    browser
        .until("document.querySelector('#switches').hidden")
        .await;
    assert_eq!(viewer(&edge).get("/").await.text(), "from first");
    assert_eq!(browser.complaints(), Vec::<String>::new());
    let elsewhere = browser
        .asked_for()
        .into_iter()
        .filter(|url| !url.starts_with(&place) && !url.starts_with("data:"));
    assert_eq!(elsewhere.collect::<Vec<_>>(), Vec::<&str>::new());
}

#[tokio::test]
async fn a_browser_is_told_why_not_and_may_insist() {
    let Some(mut browser) = browser().await else {
        return;
    };
    let only = origin("only").start().await;
    let edge = tiers([&only], USUAL).start().await;
    browser.opens(&format!("http://{}/", edge.admin())).await;
    browser.clicks("[data-origin=only] button").await;
    browser.clicks("dialog input[value=down]").await;
    browser.clicks("dialog button.main").await;
    browser
        .until("document.querySelector('dialog .happens').textContent.includes('each fails until')")
        .await;
    // A token that is none is asked for again.
    browser
        .types("dialog input[name=token]", "not-the-token-of-this-edge")
        .await;
    browser.clicks("dialog button.main").await;
    browser
        .until("document.querySelector('dialog [role=alert]').textContent.includes('does not know this token')")
        .await;
    browser.types("dialog input[name=token]", TOKEN).await;
    browser.clicks("dialog button.main").await;
    browser
        .until("document.querySelector('dialog [role=alert]').textContent.includes('nobody would be left to answer')")
        .await;
    assert_eq!(operator(&edge).status().await["switches"], json!([]));
    browser.clicks("dialog input[name=insist]").await;
    browser.clicks("dialog button.main").await;
    browser
        .until("document.querySelector('[data-lane=\"site reads tiers\"]').textContent.includes('nobody answers')")
        .await;
    browser
        .until("document.querySelector('[data-origin=only] [data-state=down]')")
        .await;
}

#[tokio::test]
async fn a_browser_says_when_the_edge_is_gone() {
    let Some(mut browser) = browser().await else {
        return;
    };
    let only = origin("only").start().await;
    let edge = tiers([&only], USUAL).start().await;
    browser.opens(&format!("http://{}/", edge.admin())).await;
    browser.until("document.querySelector('[data-lane]')").await;
    edge.shuts_down(ms(1000)).await;
    browser
        .until("document.querySelector('#connection').textContent.includes('Not connected')")
        .await;
    // What was seen last is still there, and said to be old.
    browser
        .until("document.body.classList.contains('stale') && document.querySelector('[data-lane]')")
        .await;
    browser
        .until(
            "document.querySelector('#connection').textContent.includes('What is shown is from')",
        )
        .await;
}
