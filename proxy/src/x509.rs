//! The few things in a certificate that say how long it is good, and as whose successor the next one is ordered.
//! Source: RFC 5280, sections 4.1 and 4.2.1.1.

use std::time::Duration;

use tideover_rules::renewal::Validity;

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
/// `[0] keyIdentifier` in an authority key identifier.
const KEY_IDENTIFIER: u8 = 0x80;
/// `[0] version` of a certificate.
const VERSION: u8 = 0xa0;
/// `[3] extensions` of a certificate.
const EXTENSIONS: u8 = 0xa3;
/// 2.5.29.35, id-ce-authorityKeyIdentifier.
const AUTHORITY_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1d, 0x23];

/// What is read in a certificate.
#[cfg_attr(
    not(feature = "acme"),
    expect(dead_code, reason = "serial and authority are of use to orders alone")
)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) validity: Validity,
    /// As in the certificate.
    pub(crate) serial: Vec<u8>,
    /// Of whoever signed it.
    pub(crate) authority_key: Option<Vec<u8>>,
}

/// Of a certificate in DER; `None` if it is none.
pub(crate) fn facts(certificate: &[u8]) -> Option<Facts> {
    let mut outer = Der(certificate).enter(SEQUENCE)?;
    let mut fields = outer.enter(SEQUENCE)?;
    fields.skip(VERSION);
    let serial = fields.take(INTEGER)?.to_vec();
    let (_signature, _issuer) = (fields.take(SEQUENCE)?, fields.take(SEQUENCE)?);
    let mut validity = fields.enter(SEQUENCE)?;
    let validity = Validity {
        not_before: validity.time()?,
        not_after: validity.time()?,
    };
    let mut authority_key = None;
    while let Some((tag, value)) = fields.next() {
        if tag == EXTENSIONS {
            authority_key = authority_key_in(Der(value));
        }
    }
    Some(Facts {
        validity,
        serial,
        authority_key,
    })
}

fn authority_key_in(mut extensions: Der<'_>) -> Option<Vec<u8>> {
    let mut extensions = extensions.enter(SEQUENCE)?;
    while let Some(mut extension) = extensions.enter(SEQUENCE) {
        if extension.take(OBJECT_IDENTIFIER)? != AUTHORITY_KEY_IDENTIFIER {
            continue;
        }
        // Whether it is critical may stand before its value.
        while let Some((tag, value)) = extension.next() {
            if tag == OCTET_STRING {
                let mut identifier = Der(value).enter(SEQUENCE)?;
                return identifier.take(KEY_IDENTIFIER).map(<[u8]>::to_vec);
            }
        }
    }
    None
}

/// Values in DER, one after the other.
#[derive(Clone, Copy)]
struct Der<'d>(&'d [u8]);

impl<'d> Der<'d> {
    /// The next value with its tag, which is one byte in certificates.
    fn next(&mut self) -> Option<(u8, &'d [u8])> {
        let (&[tag, first], mut rest) = self.0.split_first_chunk::<2>()?;
        let mut length = usize::from(first);
        if first >= 0x80 {
            let digits = usize::from(first & 0x7f);
            if !(1..=4).contains(&digits) {
                return None;
            }
            let (digits, after) = rest.split_at_checked(digits)?;
            length = digits
                .iter()
                .fold(0, |length, digit| (length << 8) | usize::from(*digit));
            rest = after;
        }
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, value))
    }

    fn take(&mut self, wanted: u8) -> Option<&'d [u8]> {
        let (tag, value) = self.next()?;
        (tag == wanted).then_some(value)
    }

    fn enter(&mut self, wanted: u8) -> Option<Self> {
        self.take(wanted).map(Self)
    }

    /// Over the next value, if it is such a one.
    fn skip(&mut self, tag: u8) {
        let mut after = *self;
        if after.take(tag).is_some() {
            *self = after;
        }
    }

    /// Since 1970; what is before that is 1970.
    fn time(&mut self) -> Option<Duration> {
        let (tag, text) = self.next()?;
        let (year, rest) = match tag {
            UTC_TIME => {
                let (year, rest) = text.split_at_checked(2)?;
                let year = number(year)?;
                (if year < 50 { 2000 + year } else { 1900 + year }, rest)
            }
            GENERALIZED_TIME => {
                let (year, rest) = text.split_at_checked(4)?;
                (number(year)?, rest)
            }
            _ => return None,
        };
        let (digits, b"Z") = rest.split_at_checked(10)? else {
            return None;
        };
        let mut pairs = digits.chunks(2).map(number);
        let mut pair = |most: i64| pairs.next().flatten().filter(|value| *value <= most);
        let (month, day) = (pair(12)?, pair(31)?);
        let (hour, minute, second) = (pair(23)?, pair(59)?, pair(60)?);
        let seconds = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
        Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
    }
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |number, digit| {
        digit
            .is_ascii_digit()
            .then(|| number * 10 + i64::from(digit - b'0'))
    })
}

/// From 1970 to a day of the Gregorian calendar. A year is counted from March here, so that the odd day is its last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month <= 2 {
        (year - 1, month + 9)
    } else {
        (year, month - 3)
    };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let before_month = (153 * month + 2) / 5;
    // From March 1 of the year 0 to 1970 there are 719,468 days.
    year * 365 + leap_days + before_month + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{
        BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SerialNumber,
        date_time_ymd,
    };

    use super::*;

    fn signed(from: (i32, u8, u8), to: (i32, u8, u8)) -> Vec<u8> {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let authority = CertifiedIssuer::self_signed(authority, key).expect("it is signed");
        let mut parameters = CertificateParams::new(["a.example".to_owned()]).expect("a name");
        parameters.not_before = date_time_ymd(from.0, from.1, from.2);
        parameters.not_after = date_time_ymd(to.0, to.1, to.2);
        parameters.serial_number = Some(SerialNumber::from(vec![0x81, 2, 3]));
        parameters.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().expect("a key");
        let certificate = parameters.signed_by(&key, &authority).expect("signed");
        certificate.der().to_vec()
    }

    #[test]
    fn a_certificate_tells_its_time_its_serial_and_its_authority() {
        for (from, to, not_before, not_after) in [
            ((1970, 1, 1), (2000, 2, 29), 0, 951_782_400),
            ((2026, 11, 24), (2027, 2, 22), 1_795_478_400, 1_803_254_400),
            // Beyond 2049 a time is written in another way.
            ((2000, 3, 1), (2100, 3, 1), 951_868_800, 4_107_542_400),
        ] {
            let facts = facts(&signed(from, to)).expect("it is a certificate");
            let expected = Validity {
                not_before: Duration::from_secs(not_before),
                not_after: Duration::from_secs(not_after),
            };
            assert_eq!(facts.validity, expected, "{from:?} {to:?}");
            // A leading zero keeps it positive.
            assert_eq!(facts.serial, [0, 0x81, 2, 3]);
            assert!(facts.authority_key.is_some_and(|key| key.len() >= 20));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = facts(&bytes);
        }

        /// Bytes that are nearly a certificate.
        #[test]
        fn no_part_of_a_certificate_panics(cut in 0..400_usize, at in 0..400_usize, byte in any::<u8>()) {
            static WHOLE: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| signed((2026, 1, 1), (2027, 1, 1)));
            let mut bytes = WHOLE.clone();
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            let _ = facts(&bytes);
            bytes.truncate(cut);
            let _ = facts(&bytes);
        }
    }
}
