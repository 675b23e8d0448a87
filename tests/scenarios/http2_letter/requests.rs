//! What HTTP/2 carries, by the letter: section 8 of RFC 9113, and the header compression of RFC 7541.

use super::*;

#[tokio::test]
async fn section_8_requests() {
    let only = |fields: &[(&str, &str)]| headers(1, flag::WHOLE, fields);
    let posts = |fields: &[(&'static str, &'static str)]| {
        let mut all = request("POST", "/");
        all.extend(fields);
        headers(1, flag::END_HEADERS, &all)
    };
    let trailers =
        |flags: u8, fields: &[(&str, &str)]| headers(1, flags | flag::END_HEADERS, fields);
    plays(
        vec![
            (
                "8.1 trailers",
                then(&[posts(&[]), data(1, 0, "x"), trailers(1, &[("x-sum", "1")])]),
                1,
                Answer(200),
            ),
            (
                "8.1 HEADERS again that do not end the stream",
                then(&[held(1), trailers(0, &[("x-sum", "1")])]),
                1,
                MALFORMED,
            ),
            (
                "8.1 trailers with a pseudo-header field",
                then(&[held(1), trailers(1, &[(":method", "GET")])]),
                1,
                MALFORMED,
            ),
            (
                "8.1.1 more DATA than Content-Length",
                then(&[posts(&[("content-length", "1")]), data(1, 1, "xy")]),
                1,
                MALFORMED,
            ),
            (
                "8.1.1 less DATA than Content-Length",
                then(&[posts(&[("content-length", "3")]), data(1, 1, "xy")]),
                1,
                MALFORMED,
            ),
            (
                "8.1.1 two pieces beside Content-Length",
                then(&[
                    posts(&[("content-length", "1")]),
                    data(1, 0, "x"),
                    data(1, 1, "y"),
                ]),
                1,
                MALFORMED,
            ),
            (
                "8.1.1 as much DATA as Content-Length",
                then(&[posts(&[("content-length", "2")]), data(1, 1, "xy")]),
                1,
                Answer(200),
            ),
            (
                "8.2.1 an upper-case name",
                with(&[("X-Test", "1")]),
                1,
                MALFORMED,
            ),
            (
                "8.2.1 a name with a space",
                with(&[("x test", "1")]),
                1,
                MALFORMED,
            ),
            (
                "8.2.1 a name with a colon",
                with(&[("x:test", "1")]),
                1,
                MALFORMED,
            ),
            ("8.2.1 an empty name", with(&[("", "1")]), 1, MALFORMED),
            (
                "8.2.1 a value with a line feed",
                with(&[("x", "a\nb")]),
                1,
                MALFORMED,
            ),
            (
                "8.2.1 a value with a NUL",
                with(&[("x", "a\0b")]),
                1,
                MALFORMED,
            ),
            (
                "8.2.2 Connection",
                with(&[("connection", "keep-alive")]),
                1,
                MALFORMED,
            ),
            (
                "8.2.2 Keep-Alive",
                with(&[("keep-alive", "1")]),
                1,
                MALFORMED,
            ),
            (
                "8.2.2 Proxy-Connection",
                with(&[("proxy-connection", "close")]),
                1,
                MALFORMED,
            ),
            (
                "8.2.2 Transfer-Encoding",
                with(&[("transfer-encoding", "chunked")]),
                1,
                MALFORMED,
            ),
            ("8.2.2 Upgrade", with(&[("upgrade", "h2c")]), 1, MALFORMED),
            (
                "8.2.2 TE with trailers",
                with(&[("te", "trailers")]),
                1,
                Answer(200),
            ),
            (
                "8.2.2 TE with anything else",
                with(&[("te", "trailers, deflate;q=0.5")]),
                1,
                MALFORMED,
            ),
            (
                "8.3 an unknown pseudo-header field",
                with(&[(":test", "1")]),
                1,
                MALFORMED,
            ),
            (
                "8.3 a pseudo-header field of answers",
                with(&[(":status", "200")]),
                1,
                MALFORMED,
            ),
            (
                "8.3 a pseudo-header field after others",
                only(&[
                    (":method", "GET"),
                    (":scheme", "http"),
                    ("x", "y"),
                    (":path", "/"),
                    (":authority", "localhost"),
                ]),
                1,
                MALFORMED,
            ),
            (
                "8.3.1 no :method",
                only(&request("GET", "/")[1..]),
                1,
                MALFORMED,
            ),
            (
                "8.3.1 no :scheme",
                only(&[
                    (":method", "GET"),
                    (":path", "/"),
                    (":authority", "localhost"),
                ]),
                1,
                MALFORMED,
            ),
            (
                "8.3.1 no :path",
                only(&[
                    (":method", "GET"),
                    (":scheme", "http"),
                    (":authority", "localhost"),
                ]),
                1,
                MALFORMED,
            ),
            (
                "8.3.1 an empty :path",
                only(&request("GET", "")),
                1,
                MALFORMED,
            ),
            (
                "8.3.1 :method twice",
                with(&[(":method", "GET")]),
                1,
                MALFORMED,
            ),
            (
                "8.3.1 :scheme twice",
                with(&[(":scheme", "http")]),
                1,
                MALFORMED,
            ),
            ("8.3.1 :path twice", with(&[(":path", "/")]), 1, MALFORMED),
            (
                "8.3.1 :authority twice",
                with(&[(":authority", "localhost")]),
                1,
                MALFORMED,
            ),
            (
                "8.3.1 a :path without its slash",
                only(&request("GET", "path")),
                1,
                MALFORMED,
            ),
            (
                "8.3.1 a :path with a fragment",
                only(&request("GET", "/#x")),
                1,
                Answer(400),
            ),
            (
                "8.3.1 an :authority with a user",
                only(&[
                    (":method", "GET"),
                    (":scheme", "http"),
                    (":path", "/"),
                    (":authority", "u@localhost"),
                ]),
                1,
                Answer(400),
            ),
            (
                "8.3.1 Host instead of :authority",
                only(&[
                    (":method", "GET"),
                    (":scheme", "http"),
                    (":path", "/"),
                    ("host", "localhost"),
                ]),
                1,
                Answer(200),
            ),
            (
                "8.3.1 neither Host nor :authority",
                only(&[(":method", "GET"), (":scheme", "http"), (":path", "/")]),
                1,
                Answer(400),
            ),
            (
                "8.3.1 Host beside :authority",
                with(&[("host", "localhost")]),
                1,
                Answer(200),
            ),
            (
                "8.3.1 Host that differs from :authority",
                with(&[("host", "other")]),
                1,
                Answer(400),
            ),
            (
                "8.3.1 two Hosts",
                with(&[("host", "localhost"), ("host", "localhost")]),
                1,
                Answer(400),
            ),
            (
                "8.3.1 anything else for all of it",
                only(&request("GET", "*")),
                1,
                Answer(400),
            ),
            (
                "8.3.1 OPTIONS for all of it",
                only(&request("OPTIONS", "*")),
                1,
                Answer(200),
            ),
            (
                "8.5 CONNECT",
                only(&[(":method", "CONNECT"), (":authority", "localhost:443")]),
                1,
                Answer(403),
            ),
            (
                "8.5 CONNECT with a :path",
                only(&[
                    (":method", "CONNECT"),
                    (":authority", "localhost:443"),
                    (":scheme", "http"),
                    (":path", "/"),
                ]),
                1,
                MALFORMED,
            ),
            (
                "8.5 :protocol that was not offered",
                only(&[
                    (":method", "CONNECT"),
                    (":protocol", "websocket"),
                    (":scheme", "http"),
                    (":path", "/"),
                    (":authority", "localhost"),
                ]),
                1,
                MALFORMED,
            ),
            (
                "two Content-Lengths",
                then(&[
                    posts(&[("content-length", "1"), ("content-length", "2")]),
                    data(1, 1, "x"),
                ]),
                1,
                MALFORMED,
            ),
            (
                "a Content-Length that is no number",
                then(&[posts(&[("content-length", "+1")]), data(1, 1, "x")]),
                1,
                MALFORMED,
            ),
            (
                "a method in other letters",
                only(&request("get", "/")),
                1,
                Answer(400),
            ),
            (
                "an expectation that nobody knows",
                with(&[("expect", "the-best")]),
                1,
                Answer(417),
            ),
        ],
        &[
            ("8.2.1 an upper-case name", PROTOCOL_ERROR, NO_STREAM),
            ("8.2.1 a name with a space", PROTOCOL_ERROR, NO_STREAM),
            ("8.2.1 a name with a colon", PROTOCOL_ERROR, NO_STREAM),
            ("8.2.1 an empty name", PROTOCOL_ERROR, NO_STREAM),
            ("8.2.1 a value with a line feed", PROTOCOL_ERROR, NO_STREAM),
            ("8.2.1 a value with a NUL", PROTOCOL_ERROR, NO_STREAM),
            (
                "8.3 an unknown pseudo-header field",
                PROTOCOL_ERROR,
                NO_STREAM,
            ),
            (
                "8.1 trailers with a pseudo-header field",
                PROTOCOL_ERROR,
                "the edge itself ends the connection: the library does not see it",
            ),
            ("8.3.1 a :path with a fragment", Answer(200), UNSEEN),
        ],
    )
    .await;
}

