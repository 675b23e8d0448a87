//! The fields of a kept answer in few bytes: a map of them would take several times as much as the fields themselves.

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
    let mut fields = HeaderMap::with_capacity(bytes.len() / 32 + more);
    let mut rest = Reading { bytes, at: 0 };
    while let Some((name, value)) = rest.field() {
        fields.append(name, value);
    }
    fields
}

fn push(bytes: &mut Vec<u8>, part: &[u8]) {
    let length = u32::try_from(part.len()).unwrap_or_default().to_le_bytes();
    bytes.extend_from_slice(&length);
    bytes.extend_from_slice(part);
}

struct Reading<'b> {
    bytes: &'b Bytes,
    at: usize,
}

impl Reading<'_> {
    fn field(&mut self) -> Option<(HeaderName, HeaderValue)> {
        let name = match self.take(1)?.first()? {
            &WRITTEN_OUT => HeaderName::from_bytes(&self.part()?).ok()?,
            short => SHORT.get(usize::from(*short))?.clone(),
        };
        let value = HeaderValue::from_maybe_shared(self.part()?).ok()?;
        Some((name, value))
    }

    fn part(&mut self) -> Option<Bytes> {
        let length = self.take(4)?;
        let length = u32::from_le_bytes(length[..].try_into().ok()?);
        self.take(usize::try_from(length).ok()?)
    }

    fn take(&mut self, bytes: usize) -> Option<Bytes> {
        let end = self.at.checked_add(bytes)?;
        if end > self.bytes.len() {
            return None;
        }
        let taken = self.bytes.slice(self.at..end);
        self.at = end;
        Some(taken)
    }
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
