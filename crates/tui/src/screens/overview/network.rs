//! Network interfaces: one of them, or all that count, over time; and what the others do now.

use ratatui::Frame;
use ratatui::layout::Rect;

use super::layout::Block;
use super::{graph, titled, why_absent};
use crate::app::App;
use crate::host::traffic;
use crate::trail::{Figure, Way};
use crate::widgets::frame::instead;
use crate::widgets::graph::{Curve, Ink, Reading, Unit};
use crate::widgets::parts::{Part, fitting_or_more};
use linux_api_wire::api::snapshot::Snapshot;
use linux_api_wire::snapshot::{Family, Network};
use linux_api_wire::units::compact::{bytes, rate};

/// Fewest lines inside of a box that also lists the other interfaces.
const LIST_FROM: u16 = 5;

/// Whether nothing passed it since it came up, or nothing passes what is no device.
fn is_idle(network: &Network) -> bool {
    let now = network.received_bytes_per_second + network.sent_bytes_per_second;
    let ever = network.received_bytes.saturating_add(network.sent_bytes);
    // An older daemon does not count all bytes.
    now <= 0.0 && (ever == 0 || !network.has_device)
}

/// The interfaces in the order in which keys go through them: devices first, idle ones left out.
fn ordered(networks: &[Network]) -> Vec<&Network> {
    let (_, counts) = traffic(networks);
    let mut all: Vec<&Network> = networks.iter().filter(|it| !is_idle(it)).collect();
    all.sort_by_key(|it| !counts(it));
    all
}

/// The interface that is shown; nothing where all that count are.
fn shown<'a>(app: &App, networks: &'a [Network]) -> Option<&'a Network> {
    let chosen = app.screens.overview.interface.as_ref();
    if let Some(chosen) = networks.iter().find(|it| Some(&it.interface) == chosen) {
        return Some(chosen);
    }
    // Of a single one the sum says less than its name.
    let (_, counts) = traffic(networks);
    let mut counted = networks.iter().filter(|it| counts(it));
    counted.next().filter(|_| counted.next().is_none())
}

/// Shows the next interface, or the one before; after the last one all together.
pub(super) fn step(app: &mut App, forward: bool) {
    let snapshot = app.host().responses.snapshot.value();
    let networks = snapshot
        .and_then(|it| it.networks.as_deref())
        .unwrap_or_default();
    let names: Vec<Option<String>> = std::iter::once(None)
        .chain(
            ordered(networks)
                .into_iter()
                .map(|it| Some(it.interface.clone())),
        )
        .collect();
    let chosen = &app.screens.overview.interface;
    let place = names.iter().position(|name| name == chosen).unwrap_or(0);
    let next = if forward {
        place + 1
    } else {
        place + names.len() - 1
    };
    let next = names[next % names.len()].clone();
    let name = next.clone().unwrap_or_else(|| "total".to_owned());
    app.screens.overview.interface = next;
    app.say(format!("network: {name}"));
}

/// What comes in and goes out of an interface, or of all that count.
fn figures(one: Option<&Network>) -> [Figure<'_>; 2] {
    [Way::In, Way::Out].map(|way| match one {
        Some(one) => Figure::Interface(&one.interface, way),
        None => Figure::Network(way),
    })
}

/// Both ways in words.
pub(super) fn both(app: &App, [incoming, outgoing]: [f64; 2]) -> String {
    let [down, up] = app.settings.theme.glyphs.ways;
    format!("{down}{} {up}{}", rate(incoming), rate(outgoing))
}

/// The largest values of both ways within the time that is shown.
pub(super) fn peaks(app: &App, readings: [&[Reading]; 2]) -> [f64; 2] {
    let since =
        crate::widgets::graph::seconds(super::now(app)) - app.screens.overview.span.as_secs_f64();
    readings.map(|all| {
        let seen = all.iter().filter(|it| it.to > since);
        seen.map(|it| it.max).fold(0.0, f64::max)
    })
}

pub(super) fn draw(app: &App, snapshot: &Snapshot, area: Rect, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let Some(networks) = snapshot.networks.as_deref() else {
        let inner = titled(app, Block::Network, &["network".to_owned()], area, frame);
        let reason = why_absent(snapshot, Family::Networks);
        instead(&reason, theme.dim, theme, inner, frame);
        return;
    };
    let one = shown(app, networks);
    let figures = figures(one);
    let [incoming, outgoing] = figures.map(|figure| app.host().readings(&figure));
    let name = one.map_or("total", |one| &one.interface);
    let (_, counts) = traffic(networks);
    let sum = |of: fn(&Network) -> f64| match one {
        Some(one) => of(one),
        None => networks.iter().filter(|it| counts(it)).map(of).sum(),
    };
    let now = [
        sum(|it| it.received_bytes_per_second),
        sum(|it| it.sent_bytes_per_second),
    ];
    let [down, up] = theme.glyphs.ways;
    let [most_in, most_out] = peaks(app, [&incoming, &outgoing]);
    let title = [
        format!("network {name}"),
        both(app, now),
        format!("peak {down}{} {up}{}", bytes(most_in), bytes(most_out)),
    ];
    let mut inner = titled(app, Block::Network, &title, area, frame);
    if inner.height >= LIST_FROM {
        let line = Rect::new(inner.x, inner.bottom() - 1, inner.width, 1);
        inner.height -= 1;
        let parts = others(app, networks, one);
        let width = usize::from(line.width);
        frame.render_widget(fitting_or_more(parts, width, theme), line);
    }
    let mut graph = graph(app, Unit::Rate);
    graph
        .above
        .push(Curve::area(&incoming, Ink::Ramp(&theme.incoming)));
    graph
        .below
        .push(Curve::area(&outgoing, Ink::Ramp(&theme.outgoing)));
    graph.draw(theme, inner, frame.buffer_mut());
}

/// The interfaces that the graph does not show, faults first, and how many are idle.
fn others(app: &App, networks: &[Network], one: Option<&Network>) -> Vec<Part> {
    let theme = &app.settings.theme;
    let mut parts = Vec::new();
    for network in networks {
        let faults = network.errors.saturating_add(network.drops);
        if faults > 0 {
            let text = format!("{faults} errors and drops");
            parts.push(Part::pair(&network.interface, text, theme.warn, theme));
        }
    }
    let shown = one.map(|one| &one.interface);
    for network in ordered(networks) {
        if Some(&network.interface) != shown {
            parts.push(line_part(app, network));
        }
    }
    let idle = networks.iter().filter(|it| is_idle(it)).count();
    if idle > 0 {
        parts.push(Part::new(format!("{idle} idle"), theme.dim));
    }
    if parts.is_empty() {
        parts.push(Part::new("no other interface", theme.dim));
    }
    parts
}

/// An interface with what it does now.
fn line_part(app: &App, network: &Network) -> Part {
    let theme = &app.settings.theme;
    let rates = [
        network.received_bytes_per_second,
        network.sent_bytes_per_second,
    ];
    Part::pair(&network.interface, both(app, rates), theme.text, theme)
}

/// All interfaces that are not idle, and their errors, for where there are no boxes.
pub(super) fn parts(app: &App, networks: &[Network]) -> Vec<Part> {
    let parts = ordered(networks).into_iter();
    parts.map(|network| line_part(app, network)).collect()
}
