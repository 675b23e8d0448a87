//! `tideover explain`: what would happen to one request, and why, without sending anything.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{ArgMatches, Args};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version, header};
use serde_json::json;
use tideover_config::{
    Edge, FailoverRecord, HostHeader, Member, OriginKind, Side, Target, ViewerScheme, counted, load,
};
use tideover_rules::admit::admit;
use tideover_rules::explain::{Next, Outlook, Prospects, Then, prospects};
use tideover_rules::failover::{Ask, Limits, Outcome};
use tideover_rules::fields::Fields;
use tideover_rules::route::{Arrival, Refusal, Route, route};

use super::overriding::Reading;
use super::paint::Paint;
use super::record_words;
use super::said;
use super::target_words::place;

/// Flags of `explain`.
#[derive(Clone, Debug, Args)]
pub(super) struct Options {
    /// `tideover.toml`, or a CloudFront distribution's JSON; `-` is standard input
    #[arg(
        long,
        value_name = "FILE",
        env = "TIDEOVER_CONFIG",
        hide_env_values = true
    )]
    config: PathBuf,
    /// GET, POST, …
    method: Method,
    /// The whole URL as a viewer would ask it, such as `https://www.example.com/cart?id=7`, or a path (for localhost)
    url: Uri,
    /// A header of the request [repeatable]
    #[arg(short = 'H', value_name = "NAME: VALUE", value_parser = header_line)]
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Print one JSON object
    #[arg(long, env = "TIDEOVER_JSON", hide_env_values = true,
          value_parser = clap::builder::BoolishValueParser::new())]
    json: bool,
    /// Exit with 1 unless this origin is asked first
    #[arg(
        long,
        value_name = "ORIGIN",
        env = "TIDEOVER_EXPECT",
        hide_env_values = true
    )]
    expect: Option<String>,
    #[command(flatten)]
    reading: Reading,
}

impl Options {
    /// The head as it would arrive.
    fn request(&self, edge: &Edge) -> Request<()> {
        let mut request = Request::new(());
        *request.method_mut() = self.method.clone();
        *request.version_mut() = Version::HTTP_11;
        let target = self.url.path_and_query().cloned();
        *request.uri_mut() = target.map_or_else(Uri::default, Uri::from);
        let mut headers: HeaderMap = self.headers.iter().cloned().collect();
        if !headers.contains_key(header::HOST) {
            let usual = edge
                .listen
                .http
                .first()
                .map_or_else(|| "localhost".to_owned(), SocketAddr::to_string);
            let host = self
                .url
                .authority()
                .map_or(usual, std::string::ToString::to_string);
            if let Ok(host) = HeaderValue::from_str(&host) {
                headers.insert(header::HOST, host);
            }
        }
        *request.headers_mut() = headers;
        request
    }

    /// As the URL says it; a bare path comes as the plain listener counts.
    fn scheme(&self, edge: &Edge) -> ViewerScheme {
        match self.url.scheme_str() {
            Some("https") => ViewerScheme::Https,
            Some(_) => ViewerScheme::Http,
            None => edge.listen.viewer_scheme,
        }
    }
}

fn header_line(line: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = line.split_once(':').ok_or("write NAME: VALUE")?;
    let name = name
        .trim()
        .parse()
        .map_err(|_| format!("`{name}` is no header name"))?;
    let value = value
        .trim()
        .parse()
        .map_err(|_| format!("the value of {name} cannot be sent in a header"))?;
    Ok((name, value))
}

