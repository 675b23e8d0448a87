//! `tideover switch` and `tideover status` beside the program that serves.

use super::{PAGE_ONLY, Serving, file, operates, said, tideover};

#[test]
fn whoever_runs_the_edge_switches_it_without_more_ado() {
    let config = file("switched.toml", PAGE_ONLY);
    let (edge, admin) = Serving::with_admin(&config);
    let does = |arguments: &[&str]| operates(&admin, arguments);

    let (code, out, err) = does(&[
        "switch",
        "one",
        "maintenance",
        "--for",
        "30m",
        "--reason",
        "a test",
    ]);
    assert_eq!((code, &*err), (Some(0), ""), "{out}");
    assert!(
        out.starts_with("distribution one was serve and is maintenance, for 30 min: every request"),
        "{out}"
    );
    let (code, out, err) = does(&["status"]);
    assert_eq!((code, &*err), (Some(0), ""), "{out}");
    assert!(out.contains("IN MAINTENANCE"), "{out}");
    assert!(out.contains("a test"), "{out}");
    let (code, out, _) = does(&["status", "--json"]);
    assert_eq!(code, Some(0));
    let status: serde_json::Value = serde_json::from_str(&out).expect("it is JSON");
    assert_eq!(status["switches"][0]["distribution"], "one");
    let (code, out, err) = does(&["switch", "two", "maintenance"]);
    assert_eq!((code, &*out), (Some(1), ""));
    assert_eq!(
        err,
        "tideover: there is no distribution \"two\"; the config has one\n"
    );
    let (code, out, _) = does(&["switch", "one", "serve"]);
    assert_eq!(code, Some(0), "{out}");

    // Another user does not know the token.
    let mut command = tideover();
    let command = command.args(["switch", "one", "maintenance", "--admin", &admin]);
    let output = command
        .env("TIDEOVER_ADMIN_TOKEN", "this-is-not-the-token")
        .output();
    let (code, _, err) = said(&output.expect("the program starts"));
    assert_eq!(code, Some(1));
    assert!(err.contains("this takes the token of the edge"), "{err}");
    drop(edge);
    let (code, _, err) = does(&["status"]);
    assert_eq!(code, Some(1));
    assert!(err.contains("no edge answers at"), "{err}");
    let _ = std::fs::remove_file(config.with_extension("state.json"));
}
