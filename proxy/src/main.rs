//! The `tideover` program.
fn main() {}
