//! A PostgreSQL of one test that can be stopped and started again.

use std::path::PathBuf;
use std::process::Child;

use super::postgres::{Account, free_port, initialise, private_folder, programs, run, watch};

pub(crate) struct Server {
    programs: PathBuf,
    account: Option<Account>,
    folder: PathBuf,
    options: String,
    port: u16,
    _watchdog: Child,
}

impl Server {
    /// A server that runs.
    pub(crate) fn start_new() -> Self {
        let account = Account::unprivileged();
        let folder = private_folder(account.as_ref());
        let port = free_port();
        let server = Self {
            programs: programs().expect("PostgreSQL is installed, other tests say how"),
            options: format!(
                "-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={} \
                 -c fsync=off -c max_connections=50 -c shared_buffers=32MB",
                folder.display()
            ),
            _watchdog: watch(&folder),
            account,
            folder,
            port,
        };
        initialise(server.account.as_ref(), &server.folder, &server.programs);
        server.start();
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    pub(crate) fn start(&self) {
        let log = self.folder.join("log");
        let log = log.to_str().expect("a readable name");
        self.control(&["start", "-w", "-t", "60", "-l", log, "-o", &self.options]);
    }

    /// Ends every connection at once.
    pub(crate) fn stop(&self) {
        self.control(&["stop", "-w", "-m", "immediate"]);
    }

    fn control(&self, arguments: &[&str]) {
        let data = self.folder.join("data");
        let data = data.to_str().expect("a readable name");
        let arguments = [arguments, &["-D", data]].concat();
        let done = run(
            self.account.as_ref(),
            &self.folder,
            &self.programs.join("pg_ctl"),
            &arguments,
        );
        done.unwrap_or_else(|output| panic!("pg_ctl {arguments:?}:\n{output}"));
    }
}
