//! What the Developer Guide says of origin failover ("Optimize high availability with CloudFront origin failover"), row by
//! row, over the original's own distribution.

use harness::{Edge, Nginx, OriginBuilder, edge_json, ms, origin, viewer};

use super::*;

/// Everything that can be chosen, in the order of the API.
const CHOOSABLE: [u16; 9] = [400, 403, 404, 416, 429, 500, 502, 503, 504];
/// Long enough for a busy machine, short enough to wait for: the connect timers become 100 ms, the response timer 300 ms.
const SCALE: f64 = 0.01;

async fn both() -> (Nginx, Nginx) {
    (vm().start().await, swa().start().await)
}

/// `statuses` in front of real nginx.
async fn chosen(statuses: &[u16], vm: &Nginx, swa: &Nginx) -> Edge {
    chosen_with(statuses, &vm.url(), swa).await
}

/// `statuses` in front of whoever is at this URL, and the maintenance site.
async fn chosen_with(statuses: &[u16], vm: &str, swa: &Nginx) -> Edge {
    edge_json(&distribution(statuses))
        .map(VM, vm)
        .map(SWA, &swa.url())
        .time_scale(SCALE)
        .start()
        .await
}

mod trigger_statuses {
    use super::*;

    #[tokio::test]
    async fn each_choosable_status_falls_over_when_it_is_chosen_and_only_then() {
        let (vm, swa) = both().await;
        let all = chosen(&CHOOSABLE, &vm, &swa).await;
        for status in CHOOSABLE {
            let others: Vec<u16> = CHOOSABLE.into_iter().filter(|one| *one != status).collect();
            let others = chosen(&others, &vm, &swa).await;
            let path = format!("/answer/{status}");

            viewer(&all).get(&path).await.expect(200).body("from swa");
            viewer(&others)
                .get(&path)
                .await
                .expect(status)
                .body(&format!("{status} from vm"));
        }
    }

    #[tokio::test]
    async fn statuses_that_cannot_be_chosen_never_fall_over() {
        let (vm, swa) = both().await;
        let edge = chosen(&CHOOSABLE, &vm, &swa).await;
        for status in [200, 204, 301, 302, 304, 401, 405, 410, 418, 501] {
            viewer(&edge)
                .get(&format!("/answer/{status}"))
                .await
                .expect(status);
        }
        assert_eq!(swa.log(), Vec::<String>::new());
    }

    #[tokio::test]
    async fn interim_answers_never_fall_over() {
        let primary = origin("primary").many_1xx(3).start().await;
        let swa = swa().start().await;
        let edge = edge_json(&distribution(&CHOOSABLE))
            .map(VM, &primary.url())
            .map(SWA, &swa.url())
            .start()
            .await;
        viewer(&edge).get("/").await.expect(200).body("at last");
        assert_eq!(swa.log(), Vec::<String>::new());
    }
}

mod failures_without_a_status {
    use super::*;

    /// In front of which the VM stands in the original.
    const VM_NAME: &str = "dr-vm-poc.koreacentral.cloudapp.azure.com";

    /// What the primary does, the statuses of which one must be chosen, and what the viewer gets if none is.
    struct Row {
        what: &'static str,
        primary: fn(OriginBuilder) -> OriginBuilder,
        gates: &'static [u16],
        standalone: u16,
        /// How often the primary sees one GET: the response timer's tries are as many as the connection attempts.
        asked: usize,
    }

