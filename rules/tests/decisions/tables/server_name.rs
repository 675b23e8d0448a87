//! The name that an origin is asked for when TLS begins.

use http::HeaderValue;
use tideover_config::{HostHeader, OriginRequest};
use tideover_rules::server_name::{is_dns_name, server_name};

use crate::cast::{all_hold, policy_request, server};

#[test]
fn the_name_follows_the_host_that_is_sent() {
    // What the config says of the name, the server's host, whether the viewer's is forwarded, and the viewer's: what is asked for.
    #[rustfmt::skip]
    let rows = [
        (None, "own", false, Some("www.shop.example"), "vm.example"),
        (None, "own", true, Some("www.shop.example"), "www.shop.example"),
        (None, "own", true, Some("www.shop.example:8443"), "www.shop.example"),
        (None, "own", true, Some("www.shop.example:"), "www.shop.example"),
        (None, "own", true, None, "vm.example"),                                  // HTTP/1.0
        (None, "own", true, Some("192.0.2.1"), "vm.example"),
        (None, "own", true, Some("192.0.2.1:8443"), "vm.example"),
        (None, "own", true, Some("[2001:db8::1]:8443"), "vm.example"),
        (None, "own", true, Some("a..b"), "vm.example"),
        (None, "viewer", false, Some("www.shop.example"), "www.shop.example"),
        (None, "app.example:8443", true, Some("www.shop.example"), "app.example"),
        (Some("cert.example"), "app.example", true, Some("www.shop.example"), "cert.example"),
        (Some("cert.example"), "own", true, Some("192.0.2.1"), "cert.example"),
    ];
    let mut failures = Vec::new();
    for (said, host, forwards, viewer, expected) in rows {
        let mut vm = server("vm");
        vm.tls.server_name = said.map(Into::into);
        vm.host = match host {
            "own" => HostHeader::Own,
            "viewer" => HostHeader::Viewer,
            name => HostHeader::Named(HeaderValue::from_static(name)),
        };
        let plan = OriginRequest {
            viewer_host: forwards,
            ..policy_request()
        };
        let viewer_host = viewer.map(HeaderValue::from_static);
        let seen = server_name(&plan, &vm, viewer_host.as_ref());
        if seen != expected {
            failures.push(format!(
                "{said:?}, host {host}, forwards {forwards}, viewer {viewer:?}: {seen}, not {expected}"
            ));
        }
    }
    all_hold(&failures);
}

#[test]
fn what_a_dns_name_is() {
    let long_label = "a".repeat(63);
    let too_long_label = "a".repeat(64);
    let too_long = format!("{long_label}.{long_label}.{long_label}.{long_label}");
    #[rustfmt::skip]
    let rows = [
        ("localhost", true),
        ("vm.example", true),
        ("vm.example.", true),
        ("VM.Example", true),
        ("_dmarc.vm.example", true),
        ("1.example", true),
        ("xn--9d0b.example", true),
        ("a-b.example", true),
        (&*long_label, true),
        ("", false),
        (".", false),
        ("a..b", false),
        ("vm.example..", false),
        ("-a.example", false),
        ("a-.example", false),
        ("a b.example", false),
        ("*.example", false),
        ("é.example", false),
        ("192.0.2.1", false),
        ("192.0.2.1.", false),
        ("127.1", false),
        ("example.0x7f", false),
        ("example.0x", false),
        ("example.0xg", true),
        ("[::1]", false),
        (&*too_long_label, false),
        (&*too_long, false),
    ];
    let failures: Vec<String> = rows
        .into_iter()
        .filter(|(name, expected)| is_dns_name(name) != *expected)
        .map(|(name, expected)| format!("{name:?}: not {expected}"))
        .collect();
    all_hold(&failures);
}
