//! How long answers are used where the origin's own word counts, row by row.

use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use tideover_config::CachePolicy;
use tideover_rules::cache::freshness::{
    Answered, Asked, Keep, Lifetime, Reuse, WhyNot, age, keep, reuse, stands_in,
};
use tideover_rules::fields::Fields;

/// 2027-01-15T08:00:00Z.
pub(crate) const NOW: i64 = 1_800_000_000;
const A_DAY: u32 = 86_400;

/// A date in a field, so many seconds from [`NOW`].
pub(crate) fn date(offset: i64) -> String {
    let at = u64::try_from(NOW + offset).expect("after 1970");
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(at))
}

/// `name: value` a line; in a value, `{-30}` is the date 30 seconds ago.
pub(crate) fn fields(lines: &str) -> HeaderMap {
    let mut fields = HeaderMap::new();
    for line in lines.lines().filter(|line| !line.trim().is_empty()) {
        let (name, value) = line.trim().split_once(':').expect("a name and a value");
        let value = value.trim();
        let value = match value
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'))
        {
            Some(offset) => date(offset.parse().expect("seconds")),
            None => value.to_owned(),
        };
        fields.append(
            HeaderName::from_bytes(name.as_bytes()).expect("a name"),
            HeaderValue::from_bytes(value.as_bytes()).expect("a value"),
        );
    }
    fields
}

pub(crate) const GET: Asked<'static> = Asked {
    method: &Method::GET,
    authorization: false,
    cookie: false,
    no_store: false,
};

pub(crate) fn kept(
    policy: &CachePolicy,
    asked: Asked<'_>,
    status: u16,
    fields: &HeaderMap,
    error_ttl: Option<Duration>,
) -> Keep {
    let answered = Answered {
        status: StatusCode::from_u16(status).expect("a status"),
        fields,
        at: Duration::from_secs(NOW.unsigned_abs()),
        took: Duration::from_millis(300),
    };
    keep(policy, asked, answered, error_ttl)
}

/// What comes of a 200 with these lines, by the origin's own word.
fn of(lines: &str) -> Keep {
    of_status(200, lines)
}

fn of_status(status: u16, lines: &str) -> Keep {
    let policy = CachePolicy::by_the_origins_word();
    kept(&policy, GET, status, &fields(lines), None)
}

fn lifetime(lines: &str) -> Lifetime {
    match of(lines) {
        Keep::For(lifetime) => lifetime,
        Keep::Not(why) => panic!("not kept, {why:?}: {lines}"),
    }
}

/// Seconds for which it is used without asking, from when it came; 0 also where it is not kept.
fn fresh(keep: Keep) -> u32 {
    match keep {
        Keep::For(lifetime) => match reuse(&lifetime, Duration::ZERO) {
            Reuse::Fresh(left) => left,
            Reuse::WhileRevalidating(_) | Reuse::Ask(_) | Reuse::Gone => 0,
        },
        Keep::Not(_) => 0,
    }
}