    const ROWS: &[Row] = &[
        Row {
            what: "connect not completed within the connection timeout, all attempts used",
            primary: OriginBuilder::black_hole,
            gates: &[503],
            standalone: 504,
            asked: 0,
        },
        Row {
            what: "refused",
            primary: OriginBuilder::refuses,
            gates: &[503],
            standalone: 502,
            asked: 0,
        },
        Row {
            what: "reset after the request was written, before any byte of an answer",
            primary: OriginBuilder::resets_before_head,
            gates: &[502, 503],
            standalone: 502,
            asked: 1,
        },
        Row {
            what: "closed after the request was written, before any byte of an answer",
            primary: OriginBuilder::closes_before_head,
            gates: &[502, 503],
            standalone: 502,
            asked: 1,
        },
        Row {
            what: "closed in the middle of its head",
            primary: OriginBuilder::cuts_mid_head,
            gates: &[502, 503],
            standalone: 502,
            asked: 1,
        },
        Row {
            what: "TLS: a certificate that nobody signed",
            primary: OriginBuilder::bad_certificate,
            gates: &[502, 503],
            standalone: 502,
            asked: 0,
        },
        Row {
            what: "TLS: a certificate for somebody else",
            primary: OriginBuilder::wrong_name,
            gates: &[502, 503],
            standalone: 502,
            asked: 0,
        },
        Row {
            what: "TLS: a certificate past its time",
            primary: OriginBuilder::expired_certificate,
            gates: &[502, 503],
            standalone: 502,
            asked: 0,
        },
        Row {
            what: "no first byte within the response timeout, all attempts used",
            primary: OriginBuilder::never_answers,
            gates: &[504],
            standalone: 504,
            asked: 3,
        },
        Row {
            what: "a gap within the head longer than the response timeout, all attempts used",
            primary: OriginBuilder::stalls_mid_head,
            gates: &[504],
            standalone: 504,
            asked: 3,
        },
        Row {
            what: "not HTTP",
            primary: OriginBuilder::not_http,
            gates: &[502],
            standalone: 502,
            asked: 1,
        },
        Row {
            what: "headers too large",
            primary: |origin| origin.huge_headers(100_000),
            gates: &[502],
            standalone: 502,
            asked: 1,
        },
        Row {
            what: "interim answers without end",
            primary: |origin| origin.many_1xx(9),
            gates: &[502],
            standalone: 502,
            asked: 1,
        },
        Row {
            what: "another protocol that nobody asked for",
            primary: OriginBuilder::switches_protocols,
            gates: &[502],
            standalone: 502,
            asked: 1,
        },
    ];

    #[tokio::test]
    async fn each_falls_over_exactly_where_its_gate_is_among_the_chosen_statuses() {
        let swa = swa().start().await;
        for row in ROWS {
            for chosen in [500, 502, 503, 504] {
                let primary = (row.primary)(origin("primary")).start().await;
                let edge = edge_json(&distribution(&[chosen]))
                    .map(VM, &primary.url())
                    .map(SWA, &swa.url())
                    .time_scale(SCALE)
                    .start()
                    .await;
                let response = viewer(&edge).get("/").await;
                let story = format!("{}, {chosen} chosen", row.what);
                if row.gates.contains(&chosen) {
                    assert_eq!(
                        (response.status, &*response.text()),
                        (200, "from swa"),
                        "{story}"
                    );
                    response.header("x-cache", "Miss from cloudfront");
                } else {
                    assert_eq!(response.status, row.standalone, "{story}");
                    response.header("x-cache", "Error from cloudfront");
                }
                assert_eq!(primary.requests().len(), row.asked, "{story}");
            }
        }
    }

    /// The timers of the distribution are CloudFront's defaults, 3 x 10 s to connect and 3 x 30 s to answer, here a
    /// hundredth of them.
    #[tokio::test]
    async fn every_attempt_is_given_its_time_before_the_secondary_is_asked() {
        let swa = swa().start().await;
        for (primary, at_least) in [
            (origin("primary").black_hole(), ms(300)),
            (origin("primary").never_answers(), ms(900)),
        ] {
            let primary = primary.start().await;
            let edge = chosen_with(&[503, 504], &primary.url(), &swa).await;
            viewer(&edge)
                .get("/")
                .await
                .expect(200)
                .body("from swa")
                .took_at_least(at_least);
        }
    }

    /// Only GET and HEAD are tried again after the response timer, and an OPTIONS that is not cached stays at the primary.
    #[tokio::test]
    async fn options_is_asked_once_and_its_failure_is_final_where_it_is_not_cached() {
        let swa = swa().start().await;
        let silent = origin("silent").never_answers().start().await;
        let edge = chosen_with(&[502, 503, 504], &silent.url(), &swa).await;
        viewer(&edge).request("OPTIONS", "/").await.expect(504);
        silent.saw(["OPTIONS /"]);

        let gone = origin("gone").refuses().start().await;
        let edge = chosen_with(&[502, 503, 504], &gone.url(), &swa).await;
        viewer(&edge).request("OPTIONS", "/").await.expect(502);
        assert_eq!(swa.log(), Vec::<String>::new());
    }

