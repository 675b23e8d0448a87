//! How large the values are that every request moves: memory per request, and copies of it. Their limits are among the
//! others, in `benches/budget.toml`.

use std::mem::size_of;

use toml::de::DeTable;

use crate::body::Body;
use crate::origin::fetch;
use crate::request::serve;

/// Growth by less needs no new budget.
const WITHIN_PERCENT: usize = 3;

/// The size in bytes of the future that `call` returns.
fn future_size<A, B, C, F: Future>(_call: fn(A, B, C) -> F) -> usize {
    size_of::<F>()
}

fn budget(value: &str) -> usize {
    let text = include_str!("../../../benches/budget.toml");
    let file = DeTable::parse(text).expect("the budget is good TOML");
    let sizes = file.get_ref().get("sizes").expect("it has sizes");
    let sizes = sizes.get_ref().as_table().expect("they are a table");
    let allowance = sizes
        .get(value)
        .and_then(|allowance| allowance.get_ref().as_table())
        .unwrap_or_else(|| panic!("{value} has a budget"));
    assert!(allowance.contains_key("why"), "{value} says why");
    let bytes = allowance
        .get("budget")
        .and_then(|bytes| bytes.get_ref().as_integer());
    let bytes = bytes.and_then(|bytes| bytes.as_str().parse().ok());
    bytes.unwrap_or_else(|| panic!("the budget of {value} is a number of bytes"))
}

#[test]
fn what_every_request_moves_stays_small() {
    let sizes = [
        ("story", future_size(serve)),
        ("fetch", future_size(fetch)),
        ("body", size_of::<Body>()),
    ];
    let mut grown = Vec::new();
    for (value, bytes) in sizes {
        let budget = budget(value);
        println!("sizes.{value}: {bytes} bytes, budget {budget}");
        if bytes * 100 > budget * (100 + WITHIN_PERCENT) {
            grown.push(format!(
                "sizes.{value} is {bytes} bytes, its budget {budget}"
            ));
        }
    }
    assert!(
        grown.is_empty(),
        "{grown:#?}: make it smaller, or raise its budget in benches/budget.toml in the same commit and say why"
    );
}
