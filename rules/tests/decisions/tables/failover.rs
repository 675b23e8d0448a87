//! Who is asked, how often, and whose answer the viewer gets. A row is a play: see [`play`](crate::play::play).
//! Source of the faithful tables: Developer Guide, "Optimize high availability with CloudFront origin failover" and "All
//! distribution settings reference".

use std::time::Duration;

use http::{Method, StatusCode};
use tideover_config::{Edge, Failure, Member, Mode};
use tideover_rules::error_page::status_of;
use tideover_rules::failover::{
    Ask, Attempt, Limits, Outcome, Sent, Step, may_be_resent, next_step,
};

use crate::cast::{all_hold, group, kind, member, own_timers};
use crate::play::{ORIGINS, compiled, pair, play, span, tiers};

const USUAL: [u16; 4] = [500, 502, 503, 504];
const CHOOSABLE: [u16; 9] = [400, 403, 404, 416, 429, 500, 502, 503, 504];

fn all_play(edge: &Edge, rows: &[(&str, &str, &str, &str)]) -> Vec<String> {
    rows.iter()
        .filter_map(|(method, path, script, expected)| {
            let told = play(edge, method, path, script).told;
            (told != *expected).then(|| format!("{method} {path} {script}: {told}, not {expected}"))
        })
        .collect()
}

mod faithful {
    use super::*;

    #[test]
    fn each_listed_status_falls_through_and_no_other() {
        let mut failures = Vec::new();
        for listed in CHOOSABLE {
            let edge = pair(&[listed]);
            for status in 200..600 {
                let expected = if status == listed {
                    "vm swa -> 200 of swa".to_owned()
                } else {
                    format!("vm -> {status} of vm (200)")
                };
                let told = play(&edge, "GET", "/", &format!("{status} 200")).told;
                if told != expected {
                    failures.push(format!("[{listed}] {status}: {told}, not {expected}"));
                }
            }
        }
        all_hold(&failures);
    }

    /// A failure falls through only if a status that stands for it is listed; else the viewer gets the status beside it.
    #[test]
    fn failures_fall_through_by_their_gates() {
        #[rustfmt::skip]
        let rows: [(Failure, &[u16], u16); 10] = [
            (Failure::Dns,               &[502, 503], 502),
            (Failure::Refused,           &[503],      502),
            (Failure::ConnectTimeout,    &[503],      504),
            (Failure::Tls,               &[502, 503], 502),
            (Failure::Reset,             &[502, 503], 502),
            (Failure::WriteStalled,      &[502, 503], 504),
            (Failure::ResponseTimeout,   &[504],      504),
            (Failure::CompletionTimeout, &[504],      504),
            (Failure::Malformed,         &[502],      502),
            (Failure::HeaderTooBig,      &[502],      502),
        ];
        assert_eq!(rows.map(|(failure, _, _)| failure), Failure::ALL);
        let mut failures = Vec::new();
        for (failure, gates, status) in rows {
            if status_of(failure).as_u16() != status {
                failures.push(format!("{failure}: {}, not {status}", status_of(failure)));
            }
            for listed in CHOOSABLE {
                let told = play(&pair(&[listed]), "GET", "/", &format!("{failure}/1s+ 200")).told;
                let falls = told.ends_with("swa -> 200 of swa");
                let stays = told.ends_with(&format!("vm -> {failure} of vm (200)"));
                if (falls, stays) != (gates.contains(&listed), !gates.contains(&listed)) {
                    failures.push(format!("{failure} with [{listed}]: {told}"));
                }
            }
        }
        all_hold(&failures);
    }

