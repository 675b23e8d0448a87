use std::fs;
use std::io::Read as _;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use proptest::prelude::*;
use tideover_rules::bucket::Key;

use super::*;

const OUTSIDE: &str = "outside";
const INSIDE: &str = "inside";

/// A folder with something in it, beside something that it must not give out.
struct Stage(PathBuf);

impl Stage {
    fn new(name: &str) -> Self {
        let name = format!("tideover-open-{}-{name}", std::process::id());
        let stage = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&stage);
        let dist = stage.join("dist");
        fs::create_dir_all(dist.join("a/b")).expect("it can be written");
        for (file, text) in [
            ("secret", OUTSIDE),
            ("dist/secret.txt", INSIDE),
            ("dist/a/secret", INSIDE),
            ("dist/a/b/file", INSIDE),
            ("dist/..a", INSIDE),
            ("dist/back\\slash", INSIDE),
        ] {
            fs::write(stage.join(file), text).expect("it can be written");
        }
        for (link, to) in [
            ("dist/out", "../secret"),
            ("dist/up", ".."),
            ("dist/a/up", "../.."),
            ("dist/a/home", ".."),
            ("dist/near", "a/b/file"),
            ("dist/next", "a"),
            ("dist/loop", "loop"),
            ("dist/gone", "nowhere"),
        ] {
            symlink(to, stage.join(link)).expect("it can be linked");
        }
        symlink(dist.join("a"), dist.join("whole")).expect("it can be linked");
        symlink(&stage, dist.join("root")).expect("it can be linked");
        Self(stage)
    }

    fn dist(&self) -> PathBuf {
        self.0.join("dist")
    }

    /// What is got for this path; `None`: nothing.
    fn gets(&self, path: &str) -> Option<String> {
        let key = Key::of("", path).ok()?;
        let names: Vec<String> = key.names()?.into_iter().map(ToOwned::to_owned).collect();
        let mut opened = open(&self.dist(), &names).ok()?;
        let mut text = String::new();
        opened.file.read_to_string(&mut text).expect("it is a file");
        Some(text)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_path_gets_a_file_of_the_folder_or_nothing() {
    let stage = Stage::new("table");
    for path in [
        "/secret.txt",
        "/a/secret",
        "/a/b/file",
        "/a%2fb%2Ffile",
        "/..a",
        "/back\\slash",
        "/back%5Cslash",
        // Links that stay inside, to a file and to folders, by any way of writing them.
        "/near",
        "/next/b/file",
        "/next/home/a/secret",
        "/a/home/secret.txt",
        "/whole/b/file",
    ] {
        assert_eq!(stage.gets(path).as_deref(), Some(INSIDE), "{path}");
    }
    for path in [
        "/",
        "/a",
        "/a/",
        "/a/b/file/",
        "/a/b/file/x",
        "//a/secret",
        "/a//secret",
        "/./a/secret",
        "/SECRET.txt",
        "/out",
        "/up",
        "/up/secret",
        "/up/dist/secret.txt/..",
        "/a/up/secret",
        "/root/secret",
        "/loop",
        "/loop/x",
        "/gone",
        "/..",
        "/../secret",
        "/a/../../secret",
        "/%2e%2e/secret",
        "/%2E%2E%2Fsecret",
        "/..%2fsecret",
        "/a/..%2f..%2fsecret",
        "/..\\secret",
        "/..%5csecret",
        "/%00",
        "/secret.txt%00.png",
        "/secret%2etxt%00",
        "/%ff%fe",
        "/%c0%ae%c0%ae/secret",
        "/%",
        "/%2",
        "/%zz",
    ] {
        assert_eq!(stage.gets(path), None, "{path}");
    }
    let long = "n".repeat(300);
    assert_eq!(
        stage.gets(&format!("/{long}")),
        None,
        "no file has such a name"
    );
    // As many links as any system follows, and more than any does.
    for (times, expected) in [(12, Some(INSIDE)), (140, None)] {
        let way = "a/home/".repeat(times);
        assert_eq!(
            stage.gets(&format!("/{way}secret.txt")).as_deref(),
            expected
        );
    }
}

/// To look at one must not wait for somebody who writes into it.
#[test]
fn what_is_no_regular_file_is_not_opened() {
    let stage = Stage::new("kinds");
    let fifo = stage.dist().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status();
    assert!(made.expect("mkfifo is there").success());
    let _socket = std::os::unix::net::UnixListener::bind(stage.dist().join("socket"));
    symlink("pipe", stage.dist().join("to-pipe")).expect("it can be linked");
    symlink("/dev/zero", stage.dist().join("zero")).expect("it can be linked");
    for path in ["/pipe", "/socket", "/to-pipe", "/zero"] {
        assert_eq!(stage.gets(path), None, "{path}");
    }
}

#[test]
fn a_folder_that_is_gone_is_told_apart_from_a_file_that_is() {
    let stage = Stage::new("gone");
    let names = ["secret.txt".to_owned()];
    fs::rename(stage.dist(), stage.0.join("old")).expect("it can be moved");
    let gone = open(&stage.dist(), &names);
    assert!(matches!(gone, Err(NotOpened::NoFolder)), "{gone:?}");
    // A deployment puts a new one in its place, as a link.
    symlink("old", stage.dist()).expect("it can be linked");
    assert_eq!(stage.gets("/secret.txt").as_deref(), Some(INSIDE));
    assert_eq!(stage.gets("/near").as_deref(), Some(INSIDE));
    assert_eq!(stage.gets("/up/secret"), None);
}

fn any_segment() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => prop::sample::select(vec![
            "..", ".", "", "a", "b", "file", "secret", "secret.txt", "out", "up", "home", "near", "next", "whole", "root",
            "dist", "loop", "%2e%2e", "%2E.", ".%2e", "..%2f", "%2f", "%2f..", "..%5c", "..\\", "%00", "..%00", "%c0%ae", "%252e%252e",
        ]).prop_map(ToOwned::to_owned),
        1 => "[a-z.%/0-9]{0,6}",
    ]
}

#[test]
fn no_path_gets_anything_from_outside() {
    let stage = Stage::new("property");
    let config = ProptestConfig {
        cases: 4_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let found = std::cell::Cell::new(0);
    proptest!(config, |(segments in prop::collection::vec(any_segment(), 0..7))| {
        let path = format!("/{}", segments.join("/"));
        let got = stage.gets(&path);
        found.set(found.get() + usize::from(got.is_some()));
        prop_assert_ne!(got.as_deref(), Some(OUTSIDE), "{}", path);
    });
    assert!(found.get() > 20, "only {} paths got anything", found.get());
}
