//! The graphs of the past: what has the same unit is on one axis.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use super::Behind;
use super::boots::boots;
use super::members::{Member, at, figures, members_of};
use crate::app::App;
use crate::sanitize::clean;
use crate::table::fit;
use crate::theme::Theme;
use crate::widgets::frame::boxed;
use crate::widgets::graph::{Curve, Graph, Ink, Mark, Part, Plot, Times, Unit, Window};
use linux_api_wire::units::compact::counted;

/// Fewest lines of one graph with its frame and legend.
const GRAPH: u16 = 6;
/// Most curves on one axis.
const CURVES: usize = 6;
/// Most lines of a legend.
const LEGEND: usize = 2;

/// What is drawn on one axis.
struct Panel {
    title: String,
    unit: Unit,
    members: Vec<Member>,
}

/// All that is drawn, and when it was.
pub(super) struct Picture {
    panels: Vec<Panel>,
    window: Window,
    marks: Vec<f64>,
    /// The hosts of which nothing came yet.
    missing: Vec<String>,
}

impl Picture {
    /// All of it, of what is held.
    pub(super) fn of(app: &App) -> Self {
        let hosts = super::hosts(app);
        let mut members = Vec::new();
        let mut missing = Vec::new();
        let mut marks = Vec::new();
        for index in &hosts {
            let host = &app.hosts[*index];
            let prefix = (hosts.len() > 1).then(|| clean(&host.name));
            let before = members.len();
            members.extend(members_of(app, host, prefix.as_deref()));
            if members.len() == before {
                missing.push(clean(&host.name));
            }
            // Of several hosts a mark would not say which one it is about.
            if hosts.len() == 1
                && let Some(history) = host.responses.history.value()
            {
                marks = boots(history);
            }
        }
        let host = app.host();
        let query = app.history_query(host);
        let span = app.screens.history.span;
        let window = match app.screens.history.end {
            None => Window::live(app.time_of(host), span),
            Some(_) => Window::fixed(query.from, query.to),
        };
        let theme = &app.settings.theme;
        // Without colours curves on one axis can't be distinguished.
        let most = if theme.is_mono { 1 } else { CURVES };
        let mut panels: Vec<Panel> = Vec::new();
        for member in members {
            let fits = |panel: &&mut Panel| panel.unit == member.unit && panel.members.len() < most;
            match panels.iter_mut().find(fits) {
                Some(panel) => panel.members.push(member),
                None => panels.push(Panel {
                    title: String::new(),
                    unit: member.unit,
                    members: vec![member],
                }),
            }
        }
        for panel in &mut panels {
            panel.title = title_of(panel);
        }
        Self {
            panels,
            window,
            marks,
            missing,
        }
    }

    /// Whether there is nothing to draw.
    pub(super) const fn is_empty(&self) -> bool {
        self.panels.is_empty()
    }

    /// Most graphs that can be above the first one seen.
    pub(super) fn most_above(&self, area: Rect) -> usize {
        let room = usize::from(area.height / GRAPH).max(1);
        self.panels.len().saturating_sub(room)
    }

    /// Whether the host was started within the time that is seen.
    pub(super) fn has_boots(&self) -> bool {
        let is_seen = |mark: &f64| (self.window.from..self.window.to).contains(mark);
        self.marks.iter().any(is_seen)
    }

    /// The graphs that there is room for from the first one on, each with its place.
    fn places(&self, first: usize, area: Rect) -> Vec<(&Panel, Rect)> {
        let most = self.most_above(area);
        let first = first.min(most);
        let shown = self.panels.len() - most;
        let count = u16::try_from(shown).unwrap_or(1).max(1);
        let height = area.height / count;
        let left = area.height % count;
        let panels = (0..count).zip(&self.panels[first..]);
        panels
            .map(|(place, panel)| {
                // The lines that are left over go to the last one.
                let own = if place + 1 == count {
                    height + left
                } else {
                    height
                };
                let spot = Rect {
                    y: area.y + place * height,
                    height: own,
                    ..area
                };
                (panel, spot)
            })
            .collect()
    }