    /// The kernel knows no way to the broadcast address, and says so without sending anything.
    #[tokio::test]
    async fn an_address_that_cannot_be_reached_falls_over_with_503_chosen() {
        let swa = swa().start().await;
        for (chosen, expected) in [(503, 200), (502, 502), (500, 502), (504, 502)] {
            let edge = chosen_with(&[chosen], "http://255.255.255.255:80", &swa).await;
            viewer(&edge).get("/").await.expect(expected);
        }
    }

    #[tokio::test]
    async fn a_name_that_does_not_resolve_falls_over_with_502_or_503_chosen() {
        let swa = swa().start().await;
        for (chosen, expected) in [(502, 200), (503, 200), (500, 502), (504, 502)] {
            let edge = edge_json(&distribution(&[chosen]))
                .map(VM, "http://nowhere.invalid")
                .map(SWA, &swa.url())
                .start()
                .await;
            viewer(&edge).get("/").await.expect(expected);
        }
    }

    #[tokio::test]
    async fn real_nginx_with_which_no_handshake_succeeds_falls_over_with_502_or_503_chosen() {
        let swa = swa().start().await;
        // TLS 1.2 with a suite without forward secrecy only: nothing in common.
        let old = "ssl_protocols TLSv1.2; ssl_ciphers AES128-SHA; location / { return 200; }";
        let old = nginx("old", old)
            .https(Certificate::good(VM_NAME))
            .start()
            .await;
        let elsewhere = nginx("elsewhere", "location / { return 200; }")
            .https(Certificate::good("elsewhere.example"))
            .start()
            .await;
        let plain = vm().start().await;
        let plain = format!("https://{}", plain.address());
        for url in [old.url(), elsewhere.url(), plain] {
            for (chosen, expected) in [(502, 200), (503, 200), (500, 502), (504, 502)] {
                let edge = edge_json(&distribution(&[chosen]))
                    .map(VM, &url)
                    .map(SWA, &swa.url())
                    .start()
                    .await;
                let response = viewer(&edge).get("/").await;
                assert_eq!(response.status, expected, "{url}, {chosen} chosen");
            }
        }
    }

    #[tokio::test]
    async fn real_nginx_that_closes_without_an_answer_falls_over_with_502_chosen() {
        let (vm, swa) = both().await;
        for (statuses, expected) in [(&[502][..], 200), (&[504], 502)] {
            let edge = chosen(statuses, &vm, &swa).await;
            viewer(&edge).get("/closes").await.expect(expected);
        }
    }

    #[tokio::test]
    async fn the_completion_timeout_before_the_head_falls_over_with_504_chosen() {
        let swa = swa().start().await;
        let primary = origin("primary").never_answers().start().await;
        for (statuses, expected) in [([504, 500], 200), ([503, 500], 504)] {
            let config = changed(|config| {
                config["OriginGroups"]["Items"][0]["FailoverCriteria"]["StatusCodes"] =
                    serde_json::json!({ "Quantity": 2, "Items": statuses });
                config["Origins"]["Items"][0]["ResponseCompletionTimeout"] = 40.into();
            });
            let edge = edge_json(&config)
                .map(VM, &primary.url())
                .map(SWA, &swa.url())
                .time_scale(SCALE)
                .start()
                .await;
            viewer(&edge).get("/").await.expect(expected);
        }
    }

    #[tokio::test]
    async fn a_gap_or_reset_after_the_head_cuts_the_answer_and_asks_nobody_else() {
        let swa = swa().start().await;
        for primary in [
            origin("primary").stalls_after(100),
            origin("primary").resets_after(100),
        ] {
            let primary = primary.start().await;
            let edge = edge_json(&distribution(&CHOOSABLE))
                .map(VM, &primary.url())
                .map(SWA, &swa.url())
                .time_scale(SCALE)
                .start()
                .await;
            viewer(&edge).get("/").await.expect(200).cut();
        }
        assert_eq!(swa.log(), Vec::<String>::new());
    }

