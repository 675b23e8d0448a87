//! Parts of what is kept, and what is kept of parts: RFC 9110, section 14; RFC 9111, sections 3.3 and 3.4.

use super::{Row, play};

/// A part of what is kept whole: `0123456789`.
macro_rules! part {
    ($range:literal, $expected:literal) => {
        Row {
            about: $range,
            answers: &["cache-control: max-age=60 | etag: \"e\" | x: 1 | = 0123456789"],
            asks: &[
                ("GET", "1 new | = 0123456789"),
                (concat!("GET | range: ", $range), $expected),
            ],
        }
    };
}

#[tokio::test]
async fn of_what_is_kept_whole() {
    play(&[
        part!(
            "bytes=0-1",
            "1 kept | 206 | content-range: bytes 0-1/10 | content-length: 2 | x: 1 | = 01"
        ),
        part!(
            "bytes=8-",
            "1 kept | 206 | content-range: bytes 8-9/10 | = 89"
        ),
        part!(
            "bytes=-1",
            "1 kept | 206 | content-range: bytes 9-9/10 | = 9"
        ),
        part!(
            "bytes=-99",
            "1 kept | 206 | content-range: bytes 0-9/10 | = 0123456789"
        ),
        part!(
            "bytes=5-99",
            "1 kept | 206 | content-range: bytes 5-9/10 | = 56789"
        ),
        part!("BYTES=0-0", "1 kept | 206 | = 0"),
        part!("bytes=10-", "- kept | 416 | content-range: bytes */10"),
        part!("bytes=-0", "- kept | 416 | content-range: bytes */10"),
        part!("bytes=2-1", "1 kept | -content-range | = 0123456789"),
        part!("bytes=a-b", "1 kept | = 0123456789"),
        part!("lines=0-1", "1 kept | = 0123456789"),
        part!("bytes=0-1 | if-range: \"e\"", "1 kept | 206 | = 01"),
        part!("bytes=0-1 | if-range: \"f\"", "1 kept | = 0123456789"),
        part!("bytes=0-1 | if-range: W/\"e\"", "1 kept | = 0123456789"),
        part!(
            "bytes=0-1 | if-none-match: \"e\"",
            "- kept | 304 | -content-range"
        ),
        Row {
            about: "when it was asked about",
            answers: &[
                "cache-control: max-age=60 | etag: \"e\" | x: 1 | = 0123456789",
                "304 | cache-control: max-age=60 | x: 2",
            ],
            asks: &[
                ("GET", "1 new | = 0123456789"),
                (
                    "+70 GET | range: bytes=0-1",
                    "1 asked | 206 | x: 2 | >-range | = 01",
                ),
                ("GET", "1 kept | x: 2 | = 0123456789"),
            ],
        },
        Row {
            about: "a HEAD has no parts",
            answers: &["cache-control: max-age=60 | = 0123456789"],
            asks: &[
                ("GET", "1 new | = 0123456789"),
                ("HEAD | range: bytes=0-1", "- kept | content-length: 10"),
            ],
        },
    ])
    .await;
}

/// What is asked for after bytes 4 to 8 of 10 were kept.
macro_rules! kept_part {
    ($request:literal, $expected:literal) => {
        Row {
            about: $request,
            answers: &[
                "206 | cache-control: max-age=60 | content-range: bytes 4-8/10 | etag: \"e\" | = 45678",
                "cache-control: max-age=60 | etag: \"e\" | = 0123456789",
            ],
            asks: &[
                ("GET | range: bytes=4-8", "1 new | 206 | >range: bytes=4-8 | = 45678"),
                ($request, $expected),
            ],
        }
    };
}

#[tokio::test]
async fn of_what_is_a_part_itself() {
    play(&[
        kept_part!(
            "GET | range: bytes=4-8",
            "1 kept | 206 | content-range: bytes 4-8/10 | = 45678"
        ),
        kept_part!(
            "GET | range: bytes=5-6",
            "1 kept | 206 | content-range: bytes 5-6/10 | = 56"
        ),
        kept_part!(
            "GET | range: bytes=3-4",
            "2 new | >range: bytes=3-4 | = 0123456789"
        ),
        kept_part!(
            "GET | range: bytes=8-",
            "2 new | >range: bytes=8- | = 0123456789"
        ),
        kept_part!("GET", "2 new | >-range | = 0123456789"),
        Row {
            about: "the end, by its distance from there",
            answers: &["206 | cache-control: max-age=60 | content-range: bytes 5-9/10 | = 56789"],
            asks: &[
                ("GET | range: bytes=-5", "1 new | 206 | = 56789"),
                ("GET | range: bytes=-5", "1 kept | 206 | = 56789"),
                (
                    "GET | range: bytes=-1",
                    "1 kept | 206 | content-range: bytes 9-9/10 | = 9",
                ),
                ("GET | range: bytes=6-", "1 kept | 206 | = 6789"),
                ("GET | range: bytes=6-8", "1 kept | 206 | = 678"),
            ],
        },
        Row {
            about: "the whole is kept in its place",
            answers: &[
                "206 | cache-control: max-age=60 | content-range: bytes 0-4/10 | = 01234",
                "cache-control: max-age=60 | = 0123456789",
            ],
            asks: &[
                ("GET | range: bytes=0-4", "1 new | 206 | = 01234"),
                ("GET", "2 new | = 0123456789"),
                ("GET | range: bytes=0-4", "2 kept | 206 | = 01234"),
                ("GET", "2 kept | = 0123456789"),
            ],
        },
        Row {
            about: "one that is not as long as it says is nobody else's",
            answers: &[
                "206 | cache-control: max-age=60 | content-range: bytes 4-9/10 | = 45678",
                "206 | cache-control: max-age=60 | content-range: bytes 5-9/10 | = 56789",
            ],
            asks: &[
                ("GET | range: bytes=4-", "1 new | 206 | = 45678"),
                ("GET | range: bytes=-5", "2 new | 206 | = 56789"),
                ("GET | range: bytes=6-8", "2 kept | 206 | = 678"),
            ],
        },
        Row {
            about: "nor one of which nobody knows where it lies",
            answers: &["206 | cache-control: max-age=60 | = 45678"; 2],
            asks: &[
                ("GET | range: bytes=4-8", "1 new | 206 | = 45678"),
                ("GET | range: bytes=4-8", "2 new | 206 | = 45678"),
            ],
        },
        Row {
            about: "that there is no such part is for the one who asked",
            answers: &["416 | cache-control: max-age=60 | content-range: bytes */10"; 2],
            asks: &[
                ("GET | range: bytes=20-", "1 new | 416"),
                ("GET | range: bytes=20-", "2 new | 416"),
            ],
        },
    ])
    .await;
}
