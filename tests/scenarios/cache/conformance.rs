//! RFC 9111 and its kin, category by category, as a table each: what the origin answers, what viewers ask, and what they get.
//! Time passes without anybody sleeping.

mod choice;
mod kinds;
mod lifetime;
mod parts;
mod stale;
mod validation;

use std::time::{Duration, SystemTime};

use harness::{Edge, Origin, Response, Script, Seen, Step, answer, in_front_of, origin, viewer};

/// What an origin answers, and what becomes of that.
struct Row {
    about: &'static str,
    /// One after the other, as often as it is asked; the last one from then on. Pieces between bars: the status if it is not
    /// 200, fields (`{-30}` is the date 30 seconds ago), `= text` for another body than the answer's number, `hints` for a
    /// 103 before it; or `hangs up`.
    answers: &'static [&'static str],
    /// A request, and what its viewer gets.
    ///
    /// The request: `+60 POST /x`, any of it left out (`GET /a`); then fields.
    ///
    /// What is expected: the number of the answer whose body it is, or `-` for none; `new` (as it came), `kept` (the origin
    /// was not asked) or `asked` (it was, and a kept one was the answer). Then the status if it is not 200, fields, `-name`
    /// for one that is not there, `age 20` for that age or a little more, `= text` for a body; and with `>` before it a field
    /// that the origin was sent, or was not.
    asks: &'static [(&'static str, &'static str)],
}

/// Plays each row against an edge of its own.
async fn play(rows: &[Row]) {
    let mut failures = Vec::new();
    for row in rows {
        if let Err(what) = row.play().await {
            failures.push(format!("{}: {what}", row.about));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

impl Row {
    async fn play(&self) -> Result<(), String> {
        let scripts = self.answers.iter().enumerate();
        let app = origin("app")
            .in_turn(scripts.map(|(index, text)| scripted(index + 1, text)))
            .start()
            .await;
        let edge = in_front_of(&app).start().await;
        for (index, (request, expected)) in self.asks.iter().enumerate() {
            let before = app.count();
            let response = asks(&edge, request).await;
            let seen = app.requests().into_iter().nth(before);
            compare(&app, &response, seen.as_ref(), expected).map_err(|what| {
                let status = response.value("cache-status");
                format!("request {} ({request}): {what} ({status})", index + 1)
            })?;
        }
        Ok(())
    }
}

fn pieces(text: &str) -> impl Iterator<Item = &str> {
    text.split('|')
        .map(str::trim)
        .filter(|piece| !piece.is_empty())
}

/// A value in which `{-30}` is a date.
fn dated(value: &str) -> String {
    let Some((before, rest)) = value.split_once('{') else {
        return value.to_owned();
    };
    let Some((offset, after)) = rest.split_once('}') else {
        return value.to_owned();
    };
    let offset: i64 = offset.parse().expect("seconds from now");
    let span = Duration::from_secs(offset.unsigned_abs());
    let now = SystemTime::now();
    let at = if offset < 0 { now - span } else { now + span };
    format!("{before}{}{after}", httpdate::fmt_http_date(at))
}

fn field(piece: &str) -> (&str, String) {
    let (name, value) = piece.split_once(':').expect("a name and a value");
    (name.trim(), dated(value.trim()))
}

fn scripted(number: usize, text: &str) -> Script {
    if text == "hangs up" {
        return [Step::ReadBody, Step::Close].into();
    }
    let status = pieces(text).find_map(|piece| piece.parse().ok());
    let status = status.unwrap_or(200);
    let mut scripted = answer(status);
    let mut body = number.to_string();
    let mut hints = None;
    for piece in pieces(text) {
        if piece == "hints" {
            let early = "HTTP/1.1 103 Hints\r\nLink: </a.css>\r\nX-Hint: 1\r\n\r\n";
            hints = Some(Step::Send(early.into()));
        } else if let Some(other) = piece.strip_prefix("= ") {
            other.clone_into(&mut body);
        } else if piece.parse::<u16>().is_err() {
            let (name, value) = field(piece);
            scripted = scripted.header(name, &value);
        }
    }
    if status != 204 && status != 304 {
        scripted = scripted.body(body);
    }
    let mut script = Script::from(scripted);
    script.0.splice(0..0, hints);
    script
}

async fn asks(edge: &Edge, text: &str) -> Response {
    let mut pieces = pieces(text);
    let (mut method, mut target) = ("GET", "/a");
    for word in pieces.next().unwrap_or_default().split_whitespace() {
        match word.strip_prefix('+') {
            Some(seconds) => {
                edge.time_passes(Duration::from_secs(seconds.parse().expect("seconds")));
            }
            None if word.starts_with('/') => target = word,
            None => method = word,
        }
    }
    let mut request = viewer(edge).request(method, target);
    for piece in pieces {
        let (name, value) = field(piece);
        request = request.header(name, &value);
    }
    if method == "POST" || method == "PUT" || method == "PATCH" {
        request = request.body("something");
    }
    request.await
}

fn compare(
    app: &Origin,
    response: &Response,
    seen: Option<&Seen>,
    expected: &str,
) -> Result<(), String> {
    let mut pieces = pieces(expected);
    let first = pieces.next().unwrap_or_default();
    let (number, how) = first.split_once(' ').expect("a number, and how it came");
    if (how == "kept") != seen.is_none() {
        return Err(format!(
            "{how} is expected, and the origin saw {} requests",
            app.count()
        ));
    }
    let (mut status, mut body) = (200, if number == "-" { "" } else { number });
    for piece in pieces {
        if let Ok(number) = piece.parse() {
            status = number;
        } else if let Some(text) = piece.strip_prefix("= ") {
            body = text;
        } else if let Some(sent) = piece.strip_prefix('>') {
            let seen = seen.ok_or("the origin was not asked")?;
            holds(sent.trim(), |name| seen.head.header(name))?;
        } else if let Some(age) = piece.strip_prefix("age ") {
            let least: u64 = age.parse().expect("an age");
            let told = response.value("age").parse().unwrap_or(u64::MAX);
            if !(least..least + 10).contains(&told) {
                return Err(format!("an age of {:?}", response.value("age")));
            }
        } else {
            holds(piece, |name| response.head.header(name))?;
        }
    }
    if response.status != status {
        return Err(format!("status {}", response.status));
    }
    if response.text() != body || !response.whole {
        return Err(format!("the body {:?}", response.text()));
    }
    Ok(())
}

/// `name: value`, or `-name` for a field that is not there.
fn holds<'h>(piece: &str, header: impl Fn(&str) -> Option<&'h str>) -> Result<(), String> {
    let (name, expected) = match piece.strip_prefix('-') {
        Some(name) => (name, None),
        None => {
            let (name, value) = field(piece);
            (name, Some(value))
        }
    };
    let found = header(name);
    if found == expected.as_deref() {
        Ok(())
    } else {
        Err(format!("{name} is {found:?}"))
    }
}
