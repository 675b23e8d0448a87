//! What `explain` tells of the project's two example configs, worked out by hand: `examples/petclinic.toml` (resilient) and
//! `examples/petclinic.cloudfront.json` (faithful).

use std::path::Path;

use http::{Method, StatusCode};
use tideover_config::{Edge, Failure, Overrides, load};
use tideover_rules::explain::{Prospects, Then, prospects};
use tideover_rules::failover::{Ask, Outcome};
use tideover_rules::route::within;

use crate::cast::all_hold;
use crate::play::{span, word};

const RESILIENT: &str = "petclinic.toml";
const FAITHFUL: &str = "petclinic.cloudfront.json";

fn example(name: &str) -> Edge {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples"));
    match load(&folder.join(name), &Overrides::default()) {
        Ok(loaded) => loaded.edge,
        Err(problems) => panic!("{problems}"),
    }
}

/// The ids of the members that `method path` is sent to, and what could come of it.
fn told(edge: &Edge, method: &str, path: &str) -> (Vec<String>, Prospects) {
    let method: Method = method.parse().expect("a method");
    let route = within(edge, &edge.distributions[0], &method, path);
    let ids = route.target.members.iter();
    let ids = ids.map(|member| edge.origin(member.origin).id.to_string());
    let ask = Ask::of(route.behavior, &method, path, false);
    (ids.collect(), prospects(route.target, ask, &[]))
}

#[test]
fn the_longest_time_to_an_answer() {
    #[rustfmt::skip]
    let rows = [
        // Connecting takes 1 s, and then another that succeeds at the last moment, and 10 s of silence: 12 s at the VM and
        // at the maintenance site each; the page takes none. It is within the deadline of 25 s.
        (RESILIENT, "GET", "/", "azure-vm azure-swa last-page", "24s", 5),
        (RESILIENT, "HEAD", "/owners/1", "azure-vm azure-swa last-page", "24s", 5),
        (RESILIENT, "OPTIONS", "/", "azure-vm azure-swa last-page", "24s", 5),
        // A write goes to the VM alone.
        (RESILIENT, "POST", "/owners/new", "azure-vm", "12s", 2),
        (RESILIENT, "DELETE", "/petclinic/owners/1", "azure-vm", "12s", 2),
        // Three times 10 s and 30 s at each, since a silent origin is asked again.
        (FAITHFUL, "GET", "/", "Azure-VM Azure-SWA", "240s", 6),
        (FAITHFUL, "HEAD", "/", "Azure-VM Azure-SWA", "240s", 6),
        // OPTIONS is no cached method: it stays at the VM, and is not asked again once it was sent: 3 x 10 s and 30 s.
        (FAITHFUL, "OPTIONS", "/", "Azure-VM Azure-SWA", "60s", 3),
        (FAITHFUL, "POST", "/owners/new", "Azure-VM", "60s", 3),
        (FAITHFUL, "PUT", "/petclinic/owners/1", "Azure-VM", "60s", 3),
        // The method is no part of the match: reads of owners have no one to fall through to.
        (FAITHFUL, "GET", "/owners/1", "Azure-VM", "120s", 3),
    ];
    let mut failures = Vec::new();
    for (name, method, path, members, longest, attempts) in rows {
        let (ids, told) = told(&example(name), method, path);
        let seen = (ids.join(" "), told.worst_case, told.worst_case_attempts);
        if seen != (members.to_owned(), span(longest), attempts) {
            failures.push(format!(
                "{name} {method} {path}: {seen:?}, not {members} {longest} {attempts}"
            ));
        }
    }
    all_hold(&failures);
}

#[test]
fn where_each_outcome_leads() {
    // One line for each member that is asked: everything that goes on to the next one, and how often it is asked before.
    #[rustfmt::skip]
    let rows: [(&str, &str, &str, &[&str]); 6] = [
        (RESILIENT, "GET", "/", &[
            "azure-vm: dns x2, refused x2, connect-timeout x2, tls x2, reset, write-stalled, response-timeout, \
             completion-timeout, malformed, header-too-big, 504, 503, 502, 500, 404, 403 -> azure-swa",
            "azure-swa: dns x2, refused x2, connect-timeout x2, tls x2, reset, write-stalled, response-timeout, \
             completion-timeout, malformed, header-too-big, 504, 503, 502, 500 -> last-page",
            "last-page: nothing",
        ]),
        (RESILIENT, "POST", "/owners/new", &["azure-vm: nothing"]),
        (FAITHFUL, "GET", "/", &[
            "Azure-VM: dns x3, refused x3, connect-timeout x3, tls x3, reset, write-stalled, response-timeout x3, \
             completion-timeout, malformed, header-too-big, 504, 503, 502, 500, 404, 403 -> Azure-SWA",
            "Azure-SWA: nothing",
        ]),
        (FAITHFUL, "OPTIONS", "/", &["Azure-VM: nothing", "Azure-SWA: never asked"]),
        (FAITHFUL, "POST", "/owners/new", &["Azure-VM: nothing"]),
        (FAITHFUL, "GET", "/owners/1", &["Azure-VM: nothing"]),
    ];
    let mut failures = Vec::new();
    for (name, method, path, expected) in rows {
        let (ids, told) = told(&example(name), method, path);
        let seen: Vec<String> = told
            .members
            .iter()
            .map(|outlook| {
                let id = &ids[outlook.member];
                if outlook.leads_to.is_empty() {
                    return format!("{id}: never asked");
                }
                let goes_on: Vec<(String, usize)> = outlook
                    .leads_to
                    .iter()
                    .filter_map(|(outcome, next)| match next.then {
                        Then::Ask(member) if next.attempts == 1 => {
                            Some((word(*outcome).to_owned(), member))
                        }
                        Then::Ask(member) => {
                            Some((format!("{} x{}", word(*outcome), next.attempts), member))
                        }
                        Then::Deliver | Then::DeliverHeld(_) => None,
                    })
                    .collect();
                let Some((_, to)) = goes_on.first() else {
                    return format!("{id}: nothing");
                };
                assert!(goes_on.iter().all(|(_, member)| member == to));
                let words: Vec<&str> = goes_on.iter().map(|(word, _)| word.as_str()).collect();
                format!("{id}: {} -> {}", words.join(", "), ids[*to])
            })
            .collect();
        if seen != expected {
            failures.push(format!(
                "{name} {method} {path}: {seen:#?}, not {expected:#?}"
            ));
        }
    }
    all_hold(&failures);
}

/// A real 404 of the VM stays a 404 if the maintenance site has nothing better, and then the page is not asked.
#[test]
fn what_a_held_404_changes() {
    let (_, told) = told(&example(RESILIENT), "GET", "/");
    let held = told.members[1]
        .holding
        .as_ref()
        .expect("the VM's can be held");
    assert_eq!(held.member, 0);
    for (outcome, next) in &held.leads_to {
        let expected = if *outcome == Outcome::Status(StatusCode::OK) {
            Then::Deliver
        } else {
            Then::DeliverHeld(0)
        };
        assert_eq!(next.then, expected, "{outcome:?}");
    }
    let refused = Outcome::Failed(Failure::Refused);
    assert!(
        held.leads_to
            .iter()
            .any(|(outcome, next)| *outcome == refused && next.attempts == 2)
    );
    assert!(told.members[2].holding.is_none());
}