    #[test]
    fn what_is_asked_again_of_the_same_origin() {
        #[rustfmt::skip]
        let rows = [
            // Connecting: three times, whatever the method, for nothing was sent.
            ("GET", "/", "connect-timeout+ 200", "vm vm vm swa -> 200 of swa"),
            ("GET", "/", "refused refused 200", "vm vm vm -> 200 of vm"),
            ("GET", "/", "dns refused tls 200", "vm vm vm swa -> 200 of swa"),
            ("HEAD", "/", "refused+ 200", "vm vm vm swa -> 200 of swa"),
            ("OPTIONS", "/", "refused 204", "vm vm -> 204 of vm"),
            ("POST+body", "/writes/1", "refused refused 201", "vm vm vm -> 201 of vm"),
            ("PUT+body", "/writes/1", "connect-timeout+", "vm vm vm -> connect-timeout of vm"),
            ("PATCH+body", "/writes/1", "refused+", "vm vm vm -> refused of vm"),
            ("DELETE", "/writes/1", "tls+", "vm vm vm -> tls of vm"),
            ("GET", "/writes/1", "refused+", "vm vm vm -> refused of vm"),
            // Waiting for an answer: GET and HEAD only, and the tries are three in all.
            ("GET", "/", "response-timeout+ 200", "vm vm vm swa -> 200 of swa"),
            ("HEAD", "/", "response-timeout 200", "vm vm -> 200 of vm"),
            ("GET", "/", "refused response-timeout+ 200", "vm vm vm swa -> 200 of swa"),
            ("GET", "/", "response-timeout refused refused 200", "vm vm vm swa -> 200 of swa"),
            ("GET", "/writes/1", "response-timeout+", "vm vm vm -> response-timeout of vm"),
            ("OPTIONS", "/", "response-timeout", "vm -> response-timeout of vm"),
            ("OPTIONS", "/options/1", "response-timeout 200", "vm swa -> 200 of swa"),
            ("POST", "/writes/1", "response-timeout", "vm -> response-timeout of vm"),
            ("PUT+body", "/writes/1", "response-timeout", "vm -> response-timeout of vm"),
            ("PATCH", "/writes/1", "response-timeout", "vm -> response-timeout of vm"),
            ("DELETE", "/writes/1", "response-timeout", "vm -> response-timeout of vm"),
            ("POST+body", "/writes/1", "refused response-timeout", "vm vm -> response-timeout of vm"),
            // Anything else once.
            ("GET", "/", "503 200", "vm swa -> 200 of swa"),
            ("GET", "/", "reset 200", "vm swa -> 200 of swa"),
            ("GET", "/", "malformed 200", "vm swa -> 200 of swa"),
            ("GET", "/", "header-too-big 200", "vm swa -> 200 of swa"),
            ("GET", "/", "refused 503 refused refused refused", "vm vm swa swa swa -> refused of swa"),
            ("POST+body", "/writes/1", "reset", "vm -> reset of vm"),
            ("POST+body", "/writes/1", "write-stalled", "vm -> write-stalled of vm"),
            ("POST+body", "/writes/1", "503", "vm -> 503 of vm"),
        ];
        all_hold(&all_play(&pair(&USUAL), &rows));
    }

    #[test]
    fn which_methods_fall_through() {
        #[rustfmt::skip]
        let rows = [
            ("GET", "/", "503 200", "vm swa -> 200 of swa"),
            ("HEAD", "/", "503 200", "vm swa -> 200 of swa"),
            ("OPTIONS", "/", "503", "vm -> 503 of vm"),
            ("OPTIONS", "/", "refused+", "vm vm vm -> refused of vm"),
            ("OPTIONS", "/options/1", "503 200", "vm swa -> 200 of swa"),    // a cached method there
            ("OPTIONS+body", "/options/1", "503", "vm -> 503 of vm"),        // a body is sent once
            ("GET", "/options/1", "503 200", "vm swa -> 200 of swa"),
        ];
        all_hold(&all_play(&pair(&USUAL), &rows));
    }

