//! What one walk over a head's fields finds: which of the names that decide something are there, and how long the head is.
//!
//! Most of these names are absent from most heads, and asking the map for each of them costs several times more than to walk
//! once over the few fields that there are.

use http::header;
use http::{HeaderMap, HeaderName, HeaderValue};

/// The fields of a head, and what is known of them.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'h> {
    map: &'h HeaderMap,
    survey: Survey,
}

/// What one walk over the fields of a head finds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    names: Names,
    /// Those with more than one line.
    repeated: Names,
    bytes: usize,
}

/// A set of [`Known`] names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Names(u64);

/// Names that the HTTP library has a constant for, and those that it has none for.
macro_rules! known {
    ($($constant:ident = $standard:path,)* ; $($other:ident = $text:literal,)*) => {
        /// A name that some rule asks for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Known {
            $(#[doc = stringify!($constant)] $constant,)*
            $(#[doc = $text] $other,)*
        }

        impl Known {
            const ALL: &[Self] = &[$(Self::$constant,)* $(Self::$other,)*];

            #[expect(non_upper_case_globals, reason = "named like the variants")]
            pub(crate) fn of(name: &HeaderName) -> Option<Self> {
                match *name {
                    $($standard => Some(Self::$constant),)*
                    _ => {
                        $(const $other: &[u8] = $text.as_bytes();)*
                        match name.as_str().as_bytes() {
                            $($other => Some(Self::$other),)*
                            _ => None,
                        }
                    }
                }
            }

            /// The name itself.
            pub fn name(self) -> HeaderName {
                match self {
                    $(Self::$constant => $standard,)*
                    $(Self::$other => const { HeaderName::from_static($text) },)*
                }
            }
        }
    };
}

known! {
    AcceptEncoding = header::ACCEPT_ENCODING,
    Authorization = header::AUTHORIZATION,
    Connection = header::CONNECTION,
    ContentLength = header::CONTENT_LENGTH,
    Cookie = header::COOKIE,
    Expect = header::EXPECT,
    Host = header::HOST,
    IfModifiedSince = header::IF_MODIFIED_SINCE,
    IfNoneMatch = header::IF_NONE_MATCH,
    IfRange = header::IF_RANGE,
    Location = header::LOCATION,
    ProxyAuthenticate = header::PROXY_AUTHENTICATE,
    ProxyAuthorization = header::PROXY_AUTHORIZATION,
    Range = header::RANGE,
    Referer = header::REFERER,
    SetCookie = header::SET_COOKIE,
    Te = header::TE,
    Trailer = header::TRAILER,
    TransferEncoding = header::TRANSFER_ENCODING,
    Upgrade = header::UPGRADE,
    UserAgent = header::USER_AGENT,
    Vary = header::VARY,
    Via = header::VIA,
    ;
    CdnLoop = "cdn-loop",
    Http2Settings = "http2-settings",
    KeepAlive = "keep-alive",
    ProxyConnection = "proxy-connection",
    TideoverAttempts = "tideover-attempts",
    TideoverToken = "tideover-token",
    XAmzCfId = "x-amz-cf-id",
    XAmzCfPop = "x-amz-cf-pop",
    XCache = "x-cache",
    XForwardedFor = "x-forwarded-for",
    XForwardedHost = "x-forwarded-host",
    XForwardedProto = "x-forwarded-proto",
    XRealIp = "x-real-ip",
    XRequestId = "x-request-id",
}

/// What belongs to one connection only. `Trailer` is among them although a proxy may pass it on with the trailers that it
/// announces. Source: RFC 9110, section 7.6.1; RFC 7540, section 3.2.1 (`HTTP2-Settings`).
pub(crate) const HOP_BY_HOP: Names = Names::of(&[
    Known::Connection,
    Known::Http2Settings,
    Known::KeepAlive,
    Known::ProxyAuthenticate,
    Known::ProxyAuthorization,
    Known::ProxyConnection,
    Known::Te,
    Known::Trailer,
    Known::TransferEncoding,
    Known::Upgrade,
]);

impl Survey {
    /// Walks over `headers` once.
    pub fn of(headers: &HeaderMap) -> Self {
        let mut survey = Self::default();
        for (name, value) in headers {
            if let Some(known) = Known::of(name) {
                if survey.names.has(known) {
                    survey.repeated = survey.repeated.with(known);
                }
                survey.names = survey.names.with(known);
            }
            survey.bytes += bytes_of_line(name, value);
        }
        survey
    }

    /// Bytes of the field lines as HTTP/1.1 writes them, line ends included; without the empty line.
    pub fn bytes(self) -> usize {
        self.bytes
    }

    /// The fields it was made of. `headers` must not have changed since.
    pub fn fields(self, headers: &HeaderMap) -> Fields<'_> {
        debug_assert_eq!(self, Self::of(headers), "the survey of these fields");
        Fields {
            map: headers,
            survey: self,
        }
    }
}

