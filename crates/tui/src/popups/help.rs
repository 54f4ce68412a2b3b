//! What the keys do, made from the keys in force: in columns, by what they are for, and searchable; and what
//! colours, the mouse and filters mean.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph};
use unicode_width::UnicodeWidthStr;

use crate::app::App;
use crate::keymap::KeyAction;
use crate::keymap::action::HelpGroup;
use crate::screen::View;
use crate::screens::wrap;
use crate::widgets::frame::{boxed, centred, instead};

/// Most columns of the box for each column in it.
const WIDTH: u16 = 84;
/// Fewest columns of the screen for two of them beside each other.
const TWO: u16 = 130;
/// Columns of an action's name.
const NAME: usize = 15;
/// Most columns of its keys, before its name.
const KEYS: usize = 16;

/// The groups in their order, with their titles.
const GROUPS: [(HelpGroup, &str); 5] = [
    (HelpGroup::Rows, "rows"),
    (HelpGroup::View, "on this view"),
    (HelpGroup::General, "everywhere"),
    (HelpGroup::Moves, "move"),
    (HelpGroup::Places, "views and hosts"),
];

/// What is no key: a title, and lines with what they are about.
const NOTES: [(&str, &[(&str, &str)]); 4] = [
    (
        "colours",
        &[
            ("green", "well"),
            ("yellow", "70 % and more, late, or waiting: needs an eye"),
            ("red", "90 % and more, failed, refused: needs a hand"),
            ("dim", "less important, or old: then a badge says how old"),
            ("W, C", "the same levels without colour: warning, critical"),
        ],
    ),
    (
        "mouse",
        &[
            ("click", "chooses a tab, a row, a column to sort by"),
            ("click again", "opens the chosen row, turns the order round"),
            (
                "wheel",
                "moves the choice; over a graph of the past it zooms",
            ),
            (":mouse off", "leaves it to the terminal, to mark text"),
        ],
    ),
    (
        "filters of processes",
        &[
            ("nginx", "name or command line holds it"),
            ("user = www-data", "of one account; u adds the chosen one's"),
            ("cpu > 5 or memory > 1G", "busy or large"),
            (
                "not (name ~ \"^php\")",
                "a regular expression, turned round",
            ),
            (
                "unit = ssh.service",
                "of a unit; also container, cgroup, state",
            ),
        ],
    ),
    (
        "other programs' keys",
        &[
            (":keys htop", "keys as in htop; also btop, k9s, default"),
            (
                "tui.toml",
                "preset = \"htop\", and single keys under [keys]",
            ),
        ],
    ),
];

/// Where the help stands.
#[derive(Debug, Clone, Default)]
pub struct HelpState {
    /// First line that is seen.
    pub(crate) scroll: u16,
    /// Only lines that hold this are shown.
    pub(crate) search: String,
    /// Whether keys go into the text.
    pub(crate) is_typing: bool,
}

impl HelpState {
    /// Scrolls by so many lines; what is not there can't be scrolled to.
    pub(crate) fn scroll_by(&mut self, by: i16) {
        self.scroll = self.scroll.saturating_add_signed(by).min(most_lines());
    }
}

/// A line of the help, with what a search looks at.
struct HelpLine {
    line: Line<'static>,
    /// Empty for titles and what belongs to the line above.
    text: String,
    is_title: bool,
}

/// How many lines there are at most to scroll through.
fn most_lines() -> u16 {
    let notes: usize = NOTES.iter().map(|(_, lines)| lines.len() + 2).sum();
    let groups = GROUPS.len() * 2;
    u16::try_from(KeyAction::all().len() * 3 + notes + groups).unwrap_or(u16::MAX)
}