    /// One graph below the other, as many as there is room for.
    pub(super) fn draw(&self, app: &App, area: Rect, frame: &mut Frame<'_>) {
        let theme = &app.settings.theme;
        let first = app.screens.history.first;
        let places = self.places(first, area);
        for (panel, spot) in &places {
            self.draw_panel(app, panel, *spot, frame);
        }
        let (shown, all) = (places.len(), self.panels.len());
        let mut notes = Vec::new();
        if shown < all {
            let first = first.min(all - shown);
            let keys = app.settings.keymap.keys_of(super::NEXT_MEMBER);
            let key = keys.first().map_or("", String::as_str);
            notes.push(format!(
                "{} to {} of {}, {key} for the others",
                first + 1,
                first + shown,
                counted(all, "graph", "s")
            ));
        }
        if !self.missing.is_empty() {
            notes.push(format!("nothing yet of {}", self.missing.join(", ")));
        }
        if notes.is_empty() {
            return;
        }
        let text = format!(" {} ", notes.join("  "));
        let width = text.width().min(usize::from(area.width.saturating_sub(4)));
        let text = fit(&text, width, false, theme);
        let width = u16::try_from(width).unwrap_or(0);
        let bottom = places
            .last()
            .map_or(area.bottom(), |(_, spot)| spot.bottom());
        let line = Rect::new(area.right() - 2 - width, bottom - 1, width, 1);
        frame.render_widget(Line::styled(text, theme.accent), line);
    }

    fn draw_panel(&self, app: &App, panel: &Panel, spot: Rect, frame: &mut Frame<'_>) {
        let theme = &app.settings.theme;
        let cursor = self.cursor(app);
        let title = match cursor {
            Some(cursor) => format!("{} at {}", panel.title, super::second_of(app, cursor)),
            None => panel.title.clone(),
        };
        let inner = boxed(&title, theme, spot, frame);
        let legend = self.legend(app, panel, inner.width, cursor);
        let height = u16::try_from(legend.len()).unwrap_or(0);
        for (y, line) in (inner.y..inner.bottom()).zip(legend) {
            frame.render_widget(line, Rect::new(inner.x, y, inner.width, 1));
        }
        let rest = Rect {
            y: inner.y + height,
            height: inner.height.saturating_sub(height),
            ..inner
        };
        if rest.height > 0 {
            self.graph(app, panel).draw(theme, rest, frame.buffer_mut());
        }
    }

    /// The moment of the cursor, where it is seen.
    fn cursor(&self, app: &App) -> Option<f64> {
        let cursor = app.screens.history.cursor?;
        (self.window.from..=self.window.to)
            .contains(&cursor)
            .then_some(cursor)
    }

    fn graph<'a>(&self, app: &'a App, panel: &'a Panel) -> Graph<'a> {
        let theme = &app.settings.theme;
        let is_old = app.freshness().is_old();
        let style = |style: Style| if is_old { theme.dim } else { style };
        let mut graph = Graph::new(self.window, panel.unit);
        graph.times = Times::Clock(super::offset(app));
        graph.shape = app.settings.display.shape;
        graph.has_edge = false;
        graph.cursor = self.cursor(app);
        let sign = theme.glyphs.sort[0].chars().next().unwrap_or('^');
        let mark = |time: &f64| Mark {
            time: *time,
            sign,
            style: theme.warn,
        };
        graph.marks = self.marks.iter().map(mark).collect();
        for member in &panel.members {
            if !member.behind.is_empty() {
                graph
                    .above
                    .push(Curve::line(&member.behind, Ink::Plain(theme.dim)));
            }
        }
        if let [one] = &panel.members[..] {
            let shade = Curve::area(&one.readings, Ink::Plain(theme.dim)).largest();
            graph.above.push(shade);
            let ink = Ink::Plain(style(theme.graph));
            let curve = if one.behind.is_empty() {
                Curve::area(&one.readings, ink)
            } else {
                // An area would hide what lies behind it.
                graph.above.retain(|curve| curve.part == Part::Mean);
                Curve::line(&one.readings, ink)
            };
            graph.above.push(curve);
            return graph;
        }
        for (place, member) in panel.members.iter().enumerate() {
            let ink = Ink::Plain(style(colour(theme, place)));
            graph.above.push(Curve::line(&member.readings, ink));
        }
        graph
    }