    #[tokio::test]
    async fn what_the_edge_refuses_is_no_failure_of_an_origin() {
        let (vm, swa) = both().await;
        let edge = chosen(&CHOOSABLE, &vm, &swa).await;
        let long = format!("/{}", "a".repeat(8_192));
        viewer(&edge).request("DELETE", "/").await.expect(403);
        viewer(&edge).get(&long).await.expect(413);
        assert_eq!((vm.log(), swa.log()), (vec![], vec![]));
    }
}

mod methods {
    use super::*;

    /// The default behavior with these methods allowed and cached.
    async fn with_methods(cached: &[&str], vm: &Nginx, swa: &Nginx) -> Edge {
        let allowed = ["GET", "HEAD", "OPTIONS"];
        let config = changed(|config| {
            config["DefaultCacheBehavior"]["AllowedMethods"] = serde_json::json!({
                "Quantity": 3, "Items": allowed,
                "CachedMethods": { "Quantity": cached.len(), "Items": cached },
            });
        });
        edge_json(&config)
            .map(VM, &vm.url())
            .map(SWA, &swa.url())
            .start()
            .await
    }

    #[tokio::test]
    async fn get_and_head_fall_over_always_and_options_only_where_it_is_cached() {
        let (vm, swa) = both().await;
        let uncached = with_methods(&["GET", "HEAD"], &vm, &swa).await;
        let cached = with_methods(&["GET", "HEAD", "OPTIONS"], &vm, &swa).await;
        for (edge, method, expected) in [
            (&uncached, "GET", 200),
            (&uncached, "HEAD", 200),
            (&uncached, "OPTIONS", 503),
            (&cached, "GET", 200),
            (&cached, "HEAD", 200),
            (&cached, "OPTIONS", 200),
        ] {
            let response = viewer(edge).request(method, "/answer/503").await;
            assert_eq!(response.status, expected, "{method}");
        }
    }

    #[tokio::test]
    async fn a_request_to_switch_protocols_falls_over_like_any_get() {
        let (mut vm, swa) = both().await;
        let edge = petclinic_json(&vm, &swa).start().await;
        let asks = || {
            viewer(&edge)
                .get("/answer/503")
                .header("Connection", "Upgrade")
                .header("Upgrade", "websocket")
                .header("Sec-WebSocket-Version", "13")
                .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
        };
        asks().await.expect(200).body("from swa");
        vm.is_killed().await;
        asks().await.expect(200).body("from swa");
    }

    #[tokio::test]
    async fn write_methods_are_refused_on_the_group_and_go_to_the_vm_on_their_own_paths() {
        let (mut vm, swa) = both().await;
        let edge = petclinic_json(&vm, &swa).start().await;
        let mut tunnel = viewer(&edge)
            .sends("CONNECT www.goupang.shop:443 HTTP/1.1\r\nHost: www.goupang.shop:443\r\n\r\n")
            .await;
        tunnel
            .expect(403)
            .header("x-cache", "Error from cloudfront");
        tunnel.closes().await;
        for method in ["POST", "PUT", "PATCH", "DELETE", "TRACE", "PURGE"] {
            viewer(&edge)
                .request(method, "/")
                .await
                .expect(403)
                .header("x-cache", "Error from cloudfront");
        }
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            let target = format!("/owners/{method}");
            viewer(&edge)
                .request(method, &target)
                .body("a=b")
                .await
                .expect(200);
        }
        assert_eq!(vm.logged(4).await.len(), 4);

        vm.is_killed().await;
        viewer(&edge)
            .post("/owners/new", "a=b")
            .await
            .expect(502)
            .header("x-cache", "Error from cloudfront");
        assert_eq!(swa.log(), Vec::<String>::new());
    }
}

mod what_the_viewer_gets {
    use super::*;

    #[tokio::test]
    async fn the_primarys_success_is_given_and_the_secondary_is_not_asked() {
        let (vm, swa) = both().await;
        let edge = petclinic_json(&vm, &swa).start().await;
        viewer(&edge)
            .get("/owners")
            .await
            .expect(200)
            .body("from vm")
            .header("x-cache", "Miss from cloudfront")
            .no_header("tideover-attempts")
            .no_header("proxy-status");
        assert_eq!(swa.log(), Vec::<String>::new());
    }

