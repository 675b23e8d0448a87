//! A website endpoint: index and error documents.

use super::*;

const WEBSITE: &str = "website = { index = \"index.html\", error = \"404.html\" }";

#[tokio::test]
async fn a_folder_has_its_index_document() {
    let bucket = bucket();
    let edge = before(&bucket, WEBSITE).start().await;
    for (path, body) in [
        ("/", "<h1>home</h1>"),
        ("/?a=1", "<h1>home</h1>"),
        ("/docs/", "<h1>docs</h1>"),
        ("/docs/index.html", "<h1>docs</h1>"),
    ] {
        let response = viewer(&edge).get(path).await;
        response
            .expect(200)
            .body(body)
            .header("content-type", "text/html");
    }
    for (path, location) in [("/docs", "/docs/"), ("/docs?a=1&b", "/docs/?a=1&b")] {
        let response = viewer(&edge).get(path).await;
        response.expect(302).header("location", location).body("");
    }
    // A key in front of the path stays in front: S3 knows nothing of what CloudFront put there.
    let edge = before(&bucket, &format!("{WEBSITE}\npath = \"/docs\""))
        .start()
        .await;
    viewer(&edge)
        .get("/")
        .await
        .expect(200)
        .body("<h1>docs</h1>");
}

#[tokio::test]
async fn what_is_missing_is_the_error_document() {
    let bucket = bucket();
    for (more, status) in [("", 404), ("missing = \"403\"", 403)] {
        let edge = before(&bucket, &format!("{WEBSITE}\n{more}")).start().await;
        // Neither a folder without an index document nor a path in the way of nobody has anything to redirect to.
        for path in [
            "/gone",
            "/gone/",
            "/empty",
            "/empty/",
            "/docs/gone?x",
            "//docs",
        ] {
            let response = viewer(&edge)
                .get(path)
                .header("range", "bytes=0-1")
                .header("if-none-match", "*")
                .await;
            response
                .expect(status)
                .body("<h1>lost</h1>")
                .header("content-type", "text/html");
        }
        let head = viewer(&edge).head("/gone").await;
        head.expect(status).body("").header("content-length", "13");
    }
}

#[tokio::test]
async fn without_an_error_document_the_words_are_s3s() {
    let bucket = bucket();
    let edge = before(&bucket, "website = {}").start().await;
    let response = viewer(&edge).get("/a%3Cscript%3E").await;
    response
        .expect(404)
        .header("content-type", "text/html; charset=utf-8")
        .body_has("<title>404 Not Found</title>")
        .body_has("<li>Code: NoSuchKey</li>")
        .body_has("<li>Key: a&lt;script&gt;</li>")
        .body_lacks("Custom Error Document");
    let response = viewer(&edge).post("/", "x").await;
    response
        .expect(405)
        .body_has("<h1>405 Method Not Allowed</h1>");

    let edge = before(&bucket, "website = { error = \"oops.html\" }")
        .start()
        .await;
    let response = viewer(&edge).get("/gone").await;
    response
        .expect(404)
        .body_has("An Error Occurred While Attempting to Retrieve a Custom Error Document")
        .body_has("<li>Key: oops.html</li>");
}
