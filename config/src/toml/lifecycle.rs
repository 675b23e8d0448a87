//! What `[listen]` says about reload, takeover and drain.

use super::table::Table;
use crate::problem::Problem;
use crate::written::Lifecycle;

pub(super) fn lifecycle(listen: &mut Table<'_>, problems: &mut Vec<Problem>) -> Lifecycle {
    Lifecycle {
        drain_timeout: listen.span("drain_timeout", problems),
        drain_delay: listen.span("drain_delay", problems),
        takeover: listen.string("takeover", problems),
        watch: listen.boolean("watch", problems),
    }
}
