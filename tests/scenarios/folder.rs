//! A folder as an origin plays a bucket: its objects as S3 delivers them, its errors in S3's words, and nothing beside them.

mod as_a_member;
mod staying_inside;
mod website;

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use harness::{Edge, EdgeBuilder, Folder, edge, edge_json, operator, origin, viewer, viewer_of};
use http::StatusCode;
use tideover_config::{Fault, FaultKind};

use super::clients::prints;

const ALL: &str = r#"["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]"#;
/// 2026-11-21 10:00:00 UTC, and some nanoseconds.
const MODIFIED: Duration = Duration::new(1_795_255_200, 123_456_789);
const LAST_MODIFIED: &str = "Sat, 21 Nov 2026 10:00:00 GMT";

/// A bucket's worth of files.
fn bucket() -> Folder {
    let bucket = Folder::new();
    fs::create_dir_all(bucket.path().join("docs/deep")).expect("it can be written");
    fs::create_dir_all(bucket.path().join("empty")).expect("it can be written");
    for (name, text) in [
        ("index.html", "<h1>home</h1>"),
        ("404.html", "<h1>lost</h1>"),
        ("digits.txt", "0123456789"),
        ("app.js", "let a;"),
        ("docs/index.html", "<h1>docs</h1>"),
        ("docs/a b.css", "a { }"),
        ("docs/deep/x.unheard-of", "?"),
        ("nothing", ""),
    ] {
        let file = File::create(bucket.write(name, text)).expect("it can be written");
        fs::write(bucket.path().join(name), text).expect("it can be written");
        let at = SystemTime::UNIX_EPOCH + MODIFIED;
        file.set_modified(at).expect("its time can be set");
    }
    bucket
}

/// An edge before it alone; `more` is what the origin has besides `dir`.
fn before(bucket: &Folder, more: &str) -> EdgeBuilder {
    edge(&format!(
        r#"
        [origin.bucket]
        dir = {:?}
        {more}

        [distribution.site.default_behavior]
        target = "bucket"
        allowed_methods = {ALL}
        cache = "off" # what is kept is another matter
        "#,
        bucket.path()
    ))
}

/// What curl prints of this path, with these arguments.
async fn curl(edge: &Edge, path: &str, arguments: &[&str]) -> String {
    let mut all = vec!["--silent", "--show-error", "--noproxy", "*", "--path-as-is"];
    all.extend(arguments);
    let url = format!("http://{}{path}", edge.address());
    all.push(&url);
    prints("curl", all.into_iter().map(ToOwned::to_owned).collect()).await
}

mod object {
    use super::*;

    #[tokio::test]
    async fn an_object_is_delivered_with_its_type_and_its_validators() {
        let bucket = bucket();
        let edge = before(&bucket, "").start().await;
        for (path, kind, body) in [
            ("/index.html", "text/html", "<h1>home</h1>"),
            ("/app.js", "text/javascript", "let a;"),
            ("/docs/a%20b.css?v=1", "text/css", "a { }"),
            ("/docs%2Fa%20b.css", "text/css", "a { }"),
            ("/docs/deep/x.unheard-of", "application/octet-stream", "?"),
            ("/nothing", "application/octet-stream", ""),
        ] {
            let whole = viewer(&edge).get(path).await;
            whole
                .expect(200)
                .body(body)
                .whole()
                .header("content-type", kind)
                .header("content-length", &body.len().to_string())
                .header("last-modified", LAST_MODIFIED)
                .header("accept-ranges", "bytes")
                .header("x-cache", "Miss from tideover");
            let tag = whole.value("etag");
            assert!(tag.starts_with('"') && tag.len() > 12, "{tag} is strong");
            viewer(&edge)
                .head(path)
                .await
                .expect(200)
                .body("")
                .header("content-length", &body.len().to_string())
                .header("etag", tag);
        }
    }

