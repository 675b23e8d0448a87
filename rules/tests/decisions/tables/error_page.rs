//! Which final statuses get a page of the distribution's own. Source: Developer Guide, "Generate custom error responses".

use std::time::Duration;

use http::StatusCode;
use tideover_config::{CustomErrorResponse, Distribution, ErrorPage};
use tideover_rules::error_page::{custom, error_ttl};

use crate::cast::{behavior, distribution};

#[test]
fn a_status_gets_the_page_that_is_written_for_it() {
    let status = |code| StatusCode::from_u16(code).expect("a status");
    let entry = |code, page: Option<(&str, u16)>| CustomErrorResponse {
        error_code: status(code),
        page: page.map(|(path, shown)| ErrorPage {
            path: path.into(),
            status: status(shown),
        }),
        min_ttl_seconds: Some(10),
    };
    let distribution = Distribution {
        error_responses: vec![
            entry(404, Some(("/index.html", 200))),
            entry(503, Some(("/busy.html", 503))),
            entry(502, None), // only a caching time
        ],
        ..distribution(vec![behavior("*", 0)])
    };
    #[rustfmt::skip]
    let rows = [
        (404, Some(("/index.html", 200))),
        (503, Some(("/busy.html", 503))),
        (502, None),
        (504, None),
        (403, None),
        (200, None),    // the status that a page is shown with needs none
    ];
    for (code, expected) in rows {
        let seen = custom(&distribution, status(code)).map(|response| {
            response
                .page
                .as_ref()
                .map(|page| (&*page.path, page.status.as_u16()))
        });
        assert_eq!(seen, expected.map(Some), "{code}");
    }
}

/// Source: Developer Guide, "Control how long CloudFront caches errors".
#[test]
fn a_status_is_kept_as_long_as_is_written_for_it() {
    let status = |code| StatusCode::from_u16(code).expect("a status");
    let entry = |code, page: bool, min_ttl_seconds| CustomErrorResponse {
        error_code: status(code),
        page: page.then(|| ErrorPage {
            path: "/error.html".into(),
            status: status(200),
        }),
        min_ttl_seconds,
    };
    let distribution = Distribution {
        error_responses: vec![
            entry(404, true, Some(300)),
            entry(412, false, Some(5)),
            entry(500, false, Some(0)),
            entry(503, true, None),
        ],
        ..distribution(vec![behavior("*", 0)])
    };
    #[rustfmt::skip]
    let rows = [
        (404, Some(300)),
        (412, Some(5)),     // no page: only a time
        (500, Some(0)),     // said, and not at all
        (503, None),        // a page, and nothing of its time
        (502, None),
        (200, None),        // the status that a page is shown with
    ];
    for (code, expected) in rows {
        let seen = error_ttl(&distribution, status(code));
        assert_eq!(seen, expected.map(Duration::from_secs), "{code}");
    }
}
