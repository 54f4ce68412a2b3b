//! `docs/` and the README as people follow them: every command is run or listed with its reason,
//! every answer is compared, every file and every path that they name is there.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod answers;
mod commands;
mod follow;
mod listed;
mod names;
mod pages;
#[path = "../support/postgres.rs"]
mod postgres;
mod python;
mod queries;
mod settings;
#[path = "../support/small_program.rs"]
mod small_program;
mod stage;

/// One test per page, so that they are followed side by side.
macro_rules! follow {
    ($($test:ident: $path:literal,)*) => {
        $(#[test]
        fn $test() {
            follow::follow(&pages::page($path));
        })*

        #[test]
        fn no_page_is_left_out() {
            let followed = [$($path),*].map(str::to_owned);
            let there: Vec<_> = pages::all().into_iter().map(|page| page.path).collect();
            assert_eq!(there, followed);
        }
    };
}

follow! {
    readme: "README.md",
    administration: "docs/administration.md",
    api: "docs/api.md",
    architecture: "docs/architecture.md",
    configuration: "docs/configuration.md",
    containers: "docs/containers.md",
    installation: "docs/installation.md",
    metrics_format: "docs/metrics-format.md",
    metrics: "docs/metrics.md",
    operations: "docs/operations.md",
    postgresql: "docs/postgresql.md",
    processes: "docs/processes.md",
    prometheus: "docs/prometheus.md",
    quick_start: "docs/quick-start.md",
    security: "docs/security.md",
    server_preparation: "docs/server-preparation.md",
    tui: "docs/tui.md",
    upgrading: "docs/upgrading.md",
}