    #[tokio::test]
    async fn a_tag_changes_with_the_file_within_a_second_and_at_the_same_length() {
        let bucket = bucket();
        let edge = before(&bucket, "").start().await;
        let first = viewer(&edge).get("/digits.txt").await;
        let file = File::create(bucket.write("digits.txt", "9876543210")).expect("it is there");
        fs::write(bucket.path().join("digits.txt"), "9876543210").expect("it can be written");
        let at = SystemTime::UNIX_EPOCH + MODIFIED + Duration::from_nanos(1);
        file.set_modified(at).expect("its time can be set");

        let second = viewer(&edge).get("/digits.txt").await;

        second.expect(200).body("9876543210");
        second.header("last-modified", LAST_MODIFIED);
        assert_ne!(first.value("etag"), second.value("etag"));
    }

    #[tokio::test]
    async fn conditions_are_judged_as_rfc_9110_says() {
        let bucket = bucket();
        let edge = before(&bucket, "").start().await;
        let tag = viewer(&edge)
            .get("/digits.txt")
            .await
            .value("etag")
            .to_owned();
        let (weak, list) = (format!("W/{tag}"), format!("\"x\", {tag}"));
        let (before, after) = (
            "Sat, 21 Nov 2026 09:59:59 GMT",
            "Sat, 21 Nov 2026 10:00:01 GMT",
        );
        for (name, value, status) in [
            ("if-none-match", &*tag, 304),
            ("if-none-match", &weak, 304),
            ("if-none-match", &list, 304),
            ("if-none-match", "*", 304),
            ("if-none-match", "\"x\"", 200),
            ("if-modified-since", LAST_MODIFIED, 304),
            ("if-modified-since", after, 304),
            ("if-modified-since", before, 200),
            ("if-modified-since", "yesterday", 200),
            ("if-match", &tag, 200),
            ("if-match", "*", 200),
            ("if-match", "\"x\"", 412),
            ("if-match", &weak, 412),
            ("if-unmodified-since", LAST_MODIFIED, 200),
            ("if-unmodified-since", before, 412),
        ] {
            let response = viewer(&edge).get("/digits.txt").header(name, value).await;
            response.expect(status);
            match status {
                304 => {
                    response.body("").header("etag", &tag);
                }
                412 => {
                    response
                        .header("content-type", "application/xml")
                        .body_has("<Code>PreconditionFailed</Code>")
                        .body_has("<Condition>If-");
                }
                _ => {
                    response.body("0123456789");
                }
            }
        }
    }