    #[test]
    fn the_secondarys_outcome_is_final() {
        #[rustfmt::skip]
        let rows = [
            ("GET", "/", "200", "vm -> 200 of vm"),
            ("GET", "/", "304", "vm -> 304 of vm"),
            ("GET", "/", "302", "vm -> 302 of vm"),
            ("GET", "/", "401", "vm -> 401 of vm"),
            ("GET", "/", "501", "vm -> 501 of vm"),
            ("GET", "/", "503 200", "vm swa -> 200 of swa"),
            ("GET", "/", "503 301", "vm swa -> 301 of swa"),
            ("GET", "/", "404 503", "vm swa -> 503 of swa"),    // nothing is soft
            ("GET", "/", "403 404", "vm swa -> 404 of swa"),
            ("GET", "/", "503 401", "vm swa -> 401 of swa"),
            ("GET", "/", "404 refused+", "vm swa swa swa -> refused of swa"),
            ("GET", "/", "503 connect-timeout+", "vm swa swa swa -> connect-timeout of swa"),
            ("GET", "/", "refused+ response-timeout+", "vm vm vm swa swa swa -> response-timeout of swa"),
            ("GET", "/", "503 reset", "vm swa -> reset of swa"),
        ];
        all_hold(&all_play(&pair(&CHOOSABLE), &rows));
    }

    #[test]
    fn the_time_is_the_members_own_timers_added_up() {
        let row = |origins: &str, script: &str, expected: &str| {
            let text = format!(
                r#"
                {origins}
                [origin_group.pair]
                members = ["vm", "swa"]
                fail_over_on = [500, 502, 503, 504]
                [distribution.site.default_behavior]
                target = "pair"
                "#
            );
            let elapsed = play(&compiled(Mode::Faithful, &text), "GET", "/", script).elapsed;
            (elapsed != span(expected)).then(|| format!("{script}: {elapsed:?}, not {expected}"))
        };
        let fast = r#"
            [origin.vm]
            url = "http://vm.example"
            connection_attempts = 1
            connection_timeout = "1s"
            response_timeout = "4s"
            [origin.swa]
            url = "http://swa.example"
        "#;
        let complete = r#"
            [origin.vm]
            url = "http://vm.example"
            response_completion_timeout = "60s"
            [origin.swa]
            url = "http://swa.example"
            response_completion_timeout = "45s"
        "#;
        #[rustfmt::skip]
        let failures: Vec<String> = [
            row(ORIGINS, "connect-timeout+ 200", "30s"),
            row(ORIGINS, "connect-timeout+ connect-timeout+", "60s"),
            row(ORIGINS, "response-timeout+ 200", "90s"),
            row(ORIGINS, "response-timeout+ response-timeout+", "180s"),
            row(ORIGINS, "refused+ 200", "0s"),
            row(ORIGINS, "200/12s", "12s"),
            row(fast, "connect-timeout+ 200", "1s"),
            row(fast, "response-timeout+ 200", "4s"),
            row(fast, "response-timeout+ connect-timeout+", "34s"),
            // One completion timeout spans all tries at an origin and starts again for the next one.
            row(complete, "response-timeout+ 200", "60s"),
            row(complete, "response-timeout/39s response-timeout/15s completion-timeout 200", "60s"),
            row(complete, "response-timeout+ response-timeout+", "105s"),
            row(complete, "completion-timeout completion-timeout", "105s"),
        ].into_iter().flatten().collect();
        all_hold(&failures);
    }
}

mod resilient {
    use super::*;

    /// The three tiers of the project's own example: the VM, the maintenance site with criteria of its own, a page.
    fn three() -> Edge {
        tiers(
            r#""vm", { origin = "swa", fail_over_on = [500, 502, 503, 504] }, "last""#,
            &[500, 502, 503, 504, 403, 404],
            "",
        )
    }

    #[test]
    fn each_member_falls_through_by_its_own_criteria() {
        #[rustfmt::skip]
        let rows = [
            ("GET", "/", "200", "vm -> 200 of vm"),
            ("GET", "/", "401", "vm -> 401 of vm"),
            ("GET", "/", "501", "vm -> 501 of vm"),
            ("GET", "/", "500 200", "vm swa -> 200 of swa"),
            ("GET", "/", "502 302", "vm swa -> 302 of swa"),
            ("HEAD", "/", "503 200", "vm swa -> 200 of swa"),
            ("OPTIONS", "/", "504 204", "vm swa -> 204 of swa"),
            ("GET", "/", "503 404", "vm swa -> 404 of swa"),         // not among the site's own
            ("GET", "/", "503 429", "vm swa -> 429 of swa"),
            ("GET", "/", "503 503", "vm swa last -> 503 of last"),
            ("GET", "/", "503 refused+", "vm swa swa last -> 503 of last"),
        ];
        all_hold(&all_play(&three(), &rows));
    }

