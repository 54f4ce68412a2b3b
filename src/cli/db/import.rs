//! `linux-api db import`: what the Python Linux-API had.

mod report;
mod sources;

use std::convert::Infallible;
use std::process::ExitCode;

use anyhow::{Context as _, bail};

use self::report::Report;
use self::sources::{ImportSources, SourceOptions};
use super::context::DatabaseContext;
use crate::cli::progress::TerminalProgress;
use crate::cli::{Context, FAILED, output};
use linux_api_daemon::run::identity;
use linux_api_host::{Collector, HostRoots};
use linux_api_legacy::import::{
    Cutoffs, MeasurementsReport, OnConflict, Plan, Present, PythonPostgres, SourceUser,
    import_measurements, key_id_of, plan,
};
use linux_api_legacy::keys::{OWN_SECRET, hmac_setting, new_secret};
use linux_api_store::imports::ImportedFrom;
use linux_api_store::migrations::SchemaError;
use linux_api_store::users::UserPosition;
use linux_api_store::{Store, StoreError};
use linux_api_wire::audit::Action;
use linux_api_wire::progress::Progress;
use linux_api_wire::time::Clock;

/// How many users are read at once.
const PAGE: u32 = 1_000;

/// Import users, keys and measurements of the Python Linux-API
///
/// Its databases are only read, and may be in use. Its keys keep working. Importing again adds what is
/// new and changes nothing else; users that were deleted here are not imported again.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(flatten)]
    sources: SourceOptions,
    /// Rename users whose name is taken, by appending this
    #[arg(long, value_name = "TEXT", value_parser = suffix, conflicts_with = "merge")]
    rename_suffix: Option<String>,
    /// Merge users of the same name into one, with the keys of both
    #[arg(long)]
    merge: bool,
    /// Skip the measurements
    #[arg(long)]
    without_measurements: bool,
    /// Host of the measurements, by its id; default: this one
    #[arg(long, value_name = "ID", value_parser = host_id)]
    host: Option<String>,
    /// Only show what would be done
    #[arg(long)]
    dry_run: bool,
}

fn suffix(text: &str) -> Result<String, String> {
    let is_usual = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if text.is_empty() || !text.bytes().all(is_usual) {
        return Err("names hold a to z, digits and underscores".to_owned());
    }
    Ok(text.to_owned())
}

