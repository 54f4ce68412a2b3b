//! What can't be told from one option alone.

use std::os::unix::fs::PermissionsExt;

use super::error::Problem;
use super::load::Loader;
use super::origin::Origin;

impl Loader {
    /// Adds the problems of options that do not go together, once all layers are applied.
    pub(super) fn validate(&mut self) {
        self.pooler_needs_a_direct_url();
        self.the_host_has_a_usable_id();
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

    /// A configuration file with a password in it must not be open to everybody. Checked before
    /// the other layers are applied: the password lies open also while none of them needs it.
    pub(super) fn passwords_are_private(&mut self) {
        let database = &self.config.database;
        let urls = [
            ("database.url", Some(&database.url)),
            ("database.direct_url", database.direct_url.as_ref()),
        ];
        for (key, url) in urls {
            let origin = self.origins.of(key);
            let Origin::File(path) = origin else { continue };
            let open = std::fs::metadata(path)
                .is_ok_and(|metadata| metadata.permissions().mode() & 0o007 != 0);
            if open && url.is_some_and(super::DatabaseUrl::has_password) {
                let path = path.display();
                let message =
                    format!("holds a password and everybody may read the file: chmod 640 {path}");
                self.problems.push(Problem::new(origin, key, message));
            }
        }
    }
}