/// RFC 7541.
#[tokio::test]
async fn header_compression() {
    plays(
        vec![
            (
                "2.3.3 an index beyond the tables",
                with_block(&[0xff, 0x80, 0x01]),
                1,
                COMPRESSION_ERROR,
            ),
            ("6.1 index 0", with_block(&[0x80]), 1, COMPRESSION_ERROR),
            (
                "6.1 an index of the static table",
                with_block(&[0x90]),
                1,
                Answer(200),
            ),
            (
                "6.2.1 a field that is kept, and used",
                with_block(&[&[0x40, 1, b'a', 1, b'b'][..], &[0xbe]].concat()),
                1,
                Answer(200),
            ),
            (
                "6.2.3 a field that is never kept",
                with_block(&[0x10, 1, b'a', 1, b'b']),
                1,
                Answer(200),
            ),
            (
                "6.2.2 a name beyond the tables",
                with_block(&[0x0f, 0x70, 1, b'b']),
                1,
                COMPRESSION_ERROR,
            ),
            (
                "5.1 a number that is too large",
                with_block(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]),
                1,
                COMPRESSION_ERROR,
            ),
            (
                "5.2 a text that is longer than the block",
                with_block(&[0, 1, b'a', 0x7f, 0x10, b'b']),
                1,
                COMPRESSION_ERROR,
            ),
            (
                "5.2 Huffman padding of more than 7 bits",
                with_block(&[0, 1, b'a', 0x82, 0x1f, 0xff]),
                1,
                COMPRESSION_ERROR,
            ),
            (
                "5.2 Huffman padding of zeros",
                with_block(&[0, 1, b'a', 0x81, 0x18]),
                1,
                COMPRESSION_ERROR,
            ),
            (
                "5.2 Huffman with the end inside",
                with_block(&[0, 1, b'a', 0x84, 0xff, 0xff, 0xff, 0xff]),
                1,
                COMPRESSION_ERROR,
            ),
            (
                "6.3 a table larger than allowed",
                frame(
                    kind::HEADERS,
                    flag::WHOLE,
                    1,
                    [&[0x3f, 0xe2, 0x1f][..], &block(&request("GET", "/"))].concat(),
                ),
                1,
                COMPRESSION_ERROR,
            ),
            (
                "6.3 a table of nothing",
                frame(
                    kind::HEADERS,
                    flag::WHOLE,
                    1,
                    [&[0x20][..], &block(&request("GET", "/"))].concat(),
                ),
                1,
                Answer(200),
            ),
            (
                "4.2 the table's size after a field",
                with_block(&[0x20]),
                1,
                COMPRESSION_ERROR,
            ),
            (
                "a block that ends within a field",
                with_block(&[0, 1]),
                1,
                COMPRESSION_ERROR,
            ),
        ],
        &[
            ("2.3.3 an index beyond the tables", PROTOCOL_ERROR, ONE_CODE),
            ("6.1 index 0", PROTOCOL_ERROR, ONE_CODE),
            ("6.2.2 a name beyond the tables", PROTOCOL_ERROR, ONE_CODE),
            ("5.1 a number that is too large", PROTOCOL_ERROR, ONE_CODE),
            (
                "5.2 a text that is longer than the block",
                PROTOCOL_ERROR,
                ONE_CODE,
            ),
            (
                "5.2 Huffman padding of more than 7 bits",
                PROTOCOL_ERROR,
                ONE_CODE,
            ),
            ("5.2 Huffman padding of zeros", PROTOCOL_ERROR, ONE_CODE),
            ("5.2 Huffman with the end inside", PROTOCOL_ERROR, ONE_CODE),
            ("6.3 a table larger than allowed", PROTOCOL_ERROR, ONE_CODE),
            (
                "4.2 the table's size after a field",
                PROTOCOL_ERROR,
                ONE_CODE,
            ),
            ("a block that ends within a field", PROTOCOL_ERROR, ONE_CODE),
        ],
    )
    .await;
}
