//! What `explain` knows beforehand: where each outcome leads, and how long it can take.

use tideover_config::{Edge, Mode};
use tideover_rules::explain::{Next, Then, prospects};

use crate::cast::all_hold;
use crate::play::{ORIGINS, asked, compiled, pair, play, span, tiers, word};

fn said(next: Next) -> String {
    let times = next.attempts;
    match next.then {
        Then::Ask(member) => format!("{times} ask {member}"),
        Then::Deliver => format!("{times} deliver"),
        Then::DeliverHeld(member) => format!("{times} deliver held {member}"),
    }
}

/// A line for each member; `(0)` before an outcome: while an answer of member 0 is held.
fn outlooks(edge: &Edge, method: &str) -> Vec<Vec<(String, String)>> {
    let (target, ask) = asked(edge, method, "/");
    prospects(target, ask, &[])
        .members
        .into_iter()
        .map(|outlook| {
            let plain = outlook
                .leads_to
                .into_iter()
                .map(|(outcome, next)| (word(outcome).to_owned(), said(next)));
            let holding = outlook.holding.into_iter().flat_map(|holding| {
                holding.leads_to.into_iter().map(move |(outcome, next)| {
                    (
                        format!("({}) {}", holding.member, word(outcome)),
                        said(next),
                    )
                })
            });
            plain.chain(holding).collect()
        })
        .collect()
}

fn leads_to(edge: &Edge, rows: &[(&str, usize, &str, &str)]) -> Vec<String> {
    rows.iter()
        .filter_map(|(method, member, outcome, expected)| {
            let outlooks = outlooks(edge, method);
            let seen = outlooks[*member]
                .iter()
                .find(|(word, _)| word == outcome)
                .map_or("never", |(_, said)| said);
            (seen != *expected)
                .then(|| format!("{method} {outcome} at {member}: {seen}, not {expected}"))
        })
        .collect()
}

#[test]
fn each_outcome_leads_somewhere() {
    let faithful = pair(&[500, 503, 404]);
    #[rustfmt::skip]
    let rows = [
        ("GET", 0, "refused", "3 ask 1"),
        ("GET", 0, "connect-timeout", "3 ask 1"),
        ("GET", 0, "tls", "3 ask 1"),
        ("GET", 0, "reset", "1 ask 1"),
        ("GET", 0, "malformed", "1 deliver"),
        ("GET", 0, "response-timeout", "3 deliver"),
        ("GET", 0, "503", "1 ask 1"),
        ("GET", 0, "404", "1 ask 1"),
        ("GET", 0, "504", "1 deliver"),
        ("GET", 0, "200", "1 deliver"),
        ("GET", 1, "refused", "3 deliver"),
        ("GET", 1, "503", "1 deliver"),
        ("GET", 1, "(0) 503", "never"),
        ("OPTIONS", 0, "503", "1 deliver"),
        ("OPTIONS", 0, "refused", "3 deliver"),
        ("OPTIONS", 1, "503", "never"),
    ];
    let mut failures = leads_to(&faithful, &rows);
    let resilient = tiers(
        r#""vm", { origin = "swa", fail_over_on = [500, 502, 503, 504] }, "last""#,
        &[500, 502, 503, 504, 403, 404],
        "",
    );
    #[rustfmt::skip]
    let rows = [
        ("GET", 0, "refused", "2 ask 1"),
        ("GET", 0, "response-timeout", "1 ask 1"),
        ("GET", 0, "404", "1 ask 1"),
        ("GET", 0, "401", "never"),                 // not worth telling: any other status is the answer
        ("GET", 1, "refused", "2 ask 2"),
        ("GET", 1, "503", "1 ask 2"),
        ("GET", 1, "404", "1 deliver"),
        ("GET", 1, "(0) 503", "1 deliver held 0"),  // the page is not asked
        ("GET", 1, "(0) refused", "2 deliver held 0"),
        ("GET", 1, "(0) 404", "1 deliver held 0"),
        ("GET", 1, "(0) 200", "1 deliver"),
        ("GET", 2, "503", "1 deliver"),
        ("GET", 2, "(0) 503", "never"),
        ("POST", 0, "404", "1 deliver"),
        ("POST", 0, "refused", "2 deliver"),
        ("POST", 0, "reset", "1 deliver"),
        ("POST", 1, "503", "never"),
        ("GET+body", 0, "503", "1 deliver"),
        ("GET+body", 2, "503", "never"),
    ];
    failures.extend(leads_to(&resilient, &rows));
    // A soft status stands below another one, and is not the only way on.
    let by_status = tiers(
        r#""vm", "last""#,
        &[400, 416],
        "soft = [416]\non_failure = \"status\"",
    );
    #[rustfmt::skip]
    let rows = [
        ("GET", 0, "400", "1 ask 1"),
        ("GET", 0, "416", "1 deliver"),
        ("GET", 1, "503", "1 deliver"),
    ];
    failures.extend(leads_to(&by_status, &rows));
    // No outcome of the site goes on to the page, but an answer of the VM that came too late for the site does.
    let by_lateness = tiers(
        r#""vm", { origin = "swa", fail_over_on = [404] }, "last""#,
        &[503],
        "on_failure = \"status\"",
    );
    let told = play(&by_lateness, "GET", "/", "503/25s").told;
    if told != "vm last -> 503 of last" {
        failures.push(format!("too late: {told}"));
    }
    #[rustfmt::skip]
    let rows = [
        ("GET", 0, "503", "1 ask 1"),
        ("GET", 1, "503", "1 deliver"),
        ("GET", 1, "404", "1 deliver"),
        ("GET", 2, "503", "1 deliver"),
        ("GET", 2, "(0) 503", "never"),
        ("POST", 2, "503", "never"),
    ];
    failures.extend(leads_to(&by_lateness, &rows));
    all_hold(&failures);
}

