use super::*;

use MetricsCollector as Name;

#[test]
fn neighbours_are_counted_by_interface() {
    let heading =
        "IP address       HW type     Flags       HW address            Mask     Device\n";
    let tree = Tree::new();
    let row = |ip: &str, device: &str| format!("{ip} 0x1 0x2 00:00:00:00:00:01 * {device}\n");
    let text = [
        heading,
        &row("10.0.0.1", "eth0"),
        &row("10.0.0.2", "eth0"),
        &row("10.0.0.3", "br0"),
    ];
    tree.write("proc/1/net/arp", text.concat());
    shows(
        &tree,
        Name::Arp,
        &["arp_entries{device=br0} 1", "arp_entries{device=eth0} 2"],
    );
    // A container without the host's processes has its own.
    let tree = Tree::new();
    tree.write("proc/net/arp", heading);
    shows(&tree, Name::Arp, &[]);
    refuses(Name::Arp, "proc/net/arp", &["IP\n10.0.0.1 0x1\n"]);
}

#[test]
fn packets_of_processors_are_hexadecimal() {
    let tree = Tree::new();
    let new = "0000000a 00000001 00000002 00000000 00000000 00000000 00000000 00000000 00000003 \
        00000004 00000005 00000006 00000003\n";
    tree.write("proc/net/softnet_stat", new);
    let expected = [
        "softnet_backlog_len{cpu=3} 6",
        "softnet_cpu_collision_total{cpu=3} 3",
        "softnet_dropped_total{cpu=3} 1",
        "softnet_flow_limit_count_total{cpu=3} 5",
        "softnet_processed_total{cpu=3} 10",
        "softnet_received_rps_total{cpu=3} 4",
        "softnet_times_squeezed_total{cpu=3} 2",
    ];
    shows(&tree, Name::Softnet, &expected);
    // Older kernels write less, and the number of the line is that of the processor.
    let old = "000000ff 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000\n";
    tree.write("proc/net/softnet_stat", format!("{old}{old}"));
    let lines = good(&tree, Name::Softnet);
    assert!(
        lines.contains(&"softnet_processed_total{cpu=1} 255".to_owned()),
        "{lines:?}"
    );
    assert!(
        lines.contains(&"softnet_backlog_len{cpu=0} 0".to_owned()),
        "{lines:?}"
    );
    refuses(
        Name::Softnet,
        "proc/net/softnet_stat",
        &["", "1 2 3\n", "x 0 0 0 0 0 0 0 0\n"],
    );
}

#[test]
fn tracked_connections_are_summed_by_column() {
    let tree = Tree::new();
    tree.write("proc/sys/net/netfilter/nf_conntrack_count", "123\n");
    let (_, is_well) = read(&tree, Name::Conntrack);
    assert!(!is_well, "there is no limit");
    tree.write("proc/sys/net/netfilter/nf_conntrack_max", "65536\n");
    let text = "entries  clashres found new invalid delete insert insert_failed drop early_drop search_restart\n\
        0000007b 00000000 00000001 00000000 00000003 0 0000000a 00000001 00000002 00000003 00000004\n\
        0000007b 00000000 00000001 00000000 00000005 0 0000000a 00000001 00000002 00000003 00000004\n";
    tree.write("proc/net/stat/nf_conntrack", text);
    let expected = [
        "nf_conntrack_entries 123",
        "nf_conntrack_entries_limit 65536",
        "nf_conntrack_stat_drop 4",
        "nf_conntrack_stat_early_drop 6",
        "nf_conntrack_stat_found 2",
        "nf_conntrack_stat_insert 20",
        "nf_conntrack_stat_insert_failed 2",
        "nf_conntrack_stat_invalid 8",
        "nf_conntrack_stat_search_restart 8",
    ];
    shows(&tree, Name::Conntrack, &expected);
    tree.write("proc/net/stat/nf_conntrack", "entries found\n1\n");
    let (lines, is_well) = read(&tree, Name::Conntrack);
    assert_eq!(
        (lines.as_slice(), is_well),
        (&expected.map(str::to_owned)[..2], false)
    );
    refuses(
        Name::Conntrack,
        "proc/sys/net/netfilter/nf_conntrack_count",
        &["many\n"],
    );
}

