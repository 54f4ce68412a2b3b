//! Which boxes there are, and where.

use ratatui::layout::{Position, Rect};

use super::{cpu, disks, host_concerns, status};
use crate::app::App;
use linux_api_wire::api::snapshot::Snapshot;

/// From which width on the cores have a box of their own.
pub(super) const CORES_FROM: u16 = 110;
/// From which height on there are boxes.
const BOXES_FROM: u16 = 18;
/// From which height on what needs attention has a box.
const ATTENTION_FROM: u16 = 28;
/// Fewest lines of a box with a graph.
const LEAST: u16 = 5;
/// Fewest lines of the processes, their headings included, below and from this height on.
const PROCESSES: [u16; 2] = [6, 9];
const HIGH: u16 = 32;
/// Processes are counted in such steps, so that boxes do not grow and shrink with each that comes or ends.
const STEP: usize = 5;

/// A box of the overview.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Block {
    Cpu,
    Cores,
    Memory,
    Network,
    Disks,
    Attention,
    /// The table, which has no frame.
    Processes,
}

/// Where everything is.
#[derive(Debug, Clone, Default)]
pub(super) struct Plan {
    /// The boxes, from left to right and from the top down.
    pub(super) blocks: Vec<(Block, Rect)>,
    /// Lines in place of boxes, where there is no room for them.
    pub(super) small: Option<Rect>,
    /// The line of the rest.
    pub(super) status: Option<Rect>,
    /// The processes with their headings.
    pub(super) processes: Rect,
}

impl Plan {
    /// The box that is there.
    pub(super) fn block_at(&self, x: u16, y: u16) -> Option<Block> {
        let mut all = self.blocks.iter();
        let found = all.find(|(_, area)| area.contains(Position { x, y }));
        found.map(|(block, _)| *block)
    }
}

/// Takes so many lines from the top of an area.
fn take(area: &mut Rect, height: u16) -> Rect {
    let height = height.min(area.height);
    let top = Rect { height, ..*area };
    area.y += height;
    area.height -= height;
    top
}

/// Where everything is, with what was chosen.
pub(super) fn plan(app: &App, snapshot: &Snapshot, area: Rect) -> Plan {
    plan_with(app, snapshot, area, app.screens.overview.is_enlarged)
}

/// The same, with the chosen box alone or among the others.
pub(super) fn plan_with(app: &App, snapshot: &Snapshot, area: Rect, is_enlarged: bool) -> Plan {
    let state = &app.screens.overview;
    if is_enlarged && state.focus != Block::Processes {
        return Plan {
            blocks: vec![(state.focus, area)],
            ..Plan::default()
        };
    }
    let mut rest = area;
    let mut plan = Plan::default();
    if area.height < BOXES_FROM || state.layout == 4 {
        let lines = super::small::height(app, snapshot, area);
        plan.small = Some(take(&mut rest, lines));
        plan.processes = rest;
        return plan;
    }
    let attention = match host_concerns(app).len() {
        0 => 0,
        _ if area.height < ATTENTION_FROM => 1,
        _ => status::attention_lines(app, area.width) + 2,
    };
    let least = PROCESSES[usize::from(area.height >= HIGH)];
    let room = area.height.saturating_sub(attention + 1 + least);
    let [upper, lower] = heights(app, snapshot, area, room);
    let top = take(&mut rest, upper);
    plan.blocks.extend(upper_row(snapshot, top));
    let second = take(&mut rest, lower);
    if lower > 0 {
        plan.blocks.extend(lower_row(second));
    }
    let line = take(&mut rest, attention);
    if attention > 0 {
        plan.blocks.push((Block::Attention, line));
    }
    plan.status = Some(take(&mut rest, 1));
    plan.processes = rest;
    plan
}

/// How many lines both rows of boxes have: as many as they hold, or as many as there are.
fn heights(app: &App, snapshot: &Snapshot, area: Rect, room: u16) -> [u16; 2] {
    let cores = if area.width >= CORES_FROM {
        cpu::core_lines(snapshot)
    } else {
        0
    };
    let mut upper = cores.clamp(6, 10) + 2;
    let mut lower = 5 + disks::filesystem_lines(snapshot).min(6) + 2;
    match app.screens.overview.layout {
        // No second row: the rest is for processes.
        2 => return [upper.min(room), 0],
        // No processes but the busiest: the rest is for graphs.
        3 => {
            let upper = (room / 2).max(upper.min(room / 2));
            return [upper, room - upper];
        }
        _ => {}
    }
    // On high terminals graphs grow a little too, and take what few processes leave.
    let spare = room.saturating_sub(upper + lower);
    let least = PROCESSES[usize::from(area.height >= HIGH)];
    let processes = super::processes::count(app).map_or(u16::MAX, |count| {
        let lines = (count + 1)
            .next_multiple_of(STEP)
            .saturating_sub(least.into());
        u16::try_from(lines).unwrap_or(u16::MAX)
    });
    let each = (spare / 6).max(spare.saturating_sub(processes) / 2);
    upper += each;
    lower += each;
    while upper + lower > room && (upper > LEAST || lower > LEAST) {
        if lower >= upper && lower > LEAST {
            lower -= 1;
        } else if upper > LEAST {
            upper -= 1;
        } else {
            lower -= 1;
        }
    }
    if upper + lower > room {
        return [room.min(upper), 0];
    }
    [upper, lower]
}

fn upper_row(snapshot: &Snapshot, area: Rect) -> Vec<(Block, Rect)> {
    let column = |x, width| Rect { x, width, ..area };
    if area.width < CORES_FROM {
        let left = area.width / 2;
        return vec![
            (Block::Cpu, column(area.x, left)),
            (Block::Memory, column(area.x + left, area.width - left)),
        ];
    }
    let memory = (area.width / 4).clamp(40, 46);
    let inside = area.height.saturating_sub(2);
    let cores = cpu::cores_width(snapshot, inside, area.width / 3);
    let left = area.width - memory - cores;
    let mut blocks = vec![(Block::Cpu, column(area.x, left))];
    if cores > 0 {
        blocks.push((Block::Cores, column(area.x + left, cores)));
    }
    blocks.push((Block::Memory, column(area.x + left + cores, memory)));
    blocks
}

fn lower_row(area: Rect) -> Vec<(Block, Rect)> {
    let left = area.width / 2;
    let network = Rect {
        width: left,
        ..area
    };
    let disks = Rect {
        x: area.x + left,
        width: area.width - left,
        ..area
    };
    vec![(Block::Network, network), (Block::Disks, disks)]
}
