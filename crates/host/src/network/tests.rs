use std::net::TcpListener;
use std::os::unix::fs::symlink;

use super::*;
use crate::testing::Tree;

const HEADING: &str =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n";

fn line(local: &str, state: &str, uid: u32, inode: u64) -> String {
    let remote = "0".repeat(local.find(':').unwrap());
    format!(
        "   0: {local} {remote}:0000 {state} 00000000:00000000 00:00000000 00000000 {uid} 0 {inode} 1 0\n"
    )
}

/// A host with a web server of two processes, a socket of a container, and connections.
fn host() -> Tree {
    let tree = Tree::new();
    let tcp = [
        line("00000000:0050", "0A", 0, 11),
        line("00000000:0050", "0A", 0, 12),
        line("0100007F:1538", "0A", 105, 13),
        line("0A0200C0:0050", "01", 33, 21),
        line("0A0200C0:0050", "06", 0, 0),
        line("0A0200C0:0050", "0C", 0, 0),
        "rubbish\n".to_owned(),
    ];
    tree.write("proc/net/tcp", format!("{HEADING}{}", tcp.concat()));
    let tcp6 = line(&format!("{}:0050", "0".repeat(32)), "0A", 0, 14);
    tree.write("proc/net/tcp6", format!("{HEADING}{tcp6}"));
    let udp = [
        line("00000000:0044", "07", 0, 15),
        line("0A0200C0:A000", "01", 0, 16),
    ];
    tree.write("proc/net/udp", format!("{HEADING}{}", udp.concat()));
    tree.write("etc/passwd", "root:x:0:0::/:\npostgres:x:105:105::/:\n");
    for (pid, name, inode) in [
        (700, "nginx", 11),
        (701, "nginx", 11),
        (800, "postgres", 13),
    ] {
        tree.write_process(pid, name.as_bytes(), 'S');
        std::fs::create_dir_all(tree.path(format!("proc/{pid}/fd"))).unwrap();
        let file = tree.path(format!("proc/{pid}/fd/6"));
        symlink(format!("socket:[{inode}]"), file).unwrap();
        symlink("/dev/null", tree.path(format!("proc/{pid}/fd/0"))).unwrap();
    }
    tree
}

