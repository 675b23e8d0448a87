//! What holds of every answer, whatever its fields say.

use std::time::{Duration, UNIX_EPOCH};

use http::header::{
    AGE, CACHE_CONTROL, DATE, ETAG, EXPIRES, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
    SET_COOKIE,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use proptest::prelude::*;
use tideover_config::{CachePolicy, StatusRule};
use tideover_rules::cache::conditional::{freshened, is_not_modified};
use tideover_rules::cache::freshness::{Answered, Keep, Reuse, keep, reuse, stands_in, withheld};
use tideover_rules::fields::Fields;

use crate::tables::cache_freshness::{GET, NOW};
use crate::tables::cache_ttls;

const NAMES: [HeaderName; 8] = [
    CACHE_CONTROL,
    EXPIRES,
    DATE,
    AGE,
    ETAG,
    LAST_MODIFIED,
    SET_COOKIE,
    HeaderName::from_static("cdn-cache-control"),
];

const WORDS: [&str; 24] = [
    "max-age=60",
    "max-age=0",
    "max-age=99999999999",
    "max-age=\"5\"",
    "s-maxage=100",
    "no-store",
    "no-cache",
    "no-cache=\"set-cookie\"",
    "private",
    "private=\"x\"",
    "public",
    "must-revalidate",
    "proxy-revalidate",
    "must-understand",
    "stale-while-revalidate=30",
    "stale-if-error=90",
    "stale-if-error=0",
    "0",
    "3000000000",
    "Fri, 15 Jan 2027 09:00:00 GMT",
    "Fri, 15 Jan 2027 07:00:00 GMT",
    "Thursday, 18-Aug-50 02:01:18 GMT",
    "\"a\"",
    "W/\"a\"",
];

fn value() -> impl Strategy<Value = HeaderValue> {
    let words = prop::collection::vec(prop::sample::select(WORDS.to_vec()), 0..4)
        .prop_map(|words| HeaderValue::try_from(words.join(", ")).expect("visible"));
    let anything = prop::collection::vec(any::<u8>(), 0..40)
        .prop_filter_map("what a field may hold", |bytes| {
            HeaderValue::from_bytes(&bytes).ok()
        });
    prop_oneof![3 => words, 1 => anything]
}

fn head() -> impl Strategy<Value = HeaderMap> {
    let line = (prop::sample::select(NAMES.to_vec()), value());
    prop::collection::vec(line, 0..6).prop_map(|lines| {
        let mut fields = HeaderMap::new();
        for (name, value) in lines {
            fields.append(name, value);
        }
        fields
    })
}

fn policy() -> impl Strategy<Value = CachePolicy> {
    let ttl = prop::sample::select(vec![0_u32, 1, 60, 600, 31_536_000, u32::MAX]);
    ((ttl.clone(), ttl.clone(), ttl), any::<[bool; 3]>()).prop_map(
        |((min, default, max), [by_the_rfc, beats, heuristic])| {
            let mut policy = cache_ttls::policy(min.min(max), default.min(max), max);
            let word = CachePolicy::by_the_origins_word();
            policy.minimum_beats_refusal = beats;
            if by_the_rfc {
                policy.statuses = StatusRule::Rfc9111;
                policy.targeted = word.targeted;
            }
            if heuristic {
                policy.ttl.default = word.ttl.default;
            }
            policy
        },
    )
}

fn answer(status: StatusCode, fields: &HeaderMap) -> Answered<'_> {
    Answered {
        status,
        fields,
        at: Duration::from_secs(NOW.unsigned_abs()),
        took: Duration::from_millis(1_500),
    }
}

