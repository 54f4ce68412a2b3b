//! The tables of interfaces and of listening sockets.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use super::query::{RatesQuery, SPAN};
use super::{SocketId, shown_sockets};
use crate::app::App;
use crate::table::{SortKey, Spot, TableCell, TableColumn, TableView};
use crate::widgets::chart::{binary_top, sparkline};
use crate::widgets::graph::{Curve, Ink, Window, columns as in_columns, stored};
use linux_api_wire::api::network::{
    ListeningSocket, NetworkDetail, NetworkInterface, SocketCounts,
};
use linux_api_wire::units::compact::{count, rate};

/// From which width on interfaces have lines.
const LINES: u16 = 76;
/// From which width on there is room for speed, MTU and faults.
const WIDE: u16 = 110;
/// States of TCP that are shown also when no socket is in them.
const ALWAYS: [&str; 4] = ["established", "listen", "time_wait", "close_wait"];

pub(super) type SocketColumn<'a> = TableColumn<&'a ListeningSocket>;
type InterfaceColumn<'a> = TableColumn<&'a NetworkInterface>;

/// The interfaces in the order in which they are shown: those with a device first, then by name, `lo` last.
pub(super) fn interfaces(detail: &NetworkDetail) -> Vec<&NetworkInterface> {
    let mut all: Vec<&NetworkInterface> = detail.interfaces.iter().collect();
    all.sort_by_key(|it| {
        let name = it.traffic.interface.as_str();
        (name == "lo", !it.traffic.has_device, name)
    });
    all
}

/// Draws as many interfaces as an area has lines for; of the others it says how many there are.
pub(super) fn draw_interfaces(
    app: &App,
    detail: &NetworkDetail,
    area: Rect,
    frame: &mut Frame<'_>,
) {
    let theme = &app.settings.theme;
    let all = interfaces(detail);
    let room = usize::from(area.height.saturating_sub(1));
    let shown = if all.len() > room {
        room.saturating_sub(1)
    } else {
        all.len()
    };
    let view = TableView {
        stale: app.freshness().is_old(),
        ..TableView::plain(shown)
    };
    view.draw(&interface_columns(area.width), app, area, frame, |row| {
        all[row]
    });
    if shown < all.len() {
        let names = all[shown..].iter().map(|it| it.traffic.interface.as_str());
        let names: Vec<&str> = names.collect();
        let text = format!("+{} more: {}", names.len(), names.join(" "));
        let width = usize::from(area.width);
        let text = crate::table::fit(&text, width, false, theme);
        let line = Rect::new(area.x, area.bottom() - 1, area.width, 1);
        frame.render_widget(Line::styled(text, theme.dim), line);
    } else if all.is_empty() {
        let reason = detail.interfaces_error.as_deref().unwrap_or("none");
        let line = Rect::new(area.x, area.y + 1, area.width, 1);
        let text = format!("interfaces: {reason}");
        let text = crate::table::fit(&text, usize::from(area.width), false, theme);
        frame.render_widget(Line::styled(text, theme.warn), line);
    }
}

fn interface_columns<'a>(width: u16) -> Vec<InterfaceColumn<'a>> {
    let line = match width {
        0..LINES => 6,
        LINES..WIDE => 8,
        _ => 16,
    };
    vec![
        InterfaceColumn::words("INTERFACE", 12, |at, it| {
            at.text(it.traffic.interface.clone())
        }),
        InterfaceColumn::words("STATE", 8, |at, it| match it.state.as_deref() {
            Some("up") => TableCell::new("up", at.theme.good),
            Some("unknown") => at.dim("unknown"),
            Some(other) => TableCell::new(other, at.theme.warn),
            None => at.dim("-"),
        }),
        InterfaceColumn::numbers("IN", 9, |at, it| {
            rate_cell(at, it.traffic.received_bytes_per_second)
        }),
        InterfaceColumn::words("10m", line, |at, it| line_cell(at, it, "network.received"))
            .from(LINES),
        InterfaceColumn::numbers("OUT", 9, |at, it| {
            rate_cell(at, it.traffic.sent_bytes_per_second)
        }),
        InterfaceColumn::words("10m", line, |at, it| line_cell(at, it, "network.sent")).from(LINES),
        InterfaceColumn::numbers("SPEED", 6, |at, it| at.optional(it.speed_mbit.map(speed)))
            .from(WIDE),
        InterfaceColumn::numbers("MTU", 5, |at, it| {
            at.optional(it.mtu.map(|mtu| mtu.to_string()))
        })
        .from(WIDE),
        InterfaceColumn::numbers("ERR", 6, |at, it| fault_cell(at, it.traffic.errors)).from(WIDE),
        InterfaceColumn::numbers("DROP", 6, |at, it| fault_cell(at, it.traffic.drops)).from(WIDE),
        InterfaceColumn::words("ADDRESSES", 0, |at, it| {
            if it.addresses.is_empty() {
                return at.dim("-");
            }
            at.text(whole_words(&it.addresses, at.width))
        }),
    ]
}

