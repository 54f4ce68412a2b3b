//! Reads the text of `/proc/PID/cgroup`, and what its paths mean: see cgroups(7).
//!
//! Each line is `HIERARCHY:CONTROLLERS:PATH`. The unified hierarchy (v2) has number 0 and no
//! controllers; on a hybrid host it stands beside those of v1, of which `name=systemd` is
//! systemd's own.

use linux_api_wire::process::Placement;

/// What systemd calls the groups that hold processes, see systemd.unit(5).
const UNIT_SUFFIXES: [&str; 5] = [".service", ".scope", ".socket", ".mount", ".swap"];

/// Where a removed group is marked.
const DELETED: &str = " (deleted)";

pub(super) fn parse(text: &[u8]) -> Placement {
    let text = String::from_utf8_lossy(text);
    let (mut unified, mut systemd, mut other) = (None, None, None);
    let mut container = None;
    for line in text.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(number), Some(controllers), Some(path)) =
            (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        let path = path.strip_suffix(DELETED).unwrap_or(path);
        if number == "0" && controllers.is_empty() {
            unified = Some(path);
        } else if controllers == "name=systemd" {
            systemd = Some(path);
        } else if path != "/" && other.is_none() {
            other = Some(path);
        }
        container = container.or_else(|| container_of(path));
    }
    let below_root = |path: &&str| *path != "/";
    let cgroup = unified
        .filter(below_root)
        .or_else(|| systemd.filter(below_root))
        .or(other)
        .or(unified)
        .or(systemd);
    // Only systemd's own hierarchies have units; the others repeat them at most.
    let unit = [unified, systemd, other]
        .into_iter()
        .flatten()
        .find_map(unit_of);
    Placement {
        cgroup: cgroup.map(str::to_owned),
        unit: unit.map(str::to_owned),
        container: container.map(str::to_owned),
    }
}

/// The first group below the slices, when it is a unit.
fn unit_of(path: &str) -> Option<&str> {
    let mut groups = path.split('/').filter(|group| !group.is_empty());
    let group = groups.find(|group| group.strip_suffix(".slice").is_none())?;
    // An underscore protects names that would otherwise be files of the kernel.
    let unit = group.strip_prefix('_').unwrap_or(group);
    UNIT_SUFFIXES
        .iter()
        .any(|suffix| unit.len() > suffix.len() && unit.ends_with(suffix))
        .then_some(unit)
}

/// The container of the deepest group that belongs to one.
fn container_of(path: &str) -> Option<&str> {
    let mut above = path;
    while let Some((parent, group)) = above.rsplit_once('/') {
        if let Some(container) = container_in(parent, group) {
            return Some(container);
        }
        above = parent;
    }
    None
}

