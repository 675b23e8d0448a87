//! How long an answer may be used: RFC 9111, sections 4.2 and 5; RFC 9213.

use super::{Row, play};

/// An answer that is used after 30 seconds.
macro_rules! lasts {
    ($about:expr, $answer:expr) => {
        Row {
            about: $about,
            answers: &[$answer, "cache-control: no-store"],
            asks: &[("GET", "1 new"), ("+30 GET", "1 kept")],
        }
    };
}

/// An answer that is not used after 30 seconds.
macro_rules! does_not_last {
    ($about:expr, $answer:expr) => {
        Row {
            about: $about,
            answers: &[$answer, "cache-control: no-store"],
            asks: &[("GET", "1 new"), ("+30 GET", "2 new")],
        }
    };
}

#[tokio::test]
async fn by_maximum_ages() {
    play(&[
        does_not_last!("nothing said, nothing to guess by", "200"),
        Row {
            about: "as long as it says, and no longer",
            answers: &["cache-control: max-age=60", "cache-control: max-age=60"],
            asks: &[
                ("GET", "1 new | -age"),
                ("+40 GET", "1 kept | age 40"),
                ("+30 GET", "2 new | -age"),
                ("GET", "2 kept"),
            ],
        },
        does_not_last!("no time at all", "cache-control: max-age=0"),
        lasts!("31 bits", "cache-control: max-age=2147483647"),
        lasts!("32 bits", "cache-control: max-age=2147483648"),
        lasts!("more than 32 bits", "cache-control: max-age=99999999999"),
        lasts!(
            "more than 64 bits",
            "cache-control: max-age=99999999999999999999999"
        ),
        lasts!("any letter case", "cache-control: Max-AGE=60"),
        lasts!(
            "beside what nobody knows",
            "cache-control: x, y=\"z\", max-age=60, q=1"
        ),
        lasts!(
            "on another line",
            "cache-control: public | cache-control: max-age=60"
        ),
        does_not_last!("negative", "cache-control: max-age=-60"),
        does_not_last!("a minus in quotes", "cache-control: max-age=\"-60\""),
        lasts!("shared caches have their own", "cache-control: s-maxage=60"),
        lasts!(
            "which is stronger if longer",
            "cache-control: max-age=0, s-maxage=60"
        ),
        does_not_last!("and if shorter", "cache-control: s-maxage=5, max-age=60"),
        does_not_last!(
            "on any line",
            "cache-control: max-age=60 | cache-control: s-maxage=5"
        ),
        lasts!(
            "it is stronger than a date",
            "cache-control: max-age=60 | expires: {-60}"
        ),
        lasts!(
            "than no date, too",
            "cache-control: max-age=60 | expires: 0"
        ),
        does_not_last!(
            "even where the date is later",
            "cache-control: max-age=0 | expires: {3600}"
        ),
    ])
    .await;
}

#[tokio::test]
async fn by_directives_as_they_are_written() {
    play(&[
        lasts!("zeros before it", "cache-control: max-age=0060"),
        lasts!("in quotes", "cache-control: max-age=\"60\""),
        does_not_last!("in single quotes", "cache-control: max-age='60'"),
        does_not_last!("a space before =", "cache-control: max-age =60"),
        does_not_last!("a space behind =", "cache-control: max-age= 60"),
        does_not_last!("half a second", "cache-control: max-age=60.5"),
        does_not_last!("a letter before it", "cache-control: max-age=a60"),
        does_not_last!("a letter behind it", "cache-control: max-age=60a"),
        does_not_last!("no value", "cache-control: max-age"),
        does_not_last!("an empty value", "cache-control: max-age="),
        does_not_last!(
            "said in a quoted text",
            "cache-control: x=\"max-age=60\", max-age=5"
        ),
        does_not_last!(
            "and behind it",
            "cache-control: max-age=5, x=\"max-age=60\""
        ),
        does_not_last!(
            "a quoted text with a quote",
            "cache-control: x=\"\\\", max-age=60\", max-age=5"
        ),
        does_not_last!(
            "twice: the smaller one",
            "cache-control: max-age=60, max-age=5"
        ),
        does_not_last!("in either order", "cache-control: max-age=5, max-age=60"),
        does_not_last!(
            "on two lines",
            "cache-control: max-age=5 | cache-control: max-age=60"
        ),
        lasts!("empty elements", "cache-control: , ,max-age=60,,"),
        does_not_last!(
            "private behind a semicolon",
            "cache-control: max-age=60; private"
        ),
    ])
    .await;
}

