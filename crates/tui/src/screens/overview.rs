//! One host at a glance: graph on top, resources in the middle, processes below. Small terminals
//! get meters in place of the graph.

mod devices;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{draw_absence, processes};
use crate::app::App;
use crate::host::traffic;
use crate::keymap::KeyAction;
use crate::keymap::action::OPEN;
use crate::query::{AnyQuery, SnapshotQuery};
use crate::sanitize::clean;
use crate::screen::{Screen, View};
use crate::widgets::chart::{binary_top, chart};
use crate::widgets::frame::boxed;
use crate::widgets::meter::{meter, pair};
use devices::{draw_filesystems, draw_traffic};
use linux_api_wire::api::snapshot::Snapshot;
use linux_api_wire::snapshot::{Family, ResourcePressure};
use linux_api_wire::units::compact::{percent, rate, share, size};

/// From which size on there is room for graphs.
const WIDE: u16 = 100;
const HIGH: u16 = 30;
/// The width of one core's meter.
const CORE: u16 = 18;

pub(crate) type OverviewState = ();

pub(crate) struct OverviewScreen;

impl Screen for OverviewScreen {
    fn actions(&self) -> &'static [KeyAction] {
        &[OPEN]
    }

    fn queries(&self, app: &App) -> Vec<AnyQuery> {
        vec![SnapshotQuery.into(), app.process_query(true).into()]
    }

    fn draw(&self, app: &App, area: Rect, frame: &mut Frame<'_>) {
        let host = app.host();
        if draw_absence(
            app,
            host.responses.snapshot.value().is_some(),
            host.responses.snapshot.error(),
            area,
            frame,
        ) {
            return;
        }
        let Some(snapshot) = host.responses.snapshot.value() else {
            return;
        };
        let dense = area.width < WIDE || area.height < HIGH;
        let upper = if dense {
            dense_height(snapshot).min(area.height / 2)
        } else {
            area.height * 3 / 5
        };
        let top = Rect {
            height: upper,
            ..area
        };
        let bottom = Rect {
            y: area.y + upper,
            height: area.height - upper,
            ..area
        };
        if dense {
            draw_dense(app, snapshot, top, frame);
        } else {
            draw_graphs(app, snapshot, top, frame);
        }
        if app.freshness().is_old() {
            frame.buffer_mut().set_style(top, app.settings.theme.dim);
        }
        processes::draw_top(app, bottom, frame);
    }

    fn act(&self, app: &mut App, action: KeyAction) {
        if action == OPEN {
            app.show(View::Processes);
        }
    }

    fn back(&self, app: &mut App) {
        if app.hosts.len() > 1 {
            app.show(View::Fleet);
        }
    }

    fn crumb(&self, _app: &App) -> Option<String> {
        None
    }

    fn arrange(&self, app: &mut App) {
        app.arrange_processes(true);
    }
}
/// How many lines the resources need without graphs.
fn dense_height(snapshot: &Snapshot) -> u16 {
    let rows = |count: usize| u16::try_from(count).unwrap_or(u16::MAX);
    let count = |list: Option<usize>| rows(list.unwrap_or(0));
    let filesystems = count(snapshot.filesystems.as_ref().map(Vec::len));
    let traffic = count(snapshot.disks.as_ref().map(Vec::len))
        .saturating_add(count(snapshot.networks.as_ref().map(Vec::len)));
    // Two lines of titles on the right; meters, load, tasks, users, pressure and a sensor on the
    // left.
    filesystems.saturating_add(traffic).saturating_add(2).max(8)
}

fn halves(area: Rect) -> [Rect; 2] {
    let left = area.width / 2;
    [
        Rect {
            width: left - 1,
            ..area
        },
        Rect {
            x: area.x + left,
            width: area.width - left,
            ..area
        },
    ]
}

fn draw_dense(app: &App, snapshot: &Snapshot, area: Rect, frame: &mut Frame<'_>) {
    let [left, right] = halves(area);
    let mut lines = meters(app, snapshot, left.width);
    lines.extend(load_lines(app, snapshot));
    lines.extend(pressure_lines(app, snapshot));
    lines.extend(sensor_line(app, snapshot));
    draw_lines(lines, left, frame);
    let disks = snapshot.filesystems.as_deref().map_or(1, |it| it.len() + 1);
    let disks = u16::try_from(disks)
        .unwrap_or(u16::MAX)
        .min(area.height / 2);
    let parts = split(right, &[disks]);
    draw_filesystems(app, snapshot, parts[0], frame);
    draw_traffic(app, snapshot, parts[1], frame);
}

