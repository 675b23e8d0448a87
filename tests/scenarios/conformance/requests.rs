//! What is sent, one row each, and what becomes of it.

/// What becomes of what a viewer sends.
#[derive(Clone, Debug)]
pub(super) enum Expected {
    /// This status, the connection is closed, and the origin hears nothing of it.
    Refused(u16),
    /// 400, the connection is closed, and if the origin has seen the head it never sees the end of the request.
    Cut,
    /// These answers; then the connection is closed, or ready for the next request.
    Answered { statuses: Vec<u16>, closes: bool },
    /// 200 for each of these bodies, which the origin got whole; then the connection is ready for the next request.
    Delivered(Vec<String>),
}

/// One case.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
    pub(super) expected: Expected,
}

fn row(name: &str, bytes: impl AsRef<[u8]>, expected: Expected) -> Row {
    Row {
        name: name.to_owned(),
        bytes: bytes.as_ref().to_vec(),
        expected,
    }
}

fn refused(name: &str, bytes: impl AsRef<[u8]>) -> Row {
    row(name, bytes, Expected::Refused(400))
}

fn served(name: &str, bytes: impl AsRef<[u8]>, bodies: &[&str]) -> Row {
    let bodies = bodies.iter().map(|body| (*body).to_owned()).collect();
    row(name, bytes, Expected::Delivered(bodies))
}

fn answered(name: &str, bytes: impl AsRef<[u8]>, statuses: &[u16], closes: bool) -> Row {
    let statuses = statuses.to_vec();
    row(name, bytes, Expected::Answered { statuses, closes })
}

/// A GET with this request line and the right Host.
fn line(line: &str) -> Vec<u8> {
    format!("{line}\r\nHost: localhost\r\n\r\n").into_bytes()
}

/// A GET with these field lines after the right Host.
fn get(fields: &str) -> Vec<u8> {
    format!("GET / HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n").into_bytes()
}

/// A POST with these field lines and this body.
fn post(fields: &str, body: &str) -> Vec<u8> {
    format!("POST / HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n\r\n{body}").into_bytes()
}

/// A POST with these chunks.
fn chunks(body: &str) -> Vec<u8> {
    post("Transfer-Encoding: chunked", body)
}

fn cut(name: &str, body: &str) -> Row {
    row(name, chunks(body), Expected::Cut)
}

const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// Everything.
pub(super) fn rows() -> Vec<Row> {
    [
        good(),
        line_ends(),
        request_lines(),
        hosts(),
        fields(),
        lengths(),
        codings(),
        both(),
        good_chunks(),
        bad_chunks(),
        trailers(),
        sizes(),
        semantics(),
    ]
    .concat()
}

/// A good request, cut in two at every byte.
pub(super) fn fragments() -> Vec<(&'static str, &'static str)> {
    const WHOLE: &str = "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n";
    (1..WHOLE.len()).map(|at| WHOLE.split_at(at)).collect()
}

