//! The network of the host: interfaces, sockets by state, and who listens.

use std::net::IpAddr;

use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use utoipa::IntoParams;

use crate::error::ApiError;
use crate::extract::{ApiQuery, Caller, FromQuery, scope};
use crate::json::Json;
use crate::params::QueryReader;
use crate::tasks::sampler::HostSampler;
use linux_api_host::Collector;
use linux_api_host::network::NetworkReading;
use linux_api_wire::api::network::{ListeningSocket, NetworkDetail, NetworkInterface};
use linux_api_wire::api::page::ParseCursorError;
use linux_api_wire::snapshot::{Family, Snapshot};

/// What the text of a cursor begins with.
const CURSOR: &str = "n1";

/// Which page of listening sockets to show.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ShowNetwork {
    /// The most rows of listening sockets to return.
    #[param(minimum = 1, maximum = 1000, default = 1000, required = false)]
    limit: i64,
    /// Where the next page of listening sockets starts, from `next_cursor` of an earlier response.
    #[param(value_type = Option<String>)]
    cursor: Option<Place>,
}

impl FromQuery for ShowNetwork {
    fn read(query: &mut QueryReader) -> Self {
        let cursor = |text: &str| Place::decode(text).ok_or_else(|| ParseCursorError.to_string());
        Self {
            cursor: query.read_with("cursor", cursor),
            limit: query.integer("limit", 1..=1000, 1000),
        }
    }
}

/// Where a row of listening sockets stands among all that there can be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    port: u16,
    protocol: String,
    address: Option<IpAddr>,
    pid: Option<u32>,
    uid: Option<u32>,
}

impl Place {
    fn of(row: &ListeningSocket) -> Self {
        Self {
            port: row.port,
            protocol: row.protocol.clone(),
            address: row.address.parse().ok(),
            pid: row.pid,
            uid: row.uid,
        }
    }

    fn encode(&self) -> String {
        let number = |number: Option<u32>| number.map_or_else(String::new, |it| it.to_string());
        let address = self.address.map_or_else(String::new, |it| it.to_string());
        let (port, protocol) = (self.port, &self.protocol);
        let (pid, uid) = (number(self.pid), number(self.uid));
        URL_SAFE_NO_PAD.encode(format!("{CURSOR}|{port}|{protocol}|{address}|{pid}|{uid}"))
    }

    fn decode(text: &str) -> Option<Self> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let parts: Vec<&str> = text.split('|').collect();
        let [CURSOR, port, protocol @ ("tcp" | "udp"), address, pid, uid] = parts[..] else {
            return None;
        };
        let number = |text: &str| match text {
            "" => Some(None),
            text => text.parse().ok().map(Some),
        };
        Some(Self {
            port: port.parse().ok()?,
            protocol: protocol.to_owned(),
            address: Some(address.parse().ok()?),
            pid: number(pid)?,
            uid: number(uid)?,
        })
    }
}

impl ShowNetwork {
    fn answer(&self, snapshot: Option<&Snapshot>, reading: &NetworkReading) -> NetworkDetail {
        let (interfaces, interfaces_error) = interfaces(snapshot, reading);
        let mut detail = NetworkDetail {
            time: reading.time.to_string(),
            interfaces,
            interfaces_error,
            other_addresses: reading.other_addresses.clone(),
            ..NetworkDetail::default()
        };
        let sockets = match &reading.sockets {
            Ok(sockets) => sockets,
            Err(error) => {
                detail.sockets_error = Some(error.to_string());
                return detail;
            }
        };
        let limit = usize::try_from(self.limit).unwrap_or(1);
        let is_after = |row: &&ListeningSocket| {
            let after = self.cursor.as_ref();
            after.is_none_or(|after| Place::of(row) > *after)
        };
        let mut rest = sockets.listening.iter().filter(is_after);
        detail.listening = rest.by_ref().take(limit).cloned().collect();
        let last = detail.listening.last().filter(|_| rest.next().is_some());
        detail.next_cursor = last.map(|last| Place::of(last).encode());
        detail.sockets = Some(sockets.counts);
        detail.total = sockets.listening.len();
        detail.left_out = sockets.left_out;
        detail
    }
}

