//! Where the data of the Python program is, and the secrets that reading it takes.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use secrecy::SecretString;

use crate::cli::Context;
use linux_api_config::{ConfigValue, DatabaseUrl};
use linux_api_legacy::import::{EnvFile, PythonPostgres, PythonSqlite, SourceUser, without_driver};

/// The variable that names the PostgreSQL database of the Python program.
const URL_VARIABLE: &str = "LINUX_API_IMPORT_POSTGRES_URL";
/// The variable that the Python program took its secret from.
const SECRET_VARIABLE: &str = "API_KEY_SECRET";
/// How much of a file with a secret is read.
const SECRET_MAX: u64 = 64 * 1024;

/// Where to import from.
#[derive(Debug, clap::Args)]
pub(super) struct SourceOptions {
    /// Directory of the Python program, with its .env and its users.db
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// Its .env, for the URL of PostgreSQL and the secret of its keys
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
    /// Its SQLite file with the users of the legacy routes
    #[arg(long, value_name = "FILE")]
    sqlite: Option<PathBuf>,
    /// URL of its PostgreSQL database, without a password (that may come from PGPASSWORD)
    #[arg(long, value_name = "URL", conflicts_with = "postgres_url_file")]
    postgres: Option<String>,
    /// File with that URL, including the password; - for standard input; else the variable
    /// `LINUX_API_IMPORT_POSTGRES_URL` is read
    #[arg(long, value_name = "FILE")]
    postgres_url_file: Option<PathBuf>,
    /// File with the secret of its keys; - for standard input; else its .env or the variable
    /// `API_KEY_SECRET` is read
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
}

/// What there is to import.
pub(super) struct ImportSources {
    pub(super) users: Vec<SourceUser>,
    pub(super) postgres: Option<PythonPostgres>,
    /// What v1 keys were made with, when there are any.
    pub(super) api_key_secret: Option<SecretString>,
    /// What legacy keys were made with, and the name of its setting.
    pub(super) pepper: Option<(String, SecretString)>,
}

impl SourceOptions {
    pub(super) async fn read(&self, ctx: &Context) -> anyhow::Result<ImportSources> {
        if let Some(folder) = &self.from {
            let about = std::fs::metadata(folder);
            let about = about.with_context(|| format!("--from: look at {}", folder.display()))?;
            if !about.is_dir() {
                bail!("--from: {} is not a directory", folder.display());
            }
        }
        let env_file = self.env_file()?;
        let mut found = ImportSources {
            users: Vec::new(),
            postgres: None,
            api_key_secret: None,
            pepper: None,
        };
        if let Some(url) = self.postgres_url(ctx, &env_file)? {
            let mut postgres = PythonPostgres::open(&url).await?;
            found.users = postgres.users().await?;
            found.postgres = Some(postgres);
            let keys = found.users.iter().filter(|user| user.key_hash.is_some());
            let keys = keys.count();
            if keys > 0 {
                found.api_key_secret = self.api_key_secret(ctx, &env_file)?;
                if found.api_key_secret.is_none() {
                    bail!(
                        "{keys} keys of the v1 routes can't be checked without the API_KEY_SECRET \
                         of the Python program: name its .env by --env-file, or a file with the \
                         secret by --secret-file, or set the variable {SECRET_VARIABLE}"
                    );
                }
            }
        }
        if let Some(path) = self.sqlite() {
            let sqlite = PythonSqlite::read(&path).await.with_context(|| {
                format!(
                    "as this account, uid {}",
                    rustix::process::geteuid().as_raw()
                )
            })?;
            found.pepper = Some(sqlite.secret());
            found.users.extend(sqlite.users);
        }
        if found.postgres.is_none() && found.pepper.is_none() {
            if let Some(folder) = &self.from {
                bail!(
                    "there is nothing to import from in {}: it has neither an .env that names a \
                     database nor a users.db; name them by --env-file, --postgres, \
                     --postgres-url-file or --sqlite",
                    folder.display()
                );
            }
            bail!(
                "there is nothing to import from: name the directory of the Python program by --from, \
                 or its parts by --env-file, --postgres, --postgres-url-file and --sqlite"
            );
        }
        Ok(found)
    }

    /// The named `.env`, else that in the program's directory when there is one.
    fn env_file(&self) -> anyhow::Result<EnvFile> {
        let in_folder = self.from.as_ref().map(|folder| folder.join(".env"));
        let named = self.env_file.clone();
        match named.or_else(|| in_folder.filter(|path| path.exists())) {
            Some(path) => Ok(EnvFile::read(&path)?),
            None => Ok(EnvFile::default()),
        }
    }

    /// The named file, else that in the program's directory when there is one.
    fn sqlite(&self) -> Option<PathBuf> {
        let in_folder = self.from.as_ref().map(|folder| folder.join("users.db"));
        let named = self.sqlite.clone();
        named.or_else(|| in_folder.filter(|path| path.exists()))
    }

    fn postgres_url(
        &self,
        ctx: &Context,
        env_file: &EnvFile,
    ) -> anyhow::Result<Option<SecretString>> {
        if let Some(url) = &self.postgres {
            let url = without_driver(url);
            match DatabaseUrl::from_text(&url) {
                Ok(parsed) if parsed.has_password() => bail!(
                    "every account on this host can read a password on the command line: put the \
                     URL into a file and name that by --postgres-url-file, or set {URL_VARIABLE} \
                     or PGPASSWORD"
                ),
                Ok(_) => return Ok(Some(url.into())),
                Err(problem) => bail!("--postgres: {problem}"),
            }
        }
        let text = match &self.postgres_url_file {
            Some(path) => Some(self.secret(path, "--postgres-url-file")?),
            None => ctx.environment.text(URL_VARIABLE).map(str::to_owned),
        };
        let url = text.map(|text| without_driver(text.trim()).into());
        Ok(url.or_else(|| env_file.postgres_url()))
    }

    fn api_key_secret(
        &self,
        ctx: &Context,
        env_file: &EnvFile,
    ) -> anyhow::Result<Option<SecretString>> {
        if let Some(path) = &self.secret_file {
            return Ok(Some(self.secret(path, "--secret-file")?.into()));
        }
        let variable = ctx.environment.text(SECRET_VARIABLE);
        let variable = variable.map(|text| text.to_owned().into());
        // An explicitly named file takes precedence over a variable that happens to be set.
        Ok(env_file.api_key_secret().or(variable))
    }

    /// What a file or standard input holds, without the line break at its end.
    fn secret(&self, path: &Path, option: &str) -> anyhow::Result<String> {
        let both = [&self.postgres_url_file, &self.secret_file];
        let is_input = |path: &Path| path == Path::new("-");
        let inputs = both.into_iter().flatten();
        if inputs.filter(|path| is_input(path)).count() > 1 {
            bail!("only one of --postgres-url-file and --secret-file can be standard input");
        }
        let mut text = String::new();
        let read = if is_input(path) {
            std::io::stdin().take(SECRET_MAX).read_to_string(&mut text)
        } else {
            linux_api_files::open(path)
                .and_then(|file| file.take(SECRET_MAX).read_to_string(&mut text))
        };
        read.with_context(|| format!("{option}: read {}", path.display()))?;
        let secret = text.trim_end_matches(['\r', '\n']);
        if secret.is_empty() {
            bail!("{option}: {} is empty", path.display());
        }
        Ok(secret.to_owned())
    }
}