/// Bytes of the field lines as HTTP/1.1 writes them, line ends included; without the empty line.
pub fn bytes_of(headers: &HeaderMap) -> usize {
    headers
        .iter()
        .map(|(name, value)| bytes_of_line(name, value))
        .sum()
}

fn bytes_of_line(name: &HeaderName, value: &HeaderValue) -> usize {
    name.as_str().len() + ": ".len() + value.len() + "\r\n".len()
}

impl<'h> Fields<'h> {
    /// Walks over `headers` once.
    pub fn of(headers: &'h HeaderMap) -> Self {
        Survey::of(headers).fields(headers)
    }

    /// All of them.
    pub fn map(self) -> &'h HeaderMap {
        self.map
    }

    /// Bytes of the field lines as HTTP/1.1 writes them, line ends included; without the empty line.
    pub fn bytes(self) -> usize {
        self.survey.bytes
    }

    pub(crate) fn names(self) -> Names {
        self.survey.names
    }

    /// True if there is a line of this name.
    pub fn has(self, known: Known) -> bool {
        self.survey.names.has(known)
    }

    /// True if there is more than one line of this name.
    pub fn repeats(self, known: Known) -> bool {
        self.survey.repeated.has(known)
    }

    /// The first line of this name.
    pub fn first(self, known: Known) -> Option<&'h HeaderValue> {
        let name = self.has(known).then(|| known.name())?;
        self.map.get(name)
    }

    /// All lines of this name, in the order in which they came.
    pub fn lines(self, known: Known) -> impl Iterator<Item = &'h HeaderValue> + use<'h> {
        self.has(known)
            .then(|| self.map.get_all(known.name()).iter())
            .into_iter()
            .flatten()
    }

    /// The elements of a list header, over all its lines, white space around them cut off.
    /// Source: RFC 9110, section 5.6.1.
    pub(crate) fn elements(self, known: Known) -> impl Iterator<Item = &'h [u8]> + use<'h> {
        self.lines(known)
            .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
            .map(<[u8]>::trim_ascii)
    }
}

impl Names {
    pub(crate) const fn of(names: &[Known]) -> Self {
        let mut bits = 0;
        let mut index = 0;
        while index < names.len() {
            bits |= 1 << names[index] as u64;
            index += 1;
        }
        Self(bits)
    }

    pub(crate) const fn with(self, known: Known) -> Self {
        Self(self.0 | 1 << known as u64)
    }

    pub(crate) const fn has(self, known: Known) -> bool {
        self.0 & 1 << known as u64 != 0
    }

    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Known> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let known = Known::ALL.get(left.trailing_zeros() as usize)?;
            left &= left - 1;
            Some(*known)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_name_is_known_by_its_own_bit() {
        for (index, known) in Known::ALL.iter().enumerate() {
            assert_eq!(*known as usize, index);
            assert_eq!(Known::of(&known.name()), Some(*known));
            let only = Names::of(&[*known]);
            assert_eq!(only.iter().collect::<Vec<_>>(), [*known]);
        }
        assert!(Known::ALL.len() <= 64);
        assert_eq!(Known::of(&header::ACCEPT), None);
        assert_eq!(Known::of(&HeaderName::from_static("x-anything")), None);
    }
}