/// As many words as there is room for, and how many more there are.
fn whole_words(words: &[String], width: usize) -> String {
    let mut text = String::new();
    for (place, word) in words.iter().enumerate() {
        let left = words.len() - place - 1;
        let more = if left > 0 {
            1 + format!("+{left}").len()
        } else {
            0
        };
        let space = usize::from(!text.is_empty());
        if text.width() + space + word.width() + more > width {
            let mark = format!("+{}", left + 1);
            return if text.is_empty() {
                mark
            } else {
                format!("{text} {mark}")
            };
        }
        if space > 0 {
            text.push(' ');
        }
        text.push_str(word);
    }
    text
}

/// Megabits a second as people call them.
fn speed(mbit: u32) -> String {
    match mbit {
        1000.. if mbit.is_multiple_of(1000) => format!("{}G", mbit / 1000),
        1000.. => format!("{:.1}G", f64::from(mbit) / 1000.0),
        _ => format!("{mbit}M"),
    }
}

fn rate_cell(at: &Spot<'_>, value: f64) -> TableCell {
    let style = if value > 0.0 {
        at.theme.text
    } else {
        at.theme.dim
    };
    TableCell::new(rate(value), style)
}

#[expect(clippy::cast_precision_loss, reason = "shown in five digits")]
fn fault_cell(at: &Spot<'_>, faults: u64) -> TableCell {
    match faults {
        0 => at.dim("0"),
        faults => TableCell::new(count(faults as f64), at.theme.warn),
    }
}

/// What an interface carried in one direction.
fn line_cell(at: &Spot<'_>, interface: &NetworkInterface, direction: &str) -> TableCell {
    let host = at.app.host();
    let Some(history) = host.responses.rates.value() else {
        return at.dim("");
    };
    let name = &interface.traffic.interface;
    let mut series = history.series.iter();
    let series = series
        .find(|it| it.name.starts_with(direction) && it.labels.get("interface") == Some(name));
    let Some(series) = series else {
        return at.dim("");
    };
    let readings = stored(&series.points, history.step);
    let curve = Curve::area(&readings, Ink::Plain(Style::new()));
    let width = u16::try_from(at.width).unwrap_or(u16::MAX);
    let window = Window::live(at.app.time_of(host), SPAN).aligned(width);
    let values = in_columns(&curve, window, at.width);
    let top = binary_top(&values).max(1024.0);
    let is_in = direction == "network.received";
    let style = if is_in {
        at.theme.graph
    } else {
        at.theme.second
    };
    TableCell::new(sparkline(&values, top, at.width, at.theme), style)
}

/// The query for the lines.
pub(super) fn rates_query(app: &App) -> RatesQuery {
    use std::time::Duration;

    let step = super::query::STEP;
    let now = linux_api_wire::units::floor(app.time_of(app.host()), step);
    RatesQuery {
        until: now.saturating_add(Duration::from_secs(step)),
    }
}

/// How many sockets there are by state; what finds no room whole is left out, the rarest first.
pub(super) fn states_line(app: &App, counts: &SocketCounts, width: u16) -> Line<'static> {
    let theme = &app.settings.theme;
    let mut states: Vec<(&str, u64)> = counts.tcp.named().to_vec();
    states.retain(|(name, number)| *number > 0 || ALWAYS.contains(name));
    states.sort_by_key(|(name, number)| {
        let place = ALWAYS.iter().position(|it| it == name);
        (place.unwrap_or(ALWAYS.len()), std::cmp::Reverse(*number))
    });
    let mut line = Line::from(Span::styled("TCP ", theme.title));
    let udp = format!("  UDP {}", counts.udp);
    let early = if counts.complete {
        ""
    } else {
        "  not all were counted"
    };
    let last = udp.width() + early.width();
    for (name, number) in states {
        // A connection that the program does not close piles up in this state.
        let is_bad = name == "close_wait" && number > 100;
        let style = match number {
            0 => theme.dim,
            _ if is_bad => theme.warn,
            _ => theme.text,
        };
        let text = format!("  {} {number}", name.replace('_', "-"));
        if line.width() + text.width() + last > usize::from(width) {
            break;
        }
        line.push_span(Span::styled(text, style));
    }
    line.push_span(Span::styled(udp, theme.title));
    line.push_span(Span::styled(early, theme.warn));
    line
}

