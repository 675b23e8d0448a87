//! Faults on command: what is done about them is what would be done about the real thing, and the log knows better.

use std::time::Duration;

use harness::{
    Edge, EdgeBuilder, Origin, in_front_of, ms, operator, origin, patiently, tiers, viewer,
};
use http::StatusCode;
use serde_json::json;
use tideover::FaultRefused;
use tideover_config::{Fault, FaultKind};

const USUAL: [u16; 4] = [500, 502, 503, 504];
const ON: &str = "[faults]\nenabled = true\n";

/// A pair that may be made to fail, a hundred times as fast as its config says.
fn stage(primary: &Origin, secondary: &Origin) -> EdgeBuilder {
    tiers([primary, secondary], USUAL)
        .and(ON)
        .time_scale(0.01)
        .logs("json")
}

fn status(code: u16) -> FaultKind {
    FaultKind::Status(StatusCode::from_u16(code).expect("a status"))
}

fn orders(edge: &Edge, kind: FaultKind) {
    edge.strikes("primary", Some(Fault::of(kind)))
        .expect("it is allowed");
}

#[tokio::test]
async fn a_fault_falls_through_as_the_real_thing_does_and_only_the_log_tells() {
    const LONG: Duration = Duration::from_mins(1);
    for (kind, came, word) in [
        (FaultKind::Refuse, "error=refused", "refuse"),
        (FaultKind::BlackHole, "error=connect-timeout", "black-hole"),
        (FaultKind::Delay(LONG), "error=response-timeout", "delay"),
        (status(503), "status=503", "status"),
    ] {
        let primary = origin("primary").start().await;
        let secondary = origin("secondary").start().await;
        let edge = stage(&primary, &secondary).start().await;
        orders(&edge, kind);

        let response = viewer(&edge).get("/owners").await;

        response.expect(200).body("from secondary");
        let told = response.value("tideover-attempts");
        assert!(told.starts_with(&format!("primary;{came};")), "{told}");
        assert!(!told.contains(word) || came.contains(word), "{told}");
        assert!(!told.contains("fault"), "{told}");
        primary.saw_nothing();
        let log = edge.log_json(1).await;
        let attempts = log[0]["attempts"].as_array().expect("a list");
        assert_eq!(attempts[0]["fault"], word);
        let last = attempts.last().expect("two or more");
        assert_eq!(last["fault"], serde_json::Value::Null);
        assert_eq!(last["origin"], "secondary");

        edge.strikes("primary", None).expect("it is allowed");
        viewer(&edge)
            .get("/")
            .await
            .expect(200)
            .body("from primary");
    }
}

#[tokio::test]
async fn a_real_failure_is_no_fault_in_the_log() {
    let primary = origin("primary").refuses().start().await;
    let secondary = origin("secondary").start().await;
    let edge = stage(&primary, &secondary).start().await;

    viewer(&edge).get("/").await.expect(200);

    let log = edge.log_json(1).await;
    assert_eq!(log[0]["attempts"][0]["error"], "refused");
    assert_eq!(log[0]["attempts"][0]["fault"], serde_json::Value::Null);
}

