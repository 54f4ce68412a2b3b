use super::*;

fn is_file(path: &Path) -> bool {
    path.ends_with("hosts")
}

fn listed(mountinfo: &str, below: Option<&str>) -> Vec<(String, String)> {
    file_systems(mountinfo.as_bytes(), below.map(Path::new), &[], is_file)
        .into_iter()
        .map(|mount| (mount.point.display().to_string(), mount.kind))
        .collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
    expected.iter().map(owned).collect()
}

#[test]
fn bind_mounts_and_subvolumes_are_shown_once() {
    let info = "\
20 1 8:1 /etc /mnt/etc rw - ext4 /dev/sda1 rw
21 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw
22 21 8:1 /srv /var/srv rw - ext4 /dev/sda1 rw
23 21 0:30 /@home /home rw - btrfs /dev/sdb rw
24 21 0:30 /@var /var rw - btrfs /dev/sdb rw
25 21 0:31 / /tank rw - zfs tank rw
";
    let expected = [("/", "ext4"), ("/var", "btrfs"), ("/tank", "zfs")];
    assert_eq!(listed(info, None), pairs(&expected));
}

#[test]
fn what_is_mounted_over_is_hidden_also_by_pseudo_file_systems() {
    let info = "\
20 1 8:1 / / rw - ext4 /dev/sda1 rw
21 20 8:2 / /data rw - xfs /dev/sda2 rw
22 21 8:3 / /data rw - xfs /dev/sda3 rw
23 20 8:4 / /hidden rw - xfs /dev/sda4 rw
24 23 0:5 / /hidden rw - tmpfs tmpfs rw
";
    let mounts = file_systems(info.as_bytes(), None, &[], is_file);
    let devices: Vec<&str> = mounts.iter().map(|mount| mount.source.as_str()).collect();
    assert_eq!(devices, ["/dev/sda1", "/dev/sda3"]);
}

#[test]
fn names_are_unescaped_and_options_read() {
    let info = "\
30 1 0:40 / /mnt/a\\040b\\134 ro,noatime master:1 - nfs4 nas:/my\\040share rw,vers=4.2
31 1 0:41 / /mnt/c rw - fuse.sshfs me@host:/ rw
32 1 8:9 / /mnt/d\\777 rw - ext4 /dev/sdc ro
";
    let mounts = file_systems(info.as_bytes(), None, &[], is_file);
    assert_eq!(mounts[0].point, Path::new("/mnt/a b\\"));
    assert_eq!(mounts[0].source, "nas:/my share");
    assert!(mounts[0].read_only && mounts[0].is_remote);
    assert!(mounts[1].is_remote && !mounts[1].read_only);
    assert_eq!(mounts[2].point, Path::new("/mnt/d\\777"));
    assert!(mounts[2].read_only && !mounts[2].is_remote);
}

#[test]
fn only_what_lies_below_the_hosts_root_is_the_hosts() {
    let info = "\
20 1 0:50 / / rw - overlay overlay rw
21 20 8:1 / /host ro - ext4 /dev/sda1 rw
22 21 8:2 / /host/data ro - xfs /dev/sda2 rw
23 20 8:1 /etc/hosts /etc/hosts rw - ext4 /dev/sda1 rw
";
    let expected = [("/", "ext4"), ("/data", "xfs")];
    assert_eq!(listed(info, Some("/host")), pairs(&expected));
    let own = [("/", "overlay"), ("/host", "ext4"), ("/host/data", "xfs")];
    assert_eq!(listed(info, None), pairs(&own));
}

#[test]
fn a_volume_is_not_lost_for_a_file_of_the_same_device() {
    let info = "\
20 1 8:1 /containers/1/hosts /etc/hosts rw - ext4 /dev/sda1 rw
21 1 8:1 /volumes/1 /data rw - ext4 /dev/sda1 rw
";
    assert_eq!(listed(info, None), pairs(&[("/data", "ext4")]));
}

#[test]
fn lines_that_are_no_mounts_are_passed_over() {
    assert_eq!(
        listed("\n20 1 8:1 /\n x - y\n - \n20 1 8:1 / / rw - ext4\n", None),
        []
    );
}

