//! Promise 6: how much of the edge viewers may take up, what they are told at each limit, and that it lets go again.

use harness::{
    Edge, Gate, Line, Origin, Protocol, Step, answer, gate, in_front_of, origin, reached, viewer,
    viewer_by,
};

const OPEN: &str = "tideover_viewer_connections";

/// An edge with these limits in front of an origin that answers when the gate is open.
async fn held(limits: &str) -> (Edge, Origin, Gate) {
    let held = gate();
    let primary = origin("primary")
        .plays(answer(200).body("from primary").body_after(&held))
        .start()
        .await;
    let edge = in_front_of(&primary)
        .and(&format!("[listen]\n{limits}"))
        .logs("json")
        .start()
        .await;
    (edge, primary, held)
}

const ASK: &str = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// A connection on which a request was answered, so it is known to be served.
async fn served(edge: &Edge) -> Line {
    let mut line = viewer(edge).connects().await;
    line.sends("GET / HTTP/1.1\r\nHost: nobody.test\r\n\r\n")
        .await;
    line.receives("GET").await;
    line
}

/// Nobody asks, and yet the viewer is told that there is no place, and hung up on.
async fn is_turned_away(mut line: Line) {
    line.receives("GET")
        .await
        .expect(503)
        .header("retry-after", "1")
        .header("connection", "close")
        .header("x-cache", "LimitExceeded from tideover");
    line.until_closed().await;
}

mod connections {
    use super::*;

    #[tokio::test]
    async fn beyond_the_limit_are_turned_away_and_let_in_again_when_one_has_left() {
        let (edge, _primary, held) = held("max_connections = 2").await;
        held.open();
        let (first, mut second) = (served(&edge).await, served(&edge).await);

        is_turned_away(viewer(&edge).connects().await).await;
        edge.until_metric(&reached("max_connections"), 1.0).await;
        assert!((edge.metric(OPEN).await - 2.0).abs() < 0.5);
        let log = edge.log_json(3).await;
        assert_eq!(log[2]["status"], 503, "{log:?}");
        assert_eq!(log[2]["detail"], "LimitExceeded", "{log:?}");
        assert_eq!(log[2]["limit"], "max_connections", "{log:?}");
        assert_eq!(log[2]["client"], "127.0.0.1", "{log:?}");

        // Those that are in are served as before.
        second.sends(ASK).await;
        second.receives("GET").await.expect(200);
        drop(first);
        edge.until_metric(OPEN, 1.0).await;
        viewer(&edge).get("/").await.expect(200);
    }

    #[tokio::test]
    async fn are_counted_over_all_workers() {
        let primary = origin("primary").start().await;
        let edge = in_front_of(&primary)
            .and("[listen]\nmax_connections = 3")
            .flags(|flags| flags.workers = Some(2))
            .start()
            .await;
        let mut lines = Vec::new();
        for _ in 0..20 {
            lines.push(viewer(&edge).connects().await);
        }

        edge.until_metric(&reached("max_connections"), 17.0).await;
        edge.until_metric(OPEN, 3.0).await;
        drop(lines);
        edge.until_metric(OPEN, 0.0).await;
        viewer(&edge).get("/").await.expect(200);
    }

    #[tokio::test]
    async fn have_a_line_in_cloudfronts_log() {
        let primary = origin("primary").start().await;
        let edge = in_front_of(&primary)
            .and("[listen]\nmax_connections = 1")
            .logs("cloudfront")
            .start()
            .await;
        let _in = served(&edge).await;

        is_turned_away(viewer(&edge).connects().await).await;

        let log = edge.log(2).await;
        let fields: Vec<&str> = log[1].split('\t').collect();
        assert_eq!(fields.len(), 33, "{log:?}");
        assert_eq!(fields[4], "127.0.0.1");
        assert_eq!(fields[8], "503");
        assert_eq!(fields[13], "LimitExceeded");
        assert_eq!(fields[22], "LimitExceeded");
        assert_eq!(fields[28], "LimitExceeded");
    }