#[test]
fn cache_control_is_read_strictly() {
    for (value, expected) in [
        ("max-age=3600", 3600),
        ("MaX-aGe=3600", 3600),
        ("foobar, max-age=3600", 3600),
        ("max-age=3600, foo=\"bar, baz\"", 3600),
        (",, max-age=3600 ,", 3600),
        ("max-age=\"3600\"", 3600),
        ("max-age=003600", 3600),
        // Longer than the year that the policy allows.
        ("max-age=2147483647", 31_536_000),
        ("max-age=2147483648", 31_536_000),
        ("max-age=99999999999", 31_536_000),
        ("max-age=0", 0),
        ("max-age", 0),
        ("max-age=", 0),
        ("max-age=\"\"", 0),
        ("max-age=a3600", 0),
        ("max-age=3600a", 0),
        ("max-age=3600.0", 0),
        ("max-age=-3600", 0),
        ("max-age=+3600", 0),
        ("max-age='3600'", 0),
        ("max-age =3600", 0),
        ("max-age= 3600", 0),
        ("max-age=\"3600", 0),
        ("max-age=\"36\"00", 0),
        // The smaller of two: no reading of it lasts longer.
        ("max-age=1800, max-age=1", 1),
        ("max-age=1, max-age=1800", 1),
        ("max-age=1800, max-age=1800", 1800),
        ("max-age=1800, max-age=x", 0),
        // What stands in quotes says nothing.
        ("extension=\"max-age=3600\", max-age=1", 1),
        ("max-age=1, extension=\"max-age=3600\"", 1),
        ("extension=\"max-age=3600\"", 0),
        ("extension=\"\\\"\", max-age=5", 5),
        ("extension=\"no-store, \\\", private\", max-age=5", 5),
        ("max-age=1, s-maxage=3600", 3600),
        ("s-maxage=1, max-age=3600", 1),
        ("s-maxage=x, max-age=3600", 0),
        ("max-age=5, immutable", 5),
        // Wrong, and understood all the same where it forbids.
        ("max-age=5; private", 0),
        ("private; max-age=5", 0),
        ("private max-age=5", 0),
        ("max-age=5 no-store", 0),
        ("no-store=\"x\", max-age=5", 0),
    ] {
        let lines = format!("cache-control: {value}");
        assert_eq!(fresh(of(&lines)), expected, "{value}");
    }
    let two = "cache-control: max-age=1800\ncache-control: s-maxage=60";
    assert_eq!(fresh(of(two)), 60, "all lines count");
}

#[test]
fn expires_is_read_strictly() {
    for (lines, expected) in [
        ("expires: {3600}\ndate: {0}", 3600),
        ("expires: {3600}", 3600),
        ("expires: {3600}\ndate: foo", 3600),
        // Both clocks are fast: only the difference counts, and is not old yet.
        ("expires: {420}\ndate: {400}", 20),
        ("expires: {300}\ndate: {400}", 0),
        ("expires: {0}\ndate: {0}", 0),
        ("expires: {-3600}\ndate: {0}", 0),
        ("expires: 0", 0),
        ("expires: -1", 0),
        ("expires:", 0),
        ("expires: {3600}\nexpires: {3600}", 0),
        // A slow clock: 20 seconds long, 10 old.
        ("expires: {10}\ndate: {-10}", 10),
        ("expires: {10}\ndate: {-10}\nage: 25", 0),
        ("expires: {20}\ndate: {10}\nage: 15", 0),
        ("expires: {-3600}\ncache-control: max-age=60", 60),
        ("expires: 0\ncache-control: max-age=60", 60),
        ("expires: {3600}\ncache-control: max-age=0", 0),
        ("expires: {-10}\ncache-control: max-age=0, s-maxage=60", 60),
    ] {
        assert_eq!(fresh(of(lines)), expected, "{lines}");
    }
}

