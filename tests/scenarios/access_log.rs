//! One line per request, written when its last byte is gone: CloudFront's 33 fields, or JSON with the attempts.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::process::Command;

use harness::{
    Edge, EdgeBuilder, Folder, OriginBuilder, Response, answer, edge, in_front_of, lines_of, ms,
    origin, patiently, tiers, viewer,
};

/// Turns a good origin into a bad one.
type MakesBad = fn(OriginBuilder) -> OriginBuilder;

/// The names of the fields as the log's own second line has them.
fn field_names(edge: &Edge) -> Vec<String> {
    let text = std::fs::read_to_string(edge.log_file()).expect("there is a log");
    let names = text.lines().find_map(|line| line.strip_prefix("#Fields: "));
    names
        .unwrap_or_default()
        .split(' ')
        .map(str::to_owned)
        .collect()
}

/// A line of CloudFront's format by the names of its fields.
async fn fields(edge: &Edge) -> HashMap<String, String> {
    let line = edge.log(1).await.remove(0);
    let values: Vec<String> = line.split('\t').map(str::to_owned).collect();
    let names = field_names(edge);
    assert_eq!(values.len(), names.len(), "{line}");
    names.into_iter().zip(values).collect()
}

mod cloudfronts_format {
    use super::*;

    /// What is refused before it becomes a request has the status that the viewer got.
    #[tokio::test]
    async fn a_refused_head_has_its_status() {
        let long = "x".repeat(100_000);
        let primary = origin("primary").start().await;
        for (head, status) in [
            ("GET / HTTP/1.1\r\nHo st: a\r\n\r\n".to_owned(), 400),
            (format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n"), 414),
            (
                format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long}\r\n\r\n"),
                431,
            ),
        ] {
            let edge = in_front_of(&primary).logs("cloudfront").start().await;
            let mut line = viewer(&edge).connects().await;

            line.sends(head).await;

            line.receives("GET").await.expect(status);
            assert_eq!(fields(&edge).await["sc-status"], status.to_string());
        }
    }

    #[tokio::test]
    async fn a_file_begins_with_the_names_of_its_33_fields() {
        let primary = origin("primary").start().await;
        let edge = in_front_of(&primary).logs("cloudfront").start().await;

        viewer(&edge).get("/").await.expect(200);
        edge.log(1).await;

        let text = std::fs::read_to_string(edge.log_file()).expect("there is a log");
        assert!(
            text.starts_with("#Version: 1.0\n#Fields: date time x-edge-location "),
            "{text}"
        );
        let expected = "date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) \
            cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol \
            cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type \
            cs-protocol-version fle-status fle-encrypted-fields c-port time-to-first-byte \
            x-edge-detailed-result-type sc-content-type sc-content-len sc-range-start sc-range-end";
        assert_eq!(field_names(&edge).join(" "), expected);
        assert_eq!(field_names(&edge).len(), 33);
    }

