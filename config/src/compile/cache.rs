//! How answers of a behavior are kept: by its cache policy, by its legacy fields, or by the operator's own words.

mod limits;

use std::ops::RangeInclusive;
use std::time::Duration;

use http::HeaderName;
use http::header::{ACCEPT_ENCODING, HOST};

use super::defaults::Defaults;
use super::forwarding::{self, selection};
use super::values;
use crate::behavior::{AcceptEncoding, CloudFrontHeader, MethodSet, NameSelection, OriginRequest};
use crate::cache::{CachePolicy, Compression, DefaultTtl, KeyParts, Ttls};
use crate::policies;
use crate::problem::Problem;
use crate::written::{
    self, At, Caching, Compress, ForwardedValues, Notation, Place, Span, Written,
};

pub use limits::display as display_size;
pub(super) use limits::limits;

/// Source: API shape `CacheBehavior`, `DefaultTTL` and `MaxTTL`.
const A_DAY: Duration = Duration::from_hours(24);
const A_YEAR: Duration = Duration::from_hours(24 * 365);
const TIMES: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_hours(24 * 365 * 100);

/// By whose rules a cache goes. What is kept, and for how long, is another matter: any times and any key go with either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Conduct {
    /// CloudFront's.
    CloudFront,
    /// RFC 9111's.
    Origin,
}

/// The word of `cache`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Off,
    By(Conduct),
}

/// What tells answers apart, and how long they are fresh.
struct Basis {
    key: KeyParts,
    ttl: Ttls,
}

impl Basis {
    /// CloudFront's policies know nothing of `X-Forwarded-Host` and `X-Forwarded-Proto`. Where origins are sent these, answers
    /// hang on them: a redirect to HTTPS must not be what viewers over HTTPS get.
    fn with_target_as_seen(mut self, request: &OriginRequest) -> Self {
        if request.forwarded_host_and_proto {
            let key = &mut self.key;
            if !key.headers.contains(&HOST) {
                key.headers.push(HOST);
            }
            if !key.made.contains(&CloudFrontHeader::ForwardedProto) {
                key.made.push(CloudFrontHeader::ForwardedProto);
            }
        }
        self
    }
}

/// The cache of the behavior `said`, in a distribution that says `of_all` for all of its behaviors; `cached` are the methods
/// whose answers are kept. What `request` says of `Accept-Encoding` may become what the key tells apart.
pub(super) fn cache(
    said: &written::Behavior,
    of_all: &Caching,
    cached: MethodSet,
    request: &mut OriginRequest,
    written: &Written,
    defaults: &Defaults,
    problems: &mut Vec<Problem>,
) -> Option<CachePolicy> {
    let own = &said.caching;
    let word = word(own, of_all, problems);
    let conduct = match word {
        Some(Word::By(conduct)) => conduct,
        Some(Word::Off) | None => defaults.cache,
    };
    let compress = own.compress.as_ref().or(of_all.compress.as_ref());
    let stale_if_error = own.stale_if_error.as_ref();
    let stale_if_error = stale_if_error
        .or(of_all.stale_if_error.as_ref())
        .and_then(|said| time(said, problems));
    let basis = if let Some(policy) = &said.cache_policy {
        check_policy_is_alone(own, problems);
        by_policy(&policy.value, written).map(|basis| basis.with_target_as_seen(request))
    } else if let Some(legacy) = &said.forwarded_values {
        by_legacy(legacy, own, written, problems).map(|basis| basis.with_target_as_seen(request))
    } else {
        // In CloudFront's own notation, times without `ForwardedValues` are half of what it takes.
        let is_asked_for = written.notation == Notation::Toml
            && (word.is_some() || says_more(own) || says_more(of_all));
        if !is_asked_for && !defaults.caches_unasked {
            warn_of_compress_alone(own, word, written, problems);
            return None;
        }
        let wanted = compress.map_or_else(Compression::default, |said| wanted(said.value));
        let conduct = Some(conduct).filter(|_| word != Some(Word::Off));
        by_own_words(said, of_all, conduct, wanted, request, written, problems)
    };
    // Whatever is said is checked, even where nothing is kept.
    let Some(Basis { key, ttl }) = basis.filter(|_| word != Some(Word::Off)) else {
        warn_of_compress_alone(own, word, written, problems);
        return None;
    };
    let sends_cookies = request.cookies != NameSelection::None;
    let mut policy = match conduct {
        Conduct::CloudFront => CachePolicy::as_cloudfront_does(cached, key, ttl, sends_cookies),
        Conduct::Origin => CachePolicy {
            methods: cached,
            key,
            ttl,
            ..CachePolicy::by_the_origins_word()
        },
    };
    // CloudFront has it in the key or does not send it; the resilient mode sends everything.
    let is_keyed = policy.key.headers.contains(&http::header::AUTHORIZATION);
    if !defaults.is_faithful() && request.authorization && !is_keyed {
        policy.authorization_needs_permission = true;
    }
    if let Some(span) = stale_if_error {
        policy.stale.if_error = span;
    }
    let collapse = own.collapse.as_ref().or(of_all.collapse.as_ref());
    match collapse {
        Some(said) => policy.collapse = said.value,
        None if !policy.collapse => note_cookies(said, &policy.key, problems),
        None => {}
    }
    if let Some(compress) = compress {
        let may_brotli = said.forwarded_values.is_none();
        policy.compression = compression(compress, &policy.key, may_brotli, written, problems);
    }
    Some(policy)
}