#[test]
fn dates_are_read_in_three_forms_and_no_other() {
    let a_year = 31_536_000;
    for (value, expected) in [
        ("Thu, 18 Aug 2050 02:01:18 GMT", a_year),
        ("Tue, 19 Jan 2038 14:14:08 GMT", a_year),
        ("Sun, 21 Nov 2286 04:46:39 GMT", a_year),
        ("Thursday, 18-Aug-50 02:01:18 GMT", a_year),
        ("Thu Aug 18 02:01:18 2050", a_year),
        ("Thu Aug  8 02:01:18 2050", a_year),
        ("THU, 18 Aug 2050 02:01:18 GMT", a_year),
        ("Thu, 18 AUG 2050 02:01:18 GMT", a_year),
        ("Thu, 18 Aug 2050 02:01:18 gMT", a_year),
        // Never more than 50 years ahead.
        ("Thursday, 18-Aug-76 02:01:18 GMT", a_year),
        ("Thursday, 18-Aug-78 02:01:18 GMT", 0),
        ("Thursday, 18-Aug-94 02:01:18 GMT", 0),
        ("Thu, 29 Feb 2052 00:00:60 GMT", a_year),
        ("Thu, 29 Feb 2051 00:00:00 GMT", 0),
        ("Thu, 18 Aug 2050 02:01:18 UTC", 0),
        ("Thu, 18 Aug 2050 02:01:18 AEST", 0),
        ("Thu, 18 Aug 2050 02:01:18", 0),
        ("Thu, 18 Aug 2050 02:01:18 GMT+1", 0),
        ("Thu, 18 Aug 50 02:01:18 GMT", 0),
        ("Thu 18 Aug 2050 02:01:18 GMT", 0),
        ("Thu, 18  Aug  2050 02:01:18 GMT", 0),
        ("Thu, 18-Aug-2050 02:01:18 GMT", 0),
        ("Thu, 18 Aug 2050 02.01.18 GMT", 0),
        ("Thu, 18 Aug 2050 2:01:18 GMT", 0),
        ("Thu, 18 Aug 2050 24:01:18 GMT", 0),
        ("Thu, 00 Aug 2050 02:01:18 GMT", 0),
        ("Thu, 32 Aug 2050 02:01:18 GMT", 0),
        ("Thu, 18 Oug 2050 02:01:18 GMT", 0),
        ("Xxx, 18 Aug 2050 02:01:18 GMT", 0),
        (
            "Thu, 18 Aug 2050 02:01:18 GMT, Thu, 18 Aug 2050 02:01:18 GMT",
            0,
        ),
    ] {
        assert_eq!(fresh(of(&format!("expires: {value}"))), expected, "{value}");
    }
}

#[test]
fn an_answer_is_as_old_as_it_says_or_as_its_date_says() {
    for (lines, expected) in [
        ("", 0),
        ("date: {0}", 0),
        ("date: {-7200}", 7200),
        ("date: {7200}", 0),
        ("date: foo", 0),
        ("age: 30\ndate: {0}", 30),
        ("age: 30\ndate: {-60}", 60),
        ("age: abc", 0),
        ("age: -7200", 0),
        ("age: 7200.0", 0),
        ("age: 7200, 0", 7200),
        ("age: 0, 7200", 0),
        ("age: 7200\nage: 0", 7200),
        ("age: 0\nage: 7200", 0),
        ("age: 3600, 3600", 3600),
        ("age: 7200;foo=bar", 7200),
        ("age: 7200;foo=111", 7200),
        ("age: 2147483647", 2_147_483_647),
        ("age: 2147483648", 2_147_483_648),
        ("age: 2147483649", 2_147_483_648),
        ("age: 99999999999", 2_147_483_648),
    ] {
        // With a validator it is kept however old it is.
        let lines = format!("etag: \"a\"\ncache-control: max-age=3600\n{lines}");
        let lifetime = lifetime(&lines);
        assert_eq!(lifetime.age, expected, "{lines}");
        assert_eq!(lifetime.fresh, 3600, "{lines}");
        assert_eq!(age(&lifetime, Duration::from_secs(9)), expected + 9);
    }
    let fields = fields("age: 30\ncache-control: max-age=60");
    let slow = Answered {
        status: StatusCode::OK,
        fields: &fields,
        at: Duration::from_secs(NOW.unsigned_abs()),
        took: Duration::from_millis(4_900),
    };
    let kept = keep(&CachePolicy::by_the_origins_word(), GET, slow, None);
    assert!(
        matches!(kept, Keep::For(Lifetime { age: 34, .. })),
        "{kept:?}"
    );
}