    #[tokio::test]
    async fn of_one_address_do_not_take_the_places_of_others() {
        let primary = origin("primary").start().await;
        let edge = in_front_of(&primary)
            .and("[listen]\nmax_connections_per_address = 2")
            .logs("json")
            .start()
            .await;
        let (first, _second) = (served(&edge).await, served(&edge).await);

        is_turned_away(viewer(&edge).connects().await).await;
        edge.until_metric(&reached("max_connections_per_address"), 1.0)
            .await;
        let log = edge.log_json(3).await;
        assert_eq!(log[2]["limit"], "max_connections_per_address", "{log:?}");

        let mut other = viewer(&edge).from([127, 0, 0, 2]).connects().await;
        other.sends(ASK).await;
        other.receives("GET").await.expect(200);
        drop(first);
        edge.until_metric(OPEN, 2.0).await;
        viewer(&edge).get("/").await.expect(200);
    }

    #[tokio::test]
    async fn have_a_limit_that_a_reload_changes() {
        let (edge, _primary, held) = held("max_connections = 1").await;
        held.open();
        let _in = served(&edge).await;
        is_turned_away(viewer(&edge).connects().await).await;

        edge.reloads(
            "[listen]\nmax_connections = 2\n\
             [distribution.site.default_behavior]\ntarget = \"primary\"",
        );

        viewer(&edge).get("/").await.expect(200);
    }
}

mod requests_of_one_connection {
    use super::*;

    #[tokio::test]
    async fn end_with_the_connection() {
        let (edge, primary, held) = held("max_requests_per_connection = 2").await;
        held.open();
        let mut line = viewer(&edge).connects().await;

        line.sends(ASK).await;
        let first = line.receives("GET").await;
        first.expect(200).no_header("connection");
        line.sends(ASK).await;
        let last = line.receives("GET").await;
        last.expect(200)
            .body("from primary")
            .header("connection", "close");
        assert!(line.until_closed().await, "it is closed in order");

        assert_eq!(primary.requests().len(), 2);
        edge.until_metric(&reached("max_requests_per_connection"), 1.0)
            .await;
        let log = edge.log_json(2).await;
        assert!(log[0].get("limit").is_none(), "{log:?}");
        assert_eq!(log[1]["limit"], "max_requests_per_connection", "{log:?}");
        viewer(&edge).get("/").await.expect(200);
    }
}

mod requests_at_once {
    use super::*;

    #[tokio::test]
    async fn beyond_the_limit_get_503_at_once_and_keep_their_connection() {
        let (edge, primary, held) = held("max_requests = 1").await;
        let mut first = viewer(&edge).connects().await;
        first.sends(ASK).await;
        // Its head is out, its body is not: it still counts.
        let mut slow = first.receives_a_head().await;
        let mut second = viewer(&edge).connects().await;

        second.sends(ASK).await;
        let shed = second.receives("GET").await;
        shed.expect(503)
            .header("retry-after", "1")
            .header("cache-control", "no-store")
            .header("x-cache", "LimitExceeded from tideover")
            .header_has("proxy-status", "error=http_request_denied")
            .no_header("connection");
        primary.saw(["GET /"]);
        edge.until_metric(&reached("max_requests"), 1.0).await;
        let log = edge.log_json(1).await;
        assert_eq!(log[0]["status"], 503, "{log:?}");
        assert_eq!(log[0]["result"], "LimitExceeded", "{log:?}");
        assert_eq!(log[0]["detail"], "LimitExceeded", "{log:?}");
        assert_eq!(log[0]["limit"], "max_requests", "{log:?}");

        held.open();
        first.receives_the_rest(&mut slow).await;
        slow.expect(200).body("from primary");
        // The first one's line is written when its place is free.
        edge.log(2).await;
        second.sends(ASK).await;
        second.receives("GET").await.expect(200);
    }

    #[tokio::test]
    async fn are_let_go_of_when_their_viewer_leaves() {
        let (edge, primary, held) = held("max_requests = 1").await;
        let mut first = viewer(&edge).connects().await;
        first.sends(ASK).await;
        primary.until_it_saw(1).await;

        first.resets();
        edge.until_metric(OPEN, 0.0).await;
        held.open();

        viewer(&edge).get("/").await.expect(200);
    }