/// Exit code 0 if the request would get to an origin (to the one of `--expect`, if given), else 1.
pub(super) fn explain(options: &Options, given: &ArgMatches) -> anyhow::Result<ExitCode> {
    let loaded = match load(
        &options.config,
        &options.reading.overrides("explain", given)?,
    ) {
        Ok(loaded) => loaded,
        Err(problems) => {
            said::problems(&problems.0, Paint::for_stderr());
            return Ok(ExitCode::FAILURE);
        }
    };
    let edge = &loaded.edge;
    let request = options.request(edge);
    let fields = Fields::of(request.headers());
    let host = match admit(request.method(), request.uri(), request.version(), fields) {
        Ok(host) => host,
        Err(malformed) => {
            let status = malformed.status().as_u16();
            return refused(
                options,
                status,
                &format!("The request is malformed: {}.", malformed.reason()),
            );
        }
    };
    let length = request.headers().get(header::CONTENT_LENGTH);
    let arrival = Arrival {
        method: request.method(),
        host: host.name,
        path: request.uri().path(),
        query: request.uri().query(),
        scheme: options.scheme(edge),
        version: request.version(),
        has_body: length.is_some_and(|length| length != "0")
            || request.headers().contains_key(header::TRANSFER_ENCODING),
        fields,
    };
    let route = match route(edge, &arrival) {
        Ok(route) => route,
        Err((refusal, _)) => {
            let why = why_refused(edge, &refusal, host.name);
            return refused(options, refusal.status().as_u16(), &why);
        }
    };
    // Before anything has happened every record stands for its primary.
    let target = route.target.routed(|_| Side::Primary);
    let route = Route {
        target: &target,
        ..route
    };
    let ask = Ask::of(
        route.behavior,
        arrival.method,
        arrival.path,
        arrival.has_body,
    );
    let told = Told {
        edge,
        route: &route,
        ask,
        prospects: prospects(route.target, ask, &[]),
    };
    if options.json {
        said::print(&format!("{:#}\n", told.json()))?;
    } else {
        said::print(&told.text(options))?;
    }
    let first = &edge.origin(route.target.members[0].origin).id;
    if let Some(expected) = &options.expect
        && **first != **expected
    {
        eprintln!("tideover: {first} would be asked first, not {expected}");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn refused(options: &Options, status: u16, why: &str) -> anyhow::Result<ExitCode> {
    if options.json {
        said::print(&format!(
            "{:#}\n",
            json!({ "status": status, "refused": why })
        ))?;
    } else {
        said::print(&format!(
            "{} {}\n  the edge itself answers {status}. {why}\n",
            options.method, options.url
        ))?;
    }
    Ok(ExitCode::FAILURE)
}

/// What the viewer is told, and what only the operator may know.
fn why_refused(edge: &Edge, refusal: &Refusal, host: &str) -> String {
    let reason = refusal.reason();
    match refusal {
        Refusal::UnknownHost => format!(
            "{reason} It is {host}; known: {}",
            edge.hosts.known().join(", ")
        ),
        Refusal::HttpsRequired | Refusal::RedirectToHttps(_) => {
            format!("{reason} --viewer-scheme says what a plain listener counts as.")
        }
        Refusal::Misdirected
        | Refusal::Disabled
        | Refusal::UrlTooLong
        | Refusal::HeadTooLarge
        | Refusal::FieldsTooLarge
        | Refusal::BodyTooLarge
        | Refusal::Loop(_)
        | Refusal::MethodNotAllowed
        | Refusal::GetWithBody => reason.to_owned(),
    }
}

/// All that is told of a request that is routed.
struct Told<'a> {
    edge: &'a Edge,
    route: &'a Route<'a, 'a>,
    ask: Ask,
    prospects: Prospects,
}

impl Told<'_> {
    fn target(&self) -> &Target {
        self.route.target
    }

    fn name(&self, member: usize) -> &str {
        &self.edge.origin(self.target().members[member].origin).id
    }

    fn text(&self, options: &Options) -> String {
        let paint = Paint::for_stdout();
        let (route, target) = (self.route, self.target());
        let mut text = format!(
            "{}\n",
            paint.bold(&format!("{} {}", options.method, options.url))
        );
        let _ = writeln!(
            text,
            "  mode          {} ({})",
            self.edge.mode.as_str(),
            self.edge.mode_reason
        );
        let _ = writeln!(text, "  distribution  {}", route.distribution.id);
        let number = route.behavior_index + 1;
        let all = route.distribution.behaviors.len();
        let _ = writeln!(
            text,
            "  behavior      {} ({number} of {all}, the first that takes this path{})",
            route.behavior.path.as_str(),
            if route.behavior.for_methods.is_some() {
                " and method"
            } else {
                ""
            },
        );
        let _ = writeln!(text, "  target        {}", self.target_words());
        for record in self.records() {
            let words = record_words::record(self.edge, record);
            let _ = writeln!(text, "  record        {words}");
        }
        if target.members.len() > 1 && !self.ask.may_fall_through {
            let _ = writeln!(
                text,
                "  goes          to the first member only: this request does not fall through"
            );
        }
        for outlook in &self.prospects.members {
            self.member_text(&mut text, outlook, paint);
        }
        let _ = writeln!(
            text,
            "\n  worst case    {} to an answer, after {}",
            seconds(self.prospects.worst_case),
            counted(self.prospects.worst_case_attempts as u64, "attempt"),
        );
        text
    }

    fn records(&self) -> impl Iterator<Item = &FailoverRecord> {
        let records = self.target().records();
        records.filter_map(|id| self.edge.records.get(usize::from(id.0)))
    }

    fn target_words(&self) -> String {
        let target = self.target();
        let kind = if target.is_group {
            "group"
        } else if target.records().next().is_some() {
            "record"
        } else {
            "origin"
        };
        let deadline = target.deadline.map_or_else(String::new, |deadline| {
            format!(", deadline {}", seconds(deadline))
        });
        format!("{kind} {}{deadline}", target.name)
    }

    fn member_text(&self, text: &mut String, outlook: &Outlook, paint: Paint) {
        let member = &self.target().members[outlook.member];
        let origin = self.edge.origin(member.origin);
        let title = format!("{}. {}", outlook.member + 1, origin.id);
        let server = match &origin.kind {
            OriginKind::Page(page) => {
                let _ = writeln!(
                    text,
                    "\n  {}  page of the edge itself: {} always",
                    paint.bold(&title),
                    page.status.as_u16()
                );
                return;
            }
            OriginKind::Server(server) => server,
        };
        let _ = writeln!(text, "\n  {}  {}", paint.bold(&title), place(server));
        let host = match &server.host {
            HostHeader::Own => "its own name".to_owned(),
            HostHeader::Viewer => "the viewer's".to_owned(),
            HostHeader::Named(name) => name.to_str().unwrap_or("?").to_owned(),
        };
        let _ = writeln!(text, "     host {host}; {}", timers(member, outlook.within));
        for words in record_words::memory(server) {
            let _ = writeln!(text, "     {words}");
        }
        if outlook.within.is_none() && outlook.holding.is_none() {
            let _ = writeln!(text, "     this request never comes here");
            return;
        }
        for (next, outcomes) in grouped(&outlook.leads_to) {
            let _ = writeln!(
                text,
                "     {:<34} {}",
                self.next_words(next),
                outcomes.join(" ")
            );
        }
        // Only what is different then.
        let Some(holding) = &outlook.holding else {
            return;
        };
        let different: Vec<(Outcome, Next)> = holding
            .leads_to
            .iter()
            .filter(|outcome| !outlook.leads_to.contains(outcome))
            .copied()
            .collect();
        if !different.is_empty() {
            let _ = writeln!(
                text,
                "     while an answer of {} is held:",
                self.name(holding.member)
            );
        }
        for (next, outcomes) in grouped(&different) {
            let _ = writeln!(
                text,
                "       {:<32} {}",
                self.next_words(next),
                outcomes.join(" ")
            );
        }
    }

    fn next_words(&self, next: Next) -> String {
        let times = match next.attempts {
            1 => String::new(),
            tries => format!("{tries} tries, then "),
        };
        match next.then {
            Then::Ask(member) => format!("{times}-> {} on", self.name(member)),
            Then::Deliver => format!("{times}is the answer:"),
            Then::DeliverHeld(member) => {
                format!("{times}the held answer of {} on", self.name(member))
            }
        }
    }

    fn json(&self) -> serde_json::Value {
        let members: Vec<serde_json::Value> = self
            .prospects
            .members
            .iter()
            .map(|outlook| self.member_json(outlook))
            .collect();
        let records: Vec<serde_json::Value> = self
            .records()
            .map(|record| {
                json!({
                    "record": &*record.id,
                    "primary": &*self.edge.origin(record.primary).id,
                    "secondary": &*self.edge.origin(record.secondary).id,
                })
            })
            .collect();
        json!({
            "mode": self.edge.mode.as_str(),
            "distribution": &*self.route.distribution.id,
            "behavior": self.route.behavior.path.as_str(),
            "behavior_number": self.route.behavior_index + 1,
            "target": &*self.target().name,
            "is_group": self.target().is_group,
            "falls_through": self.ask.may_fall_through,
            "deadline_ms": self.target().deadline.map(millis),
            "worst_case_ms": millis(self.prospects.worst_case),
            "worst_case_attempts": self.prospects.worst_case_attempts,
            "records": records,
            "members": members,
        })
    }

    fn member_json(&self, outlook: &Outlook) -> serde_json::Value {
        let member = &self.target().members[outlook.member];
        let holding = outlook.holding.as_ref().map(|holding| {
            json!({
                "answer_of": self.name(holding.member),
                "outcomes": self.outcomes_json(&holding.leads_to),
            })
        });
        let timers = member.timers;
        json!({
            "origin": self.name(outlook.member),
            "page": member.is_page,
            "asked": outlook.within.is_some() || outlook.holding.is_some(),
            "connection_attempts": timers.connection_attempts.get(),
            "connection_timeout_ms": millis(timers.connection_timeout),
            "response_timeout_ms": millis(timers.response_timeout),
            "whole_head_ms": outlook.within.and_then(|within| within.dripping).map(millis),
            "response_completion_timeout_ms": timers.response_completion_timeout.map(millis),
            "outcomes": self.outcomes_json(&outlook.leads_to),
            "while_held": holding,
        })
    }

    fn outcomes_json(
        &self,
        leads_to: &[(Outcome, Next)],
    ) -> serde_json::Map<String, serde_json::Value> {
        leads_to
            .iter()
            .map(|(outcome, next)| {
                let then = match next.then {
                    Then::Ask(member) => json!({ "ask": self.name(member) }),
                    Then::Deliver => json!("deliver"),
                    Then::DeliverHeld(member) => json!({ "deliver_held": self.name(member) }),
                };
                (
                    word(*outcome),
                    json!({ "attempts": next.attempts, "then": then }),
                )
            })
            .collect()
    }
}