#[test]
fn how_long_it_can_take() {
    let with = |mode, origins: &str, group: &str| {
        compiled(
            mode,
            &format!(
                r#"
                {origins}
                [origin_group.g]
                {group}
                [[distribution.d.behavior]]
                path = "/writes"
                target = "vm"
                allowed_methods = ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"]
                [distribution.d.default_behavior]
                target = "g"
                allowed_methods = ["GET", "HEAD", "OPTIONS"]
                "#
            ),
        )
    };
    let faithful = |origins: &str, on: &str| {
        let group = format!("members = [\"vm\", \"swa\"]\nfail_over_on = {on}");
        with(Mode::Faithful, origins, &group)
    };
    let resilient = |group: &str| with(Mode::Resilient, ORIGINS, group);
    let completing = r#"
        [origin.vm]
        url = "http://vm.example"
        response_completion_timeout = "60s"
        [origin.swa]
        url = "http://swa.example"
        connection_attempts = 1
        connection_timeout = "2s"
        response_timeout = "5s"
    "#;
    let usual = "[500, 502, 503, 504]";
    #[rustfmt::skip]
    let rows = [
        // Three connects that succeed at the last moment, each followed by silence; at both members.
        ("GET", "/", faithful(ORIGINS, usual), "240s", 6),
        // Silence ends it where 504 is not listed, but a slow 500 goes on.
        ("GET", "/", faithful(ORIGINS, "[500]"), "240s", 6),
        ("OPTIONS", "/", faithful(ORIGINS, usual), "60s", 3),            // 10 + 10 + 10 + 30
        ("POST", "/writes", faithful(ORIGINS, usual), "60s", 3),
        ("GET", "/writes", faithful(ORIGINS, usual), "120s", 3),
        ("GET", "/", faithful(completing, usual), "67s", 4),
        // 1 + 1 + 10 at each member.
        ("GET", "/", resilient("members = [\"vm\"]\nfail_over_on = []"), "12s", 2),
        ("GET", "/", resilient("members = [\"vm\", \"swa\"]\nfail_over_on = [503]"), "24s", 4),
        ("GET", "/", resilient("members = [\"vm\", \"swa\", \"last\"]\nfail_over_on = [503]"), "24s", 5),
        ("GET", "/", resilient("members = [\"vm\", \"swa\"]\nfail_over_on = [503]\ndeadline = \"20s\""), "20s", 4),
        ("GET", "/", resilient("members = [\"vm\", \"swa\", \"last\"]\nfail_over_on = [503]\ndeadline = \"20s\""), "19900ms", 5),
        ("POST+body", "/writes", resilient("members = [\"vm\", \"swa\"]\nfail_over_on = [503]"), "12s", 2),
        ("GET", "/", resilient("members = [\"last\"]\nfail_over_on = []"), "0s", 1),
    ];
    let mut failures = Vec::new();
    for (index, (method, path, edge, longest, attempts)) in rows.into_iter().enumerate() {
        let (target, ask) = asked(&edge, method, path);
        let told = prospects(target, ask, &[]);
        if (told.worst_case, told.worst_case_attempts) != (span(longest), attempts) {
            failures.push(format!(
                "row {index} {method} {path}: {:?} in {}, not {longest} in {attempts}",
                told.worst_case, told.worst_case_attempts
            ));
        }
    }
    all_hold(&failures);
}