fn container_in<'a>(parent: &str, group: &'a str) -> Option<&'a str> {
    // LXC: `/lxc.payload.NAME`, formerly `/lxc/NAME`. Its monitor is not in the container.
    if let Some(name) = group.strip_prefix("lxc.payload.") {
        return (!name.is_empty()).then_some(name);
    }
    if parent.ends_with("/lxc") || parent.ends_with("/lxc.payload") {
        return (!group.is_empty()).then_some(group);
    }
    // Docker `docker-ID.scope` or `/docker/ID`; Podman `libpod-ID.scope`; CRI
    // `cri-containerd-ID.scope`, `crio-ID.scope`, `…:cri-containerd:ID` or `/kubepods/…/ID`.
    let group = group.strip_suffix(".scope").unwrap_or(group);
    let (runtime, id) = group
        .rsplit_once(['-', ':'])
        .map_or(("", group), |(runtime, id)| (runtime, id));
    let is_id = id.len() == 64
        && id
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    // `libpod-conmon-ID` and `crio-conmon-ID` watch a container from outside.
    (is_id && !runtime.ends_with("conmon")).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "3f4e5d6c7b8a99887766554433221100ffeeddccbbaa99887766554433221100";

    /// Cgroup, unit and container of a file with `ID` in place of `$`.
    fn read(text: &str) -> (Option<String>, Option<String>, Option<String>) {
        let placement = parse(text.replace('$', ID).as_bytes());
        (placement.cgroup, placement.unit, placement.container)
    }

    #[test]
    fn units_are_found_in_all_three_layouts() {
        let found = |path: &str, unit: &str| (Some(path.to_owned()), Some(unit.to_owned()), None);
        let nginx = found("/system.slice/nginx.service", "nginx.service");
        assert_eq!(read("0::/system.slice/nginx.service\n"), nginx);
        let v1 = "12:memory:/system.slice/nginx.service\n3:cpu,cpuacct:/\n\
                  1:name=systemd:/system.slice/nginx.service\n";
        assert_eq!(read(v1), nginx);
        let hybrid = format!("{v1}0::/system.slice/nginx.service\n");
        assert_eq!(read(&hybrid), nginx);
        assert_eq!(read(&format!("{v1}0::/\n")), nginx);
        assert_eq!(read("0::/system.slice/nginx.service (deleted)\n"), nginx);
    }

    #[test]
    fn the_unit_is_the_systems_own() {
        let unit = |path: &str| read(&format!("0::{path}\n")).1;
        let app = "/user.slice/user-1000.slice/user@1000.service/app.slice/app-x.scope";
        assert_eq!(unit(app).as_deref(), Some("user@1000.service"));
        assert_eq!(unit("/init.scope").as_deref(), Some("init.scope"));
        let session = "/user.slice/user-0.slice/session-3.scope";
        assert_eq!(unit(session).as_deref(), Some("session-3.scope"));
        let deep = "/system.slice/_cpu.service/inner/deeper.service";
        assert_eq!(unit(deep).as_deref(), Some("cpu.service"));
        for none in [
            "/",
            "/system.slice",
            "/.service",
            "/foo",
            "/foo/x.service",
            "",
        ] {
            assert_eq!(unit(none), None, "{none}");
        }
    }

    #[test]
    fn containers_are_found_in_the_paths_of_every_runtime() {
        for path in [
            "0::/system.slice/docker-$.scope",
            "0::/system.slice/docker-$.scope/init",
            "4:memory:/docker/$\n1:name=systemd:/docker/$\n0::/",
            "0::/machine.slice/libpod-$.scope/container",
            "0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-$.scope",
            "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice/cri-containerd-$.scope",
            "4:cpu:/kubepods/besteffort/pod0a-1b/$",
            "0::/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:$",
            "0::/kubepods.slice/kubepods-pod1.slice/crio-$.scope",
            "0::/docker/0000000000000000000000000000000000000000000000000000000000000000/docker/$",
        ] {
            assert_eq!(read(path).2.as_deref(), Some(ID), "{path}");
        }
        for path in [
            "0::/lxc/web",
            "0::/lxc.payload.web",
            "0::/lxc.payload/web/init.scope",
        ] {
            assert_eq!(read(path).2.as_deref(), Some("web"), "{path}");
        }
    }

    #[test]
    fn what_only_looks_like_a_container_is_none() {
        for path in [
            "0::/machine.slice/libpod-conmon-$.scope",
            "0::/kubepods.slice/crio-conmon-$.scope",
            "0::/system.slice/docker.service",
            "0::/lxc.monitor.web",
            "0::/lxc/",
            "0::/docker/$0",
            "0::/docker/3F4E5D6C7B8A99887766554433221100FFEEDDCCBBAA99887766554433221100",
            "0::/",
        ] {
            assert_eq!(read(path).2, None, "{path}");
        }
    }

    #[test]
    fn a_host_without_units_still_has_groups() {
        let v1 = "9:name=systemd:/\n8:pids:/\n4:memory:/jobs/a:b\n0::/\n";
        assert_eq!(read(v1), (Some("/jobs/a:b".to_owned()), None, None));
        assert_eq!(read("1:cpu:/\n0::/\n").0.as_deref(), Some("/"));
        assert_eq!(read(""), (None, None, None));
        assert_eq!(read("rubbish\n1:cpu\n"), (None, None, None));
        assert_eq!(parse(b"0::/a\xff\n").cgroup.as_deref(), Some("/a\u{fffd}"));
    }
}