#[test]
fn without_a_word_a_tenth_of_the_time_since_it_was_changed_counts() {
    for (status, expected) in [
        (200, 8_640),
        (201, 0),
        (202, 0),
        (203, 8_640),
        (204, 8_640),
        (205, 0),
        (300, 8_640),
        (301, 8_640),
        (302, 0),
        (303, 0),
        (307, 0),
        (308, 8_640),
        (400, 0),
        (403, 0),
        (404, 8_640),
        (405, 8_640),
        (410, 8_640),
        (414, 8_640),
        (500, 0),
        (501, 8_640),
        (502, 0),
        (503, 0),
        (504, 0),
        (599, 0),
    ] {
        let lines = "last-modified: {-86400}\ndate: {0}";
        assert_eq!(fresh(of_status(status, lines)), expected, "{status}");
        let public = format!("{lines}\ncache-control: public");
        assert_eq!(fresh(of_status(status, &public)), 8_640, "{status}, public");
    }
    for (lines, expected) in [
        ("last-modified: {-9}", 0),
        ("last-modified: {-10}", 1),
        ("last-modified: {-36000}", 3_600),
        ("last-modified: {-10000000}", A_DAY),
        ("last-modified: {100}", 0),
        ("last-modified: yesterday", 0),
        ("last-modified: {-100}\nage: 8", 2),
        ("last-modified: {-10000}\npragma: no-cache", 1_000),
        ("last-modified: {-10000}\nset-cookie: a=b", 0),
        ("last-modified: {-10000}\ncache-control: max-age=x", 0),
        ("last-modified: {-10000}\nexpires: 0", 0),
        (
            "last-modified: {-10000}\ncontent-disposition: attachment",
            1_000,
        ),
    ] {
        assert_eq!(fresh(of(lines)), expected, "{lines}");
    }
}

#[test]
fn a_status_is_kept_if_the_answer_says_how_long() {
    for status in [
        200, 201, 202, 203, 204, 205, 299, 300, 301, 302, 303, 307, 308, 400, 401, 403, 404, 405,
        410, 414, 429, 499, 500, 501, 502, 503, 504, 599,
    ] {
        let lines = "cache-control: max-age=60";
        assert_eq!(fresh(of_status(status, lines)), 60, "{status}");
        let stale = "expires: {-5000}\nlast-modified: {-100000}\ndate: {0}";
        assert_eq!(fresh(of_status(status, stale)), 0, "{status}");
    }
    for (status, why) in [
        (100, WhyNot::Status),
        (103, WhyNot::Status),
        (206, WhyNot::NotWhole),
        (304, WhyNot::Status),
        (412, WhyNot::Status),
        (416, WhyNot::Status),
    ] {
        let lines = "cache-control: max-age=60\netag: \"a\"";
        assert_eq!(of_status(status, lines), Keep::Not(why), "{status}");
    }
}

#[test]
fn what_is_not_kept_says_why() {
    for (lines, why) in [
        ("", WhyNot::NoTime),
        ("cache-control: public", WhyNot::NoTime),
        ("set-cookie: a=b\netag: \"a\"", WhyNot::NoTime),
        ("cache-control: no-store", WhyNot::NoStore),
        ("cache-control: No-StOrE, max-age=60", WhyNot::NoStore),
        (
            "cache-control: max-age=60\ncache-control: no-store",
            WhyNot::NoStore,
        ),
        ("cache-control: private, max-age=60", WhyNot::Private),
        (
            "cache-control: private=\"set-cookie\", max-age=60",
            WhyNot::Private,
        ),
        ("cache-control: no-cache", WhyNot::TooOld),
        ("cache-control: max-age=0", WhyNot::TooOld),
        (
            "cache-control: max-age=60, must-revalidate\nage: 60",
            WhyNot::TooOld,
        ),
        (
            "cache-control: max-age=60\nvary: *",
            WhyNot::VariesUnknowably,
        ),
        (
            "cache-control: max-age=60\nvary: accept, *",
            WhyNot::VariesUnknowably,
        ),
    ] {
        assert_eq!(of(lines), Keep::Not(why), "{lines}");
    }
    let policy = CachePolicy::by_the_origins_word();
    let fields = fields("cache-control: max-age=60");
    for (asked, why) in [
        (
            Asked {
                method: &Method::POST,
                ..GET
            },
            WhyNot::Method,
        ),
        (
            Asked {
                method: &Method::OPTIONS,
                ..GET
            },
            WhyNot::Method,
        ),
        (
            Asked {
                no_store: true,
                ..GET
            },
            WhyNot::NoStore,
        ),
        (
            Asked {
                authorization: true,
                ..GET
            },
            WhyNot::Authorization,
        ),
    ] {
        assert_eq!(kept(&policy, asked, 200, &fields, None), Keep::Not(why));
    }
    let mut none = policy.clone();
    none.ttl.max = Duration::ZERO;
    assert_eq!(
        kept(&none, GET, 200, &fields, None),
        Keep::Not(WhyNot::TooOld)
    );
}