#[tokio::test]
async fn sockets_are_counted_and_those_that_listen_have_their_process() {
    let tree = host();
    let reading = tree.collector().network().await.unwrap();
    let sockets = reading.sockets.as_ref().unwrap();
    let tcp = sockets.counts.tcp;
    assert_eq!((tcp.listen, tcp.established, tcp.time_wait), (4, 1, 1));
    assert_eq!((tcp.syn_received, sockets.counts.udp), (1, 2));
    assert!(sockets.counts.complete && sockets.left_out == 0);
    let rows: Vec<String> = sockets
        .listening
        .iter()
        .map(|row| {
            let holder = match (&row.process, &row.process_error) {
                (Some(name), None) => format!("{name} {}", row.pid.unwrap()),
                (_, error) => error.clone().unwrap(),
            };
            let user = row.user.as_deref().unwrap_or("-");
            let (protocol, address, port) = (&row.protocol, &row.address, row.port);
            format!(
                "{protocol} {address} {port} {user} {holder} {}",
                row.sockets
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            "udp 0.0.0.0 68 root not_found 1",
            "tcp 0.0.0.0 80 root not_found 1",
            "tcp 0.0.0.0 80 root nginx 700 1",
            "tcp :: 80 root not_found 1",
            "tcp 127.0.0.1 5432 postgres postgres 800 1",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_reading_is_shared_for_one_second_and_a_holder_that_ended_is_forgotten() {
    let tree = host();
    let collector = tree.collector();
    let (one, two) = tokio::join!(collector.network(), collector.network());
    let one = one.unwrap();
    assert!(Arc::ptr_eq(&one, &two.unwrap()));
    tokio::time::advance(SCAN_KEPT_FOR).await;
    std::fs::remove_dir_all(tree.path("proc/700")).unwrap();
    std::fs::remove_dir_all(tree.path("proc/800")).unwrap();
    let next = collector.network().await.unwrap();
    let holders: Vec<Option<u32>> = next
        .sockets
        .as_ref()
        .unwrap()
        .listening
        .iter()
        .map(|row| row.pid)
        .collect();
    assert!(holders.contains(&Some(701)), "{holders:?}");
    assert!(!holders.contains(&Some(800)), "{holders:?}");
}

#[tokio::test]
async fn a_host_without_sockets_says_why() {
    let tree = Tree::new();
    let reading = tree.collector().network().await.unwrap();
    let error = reading.sockets.as_ref().unwrap_err().to_string();
    assert!(error.contains("net/tcp"), "{error}");
    assert!(reading.links.is_empty() && reading.addresses_error.is_none());
    for file in ["tcp", "udp"] {
        tree.write(
            &format!("proc/net/{file}"),
            format!("{HEADING}what is this\n"),
        );
    }
    let reading = tree.collector().network().await.unwrap();
    let error = reading.sockets.as_ref().unwrap_err().to_string();
    assert!(error.contains("list of sockets"), "{error}");
}

#[test]
fn a_hundred_thousand_sockets_take_no_memory_and_end_in_time() {
    let tree = Tree::new();
    let mut text = HEADING.to_owned();
    for number in 0..100_000_u32 {
        let state = if number < 12_000 { "0A" } else { "01" };
        text.push_str(&line(
            &format!("0100007F:{:04X}", number % 65_536),
            state,
            0,
            number.into(),
        ));
    }
    tree.write("proc/net/tcp", text);
    tree.write("proc/net/udp", HEADING);
    let far = Instant::now() + Duration::from_hours(1);
    let scan = sockets::scan(&tree.roots(), far).unwrap();
    assert_eq!(
        (scan.counts.tcp.listen, scan.counts.tcp.established),
        (12_000, 88_000)
    );
    assert_eq!((scan.listening.len(), scan.left_out), (10_000, 2_000));
    assert!(scan.counts.complete);
    // Out of time: it says so, and has what comes first.
    let scan = sockets::scan(&tree.roots(), Instant::now()).unwrap();
    assert!(!scan.counts.complete);
    assert_eq!(scan.counts.tcp.listen, 1024);
}

#[tokio::test]
async fn links_have_their_state_and_their_addresses() {
    let tree = host();
    for (file, text) in [
        ("operstate", "up\n"),
        ("mtu", "1500\n"),
        ("speed", "-1\n"),
        ("address", "52:54:00:12:34:56\n"),
    ] {
        tree.write(&format!("sys/class/net/eth0/{file}"), text);
    }
    tree.write("sys/class/net/lo/operstate", "unknown\n");
    tree.write("sys/class/net/lo/address", "00:00:00:00:00:00\n");
    tree.write("sys/class/net/bonding_masters", "bond0\n");
    tree.write(
        "proc/net/route",
        "Iface Destination\neth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n",
    );
    tree.write(
        "proc/net/fib_trie",
        "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 192.0.2.10\n        /32 host LOCAL\n     |-- 192.0.2.255\n        \
         /32 link BROADCAST\n     |-- 198.51.100.7\n        /32 host LOCAL\nLocal:\n     |-- 127.0.0.0\n        \
         /8 host LOCAL\n     |-- 127.0.0.1\n        /32 host LOCAL\n     |-- 192.0.2.10\n        /32 host LOCAL\n",
    );
    tree.write(
        "proc/net/if_inet6",
        "20010db8000000000000000000000010 02 40 00 80     eth0\n",
    );
    let reading = tree.collector().network().await.unwrap();
    let eth0 = &reading.links["eth0"];
    assert_eq!(
        (eth0.state.as_deref(), eth0.mtu, eth0.speed_mbit),
        (Some("up"), Some(1500), None)
    );
    assert_eq!(eth0.hardware_address.as_deref(), Some("52:54:00:12:34:56"));
    assert_eq!(reading.links["lo"].hardware_address, None);
    assert!(!reading.links.contains_key("bonding_masters"));
    if cfg!(target_endian = "little") {
        assert_eq!(eth0.addresses, ["192.0.2.10/24", "2001:db8::10/64"]);
        assert_eq!(reading.links["lo"].addresses, ["127.0.0.1/8"]);
        assert_eq!(reading.other_addresses, ["198.51.100.7"]);
    }
}

/// Of this very host: a socket of this process is found with it.
#[tokio::test]
async fn a_listening_socket_of_this_process_is_found() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let reading = Collector::default().network().await.unwrap();
    let sockets = reading.sockets.as_ref().unwrap();
    let own = sockets
        .listening
        .iter()
        .find(|row| row.port == port)
        .unwrap();
    assert_eq!(own.address, "127.0.0.1");
    assert_eq!(own.pid, Some(std::process::id()));
    assert!(own.process.is_some() && own.process_error.is_none());
    assert!(sockets.counts.tcp.listen >= 1 && sockets.counts.complete);
}