    #[tokio::test]
    async fn every_field_says_what_cloudfronts_does() {
        let primary = origin("primary")
            .plays(
                answer(200)
                    .header("Content-Type", "text/plain; charset=utf-8")
                    .body("hello"),
            )
            .start()
            .await;
        let edge = in_front_of(&primary)
            .faithful()
            .logs("cloudfront")
            .start()
            .await;

        let response = viewer(&edge)
            .host("www.example.com:8000")
            .get("/a%20b/'c'?q={1}&r=^2|")
            .header("Referer", "https://example.com/x y")
            .header("User-Agent", "Mozilla/5.0 (X11)\t{}|~")
            .header("Cookie", "secret=1")
            .header("X-Forwarded-For", "192.0.2.1, 192.0.2.2")
            .await;
        response.expect(200);

        let line = fields(&edge).await;
        for (name, value) in [
            ("x-edge-location", response.value("x-amz-cf-pop")),
            ("c-ip", "127.0.0.1"),
            ("cs-method", "GET"),
            ("cs-uri-stem", "/a%2520b/%27c%27"),
            ("sc-status", "200"),
            ("cs(Referer)", "https://example.com/x%20y"),
            ("cs(User-Agent)", "Mozilla/5.0%20(X11)%09%7B%7D%7C%7E"),
            ("cs-uri-query", "q=%7B1%7D&r=%5E2%7C"),
            ("cs(Cookie)", "-"),
            ("x-edge-result-type", "Miss"),
            ("x-edge-request-id", response.value("x-amz-cf-id")),
            ("x-host-header", "www.example.com:8000"),
            ("cs-protocol", "https"),
            ("x-forwarded-for", "192.0.2.1,%20192.0.2.2"),
            ("ssl-protocol", "-"),
            ("ssl-cipher", "-"),
            ("x-edge-response-result-type", "Miss"),
            ("cs-protocol-version", "HTTP/1.1"),
            ("fle-status", "-"),
            ("fle-encrypted-fields", "-"),
            ("x-edge-detailed-result-type", "Miss"),
            ("sc-content-type", "text/plain;%20charset=utf-8"),
            ("sc-content-len", "5"),
            ("sc-range-start", "-"),
            ("sc-range-end", "-"),
        ] {
            assert_eq!(line[name], value, "{name}: {line:?}");
        }
        let date: Vec<usize> = line["date"].split('-').map(str::len).collect();
        assert_eq!(date, [4, 2, 2], "{line:?}");
        let time: Vec<usize> = line["time"].split(':').map(str::len).collect();
        assert_eq!(time, [2, 2, 2], "{line:?}");
        let host = &line["cs(Host)"];
        assert!(
            host.starts_with('d') && host.ends_with(".cloudfront.net"),
            "{line:?}"
        );
        for name in ["time-taken", "time-to-first-byte"] {
            let (seconds, rest) = line[name].split_once('.').expect("a point");
            assert!(
                seconds.parse::<u64>().is_ok() && rest.len() == 3,
                "{name}: {line:?}"
            );
        }
        assert!(line["c-port"].parse::<u16>().is_ok(), "{line:?}");
    }

    #[tokio::test]
    async fn bytes_are_counted_in_both_directions() {
        let primary = origin("primary")
            .body("0123456789".repeat(1_000))
            .start()
            .await;
        let edge = in_front_of(&primary).logs("cloudfront").start().await;

        viewer(&edge)
            .post("/", &"x".repeat(5_000))
            .await
            .expect(200);

        let line = fields(&edge).await;
        let sent: usize = line["sc-bytes"].parse().expect("a number");
        let received: usize = line["cs-bytes"].parse().expect("a number");
        assert!((10_000..11_000).contains(&sent), "{line:?}");
        assert!((5_000..6_000).contains(&received), "{line:?}");
    }

    #[tokio::test]
    async fn cookies_are_written_where_that_is_asked_for() {
        let primary = origin("primary").start().await;
        let edge = in_front_of(&primary)
            .and("[access_log]\ncookies = true")
            .logs("cloudfront")
            .start()
            .await;

        viewer(&edge)
            .get("/")
            .header("Cookie", "a=1; b=2")
            .await
            .expect(200);

        assert_eq!(fields(&edge).await["cs(Cookie)"], "a=1;%20b=2");
    }

    /// The line after one GET.
    async fn after(builder: EdgeBuilder) -> HashMap<String, String> {
        let edge = builder.logs("cloudfront").start().await;
        let _response: Response = viewer(&edge).get("/").await;
        fields(&edge).await
    }

    #[tokio::test]
    async fn each_failure_of_an_origin_has_its_word() {
        let cases: [(_, MakesBad); 9] = [
            ("OriginConnectError", OriginBuilder::refuses),
            ("OriginConnectError", OriginBuilder::black_hole),
            ("OriginConnectError", OriginBuilder::bad_certificate),
            ("OriginReadError", OriginBuilder::resets_before_head),
            ("OriginCommError", OriginBuilder::never_answers),
            ("OriginInvalidResponseError", OriginBuilder::not_http),
            ("OriginHeaderTooBigError", |bad| bad.huge_headers(40_000)),
            ("OriginError", |bad| bad.answers(500)),
            ("Error", |bad| bad.answers(404)),
        ];
        for (word, makes_bad) in cases {
            let bad = makes_bad(origin("primary")).start().await;
            let line = after(in_front_of(&bad).time_scale(0.02)).await;
            assert_eq!(line["x-edge-detailed-result-type"], word, "{line:?}");
            assert_eq!(line["x-edge-result-type"], "Error", "{line:?}");
            assert_eq!(line["x-edge-response-result-type"], "Error", "{line:?}");
        }
    }

