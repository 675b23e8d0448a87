//! A field that is for this cache alone: a dictionary of directives. Source: RFC 9213, section 2.1; RFC 9651, section 4.2.2.

use http::{HeaderMap, HeaderName};

use super::{Argument, Directives};

/// What a member of a dictionary is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value<'v> {
    Boolean(bool),
    /// Its digits.
    Integer(&'v [u8]),
    /// What is between the quotes, escapes as they are.
    String(&'v [u8]),
    /// What no directive has.
    Other,
}

/// What the field `name` says; `None` if it is not there, empty or malformed.
pub(super) fn directives(answer: &HeaderMap, name: &HeaderName) -> Option<Directives> {
    let mut joined = Vec::new();
    for line in answer.get_all(name) {
        if !joined.is_empty() {
            joined.push(b',');
        }
        joined.extend_from_slice(line.as_bytes());
    }
    let members = dictionary(&joined)?;
    let mut directives = Directives {
        are_targeted: true,
        ..Directives::default()
    };
    // The last of several members with one name is the one that counts.
    for (index, (name, value)) in members.iter().enumerate() {
        let counts = members
            .iter()
            .skip(index + 1)
            .all(|(later, _)| later != name);
        if counts {
            match *value {
                Value::Boolean(false) => {}
                Value::Boolean(true) => directives.add(name, Argument::None),
                Value::Integer(digits) => directives.add(name, Argument::Token(digits)),
                Value::String(text) if is_about_fields(name) => {
                    directives.add(name, Argument::Quoted(text));
                }
                Value::String(_) | Value::Other => directives.add(name, Argument::Broken),
            }
        }
    }
    Some(directives)
}

fn is_about_fields(name: &[u8]) -> bool {
    matches!(name, b"no-cache" | b"private")
}

/// Its members; `None` if there is none, or if it is none.
fn dictionary(text: &[u8]) -> Option<Vec<(&[u8], Value<'_>)>> {
    let mut text = Text(text.trim_ascii_start());
    let mut members = Vec::new();
    loop {
        let name = text.key()?;
        let value = if text.skip(b'=') {
            if text.skip(b'(') {
                text.inner_list()?;
                Value::Other
            } else {
                text.item()?
            }
        } else {
            Value::Boolean(true)
        };
        text.parameters()?;
        members.push((name, value));
        text.white_space();
        if text.0.is_empty() {
            return Some(members);
        }
        if !text.skip(b',') {
            return None;
        }
        text.white_space();
    }
}

/// What is left to read.
struct Text<'v>(&'v [u8]);

impl<'v> Text<'v> {
    fn skip(&mut self, byte: u8) -> bool {
        let rest = self.0.strip_prefix(&[byte]);
        if let Some(rest) = rest {
            self.0 = rest;
        }
        rest.is_some()
    }

    fn take_while(&mut self, wanted: impl Fn(u8) -> bool) -> &'v [u8] {
        let length = self.0.iter().take_while(|byte| wanted(**byte)).count();
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }

    fn white_space(&mut self) {
        self.take_while(|byte| byte == b' ' || byte == b'\t');
    }

    fn spaces(&mut self) {
        self.take_while(|byte| byte == b' ');
    }

    fn key(&mut self) -> Option<&'v [u8]> {
        let begins = |byte: &u8| byte.is_ascii_lowercase() || *byte == b'*';
        self.0.first().filter(|byte| begins(byte))?;
        Some(self.take_while(|byte| {
            byte.is_ascii_lowercase()
                || byte.is_ascii_digit()
                || matches!(byte, b'_' | b'-' | b'.' | b'*')
        }))
    }

    fn parameters(&mut self) -> Option<()> {
        while self.skip(b';') {
            self.spaces();
            self.key()?;
            if self.skip(b'=') {
                self.item()?;
            }
        }
        Some(())
    }

    /// The rest of a list in parentheses.
    fn inner_list(&mut self) -> Option<()> {
        loop {
            self.spaces();
            if self.skip(b')') {
                return Some(());
            }
            self.item()?;
            self.parameters()?;
            if !matches!(self.0.first()?, b' ' | b')') {
                return None;
            }
        }
    }

    /// An item without its parameters.
    fn item(&mut self) -> Option<Value<'v>> {
        match *self.0.first()? {
            b'-' | b'0'..=b'9' => self.number(),
            b'"' => {
                self.skip(b'"');
                self.string().map(Value::String)
            }
            b'?' => {
                self.skip(b'?');
                let is_true = self.skip(b'1');
                (is_true || self.skip(b'0')).then_some(Value::Boolean(is_true))
            }
            b':' => {
                self.skip(b':');
                self.take_while(|byte| {
                    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
                });
                self.skip(b':').then_some(Value::Other)
            }
            b'@' => {
                self.skip(b'@');
                self.skip(b'-');
                matches!(self.number()?, Value::Integer(_)).then_some(Value::Other)
            }
            b'%' => {
                self.skip(b'%');
                self.skip(b'"').then_some(())?;
                self.string().map(|_| Value::Other)
            }
            byte if byte.is_ascii_alphabetic() || byte == b'*' => {
                self.take_while(|byte| {
                    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&byte)
                });
                Some(Value::Other)
            }
            _ => None,
        }
    }

    fn number(&mut self) -> Option<Value<'v>> {
        let is_negative = self.skip(b'-');
        let digits = self.take_while(|byte| byte.is_ascii_digit());
        if digits.is_empty() {
            return None;
        }
        if self.skip(b'.') {
            let fraction = self.take_while(|byte| byte.is_ascii_digit());
            let is_decimal = digits.len() <= 12 && (1..=3).contains(&fraction.len());
            return is_decimal.then_some(Value::Other);
        }
        let value = if is_negative {
            Value::Other
        } else {
            Value::Integer(digits)
        };
        (digits.len() <= 15).then_some(value)
    }

    /// The rest of a string in quotes.
    fn string(&mut self) -> Option<&'v [u8]> {
        let whole = self.0;
        loop {
            self.take_while(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\');
            if self.skip(b'\\') {
                if !self.skip(b'"') && !self.skip(b'\\') {
                    return None;
                }
            } else if self.skip(b'"') {
                let length = whole.len() - self.0.len() - 1;
                return whole.get(..length);
            } else {
                return None;
            }
        }
    }
}
