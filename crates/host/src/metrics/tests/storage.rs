use super::*;

use MetricsCollector as Name;

const MDSTAT: &str = "Personalities : [raid1] [raid6] [raid5] [raid4] [raid0]\n\
    md3 : active raid6 sda1[8] sdh1[7] sdg1[6](F) sdf1[5](S)\n\
    \x20     5853468288 blocks super 1.2 level 6, 64k chunk, algorithm 2 [4/3] [UUU_]\n\
    \x20     [==>..................]  recovery = 12.5% (731683536/5853468288) finish=7.0min speed=1K/sec\n\
    \x20     bitmap: 0/44 pages [0KB], 65536KB chunk\n\n\
    md1 : active raid0 sdb2[0] sda2[1]\n      314159 blocks super 1.2 512k chunks\n\n\
    md2 : active (auto-read-only) raid1 sdc1[0] sdd1[1]\n      1000 blocks super 1.2 [2/2] [UU]\n\
    \x20     \tresync=PENDING\n\n\
    md7 : inactive sde1[0](S)\n      1855 blocks super 1.2\n\n\
    unused devices: <none>\n";

#[test]
fn arrays_have_their_disks_and_progress() {
    let tree = Tree::new();
    tree.write("proc/mdstat", MDSTAT);
    let lines = good(&tree, Name::Mdadm);
    for line in [
        "md_disks{device=md3,state=active} 3",
        "md_disks{device=md3,state=failed} 1",
        "md_disks{device=md3,state=spare} 1",
        "md_disks_required{device=md3} 4",
        "md_blocks{device=md3} 5853468288",
        "md_blocks_synced{device=md3} 731683536",
        "md_state{device=md3,state=recovering} 1",
        "md_state{device=md3,state=active} 0",
        "md_disks{device=md1,state=active} 2",
        "md_disks_required{device=md1} 2",
        "md_blocks_synced{device=md1} 314159",
        "md_state{device=md2,state=resync} 1",
        "md_blocks_synced{device=md2} 0",
        "md_state{device=md7,state=inactive} 1",
        "md_disks_required{device=md7} 0",
    ] {
        assert!(lines.contains(&line.to_owned()), "{line}: {lines:#?}");
    }
    assert_eq!(lines.len(), 4 * 11);
    tree.write("proc/mdstat", "Personalities :\nunused devices: <none>\n");
    shows(&tree, Name::Mdadm, &[]);
    let odd = [
        "md0 : active raid1\n",
        "md0 : active raid1\n      x blocks [2/2]\n",
        "md0 active\n",
    ];
    refuses(Name::Mdadm, "proc/mdstat", &odd);
}

#[test]
fn requests_of_nfs_are_named_by_version() {
    let tree = Tree::new();
    let counted = |count: usize| {
        let numbers = (0..count).map(|number| number.to_string());
        format!("{count} {}", numbers.collect::<Vec<String>>().join(" "))
    };
    let text = format!(
        "net 70 1 69 45\nrpc 12 3 4\nproc3 {}\nproc4 {}\n",
        counted(22),
        counted(61)
    );
    tree.write("proc/net/rpc/nfs", text);
    let lines = good(&tree, Name::Nfs);
    for line in [
        "nfs_packets_total{protocol=tcp} 69",
        "nfs_connections_total 45",
        "nfs_rpcs_total 12",
        "nfs_rpc_retransmissions_total 3",
        "nfs_rpc_authentication_refreshes_total 4",
        "nfs_requests_total{method=Commit,proto=3} 21",
        "nfs_requests_total{method=Null,proto=3} 0",
        "nfs_requests_total{method=Clone,proto=4} 58",
        "nfs_requests_total{method=GetDeviceInfo,proto=4} 44",
    ] {
        assert!(lines.contains(&line.to_owned()), "{line}: {lines:#?}");
    }
    assert!(!lines.iter().any(|line| line.contains("proto=2")));
    refuses(
        Name::Nfs,
        "proc/net/rpc/nfs",
        &["", "net 1 2\n", "net 1 2 3 4\nrpc x\n"],
    );
    let text = format!(
        "rc 1 6 18622\nfh 9 0 0 0 0\nio 157286400 72864\nth 8 0 0.000 0.000\n\
         ra 32 0 0 0 0 0 0 0 0 0 0 11\nnet 972 55 917 1\nrpc 18628 3 1 2 0\n\
         proc3 {}\nproc4 2 2 10853\nproc4ops {}\nwdeleg_getattr 16\n",
        counted(22),
        counted(72)
    );
    tree.write("proc/net/rpc/nfsd", text);
    let lines = good(&tree, Name::Nfsd);
    for line in [
        "nfsd_reply_cache_nocache_total 18622",
        "nfsd_file_handles_stale_total 9",
        "nfsd_disk_bytes_read_total 157286400",
        "nfsd_server_threads 8",
        "nfsd_read_ahead_cache_not_found_total 11",
        "nfsd_packets_total{proto=udp} 55",
        "nfsd_rpc_errors_total{error=auth} 2",
        "nfsd_server_rpcs_total 18628",
        "nfsd_requests_total{method=GetAttr,proto=3} 1",
        "nfsd_requests_total{method=Access,proto=4} 3",
        "nfsd_requests_total{method=RelLockOwner,proto=4} 39",
        "nfsd_requests_total{method=WdelegGetattr,proto=4} 16",
    ] {
        assert!(lines.contains(&line.to_owned()), "{line}: {lines:#?}");
    }
    assert!(
        !lines
            .iter()
            .any(|line| line.contains("method=Null") || line.contains("method=,"))
    );
    refuses(Name::Nfsd, "proc/net/rpc/nfsd", &["rc 1 2\n"]);
}

