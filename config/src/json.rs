//! A strict JSON reader (RFC 8259) that keeps the place of every key and value, which `serde_json` does not.
//!
//! Its depth and size are limited; it accepts, refuses and understands the same texts as `serde_json` (a property holds
//! that), except that a repeated key is kept, so that [`repeated_keys`] can name it.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

/// Nesting beyond this is refused, as `serde_json` does: the reader recurses.
const MAX_DEPTH: usize = 127;

/// A distribution with every quota used up is about a tenth of this.
const MAX_BYTES: usize = 8 << 20;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub value: Value,
    /// Bytes of the text, quotes and brackets included.
    pub range: Range<usize>,
    /// Of its first byte, from 1.
    pub line: u32,
}

/// What a text says at one place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Object(Vec<Member>),
}

/// A number: JSON knows one kind, a config two.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    /// Without fraction and exponent, and within 64 bits.
    Whole(i64),
    /// Any other; always finite.
    Decimal(f64),
}

/// A key of an object and its value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Member {
    pub key: String,
    /// Of the key, from 1.
    pub line: u32,
    pub node: Node,
}

impl Node {
    /// The members if this is an object, else none.
    pub(crate) fn members(&self) -> &[Member] {
        match &self.value {
            Value::Object(members) => members,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::List(_) => {
                &[]
            }
        }
    }

    /// The elements if this is a list, else none.
    pub(crate) fn elements(&self) -> &[Node] {
        match &self.value {
            Value::List(elements) => elements,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::Object(_) => {
                &[]
            }
        }
    }

    /// The text if this is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::List(_) | Value::Object(_) => {
                None
            }
        }
    }

    /// The value of `key` if this is an object that has it: of several the last, as everybody reads it.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.members()
            .iter()
            .rev()
            .find(|member| member.key == key)
            .map(|member| &member.node)
    }

    /// What it is, in words: `a text`, `a list`.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "null",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Object(_) => "an object",
        }
    }
}

/// Why a text is not JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {found}; {expected}")]
pub(crate) struct SyntaxError {
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
    /// A clause: `has "," before the closing brace`.
    pub found: String,
    /// What should stand there: `write a value`.
    pub expected: &'static str,
}

/// Reads `text` as one JSON value with nothing but white space around it.
pub(crate) fn read(text: &str) -> Result<Node, SyntaxError> {
    let mut reader = Reader {
        text,
        at: 0,
        line: 1,
        depth: 0,
    };
    if text.len() > MAX_BYTES {
        return Err(SyntaxError {
            line: 1,
            column: 1,
            found: format!("has {} bytes", text.len()),
            expected: "this program reads up to 8 MiB",
        });
    }
    let root = reader.value()?;
    reader.skip_space();
    match reader.peek() {
        None => Ok(root),
        Some(b'{') => Err(reader.error(
            "write nothing after the end of the first value; several make one list: [ {…}, {…} ]",
        )),
        Some(_) => Err(reader.error("write nothing after the end of the first value")),
    }
}

/// Every key that its object has already had: the key's full path, the member, and the line of the first one.
pub(crate) fn repeated_keys(root: &Node) -> Vec<(String, &Member, u32)> {
    let mut found = Vec::new();
    find_repeated(root, "", &mut found);
    found
}

fn find_repeated<'n>(node: &'n Node, path: &str, found: &mut Vec<(String, &'n Member, u32)>) {
    let mut first_lines: HashMap<&str, u32> = HashMap::new();
    for member in node.members() {
        let path = join(path, &member.key);
        if let Some(first) = first_lines.get(member.key.as_str()) {
            found.push((path.clone(), member, *first));
        } else {
            first_lines.insert(&member.key, member.line);
        }
        find_repeated(&member.node, &path, found);
    }
    for (index, element) in node.elements().iter().enumerate() {
        find_repeated(element, &format!("{path}[{index}]"), found);
    }
}

/// `Origins` and `Items` make `Origins.Items`.
pub(crate) fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