/// Whether a word stands alone among the elements of the field, by the plainest reading.
fn says(fields: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    fields.get_all(name).iter().any(|line| {
        let text = String::from_utf8_lossy(line.as_bytes()).to_lowercase();
        !text.contains(['"', '\\']) && text.split(',').any(|element| element.trim() == word)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_answer_is_fresh_beyond_the_maximum(
        policy in policy(),
        fields in head(),
        status in 100_u16..600,
        error_ttl in prop::option::of(0_u64..100_000),
    ) {
        let status = StatusCode::from_u16(status).expect("a status");
        let kept = keep(&policy, GET, answer(status, &fields), error_ttl.map(Duration::from_secs));
        if let Keep::For(lifetime) = kept {
            prop_assert!(u64::from(lifetime.fresh) <= policy.ttl.max.as_secs());
            prop_assert!(lifetime.kept > lifetime.age, "what is kept is of use");
            prop_assert!(lifetime.fresh.saturating_add(lifetime.if_error.max(lifetime.while_revalidate)) <= lifetime.kept);
            prop_assert!(!lifetime.always_asks || lifetime.fresh == 0);
        }
        let _ = withheld(&policy, &fields);
    }

    #[test]
    fn nothing_that_is_refused_is_kept_if_nothing_beats_a_refusal(
        mut policy in policy(),
        fields in head(),
        status in 100_u16..600,
    ) {
        policy.minimum_beats_refusal = false;
        policy.targeted = None;
        let status = StatusCode::from_u16(status).expect("a status");
        let kept = keep(&policy, GET, answer(status, &fields), None);
        let may_lift = |word: &str| {
            let lines = fields.get_all(CACHE_CONTROL);
            lines.iter().any(|line| String::from_utf8_lossy(line.as_bytes()).to_lowercase().contains(word))
        };
        let is_refused = says(&fields, &CACHE_CONTROL, "private")
            || says(&fields, &CACHE_CONTROL, "no-store") && !may_lift("must-understand");
        if is_refused {
            prop_assert!(matches!(kept, Keep::Not(_)), "{kept:?}");
        }
        if says(&fields, &CACHE_CONTROL, "no-cache") && let Keep::For(lifetime) = kept {
            prop_assert!(lifetime.always_asks);
            prop_assert!(matches!(reuse(&lifetime, Duration::ZERO), Reuse::Ask(_)));
        }
    }

    #[test]
    fn a_life_only_gets_worse(policy in policy(), fields in head(), times in prop::collection::vec(0_u64..200_000, 2)) {
        let Keep::For(lifetime) = keep(&policy, GET, answer(StatusCode::OK, &fields), None) else {
            return Ok(());
        };
        let rank = |time: u64| match reuse(&lifetime, Duration::from_secs(time)) {
            Reuse::Fresh(_) => 0,
            Reuse::WhileRevalidating(_) => 1,
            Reuse::Ask(_) => 2,
            Reuse::Gone => 3,
        };
        let (sooner, later) = (times[0].min(times[1]), times[0].max(times[1]));
        prop_assert!(rank(sooner) <= rank(later));
        let stands = |time: u64| stands_in(&lifetime, Duration::from_secs(time), None);
        prop_assert!(stands(sooner) || !stands(later));
        prop_assert!(rank(later) != 3 || !stands(later));
    }

    #[test]
    fn a_date_means_the_same_in_each_form(seconds in 0_u64..4_000_000_000, later in 0_u64..3) {
        let plain = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds));
        let parts: Vec<&str> = plain.split([' ', ',']).filter(|part| !part.is_empty()).collect();
        let [day, number, month, year, time, _] = parts[..] else {
            panic!("{plain}");
        };
        let asctime = format!("{day} {month} {:>2} {time} {year}", number.trim_start_matches('0'));
        let kept = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds + later));
        for form in [plain.clone(), plain.to_uppercase(), asctime] {
            let viewer = HeaderMap::from_iter([(IF_MODIFIED_SINCE, HeaderValue::try_from(form.as_str()).expect("visible"))]);
            let kept = HeaderMap::from_iter([(LAST_MODIFIED, HeaderValue::try_from(kept.as_str()).expect("visible"))]);
            prop_assert_eq!(is_not_modified(Fields::of(&viewer), &kept), later == 0, "{}", form);
        }
    }

    #[test]
    fn a_viewer_with_the_tag_among_others_has_it(
        tags in prop::collection::vec("(W/)?\"[a-z,]{0,3}\"", 1..5),
        kept in "(W/)?\"[a-z,]{0,3}\"",
        noise in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let opaque = |tag: &str| tag.trim_start_matches("W/").to_owned();
        let has_it = tags.iter().any(|tag| opaque(tag) == opaque(&kept));
        let condition = HeaderValue::try_from(tags.join(", ")).expect("visible");
        let viewer = HeaderMap::from_iter([(IF_NONE_MATCH, condition)]);
        let kept = HeaderMap::from_iter([(ETAG, HeaderValue::try_from(kept).expect("visible"))]);
        prop_assert_eq!(is_not_modified(Fields::of(&viewer), &kept), has_it);
        if let Ok(noise) = HeaderValue::from_bytes(&noise) {
            for name in [IF_NONE_MATCH, IF_MODIFIED_SINCE] {
                let viewer = HeaderMap::from_iter([(name, noise.clone())]);
                let _ = is_not_modified(Fields::of(&viewer), &kept);
            }
        }
    }

    #[test]
    fn freshening_twice_is_freshening_once(kept in head(), fresh in head()) {
        let once = freshened(kept, &fresh);
        prop_assert_eq!(freshened(once.clone(), &fresh), once);
    }
}
