//! Manifests of container platforms and the Ansible role: what they name is there, and is called so.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use yaml_rust2::{Yaml, YamlLoader};

use crate::guides::listed::OPTIONS;
use crate::install::left_out;
use crate::install::tree::{good, linux_api};

fn packaging(path: &str) -> PathBuf {
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging");
    packaging.join(path)
}

fn documents(path: &str) -> Vec<Yaml> {
    let text = fs::read_to_string(packaging(path)).unwrap();
    YamlLoader::load_from_str(&text).unwrap_or_else(|fault| panic!("{path}: {fault}"))
}

fn text(value: &Yaml) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("no text: {value:?}"))
}

fn list(value: &Yaml) -> &[Yaml] {
    value
        .as_vec()
        .unwrap_or_else(|| panic!("no list: {value:?}"))
}

fn keys(value: &Yaml) -> Vec<&str> {
    let map = value
        .as_hash()
        .unwrap_or_else(|| panic!("no map: {value:?}"));
    map.keys().map(text).collect()
}

/// The entry of a list that has this name.
fn named<'a>(entries: &'a Yaml, name: &str) -> &'a Yaml {
    let found = list(entries)
        .iter()
        .find(|it| it["name"].as_str() == Some(name));
    found.unwrap_or_else(|| panic!("no {name} in {entries:?}"))
}

/// Variables of the environment set options that there are, to values that those take.
fn configures(variables: &[(String, String)]) {
    assert!(!variables.is_empty());
    for (name, _) in variables {
        let option = name.strip_prefix("LINUX_API__").unwrap();
        let option = option.to_lowercase().replace("__", ".");
        assert!(OPTIONS.contains(&option), "there is no option {option}");
    }
    // Files with a URL are read at once; those of the manifest are elsewhere.
    let folder = TempDir::new().unwrap();
    let variables: Vec<(String, String)> = variables
        .iter()
        .map(|(name, value)| {
            if !name.ends_with("URL_FILE") {
                return (name.clone(), value.clone());
            }
            let file = folder.path().join(Path::new(value).file_name().unwrap());
            fs::write(&file, "postgres://user@host/database").unwrap();
            let private = PermissionsExt::from_mode(0o600);
            fs::set_permissions(&file, private).unwrap();
            (name.clone(), file.to_str().unwrap().to_owned())
        })
        .collect();
    let mut show = linux_api(&["config", "show"]);
    let shown = good(&show.envs(variables.iter().cloned()).output().unwrap());
    for (name, value) in &variables {
        assert!(shown.contains(value.as_str()), "{name}={value} in {shown}");
    }
}

/// Fields of the objects of Kubernetes that the manifest uses, from the reference of its API (v1.31:
/// `PodSpec`, `Container`, `Probe`, `SecurityContext`, `Volume`), each with those that it may have in the manifest.
const FIELDS: &[(&str, &[&str])] = &[
    (
        "pod",
        &[
            "serviceAccountName",
            "automountServiceAccountToken",
            "hostNetwork",
            "hostPID",
            "dnsPolicy",
            "tolerations",
            "nodeSelector",
            "terminationGracePeriodSeconds",
            "securityContext",
            "containers",
            "volumes",
        ],
    ),
    (
        "pod security",
        &[
            "runAsNonRoot",
            "runAsUser",
            "runAsGroup",
            "fsGroup",
            "seccompProfile",
        ],
    ),
    (
        "container",
        &[
            "name",
            "image",
            "imagePullPolicy",
            "command",
            "args",
            "env",
            "ports",
            "startupProbe",
            "livenessProbe",
            "readinessProbe",
            "resources",
            "securityContext",
            "volumeMounts",
        ],
    ),
    (
        "container security",
        &[
            "allowPrivilegeEscalation",
            "readOnlyRootFilesystem",
            "privileged",
            "capabilities",
        ],
    ),
    ("env", &["name", "value", "valueFrom"]),
    ("port", &["name", "containerPort", "hostPort", "protocol"]),
    (
        "probe",
        &[
            "httpGet",
            "periodSeconds",
            "timeoutSeconds",
            "failureThreshold",
            "initialDelaySeconds",
            "successThreshold",
        ],
    ),
    ("get", &["path", "port", "scheme", "host"]),
    (
        "mount",
        &["name", "mountPath", "readOnly", "mountPropagation"],
    ),
    ("volume", &["name", "hostPath", "emptyDir", "secret"]),
    ("host path", &["path", "type"]),
    (
        "secret",
        &["secretName", "defaultMode", "items", "optional"],
    ),
];

