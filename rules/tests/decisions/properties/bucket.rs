//! Whatever is asked for, a key's names are names.

use proptest::prelude::*;
use tideover_rules::bucket::Key;

fn any_path() -> impl Strategy<Value = String> {
    let segment = prop_oneof![
        3 => prop::sample::select(vec!["..", ".", "", "%2e%2e", "%2F", "%5c", "%00", "a", "%252e"]),
        1 => Just("\\"),
    ];
    prop_oneof![
        3 => prop::collection::vec(segment, 0..6).prop_map(|segments| format!("/{}", segments.join("/"))),
        1 => "/[%./a-f0-9]{0,16}",
        1 => "\\PC{0,12}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_name_of_a_key_is_a_way(origin_path in prop_oneof![Just(String::new()), any_path()], path in any_path()) {
        let Ok(key) = Key::of(&origin_path, &path) else { return Ok(()) };
        for name in key.names().unwrap_or_default() {
            prop_assert!(!matches!(name, "" | "." | ".."), "{:?}", name);
            prop_assert!(!name.contains(['/', '\0']), "{:?}", name);
        }
    }

    /// A redirect leads to the key that it was made for, at this host.
    #[test]
    fn the_path_of_a_key_asks_for_that_key(path in any_path()) {
        let Ok(key) = Key::of("", &path) else { return Ok(()) };
        let again = key.as_path();
        prop_assert!(again.is_ascii() && !again.contains(char::is_control));
        prop_assert_eq!(Key::of("", &again), Ok(key.clone()));
        prop_assert!(key.names().is_none() || !again.starts_with("//"));
    }
}