#[test]
fn balanced_connections_have_their_backends() {
    let tree = Tree::new();
    let totals = "   Total Incoming Outgoing         Incoming         Outgoing\n\
        \x20  Conns  Packets  Packets            Bytes            Bytes\n\
        \x20      A       14        0              1F4                0\n\n\
        \x20Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s\n";
    tree.write("proc/net/ip_vs_stats", totals);
    let services = "IP Virtual Server version 1.2.1 (size=4096)\n\
        Prot LocalAddress:Port Scheduler Flags\n\
        \x20 -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n\
        TCP  C0A80016:0CEA wlc\n\
        \x20 -> C0A85216:0CEA      Tunnel  100    248        2\n\
        FWM  10001000 wlc\n\
        \x20 -> [2001:0db8:0000:0000:0000:0000:0000:0001]:0050 Route 1 2 3\n";
    tree.write("proc/net/ip_vs", services);
    let tcp = "{local_address=192.168.0.22,local_mark=,local_port=3306,proto=TCP,\
        remote_address=192.168.82.22,remote_port=3306}";
    let mark = "{local_address=,local_mark=10001000,local_port=0,proto=FWM,\
        remote_address=2001:db8::1,remote_port=80}";
    let expected = [
        format!("ipvs_backend_connections_active{mark} 2"),
        format!("ipvs_backend_connections_active{tcp} 248"),
        format!("ipvs_backend_connections_inactive{mark} 3"),
        format!("ipvs_backend_connections_inactive{tcp} 2"),
        format!("ipvs_backend_weight{mark} 1"),
        format!("ipvs_backend_weight{tcp} 100"),
        "ipvs_connections_total 10".to_owned(),
        "ipvs_incoming_bytes_total 500".to_owned(),
        "ipvs_incoming_packets_total 20".to_owned(),
        "ipvs_outgoing_bytes_total 0".to_owned(),
        "ipvs_outgoing_packets_total 0".to_owned(),
    ];
    assert_eq!(good(&tree, Name::Ipvs), expected);
    tree.write("proc/net/ip_vs", "a\nb\nc\nTCP C0A8:xx\n");
    assert!(!read(&tree, Name::Ipvs).1);
    refuses(Name::Ipvs, "proc/net/ip_vs_stats", &["", "a\nb\n1 2\n"]);
}

const NETSTAT: &str = "TcpExt: SyncookiesSent ListenDrops TCPTimeouts DelayedACKs\n\
    TcpExt: 1 2 3 4\nIpExt: InNoRoutes InOctets OutOctets\nIpExt: 0 5 6\n";
const SNMP: &str = "Ip: Forwarding DefaultTTL\nIp: 1 64\n\
    Tcp: RtoAlgorithm MaxConn CurrEstab InErrs\nTcp: 1 -1 7 8\n\
    Udp: InDatagrams InErrors\nUdp: 9 10\nIcmp: InMsgs InErrors OutMsgs\nIcmp: 1 2 3\n";

#[test]
fn counters_of_protocols_are_those_that_node_exporter_shows() {
    let tree = Tree::new();
    tree.write("proc/net/netstat", NETSTAT);
    tree.write("proc/net/snmp", SNMP);
    let expected = [
        "netstat_Icmp_InErrors 2",
        "netstat_Icmp_InMsgs 1",
        "netstat_Icmp_OutMsgs 3",
        "netstat_IpExt_InOctets 5",
        "netstat_IpExt_OutOctets 6",
        "netstat_Ip_Forwarding 1",
        "netstat_TcpExt_ListenDrops 2",
        "netstat_TcpExt_SyncookiesSent 1",
        "netstat_TcpExt_TCPTimeouts 3",
        "netstat_Tcp_CurrEstab 7",
        "netstat_Tcp_InErrs 8",
        "netstat_Udp_InDatagrams 9",
        "netstat_Udp_InErrors 10",
    ];
    shows(&tree, Name::Netstat, &expected);
    let six =
        "Ip6InReceives 1\nIp6InOctets 11\nIcmp6InType135 4\nUdp6NoPorts 12\nUdpLite6InErrors 13\n";
    tree.write("proc/net/snmp6", six);
    let lines = good(&tree, Name::Netstat);
    assert_eq!(lines.len(), expected.len() + 3);
    for line in ["Ip6_InOctets 11", "Udp6_NoPorts 12", "UdpLite6_InErrors 13"] {
        assert!(lines.contains(&format!("netstat_{line}")), "{line}");
    }
    for text in [
        "Tcp: InErrs\n",
        "Tcp: InErrs\nTcp: x\n",
        "Tcp: InErrs\nUdp: 1\n",
        "Tcp: A B\nTcp: 1\n",
    ] {
        tree.write("proc/net/snmp", text);
        assert!(!read(&tree, Name::Netstat).1, "{text}");
    }
    refuses(Name::Netstat, "proc/net/netstat", &["no colon\n"]);
}

#[test]
fn sockets_have_their_memory_in_bytes_too() {
    let tree = Tree::new();
    let text = "sockets: used 229\nTCP: inuse 4 orphan 0 mem 1\nFRAG: inuse 0 memory 512\n";
    tree.write("proc/net/sockstat", text);
    let page = rustix::param::page_size();
    let expected = [
        "sockstat_FRAG_inuse 0".to_owned(),
        "sockstat_FRAG_memory 512".to_owned(),
        "sockstat_TCP_inuse 4".to_owned(),
        "sockstat_TCP_mem 1".to_owned(),
        format!("sockstat_TCP_mem_bytes {page}"),
        "sockstat_TCP_orphan 0".to_owned(),
        "sockstat_sockets_used 229".to_owned(),
    ];
    assert_eq!(good(&tree, Name::Sockstat), expected);
    tree.write("proc/net/sockstat6", "TCP6: inuse 3\n");
    assert!(good(&tree, Name::Sockstat).contains(&"sockstat_TCP6_inuse 3".to_owned()));
    refuses(
        Name::Sockstat,
        "proc/net/sockstat",
        &["TCP inuse 4\n", "TCP: inuse\n", "TCP: inuse x\n"],
    );
}

