//! What would happen to one request, and why, without sending anything: by a config alone, or as a running edge knows its
//! origins at this moment.

mod cached;
mod now;
mod words;

use std::fmt::Write;
use std::net::SocketAddr;
use std::time::Duration;

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version, header};
use serde_json::{Value, json};
use tideover_config::{
    Edge, FailoverRecord, HostHeader, Member, OriginKind, Side, Target, ViewerScheme, counted,
};
use tideover_rules::admit::admit;
use tideover_rules::explain::{Beginning, Next, Outlook, Prospects, Then, beginning, prospects};
use tideover_rules::failover::{Ask, Limits, Outcome};
use tideover_rules::fields::Fields;
use tideover_rules::headers::{self, Conditions};
use tideover_rules::route::{Arrival, Refusal, Route, route};
use tideover_rules::websocket::is_asked_for;

use cached::{Cached, Somebody, cached};
pub(crate) use now::Now;
pub use words::{folder_place, place};

/// A request that somebody might send.
#[derive(Clone, Debug)]
pub struct Question {
    /// GET, POST, …
    pub method: Method,
    /// The whole URL as a viewer would ask it, or a path: for the edge's own first address.
    pub url: Uri,
    /// Of the request.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

/// What would happen to it.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// An object: `status` and `refused` (why), if the edge itself would refuse it; else where it goes, who is asked and what
    /// follows.
    pub json: Value,
    /// The same for people, in lines.
    pub text: String,
    /// Who is asked first; `None`: nobody.
    pub first: Option<String>,
}

impl Question {
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

/// By the config alone. Titles in the text are put through `bold`.
pub fn explain(edge: &Edge, question: &Question, bold: impl Fn(&str) -> String) -> Explanation {
    explained(edge, question, None, &bold)
}

/// As things are `now`, if that is known.
pub(crate) fn explained(
    edge: &Edge,
    question: &Question,
    now: Option<&Now<'_>>,
    bold: &dyn Fn(&str) -> String,
) -> Explanation {
    let request = question.request(edge);
    let fields = Fields::of(request.headers());
    let host = match admit(request.method(), request.uri(), request.version(), fields) {
        Ok(host) => host,
        Err(malformed) => {
            let status = malformed.status().as_u16();
            let why = format!("The request is malformed: {}.", malformed.reason());
            return refused(question, status, &why);
        }
    };
    let length = request.headers().get(header::CONTENT_LENGTH);
    let has_body = length.is_some_and(|length| length != "0")
        || request.headers().contains_key(header::TRANSFER_ENCODING);
    let arrival = Arrival {
        method: request.method(),
        host: host.name,
        path: request.uri().path(),
        query: request.uri().query(),
        scheme: question.scheme(edge),
        version: request.version(),
        has_body,
        fields,
    };
    let route = match route(edge, &arrival) {
        Ok(route) => route,
        Err((refusal, _)) => {
            let why = why_refused(edge, &refusal, host.name);
            return refused(question, refusal.status().as_u16(), &why);
        }
    };
    if let Some(why) = now.and_then(|now| now.maintenance(route.distribution)) {
        return refused(question, 503, &why);
    }
    // Before anything has happened every record stands for its primary.
    let side = |record| now.map_or(Side::Primary, |now| now.side(record));
    let records: Vec<&FailoverRecord> = route
        .target
        .records()
        .filter_map(|id| edge.records.get(usize::from(id.0)))
        .collect();
    let target = route.target.routed(side);
    let ask = Ask::of(
        route.behavior,
        arrival.method,
        arrival.path,
        arrival.has_body,
    );
    let standings = now.map_or_else(Vec::new, |now| now.standings(&target));
    let route = Route {
        target: &target,
        ..route
    };
    let somebody = Somebody::new();
    let viewer = somebody.viewer(arrival.scheme, request.headers());
    let head = headers::Request {
        method: request.method(),
        target: &target_of(&request),
        fields,
        to_websocket: is_asked_for(request.method(), request.version(), fields),
        conditions: Conditions::Viewers,
    };
    let cached = cached(&route, head, &viewer, !has_body, |policy| {
        now.map(|now| now.kept(policy, &route, head, &viewer))
    });
    let told = Told {
        edge,
        cached,
        question,
        is_of_a_record: !records.is_empty(),
        records,
        now,
        route: &route,
        ask,
        prospects: prospects(route.target, ask, &standings),
        beginning: beginning(route.target, ask, &standings),
    };
    Explanation {
        json: told.json(),
        text: told.text(bold),
        first: told
            .beginning
            .asked
            .map(|member| told.name(member).to_owned()),
    }
}

/// Path and query as sent.
fn target_of(request: &Request<()>) -> PathAndQuery {
    let target = request.uri().path_and_query().cloned();
    target.unwrap_or_else(|| PathAndQuery::from_static("/"))
}

fn refused(question: &Question, status: u16, why: &str) -> Explanation {
    Explanation {
        json: json!({ "status": status, "refused": why }),
        text: format!(
            "{} {}\n  the edge itself answers {status}. {why}\n",
            question.method, question.url
        ),
        first: None,
    }
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
    question: &'a Question,
    /// Of the target, in order.
    records: Vec<&'a FailoverRecord>,
    is_of_a_record: bool,
    now: Option<&'a Now<'a>>,
    route: &'a Route<'a, 'a>,
    ask: Ask,
    prospects: Prospects,
    beginning: Beginning,
    cached: Cached,
}

impl Told<'_> {
    fn target(&self) -> &Target {
        self.route.target
    }

    fn name(&self, member: usize) -> &str {
        &self.edge.origin(self.target().members[member].origin).id
    }

