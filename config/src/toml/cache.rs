//! The table `[cache]`, and what distributions and behaviors say of how answers are kept.

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
    key
}

/// `true`, `false`, or a list of encodings.
fn compress(table: &mut Table<'_>, problems: &mut Vec<Problem>) -> Option<At<Compress>> {
    const WHAT: Kind = Kind::Other("true, false, or a list of \"gzip\" and \"br\"");
    let (place, value) = table.value("compress")?;
    let compress = match value.get_ref() {
        DeValue::Boolean(true) => Some(Compress::Yes),
        DeValue::Boolean(false) => Some(Compress::No),
        DeValue::Array(_) => {
            let list = table.strings_in(&place, value, problems);
            let has = |name: &str| list.iter().any(|listed| listed.value == name);
            let is_known = |name: &str| matches!(name, "gzip" | "br");
            list.iter().all(|listed| is_known(&listed.value)).then(|| {
                Compress::With(Compression {
                    gzip: has("gzip"),
                    brotli: has("br"),
                })
            })
        }
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Datetime(_)
        | DeValue::Table(_) => None,
    };
    if compress.is_none() {
        problems.push(wrong_kind(&place, value, WHAT));
    }
    compress.map(|value| At { value, place })
}