fn draw_graphs(app: &App, snapshot: &Snapshot, area: Rect, frame: &mut Frame<'_>) {
    let upper = area.height * 2 / 5;
    let parts = split(area, &[upper]);
    let [left, right] = halves(parts[0]);
    draw_cpu_graph(app, snapshot, left, frame);
    draw_cores(app, snapshot, right, frame);
    let third = area.width / 3;
    let column = |number: u16| Rect {
        x: area.x + third * number,
        width: if number == 2 {
            area.width - 2 * third
        } else {
            third - 1
        },
        ..parts[1]
    };
    let theme = &app.settings.theme;
    let inner = boxed("memory and pressure", theme, column(0), frame);
    let mut lines = meters(app, snapshot, inner.width);
    lines.extend(load_lines(app, snapshot));
    lines.extend(pressure_lines(app, snapshot));
    lines.extend(sensor_lines(app, snapshot));
    draw_lines(lines, inner, frame);
    let inner = boxed("filesystems", theme, column(1), frame);
    draw_filesystems(app, snapshot, inner, frame);
    let inner = boxed("disks and network", theme, column(2), frame);
    let parts = split(inner, &[inner.height.saturating_sub(4)]);
    draw_traffic(app, snapshot, parts[0], frame);
    draw_network_graph(app, parts[1], frame);
}

/// Cuts an area into pieces of these heights and the rest.
fn split(area: Rect, heights: &[u16]) -> Vec<Rect> {
    let mut parts = Vec::new();
    let mut y = area.y;
    for height in heights {
        let height = (*height).min(area.bottom() - y);
        parts.push(Rect { y, height, ..area });
        y += height;
    }
    parts.push(Rect {
        y,
        height: area.bottom() - y,
        ..area
    });
    parts
}

fn draw_lines(lines: Vec<Line<'static>>, area: Rect, frame: &mut Frame<'_>) {
    for (row, line) in (0..area.height).zip(lines) {
        frame.render_widget(line, Rect::new(area.x, area.y + row, area.width, 1));
    }
}

fn draw_cpu_graph(app: &App, snapshot: &Snapshot, area: Rect, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let title = match &snapshot.cpu {
        Some(cpu) => format!(
            "cpu {}%  user {}  system {}  iowait {}  steal {}",
            percent(cpu.usage_percent),
            percent(cpu.user_percent),
            percent(cpu.system_percent),
            percent(cpu.iowait_percent),
            percent(cpu.steal_percent)
        ),
        None => format!("cpu: {}", why_absent(snapshot, Family::Cpu)),
    };
    let inner = boxed(&title, theme, area, frame);
    let values: Vec<Option<f64>> = app.host().trail.iter().map(|point| point.cpu).collect();
    chart(
        &values,
        100.0,
        theme.graph,
        theme,
        inner,
        frame.buffer_mut(),
    );
}

fn draw_network_graph(app: &App, area: Rect, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let trail = &app.host().trail;
    let sum = |point: &crate::host::TrailPoint| Some(point.received? + point.sent?);
    let values: Vec<Option<f64>> = trail.iter().map(sum).collect();
    let seen = values.len().saturating_sub(usize::from(area.width) * 2);
    let top = binary_top(&values[seen..]);
    let parts = split(area, &[1]);
    let snapshot = app.host().responses.snapshot.value();
    let networks = snapshot.and_then(|it| it.networks.as_deref());
    let (what, _) = traffic(networks.unwrap_or_default());
    let title = Line::styled(format!("{what}, up to {}", rate(top)), theme.dim);
    frame.render_widget(title, parts[0]);
    chart(
        &values,
        top,
        theme.second,
        theme,
        parts[1],
        frame.buffer_mut(),
    );
}

fn draw_cores(app: &App, snapshot: &Snapshot, area: Rect, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let cores = snapshot.cpu.as_ref().map_or(&[][..], |cpu| &cpu.per_core);
    let inner = boxed(&format!("{} cores", cores.len()), theme, area, frame);
    let height = usize::from(inner.height).max(1);
    let needed = u16::try_from(cores.len().div_ceil(height)).unwrap_or(u16::MAX);
    let columns = needed.clamp(1, (inner.width / CORE).max(1));
    let width = inner.width / columns;
    let room = usize::from(columns) * usize::from(inner.height);
    for (place, core) in (0_u16..).zip(cores.iter().take(room)) {
        let (x, y) = (place / inner.height, place % inner.height);
        let frequency = core.frequency_mhz.filter(|_| width >= 28);
        let frequency = frequency.map_or_else(String::new, |mhz| format!(" {mhz:.0} MHz"));
        let text = format!("{}%{frequency}", percent(core.usage_percent));
        let name = core.core.to_string();
        let line = meter(&name, Some(core.usage_percent), &text, width - 1, theme);
        let spot = Rect::new(inner.x + x * width, inner.y + y, width - 1, 1);
        frame.render_widget(line, spot);
    }
}

fn why_absent(snapshot: &Snapshot, family: Family) -> String {
    let status = snapshot.status.get(&family);
    let reason = status.and_then(|status| status.error.clone());
    clean(&reason.unwrap_or_else(|| "not read".to_owned()))
}