    #[tokio::test]
    async fn what_is_large_is_streamed_as_it_is_taken() {
        const BYTES: usize = 20_000_000;
        let bucket = bucket();
        let content: Vec<u8> = (0..BYTES).map(|n| (n % 251) as u8).collect();
        bucket.write("large.bin", &content);
        let edge = before(&bucket, "").start().await;
        // Who takes nothing of it keeps nobody waiting.
        let mut idle = viewer(&edge).connects().await;
        idle.sends("GET /large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .await;
        let head = idle.receives_a_head().await;
        head.expect(200)
            .header("content-length", &BYTES.to_string());

        let whole = viewer(&edge).get("/large.bin").await;

        whole.expect(200).whole();
        assert!(whole.body == content, "every byte is there, in order");
    }

    #[tokio::test]
    async fn a_file_that_shrinks_while_it_is_sent_is_cut_and_not_made_up() {
        const BYTES: usize = 20_000_000;
        let bucket = bucket();
        let file = bucket.write("large.bin", vec![b'x'; BYTES]);
        let edge = before(&bucket, "").start().await;
        let mut line = viewer(&edge).connects().await;
        line.sends("GET /large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .await;
        let mut response = line.receives_a_head().await;
        let shortened = File::options().write(true).open(&file);
        shortened
            .and_then(|file| file.set_len(1_000))
            .expect("it can be shortened");

        line.receives_the_rest(&mut response).await;

        response.expect(200).cut();
        viewer(&edge).get("/digits.txt").await.expect(200);
    }
}

mod range {
    use super::*;

    #[tokio::test]
    async fn curl_gets_parts() {
        let bucket = bucket();
        let edge = before(&bucket, "").start().await;
        const SHOWN: &str = "|%{http_code}|%{header_json}";
        for (range, status, body, content_range) in [
            ("0-0", "206", "0", "bytes 0-0/10"),
            ("2-4", "206", "234", "bytes 2-4/10"),
            ("7-", "206", "789", "bytes 7-9/10"),
            ("-2", "206", "89", "bytes 8-9/10"),
            ("5-5000", "206", "56789", "bytes 5-9/10"),
        ] {
            let out = curl(
                &edge,
                "/digits.txt",
                &["--range", range, "--write-out", SHOWN],
            )
            .await;
            let (content, told) = out.split_once('|').expect("as it was told to");
            assert_eq!(content, body, "{range}");
            assert!(told.starts_with(status), "{range}: {told}");
            assert!(told.contains(content_range), "{range}: {told}");
            assert!(
                told.contains(&format!("\"content-length\":[\"{}\"]", body.len())),
                "{told}"
            );
        }
        // Not in this order: as good as none.
        let out = curl(
            &edge,
            "/digits.txt",
            &["--range", "4-5,0-1", "--write-out", SHOWN],
        )
        .await;
        assert!(out.starts_with("0123456789|200|"), "{out}");
        assert!(!out.contains("content-range"), "{out}");
        let out = curl(
            &edge,
            "/digits.txt",
            &["--range", "10-", "--write-out", SHOWN],
        )
        .await;
        assert!(out.contains("|416|"), "{out}");
        assert!(out.contains("bytes */10"), "{out}");
        for part in [
            "<Code>InvalidRange</Code>",
            "<RangeRequested>bytes=10-</RangeRequested>",
            "<ActualObjectSize>10</ActualObjectSize>",
        ] {
            assert!(out.contains(part), "{part} in {out}");
        }
    }

    #[tokio::test]
    async fn curl_gets_several_parts() {
        const BYTES: usize = 300_000;
        let bucket = bucket();
        let content: String = (0..BYTES)
            .map(|n| char::from(b'a' + (n % 23) as u8))
            .collect();
        bucket.write("letters.txt", &content);
        let edge = before(&bucket, "").start().await;
        const SHOWN: &str = "|%{http_code}|%{header_json}";
        let arguments = ["--range", "0-1,10-200000,-3", "--write-out", SHOWN];

        let out = curl(&edge, "/letters.txt", &arguments).await;

        let (body, told) = out.split_once("|206|").expect("it is a part");
        assert!(told.contains("multipart/byteranges; boundary="), "{told}");
        let length = format!("\"content-length\":[\"{}\"]", body.len());
        assert!(told.contains(&length), "{told}");
        for (range, part) in [
            ("0-1", &content[..2]),
            ("10-200000", &content[10..=200_000]),
            ("299997-299999", &content[BYTES - 3..]),
        ] {
            let part = format!(
                "Content-Type: text/plain\r\nContent-Range: bytes {range}/{BYTES}\r\n\r\n{part}\r\n--"
            );
            assert!(body.contains(&part), "{range}");
        }
        // A condition comes first, and a head has no parts.
        let tag = viewer(&edge)
            .get("/letters.txt")
            .await
            .value("etag")
            .to_owned();
        let asked = |method| {
            let request = viewer(&edge).request(method, "/letters.txt");
            request.header("range", "bytes=0-1,4-5")
        };
        asked("GET").header("if-none-match", &tag).await.expect(304);
        asked("GET")
            .header("if-range", "\"x\"")
            .await
            .expect(200)
            .body(&content);
        asked("GET").header("if-range", &tag).await.expect(206);
        asked("HEAD").await.expect(200).body("");
    }

    /// A download that broke off goes on where it was.
    #[tokio::test]
    async fn curl_goes_on_with_a_download() {
        let bucket = bucket();
        let edge = before(&bucket, "").start().await;
        let half = edge.folder().join("half");
        fs::write(&half, "01234").expect("it can be written");
        let half = half.display().to_string();
        let arguments = ["--continue-at", "-", "--output", &half];

        curl(&edge, "/digits.txt", &arguments).await;

        let content = fs::read_to_string(&half).expect("it is there");
        assert_eq!(content, "0123456789");
    }

    #[tokio::test]
    async fn a_range_counts_only_if_the_object_is_the_one_that_is_meant() {
        let bucket = bucket();
        let edge = before(&bucket, "").start().await;
        let tag = viewer(&edge)
            .get("/digits.txt")
            .await
            .value("etag")
            .to_owned();
        for (condition, status) in [
            (&*tag, 206),
            (LAST_MODIFIED, 206),
            (&format!("W/{tag}"), 200),
            ("\"x\"", 200),
            ("Sat, 21 Nov 2026 10:00:01 GMT", 200),
        ] {
            let response = viewer(&edge)
                .get("/digits.txt")
                .header("range", "bytes=1-2")
                .header("if-range", condition)
                .await;
            response
                .expect(status)
                .body(if status == 206 { "12" } else { "0123456789" });
        }
        // Conditions come first.
        viewer(&edge)
            .get("/digits.txt")
            .header("range", "bytes=50-")
            .header("if-none-match", &tag)
            .await
            .expect(304);
        let head = viewer(&edge)
            .head("/digits.txt")
            .header("range", "bytes=1-2")
            .await;
        head.expect(206).body("").header("content-length", "2");
    }
}

mod errors {
    use super::*;

    #[tokio::test]
    async fn a_missing_key_is_s3s_xml() {
        let bucket = bucket();
        for (more, status, code) in [
            ("", 403, "AccessDenied"),
            ("missing = \"403\"", 403, "AccessDenied"),
            ("missing = \"404\"", 404, "NoSuchKey"),
        ] {
            let edge = before(&bucket, more).start().await;
            for path in [
                "/",
                "/gone",
                "/docs",
                "/docs/",
                "/docs//index.html",
                "/INDEX.html",
                "/index.html/",
                "/a%3C%26b",
            ] {
                let response = viewer(&edge).get(path).await;
                response
                    .expect(status)
                    .header("content-type", "application/xml")
                    .header("x-cache", "Error from tideover")
                    .body_has("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>")
                    .body_has(&format!("<Code>{code}</Code>"));
                let id = response.value("x-amz-request-id");
                response.body_has(&format!("<RequestId>{id}</RequestId>"));
                assert_eq!(id.len(), 16, "{id}");
                if code == "AccessDenied" {
                    response.body_lacks("<Key>");
                }
                let head = viewer(&edge).head(path).await;
                head.expect(status).body("");
            }
        }
        let edge = before(&bucket, "missing = \"404\"").start().await;
        for (path, key) in [
            ("/gone", "gone"),
            ("/docs/", "docs/"),
            ("/a%3C%26b", "a&lt;&amp;b"),
        ] {
            let response = viewer(&edge).get(path).await;
            response
                .body_has("<Message>The specified key does not exist.</Message>")
                .body_has(&format!("<Key>{key}</Key>"));
        }
    }

    #[tokio::test]
    async fn a_path_that_is_no_key_is_a_bad_request() {
        let bucket = bucket();
        let edge = before(&bucket, "").start().await;
        for path in ["/%ff", "/%zz", "/%c0%ae%c0%ae/x", "/a%"] {
            let response = viewer(&edge).get(path).await;
            response.expect(400).body_has("<Code>InvalidURI</Code>");
        }
        let long = "n".repeat(1_025);
        let response = viewer(&edge).get(&format!("/{long}")).await;
        response
            .expect(400)
            .body_has("<Code>KeyTooLongError</Code>")
            .body_has("<Size>1025</Size>");
        let response = viewer(&edge).get(&format!("/{}", &long[..300])).await;
        response.expect(403).body_has("<Code>AccessDenied</Code>");
    }

    #[tokio::test]
    async fn an_object_can_be_read_and_nothing_else() {
        let bucket = bucket();
        let edge = before(&bucket, "").start().await;
        for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            let response = viewer(&edge).request(method, "/digits.txt").body("x").await;
            response
                .expect(405)
                .header("allow", "HEAD, GET")
                .body_has("<Code>MethodNotAllowed</Code>")
                .body_has(&format!("<Method>{method}</Method>"));
        }
        let preflight = viewer(&edge)
            .request("OPTIONS", "/digits.txt")
            .header("origin", "https://site.example")
            .header("access-control-request-method", "GET")
            .await;
        preflight
            .expect(403)
            .body_has("<Code>AccessForbidden</Code>")
            .body_has("CORS is not enabled for this bucket.");
        viewer(&edge).get("/digits.txt").await.body("0123456789");
    }

    #[tokio::test]
    async fn a_folder_that_went_away_is_a_bucket_that_went_away() {
        let bucket = bucket();
        let edge = before(&bucket, "").start().await;
        let (there, aside) = (
            bucket.path().to_owned(),
            bucket.path().with_extension("old"),
        );
        fs::rename(&there, &aside).expect("it can be moved");
        let gone = viewer(&edge).get("/digits.txt").await;
        fs::rename(&aside, &there).expect("it can be moved back");
        gone.expect(404).body_has("<Code>NoSuchBucket</Code>");
        // The next one finds it again.
        viewer(&edge).get("/digits.txt").await.expect(200);
    }
}

mod mapped {
    use super::*;

