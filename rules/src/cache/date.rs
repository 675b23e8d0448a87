//! Dates in fields, as whole seconds since 1970. Source: RFC 9110, section 5.6.7.

const MONTHS: [&[u8]; 12] = [
    b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec",
];

const DAYS: [&[u8]; 7] = [
    b"monday",
    b"tuesday",
    b"wednesday",
    b"thursday",
    b"friday",
    b"saturday",
    b"sunday",
];

/// What stands in `text`, in one of the three forms (`Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT`,
/// `Sun Nov  6 08:49:37 1994`), letters of either case; `None` if it is anything else. Before 1970 it is negative. The day of
/// the week has to be one, not to fit. `now` chooses the century of a year of two digits: never more than 50 years later.
pub(crate) fn parse(text: &[u8], now: i64) -> Option<i64> {
    let mut text = Text(text);
    let day = text.letters();
    let is_short = day.len() == 3;
    if !DAYS.iter().any(|name| {
        is_word(
            day,
            if is_short {
                name.get(..3).unwrap_or(name)
            } else {
                name
            },
        )
    }) {
        return None;
    }
    if text.skip(b", ").is_some() {
        let day = text.digits(2)?;
        let separator: &[u8] = if is_short { b" " } else { b"-" };
        text.skip(separator)?;
        let month = text.month()?;
        text.skip(separator)?;
        let year = text.digits(if is_short { 4 } else { 2 })?;
        text.skip(b" ")?;
        let time = text.time()?;
        text.skip(b" ")?;
        if !is_word(text.letters(), b"gmt") {
            return None;
        }
        text.ends()?;
        if is_short {
            return at(year, month, day, time);
        }
        // The latest year with these digits that is not more than 50 years ahead.
        let latest = at_year(now) + 50;
        let year = latest - (latest - year).rem_euclid(100);
        return at(year, month, day, time);
    }
    if !is_short {
        return None;
    }
    text.skip(b" ")?;
    let month = text.month()?;
    text.skip(b" ")?;
    let day = match text.skip(b" ") {
        Some(()) => text.digits(1)?,
        None => text.digits(2)?,
    };
    text.skip(b" ")?;
    let time = text.time()?;
    text.skip(b" ")?;
    let year = text.digits(4)?;
    text.ends()?;
    at(year, month, day, time)
}

/// Days before the year `year`, counted from the year 0 of the calendar as it is now.
fn days_before(year: i64) -> i64 {
    let past = year - 1;
    year * 365 + past.div_euclid(4) - past.div_euclid(100) + past.div_euclid(400)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// The year that `seconds` since 1970 are in; good enough to choose a century by.
fn at_year(seconds: i64) -> i64 {
    const SECONDS_OF_400_YEARS: i64 = 146_097 * 86_400;
    1970 + seconds.saturating_mul(400).div_euclid(SECONDS_OF_400_YEARS)
}

/// `month` counts from 0, `day` from 1; `time` is seconds of the day.
fn at(year: i64, month: usize, day: i64, time: i64) -> Option<i64> {
    let february = if is_leap(year) { 29 } else { 28 };
    let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    if day == 0 || day > *lengths.get(month)? {
        return None;
    }
    let before: i64 = lengths.get(..month)?.iter().sum();
    let days = days_before(year) - days_before(1970) + before + day - 1;
    Some(days * 86_400 + time)
}

fn is_word(found: &[u8], lower: &[u8]) -> bool {
    found.eq_ignore_ascii_case(lower)
}

/// What is left to read.
struct Text<'t>(&'t [u8]);

impl<'t> Text<'t> {
    fn skip(&mut self, expected: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(expected)?;
        Some(())
    }

    fn ends(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }

    fn letters(&mut self) -> &'t [u8] {
        let length = self
            .0
            .iter()
            .take_while(|byte| byte.is_ascii_alphabetic())
            .count();
        let (letters, rest) = self.0.split_at(length);
        self.0 = rest;
        letters
    }

    fn digits(&mut self, count: usize) -> Option<i64> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        let number = digits.iter().try_fold(0, |number, digit| {
            let digit = digit.is_ascii_digit().then(|| i64::from(digit - b'0'))?;
            Some(number * 10 + digit)
        })?;
        self.0 = rest;
        Some(number)
    }

    fn month(&mut self) -> Option<usize> {
        let found = self.letters();
        MONTHS.iter().position(|month| is_word(found, month))
    }

    /// Seconds of the day; 60 is a second that was put in.
    fn time(&mut self) -> Option<i64> {
        let hour = self.digits(2)?;
        self.skip(b":")?;
        let minute = self.digits(2)?;
        self.skip(b":")?;
        let second = self.digits(2)?;
        let is_time = hour < 24 && minute < 60 && second <= 60;
        is_time.then_some(hour * 3_600 + minute * 60 + second)
    }
}