#[test]
fn a_request_says_what_it_is() {
    for (lines, authorization, no_store) in [
        ("", false, false),
        ("authorization: Basic YTpi", true, false),
        (
            "cache-control: no-cache\ncache-control: max-age=0, NO-store",
            false,
            true,
        ),
        ("cache-control: x=\"no-store\"", false, false),
        ("pragma: no-store", false, false),
    ] {
        let fields = fields(lines);
        let asked = Asked::of(&Method::GET, Fields::of(&fields));
        let found = (asked.authorization, asked.no_store);
        assert_eq!(found, (authorization, no_store), "{lines}");
    }
}

#[test]
fn with_authorization_only_what_is_for_all_is_kept() {
    for (lines, expected) in [
        ("expires: {3600}\ndate: {0}", 0),
        ("cache-control: max-age=3600", 0),
        ("cache-control: max-age=3600, proxy-revalidate", 0),
        ("cache-control: max-age=3600, public", 3600),
        ("cache-control: max-age=3600, must-revalidate", 3600),
        ("cache-control: s-maxage=3600", 3600),
    ] {
        let mut policy = CachePolicy::by_the_origins_word();
        let asked = Asked {
            authorization: true,
            ..GET
        };
        let fields = fields(lines);
        let keep = kept(&policy, asked, 200, &fields, None);
        assert_eq!(fresh(keep), expected, "{lines}");
        policy.authorization_needs_permission = false;
        let keep = kept(&policy, asked, 200, &fields, None);
        assert_eq!(fresh(keep), 3600, "{lines}");
    }
}

#[test]
fn must_understand_lifts_no_store_where_the_status_is_understood() {
    for (status, value, expected) in [
        (200, "max-age=60, no-store, must-understand", 60),
        (404, "max-age=60, no-store, must-understand", 60),
        (599, "max-age=60, no-store, must-understand", 0),
        (599, "max-age=60, must-understand", 0),
        (200, "max-age=60, private, must-understand", 0),
        (200, "max-age=60, no-store", 0),
    ] {
        let keep = of_status(status, &format!("cache-control: {value}"));
        assert_eq!(fresh(keep), expected, "{status} {value}");
    }
}

#[test]
fn a_field_for_this_cache_comes_before_the_one_for_all() {
    let max_age_1 = "cache-control: max-age=1";
    for (targeted, others, expected) in [
        ("max-age=3600", "", 3600),
        ("max-age=2147483648", "", 31_536_000),
        ("max-age=99999999999", "", 31_536_000),
        ("max-age=3600", "age: 7200", 0),
        ("max-age=0", "", 0),
        ("foobar, max-age=3600", "", 3600),
        (
            "max-age=3600;a=b;c, x=(1 \"2\" c;d), y=:YQ==:, z=@1, w=1.5, v=%\"a\"",
            "",
            3600,
        ),
        ("max-age=1, max-age=3600", "", 3600),
        ("max-age=3600", "expires: {-100}", 3600),
        ("max-age=3600", "expires: 0", 3600),
        ("max-age=0", "expires: {100}", 0),
        ("s-maxage=5, max-age=3600", "", 5),
        ("max-age=3600", max_age_1, 3600),
        ("max-age=1", "cache-control: max-age=3600", 1),
        ("private", "cache-control: max-age=3600", 0),
        ("no-cache", "cache-control: max-age=3600", 0),
        ("no-store", "cache-control: max-age=3600", 0),
        ("no-store=?0, max-age=5", "cache-control: no-store", 5),
        ("max-age=3600", "cache-control: no-store", 3600),
        // Well-formed, and silent: neither of the others counts.
        ("foo", "cache-control: max-age=3600", 0),
        ("foo", "expires: {3600}", 0),
        ("max-age=\"3600\"", "cache-control: max-age=60", 0),
        ("max-age=1.0", "cache-control: max-age=60", 0),
        ("max-age=-1", "cache-control: max-age=60", 0),
        // Malformed or empty: as if it were not there.
        ("", max_age_1, 1),
        ("max-age =100", max_age_1, 1),
        ("max-age= 100", max_age_1, 1),
        ("MaX-aGe=3600", max_age_1, 1),
        ("max-age=10000, &&&&&", max_age_1, 1),
        ("max-age=10000,", max_age_1, 1),
        ("max-age=1234567890123456", max_age_1, 1),
        ("max-age=100 private", max_age_1, 1),
        ("a=\"b", max_age_1, 1),
        ("a=(1 2", max_age_1, 1),
        ("a=?2", max_age_1, 1),
    ] {
        let lines = format!("cdn-cache-control: {targeted}\n{others}");
        assert_eq!(fresh(of(&lines)), expected, "{lines}");
    }
    let two = "cdn-cache-control: max-age=3600\ncdn-cache-control: no-store";
    assert_eq!(of(two), Keep::Not(WhyNot::NoStore));
    let mut policy = CachePolicy::by_the_origins_word();
    policy.targeted = None;
    let fields = fields("cdn-cache-control: max-age=3600\ncache-control: max-age=1");
    assert_eq!(fresh(kept(&policy, GET, 200, &fields, None)), 1);
}

