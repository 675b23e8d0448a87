//! The table `[admin]`.

use super::table::Table;
use crate::problem::Problem;
use crate::written::Admin;

pub(super) fn admin(mut table: Table<'_>, problems: &mut Vec<Problem>) -> Admin {
    let admin = Admin {
        token: table.string("token", problems),
        state: table.string("state", problems),
    };
    table.finish(problems);
    admin
}
