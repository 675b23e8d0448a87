//! What is kept at all, and what of it: statuses, directives, methods, fields, credentials; and what a write does to it.
//! RFC 9111, sections 3, 3.1, 3.5, 4.4 and 5.2.2; RFC 9110, section 15.

use super::{Row, play};

/// An answer with this status: kept for as long as it says, asked for anew when that is over, and kept or not if it says
/// nothing, but was not changed for a day.
macro_rules! status {
    ($status:literal, $body:literal, $guess:literal) => {
        [
            Row {
                about: concat!($status, " that says how long"),
                answers: &[
                    concat!($status, " | cache-control: max-age=60"),
                    concat!($status, " | cache-control: max-age=60"),
                ],
                asks: &[
                    ("GET", concat!($body, " new | ", $status)),
                    ("+50 GET", concat!($body, " kept | ", $status)),
                ],
            },
            Row {
                about: concat!($status, " that has expired"),
                answers: &[
                    concat!($status, " | expires: {-5000} | last-modified: {-100000}"),
                    "cache-control: no-store",
                ],
                asks: &[
                    ("GET", concat!($body, " new | ", $status)),
                    ("GET", "2 new"),
                ],
            },
            Row {
                about: concat!($status, " that says nothing"),
                answers: &[
                    concat!($status, " | last-modified: {-86400}"),
                    "cache-control: no-store",
                ],
                asks: &[("GET", concat!($body, " new | ", $status)), ("GET", $guess)],
            },
        ]
    };
}

#[tokio::test]
async fn any_final_status_that_says_how_long() {
    for rows in [
        status!("200", "1", "1 kept"),
        status!("201", "1", "2 new"),
        status!("202", "1", "2 new"),
        status!("203", "1", "1 kept | 203"),
        status!("204", "-", "- kept | 204"),
        status!("299", "1", "2 new"),
        status!("300", "1", "1 kept | 300"),
        status!("301", "1", "1 kept | 301"),
        status!("302", "1", "2 new"),
        status!("303", "1", "2 new"),
        status!("307", "1", "2 new"),
        status!("308", "1", "1 kept | 308"),
        status!("400", "1", "2 new"),
        status!("403", "1", "2 new"),
        status!("404", "1", "1 kept | 404"),
        status!("405", "1", "1 kept | 405"),
        status!("410", "1", "1 kept | 410"),
        status!("414", "1", "1 kept | 414"),
        status!("451", "1", "2 new"),
        status!("499", "1", "2 new"),
        status!("500", "1", "2 new"),
        status!("501", "1", "1 kept | 501"),
        status!("502", "1", "2 new"),
        status!("503", "1", "2 new"),
        status!("504", "1", "2 new"),
        status!("599", "1", "2 new"),
    ] {
        play(&rows).await;
    }
    play(&[
        Row {
            about: "a status that nobody knows, for all",
            answers: &["599 | last-modified: {-86400} | cache-control: public"],
            asks: &[("GET", "1 new | 599"), ("GET", "1 kept | 599")],
        },
        Row {
            about: "only who understands it may keep it, and this cache does",
            answers: &["cache-control: max-age=60, no-store, must-understand"],
            asks: &[("GET", "1 new"), ("GET", "1 kept")],
        },
        Row {
            about: "and here it does not",
            answers: &["599 | cache-control: max-age=60, no-store, must-understand"; 2],
            asks: &[("GET", "1 new | 599"), ("GET", "2 new | 599")],
        },
    ])
    .await;
}

/// An answer that nobody else is given.
macro_rules! for_one {
    ($about:expr, $answer:expr) => {
        Row {
            about: $about,
            answers: &[$answer; 2],
            asks: &[("GET", "1 new"), ("GET", "2 new")],
        }
    };
}

#[tokio::test]
async fn not_what_is_for_one_viewer() {
    play(&[
        for_one!("private", "cache-control: private, max-age=60"),
        for_one!("in any letter case", "cache-control: max-age=60, Private"),
        for_one!(
            "in parts",
            "cache-control: max-age=60, private=\"x\" | x: 1"
        ),
        for_one!("not to be kept", "cache-control: no-store"),
        for_one!(
            "though it says how long",
            "cache-control: max-age=60, No-Store | expires: {3600}"
        ),
        for_one!(
            "to be asked about, without anything to ask by",
            "cache-control: max-age=60, no-cache"
        ),
        Row {
            about: "what is kept stays while it is good, whatever a later answer says",
            answers: &["cache-control: max-age=600", "cache-control: no-store"],
            asks: &[
                ("GET", "1 new"),
                ("+60 GET", "1 kept"),
                ("GET /b", "2 new"),
                ("GET", "1 kept"),
            ],
        },
        Row {
            about: "a viewer who says that nothing be kept",
            answers: &["cache-control: max-age=60"; 2],
            asks: &[
                ("GET | cache-control: no-store", "1 new"),
                ("GET", "2 new"),
                ("GET", "2 kept"),
            ],
        },
    ])
    .await;
}

#[tokio::test]
async fn not_what_credentials_were_shown_for() {
    play(&[
        Row {
            about: "although it says how long",
            answers: &["cache-control: max-age=60"; 3],
            asks: &[
                ("GET | authorization: x", "1 new | >authorization: x"),
                ("GET | authorization: x", "2 new"),
                ("GET", "3 new"),
            ],
        },
        Row {
            about: "unless it is public",
            answers: &["cache-control: public, max-age=60"],
            asks: &[("GET | authorization: x", "1 new"), ("GET", "1 kept")],
        },
        Row {
            about: "or must be asked about when it is too old",
            answers: &["cache-control: must-revalidate, max-age=60"],
            asks: &[("GET | authorization: x", "1 new"), ("GET", "1 kept")],
        },
        Row {
            about: "or is for shared caches",
            answers: &["cache-control: s-maxage=60"],
            asks: &[("GET | authorization: x", "1 new"), ("GET", "1 kept")],
        },
    ])
    .await;
}

