//! A request played against a group: what each attempt brings is written down beforehand, and the rule says who is asked.

use std::path::Path;
use std::time::Duration;

use http::{Method, StatusCode};
use tideover_config::{Edge, Failure, Mode, Overrides, Target, load_text};
use tideover_rules::failover::{Ask, Attempt, Limits, Outcome, Sent, Step, next_step};
use tideover_rules::route::within;
use tideover_rules::standing::Standing;

/// The origins of most plays.
pub(crate) const ORIGINS: &str = r#"
    [origin.vm]
    url = "http://vm.example"
    [origin.swa]
    url = "http://swa.example"
    [origin.last]
    page = true
"#;

/// This config, compiled as the program compiles it.
pub(crate) fn compiled(mode: Mode, text: &str) -> Edge {
    let overrides = Overrides {
        mode: Some(mode),
        ..Overrides::default()
    };
    match load_text(Path::new("play.toml"), text, &overrides) {
        Ok(loaded) => loaded.edge,
        Err(problems) => panic!("{problems}\n{text}"),
    }
}

/// CloudFront's case: a group of two with these statuses; `/options/*` caches OPTIONS too, `/writes/*` goes to the first.
pub(crate) fn pair(statuses: &[u16]) -> Edge {
    let text = format!(
        r#"
        {ORIGINS}
        [origin_group.pair]
        members = ["vm", "swa"]
        fail_over_on = {statuses:?}
        [[distribution.site.behavior]]
        path = "/options/*"
        target = "pair"
        allowed_methods = ["GET", "HEAD", "OPTIONS"]
        cached_methods = ["GET", "HEAD", "OPTIONS"]
        [[distribution.site.behavior]]
        path = "/writes/*"
        target = "vm"
        allowed_methods = ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"]
        [distribution.site.default_behavior]
        target = "pair"
        allowed_methods = ["GET", "HEAD", "OPTIONS"]
        "#
    );
    compiled(Mode::Faithful, &text)
}

/// Our own case: `members` as they stand in a group of mode resilient, with any further lines of that group. Every method
/// goes to the group.
pub(crate) fn tiers(members: &str, statuses: &[u16], group: &str) -> Edge {
    let text = format!(
        r#"
        {ORIGINS}
        [origin_group.tiers]
        members = [{members}]
        fail_over_on = {statuses:?}
        {group}
        [distribution.site.default_behavior]
        target = "tiers"
        allowed_methods = ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"]
        "#
    );
    compiled(Mode::Resilient, &text)
}

/// The target that `method path` is sent to, and what the rule is told of such a request.
pub(crate) fn asked<'e>(edge: &'e Edge, method: &str, path: &'e str) -> (&'e Target, Ask) {
    let (method, has_body) = match method.strip_suffix("+body") {
        Some(method) => (method, true),
        None => (method, false),
    };
    let method: Method = method.parse().expect("a method");
    let route = within(edge, &edge.distributions[0], &method, path);
    (
        route.target,
        Ask::of(route.behavior, &method, path, has_body),
    )
}

/// What happened in a play.
pub(crate) struct Played {
    /// `vm vm swa -> 200 of swa`: who was asked in order, and whose outcome is delivered. What was written down and never
    /// needed follows in parentheses.
    pub(crate) told: String,
    /// Until the answer.
    pub(crate) elapsed: Duration,
    /// Of each attempt.
    pub(crate) limits: Vec<Limits>,
}

/// Plays `method path` (`GET+body` has a body). `script` says what each attempt brings: a status, or a failure in its
/// word, which takes as long as it may; `/3s` or `/300ms` behind it is another time, and a `+` repeats it for as long as
/// the same member is asked. A page answers by itself.
pub(crate) fn play(edge: &Edge, method: &str, path: &str, script: &str) -> Played {
    play_standing(edge, &[], method, path, script)
}