    /// A single-page application: every path that is no file is the application itself.
    const DISTRIBUTION: &str = r#"{
        "CallerReference": "1", "Comment": "", "Enabled": true, "DefaultRootObject": "index.html",
        "Origins": { "Quantity": 1, "Items": [ {
            "Id": "the-bucket", "DomainName": "my-bucket.s3.eu-central-1.amazonaws.com", "OriginPath": "",
            "S3OriginConfig": { "OriginAccessIdentity": "" }
        } ] },
        "DefaultCacheBehavior": {
            "TargetOriginId": "the-bucket", "ViewerProtocolPolicy": "allow-all",
            "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6"
        },
        "CustomErrorResponses": { "Quantity": 1, "Items": [
            { "ErrorCode": 403, "ResponsePagePath": "/index.html", "ResponseCode": "200", "ErrorCachingMinTTL": 10 }
        ] }
    }"#;

    fn dir(path: &Path) -> String {
        format!("dir:{}", path.display())
    }

    #[tokio::test]
    async fn a_distribution_of_a_single_page_application_is_played_from_a_folder() {
        let bucket = bucket();
        let edge = edge_json(DISTRIBUTION)
            .map("my-bucket.s3.*", &dir(bucket.path()))
            .start()
            .await;
        for (path, body) in [
            ("/", "<h1>home</h1>"),
            ("/app.js", "let a;"),
            // Routes of the application.
            ("/users/42", "<h1>home</h1>"),
            ("/users/", "<h1>home</h1>"),
        ] {
            viewer(&edge).get(path).await.expect(200).body(body);
        }
        let home = viewer(&edge).get("/users/42").await;
        home.header("content-type", "text/html");
    }

    #[tokio::test]
    async fn a_website_endpoint_is_played_as_a_website() {
        let bucket = bucket();
        let text = DISTRIBUTION
            .replace("my-bucket.s3.eu-central-1", "my-bucket.s3-website-eu-west-1")
            .replace("\"DefaultRootObject\": \"index.html\"", "\"DefaultRootObject\": \"\"")
            .replace(
                "\"S3OriginConfig\": { \"OriginAccessIdentity\": \"\" }",
                r#""CustomOriginConfig": { "HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "http-only" }"#,
            );
        let edge = edge_json(&text)
            .map("the-bucket", &dir(bucket.path()))
            .start()
            .await;
        viewer(&edge)
            .get("/docs/")
            .await
            .expect(200)
            .body("<h1>docs</h1>");
        let response = viewer(&edge).get("/docs").await;
        response.expect(302).header("location", "/docs/");
        viewer(&edge)
            .get("/gone")
            .await
            .expect(404)
            .body("<h1>lost</h1>");
    }
}
