//! Who is left out because of what is known of it.

use tideover_config::Edge;
use tideover_rules::standing::{Standing, Why};

use crate::cast::all_hold;
use crate::play::{play_standing, tiers};

const USUAL: [u16; 5] = [404, 500, 502, 503, 504];

/// One letter a member: `.` is alive; `u`nhealthy, `b`reaker, `s`low start and `d`rained are suspect; `D`own and `N`ot the
/// only one are off.
fn standings(letters: &str) -> Vec<Standing> {
    let standing = |letter| match letter {
        '.' => Standing::Alive,
        'u' => Standing::Suspect(Why::Unhealthy),
        'b' => Standing::Suspect(Why::Breaker),
        's' => Standing::Suspect(Why::SlowStart),
        'd' => Standing::Suspect(Why::Drained),
        'D' => Standing::Off(Why::Down),
        'N' => Standing::Off(Why::NotTheOnly),
        other => panic!("no standing is called {other}"),
    };
    letters.chars().map(standing).collect()
}

fn all_play(edge: &Edge, rows: &[(&str, &str, &str, &str)]) {
    let failures: Vec<String> = rows
        .iter()
        .filter_map(|(stand, method, script, expected)| {
            let told = play_standing(edge, &standings(stand), method, "/", script).told;
            (told != *expected)
                .then(|| format!("{stand} {method} {script}: {told}, not {expected}"))
        })
        .collect();
    all_hold(&failures);
}

#[test]
fn in_a_group_of_two() {
    let edge = tiers(r#""vm", "swa""#, &USUAL, "");
    #[rustfmt::skip]
    let rows = [
        ("..", "GET", "200", "vm -> 200 of vm"),
        // Who is known to be dead costs nothing.
        ("u.", "GET", "200", "(vm) swa -> 200 of swa"),
        ("b.", "GET", "200", "(vm) swa -> 200 of swa"),
        ("s.", "GET", "200", "(vm) swa -> 200 of swa"),
        ("d.", "GET", "200", "(vm) swa -> 200 of swa"),
        ("D.", "GET", "200", "(vm) swa -> 200 of swa"),
        ("N.", "GET", "200", "(vm) swa -> 200 of swa"),
        // The other one's failure is the viewer's: nobody goes back.
        ("u.", "GET", "503", "(vm) swa -> 503 of swa"),
        // The last one is never left out.
        (".u", "GET", "503 200", "vm swa -> 200 of swa"),
        (".b", "GET", "503 200", "vm swa -> 200 of swa"),
        (".d", "GET", "503 200", "vm swa -> 200 of swa"),
        // All look dead: they are asked in order.
        ("uu", "GET", "503 200", "vm swa -> 200 of swa"),
        ("bb", "GET", "503 200", "vm swa -> 200 of swa"),
        ("ub", "GET", "503 200", "vm swa -> 200 of swa"),
        ("dd", "GET", "200", "vm -> 200 of vm"),
        // Who is off is not asked, whoever is left.
        (".D", "GET", "503", "vm (swa) -> 503 of vm"),
        ("uD", "GET", "200", "vm -> 200 of vm"),
        ("uD", "GET", "503", "vm (swa) -> 503 of vm"),
        ("DD", "GET", "", "(vm) (swa) -> down of swa"),
        ("DN", "GET", "", "(vm) (swa) -> not-the-only of swa"),
        // An answer is held: a suspect is not asked for a better one.
        (".u", "GET", "404", "vm (swa) -> 404 of vm"),
        (".b", "GET", "404", "vm (swa) -> 404 of vm"),
        ("..", "GET", "404 200", "vm swa -> 200 of swa"),
        // A write goes to its one member however that stands, unless an operator says otherwise.
        ("u.", "POST", "200", "vm -> 200 of vm"),
        ("b.", "POST+body", "200", "vm -> 200 of vm"),
        ("d.", "DELETE", "200", "vm -> 200 of vm"),
        ("D.", "POST", "", "(vm) -> down of vm"),
        ("N.", "PUT+body", "", "(vm) -> not-the-only of vm"),
        // So does a GET with a body.
        ("u.", "GET+body", "200", "vm -> 200 of vm"),
        // Of a member that nothing is known of, nothing speaks against it.
        ("u", "GET", "200", "(vm) swa -> 200 of swa"),
        ("", "GET", "200", "vm -> 200 of vm"),
    ];
    all_play(&edge, &rows);
}

#[test]
fn with_a_page_behind() {
    let edge = tiers(r#""vm", "swa", "last""#, &USUAL, "");
    #[rustfmt::skip]
    let rows = [
        ("u..", "GET", "200", "(vm) swa -> 200 of swa"),
        ("u..", "GET", "503", "(vm) swa last -> 503 of last"),
        // Checks may be wrong about everybody at once, and a page is nobody's first choice.
        ("uu.", "GET", "503 200", "vm swa -> 200 of swa"),
        ("uu.", "GET", "503 503", "vm swa last -> 503 of last"),
        (".u.", "GET", "503 200", "vm swa -> 200 of swa"),
        // Requests that failed told the truth: a viewer does not wait for a failure that is known.
        ("bb.", "GET", "", "(vm) (swa) last -> 503 of last"),
        (".b.", "GET", "503", "vm (swa) last -> 503 of last"),
        ("ub.", "GET", "200", "vm -> 200 of vm"),
        ("ub.", "GET", "503", "vm (swa) last -> 503 of last"),
        ("bu.", "GET", "200", "(vm) swa -> 200 of swa"),
        ("b..", "GET", "503", "(vm) swa last -> 503 of last"),
        ("ss.", "GET", "200", "vm -> 200 of vm"),
        ("DD.", "GET", "", "(vm) (swa) last -> 503 of last"),
        // An operator does not want the page either: what came last before it is told.
        ("..D", "GET", "503 503", "vm swa (last) -> 503 of swa"),
        ("bbD", "GET", "503 503", "vm swa (last) -> 503 of swa"),
        ("DDD", "GET", "", "(vm) (swa) (last) -> down of last"),
        // The page is the only one.
        ("NN.", "GET", "", "(vm) (swa) last -> 503 of last"),
        // It has nobody else to leave requests to.
        ("..d", "GET", "503 503", "vm swa last -> 503 of last"),
        // No page takes the place of an answer.
        (".b.", "GET", "404", "vm (swa) -> 404 of vm"),
    ];
    all_play(&edge, &rows);
}

#[test]
fn a_single_origin_is_asked_unless_it_is_switched_off() {
    let edge = tiers(r#""vm""#, &USUAL, "");
    #[rustfmt::skip]
    let rows = [
        ("u", "GET",  "200", "vm -> 200 of vm"),
        ("b", "POST", "200", "vm -> 200 of vm"),
        ("s", "GET",  "200", "vm -> 200 of vm"),
        ("d", "GET",  "200", "vm -> 200 of vm"),
        ("D", "GET",  "",    "(vm) -> down of vm"),
        ("D", "POST", "",    "(vm) -> down of vm"),
    ];
    all_play(&edge, &rows);
}