    /// What each curve is, with figures; as many as find room.
    fn legend(
        &self,
        app: &App,
        panel: &Panel,
        width: u16,
        cursor: Option<f64>,
    ) -> Vec<Line<'static>> {
        let theme = &app.settings.theme;
        let behind = app.screens.history.behind;
        let mut parts: Vec<Vec<Span<'static>>> = Vec::new();
        let is_single = panel.members.len() == 1;
        for (place, member) in panel.members.iter().enumerate() {
            let style = if is_single {
                theme.graph
            } else {
                colour(theme, place)
            };
            let text = figures(member, self.window, cursor, is_single);
            let name = match is_single {
                true => String::new(),
                false if is_one_series(panel) => member.who.clone(),
                false => member.full_name(),
            };
            let mut spans = vec![Span::styled(theme.glyphs.meter[0].repeat(2), style)];
            if !name.is_empty() {
                spans.push(Span::styled(format!(" {name}"), theme.text));
            }
            spans.push(Span::styled(format!(" {text}"), theme.dim));
            if let Some(cursor) = cursor.filter(|_| !member.behind.is_empty())
                && let Some(reading) = at(&member.behind, cursor)
            {
                let value = member.unit.value(reading.mean);
                spans.push(Span::styled(
                    format!(" ({value} {})", behind.name()),
                    theme.dim,
                ));
            }
            parts.push(spans);
        }
        if is_single && behind == Behind::Nothing {
            parts.push(vec![Span::styled("shade: largest of each step", theme.dim)]);
        }
        if behind != Behind::Nothing {
            let has_any = panel.members.iter().any(|member| !member.behind.is_empty());
            let sign = theme.glyphs.meter[1].repeat(2);
            let text = if has_any {
                format!("{sign} {}", behind.name())
            } else {
                format!("{sign} {}: nothing is stored", behind.name())
            };
            parts.push(vec![Span::styled(text, theme.dim)]);
        }
        wrapped(parts, usize::from(width))
    }

    /// Where the curves of the first graph are drawn, for the mouse and for the steps of the cursor.
    pub(super) fn plot(&self, app: &App, area: Rect, at: Option<u16>) -> Option<Plot> {
        let places = self.places(app.screens.history.first, area);
        let is_there = |spot: &Rect| at.is_none_or(|y| (spot.top()..spot.bottom()).contains(&y));
        let (panel, spot) = places.into_iter().find(|(_, spot)| is_there(spot))?;
        let inner = Rect {
            x: spot.x + 1,
            y: spot.y + 1,
            width: spot.width.saturating_sub(2),
            height: spot.height.saturating_sub(2),
        };
        let legend = self.legend(app, panel, inner.width, self.cursor(app)).len();
        let height = inner
            .height
            .saturating_sub(u16::try_from(legend).unwrap_or(0));
        let rest = Rect { height, ..inner };
        if rest.is_empty() {
            return None;
        }
        let mut scratch = Buffer::empty(rest);
        Some(
            self.graph(app, panel)
                .draw(&app.settings.theme, rest, &mut scratch),
        )
    }
}

/// Lines of parts with two spaces between them; what finds no room in the last one is left out whole.
fn wrapped(parts: Vec<Vec<Span<'static>>>, width: usize) -> Vec<Line<'static>> {
    let mut lines: Vec<Line<'static>> = Vec::new();
    for part in parts {
        let own: usize = part.iter().map(Span::width).sum();
        let count = lines.len();
        let last = lines
            .last_mut()
            .filter(|line| line.width() + 2 + own <= width);
        if let Some(line) = last {
            line.push_span(Span::raw("  "));
            line.spans.extend(part);
        } else if count < LEGEND && own <= width {
            lines.push(Line::from(part));
        }
    }
    lines
}

/// The style of a curve among several.
fn colour(theme: &Theme, place: usize) -> Style {
    let colours = [
        theme.graph,
        theme.second,
        theme.good,
        theme.bad,
        theme.text,
        theme.outgoing.at(0.5),
    ];
    colours[place % colours.len()]
}

/// Whether all curves are of one series, which the title then says.
fn is_one_series(panel: &Panel) -> bool {
    panel
        .members
        .iter()
        .all(|member| member.series == panel.members[0].series)
}

fn title_of(panel: &Panel) -> String {
    match &panel.members[..] {
        [one] => one.full_name(),
        several if is_one_series(panel) => several[0].series.to_owned(),
        several => counted(several.len(), "curve", "s"),
    }
}
