//! All of one alert, of a change, of a rule with what it would have done, or of a silence.

mod lines;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::widgets::Paragraph;

use super::alerts::acts;
use super::alerts::words::{matcher, named};
use crate::app::App;
use crate::keymap::KeyAction;
use crate::keymap::action::LEFT;
use crate::query::{AlertChangesQuery, AlertPreviewQuery, AnyQuery};
use crate::screen::Screen;
use crate::table::Move;
use crate::widgets::frame::boxed;
use linux_api_wire::api::alerts::{Alert, AlertNotice, AlertRule, AlertSilence};

/// Most lines of a page.
const LINES: u16 = 2000;

/// Of which hosts the page of a rule shows what it would have done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PreviewOf {
    /// Of none.
    Nothing,
    /// Of the one with this id and name.
    Host(String, String),
    /// Of all.
    AllHosts,
}

/// What is looked at closely. It is a copy: what ends meanwhile can still be read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Opened {
    /// An alert.
    Alert(Box<Alert>),
    /// A change.
    Notice(Box<AlertNotice>),
    /// A rule, and what it would have done.
    Rule {
        rule: Box<AlertRule>,
        preview: PreviewOf,
    },
    /// A silence.
    Silence(Box<AlertSilence>),
}

impl Opened {
    /// What it is called.
    fn title(&self) -> String {
        match self {
            Self::Alert(alert) => named(&alert.rule, &alert.host, &alert.labels),
            Self::Notice(notice) => named(&notice.rule, &notice.host, &notice.labels),
            Self::Rule { rule, .. } => format!("rule {}", rule.name),
            Self::Silence(silence) => format!("silence {}", matcher(silence)),
        }
    }
}

/// What is looked at, and where in it.
#[derive(Debug, Clone, Default)]
pub struct AlertState {
    /// Nothing while the page is closed.
    pub(crate) opened: Option<Opened>,
    /// How many lines are above the first one seen.
    scrolled: u16,
}

impl AlertState {
    /// Opens the page, or closes it.
    pub(crate) fn open(&mut self, opened: Option<Opened>) {
        self.opened = opened;
        self.scrolled = 0;
    }

    pub(crate) const fn is_open(&self) -> bool {
        self.opened.is_some()
    }

    /// What the page needs besides the lists.
    pub(crate) fn queries(&self, _app: &App) -> Option<AnyQuery> {
        match self.opened.as_ref()? {
            Opened::Alert(alert) => Some(changes_of(alert).into()),
            Opened::Rule { rule, preview } => preview_of(rule, preview).map(AnyQuery::from),
            Opened::Notice(_) | Opened::Silence(_) => None,
        }
    }
}

fn changes_of(alert: &Alert) -> AlertChangesQuery {
    AlertChangesQuery {
        rule: alert.rule.clone(),
        host: alert.host_id.clone(),
    }
}

fn preview_of(rule: &AlertRule, of: &PreviewOf) -> Option<AlertPreviewQuery> {
    let host = match of {
        PreviewOf::Nothing => return None,
        PreviewOf::Host(id, _) => Some(id.clone()),
        PreviewOf::AllHosts => None,
    };
    let rule = rule.name.clone();
    Some(AlertPreviewQuery { rule, host })
}

pub(crate) struct AlertScreen;

impl Screen for AlertScreen {
    fn actions(&self) -> &'static [KeyAction] {
        &[
            acts::ACKNOWLEDGE,
            acts::SILENCE,
            acts::PREVIEW,
            acts::END_SILENCE,
            acts::ACKNOWLEDGE_WITH,
        ]
    }

    fn draw(&self, app: &App, area: Rect, frame: &mut Frame<'_>) {
        let theme = &app.settings.theme;
        let state = &app.screens.alert;
        let Some(opened) = &state.opened else {
            return;
        };
        let inner = boxed(&opened.title(), theme, area, frame);
        let lines = lines::of(app, opened, usize::from(inner.width));
        let most = u16::try_from(lines.len()).unwrap_or(u16::MAX);
        let scroll = state.scrolled.min(most.saturating_sub(inner.height));
        frame.render_widget(Paragraph::new(lines).scroll((scroll, 0)), inner);
        if app.freshness().is_old() {
            frame.buffer_mut().set_style(inner, theme.dim);
        }
    }

    fn act(&self, app: &mut App, action: KeyAction) {
        if action == LEFT {
            self.back(app);
            return;
        }
        acts::act(app, action);
    }

    fn forbidden(&self, app: &App, action: KeyAction) -> Option<String> {
        acts::forbidden(app, action)
    }

    fn hinted(&self, app: &App) -> Vec<KeyAction> {
        let opened = app.screens.alert.opened.as_ref();
        let is_apt = |action: &KeyAction| match *action {
            acts::ACKNOWLEDGE => matches!(opened, Some(Opened::Alert(_))),
            acts::END_SILENCE => match opened {
                Some(Opened::Alert(alert)) => alert.silenced_by.is_some(),
                Some(Opened::Silence(_)) => true,
                _ => false,
            },
            acts::PREVIEW | acts::SILENCE => !matches!(opened, Some(Opened::Silence(_))),
            _ => true,
        };
        self.actions().iter().copied().filter(is_apt).collect()
    }

    fn back(&self, app: &mut App) {
        app.screens.alert.open(None);
    }

    fn copied(&self, app: &App) -> Option<String> {
        let opened = app.screens.alert.opened.as_ref()?;
        Some(match opened {
            Opened::Alert(alert) => format!("{}: {}", opened.title(), alert.text),
            Opened::Notice(notice) => format!("{}: {}", opened.title(), notice.text),
            Opened::Rule { rule, .. } => lines::definition(rule),
            Opened::Silence(silence) => silence.id.clone(),
        })
    }

    fn crumb(&self, app: &App) -> Option<String> {
        app.screens.alert.opened.as_ref().map(Opened::title)
    }

    fn go(&self, app: &mut App, by: Move) {
        let scrolled = &mut app.screens.alert.scrolled;
        *scrolled = match by {
            Move::Top => 0,
            Move::Bottom => LINES,
            Move::By(by) => usize::from(*scrolled)
                .saturating_add_signed(by)
                .try_into()
                .unwrap_or(LINES)
                .min(LINES),
        };
    }

    fn leave_host(&self, app: &mut App, _was_shown: bool) {
        app.screens.alert.open(None);
    }
}