    #[tokio::test]
    async fn a_name_that_does_not_resolve_has_its_word() {
        let config = r#"
            [origin.nowhere]
            url = "http://nowhere.invalid"

            [distribution.site.default_behavior]
            target = "nowhere"
        "#;
        assert_eq!(
            after(edge(config)).await["x-edge-detailed-result-type"],
            "OriginDnsError"
        );
    }

    #[tokio::test]
    async fn a_cut_body_is_an_error_although_it_began_well() {
        let bad = origin("primary").resets_after(10).start().await;

        let line = after(in_front_of(&bad)).await;

        assert_eq!(line["sc-status"], "200", "{line:?}");
        assert_eq!(line["x-edge-response-result-type"], "Miss", "{line:?}");
        assert_eq!(line["x-edge-result-type"], "Error", "{line:?}");
        assert_eq!(
            line["x-edge-detailed-result-type"], "OriginReadError",
            "{line:?}"
        );
    }

    #[tokio::test]
    async fn a_refusal_and_a_redirect_have_their_words() {
        let primary = origin("primary").start().await;
        let plain = |policy: &str| {
            in_front_of(&primary)
                .and(&format!("viewer_protocol = \"{policy}\""))
                .flags(|flags| flags.viewer_scheme = Some("http".to_owned()))
        };

        let line = after(plain("redirect-to-https")).await;
        assert_eq!(
            (&*line["sc-status"], &*line["x-edge-result-type"]),
            ("301", "Redirect"),
            "{line:?}"
        );
        let line = after(plain("https-only")).await;
        assert_eq!(
            (&*line["sc-status"], &*line["x-edge-result-type"]),
            ("403", "Error"),
            "{line:?}"
        );
        assert_eq!(line["cs-protocol"], "http", "{line:?}");

        let config = "[distribution.site.default_behavior]\ntarget = \"primary\"\nallowed_methods = [\"HEAD\", \"OPTIONS\"]";
        let line = after(edge(config).origins([&primary])).await;
        assert_eq!(
            line["x-edge-detailed-result-type"], "InvalidRequestMethod",
            "{line:?}"
        );
    }