fn word(own: &Caching, of_all: &Caching, problems: &mut Vec<Problem>) -> Option<Word> {
    const WORDS: [(&str, Word); 3] = [
        ("off", Word::Off),
        ("origin", Word::By(Conduct::Origin)),
        ("cloudfront", Word::By(Conduct::CloudFront)),
    ];
    let said = own.cache.as_ref().or(of_all.cache.as_ref())?;
    values::word(said, &WORDS, problems)
}

/// True of what nobody says who does not want a cache.
fn says_more(said: &Caching) -> bool {
    said.key.is_some()
        || said.min_ttl.is_some()
        || said.default_ttl.is_some()
        || said.max_ttl.is_some()
}

/// Source: API shape `CacheBehavior`, `CachePolicyId`.
fn check_policy_is_alone(own: &Caching, problems: &mut Vec<Problem>) {
    let times = [&own.min_ttl, &own.default_ttl, &own.max_ttl];
    let times = times.into_iter().flatten().map(|said| &said.place);
    for place in times.chain(own.key.as_ref().map(|key| &key.place)) {
        problems.push(place.error(
            "stands beside a cache policy",
            "leave it out, or the policy, which has times and a key of its own",
        ));
    }
}

/// `None`: it keeps nothing, or nobody knows it, which is told where it says what is forwarded.
fn by_policy(named: &str, written: &Written) -> Option<Basis> {
    let policy = policies::cache_policy(&written.policies, named)?;
    let seconds = |said: i64| {
        let span = Duration::from_secs(u64::try_from(said).unwrap_or_default());
        span.min(*TIMES.end())
    };
    let ttl = Ttls {
        min: seconds(policy.min_ttl),
        default: DefaultTtl::Fixed(seconds(policy.default_ttl)),
        max: seconds(policy.max_ttl),
    };
    if ttl.max.is_zero() {
        return None;
    }
    let (headers, made) = key_headers(policy.headers.1.iter().map(String::as_str));
    let accept_encoding = if policy.gzip || policy.brotli {
        AcceptEncoding::Normalised {
            gzip: policy.gzip,
            brotli: policy.brotli,
        }
    } else {
        AcceptEncoding::Removed
    };
    let key = KeyParts {
        headers,
        cookies: selection(Some(&policy.cookies)),
        query: selection(Some(&policy.query)),
        accept_encoding,
        made,
    };
    Some(Basis { key, ttl })
}