#[test]
fn the_root_is_listed_while_its_file_system_is_mounted_elsewhere() {
    let info = "\
26 1 0:30 /@ / rw,relatime shared:1 - btrfs /dev/sda2 rw,subvolid=256,subvol=/@
90 26 0:30 / /run/timeshift/42/backup rw,relatime shared:90 - btrfs /dev/sda2 rw,subvolid=5,subvol=/
";
    assert_eq!(listed(info, None), pairs(&[("/", "btrfs")]));
    let memory = "20 1 0:2 / / rw - tmpfs none rw\n21 20 0:3 / /tmp rw - tmpfs tmpfs rw\n";
    assert_eq!(listed(memory, None), pairs(&[("/", "tmpfs")]));
}

#[test]
fn a_file_system_keeps_the_name_by_which_it_was_listed() {
    let first = "20 1 0:30 /@data /srv/data rw - btrfs /dev/sdb rw\n";
    let before = file_systems(first.as_bytes(), None, &[], is_file);
    let later = format!("{first}21 1 0:30 / /mnt rw - btrfs /dev/sdb rw\n");
    assert_eq!(listed(&later, None), pairs(&[("/mnt", "btrfs")]));
    let kept = file_systems(later.as_bytes(), None, &before, is_file);
    assert_eq!(kept, before);
}

#[test]
fn an_image_based_host_is_named_by_what_can_be_written() {
    let info = "\
60 1 0:33 / / ro,relatime shared:1 - overlay composefs ro,lowerdir+=/run/ostree/.private/cfsroot-lower
61 60 0:30 /system/ostree/deploy/default/deploy/abc.0/etc /etc rw,relatime shared:2 - btrfs /dev/vda3 rw,subvol=/system
63 60 0:30 /system /sysroot ro,relatime shared:4 - btrfs /dev/vda3 rw,subvol=/system
64 60 0:30 /system/ostree/deploy/default/var /var rw,relatime shared:5 - btrfs /dev/vda3 rw,subvol=/system
";
    let expected = [("/", "overlay"), ("/var", "btrfs")];
    assert_eq!(listed(info, None), pairs(&expected));
}

#[test]
fn what_shows_the_files_of_others_is_not_listed() {
    let info = "\
26 1 8:1 / / rw - ext4 /dev/sda1 rw
35 26 0:75 / /home/u/.local/share/containers/storage/overlay/x/merged rw - fuse.fuse-overlayfs fuse-overlayfs rw
40 26 0:60 / /tmp/.mount_appA ro,nosuid,nodev,relatime shared:300 - fuse.launcher.AppImage launcher.AppImage ro,user_id=1000,group_id=1000
41 26 0:61 / /tmp/.mount_renamed ro - fuse.renamed renamed ro
42 26 0:62 / /home/u/remote rw - fuse.sshfs h:/ rw
";
    let expected = [("/", "ext4"), ("/home/u/remote", "fuse.sshfs")];
    assert_eq!(listed(info, None), pairs(&expected));
}

/// The path of each line is read once at most, however many files one device is mounted as.
#[test]
fn the_work_grows_with_the_number_of_mounts_only() {
    use std::fmt::Write as _;

    let mut info = String::from("26 1 8:1 / / rw - ext4 /dev/sda1 rw\n");
    for number in 0..20_000 {
        let _ = writeln!(
            info,
            "{number} 26 8:1 /pods/{number} /var/lib/kubelet/pods/{number} rw - ext4 /dev/sda1 rw"
        );
        let _ = writeln!(
            info,
            "{number} 26 8:7 /files/{number} /etc/files/{number}/hosts rw - xfs /dev/sdb rw"
        );
    }
    let asked = std::cell::Cell::new(0);
    let mounts = file_systems(info.as_bytes(), None, &[], |path| {
        asked.set(asked.get() + 1);
        is_file(path)
    });
    assert_eq!(mounts.len(), 1);
    assert_eq!(asked.get(), 20_001);
}
