//! How much the cache may take is said where somebody may wonder: by `check`, and when the edge starts.

use super::*;

#[test]
fn the_bound_of_the_cache_is_said_where_something_is_kept() {
    let config = file(
        "kept.toml",
        &format!("[cache]\nmemory = \"64MiB\"\nobject = \"2MiB\"\n{PAGE_ONLY}"),
    );
    let config = config.to_str().expect("a path");
    let words = "cache 64MiB of memory, objects of up to 2MiB\n";

    let (code, _, err) = said(&output(&["check", config]));
    assert_eq!((code, err.matches(words).count()), (Some(0), 1), "{err}");
    let mut serving = Serving::start(tideover().args(["run", "--config", config]));
    assert_eq!(serving.says("cache "), words);

    let (code, _, err) = said(&output(&["check", config, "--cache", "off"]));
    assert_eq!((code, err.contains("cache ")), (Some(0), false), "{err}");
}

#[test]
fn a_key_is_explained_by_the_config_alone() {
    let config = file("explained-key.toml", PAGE_ONLY);
    let config = config.to_str().expect("a path");
    let url = "https://www.example.com/cart?id=7";

    let (code, out, err) = said(&output(&["explain", "--config", config, "GET", url]));
    assert_eq!(code, Some(0), "{err}");
    let line = "  cache         key: path /cart, query = id=7, header host = www.example.com, scheme = https\n";
    assert!(out.contains(line), "{out}");
    assert!(!out.contains("kept now"), "{out}");
}