/// Viewer headers of a key, and those that the edge makes. Names that no header can have are told where they are forwarded,
/// as are headers that CloudFront would make and this edge does not: no viewer's word stands in for these.
fn key_headers<'n>(
    names: impl Iterator<Item = &'n str>,
) -> (Vec<HeaderName>, Vec<CloudFrontHeader>) {
    let (mut headers, mut made) = (Vec::new(), Vec::new());
    for name in names {
        if forwarding::is_cloudfronts(name) {
            let known = CloudFrontHeader::named(name);
            made.extend(known.filter(|known| !made.contains(known)));
        } else if let Ok(name) = HeaderName::from_bytes(name.as_bytes())
            && !headers.contains(&name)
        {
            headers.push(name);
        }
    }
    (headers, made)
}

/// Source: API shape `ForwardedValues`: what is forwarded is the key. `None`: it keeps nothing.
fn by_legacy(
    legacy: &ForwardedValues,
    own: &Caching,
    written: &Written,
    problems: &mut Vec<Problem>,
) -> Option<Basis> {
    let said = [&own.min_ttl, &own.default_ttl, &own.max_ttl].map(Option::as_ref);
    let ttl = ttls(said, DefaultTtl::Fixed(A_DAY), written, problems);
    if let Some(all) = legacy.headers.iter().find(|name| name.value == "*") {
        if !ttl.min.is_zero() {
            problems.push(all.place.error(
                format!("has \"*\", and MinTTL is {}", ttl.min.as_secs()),
                "write 0 for MinTTL: what goes by all headers is not cached",
            ));
        }
        return None;
    }
    if ttl.max.is_zero() {
        if let Some(max) = &own.max_ttl {
            problems.push(max.place.note(
                "is 0: nothing is kept, and every request goes to an origin",
                "write more seconds if answers shall be kept",
            ));
        }
        return None;
    }
    let (headers, made) = key_headers(legacy.headers.iter().map(|name| name.value.as_str()));
    let accept_encoding = if headers.contains(&ACCEPT_ENCODING) {
        AcceptEncoding::Viewer
    } else {
        AcceptEncoding::Normalised {
            gzip: true,
            brotli: false,
        }
    };
    let names = |said: &[At<String>]| {
        NameSelection::Only(said.iter().map(|name| name.value.clone()).collect())
    };
    let query = match (legacy.query_string, &legacy.query_string_cache_keys[..]) {
        (false, _) => NameSelection::None,
        (true, []) => NameSelection::All,
        (true, keys) => names(keys),
    };
    let key = KeyParts {
        headers,
        cookies: forwarding::legacy_cookies(legacy),
        query,
        accept_encoding,
        made,
    };
    Some(Basis { key, ttl })
}

/// `None`: it keeps nothing, as without a `conduct`.
fn by_own_words(
    said: &written::Behavior,
    of_all: &Caching,
    conduct: Option<Conduct>,
    compress: Compression,
    request: &mut OriginRequest,
    written: &Written,
    problems: &mut Vec<Problem>,
) -> Option<Basis> {
    let own = &said.caching;
    let times = [
        own.min_ttl.as_ref().or(of_all.min_ttl.as_ref()),
        own.default_ttl.as_ref().or(of_all.default_ttl.as_ref()),
        own.max_ttl.as_ref().or(of_all.max_ttl.as_ref()),
    ];
    let usual = match conduct {
        Some(Conduct::CloudFront) => DefaultTtl::Fixed(A_DAY),
        Some(Conduct::Origin) | None => DefaultTtl::Heuristic,
    };
    let ttl = ttls(times, usual, written, problems);
    let conduct = conduct?;
    let said_key = own.key.as_ref().or(of_all.key.as_ref());
    if said_key.is_none() && conduct == Conduct::CloudFront {
        // There is nothing that would be right for everybody: CloudFront takes no `Vary` for an answer.
        problems.push(values::missing(
            &said.place,
            "cache_key",
            "write what tells answers apart, such as cache_key = { headers = [\"Host\"], cookies = \"none\", query = \"all\" }, or a cache_policy, or cache = \"origin\"",
        ));
    }
    let mut key = CachePolicy::by_the_origins_word().key;
    let mut accept_encoding = None;
    if let Some(said) = said_key.cloned() {
        key.headers = said.headers.unwrap_or(key.headers);
        key.cookies = said.cookies.unwrap_or(key.cookies);
        key.query = said.query.unwrap_or(key.query);
        key.made = said.made.unwrap_or(key.made);
        accept_encoding = said.accept_encoding;
    }
    key.accept_encoding = match accept_encoding {
        Some(said) => said,
        None if key.headers.contains(&ACCEPT_ENCODING) => request.accept_encoding,
        None => told_apart(conduct, compress, request),
    };
    // What the key does not tell apart must not be asked for.
    if let (AcceptEncoding::Normalised { .. }, AcceptEncoding::Viewer) =
        (key.accept_encoding, request.accept_encoding)
    {
        request.accept_encoding = key.accept_encoding;
    }
    (!ttl.max.is_zero()).then_some(Basis { key, ttl })
}