/// The same with members that stand like this. Who is left out is told in parentheses: `(vm) swa -> 200 of swa`.
pub(crate) fn play_standing(
    edge: &Edge,
    standings: &[Standing],
    method: &str,
    path: &str,
    script: &str,
) -> Played {
    let (target, ask) = asked(edge, method, path);
    let mut lines = script.split_whitespace().peekable();
    let mut past: Vec<Attempt> = Vec::new();
    let mut limits = Vec::new();
    let mut elapsed = Duration::ZERO;
    let mut told = Vec::new();
    let mut repeated: Option<(usize, &str)> = None;
    let delivered = loop {
        let (member, within) = match next_step(target, ask, standings, &past, elapsed) {
            Step::Try { member, within } => (member, within),
            Step::Skip { member, why } => {
                let outcome = Outcome::Skipped(why);
                told.push(&*String::leak(format!(
                    "({})",
                    name_of(edge, target, member)
                )));
                past.push(Attempt {
                    member,
                    outcome,
                    sent: Sent::Nothing,
                    took: Duration::ZERO,
                });
                continue;
            }
            Step::Deliver(index) => break index,
        };
        let name = name_of(edge, target, member);
        told.push(name);
        limits.push(within);
        let line = match repeated {
            Some((at, line)) if at == member => line,
            _ if target.members[member].is_page => "503/0s",
            _ => {
                let Some(line) = lines.next() else {
                    told.push("?");
                    return Played {
                        told: told.join(" "),
                        elapsed,
                        limits,
                    };
                };
                line
            }
        };
        repeated = line.ends_with('+').then_some((member, line));
        let attempt = attempt(member, line.trim_end_matches('+'), within);
        elapsed += attempt.took;
        past.push(attempt);
    };
    let unused: Vec<&str> = lines.collect();
    let unused = if unused.is_empty() {
        String::new()
    } else {
        format!(" ({})", unused.join(" "))
    };
    let attempt = past[delivered];
    Played {
        told: format!(
            "{} -> {} of {}{unused}",
            told.join(" "),
            word(attempt.outcome),
            name_of(edge, target, attempt.member)
        ),
        elapsed,
        limits,
    }
}

fn name_of<'e>(edge: &'e Edge, target: &Target, member: usize) -> &'e str {
    &edge.origin(target.members[member].origin).id
}

pub(crate) fn word(outcome: Outcome) -> &'static str {
    match outcome {
        // Few enough to be leaked.
        Outcome::Status(status) => String::leak(status.as_str().to_owned()),
        Outcome::Failed(failure) => failure.word(),
        Outcome::Skipped(why) => why.word(),
    }
}

fn attempt(member: usize, line: &str, within: Limits) -> Attempt {
    let (what, time) = match line.split_once('/') {
        Some((what, time)) => (what, Some(time)),
        None => (line, None),
    };
    let outcome = match what.parse::<u16>() {
        Ok(code) => Outcome::Status(StatusCode::from_u16(code).expect("a status")),
        Err(_) => Outcome::Failed(
            Failure::ALL
                .into_iter()
                .find(|failure| failure.word() == what)
                .unwrap_or_else(|| panic!("no failure is called {what}")),
        ),
    };
    let sent = match outcome {
        Outcome::Failed(failure) if failure.is_connect() => Sent::Nothing,
        Outcome::Skipped(_) => Sent::Nothing,
        Outcome::Failed(_) | Outcome::Status(_) => Sent::Something,
    };
    let took = match (time, outcome) {
        (Some(time), _) => span(time),
        (None, Outcome::Failed(Failure::ConnectTimeout)) => within.connect,
        (None, Outcome::Failed(Failure::ResponseTimeout | Failure::WriteStalled)) => {
            within.response
        }
        (None, Outcome::Failed(Failure::CompletionTimeout)) => {
            within.head.expect("it is limited as a whole")
        }
        (None, Outcome::Failed(_) | Outcome::Status(_) | Outcome::Skipped(_)) => Duration::ZERO,
    };
    Attempt {
        member,
        outcome,
        sent,
        took,
    }
}

/// `3s`, `300ms`.
pub(crate) fn span(text: &str) -> Duration {
    let number = |digits: &str| digits.parse::<u64>().expect("a number");
    match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(ms), _) => Duration::from_millis(number(ms)),
        (None, Some(s)) => Duration::from_secs(number(s)),
        (None, None) => panic!("{text} is no time"),
    }
}