    #[test]
    fn every_failure_falls_through() {
        let mut failures = Vec::new();
        for failure in Failure::ALL {
            let tries = if failure.is_connect() { "vm vm" } else { "vm" };
            let expected = format!("{tries} swa -> 200 of swa");
            // No status stands for anything here.
            for edge in [three(), tiers(r#""vm", "swa""#, &[404], "")] {
                let told = play(&edge, "GET", "/", &format!("{failure}/1s+ 200")).told;
                if told != expected {
                    failures.push(format!("{failure}: {told}, not {expected}"));
                }
            }
        }
        all_hold(&failures);
    }

    #[test]
    fn any_number_of_members_is_asked_in_order() {
        let edge = |count: usize| {
            let ids: Vec<String> = (1..=count).map(|n| format!("o{n}")).collect();
            let origins: Vec<String> = ids
                .iter()
                .map(|id| format!("[origin.{id}]\nurl = \"http://{id}.example\"\n"))
                .collect();
            let origins = origins.concat();
            compiled(
                Mode::Resilient,
                &format!(
                    "{origins}\n[origin_group.g]\nmembers = {ids:?}\nfail_over_on = [503]\n\
                     [distribution.d.default_behavior]\ntarget = \"g\"\n"
                ),
            )
        };
        for count in 1..=9 {
            let names: Vec<String> = (1..=count).map(|n| format!("o{n}")).collect();
            let all_bad = play(&edge(count), "GET", "/", &"503 ".repeat(count)).told;
            assert_eq!(all_bad, format!("{} -> 503 of o{count}", names.join(" ")));
            let last_good = "503 ".repeat(count - 1) + "200";
            let told = play(&edge(count), "GET", "/", &last_good).told;
            assert_eq!(told, format!("{} -> 200 of o{count}", names.join(" ")));
        }
    }

    /// A 403 or 404 is held while others are asked, and delivered if none of them answers below 400.
    #[test]
    fn soft_answers_are_held() {
        #[rustfmt::skip]
        let rows = [
            ("GET", "/", "404 200", "vm swa -> 200 of swa"),
            ("GET", "/", "404 304", "vm swa -> 304 of swa"),
            ("GET", "/", "403 302", "vm swa -> 302 of swa"),
            ("GET", "/", "404 404", "vm swa -> 404 of vm"),
            ("GET", "/", "404 399", "vm swa -> 399 of swa"),
            ("GET", "/", "404 400", "vm swa -> 404 of vm"),
            ("GET", "/", "404 401", "vm swa -> 404 of vm"),
            ("GET", "/", "404 503", "vm swa -> 404 of vm"),             // and never the page
            ("GET", "/", "404 refused+", "vm swa swa -> 404 of vm"),
            ("GET", "/", "404 response-timeout", "vm swa -> 404 of vm"),
            ("GET", "/", "refused 404 malformed", "vm vm swa -> 404 of vm"),
            ("GET", "/", "403 404", "vm swa -> 403 of vm"),
            ("HEAD", "/", "404 503", "vm swa -> 404 of vm"),
            ("POST+body", "/", "404", "vm -> 404 of vm"),
        ];
        let mut failures = all_play(&three(), &rows);
        // Both members hold softly.
        let both = tiers(r#""vm", "swa", "last""#, &[503, 403, 404], "");
        #[rustfmt::skip]
        let rows = [
            ("GET", "/", "404 403", "vm swa -> 404 of vm"),             // the first one
            ("GET", "/", "503 404", "vm swa -> 404 of swa"),
            ("GET", "/", "503 503", "vm swa last -> 503 of last"),
            ("GET", "/", "refused+ 403", "vm vm swa -> 403 of swa"),
        ];
        failures.extend(all_play(&both, &rows));
        // The operator's own choice of what is soft.
        let none = tiers(r#""vm", "swa", "last""#, &[503, 404], "soft = []");
        #[rustfmt::skip]
        let rows = [
            ("GET", "/", "404 503", "vm swa last -> 503 of last"),
            ("GET", "/", "404 404", "vm swa last -> 503 of last"),
        ];
        failures.extend(all_play(&none, &rows));
        let other = tiers(r#""vm", "swa", "last""#, &[503, 404, 429], "soft = [429]");
        #[rustfmt::skip]
        let rows = [
            ("GET", "/", "429 503", "vm swa -> 429 of vm"),
            ("GET", "/", "404 429", "vm swa -> 429 of swa"),
            ("GET", "/", "404 503", "vm swa last -> 503 of last"),
        ];
        failures.extend(all_play(&other, &rows));
        all_hold(&failures);
    }

    #[test]
    fn a_page_is_the_last_word_for_reads_only() {
        #[rustfmt::skip]
        let rows = [
            ("GET", "/", "refused+ refused+", "vm vm swa swa last -> 503 of last"),
            ("HEAD", "/", "503 malformed", "vm swa last -> 503 of last"),
            ("OPTIONS", "/", "503 503", "vm swa last -> 503 of last"),
            ("OPTIONS+body", "/", "503", "vm -> 503 of vm"),
            ("GET+body", "/", "503", "vm -> 503 of vm"),
            ("GET+body", "/", "response-timeout", "vm -> response-timeout of vm"),
            ("GET+body", "/", "refused 200", "vm vm -> 200 of vm"),        // nothing of it was sent
        ];
        let mut failures = all_play(&three(), &rows);
        let alone = tiers(r#""last""#, &[503], "");
        failures.extend(all_play(&alone, &[("GET", "/", "", "last -> 503 of last")]));
        all_hold(&failures);
    }

    /// To one origin, once; again only if not a byte was sent.
    #[test]
    fn writes_go_to_one_origin_once() {
        let mut rows = Vec::new();
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            for body in ["", "+body"] {
                for status in [200, 201, 303, 400, 403, 404, 429, 500, 502, 503, 504] {
                    rows.push((
                        format!("{method}{body}"),
                        format!("{status}"),
                        format!("vm -> {status} of vm"),
                    ));
                }
                for failure in Failure::ALL {
                    let tries = if failure.is_connect() { "vm vm" } else { "vm" };
                    rows.push((
                        format!("{method}{body}"),
                        format!("{failure}+"),
                        format!("{tries} -> {failure} of vm"),
                    ));
                }
                rows.push((
                    format!("{method}{body}"),
                    "refused reset".to_owned(),
                    "vm vm -> reset of vm".to_owned(),
                ));
            }
        }
        let rows: Vec<(&str, &str, &str, &str)> = rows
            .iter()
            .map(|(method, script, expected)| (&**method, "/", &**script, &**expected))
            .collect();
        all_hold(&all_play(&three(), &rows));
    }

    /// Reads are not asked again of an origin that was silent: the next one is asked.
    #[test]
    fn a_response_timeout_is_not_retried() {
        #[rustfmt::skip]
        let rows = [
            ("GET", "/", "response-timeout 200", "vm swa -> 200 of swa"),
            ("HEAD", "/", "response-timeout 200", "vm swa -> 200 of swa"),
            ("GET", "/", "refused response-timeout 200", "vm vm swa -> 200 of swa"),
        ];
        all_hold(&all_play(&three(), &rows));
    }

    #[test]
    fn past_the_deadline_only_the_page_is_asked() {
        let (two, three) = (r#""vm", "swa""#, r#""vm", "swa", "last""#);
        let on = [503, 404];
        #[rustfmt::skip]
        let rows = [
            // The VM's own timers leave time for others.
            (three, "25s", "connect-timeout+ 200", "vm vm swa -> 200 of swa", "2s"),
            (three, "25s", "connect-timeout response-timeout response-timeout", "vm vm swa last -> 503 of last", "21s"),
            // What the page needs is kept back.
            (three, "10s", "completion-timeout", "vm last -> 503 of last", "9900ms"),
            (three, "500ms", "completion-timeout", "vm last -> 503 of last", "450ms"),
            (three, "10s", "503/4s completion-timeout", "vm swa last -> 503 of last", "9900ms"),
            (three, "10s", "503/11s", "vm last -> 503 of last", "11s"),
            (three, "1s", "refused/950ms", "vm last -> 503 of last", "950ms"),
            (two, "10s", "completion-timeout", "vm -> completion-timeout of vm", "10s"),
            (two, "10s", "503/10s", "vm -> 503 of vm", "10s"),
            (two, "10s", "503/9999ms 200", "vm swa -> 200 of swa", "9999ms"),
            (two, "2s", "refused/2s", "vm -> refused of vm", "2s"),
            // A soft answer is not lost to it.
            (three, "10s", "404/10s", "vm -> 404 of vm", "10s"),
            (three, "10s", "404/2s completion-timeout", "vm swa -> 404 of vm", "9900ms"),
        ];
        let mut failures = Vec::new();
        for (members, deadline, script, told, time) in rows {
            let edge = tiers(members, &on, &format!("deadline = \"{deadline}\""));
            let seen = play(&edge, "GET", "/", script);
            if (seen.told.as_str(), seen.elapsed) != (told, span(time)) {
                failures.push(format!(
                    "{deadline} {script}: {} after {:?}, not {told} after {time}",
                    seen.told, seen.elapsed
                ));
            }
        }
        all_hold(&failures);
    }
}

/// The limits of the last attempt: connect, response, head, dripping, completion.
#[test]
fn limits_are_cut_to_what_is_left() {
    let own = tiers(r#""vm", "swa", "last""#, &[503], "");
    let short = tiers(r#""vm", "swa""#, &[503], "deadline = \"3s\"");
    let faithful = pair(&USUAL);
    let completing = compiled(
        Mode::Resilient,
        r#"
        [origin.vm]
        url = "http://vm.example"
        connection_timeout = "2s"
        response_timeout = "10s"
        response_completion_timeout = "12s"
        [origin.swa]
        url = "http://swa.example"
        response_completion_timeout = "20s"
        response_timeout = "15s"
        [origin_group.tiers]
        members = ["vm", "swa"]
        fail_over_on = [503]
        deadline = "15s"
        [distribution.site.default_behavior]
        target = "tiers"
        "#,
    );
    #[rustfmt::skip]
    let rows = [
        (&faithful, "200", "10s", "30s", None, None, None),
        (&faithful, "503/100s 200", "10s", "30s", None, None, None),
        (&own, "200", "1s", "10s", Some("24900ms"), Some("11s"), None),          // less what the page needs
        (&own, "refused/400ms 200", "1s", "10s", Some("24500ms"), Some("11s"), None),
        (&own, "503/20s 200", "1s", "4900ms", Some("4900ms"), Some("11s"), None),
        (&own, "503/24s 200", "900ms", "900ms", Some("900ms"), Some("11s"), None),
        (&own, "503/25s", "0s", "0s", Some("0s"), None, None),                  // the page
        (&short, "200", "1s", "3s", Some("3s"), Some("11s"), None),
        (&short, "503/2500ms 200", "500ms", "500ms", Some("500ms"), None, None),      // nobody is left
        (&completing, "200", "2s", "10s", Some("12s"), Some("12s"), Some("12s")),
        (&completing, "refused/5s 200", "2s", "7s", Some("7s"), Some("12s"), Some("7s")),
        (&completing, "refused/11s 200", "1s", "1s", Some("1s"), Some("12s"), Some("1s")),
        (&completing, "503/4s 200", "1s", "11s", Some("11s"), None, Some("20s")),  // the deadline is for the head only
    ];
    let mut failures = Vec::new();
    for (edge, script, connect, response, head, dripping, completion) in rows {
        let expected = Limits {
            dripping: dripping.map(span),
            connect: span(connect),
            response: span(response),
            head: head.map(span),
            completion: completion.map(span),
        };
        let limits = play(edge, "GET", "/", script).limits;
        if limits.last() != Some(&expected) {
            failures.push(format!("{script}: {limits:?}, not {expected:?}"));
        }
    }
    all_hold(&failures);
}

#[test]
fn every_failure_has_a_status_of_its_own_fault() {
    for failure in Failure::ALL {
        let status = status_of(failure);
        let is_slow = failure.word().ends_with("timeout") || failure == Failure::WriteStalled;
        let expected = if is_slow {
            StatusCode::GATEWAY_TIMEOUT
        } else {
            StatusCode::BAD_GATEWAY
        };
        assert_eq!(status, expected, "{failure}");
    }
    assert_eq!(Limits::NONE_LEFT.head, Some(Duration::ZERO));
}

/// How long the last member that was asked may take to send a head in drops: where nobody else could be asked instead,
/// only gaps count.
#[test]
fn a_head_in_drops_has_an_end_where_others_can_be_asked() {
    let usual = tiers(r#""vm", "swa", "last""#, &[503, 404], "");
    let alone = tiers(r#""vm""#, &[503], "");
    let without_504 = tiers(r#""vm", "swa""#, &[503], "on_failure = \"status\"");
    let with_504 = tiers(r#""vm", "swa""#, &[503, 504], "on_failure = \"status\"");
    let faithful = pair(&[503, 504]);
    #[rustfmt::skip]
    let rows = [
        (&usual, "GET", "200", Some("11s")),
        (&usual, "HEAD", "503 200", Some("11s")),           // the page comes after
        (&usual, "GET", "404 200", None),                   // but not while an answer is held
        (&usual, "POST", "200", None),
        (&usual, "GET+body", "200", None),
        (&alone, "GET", "200", None),
        (&without_504, "GET", "200", None),                 // silence is the viewer's answer
        (&with_504, "GET", "200", Some("11s")),
        (&with_504, "GET", "503 200", None),
        (&faithful, "GET", "200", None),
    ];
    let mut failures = Vec::new();
    for (edge, method, script, expected) in rows {
        let limits = play(edge, method, "/", script).limits;
        let seen = limits.last().and_then(|limits| limits.dripping);
        if seen != expected.map(span) {
            failures.push(format!("{method} {script}: {seen:?}, not {expected:?}"));
        }
    }
    all_hold(&failures);
}

/// A config cannot say it, since a page stands last and has no criteria; the rule holds without that.
#[test]
fn nobody_is_asked_after_a_page() {
    let page = Member {
        is_page: true,
        ..member(0, kind(&[503]), own_timers())
    };
    let target = group(vec![page, member(1, kind(&[503]), own_timers())], None);
    let ask = Ask {
        may_fall_through: true,
        may_repeat: true,
        may_reconnect: true,
    };
    let answered = Attempt {
        member: 0,
        outcome: Outcome::Status(StatusCode::SERVICE_UNAVAILABLE),
        sent: Sent::Something,
        took: Duration::ZERO,
    };
    let step = next_step(&target, ask, &[], &[answered], Duration::ZERO);
    assert_eq!(step, Step::Deliver(0));
}

#[test]
fn what_may_be_lost_on_a_dying_connection_and_sent_again() {
    for (method, has_body, expected) in [
        (Method::GET, false, true),
        (Method::HEAD, false, true),
        (Method::OPTIONS, false, true),
        (Method::GET, true, false),
        (Method::OPTIONS, true, false),
        (Method::POST, false, false),
        (Method::PUT, false, false),
        (Method::PATCH, false, false),
        (Method::DELETE, false, false),
        (Method::DELETE, true, false),
    ] {
        let seen = may_be_resent(&method, has_body);
        assert_eq!(seen, expected, "{method}, body: {has_body}");
    }
}
