//! Boards on what Prometheus scrapes from `/metrics`.

mod api;
mod daemon;
mod fleet;
mod host;

use super::model::{Board, Variable};

/// The job of the scrape.
const JOB: Variable = Variable {
    name: "job",
    label: "Job",
    query: "label_values(linux_api_build_info, job)",
    several: false,
};
/// One host.
const INSTANCE: Variable = Variable {
    name: "instance",
    label: "Host",
    query: "label_values(linux_api_build_info{job=\"$job\"}, instance)",
    several: false,
};
/// Any number of hosts.
const INSTANCES: Variable = Variable {
    several: true,
    ..INSTANCE
};

pub(super) fn boards() -> [Board; 4] {
    [fleet::board(), host::board(), api::board(), daemon::board()]
}