    #[tokio::test]
    async fn the_primarys_error_that_is_no_trigger_is_given() {
        let (vm, swa) = both().await;
        let edge = petclinic_json(&vm, &swa).start().await;
        for status in [400, 401, 410, 429, 501] {
            viewer(&edge)
                .get(&format!("/answer/{status}"))
                .await
                .expect(status)
                .body_has("from vm")
                .header("x-cache", "Error from cloudfront");
        }
        assert_eq!(swa.log(), Vec::<String>::new());
    }

    #[tokio::test]
    async fn after_a_trigger_the_secondarys_success_looks_like_any_miss() {
        let (vm, swa) = both().await;
        let edge = petclinic_json(&vm, &swa).start().await;
        for status in [500, 502, 503, 504, 403, 404] {
            viewer(&edge)
                .get(&format!("/answer/{status}"))
                .await
                .expect(200)
                .body("from swa")
                .header("x-cache", "Miss from cloudfront")
                .no_header("tideover-attempts");
        }
    }

    #[tokio::test]
    async fn after_a_trigger_the_secondarys_error_is_final() {
        // The primary answers 503 below a path for which the secondary has an answer of its own.
        let primary = origin("primary").answers(503).start().await;
        let swa = swa().start().await;
        let edge = edge_json(PETCLINIC_JSON)
            .map(VM, &primary.url())
            .map(SWA, &swa.url())
            .start()
            .await;
        for status in [400, 403, 404, 410, 500, 503] {
            viewer(&edge)
                .get(&format!("/answer/both/{status}"))
                .await
                .expect(status)
                .body_has("from swa")
                .header("x-cache", "Error from cloudfront");
        }
    }

    #[tokio::test]
    async fn after_a_trigger_the_secondarys_failure_becomes_the_edges_own_answer() {
        let (vm, mut swa) = both().await;
        let edge = petclinic_json(&vm, &swa).time_scale(SCALE).start().await;
        swa.is_killed().await;
        viewer(&edge)
            .get("/answer/503")
            .await
            .expect(502)
            .header("x-cache", "Error from cloudfront")
            .body_lacks("from vm");

        let silent = origin("silent").never_answers().start().await;
        let edge = edge_json(PETCLINIC_JSON)
            .map(VM, &vm.url())
            .map(SWA, &silent.url())
            .time_scale(SCALE)
            .start()
            .await;
        viewer(&edge).get("/answer/503").await.expect(504);
    }

    #[tokio::test]
    async fn a_failure_without_its_gate_is_answered_by_the_edge_and_the_secondary_is_not_asked() {
        let (mut vm, swa) = both().await;
        let edge = chosen(&[500, 404], &vm, &swa).await;
        vm.is_killed().await;
        viewer(&edge)
            .get("/")
            .await
            .expect(502)
            .header("x-cache", "Error from cloudfront");
        assert_eq!(swa.log(), Vec::<String>::new());
    }

    #[tokio::test]
    async fn there_is_no_memory_of_a_failure() {
        let (mut vm, swa) = both().await;
        let edge = petclinic_json(&vm, &swa).start().await;
        viewer(&edge).get("/").await.expect(200).body("from vm");
        vm.is_killed().await;
        viewer(&edge).get("/").await.expect(200).body("from swa");
        vm.starts().await;
        viewer(&edge).get("/").await.expect(200).body("from vm");
    }

    #[tokio::test]
    async fn the_secondary_is_called_by_its_own_name_over_tls() {
        let vm = vm().start().await;
        let server = "location / { return 200 \"$host $https\"; }";
        let swa = nginx("swa", server)
            .https(Certificate::good(SWA_NAME))
            .start()
            .await;
        let edge = petclinic_json(&vm, &swa).start().await;
        viewer(&edge)
            .get("/answer/503")
            .await
            .expect(200)
            .body(&format!("{SWA_NAME} on"));
    }
}

/// "Creating a custom error page for specific HTTP status codes": it goes by the status that the viewer would get.
mod custom_error_responses {
    use super::*;

