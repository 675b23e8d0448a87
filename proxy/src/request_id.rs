//! Request ids in CloudFront's form: 56 characters of URL-safe base64 that end in `==`.

use bytes::BytesMut;
use http::HeaderValue;

/// Makes ids for one worker.
#[derive(Debug)]
pub(crate) struct RequestIds {
    random: fastrand::Rng,
    /// Room for the next ones: one allocation does for many.
    room: BytesMut,
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// Every two digits.
static PAIRS: [[u8; 2]; 4096] = {
    let mut pairs = [[0; 2]; 4096];
    let mut index = 0;
    while index < pairs.len() {
        pairs[index] = [ALPHABET[index >> 6], ALPHABET[index & 63]];
        index += 1;
    }
    pairs
};
const LENGTH: usize = 56;
/// So many ids share an allocation, which the last of them frees.
const AT_ONCE: usize = 64;

impl RequestIds {
    pub(crate) fn new() -> Self {
        Self {
            random: fastrand::Rng::new(),
            room: BytesMut::new(),
        }
    }

    /// 40 random bytes: 54 characters and two of padding. They name a request; they are no secret.
    pub(crate) fn next(&mut self) -> HeaderValue {
        let mut id = [b'='; LENGTH];
        for five in id.as_chunks_mut::<2>().0[..27].chunks_mut(5) {
            let mut bits = self.random.u64(..);
            for pair in five {
                *pair = PAIRS[(bits & 0xfff) as usize];
                bits >>= 12;
            }
        }
        // The last digit before the padding carries two bits.
        id[53] = ALPHABET[(self.random.u8(..4) << 4) as usize];
        if self.room.capacity() < LENGTH {
            self.room = BytesMut::with_capacity(LENGTH * AT_ONCE);
        }
        self.room.extend_from_slice(&id);
        let mut id = HeaderValue::from_maybe_shared(self.room.split().freeze())
            .expect("base64 is a header value");
        // It never comes again: HTTP/2 shall not keep it in the table of what was said, where each one would put out a field
        // that does come again, and would be compared with all that are there. Source: RFC 7541, section 6.2.3.
        id.set_sensitive(true);
        id
    }
}

#[cfg(test)]
mod tests {
    use super::RequestIds;

    #[test]
    fn an_id_has_cloudfronts_form_and_is_not_given_twice() {
        let mut ids = RequestIds::new();
        let (one, other) = (ids.next(), ids.next());
        assert_ne!(one, other);
        let text = one.to_str().expect("ascii");
        assert_eq!(text.len(), 56);
        assert!(text.ends_with("=="), "{text}");
        assert!(
            text[..54]
                .bytes()
                .all(|byte| super::ALPHABET.contains(&byte)),
            "{text}"
        );
    }
}
