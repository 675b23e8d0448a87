//! Host, path and method say who answers: distributions, behaviors in order, path patterns, the default root object,
//! allowed methods, viewer protocol policies.

use harness::{Edge, EdgeBuilder, Origin, edge, in_front_of, origin, viewer};

async fn cast() -> [Origin; 3] {
    [
        origin("red").start().await,
        origin("green").start().await,
        origin("blue").start().await,
    ]
}

fn on<const N: usize>(config: &str, cast: [&Origin; N]) -> EdgeBuilder {
    edge(config).origins(cast)
}

/// Who answers GET to each of these.
async fn who_answers(edge: &Edge, cases: &[(&str, &str)]) {
    for (path, who) in cases {
        let response = viewer(edge).get(path).await;
        assert_eq!(response.text(), format!("from {who}"), "GET {path}");
    }
}

mod hosts {
    use super::*;

    const SITES: &str = r#"
        [distribution.exact]
        aliases = ["www.example.com", "example.com"]
        default_behavior.target = "red"

        [distribution.wildcard]
        aliases = ["*.example.com"]
        default_behavior.target = "green"

        [distribution.longer-wildcard]
        aliases = ["*.a.example.com"]
        default_behavior.target = "blue"
    "#;

    #[tokio::test]
    async fn the_most_exact_alias_answers() {
        let [red, green, blue] = cast().await;
        let edge = on(SITES, [&red, &green, &blue]).start().await;

        for (host, who) in [
            ("www.example.com", "red"),
            ("example.com", "red"),
            ("WWW.Example.COM", "red"),
            ("www.example.com:8443", "red"),
            ("www.example.com.", "red"),
            ("x.example.com", "green"),
            ("x.y.example.com", "green"),
            ("x.a.example.com", "blue"),
            ("x.y.a.example.com", "blue"),
            ("a.example.com", "green"),
        ] {
            let response = viewer(&edge).host(host).get("/").await;
            assert_eq!(response.text(), format!("from {who}"), "{host}");
        }
    }

    #[tokio::test]
    async fn a_host_that_nobody_answers_to_is_refused() {
        let [red, green, blue] = cast().await;
        let edge = on(SITES, [&red, &green, &blue]).start().await;

        for host in [
            "example.org",
            "wwwexample.com",
            "com",
            "xexample.com",
            "192.0.2.1",
        ] {
            let response = viewer(&edge).host(host).get("/").await;
            response.expect(403).body_has("Nothing is served here");
        }
        red.saw_nothing();
        green.saw_nothing();
    }

    #[tokio::test]
    async fn local_names_reach_the_only_distribution() {
        let [red, ..] = cast().await;
        let config = r#"
            [distribution.site]
            aliases = ["www.example.com"]
            default_behavior.target = "red"
        "#;
        let edge = on(config, [&red]).start().await;

        for host in [
            "localhost",
            "app.localhost",
            "127.0.0.1",
            "127.0.0.1:8000",
            "[::1]:8000",
        ] {
            viewer(&edge).host(host).get("/").await.expect(200);
        }
        viewer(&edge)
            .host("elsewhere.example")
            .get("/")
            .await
            .expect(403);
    }

    #[tokio::test]
    async fn a_distribution_without_aliases_answers_to_any_host() {
        let [red, ..] = cast().await;
        let edge = in_front_of(&red).start().await;

        for host in ["localhost", "whatever.example", "192.0.2.1"] {
            viewer(&edge).host(host).get("/").await.expect(200);
        }
    }

    #[tokio::test]
    async fn an_absolute_target_asks_the_host_that_it_names() {
        let [red, green, blue] = cast().await;
        let edge = on(SITES, [&red, &green, &blue]).start().await;

        let response = viewer(&edge)
            .host("www.example.com")
            .get("http://www.example.com/path?query")
            .await;

        response.expect(200).body("from red");
        red.saw(["GET /path?query"]);
    }

    #[tokio::test]
    async fn a_disabled_distribution_serves_nothing() {
        let [red, ..] = cast().await;
        let config = r#"
            [distribution.site]
            enabled = false
            default_behavior.target = "red"
        "#;
        let edge = on(config, [&red]).start().await;

        viewer(&edge).get("/").await.expect(403);
        red.saw_nothing();
    }
}

mod paths {
    use super::*;

    async fn with_pattern(pattern: &str) -> (Edge, [Origin; 3]) {
        let [red, green, blue] = cast().await;
        let config = format!(
            r#"
            [[distribution.site.behavior]]
            path = "{pattern}"
            target = "red"

            [distribution.site.default_behavior]
            target = "green"
            "#
        );
        let edge = on(&config, [&red, &green]).start().await;
        (edge, [red, green, blue])
    }

