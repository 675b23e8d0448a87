//! What may stand in for everything when everything is down: a page that was fetched ahead of time.

use std::fmt;

use http::{HeaderMap, StatusCode, header};

/// A page is held in memory for good, and sent whole.
pub const MOST_BYTES: usize = 1024 * 1024;

/// So often in a row a page has to fail to be fetched until somebody is told: one lost packet is no news.
pub const TOLD_AFTER: u32 = 3;

/// Why an answer is no page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotAPage {
    /// It leads elsewhere, and is not followed: the operator said where the page is.
    Elsewhere(u16),
    /// Not 200.
    Status(u16),
    /// Not HTML.
    Kind(String),
    /// HTML in another encoding of characters than the one it will be sent as.
    Characters(String),
    /// Compressed, although that was not asked for.
    Compressed(String),
    /// Nothing.
    Empty,
    /// More than [`MOST_BYTES`].
    TooLarge,
}

impl fmt::Display for NotAPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Elsewhere(status) => write!(
                f,
                "it answers {status}, which leads elsewhere: write the URL that it leads to"
            ),
            Self::Status(status) => write!(f, "it answers {status}"),
            Self::Kind(kind) => write!(f, "it is {kind:?} and not text/html"),
            Self::Characters(name) => write!(f, "it is in {name:?} and not in UTF-8"),
            Self::Compressed(coding) => write!(f, "it is compressed ({coding:?})"),
            Self::Empty => f.write_str("it is empty"),
            Self::TooLarge => f.write_str("it has more than 1 MiB"),
        }
    }
}

impl std::error::Error for NotAPage {}

/// Whether an answer with this head may be a page.
pub fn is_a_page(status: StatusCode, headers: &HeaderMap) -> Result<(), NotAPage> {
    if status.is_redirection() {
        return Err(NotAPage::Elsewhere(status.as_u16()));
    }
    if status != StatusCode::OK {
        return Err(NotAPage::Status(status.as_u16()));
    }
    let text = |name| {
        let value = headers.get(name);
        value.map_or(String::new(), |value: &http::HeaderValue| {
            String::from_utf8_lossy(value.as_bytes())
                .trim()
                .to_lowercase()
        })
    };
    let kind = text(header::CONTENT_TYPE);
    let mut parts = kind.split(';').map(str::trim);
    if parts.next() != Some("text/html") {
        return Err(NotAPage::Kind(kind));
    }
    let charset = parts.find_map(|part| part.strip_prefix("charset="));
    let charset = charset.map(|charset| charset.trim_matches('"'));
    if let Some(other) = charset.filter(|name| !matches!(*name, "utf-8" | "utf8" | "us-ascii")) {
        return Err(NotAPage::Characters(other.to_owned()));
    }
    let coding = text(header::CONTENT_ENCODING);
    if !matches!(coding.as_str(), "" | "identity") {
        return Err(NotAPage::Compressed(coding));
    }
    Ok(())
}

/// What a browser would fetch to show this page, the first few of it: where the page stands in for its site, that is not
/// there. What is inside of the page (`data:`), and links to follow, are none of it. A reading as rough as a warning needs.
pub fn references(html: &[u8]) -> Vec<String> {
    const SHOWN: usize = 3;
    let text = String::from_utf8_lossy(html);
    let mut found = Vec::new();
    for tag in text.split('<').skip(1) {
        let (tag, after) = tag.split_once('>').unwrap_or((tag, ""));
        let name: String = tag
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect::<String>()
            .to_ascii_lowercase();
        let rel = attribute(tag, "rel")
            .unwrap_or_default()
            .to_ascii_lowercase();
        let names: &[&str] = match name.as_str() {
            "link" if rel.contains("canonical") || rel.contains("alternate") => &[],
            "link" | "image" | "use" => &["href"],
            "object" => &["data"],
            "img" | "script" | "iframe" | "source" | "video" | "audio" | "embed" | "input"
            | "track" => &["src", "srcset", "poster"],
            _ => &[],
        };
        found.extend(names.iter().filter_map(|name| attribute(tag, name)));
        let style = attribute(tag, "style").unwrap_or_default();
        found.extend(urls(style));
        if name == "style" {
            found.extend(urls(after));
        }
    }
    let is_elsewhere = |url: &&str| {
        let url = url.trim();
        !url.is_empty() && !url.starts_with('#') && !url.to_ascii_lowercase().starts_with("data:")
    };
    let shown = found.into_iter().filter(is_elsewhere).take(SHOWN);
    shown
        .map(|url| url.trim().chars().take(100).collect())
        .collect()
}

/// The value of an attribute of this name in a tag.
fn attribute<'t>(tag: &'t str, name: &str) -> Option<&'t str> {
    let lower = tag.to_ascii_lowercase();
    let mut from = 0;
    loop {
        let start = from + lower.get(from..)?.find(name)?;
        from = start + name.len();
        let stands_alone = lower[..start].ends_with(|c: char| c.is_ascii_whitespace() || c == '"');
        let rest = tag.get(from..)?.trim_start();
        let Some(value) = rest.strip_prefix('=').filter(|_| stands_alone) else {
            continue;
        };
        let value = value.trim_start();
        return match value.chars().next() {
            Some(quote @ ('"' | '\'')) => value[1..].split(quote).next(),
            _ => value.split_ascii_whitespace().next(),
        };
    }
}

/// What a style sheet fetches.
fn urls(css: &str) -> impl Iterator<Item = &str> {
    let after = css.split("url(").skip(1);
    after.filter_map(|rest| {
        let value = rest.split(')').next()?;
        Some(value.trim().trim_matches(['"', '\'']))
    })
}
