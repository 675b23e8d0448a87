//! Which answers are pages, and what a page needs that it has not in itself.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tideover_rules::page::{NotAPage, is_a_page, references};

#[test]
fn a_page_is_html_in_utf_8_as_it_is() {
    let html = "text/html";
    for (status, kind, coding, expected) in [
        (200, html, "", Ok(())),
        (200, "Text/HTML; Charset=UTF-8", "", Ok(())),
        (200, "text/html;charset=\"utf-8\"", "identity", Ok(())),
        (301, html, "", Err(NotAPage::Elsewhere(301))),
        (204, html, "", Err(NotAPage::Status(204))),
        (404, html, "", Err(NotAPage::Status(404))),
        (503, html, "", Err(NotAPage::Status(503))),
        (200, "", "", Err(NotAPage::Kind(String::new()))),
        (
            200,
            "text/plain",
            "",
            Err(NotAPage::Kind("text/plain".to_owned())),
        ),
        (
            200,
            "text/html; charset=euc-kr",
            "",
            Err(NotAPage::Characters("euc-kr".to_owned())),
        ),
        (
            200,
            html,
            "gzip",
            Err(NotAPage::Compressed("gzip".to_owned())),
        ),
    ] {
        let mut headers = HeaderMap::new();
        for (name, value) in [("content-type", kind), ("content-encoding", coding)] {
            if !value.is_empty() {
                headers.insert(
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                );
            }
        }
        let status = StatusCode::from_u16(status).expect("a status");
        assert_eq!(
            is_a_page(status, &headers),
            expected,
            "{status} {kind} {coding}"
        );
    }
}

#[test]
fn what_a_page_fetches_is_found() {
    for (html, expected) in [
        ("<p>Back soon.</p>", &[][..]),
        ("<a href=\"/help\">help</a> src=\"no\"", &[]),
        ("<img src=\"logo.png\">", &["logo.png"]),
        ("<IMG alt=src SRC='/logo.png'/>", &["/logo.png"]),
        ("<img alt=\"\"src=x.png>", &["x.png"]),
        ("<img data-src=\"later.png\">", &[]),
        ("<img src=\"data:image/png;base64,AA\">", &[]),
        ("<link rel=stylesheet href=site.css>", &["site.css"]),
        ("<link rel=\"canonical\" href=\"https://x/\">", &[]),
        (
            "<script src=\"https://cdn.example/a.js\"></script>",
            &["https://cdn.example/a.js"],
        ),
        ("<svg><use href=\"#icon\"/></svg>", &[]),
        (
            "<style>body { background: url('bg.png') }</style>",
            &["bg.png"],
        ),
        ("<div style=\"background:url(bg.png)\">", &["bg.png"]),
        (
            "<img src=a><img src=b><img src=c><img src=d>",
            &["a", "b", "c"],
        ),
        ("<img src=", &[]),
        ("<img src", &[]),
        ("<", &[]),
        ("", &[]),
    ] {
        assert_eq!(references(html.as_bytes()), expected, "{html}");
    }
}

#[test]
fn whatever_a_page_is_made_of_is_read() {
    for html in [
        &b"<img src=\"\xff\xfe\">"[..],
        b"<\xff src",
        "<img İ src=x>".as_bytes(),
    ] {
        let _ = references(html);
    }
}