#[tokio::test]
async fn by_what_was_said_before() {
    play(&[
        does_not_last!(
            "too old when it came",
            "cache-control: max-age=3600 | age: 7200"
        ),
        Row {
            about: "and it is told how old",
            answers: &["cache-control: max-age=3600 | age: 1000"],
            asks: &[
                ("GET", "1 new | age: 1000"),
                ("+30 GET", "1 kept | age 1030"),
            ],
        },
        lasts!("no number", "cache-control: max-age=3600 | age: abc"),
        lasts!("negative", "cache-control: max-age=3600 | age: -7200"),
        lasts!("not whole", "cache-control: max-age=3600 | age: 7200.0"),
        does_not_last!("31 bits", "cache-control: max-age=3600 | age: 2147483647"),
        does_not_last!(
            "more than 32 bits",
            "cache-control: max-age=3600 | age: 4294967297"
        ),
        does_not_last!(
            "the first in a list",
            "cache-control: max-age=3600 | age: 7200, 0"
        ),
        lasts!(
            "the first of a list",
            "cache-control: max-age=3600 | age: 0, 7200"
        ),
        does_not_last!(
            "the first line",
            "cache-control: max-age=3600 | age: 7200 | age: 0"
        ),
        lasts!(
            "of two lines",
            "cache-control: max-age=3600 | age: 0 | age: 7200"
        ),
        does_not_last!("a parameter", "cache-control: max-age=3600 | age: 7200;x=y"),
        does_not_last!(
            "an old date counts",
            "cache-control: max-age=3600 | date: {-7200}"
        ),
        lasts!(
            "a date that is ahead does not",
            "cache-control: max-age=3600 | date: {7200}"
        ),
        lasts!(
            "nor one that is none",
            "cache-control: max-age=3600 | date: yesterday"
        ),
    ])
    .await;
}

#[tokio::test]
async fn by_dates() {
    play(&[
        lasts!("in time", "expires: {3600} | date: {0}"),
        lasts!("without a date of its own", "expires: {3600}"),
        Row {
            about: "its field stays as it came, and so does the date",
            answers: &["expires: Thu, 18 Aug 2050 02:01:18 GMT | date: {-3}"],
            asks: &[
                ("GET", "1 new"),
                (
                    "+30 GET",
                    "1 kept | expires: Thu, 18 Aug 2050 02:01:18 GMT | age 33",
                ),
            ],
        },
        does_not_last!("too late", "expires: {-3600} | date: {0}"),
        does_not_last!("this moment", "expires: {0} | date: {0}"),
        does_not_last!(
            "before its own date, both ahead",
            "expires: {300} | date: {400}"
        ),
        does_not_last!("too old already", "expires: {60} | date: {-10} | age: 100"),
        does_not_last!(
            "too old, by a clock that is fast",
            "expires: {70} | date: {10} | age: 65"
        ),
        lasts!("its date is none", "expires: {3600} | date: x"),
        lasts!("beyond 32 bits", "expires: Sun, 21 Nov 2286 04:46:39 GMT"),
        lasts!("RFC 850", "expires: Thursday, 18-Aug-50 02:01:18 GMT"),
        lasts!("asctime", "expires: Thu Aug  8 02:01:18 2050"),
        lasts!(
            "letter case of the day",
            "expires: THU, 18 Aug 2050 02:01:18 GMT"
        ),
        lasts!(
            "letter case of the month",
            "expires: Thu, 18 aug 2050 02:01:18 GMT"
        ),
        lasts!(
            "letter case of the zone",
            "expires: Thu, 18 Aug 2050 02:01:18 gmt"
        ),
        does_not_last!("0", "expires: 0 | date: {0}"),
        does_not_last!("empty", "expires: | date: {0}"),
        does_not_last!("a number", "expires: 86400"),
        does_not_last!("another zone", "expires: Thu, 18 Aug 2050 02:01:18 CET"),
        does_not_last!("UTC", "expires: Thu, 18 Aug 2050 02:01:18 UTC"),
        does_not_last!(
            "a year of two digits",
            "expires: Thu, 18 Aug 50 02:01:18 GMT"
        ),
        does_not_last!("no comma", "expires: Thu 18 Aug 2050 02:01:18 GMT"),
        does_not_last!("two spaces", "expires: Thu, 18  Aug 2050 02:01:18 GMT"),
        does_not_last!("dashes", "expires: Thu, 18-Aug-2050 02:01:18 GMT"),
        does_not_last!("points", "expires: Thu, 18 Aug 2050 02.01.18 GMT"),
        does_not_last!(
            "an hour of one digit",
            "expires: Thu, 18 Aug 2050 2:01:18 GMT"
        ),
        does_not_last!(
            "a day that is not there",
            "expires: Thu, 31 Jun 2050 02:01:18 GMT"
        ),
        does_not_last!("twice", "expires: {3600} | expires: {7200}"),
        does_not_last!(
            "what says no-cache beside it",
            "cache-control: no-cache | expires: {3600}"
        ),
    ])
    .await;
}

