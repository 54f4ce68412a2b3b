//! Themes, clocks, and terminals that can show less.

use crossterm::event::KeyCode;
use linux_api_tui::display::LocalOffset;
use linux_api_tui::screen::View;
use linux_api_tui::theme::{Charset, Depth, OwnTheme, Terminal};
use linux_api_wire::tui::ThemeName;
use ratatui::style::Color;

use super::stage::Stage;

const SIZE: (u16, u16) = (120, 40);

fn on(terminal: Terminal, view: View) -> Stage {
    let mut stage = Stage::one(SIZE);
    stage.app.settings.display.terminal = terminal;
    stage.app.settings.theme = stage.app.settings.display.theme("default").unwrap();
    stage.show(view);
    stage
}

fn theme(stage: &mut Stage, name: &str) {
    stage.keys(&format!(":theme {name}"));
    stage.key(KeyCode::Enter);
}

#[test]
fn every_theme_is_chosen_by_name_and_keeps_to_the_colours_of_the_terminal() {
    for depth in [Depth::Mono, Depth::Sixteen, Depth::Indexed, Depth::True] {
        let charset = Charset::Unicode;
        let mut stage = on(Terminal { depth, charset }, View::Overview);
        for name in ThemeName::WORDS {
            theme(&mut stage, name);
            for cell in stage.screen().buffer().content() {
                for colour in [cell.fg, cell.bg] {
                    let is_fine = match colour {
                        Color::Reset => true,
                        Color::Rgb(..) => depth == Depth::True,
                        Color::Indexed(_) => depth >= Depth::Indexed,
                        _ => depth >= Depth::Sixteen,
                    };
                    assert!(is_fine, "{name} {depth:?}: {colour:?}");
                }
            }
        }
    }
}

#[test]
fn a_background_is_everywhere_also_below_what_lies_over_a_view() {
    let terminal = Terminal {
        depth: Depth::True,
        charset: Charset::Unicode,
    };
    let mut stage = on(terminal, View::Overview);
    theme(&mut stage, "nord");
    for open in ["", "?", ":"] {
        stage.keys(open);
        for cell in stage.screen().buffer().content() {
            assert!(
                cell.bg != Color::Reset && cell.fg != Color::Reset,
                "{open:?}: {cell:?}"
            );
        }
        stage.key(KeyCode::Esc);
    }
}

#[test]
fn own_themes_are_chosen_like_the_others_and_broken_ones_say_why() {
    let mut stage = Stage::one(SIZE);
    stage.app.settings.display.own_themes = vec![
        OwnTheme::read("mine".to_owned(), "themes/mine.toml", "accent = 'magenta'"),
        OwnTheme::read("broken".to_owned(), "themes/broken.toml", "\naccent = 'x'"),
    ];
    theme(&mut stage, "mine");
    assert_eq!(stage.app.settings.theme.accent.fg, Some(Color::Magenta));
    theme(&mut stage, "broken");
    let text = stage.text();
    assert!(
        text.contains("theme: themes/broken.toml: line 2: accent: \"x\" is no colour"),
        "{text}"
    );
    assert_eq!(
        stage.app.settings.theme.accent.fg,
        Some(Color::Magenta),
        "nothing changes"
    );
}

#[test]
fn the_console_gets_no_characters_that_its_font_lacks() {
    // Those of code page 437 that are used, and the frames.
    const FONT: &str = "▄█▒░▼▲│┤─┌┐└┘├°";
    let terminal = Terminal {
        depth: Depth::Sixteen,
        charset: Charset::Console,
    };
    for view in [View::Overview, View::Processes, View::History] {
        let stage = on(terminal, view);
        let text = stage.text();
        let strange = text
            .chars()
            .find(|it| !it.is_ascii() && !FONT.contains(*it));
        assert_eq!(strange, None, "{view:?}\n{text}");
    }
}

#[test]
fn the_time_here_stands_beside_that_of_the_host_where_they_differ() {
    let mut stage = Stage::one(SIZE);
    stage.show(View::Overview);
    assert!(
        stage.text().contains("07:02 UTC  Linux"),
        "{}",
        stage.text()
    );
    stage.app.settings.display.local = LocalOffset::Fixed(7_200);
    assert!(
        stage.text().contains("07:02 UTC  09:02 here"),
        "{}",
        stage.text()
    );
    stage.keys(":tz moon");
    stage.key(KeyCode::Enter);
    assert!(
        stage
            .text()
            .contains("tz: expected one of utc, local, host"),
        "{}",
        stage.text()
    );
}