/// The encodings that a key has to tell apart. Where that is not left to `Vary`, or the edge makes variants itself, the
/// origin is asked for no others than these, so that there are few.
fn told_apart(
    conduct: Conduct,
    compress: Compression,
    request: &mut OriginRequest,
) -> AcceptEncoding {
    let by_vary = conduct == Conduct::Origin && compress.is_off();
    if request.accept_encoding == AcceptEncoding::Viewer && !by_vary {
        request.accept_encoding = AcceptEncoding::Normalised {
            gzip: true,
            brotli: true,
        };
    }
    match request.accept_encoding {
        AcceptEncoding::Normalised { gzip, brotli } => AcceptEncoding::Normalised {
            gzip: gzip || compress.gzip,
            brotli: brotli || compress.brotli,
        },
        AcceptEncoding::Viewer | AcceptEncoding::Removed if compress.is_off() => {
            request.accept_encoding
        }
        AcceptEncoding::Viewer | AcceptEncoding::Removed => AcceptEncoding::Normalised {
            gzip: compress.gzip,
            brotli: compress.brotli,
        },
    }
}

/// `said` are minimum, default and maximum; `usual` is the default that goes without saying, as far as it fits the others.
fn ttls(
    said: [Option<&At<Span>>; 3],
    usual: DefaultTtl,
    written: &Written,
    problems: &mut Vec<Problem>,
) -> Ttls {
    let [said_min, said_default, said_max] = said;
    let min = said_min.and_then(|said| time(said, problems));
    let heuristic = said_default
        .is_some_and(|said| matches!(&said.value, Span::Text(word) if word == "heuristic"));
    let default = said_default
        .filter(|_| !heuristic)
        .and_then(|said| time_or_word(said, problems));
    let max = said_max.and_then(|said| time(said, problems));
    let in_order = [(said_min, min), (said_default, default), (said_max, max)];
    let in_order: Vec<_> = in_order
        .into_iter()
        .filter_map(|(said, time)| Some((said?, time?)))
        .collect();
    for pair in in_order.windows(2) {
        if let [(_, lower), (said, higher)] = pair
            && lower > higher
        {
            problems.push(said.place.error(
                format!(
                    "is {}, below {}",
                    values::display_span(*higher),
                    values::display_span(*lower)
                ),
                written.words(
                    "write min_ttl, default_ttl and max_ttl in ascending order",
                    "write MinTTL, DefaultTTL and MaxTTL in ascending order",
                ),
            ));
        }
    }
    let min = min.unwrap_or_default();
    let default = match (default, usual) {
        (Some(default), _) => DefaultTtl::Fixed(default),
        (None, _) if heuristic => DefaultTtl::Heuristic,
        (None, DefaultTtl::Heuristic) => DefaultTtl::Heuristic,
        (None, DefaultTtl::Fixed(usual)) => {
            DefaultTtl::Fixed(usual.max(min).min(max.unwrap_or(*TIMES.end())))
        }
    };
    let at_least = match default {
        DefaultTtl::Fixed(default) => default.max(min),
        DefaultTtl::Heuristic => min,
    };
    Ttls {
        min,
        default,
        max: max.unwrap_or(A_YEAR.max(at_least)),
    }
}

