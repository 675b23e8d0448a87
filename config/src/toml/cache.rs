//! The table `[cache]`, and what distributions and behaviors say of how answers are kept.
//!
//! `[cache]`, sizes being `"512KiB"`, `"256MiB"`, `"2GiB"` or a number of bytes:
//!
//! | field | default | |
//! |---|---|---|
//! | `memory` | 256MiB | over all that is kept, 1MiB at least; 0: nothing is kept (`--cache off`, `--cache-memory`) |
//! | `object` | 32MiB, as far as there is room | the largest body that is kept whole: a quarter of `memory` at most, below 4GiB |
//! | `slice` | 1MiB, as far as there is room | of what is larger: 64KiB to 16MiB, `object` at most |
//!
//! `[distribution.ID]`, for all of its behaviors, and each behavior:
//!
//! | field | default | |
//! |---|---|---|
//! | `cache` | by the mode: `"origin"`; in `faithful`, `"cloudfront"` where something below or a `cache_policy` is given, else `"off"` | by whose rules: RFC 9111's and the origin's own word, or CloudFront's |
//! | `cache_key` | `{ headers = ["Host"], cookies = "none", query = "all", cloudfront_headers = ["CloudFront-Forwarded-Proto"] }` | what tells answers apart, beside the path; `cloudfront` takes no other word for it and so has no default. `accept_encoding` (`"viewer"`: not part of it, `"none"`, or a list of `"gzip"` and `"br"`): by what is compressed and what the origin is sent |
//! | `min_ttl`, `default_ttl`, `max_ttl` | 0s, `"heuristic"` (`cloudfront`: 24h), 8760h | bounds of what the origin says; all 0: nothing is kept |
//! | `stale_if_error` | 24h (`cloudfront`: `max_ttl`) | how long after it went stale an answer is served because origins failed; 0s: never |
//! | `collapse` | true (`cloudfront`: where origins are sent no cookies) | requests with one key wait for one fetch |
//! | `compress` | false | true, false, or a list of `"gzip"` and `"br"`: what the edge compresses with. Origins are asked for no encoding but these two then, so that there are few variants. Of what is kept, types that shrink are compressed, 1,000 to 10,000,000 bytes of them, with statuses 200, 403 and 404; what comes while all threads for it are busy is kept as it is |
//!
//! A `cache_policy` of a behavior has a key and times of its own, in place of these; `cached_methods` says whether OPTIONS is kept.

use ::toml::de::DeValue;

use super::forwarding::{accept_encoding, cloudfront_headers, header_list, names};
use super::kind::{self, Kind, wrong_kind};
use super::table::{self, Table};
use crate::cache::Compression;
use crate::problem::Problem;
use crate::written::{At, CacheKey, CacheLimits, Caching, Compress, Size};

pub(super) fn limits(mut table: Table<'_>, problems: &mut Vec<Problem>) -> CacheLimits {
    let limits = CacheLimits {
        memory: size(&mut table, "memory", problems),
        object: size(&mut table, "object", problems),
        slice: size(&mut table, "slice", problems),
    };
    table.finish(problems);
    limits
}

/// `"256MiB"`, or an integer; what the text means is for the compiler to say.
fn size(
    table: &mut Table<'_>,
    name: &'static str,
    problems: &mut Vec<Problem>,
) -> Option<At<Size>> {
    let (place, value) = table.value(name)?;
    if let Some(bytes) = kind::integer(value.get_ref()) {
        let value = Size::Bytes(bytes);
        return Some(At { value, place });
    }
    if value.get_ref().as_str().is_none() {
        let what = Kind::Other("a size such as \"256MiB\"");
        problems.push(wrong_kind(&place, value, what));
        return None;
    }
    let At { value, place } = table::string(place, value, problems)?;
    Some(At {
        value: Size::Text(value),
        place,
    })
}

pub(super) fn caching(table: &mut Table<'_>, problems: &mut Vec<Problem>) -> Caching {
    Caching {
        cache: table.string("cache", problems),
        key: table
            .table("cache_key", problems)
            .map(|table| key(table, problems)),
        min_ttl: table.span("min_ttl", problems),
        default_ttl: table.span("default_ttl", problems),
        max_ttl: table.span("max_ttl", problems),
        stale_if_error: table.span("stale_if_error", problems),
        collapse: table.boolean("collapse", problems),
        compress: compress(table, problems),
    }
}

fn key(mut table: Table<'_>, problems: &mut Vec<Problem>) -> CacheKey {
    let has = |name| table.place_of(name).is_some();
    let [cookies, query, encoding] = ["cookies", "query", "accept_encoding"].map(has);
    let key = CacheKey {
        place: table.place.clone(),
        headers: header_list(&mut table, "headers", problems),
        cookies: Some(names(&mut table, "cookies", problems)).filter(|_| cookies),
        query: Some(names(&mut table, "query", problems)).filter(|_| query),
        accept_encoding: Some(accept_encoding(&mut table, problems)).filter(|_| encoding),
        made: cloudfront_headers(&mut table, problems),
    };
    table.finish(problems);
    check_headers(&key, problems);
    key
}

/// `true`, `false`, or a list of encodings.
fn compress(table: &mut Table<'_>, problems: &mut Vec<Problem>) -> Option<At<Compress>> {
    let (place, value) = table.value("compress")?;
    let value = match value.get_ref() {
        DeValue::Boolean(true) => Compress::Yes,
        DeValue::Boolean(false) => Compress::No,
        DeValue::Array(_) => {
            let list = table.strings_in(&place, value, problems);
            let is_known = |said: &At<String>| matches!(said.value.as_str(), "gzip" | "br");
            if let Some(unknown) = list.iter().find(|said| !is_known(said)) {
                problems.push(unknown.place.error(
                    format!("has {}", unknown.shown()),
                    "write true, false, or a list of \"gzip\" and \"br\"",
                ));
            }
            let has = |name: &str| list.iter().any(|listed| listed.value == name);
            Compress::With(Compression {
                gzip: has("gzip"),
                brotli: has("br"),
            })
        }
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Datetime(_)
        | DeValue::Table(_) => {
            let what = Kind::Other("true, false, or a list of \"gzip\" and \"br\"");
            problems.push(wrong_kind(&place, value, what));
            return None;
        }
    };
    Some(At { value, place })
}

/// A viewer's header of such a name is nobody's word for what the edge makes.
fn check_headers(key: &CacheKey, problems: &mut Vec<Problem>) {
    let mut headers = key.headers.iter().flatten();
    if let Some(made) = headers.find(|name| name.as_str().starts_with("cloudfront-")) {
        problems.push(key.place.inner("headers").error(
            format!("has {:?}, which the edge makes", made.as_str()),
            "write it in cloudfront_headers",
        ));
    }
}
