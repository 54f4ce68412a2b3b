//! The boards for Grafana: their JSON is what Grafana reads, and each of their queries finds something.

use crate::support;

mod boards;
mod files;
mod postgres;
mod prometheus;