#[tokio::test]
async fn a_write_is_told_what_it_would_be_told_and_is_not_sent() {
    let primary = origin("primary").start().await;
    let secondary = origin("secondary").start().await;
    let edge = stage(&primary, &secondary).start().await;
    for (kind, words) in [
        (FaultKind::Refuse, "nothing was sent"),
        (FaultKind::BlackHole, "nothing was sent"),
        (FaultKind::Delay(Fault::LONGEST_DELAY), "outcome unknown"),
    ] {
        orders(&edge, kind);
        let response = viewer(&edge).post("/owners", "name=Jean").await;
        response.expect(503).body_has(words);
    }
    // Rehearsed: it would get there.
    orders(&edge, FaultKind::Withhold);
    viewer(&edge).post("/owners", "name=Jean").await.expect(200);
    primary.saw_nothing();
    secondary.saw_nothing();
    patiently("it was connected to", async {
        while primary.connections() == 0 {
            tokio::time::sleep(ms(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_delay_that_is_waited_for_is_only_late() {
    let primary = origin("primary").start().await;
    let secondary = origin("secondary").start().await;
    let edge = stage(&primary, &secondary).start().await;
    orders(&edge, FaultKind::Delay(Duration::from_secs(5)));

    let response = viewer(&edge).get("/").await;

    response
        .expect(200)
        .body("from primary")
        .took_at_least(ms(50));
}

#[tokio::test]
async fn an_answer_is_cut_off_after_so_many_bytes() {
    let primary = origin("primary").body("0123456789").start().await;
    let secondary = origin("secondary").start().await;
    let edge = stage(&primary, &secondary).start().await;
    orders(&edge, FaultKind::ResetAfter(4));

    let response = viewer(&edge).get("/").await;

    response.expect(200).cut();
    assert_eq!(response.text(), "0123");
    secondary.saw_nothing();
    // What ends before that is whole.
    orders(&edge, FaultKind::ResetAfter(10));
    let response = viewer(&edge).get("/").await;
    response.expect(200).whole().body("0123456789");
    let log = edge.log_json(2).await;
    assert_eq!(log[0]["attempts"][0]["fault"], "reset");
}

#[tokio::test]
async fn a_body_comes_as_slowly_as_was_ordered() {
    let primary = origin("primary").body([b'x'; 1_000]).start().await;
    let edge = in_front_of(&primary).and(ON).start().await;
    orders(&edge, FaultKind::Throttle(5_000));

    let response = viewer(&edge).get("/").await;

    response.expect(200).whole().took_at_least(ms(190));
    assert_eq!(response.text().len(), 1_000);
}

#[tokio::test]
async fn a_share_of_the_requests_is_struck_to_the_request() {
    let primary = origin("primary").start().await;
    let secondary = origin("secondary").start().await;
    let edge = stage(&primary, &secondary).start().await;
    let fault = Fault {
        percent: 30,
        ..Fault::of(status(503))
    };
    edge.strikes("primary", Some(fault)).expect("it is allowed");

    for _ in 0..20 {
        viewer(&edge).get("/").await.expect(200);
    }

    assert_eq!(secondary.requests().len(), 6);
    assert_eq!(primary.requests().len(), 14);
}

#[tokio::test]
async fn a_fault_is_over_when_its_time_is() {
    let primary = origin("primary").start().await;
    let secondary = origin("secondary").start().await;
    let edge = stage(&primary, &secondary).start().await;
    let fault = Fault {
        lasts: Some(Duration::from_secs(20)),
        ..Fault::of(FaultKind::Refuse)
    };
    edge.strikes("primary", Some(fault)).expect("it is allowed");
    let first = viewer(&edge).get("/").await;
    first.expect(200).body("from secondary");

    patiently("the fault ends by itself", async {
        while viewer(&edge).get("/").await.text() != "from primary" {
            tokio::time::sleep(ms(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_fault_in_the_file_holds_from_the_start_and_what_was_ordered_ends_with_a_reload() {
    let text = |enabled: bool, fault: &str| {
        format!(
            r#"
            [faults]
            enabled = {enabled}

            [origin.primary]
            url = "http://primary.test"
            {fault}

            [origin_group.tiers]
            members = ["primary", "secondary"]

            [distribution.site.default_behavior]
            target = "tiers"
            "#
        )
    };
    let in_file = text(true, "fault = { refuse = true }");
    let primary = origin("primary").start().await;
    let secondary = origin("secondary").start().await;
    let edge = harness::edge(&in_file)
        .origins([&primary, &secondary])
        .start()
        .await;
    let answers = async |body: &str| {
        viewer(&edge).get("/").await.expect(200).body(body);
    };
    answers("from secondary").await;

    edge.reloads(&text(true, ""));
    answers("from primary").await;
    edge.strikes("secondary", Some(Fault::of(FaultKind::Refuse)))
        .expect("it is allowed");
    orders(&edge, status(500));
    viewer(&edge).get("/").await.expect(502);

    edge.reloads(&text(true, ""));
    answers("from primary").await;
    edge.reloads(&in_file);
    answers("from secondary").await;
    edge.reloads(&text(false, "fault = { refuse = true }"));
    answers("from primary").await;
}

#[tokio::test]
async fn a_fault_that_nobody_may_order_is_refused() {
    let primary = origin("primary").start().await;
    let refuse = Some(Fault::of(FaultKind::Refuse));
    let edge = in_front_of(&primary).start().await;
    let refused = edge.strikes("primary", refuse);
    assert_eq!(refused, Err(FaultRefused::NotEnabled));
    viewer(&edge).get("/").await.expect(200);

    let edge = in_front_of(&primary)
        .and(ON)
        .and("[origin.last]\npage = true")
        .start()
        .await;
    let named = "prinary".to_owned();
    let known = vec!["primary".to_owned()];
    let unknown = FaultRefused::Unknown { named, known };
    // The page stands before what the harness adds.
    assert_eq!(edge.strikes("prinary", refuse), Err(unknown));
    let page = FaultRefused::Page("last".to_owned());
    assert_eq!(edge.strikes("last", refuse), Err(page));
    let too_long = Some(Fault {
        lasts: Some(Fault::LONGEST + Duration::from_secs(1)),
        ..Fault::of(FaultKind::Refuse)
    });
    assert_eq!(
        edge.strikes("primary", too_long),
        Err(FaultRefused::TooLong)
    );
}

#[tokio::test]
async fn an_operator_orders_a_fault_and_ends_it() {
    let primary = origin("primary").start().await;
    let secondary = origin("secondary").start().await;
    let edge = stage(&primary, &secondary).start().await;
    let order = async |change: serde_json::Value| operator(&edge).posts("/faults", &change).await;
    let answers = async |body: &str| {
        viewer(&edge).get("/").await.expect(200).body(body);
    };

    let told = order(json!({ "origin": "primary", "status": 503 })).await;
    let told = told.expect(200).text();
    let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(told["faults"][0]["origin"], "primary");
    assert_eq!(told["faults"][0]["fault"], "status");
    let ends = told["faults"][0]["ends_in_s"].as_u64().expect("an end");
    assert!(
        (300..=600).contains(&ends),
        "ten minutes by default: {told}"
    );
    answers("from secondary").await;

    for (change, status) in [
        (json!({ "origin": "primary" }), 400),
        (
            json!({ "origin": "primary", "refuse": true, "status": 503 }),
            400,
        ),
        (
            json!({ "origin": "primary", "refuse": true, "for": "25h" }),
            400,
        ),
        (
            json!({ "origin": "primary", "refuse": true, "percent": 0 }),
            400,
        ),
        (json!({ "origin": "primary", "status": 101 }), 400),
        (json!({ "origin": "primary", "delay": 3 }), 400),
        (
            json!({ "origin": "primary", "clear": true, "refuse": true }),
            400,
        ),
        (json!({ "origin": "primary", "refuses": true }), 400),
        (json!({ "origin": "nobody", "refuse": true }), 404),
    ] {
        order(change).await.expect(status);
    }
    answers("from secondary").await;
    let told = order(json!({ "origin": "primary", "clear": true })).await;
    told.expect(200).body("{\"faults\":[]}\n");
    answers("from primary").await;
}

#[tokio::test]
async fn nobody_orders_a_fault_where_none_are_wanted_or_without_the_token() {
    let primary = origin("primary").start().await;
    let edge = in_front_of(&primary).start().await;
    let refuse = json!({ "origin": "primary", "refuse": true });
    let told = operator(&edge).posts("/faults", &refuse).await;
    told.expect(403).body_has("faults are not enabled");

    let edge = in_front_of(&primary).and(ON).start().await;
    let without = harness::viewer_of(edge.admin())
        .post("/faults", &refuse.to_string())
        .header("Content-Type", "application/json")
        .await;
    without.expect(401);
    viewer(&edge).get("/").await.expect(200);
}

#[tokio::test]
async fn probes_meet_a_fault_too_so_that_finding_it_out_can_be_rehearsed() {
    const LONG: Duration = Duration::from_mins(1);
    for kind in [
        FaultKind::Refuse,
        FaultKind::BlackHole,
        FaultKind::Delay(LONG),
        status(503),
    ] {
        let primary = origin("primary").start().await;
        let secondary = origin("secondary").start().await;
        let check = r#"
            [origin.primary]
            url = "http://primary.test"
            health_check = { interval = "10s", failure_threshold = 2 }
            breaker = false
        "#;
        let edge = stage(&primary, &secondary).and(check).start().await;
        viewer(&edge).get("/").await.body("from primary");
        orders(&edge, kind);
        let until = async |expected: &str| {
            patiently(&format!("{kind:?}: {expected}"), async {
                loop {
                    let response = viewer(&edge).get("/").await;
                    if response.value("tideover-attempts").starts_with(expected) {
                        return;
                    }
                    tokio::time::sleep(ms(5)).await;
                }
            })
            .await;
        };
        until("primary;skipped=unhealthy").await;
        edge.strikes("primary", None).expect("it is allowed");
        until("primary;status=200").await;
    }
}