    #[tokio::test]
    async fn patterns_match_whole_paths_as_cloudfronts_do() {
        for (pattern, matches, does_not) in [
            (
                "/images/*",
                &["/images/", "/images/a", "/images/a/b", "/images/a?x=/no"][..],
                &["/images", "/Images/a", "/x/images/a"][..],
            ),
            ("images/*", &["/images/a"], &["/x/images/a"]),
            (
                "*.jpg",
                &["/a.jpg", "/a/b.jpg", "/.jpg"],
                &["/a.jpg/b", "/a.JPG", "/a.jpeg", "/a?b.jpg"],
            ),
            (
                "/a/*/c",
                &["/a/b/c", "/a/b/x/c", "/a//c/../b/c"],
                &["/a/c", "/a/b/c/d"],
            ),
            ("/v?/x", &["/v1/x", "/v2/x"], &["/v/x", "/v12/x"]),
            (
                "/exact",
                &["/exact", "/exact?query"],
                &["/exact/", "/exactly"],
            ),
            ("*", &["/", "/anything"], &[]),
        ] {
            let (edge, _cast) = with_pattern(pattern).await;
            for path in matches {
                let who = viewer(&edge).get(path).await.text();
                assert_eq!(who, "from red", "{path} against {pattern}");
            }
            for path in does_not {
                let who = viewer(&edge).get(path).await.text();
                assert_eq!(who, "from green", "{path} against {pattern}");
            }
        }
    }

    #[tokio::test]
    async fn the_first_behavior_that_matches_answers() {
        let [red, green, blue] = cast().await;
        let config = r#"
            [[distribution.site.behavior]]
            path = "/api/*"
            target = "red"

            [[distribution.site.behavior]]
            path = "/api/special/*"
            target = "blue"

            [distribution.site.default_behavior]
            target = "green"
        "#;
        let edge = on(config, [&red, &green, &blue]).start().await;

        who_answers(
            &edge,
            &[("/api/special/1", "red"), ("/api/1", "red"), ("/", "green")],
        )
        .await;
    }

    #[tokio::test]
    async fn paths_are_normalised_for_matching_and_sent_raw() {
        let (edge, [red, green, _]) = with_pattern("/admin/*").await;

        for path in [
            "/admin/x",
            "//admin/x",
            "/./admin/x",
            "/x/../admin/x",
            "/admin/x/../y",
        ] {
            assert_eq!(viewer(&edge).get(path).await.text(), "from red", "{path}");
        }
        for path in ["/admin/../x", "/%61dmin/x", "/x//admin/x"] {
            assert_eq!(viewer(&edge).get(path).await.text(), "from green", "{path}");
        }

        red.saw([
            "GET /admin/x",
            "GET //admin/x",
            "GET /./admin/x",
            "GET /x/../admin/x",
            "GET /admin/x/../y",
        ]);
        green.saw(["GET /admin/../x", "GET /%61dmin/x", "GET /x//admin/x"]);
    }

    #[tokio::test]
    async fn targets_arrive_as_they_were_sent() {
        let red = origin("red").start().await;
        let edge = in_front_of(&red).start().await;
        let targets = [
            "/a%20b%2Fc",
            "/%C3%A9?%C3%A9",
            "/?",
            "/a?b?c",
            "/a?b=1&a=2&b=1",
            "/;a=b,c/'x'(y)!*$~@:",
            "/a//b/",
            "/%",
            "/|",
        ];

        for target in targets {
            viewer(&edge).get(target).await.expect(200);
        }

        let seen: Vec<String> = red
            .requests()
            .into_iter()
            .map(|request| request.target)
            .collect();
        assert_eq!(seen, targets);
    }

    #[tokio::test]
    async fn an_origin_path_goes_in_front_for_its_own_origin_only() {
        let [red, green, _] = cast().await;
        let config = r#"
            [origin.red]
            url = "http://red.test/petclinic"

            [[distribution.site.behavior]]
            path = "/owners/*"
            target = "red"

            [distribution.site.default_behavior]
            target = "green"
        "#;
        let edge = on(config, [&red, &green]).start().await;

        viewer(&edge).get("/owners/1?x=1").await.expect(200);
        viewer(&edge).get("/petclinic/owners/1").await.expect(200);

        red.saw(["GET /petclinic/owners/1?x=1"]);
        green.saw(["GET /petclinic/owners/1"]);
    }

    #[tokio::test]
    async fn the_default_root_object_is_the_root_alone() {
        let [red, green, _] = cast().await;
        let config = r#"
            [distribution.site]
            default_root_object = "index.html"

            [[distribution.site.behavior]]
            path = "*.html"
            target = "red"

            [distribution.site.default_behavior]
            target = "green"
        "#;
        let edge = on(config, [&red, &green]).start().await;

        who_answers(&edge, &[("/", "red"), ("/?x=1", "red"), ("/sub/", "green")]).await;
        red.saw(["GET /index.html", "GET /index.html?x=1"]);
        green.saw(["GET /sub/"]);
    }
}

mod methods {
    use super::*;

