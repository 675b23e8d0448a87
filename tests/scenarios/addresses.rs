//! An origin is where its name leads: one good address is enough.

use std::collections::BTreeSet;
use std::net::{IpAddr, TcpListener};

use harness::{edge, origin, viewer};

/// Programs on a developer's machine listen on one of 127.0.0.1 and ::1, and `localhost` may mean both.
#[tokio::test]
async fn an_origin_named_localhost_is_answered_wherever_it_listens() {
    let meant = tokio::net::lookup_host("localhost:0").await;
    let meant: BTreeSet<IpAddr> = meant
        .expect("it resolves")
        .map(|address| address.ip())
        .collect();
    let mut answered = Vec::new();
    for &loopback in &meant {
        // A name may have an address that the machine does not have: then nobody can listen there, and it must not
        // keep the edge from the other one.
        if TcpListener::bind((loopback, 0)).is_err() {
            continue;
        }
        let app = origin("app").on(loopback).start().await;
        let port = app.address().port();
        let edge = edge(&format!(
            "[origin.app]\nurl = \"http://localhost:{port}\"\n\
             [distribution.site.default_behavior]\ntarget = \"app\"\n"
        ))
        .start()
        .await;

        let response = viewer(&edge).get("/").await;

        response
            .expect(200)
            .body("from app")
            .header_has("tideover-attempts", "app;status=200;");
        app.saw(["GET /"]);
        answered.push(loopback);
    }
    assert!(!answered.is_empty(), "{meant:?}");
}
