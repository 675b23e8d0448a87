//! The pages that the edge makes itself, as HTML or as a problem document.

use std::fmt::Write;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use tideover_config::{Failure, Pages, Voice};
use tideover_rules::admit::Malformed;
use tideover_rules::route::Refusal;

use crate::message::ViewerBodyError;

/// One edge-made answer, before it has a look.
pub(super) struct Page<'a> {
    pub(super) status: StatusCode,
    pub(super) cause: Cause<'a>,
    pub(super) retry_after: Option<Duration>,
}

/// Why there is no origin's answer.
pub(super) enum Cause<'a> {
    Malformed(Malformed),
    Refused(&'a Refusal),
    OriginFailed(Failure),
    /// The operator's words, or ours.
    WriteFailed(&'a str),
    BadBody(ViewerBodyError),
    Overloaded,
    NoErrorPage,
    /// An operator has taken the distribution out of service.
    Maintenance,
    /// No origin may be asked.
    SwitchedOff,
    /// The operator's HTML.
    LastPage(&'a Bytes),
}

impl Page<'_> {
    /// Content type and body.
    pub(super) fn render(
        &self,
        voice: &Voice,
        request: &HeaderMap,
        request_id: &HeaderValue,
    ) -> (HeaderValue, Bytes) {
        let id = request_id.to_str().unwrap_or_default();
        let as_json = voice.pages == Pages::ByAccept && prefers_json(request);
        if as_json {
            return (
                HeaderValue::from_static("application/problem+json"),
                self.problem(id),
            );
        }
        if let Cause::LastPage(html) = &self.cause {
            return (html_utf8(), (*html).clone());
        }
        match voice.pages {
            Pages::CloudFront => (
                HeaderValue::from_static("text/html"),
                self.like_cloudfront(voice, id),
            ),
            Pages::ByAccept => (html_utf8(), self.html(voice, id)),
        }
    }

    /// A page about a passing state must not outlive it.
    pub(super) fn forbid_storing(&self, headers: &mut HeaderMap) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(after) = self.retry_after {
            // Rounded up: asking too early helps nobody.
            let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
    }

    fn phrase(&self) -> &'static str {
        self.status.canonical_reason().unwrap_or("Error")
    }

    /// One sentence on the cause, for whoever reads the page.
    fn sentence(&self) -> String {
        match &self.cause {
            Cause::Malformed(malformed) => {
                format!("The request is malformed: {}.", malformed.reason())
            }
            Cause::Refused(refusal) => refusal.reason().to_owned(),
            Cause::OriginFailed(failure) => failure_words(*failure).to_owned(),
            Cause::WriteFailed(words) => (*words).to_owned(),
            Cause::BadBody(ViewerBodyError::Broken) => {
                "The request body is malformed or was cut off.".to_owned()
            }
            Cause::BadBody(ViewerBodyError::Stalled) => {
                "The request body stopped arriving.".to_owned()
            }
            Cause::BadBody(ViewerBodyError::TooLarge) => Refusal::BodyTooLarge.reason().to_owned(),
            Cause::Overloaded => {
                "As many requests are being served as may be. Please try again in a moment."
                    .to_owned()
            }
            Cause::SwitchedOff => {
                "The service is switched off at the moment. Nothing was sent.".to_owned()
            }
            Cause::NoErrorPage => "The page for this error could not be fetched.".to_owned(),
            Cause::Maintenance | Cause::LastPage(_) => {
                "The service is being maintained and will be back soon.".to_owned()
            }
        }
    }

    /// The structure that readers of CloudFront's error pages know: title, heading, one cause, the request id.
    fn like_cloudfront(&self, voice: &Voice, id: &str) -> Bytes {
        if matches!(self.cause, Cause::Refused(Refusal::RedirectToHttps(_))) {
            return self.redirect(voice);
        }
        let title = "ERROR: The request could not be satisfied";
        let mut html = String::with_capacity(1_024);
        let _ = write!(
            html,
            "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01 Transitional//EN\" \"http://www.w3.org/TR/html4/loose.dtd\">\n\
             <HTML><HEAD><META HTTP-EQUIV=\"Content-Type\" CONTENT=\"text/html; charset=utf-8\">\n\
             <TITLE>{title}</TITLE>\n</HEAD><BODY>\n<H1>{} ERROR</H1>\n<H2>The request could not be satisfied.</H2>\n\
             <HR noshade size=\"1px\">\n{}\n<BR clear=\"all\">\n\
             Please try again later, or tell the owner of this site.\n<BR clear=\"all\">\n\
             If you are the owner: the access log says what was tried, and why, under the id below.\n<BR clear=\"all\">\n\
             <HR noshade size=\"1px\">\n<PRE>\nGenerated by {} (CloudFront)\nRequest ID: {id}\n</PRE>\n\
             <ADDRESS>\n</ADDRESS>\n</BODY></HTML>",
            self.status.as_u16(),
            escaped(&self.sentence()),
            escaped(&voice.name),
        );
        html.into()
    }

    fn redirect(&self, voice: &Voice) -> Bytes {
        let server = voice.server.to_str().unwrap_or_default();
        let (code, phrase) = (self.status.as_u16(), self.phrase());
        format!(
            "<html>\n<head><title>{code} {phrase}</title></head>\n<body>\n<center><h1>{code} {phrase}</h1></center>\n\
             <hr><center>{server}</center>\n</body>\n</html>\n"
        )
        .into()
    }

    fn html(&self, voice: &Voice, id: &str) -> Bytes {
        let (code, phrase, sentence) = (
            self.status.as_u16(),
            self.phrase(),
            escaped(&self.sentence()),
        );
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{code} {phrase}</title>\n\
             <style>body{{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:15vh auto;padding:0 1.5rem;color:#222}}\
             h1{{font-size:1.5rem}}small{{color:#777;overflow-wrap:anywhere}}</style></head>\n\
             <body>\n<h1>{code} {phrase}</h1>\n<p>{sentence}</p>\n<p><small>{} &middot; request {id}</small></p>\n</body>\n</html>\n",
            escaped(&voice.name),
        )
        .into()
    }

    /// RFC 9457.
    fn problem(&self, id: &str) -> Bytes {
        let mut json = String::with_capacity(256);
        let _ = write!(
            json,
            "{{\"type\":\"about:blank\",\"title\":\"{}\",\"status\":{}",
            self.phrase(),
            self.status.as_u16()
        );
        json.push_str(",\"detail\":");
        quoted(&mut json, &self.sentence());
        json.push_str(",\"request_id\":");
        quoted(&mut json, id);
        json.push_str("}\n");
        json.into()
    }
}

fn html_utf8() -> HeaderValue {
    HeaderValue::from_static("text/html; charset=utf-8")
}

/// True if `Accept` names JSON and does not prefer HTML (RFC 9110, section 12.5.1).
fn prefers_json(request: &HeaderMap) -> bool {
    let mut json = 0;
    let mut html = 0;
    for value in request.get_all(header::ACCEPT) {
        for range in value.to_str().unwrap_or_default().split(',') {
            let mut parts = range.split(';').map(str::trim);
            let media = parts.next().unwrap_or_default();
            let weight = parts
                .find_map(|part| part.strip_prefix("q="))
                .map_or(1_000, thousandths);
            if media.eq_ignore_ascii_case("application/json")
                || media.eq_ignore_ascii_case("application/problem+json")
            {
                json = json.max(weight);
            } else if media.eq_ignore_ascii_case("text/html")
                || media.eq_ignore_ascii_case("application/xhtml+xml")
            {
                html = html.max(weight);
            }
        }
    }
    json > html
}

/// A `q` value in thousandths; nonsense counts as 0.
fn thousandths(q: &str) -> u32 {
    q.parse::<f32>().map_or(0, |q| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to 0..=1000"
        )]
        let weight = (q.clamp(0.0, 1.0) * 1_000.0) as u32;
        weight
    })
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            other => out.push(other),
        }
    }
    out
}

fn quoted(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            control if control < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

fn failure_words(failure: Failure) -> &'static str {
    match failure {
        Failure::Dns => "The name of the origin server does not resolve.",
        Failure::Refused => "The origin server does not take connections.",
        Failure::ConnectTimeout => "The origin server cannot be reached in time.",
        Failure::Tls => "No secure connection to the origin server could be made.",
        Failure::Reset => "The origin server closed the connection without an answer.",
        Failure::WriteStalled => "The origin server stopped reading the request.",
        Failure::ResponseTimeout => "The origin server did not answer in time.",
        Failure::CompletionTimeout => "The time for an answer is used up.",
        Failure::Malformed => "The answer of the origin server is not understood.",
        Failure::HeaderTooBig => "The headers of the origin server's answer are too large.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_given_to_those_who_prefer_it() {
        for (accept, expected) in [
            ("", false),
            ("*/*", false),
            ("application/json", true),
            ("application/problem+json", true),
            (
                "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
                false,
            ),
            ("text/html, application/json", false),
            ("text/html;q=0.5, application/json", true),
            ("application/json;q=0", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            assert_eq!(prefers_json(&headers), expected, "{accept}");
        }
    }
}