    #[tokio::test]
    async fn for_methods_is_part_of_the_match() {
        let [red, green, _] = cast().await;
        let config = r#"
            [[distribution.site.behavior]]
            path = "/owners/*"
            for_methods = ["POST", "DELETE"]
            target = "red"

            [distribution.site.default_behavior]
            target = "green"
        "#;
        let edge = on(config, [&red, &green]).start().await;
        let asks = viewer(&edge);

        asks.post("/owners/1", "x")
            .await
            .expect(200)
            .body("from red");
        asks.request("DELETE", "/owners/1")
            .await
            .expect(200)
            .body("from red");
        asks.get("/owners/1").await.expect(200).body("from green");
        asks.request("PUT", "/owners/1").body("x").await.expect(403);
        asks.post("/elsewhere", "x").await.expect(403);
    }

    #[tokio::test]
    async fn a_method_that_is_not_allowed_is_answered_403_without_allow() {
        let [red, ..] = cast().await;
        let config = r#"
            [distribution.site.default_behavior]
            target = "red"
            allowed_methods = ["GET", "HEAD"]
        "#;
        for (builder, x_cache) in [
            (on(config, [&red]), "Error from tideover"),
            (on(config, [&red]).faithful(), "Error from cloudfront"),
        ] {
            let edge = builder.start().await;
            for method in ["OPTIONS", "POST", "PUT", "PATCH", "DELETE"] {
                viewer(&edge)
                    .request(method, "/")
                    .await
                    .expect(403)
                    .no_header("allow")
                    .header("x-cache", x_cache)
                    .body_has("not allowed");
            }
        }
        red.saw_nothing();
    }

    #[tokio::test]
    async fn a_method_that_nobody_knows_is_answered_403() {
        let [red, ..] = cast().await;
        let edge = in_front_of(&red).start().await;

        for method in ["TRACE", "PROPFIND", "BREW", "M-SEARCH"] {
            viewer(&edge).request(method, "/").await.expect(403);
        }
        red.saw_nothing();
    }

    #[tokio::test]
    async fn options_of_the_server_as_a_whole_is_passed_on() {
        let [red, ..] = cast().await;
        let edge = in_front_of(&red).start().await;

        viewer(&edge).request("OPTIONS", "*").await.expect(200);

        red.saw(["OPTIONS *"]);
    }
}

mod viewer_protocols {
    use super::*;

    async fn over(scheme: &str, policy: &str) -> (Edge, Origin) {
        let red = origin("red").start().await;
        let edge = in_front_of(&red)
            .and(&format!("viewer_protocol = \"{policy}\""))
            .flags(|flags| flags.viewer_scheme = Some(scheme.to_owned()))
            .start()
            .await;
        (edge, red)
    }

    #[tokio::test]
    async fn redirect_to_https_keeps_host_path_query_and_method() {
        let (edge, red) = over("http", "redirect-to-https").await;
        let asks = viewer(&edge).host("www.example.com:8000");

        for (method, status) in [
            ("GET", 301),
            ("HEAD", 301),
            ("POST", 307),
            ("PUT", 307),
            ("PATCH", 307),
            ("DELETE", 307),
            ("OPTIONS", 307),
        ] {
            asks.request(method, "/a//b/../c?x=%20y")
                .await
                .expect(status)
                .header("x-cache", "Redirect from tideover")
                .header("location", "https://www.example.com:8000/a//b/../c?x=%20y");
        }
        red.saw_nothing();
    }

    #[tokio::test]
    async fn a_write_over_http_1_0_cannot_be_redirected() {
        let (edge, red) = over("http", "redirect-to-https").await;

        let response = viewer(&edge)
            .sends("POST / HTTP/1.0\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx")
            .await;

        response.expect(403);
        red.saw_nothing();
    }

    #[tokio::test]
    async fn nobody_is_redirected_to_where_nothing_is() {
        let (edge, red) = over("http", "redirect-to-https").await;

        for without_url in [
            "GET /path HTTP/1.0\r\n\r\n",
            "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
        ] {
            viewer(&edge)
                .sends(without_url)
                .await
                .expect(403)
                .no_header("location");
        }
        red.saw_nothing();
    }

    #[tokio::test]
    async fn https_only_refuses_plain_http() {
        let (edge, red) = over("http", "https-only").await;

        viewer(&edge)
            .get("/")
            .await
            .expect(403)
            .body_has("HTTPS only");
        red.saw_nothing();
    }

    #[tokio::test]
    async fn a_viewer_that_counts_as_https_is_served() {
        for policy in ["redirect-to-https", "https-only", "allow-all"] {
            let (edge, _red) = over("https", policy).await;
            viewer(&edge).get("/").await.expect(200);
        }
    }
}

#[tokio::test]
async fn the_health_path_answers_for_any_host_and_asks_nobody() {
    let [red, ..] = cast().await;
    let config = r#"
        [listen]
        health_path = "/edge-health"

        [distribution.site]
        aliases = ["www.example.com"]
        default_behavior.target = "red"
    "#;
    let edge = on(config, [&red]).start().await;

    viewer(&edge)
        .host("10.0.0.1")
        .get("/edge-health")
        .await
        .expect(200)
        .body("ok\n");
    viewer(&edge)
        .host("10.0.0.1")
        .get("/edge-healthy")
        .await
        .expect(403);
    red.saw_nothing();
}
