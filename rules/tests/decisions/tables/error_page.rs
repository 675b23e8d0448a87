//! Which final statuses get a page of the distribution's own. Source: Developer Guide, "Generate custom error responses".

use http::StatusCode;
use tideover_config::{CustomErrorResponse, Distribution, ErrorPage};
use tideover_rules::error_page::custom;

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
