//! The configuration: what wins, what is refused, and what is said about it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use linux_api_config::{
    Config, Environment, Flag, Key, LoadedConfig, Origin, Section, Sources, example, reference,
};
use tempfile::TempDir;

mod upgrading;

fn load(sources: &Sources) -> LoadedConfig {
    Config::load(sources).unwrap_or_else(|error| panic!("{error}"))
}

fn refusal(sources: &Sources) -> String {
    Config::load(sources)
        .expect_err("should be refused")
        .to_string()
}

fn file(path: impl Into<PathBuf>) -> Sources {
    Sources {
        config_path: Some(path.into()),
        ..Sources::default()
    }
}

fn variables<const N: usize>(pairs: [(&str, &str); N]) -> Sources {
    Sources {
        environment: Environment::of(pairs),
        ..Sources::default()
    }
}

/// A file that only its owner and group may read.
fn write(folder: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, text).expect("write a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("set its mode");
    path
}

fn toml_files(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("read the folder");
    let paths = entries.map(|entry| entry.expect("read an entry").path());
    let mut paths: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths
}

/// Every option there is.
fn keys() -> Vec<Key> {
    Config::default()
        .sections()
        .into_iter()
        .flat_map(Section::keys)
        .collect()
}

#[test]
fn every_invalid_file_is_refused_with_the_expected_message() {
    for path in toml_files("tests/it/config/invalid") {
        let expected = fs::read_to_string(path.with_extension("expected")).unwrap();
        assert_eq!(
            refusal(&file(&path)),
            expected.trim_end(),
            "{}",
            path.display()
        );
    }
}

#[test]
fn every_valid_file_is_accepted() {
    for path in toml_files("tests/it/config/valid") {
        assert_eq!(load(&file(&path)).file, Some(path));
    }
    let loaded = load(&file("tests/it/config/valid/full.toml"));
    assert_eq!(
        loaded.config.server.header_timeout,
        Duration::from_millis(500)
    );
    assert_eq!(loaded.config.server.unix_peers["alice"], "bob");
    assert!(loaded.config.database.pooler && !loaded.config.database.migrate);
}

#[test]
fn later_layers_win() {
    let folder = TempDir::new().unwrap();
    let mut sources = Sources::default();
    let listen = |sources: &Sources| {
        let loaded = load(sources);
        (
            loaded.config.server.listen.port(),
            loaded.origins.of("server.listen").clone(),
        )
    };
    assert_eq!(listen(&sources), (8080, Origin::Default));

    let path = write(&folder, "user.toml", "[server]\nlisten = '127.0.0.1:1'\n");
    sources.environment.user_config = Some(path.clone());
    assert_eq!(listen(&sources), (1, Origin::File(path)));

    let path = write(&folder, "system.toml", "[server]\nlisten = '127.0.0.1:2'\n");
    sources.environment.system_config = Some(path.clone());
    assert_eq!(listen(&sources), (2, Origin::File(path)));

    let path = write(&folder, "given.toml", "[server]\nlisten = '127.0.0.1:3'\n");
    sources.config_path = Some(path.clone());
    assert_eq!(listen(&sources), (3, Origin::File(path)));

    let variable = "LINUX_API__SERVER__LISTEN".to_owned();
    sources
        .environment
        .variables
        .insert(variable.clone(), "127.0.0.1:4".into());
    assert_eq!(listen(&sources), (4, Origin::Environment(variable)));

    let value = "127.0.0.1:5".to_owned();
    sources.flags = vec![Flag {
        key: "server.listen",
        value,
        name: "--listen",
    }];
    assert_eq!(listen(&sources), (5, Origin::Flag("--listen".to_owned())));
}