#[test]
fn tables_of_sockets_are_summed_and_counted() {
    let heading = "  sl  local_address rem_address   st tx_queue rx_queue\n";
    let row = |state: &str, queues: &str| {
        format!("   0: 0100007F:0035 00000000:0000 {state} {queues} 00:0\n")
    };
    let tree = Tree::new();
    tree.write(
        "proc/net/udp",
        format!(
            "{heading}{}{}",
            row("07", "00000001:0000000A"),
            row("07", "0:1")
        ),
    );
    let expected = [
        "udp_queues{ip=v4,queue=rx} 11",
        "udp_queues{ip=v4,queue=tx} 1",
    ];
    shows(&tree, Name::UdpQueues, &expected);
    tree.write("proc/net/udp6", heading);
    assert_eq!(good(&tree, Name::UdpQueues).len(), 4);
    tree.write(
        "proc/net/tcp",
        format!("{heading}{}{}", row("0A", "0:2"), row("01", "3:0")),
    );
    tree.write(
        "proc/net/tcp6",
        format!("{heading}{}{}", row("01", "0:0"), row("0C", "0:0")),
    );
    let expected = [
        "tcp_connection_states{state=established} 2",
        "tcp_connection_states{state=listen} 1",
        "tcp_connection_states{state=rx_queued_bytes} 2",
        "tcp_connection_states{state=tx_queued_bytes} 3",
        "tcp_connection_states{state=unknown} 1",
    ];
    shows(&tree, Name::Tcpstat, &expected);
    refuses(
        Name::UdpQueues,
        "proc/net/udp",
        &["a\n0: 0 0 07\n", "a\n0: 0 0 07 1-2\n"],
    );
    refuses(Name::Tcpstat, "proc/net/tcp", &["a\n0: 0 0 xx 0:0\n"]);
}

#[test]
fn interfaces_have_their_properties_and_bonds_their_members() {
    let tree = Tree::new();
    let files = [
        ("addr_assign_type", "3"),
        ("carrier", "1"),
        ("carrier_changes", "2"),
        ("dev_id", "0x20"),
        ("flags", "0x1303"),
        ("ifindex", "2"),
        ("mtu", "1500"),
        ("speed", "1000"),
        ("type", "1"),
        ("operstate", "up"),
        ("address", "01:01:01:01:01:01"),
        ("duplex", "full"),
        ("ifalias", ""),
    ];
    for (file, value) in files {
        tree.write(&format!("sys/class/net/bond0/{file}"), format!("{value}\n"));
    }
    // One that is down has an error in place of a carrier.
    tree.write("sys/class/net/eth0/carrier", "");
    tree.write("sys/class/net/eth0/speed", "-1\n");
    tree.write("sys/class/net/bonding_masters", "bond0\n");
    let info = "address=01:01:01:01:01:01,adminstate=up,broadcast=,device=bond0,duplex=full,ifalias=,operstate=up";
    let expected = [
        "network_address_assign_type{device=bond0} 3",
        "network_carrier_changes_total{device=bond0} 2",
        "network_carrier{device=bond0} 1",
        "network_device_id{device=bond0} 32",
        "network_flags{device=bond0} 4867",
        "network_iface_id{device=bond0} 2",
        "network_info{address=,adminstate=unknown,broadcast=,device=eth0,duplex=,ifalias=,operstate=} 1",
        &format!("network_info{{{info}}} 1"),
        "network_mtu_bytes{device=bond0} 1500",
        "network_protocol_type{device=bond0} 1",
        "network_speed_bytes{device=bond0} 125000000",
        "network_speed_bytes{device=eth0} -125000.0",
        "network_up{device=bond0} 1",
        "network_up{device=eth0} 0",
    ];
    shows(&tree, Name::Netclass, &expected);
    assert!(!read(&tree, Name::Bonding).1, "the bond has no list");
    tree.write("sys/class/net/bond0/bonding/slaves", "eth0 eth1\n");
    tree.write(
        "sys/class/net/bond0/lower_eth0/bonding_slave/mii_status",
        "up\n",
    );
    tree.write(
        "sys/class/net/bond0/slave_eth1/bonding_slave/mii_status",
        "down\n",
    );
    shows(
        &tree,
        Name::Bonding,
        &[
            "bonding_active{master=bond0} 1",
            "bonding_slaves{master=bond0} 2",
        ],
    );
}