/// All fields of a value are ones of that kind of object.
fn has_fields_of(kind: &str, value: &Yaml) {
    let (_, known) = FIELDS.iter().find(|(name, _)| *name == kind).unwrap();
    for key in keys(value) {
        assert!(known.contains(&key), "{kind} has no field {key}");
    }
}

fn pod_of(daemon_set: &Yaml) -> &Yaml {
    assert_eq!(text(&daemon_set["apiVersion"]), "apps/v1");
    let spec = &daemon_set["spec"];
    // A selector that misses its own pods is refused by the cluster.
    let labels = &spec["template"]["metadata"]["labels"];
    assert_eq!(spec["selector"]["matchLabels"], *labels);
    &spec["template"]["spec"]
}

#[test]
fn the_daemon_set_has_the_fields_of_its_api() {
    let documents = documents("kubernetes/linux-api.yaml");
    let kinds: Vec<&str> = documents.iter().map(|it| text(&it["kind"])).collect();
    assert_eq!(kinds, ["Namespace", "ServiceAccount", "DaemonSet"]);
    for document in &documents[1..] {
        let namespace = &document["metadata"]["namespace"];
        assert_eq!(text(namespace), text(&documents[0]["metadata"]["name"]));
    }
    let pod = pod_of(&documents[2]);
    has_fields_of("pod", pod);
    has_fields_of("pod security", &pod["securityContext"]);
    assert_eq!(pod["serviceAccountName"], documents[1]["metadata"]["name"]);
    let containers = list(&pod["containers"]);
    assert_eq!(containers.len(), 1);
    let container = &containers[0];
    has_fields_of("container", container);
    has_fields_of("container security", &container["securityContext"]);
    for (kind, values) in [
        ("env", &container["env"]),
        ("port", &container["ports"]),
        ("mount", &container["volumeMounts"]),
        ("volume", &pod["volumes"]),
    ] {
        for value in list(values) {
            has_fields_of(kind, value);
        }
    }
    for volume in list(&pod["volumes"]) {
        for (kind, value) in [
            ("host path", &volume["hostPath"]),
            ("secret", &volume["secret"]),
        ] {
            if !value.is_badvalue() {
                has_fields_of(kind, value);
            }
        }
    }
}

