//! Boards on the tables of PostgreSQL (`docs/metrics.md`), for those who have no Prometheus.

mod api;
mod daemon;
mod fleet;
mod host;

use super::model::{Board, Variable};

/// One host, by its id.
const HOST: Variable = Variable {
    name: "host",
    label: "Host",
    query: "select name as __text, id as __value from linux_api.hosts order by name",
    several: false,
};

pub(super) fn boards() -> [Board; 4] {
    [fleet::board(), host::board(), api::board(), daemon::board()]
}
