//! What a request holds, it lets go of: connections to origins, their places in the line, and its viewer's connection.

use harness::{answer, edge, in_front_of, origin, viewer};

mod a_place_at_an_origin {
    use super::*;

    #[tokio::test]
    async fn is_not_held_by_an_answer_that_an_error_page_replaces() {
        let app = origin("app")
            .at("/missing", answer(404).body("nothing here"))
            .at("/errors/404.html", answer(200).body("a kind page"))
            .start()
            .await;
        let edge = in_front_of(&app)
            .and(
                r#"
                [origin.app]
                url = "http://app.test"
                max_connections = 1

                [[distribution.site.error_response]]
                error_code = 404
                page = "/errors/404.html"
                response_code = 404
                "#,
            )
            .start()
            .await;

        let response = viewer(&edge).get("/missing").await;

        response.expect(404).body("a kind page");
        app.saw(["GET /missing", "GET /errors/404.html"]);
        assert_eq!(app.connections(), 1);
    }

    #[tokio::test]
    async fn stays_each_origins_own_after_a_reload_though_two_are_at_one_address() {
        let app = origin("app")
            .at("/blue/page", answer(404).body("not in blue"))
            .at("/green/page", answer(200).body("from green"))
            .start()
            .await;
        let config = format!(
            r#"
            [origin.blue]
            url = "{0}"
            path = "/blue"
            max_connections = 1

            [origin.green]
            url = "{0}"
            path = "/green"
            max_connections = 1

            [origin_group.both]
            members = ["blue", "green"]
            fail_over_on = [404]

            [distribution.site.default_behavior]
            target = "both"
            "#,
            app.url()
        );
        let edge = edge(&config).start().await;

        for _ in 0..3 {
            // The answer of "blue" is soft: it is held, and its connection with it, while "green" is asked.
            viewer(&edge)
                .get("/page")
                .await
                .expect(200)
                .body("from green");
            edge.reloads_without_maps(&config);
        }
    }
}
