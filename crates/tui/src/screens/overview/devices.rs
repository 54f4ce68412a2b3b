//! The tables of filesystems, disks and network interfaces.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::why_absent;
use crate::app::App;
use crate::table::{TableCell, TableColumn, TableView};
use crate::theme::Theme;
use linux_api_wire::api::snapshot::Snapshot;
use linux_api_wire::snapshot::{Disk, Family, Filesystem, Network};
use linux_api_wire::units::compact::{percent, rate, size};

pub(super) fn draw_filesystems(app: &App, snapshot: &Snapshot, area: Rect, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let Some(filesystems) = &snapshot.filesystems else {
        let reason = why_absent(snapshot, Family::Filesystems);
        frame.render_widget(
            Line::styled(format!("filesystems: {reason}"), theme.dim),
            area,
        );
        return;
    };
    let name = area.width.saturating_sub(24).max(8);
    let columns: [TableColumn<&Filesystem>; 4] = [
        TableColumn::words("MOUNT", name, |at, it| at.text(it.mount_point.clone())),
        TableColumn::numbers("USE%", 7, |at, it| {
            // What can only be read is full for good.
            let style = it
                .strain()
                .map_or(at.theme.dim, |used| at.theme.share(used));
            match (it.stale, it.fullness()) {
                (true, _) => TableCell::new("stuck", at.theme.bad),
                (_, Some(used)) => TableCell::new(percent(used), style),
                _ => at.dim("-"),
            }
        }),
        TableColumn::numbers("FREE", 7, |at, it| {
            at.optional(it.available_bytes.map(size))
        }),
        TableColumn::numbers("SIZE", 7, |at, it| {
            let text = it.total_bytes.map_or_else(|| "-".to_owned(), size);
            at.dim(text)
        }),
    ];
    let view = TableView::plain(filesystems.len());
    view.draw(&columns, app, area, frame, |row| &filesystems[row]);
}

/// A disk or a network interface.
#[derive(Clone, Copy)]
enum Device<'a> {
    Disk(&'a Disk),
    Network(&'a Network),
}

impl Device<'_> {
    fn name(self) -> String {
        match self {
            Self::Disk(disk) => disk.device.clone(),
            Self::Network(network) => network.interface.clone(),
        }
    }

    /// Bytes per second in and out.
    const fn rates(self) -> [f64; 2] {
        match self {
            Self::Disk(it) => [it.read_bytes_per_second, it.written_bytes_per_second],
            Self::Network(it) => [it.received_bytes_per_second, it.sent_bytes_per_second],
        }
    }

    /// How busy a disk is, or what was lost on an interface.
    fn strain(self, theme: &Theme) -> TableCell {
        match self {
            Self::Disk(it) => {
                TableCell::new(percent(it.busy_percent), theme.share(it.busy_percent))
            }
            Self::Network(it) => match it.errors + it.drops {
                0 => TableCell::new("", theme.warn),
                faults => TableCell::new(format!("!{faults}"), theme.warn),
            },
        }
    }
}

/// Disks and network interfaces in one table.
pub(super) fn draw_traffic(app: &App, snapshot: &Snapshot, area: Rect, frame: &mut Frame<'_>) {
    let disks = snapshot.disks.as_deref().unwrap_or_default();
    let networks = snapshot.networks.as_deref().unwrap_or_default();
    let name = area.width.saturating_sub(27).max(8);
    let columns: [TableColumn<Device<'_>>; 4] = [
        TableColumn::words("DEVICE", name, |at, device| at.text(device.name())),
        TableColumn::numbers("IN/READ", 9, |at, device| at.text(rate(device.rates()[0]))),
        TableColumn::numbers("OUT/WRITE", 9, |at, device| {
            at.text(rate(device.rates()[1]))
        }),
        TableColumn::numbers("BUSY", 5, |at, device| device.strain(at.theme)),
    ];
    let view = TableView::plain(disks.len() + networks.len());
    view.draw(&columns, app, area, frame, |row| match disks.get(row) {
        Some(disk) => Device::Disk(disk),
        None => Device::Network(&networks[row - disks.len()]),
    });
}
