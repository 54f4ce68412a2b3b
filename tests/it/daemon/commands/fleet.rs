//! Two daemons, and a user with remotes for them: one dead, one with a wrong key, one of a viewer.

use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use super::Ended;
use crate::daemon::process::{Daemon, linux_api};

pub(super) struct Fleet {
    /// The user's.
    pub(super) home: TempDir,
    pub(super) web: Daemon,
    pub(super) db: Daemon,
    /// The daemons'.
    homes: [TempDir; 2],
}

impl Fleet {
    pub(super) fn start() -> Self {
        let homes = [TempDir::new().unwrap(), TempDir::new().unwrap()];
        let no_limits = [("LINUX_API__RATE_LIMIT__ENABLED", "false")];
        let [web, db] =
            [&homes[0], &homes[1]].map(|home| Daemon::start(home.path(), &[], &no_limits));
        let fleet = Self {
            home: TempDir::new().unwrap(),
            web,
            db,
            homes,
        };
        let viewer = ["user", "add", "viewer1", "--json"];
        let viewer = Self::ended(&mut linux_api(fleet.homes[1].path(), &viewer));
        let viewer = viewer.json()["api_key"].as_str().unwrap().to_owned();
        let keys = [&fleet.web, &fleet.db].map(|daemon| daemon.key.clone().unwrap());
        let [web, db] = [&fleet.web, &fleet.db].map(|daemon| format!("http://{}", daemon.address));
        fleet.add(
            "web",
            &web,
            &keys[0],
            &["-l", "env=prod", "--label", "role=web"],
        );
        fleet.add("db", &db, &keys[1], &["-l", "env=prod"]);
        fleet.add("viewer", &db, &viewer, &[]);
        fleet.add("dead", "http://127.0.0.1:1", &keys[0], &["--offline"]);
        // A key that was good when it was added.
        fleet.add("wrong", &db, &viewer, &[]);
        let place = fleet.home.path().join(".config/linux-api/keys/wrong.key");
        assert!(place.exists(), "{}", place.display());
        std::fs::write(&place, format!("{}\n", keys[0])).unwrap();
        fleet
    }

    fn add(&self, name: &str, url: &str, key: &str, more: &[&str]) {
        let mut command = self.command(&["remote", "add", name, url, "--key-file"]);
        Self::ended(command.args(more).env("LINUX_API_KEY", key)).well();
    }

    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = linux_api(self.home.path(), arguments);
        command.stdin(Stdio::null());
        command
    }

    pub(super) fn run(&self, arguments: &[&str]) -> Ended {
        Self::ended(&mut self.command(arguments))
    }

    pub(super) fn ended(command: &mut Command) -> Ended {
        Self::output(&command.output().unwrap())
    }

    pub(super) fn output(output: &Output) -> Ended {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ended {
            code: output.status.code().expect("it ends by itself"),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }
}