fn meters(app: &App, snapshot: &Snapshot, width: u16) -> Vec<Line<'static>> {
    let theme = &app.settings.theme;
    let absent =
        |name: &str, family| meter(name, None, &why_absent(snapshot, family), width, theme);
    // Bars of one length can be compared.
    let of =
        |used: u64, total: u64| format!("{:>16}", format!("{} of {}", size(used), size(total)));
    let cpu = match &snapshot.cpu {
        Some(cpu) => {
            let text = format!("{}% of {}", percent(cpu.usage_percent), cpu.per_core.len());
            let text = format!("{text:>16}");
            meter("CPU", Some(cpu.usage_percent), &text, width, theme)
        }
        None => absent("CPU", Family::Cpu),
    };
    let memory = match &snapshot.memory {
        Some(it) => {
            let used = share(it.used_bytes, it.total_bytes);
            meter(
                "Mem",
                Some(used),
                &of(it.used_bytes, it.total_bytes),
                width,
                theme,
            )
        }
        None => absent("Mem", Family::Memory),
    };
    let swap = match &snapshot.swap {
        Some(it) if it.total_bytes == 0 => meter("Swap", None, "none", width, theme),
        Some(it) => {
            let used = share(it.used_bytes, it.total_bytes);
            meter(
                "Swap",
                Some(used),
                &of(it.used_bytes, it.total_bytes),
                width,
                theme,
            )
        }
        None => absent("Swap", Family::Swap),
    };
    vec![cpu, memory, swap]
}

fn load_lines(app: &App, snapshot: &Snapshot) -> Vec<Line<'static>> {
    let theme = &app.settings.theme;
    let mut lines = Vec::new();
    if let Some(load) = &snapshot.load {
        let text = format!("{:.2} {:.2} {:.2}", load.one, load.five, load.fifteen);
        lines.push(Line::from(pair("Load", text, theme.text, theme)));
    }
    if let Some(it) = &snapshot.processes {
        let text = format!("{}, {} run, {} sleep", it.total, it.running, it.sleeping);
        let mut spans = pair("Tasks", text, theme.text, theme);
        if it.zombie > 0 {
            spans.extend(pair("zombies", it.zombie.to_string(), theme.warn, theme));
        }
        lines.push(Line::from(spans));
    }
    if let Some(sessions) = snapshot.sessions.as_ref().filter(|it| !it.is_empty()) {
        let names: Vec<&str> = sessions.iter().map(|it| it.user.as_str()).collect();
        let text = clean(&format!("{} logged in: {}", names.len(), names.join(" ")));
        lines.push(Line::from(pair("Users", text, theme.text, theme)));
    }
    lines
}

fn pressure_lines(app: &App, snapshot: &Snapshot) -> Vec<Line<'static>> {
    let theme = &app.settings.theme;
    let Some(pressure) = &snapshot.pressure else {
        let reason = why_absent(snapshot, Family::Pressure);
        return vec![Line::from(pair("PSI", reason, theme.dim, theme))];
    };
    let part = |name: &str, it: &Option<ResourcePressure>| match it {
        Some(it) => {
            let some = it.some.avg10;
            let text = format!("{}%", percent(some));
            pair(name, text, theme.share(some * 2.0), theme)
        }
        None => pair(name, "-", theme.dim, theme),
    };
    let mut spans = vec![Span::styled("PSI ", theme.title)];
    spans.extend(part("cpu", &pressure.cpu));
    spans.extend(part("mem", &pressure.memory));
    spans.extend(part("io", &pressure.io));
    vec![Line::from(spans)]
}

/// The hottest sensor.
fn sensor_line(app: &App, snapshot: &Snapshot) -> Option<Line<'static>> {
    let sensors = snapshot.sensors.as_deref()?;
    let known = sensors.iter().filter_map(|it| Some((it.celsius?, it)));
    let (_, hottest) = known.max_by(|a, b| a.0.total_cmp(&b.0))?;
    Some(sensor(app, hottest))
}

fn sensor_lines(app: &App, snapshot: &Snapshot) -> Vec<Line<'static>> {
    let sensors = snapshot.sensors.as_deref().unwrap_or_default();
    sensors.iter().map(|it| sensor(app, it)).collect()
}

fn sensor(app: &App, it: &linux_api_wire::snapshot::Sensor) -> Line<'static> {
    let theme = &app.settings.theme;
    let limit = it.high_celsius.or(it.critical_celsius).unwrap_or(90.0);
    let (value, style) = match it.celsius {
        Some(celsius) => (
            format!("{celsius:.0} C"),
            theme.share(celsius / limit.max(1.0) * 85.0),
        ),
        None => ("-".to_owned(), theme.dim),
    };
    Line::from(pair(&clean(&it.name), value, style, theme))
}
