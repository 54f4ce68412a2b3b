//! What `docs/upgrading.md` promises about options is true.

use std::collections::BTreeSet;

use tempfile::TempDir;

use crate::config::{file, keys, load, write};

fn page() -> String {
    std::fs::read_to_string("docs/upgrading.md").expect("read docs/upgrading.md")
}

/// Every option of the Python program: those of its `.env`, then those of its configuration module.
const OLD: [&str; 45] = [
    "API_KEY_SECRET",
    "POSTGRES_USER",
    "POSTGRES_PASSWORD",
    "POSTGRES_PORT",
    "POSTGRES_DB",
    "PGPOOL_PORT",
    "PGPOOL_ADMIN_USER",
    "PGPOOL_ADMIN_PASSWORD",
    "DATABASE_URL",
    "ENABLE_LEGACY_ROUTES",
    "DEMO_MODE",
    "RESET_DATABASE_WHEN_DEMO",
    "API_TITLE",
    "API_DESCRIPTION",
    "API_VERSION",
    "API_PREFIX",
    "LEGACY_API_PREFIX",
    "API_DOCS_ENABLED",
    "ALLOWED_HOSTS",
    "ROUTE_DISABLE_CONFIG",
    "ROUTE_DISABLED_REASON",
    "ROUTE_DISABLED_RETRY_AFTER",
    "API_RATE_LIMIT_ENABLED",
    "API_DEFAULT_RATE_LIMITS",
    "USERNAME_MIN_LENGTH",
    "USERNAME_MAX_LENGTH",
    "POSTGRES_HOST",
    "POSTGRES_DATABASE",
    "POSTGRES_MIN_CONNECTIONS",
    "POSTGRES_MAX_CONNECTIONS",
    "POSTGRES_CONNECT_TIMEOUT",
    "POSTGRES_RETRIES",
    "POSTGRES_RETRY_DELAY",
    "POSTGRES_HEALTHCHECK_TIMEOUT",
    "POSTGRES_HEALTHCHECK_INTERVALL",
    "CORS_ALLOWED_ORIGINS",
    "CORS_ALLOWED_METHODS",
    "CORS_ALLOWED_HEADERS",
    "CORS_MAX_AGE",
    "BACKUP_DATABASE_BEFORE_MIGRATION",
    "BACKUP_DATABASE_AT_STARTUP",
    "DATABASE_BACKUP_DIR",
    "AUTO_MIGRATE_DATABASE_ON_STARTUP",
    "ALEMBIC_INI_FILE",
    "uvicorn --workers",
];

/// The rows of the table of options, as old and new.
fn rows(page: &str) -> Vec<(&str, &str)> {
    let table = page.split("| Old | New |").nth(1).expect("the table");
    let lines = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    lines
        .map(|line| {
            let mut cells = line.trim_matches('|').split(" | ");
            let mut next = || cells.next().expect("two cells").trim();
            (next(), next())
        })
        .collect()
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn every_old_option_has_its_row() {
    let page = page();
    let named: BTreeSet<&str> = rows(&page)
        .iter()
        .flat_map(|(old, _)| quoted(old))
        .collect();
    for old in OLD {
        assert!(named.contains(old), "{old} is missing in docs/upgrading.md");
    }
}

#[test]
fn every_new_option_exists_and_is_set_by_the_example() {
    let page = page();
    let known: BTreeSet<String> = keys().iter().map(linux_api_config::Key::path).collect();
    let example = page
        .split("```toml\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .expect("the example");
    let folder = TempDir::new().expect("make a folder");
    let loaded = load(&file(write(&folder, "config.toml", example)));
    let set: toml::Table = example.parse().expect("TOML");
    let mut tried = 0;
    for (old, new) in rows(&page) {
        for name in quoted(new).filter(|name| name.contains('.') && !name.contains(' ')) {
            assert!(known.contains(name), "{old}: there is no option {name}");
            let (section, key) = name.split_once('.').expect("a section");
            let is_set = set
                .get(section)
                .is_some_and(|section| section.get(key).is_some());
            // These take the place of database.url, or need what the example does not have.
            let apart = [
                "database.url_file",
                "database.direct_url",
                "database.pooler",
            ];
            assert!(
                is_set || apart.contains(&name),
                "the example does not set {name}"
            );
            tried += usize::from(is_set);
        }
    }
    assert!(tried > 20, "{tried}");
    assert_eq!(loaded.config.docs.title, "Linux API");
    assert_eq!(loaded.config.routes.retry_after.as_secs(), 600);
    assert_eq!(loaded.config.legacy.sunset.to_string(), "2027-12-31");
}

#[test]
fn what_goes_behind_a_pooler_loads_too() {
    let folder = TempDir::new().expect("make a folder");
    let url = write(
        &folder,
        "url",
        "postgres://linux_api@127.0.0.1:5432/linux_api\n",
    );
    let text = format!(
        "[database]\nurl_file = {url:?}\npooler = true\n\
         direct_url = \"postgres://linux_api@127.0.0.1:5433/linux_api\"\n"
    );
    let loaded = load(&file(write(&folder, "config.toml", &text)));
    assert!(loaded.config.database.pooler);
    assert!(loaded.config.database.url.expose().contains("5432"));
}
