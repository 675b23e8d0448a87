//! Nothing beside the folder is ever got, however a path is written.

use super::*;

const SECRET: &str = "not for viewers";

#[tokio::test]
async fn no_way_of_writing_a_path_leads_out_of_the_folder() {
    let outer = bucket();
    let inside = outer.path().join("docs");
    outer.write("secret", SECRET);
    for (link, to) in [
        ("out", "../secret"),
        ("up", ".."),
        ("in", "deep/x.unheard-of"),
    ] {
        std::os::unix::fs::symlink(to, inside.join(link)).expect("it can be linked");
    }
    std::os::unix::fs::symlink("/etc", inside.join("etc")).expect("it can be linked");
    let edge = edge(&format!(
        r#"
        [origin.bucket]
        dir = {inside:?}
        [distribution.site.default_behavior]
        target = "bucket"
        "#
    ))
    .start()
    .await;
    for path in [
        "/../secret",
        "/deep/../../secret",
        "/%2e%2e/secret",
        "/%2E%2e/secret",
        "/.%2e/secret",
        "/..%2fsecret",
        "/%2e%2e%2fsecret",
        "/deep%2f..%2f..%2fsecret",
        "/..\\secret",
        "/..%5csecret",
        "/%252e%252e/secret",
        "//secret",
        "/.//../secret",
        "/up/secret",
        "/up%2fsecret",
        "/out",
        "/out%00.html",
        "/etc/passwd",
        "//etc/passwd",
        "/%2fetc/passwd",
        "/up/docs/out",
    ] {
        for website in [false, true] {
            let edge = if website {
                let table = "website = {}\nmissing = \"403\"";
                let text = format!("[origin.bucket]\ndir = {inside:?}\n{table}\n");
                edge_of(&text).start().await
            } else {
                edge_of(&format!("[origin.bucket]\ndir = {inside:?}\n"))
                    .start()
                    .await
            };
            let response = viewer(&edge).get(path).await;
            response.expect(403).body_lacks(SECRET).body_lacks("root:");
        }
        let out = curl(&edge, path, &["--write-out", "|%{http_code}"]).await;
        assert!(
            out.ends_with("|403") && !out.contains(SECRET),
            "{path}: {out}"
        );
    }
    viewer(&edge).get("/in").await.expect(200).body("?");
}

fn edge_of(origin: &str) -> EdgeBuilder {
    edge(&format!(
        "{origin}\n[distribution.site.default_behavior]\ntarget = \"bucket\"\n"
    ))
}

/// Opening a pipe that nobody writes into would never end.
#[tokio::test]
async fn only_regular_files_are_objects() {
    let bucket = bucket();
    let pipe = bucket.path().join("pipe").display().to_string();
    prints("mkfifo", vec![pipe]).await;
    let socket = std::os::unix::net::UnixListener::bind(bucket.path().join("socket"));
    socket.expect("it can be bound");
    std::os::unix::fs::symlink("/dev/zero", bucket.path().join("zero")).expect("it is linked");
    let edge = before(&bucket, "").start().await;
    for path in ["/pipe", "/socket", "/zero", "/empty"] {
        viewer(&edge).get(path).await.expect(403);
    }
}