#[rustfmt::skip]
fn good() -> Vec<Row> {
    vec![
        served("plain", get(""), &[""]),
        served("odd letter case and an empty value", "GET / HTTP/1.1\r\nhoSt:\tlocalhost\r\nempty:\r\n\r\n", &[""]),
        served("an empty value behind a space", get("X-Empty: \r\n"), &[""]),
        served("one empty line before the request", [b"\r\n", &get("")[..]].concat(), &[""]),
        served("two in one packet", [get(""), get("")].concat(), &["", ""]),
        served("a body of known length", post("Content-Length: 5", "hello"), &["hello"]),
        served("a body, then another request", [post("Content-Length: 5", "hello"), get("")].concat(), &["hello", ""]),
        served("a length of 0", post("Content-Length: 0", ""), &[""]),
        served("a POST without a length", post("X: y", ""), &[""]),
        served("white space around the length", post("Content-Length: \t5 \t", "hello"), &["hello"]),
        served("absolute form", line("GET http://localhost/ HTTP/1.1"), &[""]),
        served("absolute form, odd letter case", line("GET HTTP://LOCALHOST/ HTTP/1.1"), &[""]),
        served("absolute form without a path", line("GET http://localhost HTTP/1.1"), &[""]),
        served("a query with what browsers send", line("GET /|?a={b}|c^`%20'[] HTTP/1.1"), &[""]),
        served("OPTIONS of everything", line("OPTIONS * HTTP/1.1"), &[""]),
        served("HTTP/1.0 that keeps alive", "GET / HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n", &[""]),
        served("bytes above 127 in a value", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: \xc3\xa4\xff\r\n\r\n", &[""]),
        answered("HTTP/1.0", "GET / HTTP/1.0\r\nHost: localhost\r\n\r\n", &[200], true),
        answered("HTTP/1.0 without a Host", "GET / HTTP/1.0\r\n\r\n", &[200], true),
        answered("Connection: close", get("Connection: close\r\n"), &[200], true),
        answered("nothing behind Connection: close", [get("Connection: close\r\n"), get("")].concat(), &[200], true),
    ]
}

#[rustfmt::skip]
fn line_ends() -> Vec<Row> {
    vec![
        refused("LF after the request line", "GET / HTTP/1.1\nHost: localhost\r\n\r\n"),
        refused("LF after a field", "GET / HTTP/1.1\r\nHost: localhost\nX: y\r\n\r\n"),
        refused("LF for the empty line", "GET / HTTP/1.1\r\nHost: localhost\r\n\n"),
        refused("LF everywhere", "GET / HTTP/1.1\nHost: localhost\n\n"),
        refused("LF before the request", [b"\n", &get("")[..]].concat()),
        refused("two empty lines before the request", [b"\r\n\r\n", &get("")[..]].concat()),
        refused("LF, and a request behind it", ["GET / HTTP/1.1\nHost: localhost\n\n", SMUGGLED].concat()),
        refused("CR after the request line", "GET / HTTP/1.1\rHost: localhost\r\n\r\n"),
        refused("CR in a value", post("Content-Length: 5\r\nX: val\rue", "hello")),
        refused("CR before a field", "GET / HTTP/1.1\r\nHost: localhost\r\n\rX: y\r\n\r\n"),
        refused("CR CR LF", "GET / HTTP/1.1\r\r\nHost: localhost\r\n\r\n"),
        refused("CR CR LF after a field", get("X: y\r\r\n")),
    ]
}

#[rustfmt::skip]
fn request_lines() -> Vec<Row> {
    vec![
        refused("two spaces before the target", line("GET  / HTTP/1.1")),
        refused("two spaces after the target", line("GET /  HTTP/1.1")),
        refused("a space at the end", line("GET / HTTP/1.1 ")),
        refused("a space at the start", line(" GET / HTTP/1.1")),
        refused("a tab before the target", line("GET\t/ HTTP/1.1")),
        refused("a tab after the target", line("GET /\tHTTP/1.1")),
        refused("a space in the target", line("GET /pa th HTTP/1.1")),
        refused("no target", line("GET HTTP/1.1")),
        refused("no version", "GET / \r\n\r\n"),
        refused("HTTP/0.9", "GET /\r\n"),
        refused("HTTP/0.9 and an empty line", "GET /\r\n\r\n"),
        refused("only spaces", "   \r\n\r\n"),
        refused("words before the method", line("Extra lineGET / HTTP/1.1")),
        refused("HTTP/9.9", line("GET / HTTP/9.9")),
        refused("HTTP/2.0", line("GET / HTTP/2.0")),
        refused("HTTP/1.2", line("GET / HTTP/1.2")),
        refused("HTTP/1", line("GET / HTTP/1")),
        refused("HTTP/1.", line("GET / HTTP/1.")),
        refused("HTTP/1.10", line("GET / HTTP/1.10")),
        refused("HTTP/01.01", line("GET / HTTP/01.01")),
        refused("HTTP/ 1.1", line("GET / HTTP/ 1.1")),
        refused("HTTP /1.1", line("GET / HTTP /1.1")),
        refused("http/1.1", line("GET / http/1.1")),
        refused("HTTPS/1.1", line("GET / HTTPS/1.1")),
        refused("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        refused("a fragment", line("GET /path#frag HTTP/1.1")),
        refused("a fragment in absolute form", line("GET http://localhost/#frag HTTP/1.1")),
        refused("a NUL in the target", line("GET /\0test HTTP/1.1")),
        refused("a control byte in the target", line("GET /\x01 HTTP/1.1")),
        refused("DEL in the target", line("GET /\x7f HTTP/1.1")),
        refused("bytes above 127 in the target", line("GET /caf\u{e9} HTTP/1.1")),
        refused("a backslash for a slash", line("GET \\ HTTP/1.1")),
        refused("a relative target", line("GET path HTTP/1.1")),
        refused("a target that is a query", line("GET ?a=b HTTP/1.1")),
        refused("GET of everything", line("GET * HTTP/1.1")),
        refused("OPTIONS of everything and more", line("OPTIONS *a HTTP/1.1")),
        row("CONNECT", "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n", Expected::Refused(403)),
        refused("CONNECT with a path", line("CONNECT / HTTP/1.1")),
        refused("authority form", line("GET localhost:80 HTTP/1.1")),
        refused("another scheme", line("GET ftp://localhost/ HTTP/1.1")),
        refused("user information in the target", line("GET http://user@localhost/ HTTP/1.1")),
        refused("absolute form without a host", line("GET http:/// HTTP/1.1")),
        refused("absolute form with a bad port", line("GET http://localhost:port/ HTTP/1.1")),
        refused("absolute form with another Host", line("GET http://other.example.com/ HTTP/1.1")),
        refused("a method with a bracket", line("G[T / HTTP/1.1")),
        refused("a method with a colon", line("GET: / HTTP/1.1")),
        refused("a method with bytes above 127", line("G\u{e9}T / HTTP/1.1")),
        refused("a method with a NUL", line("G\0T / HTTP/1.1")),
        refused("no method", line("/ HTTP/1.1")),
        refused("noise", [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03, 0x0d, 0x0a, 0x0d, 0x0a]),
    ]
}

#[rustfmt::skip]
fn hosts() -> Vec<Row> {
    let host = |host: &str| format!("GET / HTTP/1.1\r\n{host}\r\n").into_bytes();
    vec![
        refused("no Host", host("")),
        refused("no Host, but a length", host("Content-Length: 5\r\n")),
        refused("no Host in absolute form", "GET http://localhost/ HTTP/1.1\r\n\r\n"),
        refused("an empty Host", host("Host:\r\n")),
        refused("an empty Host behind a space", host("Host: \r\n")),
        refused("two Hosts", host("Host: localhost\r\nHost: other.example.com\r\n")),
        refused("two equal Hosts", host("Host: localhost\r\nHost: localhost\r\n")),
        refused("two Hosts, far apart", host("Host: localhost\r\nX: y\r\nhost: localhost\r\n")),
        refused("two Hosts on HTTP/1.0", "GET / HTTP/1.0\r\nHost: localhost\r\nHost: localhost\r\n\r\n"),
        refused("a list of Hosts", host("Host: localhost, other.example.com\r\n")),
        refused("a list of Hosts without a space", host("Host: localhost,other.example.com\r\n")),
        refused("user information in Host", host("Host: user@localhost\r\n")),
        refused("a path in Host", host("Host: localhost/path\r\n")),
        refused("a query in Host", host("Host: localhost?a\r\n")),
        refused("a fragment in Host", host("Host: localhost#a\r\n")),
        refused("a scheme in Host", host("Host: http://localhost\r\n")),
        refused("two words in Host", host("Host: localhost other\r\n")),
        refused("a bad port in Host", host("Host: localhost:port\r\n")),
        refused("a port too high in Host", host("Host: localhost:99999\r\n")),
        refused("a negative port in Host", host("Host: localhost:-80\r\n")),
        refused("two ports in Host", host("Host: localhost:80:80\r\n")),
        refused("a port alone in Host", host("Host: :80\r\n")),
        refused("a broken address in Host", host("Host: [::1\r\n")),
        refused("bytes above 127 in Host", host("Host: caf\u{e9}\r\n")),
        refused("a NUL in Host", host("Host: local\0host\r\n")),
        refused("a space before Host's colon", host("Host : localhost\r\n")),
        refused("a folded Host", host("Host:\r\n localhost\r\n")),
    ]
}

#[rustfmt::skip]
fn fields() -> Vec<Row> {
    let mut rows = vec![
        refused("a folded field", get("X: value\r\n continued\r\n")),
        refused("a field folded with a tab", get("X: value\r\n\tcontinued\r\n")),
        refused("white space before the first field", "GET / HTTP/1.1\r\n Host: localhost\r\n\r\n"),
        refused("a line of white space before the fields", "GET / HTTP/1.1\r\n \r\nHost: localhost\r\n\r\n"),
        refused("a line of white space for the empty line", "GET / HTTP/1.1\r\nHost: localhost\r\n \r\n\r\n"),
        refused("a space before the colon", get("X : value\r\n")),
        refused("a tab before the colon", get("X\t: value\r\n")),
        refused("an empty name", get(": value\r\n")),
        refused("no colon", get("NoColonHere\r\n")),
        refused("a name in two words", get("X Y: value\r\n")),
        refused("bytes above 127 in a name", get("X-T\u{eb}st: value\r\n")),
    ];
    for mark in "()<>@,;\\\"/[]?={}\0\x01\x0b\x0c\x1f\x7f".chars() {
        rows.push(refused(
            &format!("{mark:?} in a name"),
            get(&format!("X{mark}Y: z\r\n")),
        ));
    }
    for mark in "\0\x01\x07\x08\x0b\x0c\x0e\x1b\x1f\x7f".chars() {
        rows.push(refused(
            &format!("{mark:?} in a value"),
            get(&format!("X: y{mark}z\r\n")),
        ));
        rows.push(refused(
            &format!("{mark:?} before a value"),
            get(&format!("X:{mark}z\r\n")),
        ));
        rows.push(refused(
            &format!("{mark:?} behind a value"),
            get(&format!("X: y{mark}\r\n")),
        ));
    }
    rows
}

#[rustfmt::skip]
fn lengths() -> Vec<Row> {
    let mut rows: Vec<Row> = [
        "abc",
        "+5",
        "-1",
        "-0",
        "-5",
        "0x5",
        "0o5",
        "0b101",
        "1_0",
        "1 0",
        "5, 5",
        "5,5",
        "5, 10",
        "5, 5, 5",
        "5,",
        ",5",
        "5;",
        "5.0",
        "5e0",
        "\"5\"",
        "'5'",
        "05",
        "005",
        "00",
        "0200",
        "0005",
        "٥",
        "５",
        "5\0",
        "\x0b5",
        "5\x0b",
        "\x0c5",
        "5\x0c",
        "5\x7f",
        "5x",
        "",
        " ",
        "\t",
        "\r\n 5",
        "5\r\n 5",
        "99999999999999999999",
        "18446744073709551616",
        "-123456789123456789123456789",
        "340282366920938463463374607431768211461",
    ]
    .iter()
    .map(|length| {
        refused(&format!("Content-Length: {length:?}"), post(&format!("Content-Length: {length}"), "hello"))
    })
    .collect();
    rows.extend([
        refused("two equal lengths", post("Content-Length: 5\r\nContent-Length: 5", "hello")),
        refused("two lengths", post("Content-Length: 5\r\nContent-Length: 10", "helloworld")),
        refused("two lengths, far apart", post("Content-Length: 0\r\nX: y\r\ncontent-length: 0", "")),
        refused("two lengths and a request behind", post(&format!("Content-Length: 4\r\nContent-Length: {}", 4 + SMUGGLED.len()), &format!("PING{SMUGGLED}"))),
        refused("a length with a space before the colon", post("Content-Length : 5", "hello")),
        refused("a length with a tab before the colon", post("Content-Length\t: 5", "hello")),
        refused("a length twice, once with a space", post("Content-Length: 11\r\nContent-Length : 5", "hello world")),
        refused("a length with a tab in its name", post("Content-Length: 11\r\nContent\tLength: 5", "hello world")),
        refused("a length with a NUL in its name", post("Content-Length\0: 5", "hello")),
        refused("a length without a colon", post("Content-Length 5", "hello")),
        refused("a bad length of a GET", get("Content-Length: abc\r\n")),
        refused("a length with an underscore in its name", post("Content_Length: 5", "hello")),
        refused("a length twice, once with an underscore", post("Content-Length: 11\r\nContent_Length: 99", "hello world")),
        served("a hop-by-hop length", post("Connection: Content-Length\r\nContent-Length: 5", "hello"), &["hello"]),
        served("a length of its own with another beginning", post("Content-Length: 5\r\nContent-Length-X: 99\r\nX-Content-Length: 99", "hello"), &["hello"]),
        served("a length and what follows", [post("Content-Length: 0", ""), get("")].concat(), &["", ""]),
        answered("bytes behind a length of 0", post("Content-Length: 0", "X / HTTP/9\r\n\r\n"), &[200, 400], true),
    ]);
    rows
}

#[rustfmt::skip]
fn codings() -> Vec<Row> {
    let mut rows: Vec<Row> = [
        "gzip",
        "xchunked",
        "chunkedx",
        "chunk",
        "identity",
        "chunked, chunked",
        "gzip, chunked",
        "chunked, gzip",
        "chunked, identity",
        "identity, chunked",
        ", chunked",
        "chunked,",
        ",chunked,",
        "chunked;ext=val",
        "chunked;q=0.5",
        "\"chunked\"",
        "'chunked'",
        "",
        " ",
        "\x0bchunked",
        "\x0cchunked",
        "chunked\0",
        "chunked\x0b",
        "chunked\x0c",
        "chunked\x7f",
        "\u{feff}chunked",
        "ｃhunked",
        "chun\u{212a}ed",
        "\r\n chunked",
        "chunked\r\n , gzip",
        "chunked chunked",
        "chun ked",
        "chunked\r",
        "\rchunked",
        "c\thunked",
        "trailers",
        "none",
    ]
    .iter()
    .map(|coding| {
        refused(&format!("Transfer-Encoding: {coding:?}"), post(&format!("Transfer-Encoding: {coding}"), "0\r\n\r\n"))
    })
    .collect();
    rows.extend([
        refused("two codings", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n")),
        refused("two different codings", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "0\r\n\r\n")),
        refused("two different codings, the other way", post("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", "0\r\n\r\n")),
        refused("a coding with a space before the colon", post("Transfer-Encoding : chunked", "0\r\n\r\n")),
        refused("a coding with a tab before the colon", post("Transfer-Encoding\t: chunked", "0\r\n\r\n")),
        refused("a coding with a NUL in its name", post("Transfer-Encoding\0: chunked", "0\r\n\r\n")),
        refused("a coding with CR in its name", post("Transfer\rEncoding: chunked", "0\r\n\r\n")),
        refused("a coding behind a space", post(" Transfer-Encoding: chunked", "0\r\n\r\n")),
        refused("a coding in a folded line", post("X: y\r\n Transfer-Encoding: chunked", "0\r\n\r\n")),
        refused("a coding behind a bare LF", post("X: y\nTransfer-Encoding: chunked", "0\r\n\r\n")),
        refused("a coding behind a bare CR", post("X: y\rTransfer-Encoding: chunked", "0\r\n\r\n")),
        refused("a coding on HTTP/1.0", "POST / HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        refused("a coding and a length on HTTP/1.0", "POST / HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nhello"),
        refused("a bad coding of a GET", get("Transfer-Encoding: gzip\r\n")),
        served("odd letter case and white space", post("TRANSFER-encoding:\tChunked \t", "5\r\nhello\r\n0\r\n\r\n"), &["hello"]),
        refused("a coding with an underscore in its name", post("Transfer_Encoding: chunked", "B\r\nhello world\r\n0\r\n\r\n")),
        refused("a coding with an underscore and a length", post("Transfer_Encoding: chunked\r\nContent-Length: 5", "hello")),
        served("a hop-by-hop coding", post("Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n"), &["hello"]),
    ]);
    rows
}

/// Both a length and a coding: refused in every spelling of both.
#[rustfmt::skip]
fn both() -> Vec<Row> {
    let whole = format!("0\r\n\r\n{SMUGGLED}");
    let length = whole.len();
    let mut rows = Vec::new();
    for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"] {
        for fields in [
            format!("Content-Length: {length}\r\nTransfer-Encoding: chunked"),
            format!("Transfer-Encoding: chunked\r\nContent-Length: {length}"),
            "Content-Length: 4\r\nTransfer-Encoding: chunked".to_owned(),
            "Content-Length: 0\r\nTransfer-Encoding: chunked".to_owned(),
            format!("Transfer-Encoding: chunked\r\nX: y\r\nContent-Length: {length}"),
            format!("Content-Length: +{length}\r\nTransfer-Encoding: chunked"),
            format!("Content-Length: {length}x\r\nTransfer-Encoding: chunked"),
            format!("Transfer-Encoding: chunked\r\nContent-Length: {length}x"),
            format!("Transfer-Encoding:\r\n chunked\r\nContent-Length: {length}"),
            format!("Content-Length: {length}\r\nTransfer-Encoding:\r\n\tchunked"),
            format!("Content-Length: {length}\r\nTransfer-Encoding: chunked "),
            format!("Content-Length: {length}\r\nTransfer-Encoding: , chunked"),
            format!("Content-Length: {length}\r\nTransfer-Encoding: Chunked"),
            format!("Content-Length: {length}\r\nTransfer-Encoding:\tchunked"),
            format!("Content-Length: {length}\r\nTransfer-Encoding: xchunked"),
            format!("Content-Length: {length}\r\nTransfer-Encoding: identity"),
            format!("Content-Length: {length}\r\nTransfer-Encoding : chunked"),
            format!(
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\nContent-Length: {length}"
            ),
            format!("Content-Length: {length}\r\nTransfer-Encoding:"),
        ] {
            let bytes =
                format!("{method} / HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n\r\n{whole}");
            rows.push(refused(&format!("{method} with {fields:?}"), bytes));
        }
    }
    rows.push(refused(
        "a chunk that holds a request, and a length that ends before it",
        post(
            "Transfer-Encoding: chunked\r\nContent-Length: 4",
            &format!("{:x}\r\n{SMUGGLED}\r\n0\r\n\r\n", SMUGGLED.len()),
        ),
    ));
    rows
}

#[rustfmt::skip]
fn good_chunks() -> Vec<Row> {
    vec![
        served("one chunk", chunks("5\r\nhello\r\n0\r\n\r\n"), &["hello"]),
        served("two chunks", chunks("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"), &["hello world"]),
        served("no chunk", chunks("0\r\n\r\n"), &[""]),
        served("hex in upper case", chunks("A\r\nhelloworld\r\n0\r\n\r\n"), &["helloworld"]),
        served("zeros before a size", chunks("0005\r\nhello\r\n000\r\n\r\n"), &["hello"]),
        served("an extension", chunks("5;ext=value\r\nhello\r\n0\r\n\r\n"), &["hello"]),
        served("extensions of every kind", chunks("5;a ; b=c;d=\"e;\\\"\\\\\" ;f\r\nhello\r\n0;g\r\n\r\n"), &["hello"]),
        served("line ends within a chunk", chunks("4\r\n\r\n\n\r\r\n0\r\n\r\n"), &["\r\n\n\r"]),
        served("a request within a chunk", chunks(&format!("{:x}\r\n{SMUGGLED}\r\n0\r\n\r\n", SMUGGLED.len())), &[SMUGGLED]),
        served("chunks, then another request", [chunks("5\r\nhello\r\n0\r\n\r\n"), get("")].concat(), &["hello", ""]),
        served("a trailer", chunks("5\r\nhello\r\n0\r\nX-Checksum: abc\r\n\r\n"), &["hello"]),
    ]
}

#[rustfmt::skip]
fn bad_chunks() -> Vec<Row> {
    let mut rows: Vec<Row> = [
        "0x5",
        "+5",
        "-5",
        "-1",
        " 5",
        "\t5",
        "5 ",
        "5\t",
        "5 5",
        "5_",
        "1_0",
        "5g",
        "g",
        "5.0",
        "5,",
        "5:",
        "\"5\"",
        "",
        " ",
        "\0",
        "5\0",
        "\x0b5",
        "5\x0b",
        "5\x0c",
        "5\r",
        "\r5",
        "5\n",
        "\n5",
        "5\r\r",
        "5\n\r",
        "٥",
        "10000000000000005",
        "FFFFFFFFFFFFFFFFF",
        "5;",
        "5;;a",
        "5;=b",
        "5;a=",
        "5;a;",
        "5;bad[=x",
        "5;a=b c",
        "5;a b",
        "5;\0ext",
        "5;a\rX",
        "5;a\nX",
        "5;\n",
        "5;a\n",
        "5;a=\"b",
        "5;a=\"b\"c",
        "5;a=\"\x01\"",
        "5;a=\x7f",
        "5;a ",
        "5;a=b ",
        ";a",
    ]
    .iter()
    .map(|size| {
        cut(&format!("a chunk of size {size:?}"), &format!("{size}\r\nhello\r\n0\r\n\r\n{SMUGGLED}"))
    })
    .collect();
    rows.extend([
        cut("a size that ends in CR", "5\rhello\r\n0\r\n\r\n"),
        cut("a size that ends in LF", "5\nhello\r\n0\r\n\r\n"),
        cut("an extension that ends in LF", "5;\nhello\r\n0\r\n\r\n"),
        cut("an extension that hides a size", "2;\nxx\r\n47\r\n0\r\n\r\n"),
        cut("data without its end", "5\r\nhello0\r\n\r\n"),
        cut("data that ends in LF", "5\r\nhello\n0\r\n\r\n"),
        cut("data that ends in CR", "5\r\nhello\r0\r\n\r\n"),
        cut("data that ends in LF CR", "5\r\nhello\n\r0\r\n\r\n"),
        cut("more data than the size says", "5\r\nhello!!\r\n0\r\n\r\n"),
        cut("less data than the size says", "8\r\nhello\r\n0\r\n\r\n"),
        cut("a last chunk that ends in LF", "5\r\nhello\r\n0\n\r\n"),
        cut("a last chunk with a sign", "+0\r\n\r\nX"),
        cut("an end that is LF", "5\r\nhello\r\n0\r\n\n"),
        cut("an end that is CR CR LF", "5\r\nhello\r\n0\r\n\r\r\n"),
        cut("an extension too long", &format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(20_000))),
        cut("a size of many zeros", &format!("{}5\r\nhello\r\n0\r\n\r\n", "0".repeat(20_000))),
    ]);
    rows
}

#[rustfmt::skip]
fn trailers() -> Vec<Row> {
    let mut rows: Vec<Row> = [
        "Content-Length: 50",
        "Transfer-Encoding: chunked",
        "Host: evil.example.com",
        "Authorization: Bearer evil",
        "Content-Type: text/evil",
        "Content-Encoding: gzip",
        "Content-Range: bytes 0-1/2",
        "Trailer: X",
        "Connection: close",
        "Cookie: a=b",
        "Set-Cookie: a=b",
        "X-Forwarded-For: 1.2.3.4",
        "X : y",
        "X\t: y",
        ": y",
        "NoColon",
        "X: y\r\n z",
        " X: y",
        "X: y\nZ: a",
        "X: y\rZ: a",
        "X: \0",
        "X[: y",
        "X: \x7f",
    ]
    .iter()
    .map(|trailer| {
        cut(&format!("the trailer {trailer:?}"), &format!("5\r\nhello\r\n0\r\n{trailer}\r\n\r\n"))
    })
    .collect();
    rows.extend([
        cut("a trailer too long", &format!("5\r\nhello\r\n0\r\nX: {}\r\n\r\n", "y".repeat(20_000))),
        cut("too many trailers", &format!("5\r\nhello\r\n0\r\n{}\r\n", "X: y\r\n".repeat(200))),
        cut("a trailer that ends in LF", "5\r\nhello\r\n0\r\nX: y\n\r\n"),
    ]);
    rows
}

#[rustfmt::skip]
fn sizes() -> Vec<Row> {
    let long = "a".repeat(100_000);
    vec![
        served("a URL of 8,000 bytes", line(&format!("GET /{} HTTP/1.1", "a".repeat(7_900))), &[""]),
        row("a URL over 8,192 bytes", line(&format!("GET /{} HTTP/1.1", "a".repeat(8_192))), Expected::Refused(413)),
        row("a head over 32,768 bytes", get(&format!("X: {}\r\n", "a".repeat(33_000))), Expected::Refused(413)),
        row("a URL of 100 kB", line(&format!("GET /{long} HTTP/1.1")), Expected::Refused(414)),
        row("a value of 100 kB", get(&format!("X: {long}\r\n")), Expected::Refused(431)),
        row("a name of 100 kB", get(&format!("{long}: x\r\n")), Expected::Refused(431)),
        row("a head of 1 MB", get(&format!("X: {}\r\n", long.repeat(10))), Expected::Refused(431)),
        row("10,000 fields", get(&"X-Y: z\r\n".repeat(10_000)), Expected::Refused(431)),
        refused("a method of 100 kB", line(&format!("{long} / HTTP/1.1"))),
        refused("a method of 100 bytes", line(&format!("{} / HTTP/1.1", "A".repeat(100)))),
    ]
}

#[rustfmt::skip]
fn semantics() -> Vec<Row> {
    vec![
        row("TRACE", line("TRACE / HTTP/1.1"), Expected::Refused(403)),
        row("TRACE with a body", "TRACE / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello", Expected::Refused(403)),
        row("an unknown method", line("FOOBAR / HTTP/1.1"), Expected::Refused(403)),
        refused("a method in lower case", line("get / HTTP/1.1")),
        row("an unknown expectation", get("Expect: 200-ok\r\n"), Expected::Refused(417)),
        answered("a POST that asks for a WebSocket", post("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", ""), &[200], false),
        answered("an upgrade without Connection", get("Upgrade: websocket\r\n"), &[200], false),
        answered("an upgrade to the unknown", get("Connection: Upgrade\r\nUpgrade: made-up/1.0\r\n"), &[200], false),
        answered("an upgrade on HTTP/1.0", "GET / HTTP/1.0\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", &[200], true),
        answered("a body that was announced", post("Content-Length: 5\r\nExpect: 100-continue", "hello"), &[200], false),
        answered("a body that was announced on HTTP/1.0", "POST / HTTP/1.0\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello", &[200], true),
        answered("GET that announces nothing", get("Expect: 100-continue\r\n"), &[200], false),
        answered("HEAD", line("HEAD / HTTP/1.1"), &[200], false),
    ]
}