#[test]
fn an_unreadable_system_file_is_never_passed_over() {
    let folder = TempDir::new().unwrap();
    let user = write(&folder, "user.toml", "");
    let mut sources = Sources::default();
    sources.environment.user_config = Some(user.clone());
    sources.environment.system_config = Some(folder.path().join("missing.toml"));
    assert_eq!(load(&sources).file, Some(user));

    // A directory in place of the file can't be read, not even by root.
    sources.environment.system_config = Some(folder.path().to_owned());
    let message = refusal(&sources);
    let expected = format!(
        "{}: cannot read the configuration: ",
        folder.path().display()
    );
    assert!(message.starts_with(&expected), "{message}");
}

#[test]
fn a_given_file_must_exist() {
    assert_eq!(
        refusal(&file("/nonexistent/config.toml")),
        "/nonexistent/config.toml: cannot read the configuration: \
         No such file or directory (os error 2)"
    );
}

#[test]
fn all_problems_of_all_sources_are_listed() {
    let mut sources = file("tests/it/config/invalid/syntax.toml");
    sources.environment = Environment::of([
        ("LINUX_API__SERVER__LISTEN", "nowhere"),
        ("LINUX_API__SERVER__LISTN", "127.0.0.1:80"),
        ("LINUX_API__DATABASE__POOLER", "true"),
    ]);
    let value = "soon".to_owned();
    sources.flags = vec![Flag {
        key: "flusher.interval",
        value,
        name: "--flush",
    }];
    let message = refusal(&sources);
    let lines: Vec<&str> = message.lines().collect();
    assert_eq!(lines.len(), 4, "{message}");
    assert!(lines[0].starts_with("tests/it/config/invalid/syntax.toml: line 2, column "));
    assert!(lines[1].starts_with("environment LINUX_API__SERVER__LISTEN: expected an address"));
    assert_eq!(
        lines[2],
        "environment LINUX_API__SERVER__LISTN: unknown variable, \
         did you mean LINUX_API__SERVER__LISTEN?"
    );
    assert!(lines[3].starts_with("flag --flush: expected a duration"));
}

