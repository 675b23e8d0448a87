//! `tideover invalidate` and `tideover invalidations` beside the program that serves.

use super::{PAGE_ONLY, Serving, file, operates};

#[test]
fn whoever_runs_the_edge_invalidates_what_it_keeps() {
    let config = file("invalidated.toml", PAGE_ONLY);
    let (_edge, admin) = Serving::with_admin(&config);
    let does = |arguments: &[&str]| operates(&admin, arguments);

    let (code, out, _) = does(&["invalidations"]);
    assert_eq!(
        (code, &*out),
        (Some(0), "nothing was invalidated since this edge began\n")
    );
    let order = ["invalidate", "/images/*", "b", "--reference", "r1"];
    let (code, out, err) = does(&order);
    assert_eq!((code, &*err), (Some(0), ""), "{out}");
    let (id, rest) = out.split_once(' ').expect("it has an id");
    assert!(
        rest.starts_with("Completed: /images/* and 1 more path of one, in "),
        "{out}"
    );
    let (code, out, _) = does(&order);
    assert_eq!(code, Some(0));
    assert!(out.starts_with(id), "{out}");
    assert!(
        out.ends_with("; it was given before, as r1, and nothing was done again\n"),
        "{out}"
    );
    let (code, out, err) = does(&["invalidate", "/c", "--reference", "r1"]);
    assert_eq!((code, &*out), (Some(1), ""));
    assert!(err.contains("which has other paths"), "{err}");
    let (code, out, err) = does(&["invalidate", "/a b", "http://x/", "--distribution", "one"]);
    assert_eq!((code, &*out), (Some(1), ""));
    assert!(
        err.contains("as %20; \"http://x/\" has a scheme and a host"),
        "{err}"
    );
    let (code, _, err) = does(&["invalidate", "/a", "--distribution", "two"]);
    assert_eq!(code, Some(1));
    assert_eq!(
        err,
        "tideover: there is no distribution \"two\"; the config has one\n"
    );
    let (code, _, _) = does(&["invalidate"]);
    assert_eq!(code, Some(2));
    let (code, out, _) = does(&["invalidations"]);
    assert_eq!(code, Some(0));
    assert!(
        out.starts_with(&format!("{id} Completed, ")) && out.lines().count() == 1,
        "{out}"
    );
    let (code, out, _) = does(&["invalidations", "--json"]);
    assert_eq!(code, Some(0));
    let all: serde_json::Value = serde_json::from_str(&out).expect("it is JSON");
    assert_eq!(all["invalidations"][0]["id"], id);
    let _ = std::fs::remove_file(config.with_extension("state.json"));
}