    #[tokio::test]
    async fn are_counted_over_all_workers() {
        let held = gate();
        let primary = origin("primary")
            .plays(answer(200).body("x").after(&held))
            .start()
            .await;
        let edge = in_front_of(&primary)
            .and("[listen]\nmax_requests = 4")
            .flags(|flags| flags.workers = Some(2))
            .start()
            .await;
        let mut lines = Vec::new();
        for _ in 0..12 {
            let mut line = viewer(&edge).connects().await;
            line.sends(ASK).await;
            lines.push(line);
        }
        edge.until_metric(&reached("max_requests"), 8.0).await;

        held.open();
        let mut served = 0;
        for line in &mut lines {
            served += usize::from(line.receives("GET").await.status == 200);
        }

        assert_eq!(served, 4);
        assert_eq!(primary.requests().len(), 4);
        // All places are free again.
        for line in &mut lines {
            line.sends(ASK).await;
            line.receives("GET").await.expect(200);
        }
    }

    #[tokio::test]
    async fn leave_room_for_health_checks_and_refusals() {
        let (edge, primary, _held) = held("max_requests = 1\nhealth_path = \"/edge-health\"").await;
        let mut first = viewer(&edge).connects().await;
        first.sends(ASK).await;
        primary.until_it_saw(1).await;

        viewer(&edge).get("/edge-health").await.expect(200);
        viewer(&edge).request("TRACE", "/").await.expect(403);
        viewer(&edge).get("/").await.expect(503);
    }
}

mod bodies {
    use super::*;

    #[tokio::test]
    async fn whose_length_says_too_much_are_refused_before_an_origin_is_asked() {
        let (edge, primary, held) = held("max_body_bytes = 10").await;
        held.open();
        viewer(&edge).post("/", "ten bytes!").await.expect(200);

        let mut line = viewer(&edge).connects().await;
        line.sends("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 11\r\n\r\n")
            .await;
        line.receives("POST")
            .await
            .expect(413)
            .header("connection", "close")
            .header("x-cache", "Error from tideover")
            .body_has("body is too large");
        line.until_closed().await;

        assert_eq!(primary.requests().len(), 1);
        edge.until_metric(&reached("max_body_bytes"), 1.0).await;
        let log = edge.log_json(2).await;
        assert_eq!(log[1]["detail"], "LimitExceeded", "{log:?}");
        assert_eq!(log[1]["limit"], "max_body_bytes", "{log:?}");
    }

    #[tokio::test]
    async fn are_not_asked_for_where_they_would_be_too_large() {
        let (edge, primary, _held) = held("max_body_bytes = 10").await;
        let mut line = viewer(&edge).connects().await;

        line.sends(
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n",
        )
        .await;

        let response = line.receives("POST").await;
        response.expect(413);
        assert!(response.interim.is_empty(), "{response:?}");
        primary.saw_nothing();
    }

    #[tokio::test]
    async fn without_a_length_are_cut_as_soon_as_they_are_too_large() {
        let primary = origin("primary")
            .plays([Step::ReadBody, Step::Close])
            .start()
            .await;
        let edge = in_front_of(&primary)
            .and("[listen]\nmax_body_bytes = 10")
            .logs("json")
            .start()
            .await;
        let mut line = viewer(&edge).connects().await;

        line.sends("POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
            .await;
        line.sends("a\r\nten bytes!\r\n").await;
        primary.until_it_saw(1).await;
        line.sends("1\r\nx\r\n").await;

        line.receives("POST")
            .await
            .expect(413)
            .header("connection", "close")
            .body_has("body is too large");
        line.until_closed().await;
        primary.until_it_hung_up(1).await;
        assert!(!primary.request().is_whole);
        edge.until_metric(&reached("max_body_bytes"), 1.0).await;
        let log = edge.log_json(1).await;
        assert_eq!(log[0]["limit"], "max_body_bytes", "{log:?}");
    }

    #[tokio::test]
    async fn that_stop_arriving_are_counted() {
        let primary = origin("primary").start().await;
        let edge = in_front_of(&primary)
            .and("[listen]\nbody_timeout = \"300ms\"")
            .logs("json")
            .start()
            .await;
        let mut line = viewer(&edge).connects().await;

        line.sends("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf")
            .await;

        line.receives("POST").await.expect(408);
        edge.until_metric(&reached("body_timeout"), 1.0).await;
        let log = edge.log_json(1).await;
        assert_eq!(log[0]["limit"], "body_timeout", "{log:?}");
    }

    #[tokio::test]
    async fn of_answers_that_nobody_takes_are_counted() {
        let primary = origin("primary").streams(1 << 30).start().await;
        let edge = in_front_of(&primary)
            .and("[listen]\nbody_timeout = \"300ms\"")
            .start()
            .await;
        let mut line = viewer(&edge).connects().await;

        line.sends(ASK).await;
        line.receives_a_head().await.expect(200);

        edge.until_metric(&reached("body_timeout"), 1.0).await;
        edge.until_metric(OPEN, 0.0).await;
        primary.until_it_was_left().await;
    }
}

mod sizes_of_heads {
    use super::*;