/// What the interfaces carried, of the newest reading of the host, with what they are; and why something of it
/// is not known.
fn interfaces(
    snapshot: Option<&Snapshot>,
    reading: &NetworkReading,
) -> (Vec<NetworkInterface>, Option<String>) {
    let networks = snapshot.and_then(|snapshot| snapshot.networks.as_deref());
    let read = networks.map(Vec::as_slice).unwrap_or_default();
    let interfaces = read.iter().map(|traffic| {
        let link = reading.links.get(&traffic.interface).cloned();
        let link = link.unwrap_or_default();
        NetworkInterface {
            traffic: traffic.clone(),
            state: link.state,
            addresses: link.addresses,
            hardware_address: link.hardware_address,
            mtu: link.mtu,
            speed_mbit: link.speed_mbit,
        }
    });
    let status = snapshot.and_then(|snapshot| snapshot.status.get(&Family::Networks));
    let failed = status.and_then(|status| status.error.clone());
    let early = || {
        let is_early = networks.is_none();
        is_early.then(|| "they have not been read twice yet".to_owned())
    };
    let of_addresses = || reading.addresses_error.as_ref().map(ToString::to_string);
    let error = failed.or_else(early).or_else(of_addresses);
    (interfaces.collect(), error)
}

/// Show the network of the host
///
/// Interfaces with their state, addresses and traffic; how many sockets there are, by state; and which ones
/// listen, with the process that holds them where the daemon may know it. At most a second old. Peers of
/// connections are not shown.
#[utoipa::path(
    get,
    path = "/api/v1/system/network",
    tag = "system",
    params(ShowNetwork),
    responses((status = 200, description = "The network", body = NetworkDetail))
)]
pub(crate) async fn show_network(
    _caller: Caller<scope::HostRead>,
    State(host): State<HostSampler>,
    State(collector): State<Collector>,
    ApiQuery(query): ApiQuery<ShowNetwork>,
) -> Result<Json<NetworkDetail>, ApiError> {
    // Without a reading of the host there are no rates yet, and sockets all the same.
    let snapshot = host.subscribe().borrow().clone();
    let reading = collector
        .network()
        .await
        .map_err(|error| ApiError::host_unreadable(&error))?;
    Ok(Json(query.answer(snapshot.as_deref(), &reading)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use linux_api_host::network::NetworkSockets;
    use linux_api_wire::time::Timestamp;

    fn reading() -> NetworkReading {
        let row = |port: u16, address: &str, pid: Option<u32>| ListeningSocket {
            protocol: "tcp".to_owned(),
            address: address.to_owned(),
            port,
            sockets: 1,
            pid,
            uid: Some(0),
            ..ListeningSocket::default()
        };
        NetworkReading {
            time: Timestamp::from_millis(0),
            sockets: Ok(NetworkSockets {
                counts: linux_api_wire::api::network::SocketCounts::default(),
                listening: vec![
                    row(22, "0.0.0.0", None),
                    row(80, "127.0.0.1", None),
                    row(80, "127.0.0.1", Some(7)),
                    row(80, "::", Some(7)),
                    row(443, "::", None),
                ],
                left_out: 3,
            }),
            links: std::collections::BTreeMap::new(),
            other_addresses: Vec::new(),
            addresses_error: None,
        }
    }

    fn page(query: &str) -> NetworkDetail {
        let mut reader = QueryReader::new(query);
        let query = ShowNetwork::read(&mut reader);
        reader.finish().unwrap();
        query.answer(None, &reading())
    }

    #[test]
    fn pages_hold_every_row_once() {
        let mut rows = Vec::new();
        let mut query = "limit=2".to_owned();
        loop {
            let page = page(&query);
            assert_eq!((page.total, page.left_out), (5, 3));
            rows.extend(page.listening);
            let Some(cursor) = page.next_cursor else {
                break;
            };
            query = format!("limit=2&cursor={cursor}");
        }
        assert_eq!(rows, reading().sockets.unwrap().listening);
        assert!(page("limit=5").next_cursor.is_none());
        assert!(page("").interfaces_error.is_some());
    }

    #[test]
    fn other_cursors_are_refused() {
        for text in ["", "x", "bjF8", "bjF8ODB8c2N0cHw6Onw3fDA", "dTE6YQ"] {
            let mut reader = QueryReader::new(&format!("cursor={text}"));
            ShowNetwork::read(&mut reader);
            assert!(reader.finish().is_err(), "{text}");
        }
    }
}
