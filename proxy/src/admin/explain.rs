//! GET /explain: what would happen to a request now, by `method` and `url`; `header` is one of its lines, `NAME: VALUE`.

use http::{HeaderName, HeaderValue, Method, Uri};
use serde_json::Value;

use super::answer::{Problem, json};
use super::{Asked, Outcome, query};
use crate::explain::{Now, Question, explained};

#[expect(clippy::unused_async, reason = "as all answers")]
pub(super) async fn explain(asked: Asked) -> Outcome {
    let question = question(asked.head.uri.query())?;
    let now = Now::of(&asked.shared);
    let told = explained(&now.live().edge, &question, Some(&now), &|title| {
        title.to_owned()
    });
    let mut answer = told.json;
    answer["text"] = Value::from(told.text);
    Ok(json(&answer))
}

fn question(asked: Option<&str>) -> Result<Question, Problem> {
    // Headers are several values of one name.
    let (headers, others): (Vec<&str>, Vec<&str>) = asked
        .unwrap_or_default()
        .split('&')
        .partition(|pair| pair.starts_with("header="));
    let others = others.join("&");
    let [method, url] = query::values(Some(&others), ["method", "url"])?;
    let method = method.as_deref().unwrap_or("GET").parse::<Method>();
    let url = url.as_deref().unwrap_or_default().parse::<Uri>();
    let (Ok(method), Ok(url)) = (method, url) else {
        return Err(Problem::bad_request(
            "write ?method=GET&url=https://www.example.com/path, the URL with others than letters and digits as %XX",
        ));
    };
    let headers = headers.into_iter().map(|pair| {
        let [line] = query::values(Some(pair), ["header"])?;
        header_line(line.as_deref().unwrap_or_default())
            .ok_or_else(|| Problem::bad_request("a header is written NAME: VALUE"))
    });
    Ok(Question {
        method,
        url,
        headers: headers.collect::<Result<_, _>>()?,
    })
}

fn header_line(line: &str) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = line.split_once(':')?;
    Some((name.trim().parse().ok()?, value.trim().parse().ok()?))
}
