//! What viewers have already, and what the origin says of what is kept: RFC 9111, sections 4.3 and 3.2; RFC 9110, section 13.

use super::{Row, play};

/// A kept answer with `fields`, and one request after it.
macro_rules! has {
    ($about:expr, $fields:expr, $request:expr, $expected:expr) => {
        Row {
            about: $about,
            answers: &[concat!("cache-control: max-age=600 | ", $fields)],
            asks: &[("GET", "1 new"), ($request, $expected)],
        }
    };
}

#[tokio::test]
async fn a_viewer_has_it_by_its_tag() {
    play(&[
        has!("the same", "etag: \"e\"", "GET | if-none-match: \"e\"", "- kept | 304 | etag: \"e\""),
        has!("another", "etag: \"e\"", "GET | if-none-match: \"f\"", "1 kept"),
        has!("weak", "etag: W/\"e\"", "GET | if-none-match: W/\"e\"", "- kept | 304"),
        has!("weak there", "etag: \"e\"", "GET | if-none-match: W/\"e\"", "- kept | 304"),
        has!("weak here", "etag: W/\"e\"", "GET | if-none-match: \"e\"", "- kept | 304"),
        has!("the first", "etag: \"e\"", "GET | if-none-match: \"e\", \"f\"", "- kept | 304"),
        has!("the last", "etag: \"e\"", "GET | if-none-match: \"d\", \"e\"", "- kept | 304"),
        has!(
            "on another line",
            "etag: \"e\"",
            "GET | if-none-match: \"d\" | if-none-match: \"e\"",
            "- kept | 304"
        ),
        has!("any", "etag: \"e\"", "GET | if-none-match: *", "- kept | 304"),
        has!("a comma in it", "etag: \"e,f\"", "GET | if-none-match: \"e,f\"", "- kept | 304"),
        has!("half of it", "etag: \"e,f\"", "GET | if-none-match: \"e\"", "1 kept"),
        has!("HEAD, too", "etag: \"e\"", "HEAD | if-none-match: \"e\"", "- kept | 304"),
        has!(
            "it is stronger than a date",
            "etag: \"e\" | last-modified: {-5000}",
            "GET | if-none-match: \"f\" | if-modified-since: {-1}",
            "1 kept"
        ),
        has!(
            "either way",
            "etag: \"e\" | last-modified: {-5000}",
            "GET | if-none-match: \"e\" | if-modified-since: {-9000}",
            "- kept | 304"
        ),
        has!(
            "with what says how long, and without what tells of a body",
            "etag: \"e\" | content-type: text/x | vary: x | expires: 0",
            "+30 GET | if-none-match: \"e\"",
            "- kept | 304 | cache-control: max-age=600 | expires: 0 | vary: x | age 30 | -content-type | -content-length"
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_viewer_has_it_by_its_date() {
    play(&[
        has!(
            "the same",
            "last-modified: Wed, 01 Jan 2020 00:00:00 GMT",
            "GET | if-modified-since: Wed, 01 Jan 2020 00:00:00 GMT",
            "- kept | 304"
        ),
        has!(
            "later",
            "last-modified: Wed, 01 Jan 2020 00:00:00 GMT",
            "GET | if-modified-since: Wed, 01 Jan 2020 00:00:01 GMT",
            "- kept | 304"
        ),
        has!(
            "earlier",
            "last-modified: Wed, 01 Jan 2020 00:00:00 GMT",
            "GET | if-modified-since: Tue, 31 Dec 2019 23:59:59 GMT",
            "1 kept"
        ),
        has!(
            "in an old form",
            "last-modified: Wed, 01 Jan 2020 00:00:00 GMT",
            "GET | if-modified-since: Wednesday, 01-Jan-20 00:00:00 GMT",
            "- kept | 304"
        ),
        has!(
            "no date",
            "last-modified: Wed, 01 Jan 2020 00:00:00 GMT",
            "GET | if-modified-since: 2020-01-01",
            "1 kept"
        ),
        has!(
            "where nothing says when it was changed, by when it was sent",
            "date: {-60}",
            "GET | if-modified-since: {-60}",
            "- kept | 304"
        ),
        has!(
            "and not before that",
            "date: {-60}",
            "GET | if-modified-since: {-3000}",
            "1 kept"
        ),
        Row {
            about: "only what is a success",
            answers: &["404 | cache-control: max-age=600 | etag: \"e\""],
            asks: &[
                ("GET", "1 new | 404"),
                ("GET | if-none-match: \"e\"", "1 kept | 404"),
            ],
        },
    ])
    .await;
}

#[tokio::test]
async fn what_is_too_old_is_asked_about() {
    play(&[
        Row {
            about: "by its tag",
            answers: &[
                "cache-control: max-age=60 | etag: \"e\" | x: 1",
                "304 | cache-control: max-age=600",
            ],
            asks: &[
                ("GET", "1 new"),
                (
                    "+70 GET",
                    "1 asked | x: 1 | >if-none-match: \"e\" | >-if-modified-since",
                ),
                ("+300 GET", "1 kept | age 300"),
            ],
        },
        Row {
            about: "by its date",
            answers: &[
                "cache-control: max-age=60 | last-modified: Wed, 01 Jan 2020 00:00:00 GMT",
                "304 | cache-control: max-age=600",
            ],
            asks: &[
                ("GET", "1 new"),
                (
                    "+70 GET",
                    "1 asked | >if-modified-since: Wed, 01 Jan 2020 00:00:00 GMT",
                ),
            ],
        },
        Row {
            about: "weakly",
            answers: &["cache-control: max-age=60 | etag: W/\"e\"", "304"],
            asks: &[
                ("GET", "1 new"),
                ("+70 GET", "1 asked | >if-none-match: W/\"e\""),
            ],
        },
        Row {
            about: "not by what it has not",
            answers: &["cache-control: max-age=60"; 2],
            asks: &[
                ("GET", "1 new"),
                ("+70 GET", "2 new | >-if-none-match | >-if-modified-since"),
            ],
        },
        Row {
            about: "a viewer's own conditions are answered from what came of it",
            answers: &[
                "cache-control: max-age=60 | etag: \"e\"",
                "304 | cache-control: max-age=60",
            ],
            asks: &[
                ("GET", "1 new"),
                (
                    "+70 GET | if-none-match: \"e\"",
                    "- asked | 304 | >if-none-match: \"e\"",
                ),
                ("GET | if-none-match: \"d\"", "1 kept"),
            ],
        },
        Row {
            about: "one who has something older still gets it whole",
            answers: &[
                "cache-control: max-age=60 | etag: \"e\"",
                "304 | cache-control: max-age=60",
            ],
            asks: &[
                ("GET", "1 new"),
                (
                    "+70 GET | if-none-match: \"d\"",
                    "1 asked | >if-none-match: \"e\"",
                ),
            ],
        },
        Row {
            about: "nothing kept: it is fetched whole for all, and the viewer has it already",
            answers: &["cache-control: max-age=60 | etag: \"e\""],
            asks: &[
                (
                    "GET | if-none-match: \"e\"",
                    "- new | 304 | >-if-none-match",
                ),
                ("GET", "1 kept"),
            ],
        },
        Row {
            about: "a new one replaces it",
            answers: &["cache-control: max-age=60 | etag: \"e\""; 2],
            asks: &[("GET", "1 new"), ("+70 GET", "2 new"), ("GET", "2 kept")],
        },
        Row {
            about: "a 304 about something else is no answer: it is asked without conditions",
            answers: &[
                "cache-control: max-age=60 | etag: \"e\"",
                "304 | etag: \"f\"",
                "cache-control: max-age=60 | etag: \"f\"",
            ],
            asks: &[
                ("GET", "1 new"),
                ("+70 GET", "3 asked | etag: \"f\""),
                ("GET", "3 kept"),
            ],
        },
        Row {
            about: "always, where it says so",
            answers: &["cache-control: no-cache | etag: \"e\"", "304"],
            asks: &[("GET", "1 new"), ("GET", "1 asked"), ("GET", "1 asked")],
        },
        Row {
            about: "even if it says how long",
            answers: &[
                "cache-control: max-age=60, No-Cache | expires: {3600} | etag: \"e\"",
                "304",
            ],
            asks: &[("GET", "1 new"), ("GET", "1 asked")],
        },
        Row {
            about: "and if it must not be used too old",
            answers: &[
                "cache-control: max-age=60, must-revalidate | etag: \"e\"",
                "304 | cache-control: max-age=60, must-revalidate",
            ],
            asks: &[
                ("GET", "1 new"),
                ("+30 GET", "1 kept"),
                ("+40 GET", "1 asked"),
                ("GET", "1 kept"),
            ],
        },
    ])
    .await;
}

/// A field of a 304 with another value than the kept one, and what is told of it then, and again from what is kept.
macro_rules! updated {
    ($name:expr, $old:expr, $new:expr, $told:expr) => {
        Row {
            about: $name,
            answers: &[
                concat!(
                    "cache-control: max-age=60 | etag: \"e\" | ",
                    $name,
                    ": ",
                    $old
                ),
                concat!("304 | cache-control: max-age=60 | ", $name, ": ", $new),
            ],
            asks: &[
                ("GET", concat!("1 new | ", $name, ": ", $old)),
                ("+70 GET", concat!("1 asked | ", $name, ": ", $told)),
                ("+10 GET", concat!("1 kept | ", $name, ": ", $told)),
            ],
        }
    };
}

#[tokio::test]
async fn a_304_says_what_has_changed() {
    play(&[
        updated!("x", "1", "2", "2"),
        updated!("content-x", "1", "2", "2"),
        updated!("x-frame-options", "deny", "sameorigin", "sameorigin"),
        updated!("content-security-policy", "a", "b", "b"),
        updated!("content-type", "text/x", "text/y", "text/y"),
        updated!("content-location", "/x", "/y", "/y"),
        updated!(
            "last-modified",
            "Wed, 01 Jan 2020 00:00:00 GMT",
            "Thu, 02 Jan 2020 00:00:00 GMT",
            "Thu, 02 Jan 2020 00:00:00 GMT"
        ),
        updated!(
            "expires",
            "Wed, 01 Jan 2020 00:00:00 GMT",
            "Thu, 02 Jan 2020 00:00:00 GMT",
            "Thu, 02 Jan 2020 00:00:00 GMT"
        ),
        // It is for the one who asked.
        updated!("set-cookie", "a=1", "a=2", "a=1"),
        updated!("content-encoding", "x", "y", "x"),
        Row {
            about: "the length is that of what is kept",
            answers: &[
                "cache-control: max-age=60 | etag: \"e\" | = 12345",
                "304 | content-length: 10 | cache-control: max-age=60",
            ],
            asks: &[
                ("GET", "1 new | content-length: 5 | = 12345"),
                ("+70 GET", "1 asked | content-length: 5 | = 12345"),
                ("GET", "1 kept | content-length: 5 | = 12345"),
            ],
        },
        Row {
            about: "for how long from now on, shorter as well as longer",
            answers: &[
                "cache-control: max-age=60 | etag: \"e\"",
                "304 | cache-control: max-age=600",
                "304 | cache-control: max-age=5",
                "304",
            ],
            asks: &[
                ("GET", "1 new"),
                ("+70 GET", "1 asked | cache-control: max-age=600"),
                ("+500 GET", "1 kept"),
                ("+200 GET", "1 asked | cache-control: max-age=5"),
                ("+10 GET", "1 asked"),
            ],
        },
        Row {
            about: "that it must not be kept any more: it is the answer this once",
            answers: &[
                "cache-control: max-age=60 | etag: \"e\"",
                "304 | cache-control: no-store",
                "cache-control: no-store",
            ],
            asks: &[
                ("GET", "1 new"),
                ("+70 GET", "1 asked"),
                ("GET", "3 new | >-if-none-match"),
            ],
        },
        Row {
            about: "several lines in place of one",
            answers: &[
                "cache-control: max-age=60 | etag: \"e\" | x: 1 | x: 2",
                "304 | cache-control: max-age=60 | x: 3",
            ],
            asks: &[
                ("GET", "1 new"),
                ("+70 GET", "1 asked | x: 3"),
                ("GET", "1 kept | x: 3"),
            ],
        },
    ])
    .await;
}

#[tokio::test]
async fn head_is_answered_and_tells_of_changes() {
    play(&[
        Row {
            about: "from what is kept of GET",
            answers: &["cache-control: max-age=60 | x: 1 | = 12345"],
            asks: &[
                ("GET", "1 new | = 12345"),
                ("HEAD", "- kept | x: 1 | content-length: 5"),
            ],
        },
        Row {
            about: "it is no answer to GET",
            answers: &["cache-control: max-age=60"; 2],
            asks: &[("HEAD", "- new"), ("GET", "2 new"), ("GET", "2 kept")],
        },
        Row {
            about: "by asking about what is too old",
            answers: &[
                "cache-control: max-age=60 | etag: \"e\"",
                "304 | cache-control: max-age=60",
            ],
            asks: &[
                ("GET", "1 new"),
                ("+70 HEAD", "- asked | >if-none-match: \"e\""),
                ("GET", "1 kept"),
            ],
        },
        Row {
            about: "an answer about what is kept freshens it",
            answers: &[
                "cache-control: max-age=60 | etag: \"e\" | x: 1",
                "cache-control: max-age=600 | etag: \"e\" | x: 2 | = 2",
            ],
            asks: &[
                ("GET", "1 new"),
                ("+70 HEAD", "- new | x: 2"),
                ("GET", "1 kept | x: 2 | cache-control: max-age=600"),
            ],
        },
        Row {
            about: "not if it is of another length",
            answers: &[
                "cache-control: max-age=60 | last-modified: Wed, 01 Jan 2020 00:00:00 GMT",
                "cache-control: max-age=60 | last-modified: Wed, 01 Jan 2020 00:00:00 GMT | = 22",
                "cache-control: max-age=60",
            ],
            asks: &[("GET", "1 new"), ("+70 HEAD", "- new"), ("GET", "3 new")],
        },
        Row {
            about: "nor with another tag",
            answers: &[
                "cache-control: max-age=60 | etag: \"e\"",
                "cache-control: max-age=60 | etag: \"f\"",
                "304 | cache-control: max-age=60",
            ],
            asks: &[
                ("GET", "1 new"),
                ("+70 HEAD", "- new"),
                ("GET", "1 asked | >if-none-match: \"e\""),
            ],
        },
        Row {
            about: "nor if nothing says that it is the same",
            answers: &["cache-control: max-age=60"; 3],
            asks: &[
                ("GET", "1 new"),
                ("+70 HEAD", "- new"),
                ("GET", "3 new"),
                ("GET", "3 kept"),
            ],
        },
        Row {
            about: "nor if it is an error",
            answers: &[
                "cache-control: max-age=60 | etag: \"e\"",
                "410 | etag: \"e\" | cache-control: max-age=60",
                "304 | cache-control: max-age=60",
            ],
            asks: &[
                ("GET", "1 new"),
                ("+70 HEAD", "- new | 410"),
                ("GET", "1 asked"),
            ],
        },
    ])
    .await;
}