#[tokio::test]
async fn by_guessing() {
    play(&[
        lasts!("a tenth of an hour", "last-modified: {-3600}"),
        does_not_last!("a tenth of a minute", "last-modified: {-60}"),
        does_not_last!(
            "changed later than it was sent",
            "last-modified: {60} | date: {0}"
        ),
        does_not_last!("changed at no date", "last-modified: x"),
        Row {
            about: "a day at most",
            answers: &["last-modified: {-31536000}", "cache-control: no-store"],
            asks: &[
                ("GET", "1 new"),
                ("+86300 GET", "1 kept"),
                ("+200 GET", "2 new"),
            ],
        },
        does_not_last!(
            "a cookie is not for all",
            "last-modified: {-3600} | set-cookie: a=b"
        ),
        lasts!(
            "if nobody said so",
            "cache-control: max-age=60 | set-cookie: a=b"
        ),
        lasts!(
            "a name for a file",
            "last-modified: {-3600} | content-disposition: attachment"
        ),
        Row {
            about: "not of a post",
            answers: &["last-modified: {-36000}", "cache-control: no-store"],
            asks: &[("POST", "1 new"), ("GET", "2 new")],
        },
    ])
    .await;
}

#[tokio::test]
async fn by_old_words() {
    play(&[
        lasts!(
            "Pragma is for requests",
            "cache-control: max-age=60 | pragma: no-cache"
        ),
        lasts!("even alone", "last-modified: {-3600} | pragma: no-cache"),
        Row {
            about: "and a viewer's does not cost the origin a request",
            answers: &["cache-control: max-age=60"],
            asks: &[
                ("GET", "1 new"),
                ("GET | pragma: no-cache", "1 kept"),
                ("GET | cache-control: no-cache", "1 kept"),
                ("GET | cache-control: max-age=0", "1 kept"),
            ],
        },
    ])
    .await;
}

/// Source: RFC 9213.
#[tokio::test]
async fn by_the_word_for_caches_of_this_kind() {
    play(&[
        lasts!("alone", "cdn-cache-control: max-age=60"),
        lasts!(
            "longer than the rest",
            "cache-control: max-age=5 | cdn-cache-control: max-age=60"
        ),
        does_not_last!(
            "shorter",
            "cache-control: max-age=60 | cdn-cache-control: max-age=5"
        ),
        does_not_last!("none", "cdn-cache-control: max-age=0 | expires: {3600}"),
        lasts!(
            "although it has expired",
            "cdn-cache-control: max-age=60 | expires: {-3600}"
        ),
        lasts!(
            "more than 32 bits",
            "cdn-cache-control: max-age=99999999999"
        ),
        lasts!(
            "beside what nobody knows",
            "cdn-cache-control: x, y=(1 2), max-age=60"
        ),
        lasts!(
            "against no-store",
            "cache-control: no-store | cdn-cache-control: max-age=60"
        ),
        lasts!(
            "against private",
            "cache-control: private | cdn-cache-control: max-age=60"
        ),
        does_not_last!(
            "no-store",
            "cache-control: max-age=60 | cdn-cache-control: no-store"
        ),
        does_not_last!(
            "private",
            "cache-control: max-age=60 | cdn-cache-control: private"
        ),
        does_not_last!(
            "no-cache",
            "cache-control: max-age=60 | cdn-cache-control: no-cache"
        ),
        does_not_last!("too old", "cdn-cache-control: max-age=3600 | age: 7200"),
        does_not_last!(
            "malformed, it does not count",
            "cache-control: no-store | cdn-cache-control: max-age=60, &&"
        ),
        does_not_last!(
            "nor with a text for a number",
            "cache-control: no-store | cdn-cache-control: max-age=\"60\""
        ),
        lasts!(
            "malformed, the rest does",
            "cache-control: max-age=60 | cdn-cache-control: max-age =5"
        ),
        Row {
            about: "others behind this cache read it, too",
            answers: &["cache-control: max-age=5 | cdn-cache-control: max-age=60"],
            asks: &[
                ("GET", "1 new | cdn-cache-control: max-age=60"),
                ("+30 GET", "1 kept | cache-control: max-age=5 | age 30"),
            ],
        },
    ])
    .await;
}