pub(super) fn draw(app: &App, state: &HelpState, area: Rect, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let columns = if area.width >= TWO { 2 } else { 1 };
    let place = centred(area, WIDTH * columns, area.height.saturating_sub(2));
    let inner_width = place.width.saturating_sub(2);
    let column_width = usize::from((inner_width - (columns - 1)) / columns);
    let lines = picked(lines(app, column_width), &state.search);
    let is_empty = lines.is_empty();
    let room = usize::from(place.height.saturating_sub(2)).max(1);
    // Columns are filled one after the other; what finds no room in them is scrolled to.
    let per_column = lines.len().div_ceil(usize::from(columns)).max(room);
    let last = u16::try_from(per_column).unwrap_or(u16::MAX);
    let shown = u16::try_from(room).unwrap_or(u16::MAX);
    let scroll = state.scroll.min(last.saturating_sub(shown));
    let title = title(app, state, scroll, shown, lines.len(), per_column);
    frame.render_widget(Clear, place);
    let inner = boxed(&title, theme, place, frame);
    let mut lines = lines.into_iter();
    for column in 0..columns {
        let own: Vec<Line<'static>> = lines.by_ref().take(per_column).collect();
        let width = u16::try_from(column_width).unwrap_or(inner.width);
        let spot = Rect {
            x: inner.x + column * (width + 1),
            width,
            ..inner
        };
        frame.render_widget(Paragraph::new(own).scroll((scroll, 0)), spot);
    }
    if is_empty {
        let text = format!("no line holds {:?}", state.search);
        instead(&text, theme.warn, theme, inner, frame);
    }
}

fn title(
    app: &App,
    state: &HelpState,
    scroll: u16,
    shown: u16,
    all: usize,
    per_column: usize,
) -> String {
    let view = app.place().title();
    let mut text = format!("keys of {view}");
    if per_column > usize::from(shown) {
        let last = per_column.min(usize::from(scroll + shown));
        text = format!("{text}, {} to {last} of {per_column}", scroll + 1);
    }
    if state.is_typing || !state.search.is_empty() {
        let cursor = if state.is_typing { "_" } else { "" };
        return format!(
            "{text}, /{}{cursor}: {all} lines, Esc shows all",
            state.search
        );
    }
    format!("{text}, / searches, Esc closes")
}

/// The lines that hold a text, below the titles that they belong to.
fn picked(lines: Vec<HelpLine>, search: &str) -> Vec<Line<'static>> {
    let wanted = search.trim().to_lowercase();
    let mut picked = Vec::new();
    let mut heading: Option<Line<'static>> = None;
    let mut is_within = false;
    for HelpLine {
        line,
        text,
        is_title,
    } in lines
    {
        if is_title {
            heading = Some(line);
            continue;
        }
        if !text.is_empty() {
            is_within = wanted.is_empty() || text.to_lowercase().contains(&wanted);
        }
        if is_within {
            picked.extend(heading.take());
            picked.push(line);
        }
    }
    picked
}

fn lines(app: &App, width: usize) -> Vec<HelpLine> {
    let theme = &app.settings.theme;
    let place = app.place();
    let here: Vec<KeyAction> = KeyAction::here(place).collect();
    let all: Vec<KeyAction> = here
        .iter()
        .copied()
        .chain(KeyAction::everywhere())
        .collect();
    let keys = |action: &KeyAction| app.settings.keymap.keys_at(place, *action).join(" ");
    let widest = all.iter().map(|action| keys(action).width()).max();
    let widest = widest.unwrap_or(0).min(KEYS);
    let mut lines = Vec::new();
    let title = |lines: &mut Vec<HelpLine>, text: &'static str| {
        lines.push(HelpLine {
            line: Line::styled(text, theme.title),
            text: String::new(),
            is_title: true,
        });
    };
    for (group, text) in GROUPS {
        title(&mut lines, text);
        for action in all.iter().filter(|action| action.group() == group) {
            action_lines(app, action, &keys(action), widest, width, &mut lines);
        }
    }
    for (text, notes) in NOTES {
        title(&mut lines, text);
        for (about, meaning) in notes {
            let style = note_style(app, about);
            let mut parts = wrap(meaning, width.saturating_sub(24)).into_iter();
            let first = parts.next().unwrap_or_default();
            lines.push(HelpLine {
                line: Line::from(vec![
                    Span::styled(format!(" {about:<22} "), style),
                    Span::styled(first, theme.text),
                ]),
                text: format!("{text} {about} {meaning}"),
                is_title: false,
            });
            lines.extend(parts.map(|part| more(24, &part, theme.text)));
        }
    }
    elsewhere(app, width, &mut lines);
    lines
}