#[test]
fn a_stale_answer_serves_as_long_as_nothing_forbids_it() {
    for (value, while_revalidate, if_error) in [
        ("max-age=60", 0, A_DAY),
        ("max-age=60, stale-while-revalidate=30", 30, A_DAY),
        ("max-age=60, stale-if-error=600", 0, 600),
        ("max-age=60, stale-if-error=0", 0, 0),
        ("max-age=60, stale-if-error=x", 0, 0),
        ("max-age=0, stale-while-revalidate=30", 30, 0),
        ("max-age=0, stale-if-error=30", 0, 30),
        ("max-age=60, must-revalidate, stale-if-error=30", 0, 0),
        (
            "max-age=60, proxy-revalidate, stale-while-revalidate=30",
            0,
            0,
        ),
        ("s-maxage=60", 0, 0),
        (
            "s-maxage=60, stale-while-revalidate=30, stale-if-error=40",
            30,
            40,
        ),
        ("max-age=60, no-cache, stale-if-error=30", 0, 0),
        (
            "max-age=60, stale-while-revalidate=99999999999",
            31_536_000,
            A_DAY,
        ),
    ] {
        let lifetime = lifetime(&format!("etag: \"a\"\ncache-control: {value}"));
        let found = (lifetime.while_revalidate, lifetime.if_error);
        assert_eq!(found, (while_revalidate, if_error), "{value}");
    }
    // An error is no better than the next one.
    let Keep::For(error) = of_status(503, "cache-control: max-age=60\netag: \"a\"") else {
        panic!("it says how long");
    };
    assert_eq!((error.fresh, error.if_error, error.kept), (60, 0, 60));
}

#[test]
fn an_answer_is_kept_as_long_as_it_may_be_of_use() {
    for (lines, expected) in [
        ("cache-control: max-age=60, stale-if-error=0", 60),
        ("cache-control: max-age=60, stale-if-error=40", 100),
        (
            "cache-control: max-age=60, stale-if-error=40, stale-while-revalidate=50",
            110,
        ),
        (
            "cache-control: max-age=60, stale-if-error=40\netag: \"a\"",
            60 + A_DAY,
        ),
        (
            "cache-control: max-age=60, stale-if-error=40\nlast-modified: {0}",
            60 + A_DAY,
        ),
        (
            "cache-control: max-age=60, stale-if-error=100000\netag: \"a\"",
            100_060,
        ),
        // Too old as it comes, and good to ask by.
        (
            "cache-control: max-age=60\nage: 7200\netag: \"a\"",
            7200 + A_DAY,
        ),
        ("cache-control: no-cache\netag: \"a\"", A_DAY),
        // Silent: good to ask by, and never given to anybody unasked.
        ("etag: \"a\"", A_DAY),
    ] {
        assert_eq!(lifetime(lines).kept, expected, "{lines}");
    }
    let silent = lifetime("etag: \"a\"");
    assert_eq!(reuse(&silent, Duration::ZERO), Reuse::Ask(0));
    assert!(!stands_in(&silent, Duration::ZERO, None));
}

