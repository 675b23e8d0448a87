//! What an invalidation is about. Source: Developer Guide, "Invalidate files to remove content".

use tideover_rules::cache::invalidation::{NoPattern, Pattern};

use crate::cast::all_hold;

#[test]
fn a_pattern_is_a_path_or_the_beginning_of_one() {
    #[rustfmt::skip]
    let rows = [
        ("/a.html", "/a.html", true),
        ("/a.html", "/A.html", false),
        ("/a.html", "/a.html/", false),
        ("/a.html", "/a.htm", false),
        ("a.html", "/a.html", true),
        ("/", "/", true),
        ("/", "/a", false),
        // A query is a part of what is named.
        ("/a", "/a?b=1", false),
        ("/a?b=1", "/a?b=1", true),
        ("/a?b=1", "/a", false),
        ("/a?b=1", "/a?b=2", false),
        ("/a*", "/a?b=1", true),
        ("/a?*", "/a?b=1", true),
        ("/a?*", "/a", false),
        ("/a?c", "/abc", false),
        // A star at the end, and only there.
        ("/*", "/", true),
        ("/*", "/a/b?c=1", true),
        ("/*", "*", true),
        ("*", "/a", true),
        ("/dir/*", "/dir/a", true),
        ("/dir/*", "/dir/a/b/c", true),
        ("/dir/*", "/dir/", true),
        ("/dir/*", "/dir", false),
        ("/dir/*", "/dirt", false),
        ("/dir*", "/dir", true),
        ("/dir*", "/dirt/a", true),
        ("/*.jpg", "/a.jpg", false),
        ("/*.jpg", "/*.jpg", true),
        ("/a*b*", "/a*bc", true),
        ("/a*b*", "/axbc", false),
        ("/a**", "/a*b", true),
        ("/a**", "/ab", false),
        // URL-encoded as the viewer asked, or not.
        ("/caf%C3%A9", "/caf%C3%A9", true),
        ("/caf%C3%A9", "/caf\u{e9}", true),
        ("/caf%C3%A9", "/cafe", false),
        ("/caf%C3*", "/caf\u{e9}", true),
        ("/%41", "/A", false),
        ("/100%", "/100%", true),
        ("/100%", "/100\u{e9}", false),
    ];
    let mut failures = Vec::new();
    for (written, target, expected) in rows {
        let pattern = Pattern::new(written).expect(written);
        if pattern.is_about(target.as_bytes()) != expected {
            failures.push(format!("{written} is about {target}: not {expected}"));
        }
    }
    all_hold(&failures);
}

#[test]
fn what_is_no_pattern_is_told_what_to_write() {
    let long = |characters: usize| format!("/{}", "a".repeat(characters - 1));
    #[rustfmt::skip]
    let rows = [
        (String::new(), NoPattern::Empty, "is empty; write a path like /images/a.png, or /* for all"),
        (long(4_001), NoPattern::TooLong(4_001), "has 4001 characters; write at most 4000, perhaps with * at the end in place of the rest"),
        ("/caf\u{e9}".into(), NoPattern::NotEncoded('\u{e9}'), "has 'é'; write it URL-encoded, as %C3%A9"),
        ("/a b".into(), NoPattern::NotEncoded(' '), "has ' '; write it URL-encoded, as %20"),
        ("/a\n".into(), NoPattern::NotEncoded('\n'), "has '\\n'; write it URL-encoded, as %0A"),
        ("/a#b".into(), NoPattern::NotEncoded('#'), "has '#'; write it URL-encoded, as %23"),
        ("/a<b".into(), NoPattern::NotEncoded('<'), "has '<'; write it URL-encoded, as %3C"),
        ("HTTPS://a.example/b".into(), NoPattern::Url, "has a scheme and a host; write the path alone, like /images/a.png"),
    ];
    for (written, expected, words) in rows {
        assert_eq!(Pattern::new(&written), Err(expected), "{written}");
        assert_eq!(expected.to_string(), words);
    }
    assert!(Pattern::new(&long(4_000)).is_ok());
    assert!(Pattern::new("/https://a.example/b").is_ok());
}

#[test]
fn a_pattern_is_shown_as_it_is_compared() {
    for (written, shown) in [("a", "/a"), ("/a/*", "/a/*"), ("*", "/*"), ("/a?b", "/a?b")] {
        let pattern = Pattern::new(written).expect(written);
        assert_eq!(pattern.to_string(), shown);
        assert_eq!(Pattern::new(shown), Ok(pattern));
    }
}