    #[tokio::test]
    async fn a_viewer_that_left_before_an_answer_is_000() {
        let primary = origin("primary").never_answers().start().await;
        let edge = in_front_of(&primary).logs("cloudfront").start().await;
        let mut line = viewer(&edge).connects().await;

        line.sends("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        primary.until_it_saw(1).await;
        line.resets();

        let line = fields(&edge).await;
        assert_eq!(line["sc-status"], "000", "{line:?}");
        assert_eq!(
            line["x-edge-detailed-result-type"], "ClientCommError",
            "{line:?}"
        );
    }

    #[tokio::test]
    async fn a_viewer_that_left_within_the_body_is_told_apart() {
        let primary = origin("primary").streams(1_000_000_000).start().await;
        let edge = in_front_of(&primary).logs("cloudfront").start().await;
        let mut line = viewer(&edge).connects().await;

        line.sends("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        line.receives_a_head().await.expect(200);
        line.resets();

        let line = fields(&edge).await;
        assert_eq!(line["sc-status"], "200", "{line:?}");
        assert_eq!(line["x-edge-result-type"], "Error", "{line:?}");
        assert_eq!(
            line["x-edge-detailed-result-type"], "ClientCommError",
            "{line:?}"
        );
    }

    #[tokio::test]
    async fn a_custom_error_page_stays_an_error() {
        let app = origin("app").answers(404).start().await;
        let site = origin("site").start().await;
        let config = r#"
            [[distribution.site.error_response]]
            error_code = 404
            page = "/errors/404.html"
            response_code = 200

            [[distribution.site.behavior]]
            path = "/errors/*"
            target = "site"

            [distribution.site.default_behavior]
            target = "app"
        "#;

        let line = after(edge(config).origins([&app, &site])).await;

        assert_eq!(
            (&*line["sc-status"], &*line["x-edge-result-type"]),
            ("200", "Error"),
            "{line:?}"
        );
    }
}

mod json {
    use super::*;

    #[tokio::test]
    async fn a_line_tells_the_whole_story() {
        let first = origin("first").refuses().start().await;
        let second = origin("second").answers(404).start().await;
        let third = origin("third").start().await;
        let edge = tiers([&first, &second, &third], [404, 503])
            .logs("json")
            .start()
            .await;

        let response = viewer(&edge)
            .host("www.example.com")
            .get("/owners?x='1'")
            .header("User-Agent", "curl/8 \"quoted\" \\ \u{e9}")
            .await;

        let line = edge.log_json(1).await.remove(0);
        for (key, value) in [
            ("request_id", response.value("x-request-id")),
            ("client", "127.0.0.1"),
            ("method", "GET"),
            ("scheme", "https"),
            ("host", "www.example.com"),
            ("path", "/owners"),
            ("query", "x='1'"),
            ("protocol", "HTTP/1.1"),
            ("result", "Miss"),
            ("detail", "Miss"),
            ("user_agent", "curl/8 \"quoted\" \\ \u{e9}"),
            ("distribution", "site"),
            ("target", "tiers"),
        ] {
            assert_eq!(line[key], value, "{key}: {line}");
        }
        assert_eq!(line["status"], 200, "{line}");
        assert_eq!(line["bytes_sent"], 10, "{line}");
        assert_eq!(line["made_by_edge"], false, "{line}");
        let attempts: Vec<(&str, &str, u64, bool)> = line["attempts"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|attempt| {
                (
                    attempt["origin"].as_str().unwrap_or_default(),
                    attempt["error"].as_str().unwrap_or_default(),
                    attempt["status"].as_u64().unwrap_or_default(),
                    attempt["delivered"].as_bool().unwrap_or_default(),
                )
            })
            .collect();
        assert_eq!(
            attempts,
            [
                ("first", "refused", 0, false),
                ("first", "refused", 0, false),
                ("second", "", 404, false),
                ("third", "", 200, true)
            ]
        );
    }

    #[tokio::test]
    async fn it_says_whether_anything_was_sent() {
        for (bad, sent) in [
            (origin("primary").refuses(), "nothing"),
            (origin("primary").resets_before_head(), "something"),
        ] {
            let bad = bad.start().await;
            let edge = in_front_of(&bad).logs("json").start().await;

            viewer(&edge).post("/", "x").await.expect(503);

            let line = edge.log_json(1).await.remove(0);
            let last = line["attempts"]
                .as_array()
                .and_then(|all| all.last())
                .expect("attempts");
            assert_eq!(last["sent"], sent, "{line}");
            assert_eq!(line["made_by_edge"], true, "{line}");
        }
    }

    #[tokio::test]
    async fn even_in_faithful_mode_it_tells_the_attempts() {
        let primary = origin("primary").answers(503).start().await;
        let secondary = origin("secondary").start().await;
        let edge = harness::pair([&primary, &secondary], [503])
            .logs("json")
            .start()
            .await;

        viewer(&edge)
            .get("/")
            .await
            .expect(200)
            .no_header("tideover-attempts");

        let line = edge.log_json(1).await.remove(0);
        assert_eq!(line["attempts"][0]["status"], 503, "{line}");
        assert_eq!(line["attempts"][1]["origin"], "secondary", "{line}");
    }

    #[tokio::test]
    async fn no_byte_of_a_viewer_breaks_a_line() {
        let primary = origin("primary").start().await;
        let edge = in_front_of(&primary).logs("json").start().await;
        let mut line = viewer(&edge).connects().await;

        line.sends(
            b"GET /%C3%A9?\\x HTTP/1.1\r\nHost: a\r\nUser-Agent: \xff\t\x80\"\r\nReferer: \\\r\n\r\n",
        )
        .await;
        line.receives("GET").await.expect(200);

        let line = edge.log_json(1).await.remove(0);
        assert_eq!(line["referer"], "\\", "{line}");
        assert_eq!(line["path"], "/%C3%A9", "{line}");
    }
}

mod files {
    use super::*;

    #[tokio::test]
    async fn a_file_that_was_moved_away_is_followed_by_a_new_one() {
        let primary = origin("primary").start().await;
        let edge = in_front_of(&primary).logs("cloudfront").start().await;

        viewer(&edge).get("/before").await.expect(200);
        edge.log(1).await;
        let moved = edge.log_file().with_extension("1");
        std::fs::rename(edge.log_file(), &moved).expect("it can be moved");
        edge.reopens_its_log();
        viewer(&edge).get("/after").await.expect(200);

        let after = edge.log(1).await;
        assert!(after[0].contains("\t/after\t"), "{after:?}");
        assert_eq!(
            field_names(&edge).len(),
            33,
            "the new file has its own head"
        );
        let before = lines_of(&moved, 1).await;
        assert!(
            before.len() == 1 && before[0].contains("\t/before\t"),
            "{before:?}"
        );
    }

    #[tokio::test]
    async fn a_file_that_is_there_is_continued() {
        let primary = origin("primary").start().await;
        let folder = Folder::new();
        let file = folder.path().join("access.log");
        let start = || {
            in_front_of(&primary)
                .flags(|flags| flags.access_log = Some(file.display().to_string()))
                .start()
        };

        for path in ["/1", "/2"] {
            let edge = start().await;
            viewer(&edge).get(path).await.expect(200);
            edge.shuts_down(ms(5_000)).await;
        }

        let text = std::fs::read_to_string(&file).expect("there is a log");
        assert_eq!(text.matches("#Version").count(), 1, "{text}");
        assert_eq!(text.lines().count(), 4, "{text}");
    }

    #[tokio::test]
    async fn shutting_down_writes_everything_that_was_answered() {
        let primary = origin("primary").start().await;
        let folder = Folder::new();
        let file = folder.path().join("access.log");
        let edge = in_front_of(&primary)
            .flags(|flags| flags.access_log = Some(file.display().to_string()))
            .start()
            .await;
        let mut line = viewer(&edge).connects().await;
        for _ in 0..500 {
            line.sends("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
            line.receives("GET").await.expect(200);
        }

        let summary = edge.shuts_down(ms(5_000)).await;

        assert_eq!(summary.requests, 500);
        assert_eq!(summary.log_lines_lost, 0);
        let text = std::fs::read_to_string(&file).expect("there is a log");
        assert_eq!(
            text.lines().filter(|line| !line.starts_with('#')).count(),
            500
        );
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_written_loses_lines_that_are_counted_and_no_request() {
        let primary = origin("primary").start().await;
        let edge = in_front_of(&primary)
            .flags(|flags| flags.access_log = Some("/dev/full".to_owned()))
            .start()
            .await;

        for _ in 0..3 {
            viewer(&edge).get("/").await.expect(200);
        }

        edge.until_metric("tideover_access_log_lines_lost_total", 3.0)
            .await;
    }

    #[tokio::test]
    async fn a_writer_that_is_stuck_loses_lines_that_are_counted_and_holds_up_no_request() {
        let primary = origin("primary").start().await;
        let folder = Folder::new();
        let pipe = folder.path().join("access.pipe");
        let made = Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .expect("coreutils are there");
        assert!(made.success());
        // Held open for reading, and never read: soon nothing more goes in.
        let held = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&pipe)
            .expect("a pipe opens");
        let edge = in_front_of(&primary)
            .flags(|flags| flags.access_log = Some(pipe.display().to_string()))
            .start()
            .await;
        let mut line = viewer(&edge).connects().await;
        let long = "x".repeat(8_000);

        // Each 4 fill a buffer of 32 KiB, and 64 buffers may wait.
        for _ in 0..500 {
            line.sends(format!(
                "GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: {long}\r\n\r\n"
            ))
            .await;
            line.receives("GET")
                .await
                .expect(200)
                .took_less_than(ms(5_000));
        }

        let lost = edge.metric("tideover_access_log_lines_lost_total").await;
        assert!((1.0..500.0).contains(&lost), "{lost} lines were lost");

        // Even now a new file can be begun: once the writer is free, it follows.
        std::fs::rename(&pipe, folder.path().join("moved.pipe")).expect("it can be moved");
        edge.reopens_its_log();
        std::thread::spawn(move || std::io::copy(&mut { held }, &mut std::io::sink()));
        // Until it has taken something, the next line may be lost like those before. A buffer has 5 lines at most, and here are
        // more than 2: besides what was left after the loop, there is a place for another.
        lines_of(&pipe, 11).await;
        line.sends("GET /after HTTP/1.1\r\nHost: a\r\n\r\n").await;
        line.receives("GET").await.expect(200);
        patiently("the line after", async {
            while !lines_of(&pipe, 1)
                .await
                .iter()
                .any(|line| line.contains("\t/after\t"))
            {
                tokio::time::sleep(ms(20)).await;
            }
        })
        .await;
    }
}