#[test]
fn a_life_is_fresh_then_stale_then_gone() {
    let lifetime = Lifetime {
        age: 10,
        fresh: 60,
        while_revalidate: 30,
        if_error: 100,
        kept: 500,
        always_asks: false,
    };
    for (resident, expected, stands) in [
        (0, Reuse::Fresh(50), true),
        (49, Reuse::Fresh(1), true),
        (50, Reuse::WhileRevalidating(0), true),
        (79, Reuse::WhileRevalidating(29), true),
        (80, Reuse::Ask(30), true),
        (149, Reuse::Ask(99), true),
        (150, Reuse::Ask(100), false),
        (489, Reuse::Ask(439), false),
        (490, Reuse::Gone, false),
        (u64::MAX, Reuse::Gone, false),
    ] {
        let resident = Duration::from_secs(resident);
        assert_eq!(reuse(&lifetime, resident), expected, "{resident:?}");
        assert_eq!(stands_in(&lifetime, resident, None), stands, "{resident:?}");
        let unavailable = Some(StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(stands_in(&lifetime, resident, unavailable), stands);
        let not_found = Some(StatusCode::NOT_FOUND);
        assert!(!stands_in(&lifetime, resident, not_found));
    }
    let asks = self::lifetime("cache-control: max-age=60, no-cache\netag: \"a\"");
    assert_eq!(reuse(&asks, Duration::from_secs(3)), Reuse::Ask(3));
    assert!(!stands_in(&asks, Duration::from_secs(3), None));
}

#[test]
fn an_operators_bounds_hold_for_the_origins_word() {
    let mut policy = CachePolicy::by_the_origins_word();
    policy.ttl.min = Duration::from_secs(10);
    policy.ttl.max = Duration::from_mins(1);
    for (lines, expected) in [
        ("cache-control: max-age=5", 10),
        ("cache-control: max-age=50", 50),
        ("cache-control: max-age=500", 60),
        ("expires: {-500}", 10),
        ("last-modified: {-10000000}", 60),
        ("", 10),
        ("set-cookie: a=b", 0),
        ("cache-control: no-store", 0),
        ("cache-control: private", 0),
        ("cache-control: no-cache", 0),
    ] {
        let fields = fields(lines);
        assert_eq!(
            fresh(kept(&policy, GET, 200, &fields, None)),
            expected,
            "{lines}"
        );
        assert_eq!(fresh(kept(&policy, GET, 599, &HeaderMap::new(), None)), 0);
    }
}

/// A page that was made for the one whose cookie it was is not guessed to be for all.
#[test]
fn what_says_nothing_is_not_kept_of_who_sent_a_cookie() {
    let asked = Asked {
        cookie: true,
        ..GET
    };
    let by_the_origin = CachePolicy::by_the_origins_word();
    let mut fixed = by_the_origin.clone();
    fixed.ttl.default = tideover_config::DefaultTtl::Fixed(std::time::Duration::from_mins(1));
    for (policy, lines, expected) in [
        (
            &by_the_origin,
            "last-modified: Thu, 01 Jan 1970 00:00:00 GMT",
            0,
        ),
        (&by_the_origin, "etag: \"1\"", 0),
        (&by_the_origin, "cache-control: max-age=60", 60),
        // The operator has said it.
        (&fixed, "etag: \"1\"", 60),
    ] {
        let keep = kept(policy, asked, 200, &fields(lines), None);
        let fresh = match keep {
            Keep::For(lifetime) => lifetime.fresh,
            Keep::Not(why) => {
                assert_eq!(why, WhyNot::NoTime, "{lines}");
                0
            }
        };
        assert_eq!(fresh, expected, "{lines}");
        assert_eq!(matches!(keep, Keep::For(_)), expected > 0, "{lines}");
    }
}