/// A field that is kept with the answer.
macro_rules! with_it {
    ($name:literal, $value:literal) => {
        Row {
            about: $name,
            answers: &[concat!("cache-control: max-age=60 | ", $name, ": ", $value)],
            asks: &[
                ("GET", concat!("1 new | ", $name, ": ", $value)),
                ("GET", concat!("1 kept | ", $name, ": ", $value)),
            ],
        }
    };
}

/// A field that is not.
macro_rules! without_it {
    ($name:literal, $value:literal) => {
        Row {
            about: $name,
            answers: &[concat!("cache-control: max-age=60 | ", $name, ": ", $value)],
            asks: &[("GET", "1 new"), ("GET", concat!("1 kept | -", $name))],
        }
    };
}

#[tokio::test]
async fn its_fields_but_those_of_a_connection() {
    play(&[
        with_it!("x", "1"),
        with_it!("content-x", "1"),
        with_it!("content-encoding", "x"),
        with_it!("content-location", "/x"),
        with_it!("content-md5", "rL0Y20zC+Fzt72VPzMSk2A=="),
        with_it!("content-range", "x"),
        with_it!("content-security-policy", "default-src 'self'"),
        with_it!("content-type", "text/plain;charset=utf-8"),
        with_it!("clear-site-data", "\"cache\""),
        with_it!("etag", "\"e\""),
        with_it!("expires", "Fri, 01 Jan 2038 01:01:01 GMT"),
        with_it!("public-key-pins", "x"),
        with_it!("set-cookie", "a=b"),
        with_it!("set-cookie2", "a=b"),
        with_it!("x-frame-options", "deny"),
        with_it!("x-xss-protection", "1; mode=block"),
        without_it!("keep-alive", "timeout=5"),
        without_it!("proxy-authenticate", "Basic"),
        without_it!("proxy-authentication-info", "x"),
        without_it!("proxy-connection", "keep-alive"),
        without_it!("te", "trailers"),
        without_it!("upgrade", "x"),
        Row {
            about: "nor what Connection names",
            answers: &["cache-control: max-age=60 | connection: x, y | x: 1 | y: 2 | z: 3"],
            asks: &[
                ("GET", "1 new | -x | -y | z: 3"),
                ("GET", "1 kept | -x | -y | z: 3"),
            ],
        },
    ])
    .await;
}

/// An early hint is not the answer, whether or not viewers are given it.
#[tokio::test]
async fn the_final_answer_and_not_the_one_before() {
    play(&[Row {
        about: "hints",
        answers: &["hints | cache-control: max-age=60 | x: 1"],
        asks: &[
            ("GET", "1 new | -x-hint | -link"),
            ("GET", "1 kept | x: 1 | -x-hint | -link"),
        ],
    }])
    .await;
}

macro_rules! write {
    ($method:literal, $body:literal) => {
        [
            Row {
                about: concat!($method, " that goes well"),
                answers: &[
                    "cache-control: max-age=600",
                    "200",
                    "cache-control: max-age=600",
                ],
                asks: &[
                    ("GET", "1 new"),
                    (concat!($method, " /b"), concat!($body, " new")),
                    ("GET", "1 kept"),
                    ($method, "3 new"),
                    ("GET", "3 new"),
                ],
            },
            Row {
                about: concat!($method, " that is redirected"),
                answers: &[
                    "cache-control: max-age=600",
                    "303",
                    "cache-control: max-age=600",
                ],
                asks: &[
                    ("GET", "1 new"),
                    ($method, concat!($body, " new | 303")),
                    ("GET", "3 new"),
                ],
            },
            Row {
                about: concat!($method, " that fails"),
                answers: &["cache-control: max-age=600", "500"],
                asks: &[
                    ("GET", "1 new"),
                    ($method, concat!($body, " new | 500")),
                    ("GET", "1 kept"),
                ],
            },
            Row {
                about: concat!($method, " that is refused"),
                answers: &["cache-control: max-age=600", "403"],
                asks: &[
                    ("GET", "1 new"),
                    ($method, concat!($body, " new | 403")),
                    ("GET", "1 kept"),
                ],
            },
            Row {
                about: concat!($method, " itself is never kept"),
                answers: &["cache-control: max-age=600"; 3],
                asks: &[($method, "1 new"), ($method, "2 new"), ("GET", "3 new")],
            },
        ]
    };
}

#[tokio::test]
async fn not_what_was_written_since() {
    for rows in [
        write!("POST", "2"),
        write!("PUT", "2"),
        write!("PATCH", "2"),
        write!("DELETE", "2"),
    ] {
        play(&rows).await;
    }
    play(&[
        Row {
            about: "all variants of it",
            answers: &[
                "cache-control: max-age=600 | vary: x",
                "cache-control: max-age=600 | vary: x",
                "204",
                "cache-control: max-age=600 | vary: x",
            ],
            asks: &[
                ("GET | x: 1", "1 new"),
                ("GET | x: 2", "2 new"),
                ("DELETE", "- new | 204"),
                ("GET | x: 1", "4 new"),
                ("GET | x: 2", "4 new"),
            ],
        },
        Row {
            about: "asking for options writes nothing",
            answers: &["cache-control: max-age=600", "204"],
            asks: &[
                ("GET", "1 new"),
                ("OPTIONS", "- new | 204"),
                ("GET", "1 kept"),
            ],
        },
    ])
    .await;
}