#[test]
fn every_option_can_be_set_by_its_variable() {
    for key in keys() {
        let text = match &key.default {
            Some(toml::Value::Table(table)) => table
                .iter()
                .map(|(name, text)| format!("{name}={}", text.as_str().unwrap()))
                .collect::<Vec<_>>()
                .join(","),
            Some(toml::Value::Array(list)) => list
                .iter()
                .map(|element| element.as_str().unwrap())
                .collect::<Vec<_>>()
                .join(","),
            Some(toml::Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => String::new(),
        };
        let loaded = load(&variables([(&key.variable(), &text)]));
        let origin = loaded.origins.of(&key.path());
        assert_eq!(origin, &Origin::Environment(key.variable()));
    }
}

#[test]
fn variables_of_clients_are_no_configuration() {
    load(&variables([("LINUX_API_KEY", "lapi_x"), ("PATH", "/bin")]));
    assert_eq!(
        refusal(&variables([("LINUX_API__NONSENSE", "1")])),
        "environment LINUX_API__NONSENSE: unknown variable"
    );
    assert_eq!(
        refusal(&variables([("LINUX_API__DATABASE__POOLER", "true")])),
        "environment LINUX_API__DATABASE__POOLER: database.direct_url: \
         needed while database.pooler is true"
    );
}

#[test]
fn the_data_directory_holds_database_and_backups() {
    let mut sources = variables([("STATE_DIRECTORY", "/srv/state:/srv/other")]);
    sources.environment.user_data = Some("/home/a/.local/share/linux-api".into());
    let loaded = load(&sources);
    assert_eq!(loaded.data_dir, Path::new("/srv/state"));
    assert_eq!(
        loaded.config.database.url.expose(),
        "sqlite:///srv/state/linux-api.db"
    );
    assert_eq!(
        loaded.config.backup.directory,
        Path::new("/srv/state/backups")
    );

    sources.environment.variables.clear();
    let loaded = load(&sources);
    assert_eq!(loaded.data_dir, Path::new("/home/a/.local/share/linux-api"));
}

#[test]
fn urls_are_read_from_files() {
    let folder = TempDir::new().unwrap();
    let secret = write(&folder, "database_url", "postgres://u:hunter2@h/db\n");
    let text = format!("[database]\nurl_file = '{}'\n", secret.display());
    let mut sources = file(write(&folder, "config.toml", &text));
    let loaded = load(&sources);
    assert_eq!(
        loaded.config.database.url.expose(),
        "postgres://u:hunter2@h/db"
    );
    assert_eq!(
        loaded.origins.of("database.url"),
        &Origin::SecretFile(secret)
    );

    // A URL of a higher layer wins over the file of a lower one.
    sources.environment = Environment::of([("LINUX_API__DATABASE__URL", "sqlite:///a.db")]);
    assert_eq!(
        load(&sources).config.database.url.expose(),
        "sqlite:///a.db"
    );
}

#[test]
fn the_credential_of_systemd_is_used_when_nothing_else_is_set() {
    let folder = TempDir::new().unwrap();
    let directory = folder.path().to_str().unwrap();
    let mut sources = variables([("CREDENTIALS_DIRECTORY", directory)]);
    assert_eq!(load(&sources).origins.of("database.url"), &Origin::Default);

    let credential = write(&folder, "database_url", "postgres://u:hunter2@h/db\n");
    let loaded = load(&sources);
    assert_eq!(
        loaded.config.database.url.expose(),
        "postgres://u:hunter2@h/db"
    );
    assert_eq!(
        loaded.origins.of("database.url"),
        &Origin::SecretFile(credential.clone())
    );

    let variable = "LINUX_API__DATABASE__URL".to_owned();
    sources
        .environment
        .variables
        .insert(variable.clone(), "sqlite:///a.db".into());
    assert_eq!(
        load(&sources).config.database.url.expose(),
        "sqlite:///a.db"
    );

    sources.environment.variables.remove(&variable);
    fs::write(&credential, "hunter2\n").unwrap();
    let message = refusal(&sources);
    assert!(message.starts_with(&format!("{}: expected a URL", credential.display())));
    assert!(!message.contains("hunter2"));
}

/// A setting of the database names the file `closed`, which can't be read; that is refused.
fn with_closed_file(folder: &TempDir, setting: &str) -> Sources {
    // A directory can't be read as a file, by root neither.
    let closed = folder.path().join("closed");
    fs::create_dir(&closed).expect("make a folder");
    let text = format!("[database]\n{setting} = '{}'\n", closed.display());
    let sources = file(write(folder, "config.toml", &text));
    assert!(refusal(&sources).contains(&format!("database.{setting}")));
    sources
}

#[test]
fn the_direct_url_has_a_credential_too() {
    let folder = TempDir::new().unwrap();
    let mut sources = with_closed_file(&folder, "direct_url_file");
    let directory = folder.path().to_str().unwrap();
    sources.environment = Environment::of([("CREDENTIALS_DIRECTORY", directory)]);
    let url = "postgres://u:hunter2@h/db\n";
    write(&folder, "database_direct_url", url);
    let direct_url = load(&sources).config.database.direct_url.unwrap();
    assert_eq!(direct_url.expose(), "postgres://u:hunter2@h/db");
}

#[test]
fn a_blank_credential_counts_as_none() {
    let folder = TempDir::new().unwrap();
    write(&folder, "database_url", "\n");
    write(&folder, "database_direct_url", "\n");
    let sources = variables([("CREDENTIALS_DIRECTORY", folder.path().to_str().unwrap())]);
    assert_eq!(load(&sources).origins.of("database.url"), &Origin::Default);
}

#[test]
fn the_credential_stands_in_for_a_file_that_only_root_may_read() {
    let folder = TempDir::new().unwrap();
    let mut sources = with_closed_file(&folder, "url_file");
    let directory = folder.path().to_str().unwrap();
    sources.environment = Environment::of([("CREDENTIALS_DIRECTORY", directory)]);
    let credential = write(&folder, "database_url", "postgres://u:hunter2@h/db\n");
    let loaded = load(&sources);
    assert_eq!(
        loaded.origins.of("database.url"),
        &Origin::SecretFile(credential)
    );

    // A file that can be read is what was configured.
    fs::remove_dir(folder.path().join("closed")).unwrap();
    fs::write(folder.path().join("closed"), "postgres://other@h/db").unwrap();
    let url = load(&sources).config.database.url;
    assert_eq!(url.expose(), "postgres://other@h/db");
}

#[test]
fn a_password_in_an_open_file_is_refused() {
    let folder = TempDir::new().unwrap();
    let text = "[database]\nurl = 'postgres://u:hunter2@h/db'\n";
    let path = write(&folder, "config.toml", text);
    load(&file(&path));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let shown = path.display();
    assert_eq!(
        refusal(&file(&path)),
        format!(
            "{shown}: database.url: holds a password and the file is world-readable: \
             chmod 640 {shown}"
        )
    );
    // It lies open even while another layer's URL is in effect.
    let mut sources = file(&path);
    sources.environment = Environment::of([("LINUX_API__DATABASE__URL", "sqlite:///a.db")]);
    assert!(refusal(&sources).contains("holds a password"));
}

#[test]
fn secrets_are_never_shown() {
    let sources = variables([
        (
            "LINUX_API__DATABASE__URL",
            "postgres://u:hunter2@h/db?options=hunter2",
        ),
        (
            "LINUX_API__DATABASE__DIRECT_URL",
            "postgres://h/db?password=hunter2",
        ),
    ]);
    let loaded = load(&sources);
    let shown = format!(
        "{}{}{loaded:?}{sources:?}",
        loaded.to_toml(),
        loaded.to_json()
    );
    assert!(shown.contains("postgres://u:[redacted]@h/db"));
    assert!(!shown.contains("hunter2"), "{shown}");
    // What the driver does not know it would log, with its value.
    let unknown = "postgres://u@h/db?sslpassword=hunter2";
    let refused = refusal(&variables([("LINUX_API__DATABASE__URL", unknown)]));
    assert!(
        refused.contains("parameter 1 after the ? is not known"),
        "{refused}"
    );
    assert!(!refused.contains("hunter2"), "{refused}");
}

#[test]
fn what_is_shown_names_the_origin_and_is_toml() {
    let text = load(&variables([("LINUX_API__LOG__SLOW", "2s")])).to_toml();
    assert!(
        text.contains("slow = \"2s\"  # environment LINUX_API__LOG__SLOW\n"),
        "{text}"
    );
    assert!(text.contains("pool_size = 5  # default\n"));
    assert!(text.contains("# unix is not set\n"));
    text.parse::<toml::Table>().unwrap();
}

#[test]
fn the_example_holds_every_option_and_each_can_be_switched_on() {
    let folder = TempDir::new().unwrap();
    let example = example();
    load(&file(write(&folder, "example.toml", &example)));
    for key in keys() {
        let section = example
            .split("\n[")
            .find(|part| part.starts_with(key.section))
            .unwrap();
        let start = format!("#{} = ", key.name);
        let line = section
            .lines()
            .find(|line| line.starts_with(&start))
            .unwrap();
        if let Some(value) = &key.default {
            assert_eq!(line, format!("{start}{value}"));
        }
        // The files of the examples do not exist, and a certificate goes with its key.
        if !key.name.ends_with("_file") && !key.name.starts_with("tls_") {
            let text = format!("[{}]\n{}\n", key.section, &line[1..]);
            load(&file(write(&folder, "one.toml", &text)));
        }
    }
}

#[test]
fn the_reference_names_every_option_and_its_variable() {
    let reference = reference();
    for key in keys() {
        assert!(reference.contains(&format!("\n### {}\n", key.path())));
        assert!(reference.contains(&format!("`{}`", key.variable())));
        assert!(!key.doc.is_empty() && key.doc.iter().all(|line| !line.trim().is_empty()));
    }
}
