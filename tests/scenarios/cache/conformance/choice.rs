//! Which request an answer is for: RFC 9111, sections 2 and 4.1; RFC 9110, section 12.5.5.

use super::{Row, play};

#[tokio::test]
async fn by_what_the_uri_is() {
    play(&[
        Row {
            about: "path and query, as they are",
            answers: &["cache-control: max-age=60"],
            asks: &[
                ("GET /a?x=1", "1 new"),
                ("GET /a?x=1", "1 kept"),
                ("GET /a?x=2", "1 new"),
                ("GET /a", "1 new"),
                ("GET /A", "1 new"),
                ("GET /a/", "1 new"),
            ],
        },
        Row {
            about: "not the viewer's cookies, language or browser",
            answers: &["cache-control: max-age=60"],
            asks: &[
                ("GET | cookie: a=b", "1 new"),
                ("GET | cookie: a=c | accept-language: de", "1 kept"),
                ("GET | user-agent: x | accept: text/plain", "1 kept"),
            ],
        },
    ])
    .await;
}

#[tokio::test]
async fn by_the_fields_that_the_answer_names() {
    play(&[
        Row {
            about: "the same value, and others beside it",
            answers: &["cache-control: max-age=60 | vary: x"],
            asks: &[
                ("GET | x: 1 | y: 1", "1 new"),
                ("GET | x: 1 | y: 2", "1 kept | vary: x"),
                ("GET | X: 1", "1 kept"),
            ],
        },
        Row {
            about: "another value, none, and an empty one",
            answers: &["cache-control: max-age=60 | vary: x"; 4],
            asks: &[
                ("GET | x: 1", "1 new"),
                ("GET | x: 2", "2 new"),
                ("GET", "3 new"),
                ("GET | x:", "4 new"),
                ("GET | x: 1", "1 kept"),
                ("GET | x: 2", "2 kept"),
                ("GET", "3 kept"),
            ],
        },
        Row {
            about: "two fields, in any order and letter case",
            answers: &["cache-control: max-age=60 | vary: X, y"; 3],
            asks: &[
                ("GET | x: 1 | y: 2", "1 new"),
                ("GET | y: 2 | x: 1", "1 kept"),
                ("GET | x: 2 | y: 1", "2 new"),
                ("GET | x: 1", "3 new"),
                ("GET | x: 1", "3 kept"),
            ],
        },
        Row {
            about: "on two lines",
            answers: &["cache-control: max-age=60 | vary: x | vary: y"; 2],
            asks: &[
                ("GET | x: 1 | y: 2", "1 new"),
                ("GET | x: 1 | y: 2", "1 kept"),
                ("GET | x: 1 | y: 3", "2 new"),
            ],
        },
        Row {
            about: "values that mean the same",
            answers: &["cache-control: max-age=60 | vary: x"],
            asks: &[
                ("GET | x: 1,2", "1 new"),
                ("GET | x: 1 ,  2", "1 kept"),
                ("GET | x: 1 | x: 2", "1 kept"),
            ],
        },
        Row {
            about: "the same elements in another order do not",
            answers: &["cache-control: max-age=60 | vary: x"; 2],
            asks: &[("GET | x: 1, 2", "1 new"), ("GET | x: 2, 1", "2 new")],
        },
        Row {
            about: "languages in any order and letter case",
            answers: &["cache-control: max-age=60 | vary: accept-language"; 2],
            asks: &[
                ("GET | accept-language: en, de", "1 new"),
                ("GET | accept-language: de,EN", "1 kept"),
                ("GET | accept-language: de;q=1.0, en", "1 kept"),
                ("GET | accept-language: de;q=0.5, en", "2 new"),
            ],
        },
        Row {
            about: "one who asks again asks with the fields that chose",
            answers: &[
                "cache-control: max-age=60 | vary: x | etag: \"e\"",
                "304 | cache-control: max-age=60 | vary: x",
            ],
            asks: &[
                ("GET | x: 1", "1 new"),
                ("+70 GET | x: 1", "1 asked | >x: 1 | >if-none-match: \"e\""),
                ("GET | x: 1", "1 kept"),
            ],
        },
        Row {
            about: "an answer that is not chosen is not asked about",
            answers: &["cache-control: max-age=60 | vary: x | etag: \"e\""; 2],
            asks: &[
                ("GET | x: 1", "1 new"),
                ("GET | x: 2", "2 new | >-if-none-match"),
            ],
        },
        Row {
            about: "origins may change what they choose by",
            answers: &[
                "cache-control: max-age=60 | vary: x",
                "cache-control: max-age=60 | vary: y",
                "cache-control: max-age=60 | vary: y",
            ],
            asks: &[
                ("GET | x: 1 | y: 1", "1 new"),
                ("GET | x: 2 | y: 1", "2 new"),
                ("GET | x: 3 | y: 1", "2 kept"),
                ("GET | x: 1 | y: 2", "3 new"),
            ],
        },
    ])
    .await;
}

macro_rules! by_anything {
    ($vary:expr) => {
        Row {
            about: $vary,
            answers: &[concat!("cache-control: max-age=60 | ", $vary); 2],
            asks: &[("GET | x: 1", "1 new"), ("GET | x: 1", "2 new")],
        }
    };
}

#[tokio::test]
async fn by_nothing_that_anybody_could_know() {
    play(&[
        by_anything!("vary: *"),
        by_anything!("vary: *, *"),
        by_anything!("vary: , *"),
        by_anything!("vary: x, *"),
        by_anything!("vary: *, x"),
        by_anything!("vary: x | vary: *"),
        by_anything!("vary: | vary: *"),
        by_anything!("vary: no name"),
        Row {
            about: "an empty list names nothing",
            answers: &["cache-control: max-age=60 | vary:"],
            asks: &[("GET | x: 1", "1 new"), ("GET | x: 2", "1 kept")],
        },
    ])
    .await;
}