    /// A page for each of these statuses, answered with another status, and `/errors/*` at `origin`.
    fn with_pages(statuses: &[u16], pages: &[(u16, u16)], origin: &str) -> String {
        changed(|config| {
            config["OriginGroups"]["Items"][0]["FailoverCriteria"]["StatusCodes"] =
                serde_json::json!({ "Quantity": statuses.len(), "Items": statuses });
            let mut behavior = config["CacheBehaviors"]["Items"][0].clone();
            behavior["PathPattern"] = "/errors/*".into();
            behavior["TargetOriginId"] = origin.into();
            config["CacheBehaviors"] = serde_json::json!({ "Quantity": 1, "Items": [behavior] });
            let pages: Vec<_> = pages
                .iter()
                .map(|(status, becomes)| {
                    serde_json::json!({
                        "ErrorCode": status, "ResponseCode": becomes.to_string(),
                        "ResponsePagePath": format!("/errors/{status}.html"), "ErrorCachingMinTTL": 10,
                    })
                })
                .collect();
            config["CustomErrorResponses"] =
                serde_json::json!({ "Quantity": pages.len(), "Items": pages });
        })
    }

    /// Answers every other path with this status, and has the pages.
    fn with_the_pages(name: &str, status: u16) -> NginxBuilder {
        nginx(
            name,
            &format!(
                "location /errors/ {{ return 200 \"$uri of {name}\"; }} location / {{ return {status} raw; }}"
            ),
        )
    }

    async fn plays(config: &str, vm: &Nginx, swa: &Nginx) -> Edge {
        edge_json(config)
            .map(VM, &vm.url())
            .map(SWA, &swa.url())
            .start()
            .await
    }

    #[tokio::test]
    async fn the_primarys_error_that_is_no_trigger_is_replaced() {
        let vm = with_the_pages("vm", 400).start().await;
        let swa = swa().start().await;
        let edge = plays(&with_pages(&[503], &[(400, 200)], VM), &vm, &swa).await;
        viewer(&edge)
            .get("/")
            .await
            .expect(200)
            .body("/errors/400.html of vm")
            .header("x-cache", "Error from cloudfront");
        assert_eq!(swa.log(), Vec::<String>::new());
    }

    #[tokio::test]
    async fn the_secondarys_error_is_replaced_and_the_primarys_counts_for_nothing() {
        let vm = with_the_pages("vm", 503).start().await;
        let swa = with_the_pages("swa", 404)
            .https(Certificate::good(SWA_NAME))
            .start()
            .await;
        let config = with_pages(&[503], &[(503, 500), (404, 405)], SWA);
        let edge = plays(&config, &vm, &swa).await;
        viewer(&edge)
            .get("/")
            .await
            .expect(405)
            .body("/errors/404.html of swa");
        // A page for the primary's status alone is never shown.
        let edge = plays(&with_pages(&[503], &[(503, 500)], SWA), &vm, &swa).await;
        viewer(&edge).get("/").await.expect(404).body("raw");
    }

    #[tokio::test]
    async fn a_secondary_that_fails_counts_by_the_edges_own_status() {
        let vm = with_the_pages("vm", 503).start().await;
        let mut swa = swa().start().await;
        swa.is_killed().await;
        let config = with_pages(&[503], &[(503, 500), (502, 416)], VM);
        let edge = plays(&config, &vm, &swa).await;
        viewer(&edge)
            .get("/")
            .await
            .expect(416)
            .body("/errors/502.html of vm");
    }

    #[tokio::test]
    async fn a_failure_without_its_gate_counts_by_the_edges_own_status() {
        let mut vm = vm().start().await;
        vm.is_killed().await;
        let swa = with_the_pages("swa", 200)
            .https(Certificate::good(SWA_NAME))
            .start()
            .await;
        let edge = plays(&with_pages(&[500], &[(502, 503)], SWA), &vm, &swa).await;
        viewer(&edge)
            .get("/")
            .await
            .expect(503)
            .body("/errors/502.html of swa")
            .header("x-cache", "Error from cloudfront");
        assert_eq!(swa.logged(1).await.len(), 1, "the page and nothing else");
    }
}
