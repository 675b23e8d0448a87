//! A folder in a group is asked, judged and told of like any member.

use super::*;

const GROUP: &str = r#"
    [origin_group.pair]
    members = ["bucket", "app"]
    fail_over_on = [403, 404, 500, 503]

    [distribution.site.default_behavior]
    target = "pair"
    cache = "off"

    [faults]
    enabled = true
"#;

fn pair(bucket: &Folder, more: &str) -> EdgeBuilder {
    edge(&format!(
        "[origin.bucket]\ndir = {:?}\n{more}\n{GROUP}",
        bucket.path()
    ))
}

#[tokio::test]
async fn a_missing_key_falls_through_to_a_server() {
    let (bucket, app) = (bucket(), origin("app").start().await);
    for (more, status) in [("", 403), ("missing = \"404\"", 404)] {
        let edge = pair(&bucket, more).origins([&app]).start().await;
        viewer(&edge)
            .get("/digits.txt")
            .await
            .expect(200)
            .body("0123456789")
            .header_has("tideover-attempts", "bucket;status=200");
        let response = viewer(&edge).get("/api/users").await;
        response
            .expect(200)
            .body("from app")
            .header_has("tideover-attempts", &format!("bucket;status={status};"))
            .header_has("tideover-attempts", "app;status=200");
    }
    app.saw(["GET /api/users", "GET /api/users"]);
}

/// The folder is asked for what the edge wants to keep.
#[tokio::test]
async fn what_one_viewer_asks_for_a_part_of_is_whole_for_the_next() {
    let bucket = bucket();
    let kept = "\n[distribution.site.default_behavior]\ntarget = \"bucket\"\n";
    let edge = edge(&format!(
        "[origin.bucket]\ndir = {:?}\n{kept}",
        bucket.path()
    ))
    .start()
    .await;
    for (name, value) in [
        ("range", "bytes=2-3"),
        ("if-none-match", "*"),
        ("if-match", "\"x\""),
    ] {
        viewer(&edge).get("/digits.txt").header(name, value).await;
        let whole = viewer(&edge).get("/digits.txt").await;
        whole.expect(200).body("0123456789");
    }
}

/// Every fault does to a folder what it does to a server.
#[tokio::test]
async fn faults_on_command_strike_a_folder_too() {
    let (bucket, app) = (bucket(), origin("app").start().await);
    let edge = pair(&bucket, "")
        .origins([&app])
        .time_scale(0.01)
        .logs("json")
        .start()
        .await;
    for (kind, told) in [
        (FaultKind::Refuse, "error=refused"),
        (FaultKind::BlackHole, "error=response-timeout"),
        (
            FaultKind::Delay(Duration::from_mins(1)),
            "error=response-timeout",
        ),
        (
            FaultKind::Status(StatusCode::SERVICE_UNAVAILABLE),
            "status=503",
        ),
    ] {
        edge.strikes("bucket", Some(Fault::of(kind)))
            .expect("it is allowed");
        let response = viewer(&edge).get("/digits.txt").await;
        response
            .expect(200)
            .body("from app")
            .header_has("tideover-attempts", &format!("bucket;{told};"));
    }
    let cut = Fault::of(FaultKind::ResetAfter(4));
    edge.strikes("bucket", Some(cut)).expect("it is allowed");
    let response = viewer(&edge).get("/digits.txt").await;
    response.expect(200).cut();
    assert_eq!(response.text(), "0123");
    let slow = Fault::of(FaultKind::Throttle(100));
    edge.strikes("bucket", Some(slow)).expect("it is allowed");
    viewer(&edge)
        .get("/digits.txt")
        .await
        .expect(200)
        .body("0123456789");
    let log = edge.log_json(6).await;
    assert_eq!(log[5]["attempts"][0]["fault"], "throttle");
    edge.strikes("bucket", None).expect("it is allowed");
    viewer(&edge)
        .get("/digits.txt")
        .await
        .expect(200)
        .body("0123456789");
}

#[tokio::test]
async fn it_is_told_of_like_any_member() {
    let (bucket, app) = (bucket(), origin("app").start().await);
    let edge = pair(&bucket, "").origins([&app]).logs("json").start().await;
    viewer(&edge).get("/digits.txt").await.expect(200);
    viewer(&edge).get("/gone").await.expect(200);

    let log = edge.log_json(2).await;
    assert_eq!(log[0]["attempts"][0]["origin"], "bucket");
    assert_eq!(log[0]["attempts"][0]["status"], 200);
    for (outcome, count) in [("2xx", 1.0), ("4xx", 1.0)] {
        let name = format!("tideover_attempts_total{{origin=\"bucket\",outcome=\"{outcome}\"}}");
        edge.until_metric(&name, count).await;
    }
    let status = operator(&edge).status().await;
    let origins = status["origins"].as_array().expect("a list");
    let told = origins.iter().find(|one| one["id"] == "bucket");
    let told = told.expect("it is among them");
    assert_eq!(told["kind"], "folder");
    assert_eq!(told["at"], format!("dir:{}", bucket.path().display()));
    let explained = viewer_of(edge.admin())
        .get("/explain?method=GET&url=%2Fdigits.txt")
        .await;
    let place = format!("folder {}, a bucket", bucket.path().display());
    explained.expect(200).body_has(&place);
    // An operator may leave it out.
    operator(&edge).switches("origin", "bucket", "drain").await;
    viewer(&edge)
        .get("/digits.txt")
        .await
        .expect(200)
        .body("from app");
}