/// Outcomes that lead to the same, together and in order.
fn grouped(leads_to: &[(Outcome, Next)]) -> Vec<(Next, Vec<String>)> {
    let mut groups: Vec<(Next, Vec<String>)> = Vec::new();
    for (outcome, next) in leads_to {
        match groups.iter_mut().find(|(known, _)| known == next) {
            Some((_, words)) => words.push(word(*outcome)),
            None => groups.push((*next, vec![word(*outcome)])),
        }
    }
    groups
}

fn word(outcome: Outcome) -> String {
    match outcome {
        Outcome::Status(status) => status.as_str().to_owned(),
        Outcome::Failed(failure) => failure.word().to_owned(),
        Outcome::Skipped(why) => why.word().to_owned(),
    }
}

fn timers(member: &Member, within: Option<Limits>) -> String {
    let timers = member.timers;
    let head = within
        .and_then(|within| within.dripping)
        .map_or_else(String::new, |limit| {
            format!(", whole head {}", seconds(limit))
        });
    let completion = timers
        .response_completion_timeout
        .map_or_else(String::new, |limit| {
            format!(", whole answer {}", seconds(limit))
        });
    format!(
        "connect {} x {}, response {}{head}{completion}",
        timers.connection_attempts.get(),
        seconds(timers.connection_timeout),
        seconds(timers.response_timeout),
    )
}

/// `10 s`, `2.5 s`, `300 ms`.
pub(super) fn seconds(span: Duration) -> String {
    if span < Duration::from_secs(1) {
        format!("{} ms", span.as_millis())
    } else {
        format!("{} s", span.as_secs_f64())
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
