//! Rules that concern more than one option.

use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use super::error::Problem;
use super::load::Loader;
use super::origin::Origin;
use super::sections::Server;

impl Server {
    /// Whether keys may be sent to this address: it is on this machine, there is TLS, here or at a
    /// proxy, or the administrator insists.
    #[must_use]
    pub fn carries_keys_safely(&self, address: IpAddr) -> bool {
        address.to_canonical().is_loopback()
            || self.tls_certificate.is_some()
            || self.tls_key.is_some()
            || !self.trusted_proxies.0.is_empty()
            || self.insecure
    }

    /// Whether keys travel in the clear to this address, because the administrator insists.
    #[must_use]
    pub fn is_insecure_at(&self, address: IpAddr) -> bool {
        let rest = Self {
            insecure: false,
            ..self.clone()
        };
        !rest.carries_keys_safely(address)
    }
}

impl Loader {
    /// Adds the problems of options that do not go together, once all layers are applied.
    pub(super) fn validate(&mut self) {
        self.pooler_needs_a_direct_url();
        self.the_host_has_a_usable_id();
        self.tls_has_two_files();
        self.keys_travel_safely();
        self.probes_stay_on();
        self.backups_are_not_made_all_the_time();
        self.a_limit_leaves_room();
        self.labels_have_usable_names();
    }

    /// A limit that the empty database exceeds would delete all but a day, forever.
    fn a_limit_leaves_room(&mut self) {
        const LEAST: u64 = 16 << 20;
        let max = self.config.retention.max_size;
        if max.is_some_and(|max| max.bytes() < LEAST) {
            let origin = self.origins.of("retention.max_size");
            let message = "must be at least \"16MiB\"; leave it out for no limit".to_owned();
            self.problems
                .push(Problem::new(origin, "retention.max_size", message));
        }
    }

    /// Labels are parts of queries, of lists and of `--label NAME=VALUE`.
    fn labels_have_usable_names(&mut self) {
        let is_usual = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
        let is_name = |name: &str| (1..=64).contains(&name.len()) && name.bytes().all(is_usual);
        let is_value = |text: &str| text.len() <= 256 && !text.chars().any(char::is_control);
        let origin = self.origins.of("host.labels");
        for (name, text) in &self.config.host.labels {
            let message = if !is_name(name) {
                format!("expected names of 1 to 64 letters, digits and -_./, not {name:?}")
            } else if !is_value(text) {
                format!("expected at most 256 characters without control characters for {name:?}")
            } else {
                continue;
            };
            self.problems
                .push(Problem::new(origin, "host.labels", message));
        }
    }

    fn backups_are_not_made_all_the_time(&mut self) {
        const LEAST: Duration = Duration::from_mins(1);
        if self.config.backup.every.is_some_and(|every| every < LEAST) {
            let origin = self.origins.of("backup.every");
            let message = "must be at least \"1m\"".to_owned();
            self.problems
                .push(Problem::new(origin, "backup.every", message));
        }
    }

    /// The id is part of every row in the database and of queries.
    fn the_host_has_a_usable_id(&mut self) {
        let Some(id) = &self.config.host.id else {
            return;
        };
        let is_usual = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
        if id.is_empty() || id.len() > 64 || !id.bytes().all(is_usual) {
            let message = format!("expected 1 to 64 letters, digits and -_.:, not {id:?}");
            let origin = self.origins.of("host.id");
            self.problems.push(Problem::new(origin, "host.id", message));
        }
    }

    fn tls_has_two_files(&mut self) {
        let server = &self.config.server;
        let (given, missing) = match (&server.tls_certificate, &server.tls_key) {
            (Some(_), None) => ("server.tls_certificate", "server.tls_key"),
            (None, Some(_)) => ("server.tls_key", "server.tls_certificate"),
            _ => return,
        };
        let origin = self.origins.of(given);
        let message = format!("needed together with {given}");
        self.problems
            .push(Problem::implied(origin, missing, &message));
    }

    fn keys_travel_safely(&mut self) {
        let server = &self.config.server;
        let address = server.listen;
        let is_safe = server.carries_keys_safely(address.ip());
        // A problem of these options has been reported already.
        let told = ["server.tls_", "server.trusted_proxies", "server.insecure"];
        let told = self
            .problems
            .iter()
            .any(|problem| told.iter().any(|key| problem.key().starts_with(key)));
        if !is_safe && !told {
            let origin = self.origins.of("server.listen");
            let message = format!(
                "{address} can be reached from other machines, and without TLS everyone on the \
                 network path can read the keys: set server.tls_certificate and server.tls_key, or \
                 server.trusted_proxies when a proxy with TLS stands in front, or listen on \
                 127.0.0.1"
            );
            self.problems
                .push(Problem::implied(origin, "server.listen", &message));
        }
    }

    fn probes_stay_on(&mut self) {
        for pattern in self.config.routes.disabled.0.keys() {
            if let Some(path @ ("/livez" | "/readyz")) = pattern.template() {
                let origin = self.origins.of("routes.disabled");
                let message =
                    format!("{path} can't be switched off: systemd and load balancers poll it");
                self.problems
                    .push(Problem::implied(origin, "routes.disabled", &message));
            }
        }
    }

    fn pooler_needs_a_direct_url(&mut self) {
        let database = &self.config.database;
        let told = self
            .problems
            .iter()
            .any(|problem| problem.key().starts_with("database.direct"));
        if database.pooler && database.direct_url.is_none() && !told {
            let origin = self.origins.of("database.pooler");
            let message = "needed while database.pooler is true";
            self.problems
                .push(Problem::implied(origin, "database.direct_url", message));
        }
    }

    /// A configuration file with a password in it must not be world-readable. Checked before
    /// the other layers are applied: the password lies open also while none of them needs it.
    pub(super) fn passwords_are_private(&mut self) {
        let database = &self.config.database;
        let urls = [
            ("database.url", Some(&database.url)),
            ("database.direct_url", database.direct_url.as_ref()),
            ("database.admin_url", database.admin_url.as_ref()),
            ("database.owner_url", database.owner_url.as_ref()),
        ];
        for (key, url) in urls {
            let origin = self.origins.of(key);
            let Origin::File(path) = origin else { continue };
            let open = std::fs::metadata(path)
                .is_ok_and(|metadata| metadata.permissions().mode() & 0o007 != 0);
            if open && url.is_some_and(super::DatabaseUrl::has_password) {
                let path = path.display();
                let message =
                    format!("holds a password and the file is world-readable: chmod 640 {path}");
                self.problems.push(Problem::new(origin, key, message));
            }
        }
    }
}
