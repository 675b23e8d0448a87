//! Orders -> who would have nobody to answer.

use std::time::Duration;

use tideover_config::{
    Edge, FailoverRecord, MethodSet, Moves, OriginId, RecordId, RecordMember, Side,
};
use tideover_rules::switch::{Order, Orders, left_with_nobody};

use crate::cast::*;

/// Origins 0 and 1 are servers, 2 is a page. Reads go to a group of the three, writes to 0 alone; `/record` to a record of 0
/// and 1, `/pair` to the two servers, with writes.
fn cast(fail_over: Moves) -> Edge {
    let plain = |origin| member(origin, kind(&[503]), own_timers());
    let record = tideover_config::Member {
        record: Some(RecordMember {
            id: RecordId(0),
            secondary: Box::new(plain(1)),
        }),
        ..plain(0)
    };
    let writes = tideover_config::Behavior {
        for_methods: Some(MethodSet::WRITES),
        ..behavior("/*", 1)
    };
    let both = tideover_config::Behavior {
        allowed_methods: MethodSet::ALL,
        ..behavior("/pair", 3)
    };
    let mut edge = edge(
        vec![
            origin("a", server("a")),
            origin("b", server("b")),
            page("page"),
        ],
        vec![
            group(vec![plain(0), plain(1), page_member(2)], None),
            single(0),
            group(vec![record], None),
            group(vec![plain(0), plain(1)], None),
        ],
        vec![distribution(vec![
            writes,
            behavior("/record", 2),
            both,
            behavior("*", 0),
        ])],
    );
    edge.records.push(FailoverRecord {
        id: "r".into(),
        primary: OriginId(0),
        secondary: OriginId(1),
        fail_over,
        fail_back: Moves::Manual,
        hold_down: Duration::ZERO,
    });
    edge
}

const WRITES: usize = 0;
const RECORD: usize = 1;
const PAIR: usize = 2;

#[test]
fn nobody_is_left_alone_unawares() {
    use Order::{Down, Drain, Only, Ready};
    use Side::{Primary, Secondary};
    let (auto, manual) = (Moves::Auto, Moves::Manual);
    for (by, side, origins, record, bereft) in [
        (auto, Primary, &[Ready, Ready][..], None, &[][..]),
        // Who is drained is asked where nobody else can be.
        (auto, Primary, &[Drain, Drain], None, &[]),
        (manual, Primary, &[Drain, Ready], None, &[]),
        // Writes go to the first member alone; the record moves, if it does that by itself.
        (auto, Primary, &[Down, Ready], None, &[WRITES, PAIR]),
        (
            manual,
            Primary,
            &[Down, Ready],
            None,
            &[WRITES, RECORD, PAIR],
        ),
        (manual, Secondary, &[Down, Ready], None, &[WRITES, PAIR]),
        (auto, Primary, &[Ready, Down], None, &[]),
        // A record that is back by order only stays where nobody is.
        (auto, Secondary, &[Ready, Down], None, &[RECORD]),
        // The page of the group of three answers.
        (auto, Primary, &[Down, Down], None, &[WRITES, RECORD, PAIR]),
        // Where it is not a member, `only` says nothing; where it is not the first, writes find nobody.
        (auto, Primary, &[Only, Ready], None, &[]),
        (auto, Primary, &[Ready, Only], None, &[PAIR]),
        (auto, Primary, &[Only, Down], None, &[]),
        // An ordered record does not move.
        (auto, Primary, &[Ready, Down], Some(Secondary), &[RECORD]),
        (
            auto,
            Primary,
            &[Down, Ready],
            Some(Primary),
            &[WRITES, RECORD, PAIR],
        ),
        (auto, Primary, &[Ready, Ready], Some(Secondary), &[]),
    ] {
        let next = Orders {
            origins: origins.to_vec(),
            records: vec![record],
        };
        let edge = cast(by);
        let found = left_with_nobody(&edge, &[side], &Orders::default(), &next);
        let found: Vec<usize> = found.iter().map(|bereft| bereft.behavior).collect();
        assert_eq!(found, bereft, "{by:?} {side:?} {origins:?} {record:?}");
        // What is so already is nobody's doing any more.
        assert_eq!(left_with_nobody(&edge, &[side], &next, &next), []);
    }
}
