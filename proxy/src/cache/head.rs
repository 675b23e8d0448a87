//! The fields of a kept answer in few bytes: a map of them would take several times as much as the fields themselves.

use std::ops::Range;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// Names that take one byte. Only ever appended to by hand: the position is what is written.
static SHORT: [HeaderName; 40] = [
    header::ACCEPT_RANGES,
    header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
    header::ACCESS_CONTROL_ALLOW_HEADERS,
    header::ACCESS_CONTROL_ALLOW_METHODS,
    header::ACCESS_CONTROL_ALLOW_ORIGIN,
    header::ACCESS_CONTROL_EXPOSE_HEADERS,
    header::ACCESS_CONTROL_MAX_AGE,
    header::AGE,
    header::ALLOW,
    header::ALT_SVC,
    header::CACHE_CONTROL,
    header::CONTENT_DISPOSITION,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_LENGTH,
    header::CONTENT_LOCATION,
    header::CONTENT_RANGE,
    header::CONTENT_SECURITY_POLICY,
    header::CONTENT_TYPE,
    header::DATE,
    header::ETAG,
    header::EXPIRES,
    header::LAST_MODIFIED,
    header::LINK,
    header::LOCATION,
    header::PRAGMA,
    header::REFERRER_POLICY,
    header::RETRY_AFTER,
    header::SERVER,
    header::SET_COOKIE,
    header::STRICT_TRANSPORT_SECURITY,
    header::VARY,
    header::VIA,
    header::WARNING,
    header::WWW_AUTHENTICATE,
    header::X_CONTENT_TYPE_OPTIONS,
    header::X_FRAME_OPTIONS,
    header::X_XSS_PROTECTION,
    HeaderName::from_static("x-powered-by"),
    HeaderName::from_static("x-request-id"),
];

/// Stands before a name that is written out.
const WRITTEN_OUT: u8 = u8::MAX;

/// Appends `fields` to `bytes`.
pub(super) fn write(fields: &HeaderMap, bytes: &mut Vec<u8>) {
    for (name, value) in fields {
        let short = SHORT.iter().position(|short| short == name);
        if let Some(short) = short.and_then(|short| u8::try_from(short).ok()) {
            bytes.push(short);
        } else {
            bytes.push(WRITTEN_OUT);
            push(bytes, name.as_str().as_bytes());
        }
        push(bytes, value.as_bytes());
    }
}

/// The fields that were written to `bytes`, with room for `more`.
pub(super) fn read(bytes: &Bytes, more: usize) -> HeaderMap {
    let mut fields = HeaderMap::with_capacity(bytes.len() / AVERAGE + more);
    let mut at = 0;
    while let Some((name, value)) = field(bytes, &mut at) {
        fields.append(name, value);
    }
    fields
}

/// Bytes of a field, about: for the room that a map is given at once.
const AVERAGE: usize = 32;

fn push(bytes: &mut Vec<u8>, part: &[u8]) {
    let length = u32::try_from(part.len()).unwrap_or_default().to_le_bytes();
    bytes.extend_from_slice(&length);
    bytes.extend_from_slice(part);
}

/// The field that begins `at`, which moves behind it. The value shares the bytes.
fn field(bytes: &Bytes, at: &mut usize) -> Option<(HeaderName, HeaderValue)> {
    let short = *bytes.get(*at)?;
    *at += 1;
    let name = if short == WRITTEN_OUT {
        HeaderName::from_bytes(bytes.get(part(bytes, at)?)?).ok()?
    } else {
        SHORT.get(usize::from(short))?.clone()
    };
    let value = part(bytes, at)?;
    let value = HeaderValue::from_maybe_shared(bytes.slice(value)).ok()?;
    Some((name, value))
}

/// Where the part lies whose length is `at`, which moves behind it.
fn part(bytes: &Bytes, at: &mut usize) -> Option<Range<usize>> {
    let length = bytes.get(*at..)?.first_chunk::<4>()?;
    let start = at.checked_add(length.len())?;
    let end = start.checked_add(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    *at = end;
    (end <= bytes.len()).then_some(start..end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_was_written_is_read(
            fields in prop::collection::vec(
                (prop_oneof![(0..SHORT.len()).prop_map(|it| SHORT[it].to_string()), "[a-z][a-z0-9-]{0,20}"], "[ -~]{0,40}"),
                0..12,
            ),
        ) {
            let mut map = HeaderMap::new();
            for (name, value) in &fields {
                map.append(
                    HeaderName::from_bytes(name.as_bytes()).expect("a name"),
                    HeaderValue::from_str(value).expect("a value"),
                );
            }
            let mut bytes = Vec::new();
            write(&map, &mut bytes);
            prop_assert_eq!(read(&Bytes::from(bytes), 0), map);
        }

        #[test]
        fn nothing_else_is_read_from_anything(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            read(&Bytes::from(bytes), 0);
        }
    }
}