#[test]
fn the_daemon_set_runs_with_no_right_that_it_does_not_need() {
    let documents = documents("kubernetes/linux-api.yaml");
    let pod = pod_of(&documents[2]);
    let container = &list(&pod["containers"])[0];
    let containerfile = fs::read_to_string(packaging("container/Containerfile")).unwrap();
    let user = containerfile
        .lines()
        .find_map(|line| line.strip_prefix("USER "));
    let account = pod["securityContext"]["runAsUser"].as_i64().unwrap();
    assert_eq!(user.unwrap(), format!("{account}:{account}"));
    assert_eq!(pod["securityContext"]["runAsNonRoot"].as_bool(), Some(true));
    assert_eq!(pod["automountServiceAccountToken"].as_bool(), Some(false));
    let security = &container["securityContext"];
    assert_eq!(security["allowPrivilegeEscalation"].as_bool(), Some(false));
    assert_eq!(security["readOnlyRootFilesystem"].as_bool(), Some(true));
    assert_eq!(text(&list(&security["capabilities"]["drop"])[0]), "ALL");
    assert!(security["capabilities"]["add"].is_badvalue());
    // Every directory of the host is read-only, and each volume is mounted.
    for volume in list(&pod["volumes"]) {
        let mount = named(&container["volumeMounts"], text(&volume["name"]));
        let is_of_the_host = !volume["hostPath"].is_badvalue();
        assert!(
            !is_of_the_host || mount["readOnly"].as_bool() == Some(true),
            "{mount:?}"
        );
    }
    assert_eq!(
        list(&container["volumeMounts"]).len(),
        list(&pod["volumes"]).len()
    );
    assert!(text(&container["image"]).ends_with(&format!(":{}", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn the_daemon_set_configures_what_there_is_to_configure() {
    let documents = documents("kubernetes/linux-api.yaml");
    let pod = pod_of(&documents[2]);
    let container = &list(&pod["containers"])[0];
    let variables = list(&container["env"]).iter();
    let variables: Vec<(String, String)> = variables
        .map(|it| (text(&it["name"]).to_owned(), text(&it["value"]).to_owned()))
        .collect();
    configures(&variables);
    // Every path is below a volume, at the place of the host that the option is about.
    let mount_of = |path: &str| {
        let mounts = list(&container["volumeMounts"]).iter();
        let mut mounts = mounts.filter(|it| path.starts_with(text(&it["mountPath"])));
        let mount = mounts
            .next()
            .unwrap_or_else(|| panic!("{path} is in no volume"));
        (
            named(&pod["volumes"], text(&mount["name"])),
            text(&mount["mountPath"]),
        )
    };
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/kubernetes.md");
    let guide = fs::read_to_string(guide).unwrap();
    for (name, value) in variables.iter().filter(|(_, value)| value.starts_with('/')) {
        let (volume, at) = mount_of(value);
        let of_the_host = match name.as_str() {
            "LINUX_API__HOST__PROCFS" => "/proc",
            "LINUX_API__HOST__SYSFS" => "/sys",
            "LINUX_API__HOST__ROOTFS" => "/",
            // A file of a secret that the guide has made.
            _ => {
                let secret = text(&volume["secret"]["secretName"]);
                let file = value[at.len()..].trim_start_matches('/');
                let command = guide.lines().find(|line| line.contains(secret)).unwrap();
                let has_file = match file {
                    "tls.crt" => command.contains("secret tls ") && command.contains("--cert="),
                    "tls.key" => command.contains("secret tls ") && command.contains("--key="),
                    file => command.contains(&format!("--from-file={file}")),
                };
                assert!(has_file, "{file}: {command}");
                continue;
            }
        };
        assert_eq!(text(&volume["hostPath"]["path"]), of_the_host, "{name}");
    }
    // The state directory is the image's.
    let containerfile = fs::read_to_string(packaging("container/Containerfile")).unwrap();
    assert!(containerfile.contains("STATE_DIRECTORY=/var/lib/linux-api"));
    assert!(!mount_of("/var/lib/linux-api").0["emptyDir"].is_badvalue());

    let arguments = list(&container["args"]).iter().map(text);
    let arguments: Vec<&str> = arguments.chain(["--help"]).collect();
    good(&linux_api(&arguments).output().unwrap());
    let port = &list(&container["ports"])[0];
    let listen = &variables
        .iter()
        .find(|it| it.0.ends_with("__LISTEN"))
        .unwrap()
        .1;
    let number = port["containerPort"].as_i64().unwrap();
    assert!(listen.ends_with(&format!(":{number}")), "{listen}");
    assert_eq!(port["hostPort"].as_i64(), Some(number));
    let openapi = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json");
    let openapi: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(openapi).unwrap()).unwrap();
    for (probe, path) in [
        ("startupProbe", "/livez"),
        ("livenessProbe", "/livez"),
        ("readinessProbe", "/readyz"),
    ] {
        has_fields_of("probe", &container[probe]);
        let get = &container[probe]["httpGet"];
        has_fields_of("get", get);
        assert_eq!(text(&get["path"]), path);
        assert!(openapi["paths"][path].is_object(), "{path} is not served");
        assert_eq!(get["port"], port["name"]);
        assert_eq!(text(&get["scheme"]), "HTTPS");
    }
}

#[test]
fn compose_names_options_secrets_and_volumes_that_there_are() {
    let documents = documents("container/compose.yaml");
    let compose = &documents[0];
    // What the script beside it makes.
    let folder = TempDir::new().unwrap();
    fs::copy(
        packaging("container/secrets.sh"),
        folder.path().join("secrets.sh"),
    )
    .unwrap();
    let mut script = Command::new("sh");
    good(
        &script
            .arg(folder.path().join("secrets.sh"))
            .output()
            .unwrap(),
    );
    for (name, secret) in compose["secrets"].as_hash().unwrap() {
        let file = folder.path().join(text(&secret["file"]));
        assert!(file.exists(), "secrets.sh makes no {name:?}");
    }
    let mut daemons = 0;
    for (name, service) in compose["services"].as_hash().unwrap() {
        let name = text(name);
        for key in keys(service) {
            let known = [
                "<<",
                "image",
                "profiles",
                "restart",
                "environment",
                "command",
                "secrets",
                "volumes",
                "healthcheck",
                "depends_on",
                "env_file",
            ];
            assert!(known.contains(&key), "{name} has no field {key}");
        }
        for secret in service["secrets"].as_vec().into_iter().flatten() {
            let source = secret
                .as_str()
                .or_else(|| secret["source"].as_str())
                .unwrap();
            assert!(
                !compose["secrets"][source].is_badvalue(),
                "{name}: no secret {source}"
            );
        }
        for file in service["env_file"].as_vec().into_iter().flatten() {
            assert!(
                folder.path().join(text(file)).exists(),
                "{name}: no {file:?}"
            );
        }
        let base = &service["<<"];
        let volumes = service["volumes"]
            .as_vec()
            .or_else(|| base["volumes"].as_vec());
        for volume in volumes.into_iter().flatten().map(text) {
            let source = volume.split(':').next().unwrap();
            let is_there = source.starts_with('/') || keys(&compose["volumes"]).contains(&source);
            assert!(is_there, "{name}: no volume {source}");
        }
        if name.starts_with("daemon-") {
            daemons += 1;
            let environment = &service["environment"]["<<"];
            let variables: Vec<(String, String)> = keys(environment)
                .into_iter()
                .map(|key| (key.to_owned(), text(&environment[key]).to_owned()))
                .collect();
            configures(&variables);
            assert_eq!(base["read_only"].as_bool(), Some(true));
            assert_eq!(text(&list(&base["cap_drop"])[0]), "ALL");
            // Each file of a secret is mounted under the name that the option has.
            let secrets = list(&service["secrets"]).iter();
            let mounted: BTreeSet<&str> = secrets
                .map(|it| it.as_str().unwrap_or_else(|| text(&it["target"])))
                .collect();
            for (name, value) in &variables {
                if let Some(file) = value.strip_prefix("/run/secrets/") {
                    assert!(mounted.contains(file), "{name}: {file} is not mounted");
                }
            }
        }
    }
    assert_eq!(daemons, 2);
}

#[test]
fn the_role_uses_built_in_modules_and_the_variables_that_the_page_lists() {
    let role = packaging("ansible/roles/linux_api");
    let defaults = documents("ansible/roles/linux_api/defaults/main.yml");
    let variables: BTreeSet<String> = keys(&defaults[0]).into_iter().map(str::to_owned).collect();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ansible.md");
    let page = fs::read_to_string(page).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let listed: BTreeSet<String> = rows
        .map(|row| row.split('`').next().unwrap().to_owned())
        .collect();
    assert_eq!(listed, variables);

    let mut used = String::new();
    for folder in ["tasks", "handlers"] {
        for entry in fs::read_dir(role.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let content = fs::read_to_string(&path).unwrap();
            let tasks = YamlLoader::load_from_str(&content).unwrap();
            for task in list(&tasks[0]) {
                let modules = keys(task).into_iter().filter(|key| key.contains('.'));
                let modules: Vec<&str> = modules.collect();
                assert!(
                    modules.len() == 1 && modules[0].starts_with("ansible.builtin."),
                    "{}: {modules:?}",
                    path.display()
                );
                if let Some(file) = task["ansible.builtin.include_tasks"].as_str() {
                    assert!(role.join("tasks").join(file).exists(), "no {file}");
                }
            }
            used += &content;
        }
    }
    for variable in &variables {
        assert!(used.contains(variable), "{variable} is used nowhere");
    }
    for text in [used.as_str(), page.as_str()] {
        for (at, _) in text.match_indices("linux_api_") {
            let mut words = text[at..].split(|it: char| !it.is_ascii_alphanumeric() && it != '_');
            let name = words.next().unwrap();
            let is_registered = used.contains(&format!("register: {name}\n"));
            assert!(
                variables.contains(name) || is_registered,
                "no variable {name}"
            );
        }
    }

    let mut check = Command::new("ansible-playbook");
    check.args(["--syntax-check", "-i", "localhost,"]);
    check.arg(packaging("ansible/site.yml"));
    match check.output() {
        Ok(output) => drop(good(&output)),
        Err(_) => left_out::for_want_of("ansible-playbook", "apt-get install ansible-core"),
    }
}