    #[tokio::test]
    async fn are_counted_by_the_limit_that_they_pass() {
        let primary = origin("primary").start().await;
        let edge = in_front_of(&primary)
            .and("[listen]\nmax_url_bytes = 300\nmax_head_bytes = 1000")
            .logs("json")
            .start()
            .await;

        viewer(&edge)
            .get(&format!("/{}", "x".repeat(300)))
            .await
            .expect(413);
        let long = "x".repeat(1_000);
        viewer(&edge).get("/").header("X", &long).await.expect(413);

        edge.until_metric(&reached("max_url_bytes"), 1.0).await;
        edge.until_metric(&reached("max_head_bytes"), 1.0).await;
        let log = edge.log_json(2).await;
        assert_eq!(log[0]["limit"], "max_url_bytes", "{log:?}");
        assert_eq!(log[1]["limit"], "max_head_bytes", "{log:?}");
    }
}

mod by_every_protocol {
    use super::*;

    async fn held_and_secure(limits: &str) -> (Edge, Origin, Gate) {
        let held = gate();
        let primary = origin("primary")
            .plays(answer(200).body("from primary").body_after(&held))
            .start()
            .await;
        let edge = in_front_of(&primary)
            .and(&format!("[listen]\n{limits}"))
            .tls()
            .start()
            .await;
        (edge, primary, held)
    }

    #[tokio::test]
    async fn too_many_requests_at_once_get_503() {
        let (edge, primary, held) = held_and_secure("max_requests = 1").await;
        let mut first = viewer(&edge).connects().await;
        first.sends(ASK).await;
        let mut slow = first.receives_a_head().await;

        for protocol in Protocol::ALL {
            let shed = viewer_by(&edge, protocol).get("/").await;
            shed.expect(503)
                .header("retry-after", "1")
                .header("x-cache", "LimitExceeded from tideover");
        }

        primary.saw(["GET /"]);
        edge.until_metric(&reached("max_requests"), 3.0).await;
        held.open();
        first.receives_the_rest(&mut slow).await;
        for protocol in Protocol::ALL {
            let response = viewer_by(&edge, protocol).get("/").await;
            response.expect(200).body("from primary");
        }
    }

    #[tokio::test]
    async fn a_body_may_be_too_large() {
        let (edge, primary, held) = held_and_secure("max_body_bytes = 10").await;
        held.open();
        for protocol in Protocol::ALL {
            let viewer = viewer_by(&edge, protocol);
            viewer.post("/", "ten bytes!").await.expect(200);
            viewer.post("/", "eleven byte").await.expect(413);
        }

        assert_eq!(primary.requests().len(), 3);
        edge.until_metric(&reached("max_body_bytes"), 3.0).await;
    }

    #[tokio::test]
    async fn places_are_given_back() {
        let (edge, _primary, held) = held_and_secure("max_connections_per_address = 2").await;
        held.open();
        for _ in 0..3 {
            for protocol in Protocol::ALL {
                viewer_by(&edge, protocol).get("/").await.expect(200);
                edge.until_metric(OPEN, 0.0).await;
            }
        }
    }

    #[tokio::test]
    async fn the_last_request_of_a_connection_is_answered() {
        let (edge, _primary, held) = held_and_secure("max_requests_per_connection = 1").await;
        held.open();
        for protocol in Protocol::ALL {
            viewer_by(&edge, protocol).get("/").await.expect(200);
        }

        edge.until_metric(&reached("max_requests_per_connection"), 3.0)
            .await;
        edge.until_metric(OPEN, 0.0).await;
    }
}