fn host_id(text: &str) -> Result<String, String> {
    let is_usual = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    if text.is_empty() || text.len() > 64 || !text.bytes().all(is_usual) {
        return Err("an id has 1 to 64 letters, digits and -_.:".to_owned());
    }
    Ok(text.to_owned())
}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let place = DatabaseContext::of(ctx)?;
        let mut found = self.sources.read(ctx).await?;
        let target = self.target(&place).await?;
        let choice = match &self.rename_suffix {
            Some(suffix) => OnConflict::Rename(suffix.clone()),
            None if self.merge => OnConflict::Merge,
            None => OnConflict::Stop,
        };
        let present = match &target {
            Some(store) => present(store, &found.users).await?,
            None => Present::default(),
        };
        let users = std::mem::take(&mut found.users);
        let plan = plan(users, &present, &choice);
        let mut report = Report::new(&place, &plan, self.dry_run);
        if !plan.conflicts().is_empty() {
            return self.stop(ctx, &place, target, report).await;
        }
        if let Some(store) = target.as_ref().filter(|_| !self.dry_run) {
            import_users(&place, store, &plan, &found).await?;
        }
        if let Some(postgres) = found
            .postgres
            .as_mut()
            .filter(|_| !self.without_measurements)
        {
            let progress = TerminalProgress::new(ctx);
            let target = target.as_ref().filter(|_| !self.dry_run);
            let done = self
                .measurements(&place, postgres, target, &progress)
                .await?;
            report.measurements = Some(done);
        }
        if let Some(postgres) = found.postgres {
            postgres.close().await;
        }
        if let Some(store) = target {
            store.close().await;
        }
        print(ctx, &report)?;
        Ok(ExitCode::SUCCESS)
    }

    /// The database to import into, with its schema; made when there is none. A dry run makes
    /// nothing, and has none then.
    async fn target(&self, place: &DatabaseContext) -> anyhow::Result<Option<Store>> {
        let missing = place
            .options
            .sqlite_path()?
            .is_some_and(|path| !path.exists());
        if missing && self.dry_run {
            return Ok(None);
        }
        let store = Store::open(place.options.clone(), Clock::system()).await?;
        let state = store.schema_state().await?;
        if state.current == 0 {
            if self.dry_run {
                store.close().await;
                return Ok(None);
            }
            // Nothing is lost that would need a backup.
            store
                .migrate(async |_: &Store| Ok::<_, Infallible>(()))
                .await?;
        } else if !state.pending.is_empty() {
            return Err(StoreError::from(SchemaError::Pending(state.pending.len())).into());
        }
        Ok(Some(store))
    }

    async fn measurements(
        &self,
        place: &DatabaseContext,
        source: &mut PythonPostgres,
        target: Option<&Store>,
        progress: &dyn Progress,
    ) -> anyhow::Result<MeasurementsReport> {
        let counts = source.counts().await?;
        let retention = &place.loaded.config.retention;
        let now = Clock::system().now();
        let kept = Cutoffs {
            minutes: now.saturating_sub(retention.minutes),
            hours: now.saturating_sub(retention.hours),
            days: now.saturating_sub(retention.days),
        };
        let Some(store) = target else {
            return Ok(import_measurements(source, counts, None, kept, progress).await?);
        };
        let from = ImportedFrom {
            host_id: match &self.host {
                Some(id) => id.clone(),
                None => own_host_id(place)?,
            },
            instance_id: source.installation().await?,
        };
        let target = Some((store, &from));
        let done = import_measurements(source, counts, target, kept, progress).await;
        let outcome = done.as_ref().map(|report| {
            format!(
                "{} rows of requests and {} of statuses for host {}",
                report.route_rows, report.status_rows, from.host_id
            )
        });
        place
            .audit(store, Action::DbImport, "measurements", outcome)
            .await?;
        Ok(done?)
    }

    /// A name is taken, and no option says what to do.
    async fn stop(
        &self,
        ctx: &Context,
        place: &DatabaseContext,
        target: Option<Store>,
        report: Report,
    ) -> anyhow::Result<ExitCode> {
        let names = report.conflicts();
        if let Some(store) = target {
            if !self.dry_run {
                let outcome = Err::<String, _>(format!("names are taken: {names}"));
                place
                    .audit(&store, Action::DbImport, "users", outcome)
                    .await?;
            }
            store.close().await;
        }
        print(ctx, &report)?;
        output::note(&format!(
            "error: nothing was imported, because names are taken: {names}. Say --merge when these \
             are the same people, or --rename-suffix _old to give the imported ones other names"
        ));
        Ok(ExitCode::from(FAILED))
    }
}

fn print(ctx: &Context, report: &Report) -> anyhow::Result<()> {
    output::styled_document(ctx, report, || report.in_words(ctx))
}

async fn present(store: &Store, sources: &[SourceUser]) -> anyhow::Result<Present> {
    let mut present = Present {
        sources: store.imported_sources().await?,
        ..Present::default()
    };
    let mut page = UserPosition::Offset(0);
    loop {
        let users = store.list_users(page, PAGE).await?;
        let Some(last) = users.last() else { break };
        page = UserPosition::After(last.created_at, last.id);
        present.users.extend(users);
    }
    for id in sources.iter().filter_map(key_id_of) {
        if store.find_key(&id).await?.is_some() {
            present.keys.insert(id);
        }
    }
    Ok(present)
}

async fn import_users(
    place: &DatabaseContext,
    store: &Store,
    plan: &Plan,
    found: &ImportSources,
) -> anyhow::Result<()> {
    let mut import = plan.to_import();
    if let Some(secret) = &found.api_key_secret {
        import.secrets.push((hmac_setting(secret), secret.clone()));
    }
    import.secrets.extend(found.pepper.clone());
    import.secrets.push((OWN_SECRET.to_owned(), new_secret()?));
    match store.import_users(&place.actor, &import).await {
        Err(StoreError::Refused(_)) => {
            bail!("a user of the same name was created meanwhile: import again")
        }
        done => done.context("write users and keys"),
    }
}

fn own_host_id(place: &DatabaseContext) -> anyhow::Result<String> {
    let host = &place.loaded.config.host;
    let collector = Collector::new(HostRoots {
        procfs: host.procfs.clone(),
        sysfs: host.sysfs.clone(),
        rootfs: host.rootfs.clone(),
    });
    let identity = identity::host(host, &collector, Some(&place.loaded.data_dir))?;
    Ok(identity.id.to_string())
}
