//! `tideover journal` and `tideover explain --live` beside the program that serves.

use super::{Serving, file, operates};

/// Nobody is at either side of the record.
const RECORD: &str = r#"
[listen]
http = "127.0.0.1:0"

[journal]
file = "told.journal.jsonl"

[origin.one]
url = "http://127.0.0.1:9"

[origin.two]
url = "http://127.0.0.1:9"

[failover_record.app]
primary = "one"
secondary = "two"
fail_over = "manual"
fail_back = "manual"

[distribution.site.default_behavior]
target = "app"
allowed_methods = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
"#;

#[test]
fn an_edge_lists_its_journal_and_explains_itself() {
    let config = file("told.toml", RECORD);
    let journal = config.with_file_name("told.journal.jsonl");
    let write = r#"{"time":"2026-01-31T12:00:00.000Z","record":"app","origin":"two","method":"PUT","host":"shop","path":"/cart","has_query":false,"request_id":"ID","outcome":"answered","status":204,"failure":null}"#;
    std::fs::write(&journal, format!("{write}\n")).expect("it can be written");
    let (_edge, admin) = Serving::with_admin(&config);
    let does = |arguments: &[&str]| operates(&admin, arguments);

    let expected = "2026-01-31T12:00:00.000Z  app -> two  PUT shop/cart  204  ID\n1 write since the last fail-over\n";
    let asked = does(&["journal", "--record", "app"]);
    assert_eq!(asked, (Some(0), expected.to_owned(), String::new()));
    let file = journal.to_str().expect("a path");
    let read = does(&["journal", "--file", file]);
    assert_eq!(read, (Some(0), expected.to_owned(), String::new()));
    let (code, out, _) = does(&["journal", "--since", "2026-02-01", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((code, &told["writes"]), (Some(0), &serde_json::json!([])));
    for (arguments, expected, words) in [
        (
            &["journal", "--record", "ap"][..],
            1,
            "no failover record \"ap\"",
        ),
        (
            &["journal", "--since", "yesterday"],
            2,
            "no span and no time",
        ),
        (&["journal", "--file", "no-such-file"], 1, "no-such-file"),
    ] {
        let (code, _, err) = does(arguments);
        assert_eq!((code, err.contains(words)), (Some(expected), true), "{err}");
    }

    let (code, out, err) = does(&["switch", "app", "secondary"]);
    assert_eq!(code, Some(0), "{out}{err}");
    let explain = ["explain", "--live", "POST", "/cart?a=b&c", "--expect"];
    let (code, out, err) = does(&[&explain[..], &["two"]].concat());
    assert_eq!((code, &*err), (Some(0), ""), "{out}");
    assert!(out.starts_with("POST /cart?a=b&c\n"), "{out}");
    assert!(out.contains("app stands for two, its secondary"), "{out}");
    let (code, _, err) = does(&[&explain[..], &["one"]].concat());
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("two would be asked first, not one"), "{err}");
    // Neither an edge nor a config.
    let (code, _, err) = does(&["explain", "GET", "/"]);
    assert_eq!((code, err.contains("--config")), (Some(2), true), "{err}");
}