/// The colours are written in themselves.
fn note_style(app: &App, about: &str) -> Style {
    let theme = &app.settings.theme;
    match about {
        "green" => theme.good,
        "yellow" => theme.warn,
        "red" => theme.bad,
        "dim" => theme.dim,
        _ => theme.key,
    }
}

/// What other views have besides.
fn elsewhere(app: &App, width: usize, lines: &mut Vec<HelpLine>) {
    let theme = &app.settings.theme;
    for view in View::PLACES.iter().copied().filter(|it| *it != app.place()) {
        let actions: Vec<KeyAction> = KeyAction::here(view)
            .filter(|action| action.group() == HelpGroup::View && !action.is_at(app.place()))
            .collect();
        if actions.is_empty() {
            continue;
        }
        lines.push(HelpLine {
            line: Line::styled(format!("on {}", view.title()), theme.title),
            text: String::new(),
            is_title: true,
        });
        for action in actions {
            let keys = app.settings.keymap.keys_at(view, action).join(" ");
            action_lines(app, &action, &keys, KEYS, width, lines);
        }
    }
}

/// An action with its keys: as many lines as it needs, because nothing of it is cut.
fn action_lines(
    app: &App,
    action: &KeyAction,
    keys: &str,
    widest: usize,
    width: usize,
    lines: &mut Vec<HelpLine>,
) {
    let theme = &app.settings.theme;
    let reason = app.place().screen().forbidden(app, *action);
    let style = if reason.is_some() {
        theme.dim
    } else {
        theme.text
    };
    let reason = reason.map_or_else(String::new, |reason| format!(" ({reason})"));
    let help = format!("{}{reason}", action.help);
    let margin = widest + 1 + NAME + 1;
    let mut parts = wrap(&help, width.saturating_sub(margin).max(10)).into_iter();
    let mut keys = wrap(keys, widest.max(1)).into_iter();
    let first = Line::from(vec![
        Span::styled(
            format!("{:>widest$} ", keys.next().unwrap_or_default()),
            theme.key,
        ),
        Span::styled(format!("{:<NAME$} ", action.name), theme.dim),
        Span::styled(parts.next().unwrap_or_default(), style),
    ]);
    lines.push(HelpLine {
        line: first,
        text: format!("{} {help}", action.name),
        is_title: false,
    });
    loop {
        let (keys, part) = (keys.next(), parts.next());
        if keys.is_none() && part.is_none() {
            return;
        }
        let keys = format!("{:>widest$} ", keys.unwrap_or_default());
        let line = Line::from(vec![
            Span::styled(keys, theme.key),
            Span::raw(" ".repeat(NAME + 1)),
            Span::styled(part.unwrap_or_default(), style),
        ]);
        lines.push(HelpLine {
            line,
            text: String::new(),
            is_title: false,
        });
    }
}

/// What goes on below a line.
fn more(margin: usize, text: &str, style: Style) -> HelpLine {
    HelpLine {
        line: Line::styled(format!("{}{text}", " ".repeat(margin)), style),
        text: String::new(),
        is_title: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use linux_api_wire::filter::Filter;

    #[test]
    fn the_examples_of_filters_are_filters() {
        let (_, examples) = NOTES
            .iter()
            .find(|(title, _)| title.starts_with("filters"))
            .unwrap();
        for (filter, _) in *examples {
            assert!(filter.parse::<Filter>().is_ok(), "{filter}");
        }
    }
}
