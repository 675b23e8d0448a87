//! A folder as an origin: what is said by a file, by `--map` and by `--origin`, and what is wrong about it.

use std::path::{Path, PathBuf};

use tideover_config::{
    Edge, Folder, Missing, Mode, OriginKind, Overrides, Website, from_origins, load_text, to_toml,
};

const BUCKETS: &str = r#"
[origin.bucket]
domain_name = "my-bucket.s3.eu-central-1.amazonaws.com"
path = "/prod"
health_check = { path = "/" }
breaker = { }
headers = { X-A = "1" }

[origin.site]
url = "http://site.s3-website-us-east-1.amazonaws.com"

[origin.newer]
url = "http://site.s3-website.eu-central-1.amazonaws.com"

[origin.app]
url = "http://s3-website-eu.example.com"

[origin.last]
page = true

[distribution.one.default_behavior]
target = "bucket"
"#;

fn folder<'e>(edge: &'e Edge, id: &str) -> Option<&'e Folder> {
    let origin = edge.origins.iter().find(|origin| *origin.id == *id);
    match &origin.expect("the config has this origin").kind {
        OriginKind::Folder(folder) => Some(folder),
        OriginKind::Server(_) | OriginKind::Page(_) => None,
    }
}

fn mapped(pairs: &[(&str, &str)]) -> Result<Edge, String> {
    let pairs = pairs.iter();
    let flags = Overrides {
        map: pairs
            .map(|(who, to)| ((*who).to_owned(), (*to).to_owned()))
            .collect(),
        ..Overrides::default()
    };
    match load_text(Path::new("tideover.toml"), BUCKETS, &flags) {
        Ok(loaded) => Ok(loaded.edge),
        Err(problems) => Err(problems.to_string()),
    }
}

fn website(index: &str, error: Option<&str>) -> Website {
    Website {
        index: index.into(),
        error: error.map(Into::into),
    }
}

#[test]
fn a_bucket_is_mapped_to_a_folder_by_its_id_or_its_name() {
    for who in ["bucket", "my-bucket.s3.*", "MY-BUCKET.s3.*", "bu*"] {
        let edge = mapped(&[(who, "dir:./src")]).expect("it is a folder");
        let expected = Folder {
            dir: PathBuf::from("./src"),
            path: "/prod".into(),
            missing: Missing::Forbidden,
            website: None,
            fault: None,
        };
        assert_eq!(folder(&edge, "bucket"), Some(&expected), "{who}");
        for other in ["site", "newer", "app", "last"] {
            assert_eq!(folder(&edge, other), None, "{who} is not {other}");
        }
        // It is asked like any member, once, and has nothing to connect to.
        let member = &edge.targets[0].members[0];
        assert!(!member.is_page);
        assert_eq!(member.timers.connection_attempts.get(), 1);
        assert_eq!(member.worst_case(), member.timers.response_timeout);
    }
}

#[test]
fn a_website_endpoint_that_is_mapped_is_a_website() {
    let edge = mapped(&[("*", "dir:src")]).expect("it is a folder");
    let usual = Some(website("index.html", Some("404.html")));
    for (id, said, missing) in [
        ("bucket", None, Missing::Forbidden),
        ("site", usual.clone(), Missing::NotFound),
        ("newer", usual, Missing::NotFound),
        ("app", None, Missing::Forbidden),
    ] {
        let folder = folder(&edge, id).expect("all are mapped");
        assert_eq!((&folder.website, folder.missing), (&said, missing), "{id}");
    }
    assert_eq!(folder(&edge, "last"), None, "a page stays a page");
}

#[test]
fn a_folder_that_is_not_there_is_told_by_its_flag() {
    let told = mapped(&[("bucket", "dir:./nowhere")]).expect_err("it is not there");
    for part in [
        "--map bucket",
        "is \"dir:./nowhere\", which cannot be read (entity not found)",
        "name a folder after dir:, relative to where you are",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
    let told = mapped(&[("nobody", "dir:src")]).expect_err("nobody has this name");
    assert!(told.contains("names no origin that is a server"), "{told}");
    let told = mapped(&[("bucket", "dir:Cargo.toml")]).expect_err("it is a file");
    assert!(told.contains("which is no folder"), "{told}");

    let urls = ["dir:./nowhere".to_owned()];
    let problems = from_origins(&urls, &Overrides::default()).expect_err("it is not there");
    let told = problems.to_string();
    assert!(told.contains("--origin"), "{told}");
    assert!(told.contains("name a folder after dir:"), "{told}");
}

#[test]
fn a_folder_is_an_origin_of_the_command_line() {
    let urls = ["dir:src", "http://127.0.0.1:8081"].map(ToOwned::to_owned);
    for mode in [Mode::Faithful, Mode::Resilient] {
        let flags = Overrides {
            mode: Some(mode),
            ..Overrides::default()
        };
        let loaded = from_origins(&urls, &flags).expect("it is a folder");
        let folder = folder(&loaded.edge, "origin-1").expect("the first one is a folder");
        assert_eq!(folder.dir, Path::new("src"));
        assert_eq!(folder.missing, Missing::Forbidden);
    }
}

#[test]
fn what_a_folder_says_and_what_it_does_not_say() {
    for (said, missing, expected) in [
        ("", Missing::Forbidden, None),
        ("missing = \"404\"", Missing::NotFound, None),
        (
            "website = {}",
            Missing::NotFound,
            Some(website("index.html", None)),
        ),
        (
            "website = { error = \"e/404.html\" }",
            Missing::NotFound,
            Some(website("index.html", Some("e/404.html"))),
        ),
        (
            "missing = \"403\"\nwebsite = { index = \"home.htm\" }",
            Missing::Forbidden,
            Some(website("home.htm", None)),
        ),
    ] {
        let text = format!(
            "[origin.a]\ndir = \"src\"\n{said}\n[distribution.d.default_behavior]\ntarget = \"a\"\n"
        );
        let load = |text: &str| {
            let loaded = load_text(Path::new("tideover.toml"), text, &Overrides::default());
            loaded.unwrap_or_else(|problems| panic!("{problems}")).edge
        };
        let edge = load(&text);
        let found = folder(&edge, "a").expect("it is a folder");
        assert_eq!(
            (found.missing, &found.website),
            (missing, &expected),
            "{said}"
        );
        // It prints as itself, wherever that is kept.
        let again = load(&to_toml(&edge));
        let printed = folder(&again, "a").expect("it is a folder");
        let absolute = Folder {
            dir: std::path::absolute(&found.dir).expect("it has a place"),
            ..found.clone()
        };
        assert_eq!(printed, &absolute, "{said}");
    }
}