/// Draws the listening sockets.
pub(super) fn draw_sockets(app: &App, area: Rect, frame: &mut Frame<'_>) {
    let rows = shown_sockets(app);
    let view = TableView {
        rows: rows.len(),
        stale: app.freshness().is_old(),
        ..TableView::of(&app.screens.network.table)
    };
    view.draw(&socket_columns(area.width), app, area, frame, |row| {
        rows[row]
    });
}

/// The columns of the listening sockets.
pub(super) fn socket_columns<'a>(width: u16) -> Vec<SocketColumn<'a>> {
    let address = if width < WIDE { 16 } else { 40 };
    vec![
        SocketColumn::words("PROTO", 5, |at, it| at.text(it.protocol.clone()))
            .ascending(|it| Some(SortKey::Text(&it.protocol))),
        SocketColumn::numbers("PORT", 5, |at, it| at.text(it.port.to_string()))
            .ascending(|it| Some(SortKey::Whole(it.port.into()))),
        SocketColumn::words("ADDRESS", address, |at, it| {
            // What only this host can reach is less of a concern.
            let is_all = matches!(it.address.as_str(), "0.0.0.0" | "::");
            if is_all {
                TableCell::new(it.address.clone(), at.theme.accent)
            } else {
                at.text(it.address.clone())
            }
        })
        .ascending(|it| Some(SortKey::Text(&it.address))),
        SocketColumn::numbers("SOCKS", 5, |at, it| at.text(it.sockets.to_string()))
            .descending(|it| Some(SortKey::Whole(it.sockets.into())))
            .from(LINES),
        SocketColumn::words("USER", 12, |at, it| {
            let uid = it.uid.map(|uid| uid.to_string());
            at.optional(it.user.clone().or(uid))
        })
        .ascending(|it| it.user.as_deref().map(SortKey::Text)),
        SocketColumn::numbers("PID", 7, |at, it| {
            at.optional(it.pid.map(|pid| pid.to_string()))
        })
        .ascending(|it| it.pid.map(|pid| SortKey::Whole(pid.into()))),
        SocketColumn::words("PROCESS", 0, |at, it| {
            match (&it.process, &it.process_error) {
                (Some(name), _) => at.text(name.clone()),
                (None, reason) => at.dim(in_words(reason.as_deref())),
            }
        })
        .ascending(|it| it.process.as_deref().map(SortKey::Text)),
    ]
}

/// Why a process is not known, for people.
pub(super) fn in_words(reason: Option<&str>) -> String {
    match reason {
        Some("permission_denied") => "hidden from the daemon".to_owned(),
        Some("not_found") => "no process holds it".to_owned(),
        Some("out_of_time") => "too many open files to look through".to_owned(),
        Some(other) => other.to_owned(),
        None => "-".to_owned(),
    }
}

/// What distinguishes a row.
pub(super) fn id_of(socket: &ListeningSocket) -> SocketId {
    let number = |number: Option<u32>| number.map_or_else(String::new, |it| it.to_string());
    let (protocol, address, port) = (&socket.protocol, &socket.address, socket.port);
    format!(
        "{protocol} {address} {port} {} {}",
        number(socket.pid),
        number(socket.uid)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_whole_or_counted() {
        let words = ["192.0.2.10/24", "2001:db8::10/64"].map(str::to_owned);
        assert_eq!(whole_words(&words, 40), "192.0.2.10/24 2001:db8::10/64");
        assert_eq!(whole_words(&words, 20), "192.0.2.10/24 +1");
        assert_eq!(whole_words(&words, 13), "+2");
        assert_eq!(whole_words(&words[..1], 13), "192.0.2.10/24");
        for width in 3..60 {
            assert!(whole_words(&words, width).width() <= width);
        }
    }

    #[test]
    fn speeds_are_named_as_people_do() {
        assert_eq!(
            [10, 100, 1000, 2500, 100_000].map(speed),
            ["10M", "100M", "1G", "2.5G", "100G"]
        );
    }
}