    fn text(&self, bold: &dyn Fn(&str) -> String) -> String {
        let (route, target) = (self.route, self.target());
        let mut text = format!(
            "{}\n",
            bold(&format!("{} {}", self.question.method, self.question.url))
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
        for (title, words) in self.cached.lines() {
            let _ = writeln!(text, "  {title:<13} {words}");
        }
        let _ = writeln!(text, "  target        {}", self.target_words());
        for record in &self.records {
            let words = words::record(self.edge, record);
            let _ = writeln!(text, "  record        {words}");
            if let Some(now) = self.now {
                let _ = writeln!(text, "  now           {}", now.record(record));
            }
        }
        if self.now.is_some() {
            let _ = writeln!(text, "  asked now     {}", self.asked_words());
        }
        if target.members.len() > 1 && !self.ask.may_fall_through {
            let _ = writeln!(
                text,
                "  goes          to the first member only: this request does not fall through"
            );
        }
        for outlook in &self.prospects.members {
            self.member_text(&mut text, outlook, bold);
        }
        let _ = writeln!(
            text,
            "\n  worst case    {} to an answer, after {}",
            seconds(self.prospects.worst_case),
            counted(self.prospects.worst_case_attempts as u64, "attempt"),
        );
        text
    }

    /// Who is asked, and who is left out before.
    fn asked_words(&self) -> String {
        let left_out = self.beginning.left_out.iter();
        let left_out: Vec<String> = left_out
            .map(|(member, why)| format!("{} is left out ({why})", self.name(*member)))
            .collect();
        let asked = match self.beginning.asked {
            Some(member) => self.name(member).to_owned(),
            None => "nobody".to_owned(),
        };
        if left_out.is_empty() {
            return asked;
        }
        format!("{asked}; {}", left_out.join(", "))
    }

    fn target_words(&self) -> String {
        let target = self.target();
        let kind = if target.is_group {
            "group"
        } else if self.is_of_a_record {
            "record"
        } else {
            "origin"
        };
        let deadline = target.deadline.map_or_else(String::new, |deadline| {
            format!(", deadline {}", seconds(deadline))
        });
        format!("{kind} {}{deadline}", target.name)
    }

    fn member_text(&self, text: &mut String, outlook: &Outlook, bold: &dyn Fn(&str) -> String) {
        let member = &self.target().members[outlook.member];
        let origin = self.edge.origin(member.origin);
        let title = format!("{}. {}", outlook.member + 1, origin.id);
        let server = match &origin.kind {
            OriginKind::Page(page) => {
                let _ = writeln!(
                    text,
                    "\n  {}  page of the edge itself: {} always",
                    bold(&title),
                    page.status.as_u16()
                );
                return;
            }
            OriginKind::Folder(folder) => {
                let _ = writeln!(text, "\n  {}  {}", bold(&title), folder_place(folder));
                let missing = folder.missing.code();
                let within = outlook.within.map(|within| within.response);
                let within = within.unwrap_or(member.timers.response_timeout);
                let _ = writeln!(
                    text,
                    "     a missing file is {missing}; within {}",
                    seconds(within)
                );
                self.outcomes_text(text, outlook);
                return;
            }
            OriginKind::Server(server) => server,
        };
        let _ = writeln!(text, "\n  {}  {}", bold(&title), place(server));
        let host = match &server.host {
            HostHeader::Own => "its own name".to_owned(),
            HostHeader::Viewer => "the viewer's".to_owned(),
            HostHeader::Named(name) => name.to_str().unwrap_or("?").to_owned(),
        };
        let _ = writeln!(text, "     host {host}; {}", timers(member, outlook.within));
        for words in words::memory(server) {
            let _ = writeln!(text, "     {words}");
        }
        self.outcomes_text(text, outlook);
    }

    /// How the member stands now, and what comes of each outcome.
    fn outcomes_text(&self, text: &mut String, outlook: &Outlook) {
        let member = &self.target().members[outlook.member];
        if let Some(now) = self.now {
            for words in now.origin(member.origin) {
                let _ = writeln!(text, "     now: {words}");
            }
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

    fn json(&self) -> Value {
        let members: Vec<Value> = self
            .prospects
            .members
            .iter()
            .map(|outlook| self.member_json(outlook))
            .collect();
        let records: Vec<Value> = self
            .records
            .iter()
            .map(|record| {
                json!({
                    "record": &*record.id,
                    "primary": &*self.edge.origin(record.primary).id,
                    "secondary": &*self.edge.origin(record.secondary).id,
                    "now": self.now.map(|now| now.record(record)),
                })
            })
            .collect();
        let left_out: Vec<Value> = self
            .beginning
            .left_out
            .iter()
            .map(|(member, why)| json!({ "origin": self.name(*member), "why": why.word() }))
            .collect();
        json!({
            "asked_first": self.beginning.asked.map(|member| self.name(member)),
            "left_out": left_out,
            "mode": self.edge.mode.as_str(),
            "distribution": &*self.route.distribution.id,
            "behavior": self.route.behavior.path.as_str(),
            "behavior_number": self.route.behavior_index + 1,
            "cache": self.cached.json(),
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

    fn member_json(&self, outlook: &Outlook) -> Value {
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
            "now": self.now.map(|now| now.origin(member.origin)),
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

    fn outcomes_json(&self, leads_to: &[(Outcome, Next)]) -> serde_json::Map<String, Value> {
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
fn seconds(span: Duration) -> String {
    if span < Duration::from_secs(1) {
        format!("{} ms", span.as_millis())
    } else {
        format!("{} s", span.as_secs_f64())
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