fn time_or_word(said: &At<Span>, problems: &mut Vec<Problem>) -> Option<Duration> {
    if let Span::Text(text) = &said.value
        && !text.starts_with(|c: char| c.is_ascii_digit())
    {
        let shown = At {
            value: text.clone(),
            place: said.place.clone(),
        };
        problems.push(said.place.error(
            format!("is {}", shown.shown()),
            "write a time such as \"1h\", or \"heuristic\"",
        ));
        return None;
    }
    time(said, problems)
}

fn time(said: &At<Span>, problems: &mut Vec<Problem>) -> Option<Duration> {
    let span = values::span(said, &TIMES, problems)?;
    if span.subsec_nanos() == 0 {
        return Some(span);
    }
    problems.push(said.place.error(
        format!("is {}", values::display_span(span)),
        "write whole seconds: what HTTP says of age has no smaller unit",
    ));
    None
}

fn wanted(said: Compress) -> Compression {
    match said {
        Compress::Yes => Compression {
            gzip: true,
            brotli: true,
        },
        Compress::No => Compression::default(),
        Compress::With(list) => list,
    }
}

/// Of what is asked for, what the key tells apart. Source: Developer Guide, "Serve compressed files".
fn compression(
    said: &At<Compress>,
    key: &KeyParts,
    may_brotli: bool,
    written: &Written,
    problems: &mut Vec<Problem>,
) -> Compression {
    let asked = wanted(said.value);
    let possible = match key.accept_encoding {
        AcceptEncoding::Normalised { gzip, brotli } => Compression { gzip, brotli },
        AcceptEncoding::Viewer | AcceptEncoding::Removed => {
            let by_header = key.headers.contains(&ACCEPT_ENCODING);
            Compression {
                gzip: by_header,
                brotli: by_header && may_brotli,
            }
        }
    };
    let both = Compression {
        gzip: asked.gzip && possible.gzip,
        brotli: asked.brotli && possible.brotli,
    };
    if both.is_off() && !asked.is_off() {
        let found = "asks for what the cache key does not tell apart: nothing is compressed";
        let problem = if written.notation == Notation::CloudFront {
            said.place.note(
                found,
                "choose a cache policy with EnableAcceptEncodingGzip or EnableAcceptEncodingBrotli",
            )
        } else {
            said.place.warning(
                found,
                "write accept_encoding = [\"br\", \"gzip\"] in cache_key, or choose a policy that enables them",
            )
        };
        problems.push(problem);
    }
    both
}

/// CloudFront does not compress what it does not cache either, and its console sets the flag everywhere.
fn warn_of_compress_alone(
    own: &Caching,
    word: Option<Word>,
    written: &Written,
    problems: &mut Vec<Problem>,
) {
    if written.notation == Notation::Toml
        && word != Some(Word::Off)
        && let Some(said) = &own.compress
        && !wanted(said.value).is_off()
    {
        problems.push(said.place.warning(
            "is asked for, and nothing is cached here: nothing is compressed",
            "leave it out, or have answers cached",
        ));
    }
}

/// Source: Developer Guide, "Request and response behavior for custom origins", simultaneous requests for the same object.
fn note_cookies(said: &written::Behavior, key: &KeyParts, problems: &mut Vec<Problem>) {
    if key.cookies != NameSelection::All {
        return;
    }
    let place: Option<&Place> = (said.cache_policy.as_ref().map(|said| &said.place))
        .or(said.forwarded_values.as_ref().map(|said| &said.place));
    problems.extend(place.map(|place| {
        place.note(
            "has every cookie in the cache key: few viewers share an answer, and requests that come together do not wait for one fetch",
            "name the cookies that matter, if there are few",
        )
    }));
}