#[test]
fn operations_of_xfs_are_shown_by_device() {
    let tree = Tree::new();
    let text = "extent_alloc 1 872 0 2\nabt 0 0 0 0\nblk_map 61 29 1 1 1 91 3\nbmbt 0 0 0 0\ndir 3 2 1 52\n\
        trans 4 40 0\nig 5 1 0 4 0 0 1\nrw 28 7\nvnodes 4 0 0 0 1 1 1 0\nxpc 399724544 92823103 86219234\n";
    tree.write("sys/fs/xfs/sda1/stats/stats", text);
    tree.write("sys/fs/xfs/stats/stats", text);
    let lines = good(&tree, Name::Xfs);
    for line in [
        "xfs_extent_allocation_blocks_allocated_total{device=sda1} 872",
        "xfs_block_mapping_extent_list_lookups_total{device=sda1} 91",
        "xfs_directory_operation_getdents_total{device=sda1} 52",
        "xfs_inode_operation_missed_total{device=sda1} 4",
        "xfs_read_calls_total{device=sda1} 7",
        "xfs_write_calls_total{device=sda1} 28",
        "xfs_vnode_reclaim_total{device=sda1} 1",
    ] {
        assert!(lines.contains(&line.to_owned()), "{line}: {lines:#?}");
    }
    // As many as node_exporter has.
    assert_eq!(lines.len(), 39);
    tree.write("sys/fs/xfs/sda1/stats/stats", "rw 28\n");
    assert!(!read(&tree, Name::Xfs).1);
}

#[test]
fn tables_of_zfs_are_shown_with_the_state_of_pools() {
    let tree = Tree::new();
    let write = |file: &str, text: &str| tree.write(&format!("proc/spl/kstat/zfs/{file}"), text);
    write(
        "arcstats",
        "6 1 0x01 91 4368 1 2\nname  type data\nhits 4 8772612\nmemory-direct 3 -5\nname 7 x\n",
    );
    write("tank/state", "DEGRADED\n");
    write(
        "tank/objset-0x36",
        "23 1 0x01 7 2160 1 2\nname type data\ndataset_name 7 tank/a b\nwrites 4 12\n",
    );
    let expected = [
        "zfs_arc_hits 8772612",
        "zfs_arc_memory_direct -5.0",
        "zfs_zpool_dataset_writes{dataset=tank/a b,zpool=tank} 12",
        "zfs_zpool_state{state=degraded,zpool=tank} 1",
        "zfs_zpool_state{state=faulted,zpool=tank} 0",
        "zfs_zpool_state{state=offline,zpool=tank} 0",
        "zfs_zpool_state{state=online,zpool=tank} 0",
        "zfs_zpool_state{state=removed,zpool=tank} 0",
        "zfs_zpool_state{state=suspended,zpool=tank} 0",
        "zfs_zpool_state{state=unavail,zpool=tank} 0",
    ];
    shows(&tree, Name::Zfs, &expected);
    write("arcstats", "odd\n");
    assert!(!read(&tree, Name::Zfs).1);
}