struct Reader<'t> {
    text: &'t str,
    /// Index of the next byte.
    at: usize,
    line: u32,
    depth: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while let Some(byte @ (b' ' | b'\t' | b'\n' | b'\r')) = self.peek() {
            self.line += u32::from(byte == b'\n');
            self.at += 1;
        }
    }

    /// Takes `byte` if it comes next.
    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn error(&self, expected: &'static str) -> SyntaxError {
        self.error_of(self.here(), expected)
    }

    fn error_of(&self, found: impl fmt::Display, expected: &'static str) -> SyntaxError {
        let before = self.text.get(..self.at).unwrap_or(self.text);
        let column = before
            .chars()
            .rev()
            .take_while(|char| *char != '\n')
            .count()
            + 1;
        SyntaxError {
            line: self.line,
            column: u32::try_from(column).unwrap_or(u32::MAX),
            found: format!("{found} at column {column}"),
            expected,
        }
    }

    /// What comes next, as a clause.
    fn here(&self) -> String {
        match self
            .text
            .get(self.at..)
            .and_then(|rest| rest.chars().next())
        {
            None => "ends".to_owned(),
            Some(char) => format!("has {char:?}"),
        }
    }

    fn value(&mut self) -> Result<Node, SyntaxError> {
        self.skip_space();
        let (start, line) = (self.at, self.line);
        let value = match self.peek() {
            Some(b'{') => self.nested(Self::object)?,
            Some(b'[') => self.nested(Self::list)?,
            Some(b'"') => Value::Text(self.string()?),
            Some(b'-' | b'0'..=b'9') => Value::Number(self.number()?),
            Some(b'\'') => return Err(self.error("write texts in double quotes")),
            Some(b'/' | b'#') => return Err(self.error("write a value; JSON has no comments")),
            _ => self.word()?,
        };
        Ok(Node {
            value,
            range: start..self.at,
            line,
        })
    }

    fn nested(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<Value, SyntaxError>,
    ) -> Result<Value, SyntaxError> {
        if self.depth == MAX_DEPTH {
            return Err(self.error("write no more than 127 objects and lists inside each other"));
        }
        self.depth += 1;
        self.at += 1;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    /// What follows a `{`.
    fn object(&mut self) -> Result<Value, SyntaxError> {
        let mut members = Vec::new();
        self.skip_space();
        if self.take(b'}') {
            return Ok(Value::Object(members));
        }
        loop {
            self.skip_space();
            match self.peek() {
                Some(b'"') => {}
                Some(b'}') => return Err(self.error("write no comma after the last member")),
                Some(b'/' | b'#') => {
                    return Err(self.error("write a key in quotes; JSON has no comments"));
                }
                _ => return Err(self.error("write a key in double quotes")),
            }
            let line = self.line;
            let key = self.string()?;
            self.skip_space();
            if !self.take(b':') {
                return Err(self.error("write \":\" after the key"));
            }
            let node = self.value()?;
            members.push(Member { key, line, node });
            self.skip_space();
            if self.take(b'}') {
                return Ok(Value::Object(members));
            }
            if !self.take(b',') {
                return Err(self.error("write \",\" before the next member, or \"}\""));
            }
        }
    }

    /// What follows a `[`.
    fn list(&mut self) -> Result<Value, SyntaxError> {
        let mut elements = Vec::new();
        self.skip_space();
        if self.take(b']') {
            return Ok(Value::List(elements));
        }
        loop {
            self.skip_space();
            if self.peek() == Some(b']') {
                return Err(self.error("write no comma after the last element"));
            }
            elements.push(self.value()?);
            self.skip_space();
            if self.take(b']') {
                return Ok(Value::List(elements));
            }
            if !self.take(b',') {
                return Err(self.error("write \",\" before the next element, or \"]\""));
            }
        }
    }

    fn word(&mut self) -> Result<Value, SyntaxError> {
        let rest = self.text.get(self.at..).unwrap_or("");
        for (word, value) in [
            ("true", Value::Bool(true)),
            ("false", Value::Bool(false)),
            ("null", Value::Null),
        ] {
            if rest.starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(self.error(if rest.is_empty() {
            "the rest of it is missing: write a value"
        } else {
            "write a value: a text in double quotes, a number, true, false, null, { or ["
        }))
    }

    fn digits(&mut self) -> Result<(), SyntaxError> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.error("write a digit"));
        }
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<Number, SyntaxError> {
        let start = self.at;
        self.take(b'-');
        if self.take(b'0') {
            if matches!(self.peek(), Some(b'0'..=b'9')) {
                return Err(self.error("write numbers without a leading 0"));
            }
        } else {
            self.digits()?;
        }
        let mut whole = true;
        if self.take(b'.') {
            whole = false;
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            whole = false;
            let _signed = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        let written = self.text.get(start..self.at).unwrap_or("");
        if whole && let Ok(number) = written.parse() {
            return Ok(Number::Whole(number));
        }
        match written.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Number::Decimal(number)),
            _ => Err(self.error_of("has a number out of range", "write a smaller one")),
        }
    }

    /// A text, from its opening to its closing quote.
    fn string(&mut self) -> Result<String, SyntaxError> {
        let opened = self.line;
        let mut read = String::new();
        self.at += 1;
        loop {
            let start = self.at;
            while !matches!(self.peek(), None | Some(b'"' | b'\\' | 0..=0x1f)) {
                self.at += 1;
            }
            read.push_str(self.text.get(start..self.at).unwrap_or(""));
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(read);
                }
                Some(b'\\') => {
                    self.at += 1;
                    read.push(self.escape()?);
                }
                Some(_) => {
                    return Err(self.error(
                        "close the text with \" on its own line; line breaks and tabs are written \\n and \\t",
                    ));
                }
                None => {
                    return Err(self.error_of(
                        format!("has a text that opens on line {opened} and never ends"),
                        "close it with \"",
                    ));
                }
            }
        }
    }

    /// What follows a backslash.
    fn escape(&mut self) -> Result<char, SyntaxError> {
        let char = match self.peek() {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.unicode();
            }
            _ => {
                return Err(self.error(
                    "write one of \" \\ / b f n r t u after a backslash, or two backslashes for one",
                ));
            }
        };
        self.at += 1;
        Ok(char)
    }

    /// What follows `\u`: four digits, or two such escapes for a character beyond 16 bits.
    fn unicode(&mut self) -> Result<char, SyntaxError> {
        const LONE: &str = "write the other half of the surrogate pair beside it";
        let first = self.four_hex_digits()?;
        let code = match first {
            0xd800..=0xdbff => {
                if !(self.take(b'\\') && self.take(b'u')) {
                    return Err(self.error(LONE));
                }
                let second = self.four_hex_digits()?;
                if !(0xdc00..=0xdfff).contains(&second) {
                    return Err(self.error(LONE));
                }
                0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00)
            }
            other => other,
        };
        char::from_u32(code).ok_or_else(|| self.error(LONE))
    }

    fn four_hex_digits(&mut self) -> Result<u32, SyntaxError> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self
                .peek()
                .and_then(|byte| char::from(byte).to_digit(16))
                .ok_or_else(|| self.error("write four hexadecimal digits after \\u"))?;
            code = code * 16 + digit;
            self.at += 1;
        }
        Ok(code)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Node, Number, Value, read, repeated_keys};

    /// The same tree in serde's words; of repeated keys the last.
    fn as_serde(node: &Node) -> serde_json::Value {
        match &node.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(bool) => (*bool).into(),
            Value::Number(Number::Whole(number)) => (*number).into(),
            Value::Number(Number::Decimal(number)) => (*number).into(),
            Value::Text(text) => text.as_str().into(),
            Value::List(elements) => elements.iter().map(as_serde).collect(),
            Value::Object(members) => members
                .iter()
                .map(|member| (member.key.clone(), as_serde(&member.node)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }

    /// Equal, but for the last digit of a decimal: serde's fast path may round it otherwise.
    fn same(ours: &serde_json::Value, theirs: &serde_json::Value) -> bool {
        use serde_json::Value::{Array, Number, Object};
        match (ours, theirs) {
            (Number(ours), Number(theirs)) => {
                ours == theirs
                    || ours
                        .as_f64()
                        .zip(theirs.as_f64())
                        .is_some_and(|(a, b)| (a - b).abs() <= a.abs() * 1e-14)
            }
            (Array(ours), Array(theirs)) => {
                ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(a, b)| same(a, b))
            }
            (Object(ours), Object(theirs)) => {
                ours.len() == theirs.len()
                    && ours
                        .iter()
                        .zip(theirs)
                        .all(|((k, a), (l, b))| k == l && same(a, b))
            }
            _ => ours == theirs,
        }
    }

    fn agrees_with_serde(text: &str) {
        match (read(text), serde_json::from_str::<serde_json::Value>(text)) {
            (Ok(ours), Ok(theirs)) => {
                assert!(same(&as_serde(&ours), &theirs), "{text}: {ours:?}");
            }
            (Err(_), Err(_)) => {}
            (ours, theirs) => panic!("{text:?}: {ours:?} against {theirs:?}"),
        }
    }

    fn every_range_holds_its_value(text: &str, node: &Node) {
        let again = read(&text[node.range.clone()]).expect("a value stands alone");
        assert_eq!(as_serde(&again), as_serde(node), "{text}");
        let line = 1 + text[..node.range.start].matches('\n').count();
        assert_eq!(node.line as usize, line, "{text}");
        for element in node.elements() {
            every_range_holds_its_value(text, element);
        }
        for member in node.members() {
            every_range_holds_its_value(text, &member.node);
        }
    }

    #[test]
    fn what_json_allows_and_what_it_does_not_is_as_serde_says() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        for text in [
            "",
            " ",
            "1",
            "01",
            "-",
            "-0",
            "-0.0",
            "1.",
            ".5",
            "1e5",
            "1E+5",
            "1e",
            "1e999",
            "1e-999",
            "9223372036854775807",
            "9223372036854775808",
            "-9223372036854775809",
            "123456789012345678901234567890",
            "true",
            "truex",
            "nul",
            "NaN",
            "[]",
            "[1,]",
            "[,1]",
            "[1 2]",
            "{}",
            "{,}",
            "{\"a\":1,}",
            "{\"a\" 1}",
            "{a:1}",
            "{'a':1}",
            "{\"a\":1} x",
            "[1] // no",
            "\"\\u00e9\\ud83d\\ude00\"",
            "\"\\ud83d\"",
            "\"\\ude00\"",
            "\"\\ud83d\\u0041\"",
            "\"\\ud83dx\"",
            "\"\\u12\"",
            "\"\\x41\"",
            "\"\t\"",
            "\"\n\"",
            "\"\u{7f}é\u{2028}\"",
            "\"open",
            "\"\\",
            "\u{feff}{}",
            "\u{b}1",
            "{\"a\":{\"b\":[1,2,{\"c\":null}]},\"a\":2}",
            &nested(127),
            &nested(128),
        ] {
            agrees_with_serde(text);
        }
    }

    #[test]
    fn an_error_names_line_and_column_and_what_should_stand_there() {
        for (text, expected) in [
            (
                "{\n  \"a\": 1,\n}",
                "line 3, column 1: has '}' at column 1; write no comma after the last member",
            ),
            (
                "{\"é\": nope}",
                "line 1, column 7: has 'n' at column 7; write a value: a text in double quotes, a number, true, false, null, { or [",
            ),
            (
                "{\n\"a\": {",
                "line 2, column 7: ends at column 7; write a key in double quotes",
            ),
            (
                "[1, # one\n2]",
                "line 1, column 5: has '#' at column 5; write a value; JSON has no comments",
            ),
        ] {
            assert_eq!(read(text).expect_err(text).to_string(), expected);
        }
    }

    #[test]
    fn a_repeated_key_is_found_with_its_path() {
        let root = read("{\"a\": [{\"b\": 1,\n\"b\": 2}], \"c\": 3, \"a\":\n4}").expect("JSON");
        let found: Vec<_> = repeated_keys(&root)
            .into_iter()
            .map(|(path, member, first)| (path, member.line, first))
            .collect();
        assert_eq!(found, [("a[0].b".to_owned(), 2, 1), ("a".to_owned(), 2, 1)]);
    }

    proptest! {
        #[test]
        fn any_text_is_read_as_serde_reads_it(text in "[\\[\\]{}:,\"\\\\/ \\n\\t0-9.eE+\\-a-fntrulsé]{0,40}") {
            agrees_with_serde(&text);
        }

        #[test]
        fn any_value_is_read_as_serde_reads_it(value in any_value()) {
            let text = serde_json::to_string_pretty(&value).expect("serialises");
            agrees_with_serde(&text);
            every_range_holds_its_value(&text, &read(&text).expect("JSON"));
        }
    }

    fn any_value() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            ".{0,12}".prop_map(serde_json::Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                prop::collection::btree_map(".{0,6}", inner, 0..4)
                    .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
            ]
        })
    }
}
