//! `docs/` and the README as people follow them: every command is run or listed with its reason,
//! every output is compared, every file and every path that they name is there.

use crate::support::{postgres, small_program};
mod answers;
mod commands;
mod follow;
mod links;
pub(crate) mod listed;
mod names;
mod pages;
mod programs;
mod python;
mod queries;
mod scopes;
mod settings;
mod stage;
mod troubleshooting;
mod tutorial;

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
    summary: "docs/SUMMARY.md",
    acting: "docs/acting.md",
    administration: "docs/administration.md",
    alerts: "docs/alerts.md",
    ansible: "docs/ansible.md",
    api_clients: "docs/api-clients.md",
    api_design: "docs/api-design.md",
    api: "docs/api.md",
    architecture: "docs/architecture.md",
    cli: "docs/cli.md",
    comparison: "docs/comparison.md",
    configuration: "docs/configuration.md",
    containers: "docs/containers.md",
    faq: "docs/faq.md",
    fleet: "docs/fleet.md",
    grafana: "docs/grafana.md",
    installation: "docs/installation.md",
    introduction: "docs/introduction.md",
    kubernetes: "docs/kubernetes.md",
    logging: "docs/logging.md",
    metrics_format: "docs/metrics-format.md",
    metrics: "docs/metrics.md",
    operations: "docs/operations.md",
    postgresql: "docs/postgresql.md",
    processes: "docs/processes.md",
    prometheus: "docs/prometheus.md",
    quick_start: "docs/quick-start.md",
    recipes: "docs/recipes.md",
    releasing: "docs/releasing.md",
    security: "docs/security.md",
    server_preparation: "docs/server-preparation.md",
    ssh: "docs/ssh.md",
    troubleshooting_page: "docs/troubleshooting.md",
    tui: "docs/tui.md",
    tutorial_api: "docs/tutorial-api.md",
    tutorial_fleet: "docs/tutorial-fleet.md",
    units_and_logs: "docs/units-and-logs.md",
    upgrading: "docs/upgrading.md",
    views: "docs/views.md",
}

/// The socket would start the service again with the next request, in the middle of a restore.
#[test]
fn who_is_told_to_stop_the_service_is_told_to_stop_its_socket() {
    const STOP: &str = "systemctl stop linux-api";
    let mut folders = vec![pages::root().join("src"), pages::root().join("crates")];
    let mut texts: Vec<String> = pages::all().into_iter().map(|page| page.text).collect();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                texts.push(std::fs::read_to_string(path).unwrap());
            }
        }
    }
    let lines = texts.iter().flat_map(|text| text.lines());
    let stops: Vec<_> = lines.filter(|line| line.contains(STOP)).collect();
    assert!(stops.len() >= 3, "{stops:?}");
    for line in stops {
        assert!(line.contains("linux-api.socket"), "{line}");
    }
}
