//! The columns of the lists: alerts, what changed, rules, silences.

use std::collections::HashMap;

use ratatui::Frame;
use ratatui::layout::Rect;

use super::words::{ago, labelled, level, matcher, rank, severity_style, states, until};
use crate::app::App;
use crate::table::{SortKey, TableCell, TableColumn, TableState, TableView, arrange};
use linux_api_wire::api::alerts::{
    Alert, AlertChange, AlertNotice, AlertRule, AlertRuleSource, AlertSilence,
};
use linux_api_wire::units::minute;

/// Below this width there is only room for the most needed.
const NARROW: u16 = 76;
/// From which width on there is room for longer names, thresholds and more states.
const WIDE: u16 = 120;

/// What distinguishes the rows of a list.
pub(super) trait ListRow {
    /// The id.
    fn id(&self) -> String;
    /// What it is found and filtered by.
    fn text(&self) -> String;
}

impl ListRow for Alert {
    fn id(&self) -> String {
        self.id.clone()
    }

    fn text(&self) -> String {
        let (level, labels) = (
            self.severity.map_or("", |it| it.as_str()),
            self.labels_text(),
        );
        let states = states(self).join(" ");
        let (rule, host, text) = (&self.rule, &self.host, &self.text);
        format!("{rule}{labels} {host} {level} {states} {text}")
    }
}

impl ListRow for AlertNotice {
    fn id(&self) -> String {
        self.id.clone()
    }

    fn text(&self) -> String {
        let (change, labels) = (self.change, self.labels_text());
        let (rule, host, text) = (&self.rule, &self.host, &self.text);
        format!("{rule}{labels} {host} {} {change} {text}", self.severity())
    }
}

impl ListRow for AlertRule {
    /// Several may have one name.
    fn id(&self) -> String {
        format!("{}/{}", self.source.as_str(), self.name)
    }

    fn text(&self) -> String {
        let source = self.source.as_str();
        format!("{} {source} {} {}", self.name, self.subject, self.meaning)
    }
}

impl ListRow for AlertSilence {
    fn id(&self) -> String {
        self.id.clone()
    }

    fn text(&self) -> String {
        let (by, comment) = (&self.created_by, &self.comment);
        format!("{} {by} {comment}", matcher(self))
    }
}

const fn name_width(width: u16) -> u16 {
    match width {
        0..NARROW => 12,
        NARROW..WIDE => 14,
        _ => 20,
    }
}

type Column<'a, R> = TableColumn<&'a R>;
type AlertColumn<'a> = Column<'a, Alert>;
type NoticeColumn<'a> = Column<'a, AlertNotice>;
type RuleColumn<'a> = Column<'a, AlertRule>;
type SilenceColumn<'a> = Column<'a, AlertSilence>;

pub(super) fn alerts<'a>(width: u16) -> Vec<AlertColumn<'a>> {
    let state = if width < WIDE { 9 } else { 22 };
    let mut columns = vec![
        AlertColumn::words("LEVEL", 8, |at, alert| {
            let (word, style) = level(alert, at.theme);
            TableCell::new(word, style)
        })
        .ascending(|alert| Some(SortKey::Whole(rank(alert)))),
        AlertColumn::words("RULE", name_width(width), |at, alert| {
            at.text(alert.rule.clone())
        })
        .ascending(|alert| Some(SortKey::Text(&alert.rule))),
        AlertColumn::words("HOST", name_width(width) - 2, |at, alert| {
            at.text(alert.host.clone())
        })
        .ascending(|alert| Some(SortKey::Text(&alert.host))),
        AlertColumn::numbers("SINCE", 7, |at, alert| {
            let now = at.app.time_of(at.app.host());
            at.optional(ago(alert.since.as_deref(), now))
        })
        .ascending(|alert| alert.since.as_deref().map(SortKey::Text)),
        AlertColumn::words("STATE", state, |at, alert| {
            let mut text = String::new();
            for word in states(alert) {
                let gap = if text.is_empty() { "" } else { ", " };
                if text.len() + gap.len() + word.len() <= at.width {
                    text = format!("{text}{gap}{word}");
                }
            }
            at.dim(text)
        })
        .from(NARROW),
    ];
    if width < WIDE {
        columns.push(AlertColumn::words("WHAT", 0, |at, alert| {
            at.text(labelled(&alert.labels, &alert.text))
        }));
        return columns;
    }
    let what = (width - WIDE) / 2 + 30;
    columns.push(AlertColumn::words("WHAT", what, |at, alert| {
        at.text(labelled(&alert.labels, &alert.text))
    }));
    columns.push(AlertColumn::words("THRESHOLD", 0, |at, alert| {
        at.dim(alert.threshold.clone().unwrap_or_default())
    }));
    columns
}

pub(super) fn notices<'a>(width: u16) -> Vec<NoticeColumn<'a>> {
    vec![
        NoticeColumn::words("TIME (UTC)", 16, |at, notice| at.dim(minute(&notice.time)))
            .descending(|notice| Some(SortKey::Text(&notice.time))),
        NoticeColumn::words("CHANGE", 9, |at, notice| {
            TableCell::new(change_words(notice.change), at.theme.text)
        })
        .ascending(|notice| Some(SortKey::Text(notice.change.as_str()))),
        NoticeColumn::words("LEVEL", 8, |at, notice| {
            let severity = notice.severity();
            let style = match notice.after {
                Some(severity) => severity_style(severity, at.theme),
                None => at.theme.dim,
            };
            TableCell::new(severity.as_str(), style)
        })
        .ascending(|notice| Some(SortKey::Whole(u64::from(notice.after.is_none())))),
        NoticeColumn::words("RULE", name_width(width), |at, notice| {
            at.text(notice.rule.clone())
        })
        .ascending(|notice| Some(SortKey::Text(&notice.rule))),
        NoticeColumn::words("HOST", name_width(width) - 2, |at, notice| {
            at.text(notice.host.clone())
        })
        .ascending(|notice| Some(SortKey::Text(&notice.host)))
        .from(NARROW),
        NoticeColumn::words("WHAT", 0, |at, notice| {
            at.text(labelled(&notice.labels, &notice.text))
        }),
    ]
}

/// A change in a word or two.
pub(crate) const fn change_words(change: AlertChange) -> &'static str {
    match change {
        AlertChange::Escalated => "worse",
        AlertChange::Lowered => "better",
        AlertChange::GaveUp => "gave up",
        other => other.as_str(),
    }
}

pub(super) fn rules<'a>(width: u16) -> Vec<RuleColumn<'a>> {
    let threshold = if width < WIDE { 16 } else { 34 };
    let mut columns = vec![
        RuleColumn::words("RULE", 20, |at, rule| {
            if rule.in_force && rule.enabled {
                at.text(rule.name.clone())
            } else {
                at.dim(rule.name.clone())
            }
        })
        .ascending(|rule| Some(SortKey::Text(&rule.name))),
        RuleColumn::words("FROM", 5, |at, rule| match rule.source {
            AlertRuleSource::Stock => at.dim(rule.source.as_str()),
            _ => TableCell::new(rule.source.as_str(), at.theme.accent),
        })
        .ascending(|rule| Some(SortKey::Text(rule.source.as_str()))),
        RuleColumn::words("STATE", 8, |at, rule| {
            let style = match rule_state(rule) {
                "on" => at.theme.good,
                "off" => at.theme.warn,
                _ => at.theme.dim,
            };
            TableCell::new(rule_state(rule), style)
        })
        .ascending(|rule| Some(SortKey::Text(rule_state(rule)))),
        RuleColumn::words("WARNING", threshold, |at, rule| {
            at.optional(rule.warning.clone())
        })
        .from(NARROW),
        RuleColumn::words("CRITICAL", threshold, |at, rule| {
            at.optional(rule.critical.clone())
        })
        .from(WIDE),
    ];
    columns.push(RuleColumn::words("WATCHES", 0, |at, rule| {
        let (subject, meaning) = (&rule.subject, &rule.meaning);
        at.dim(if meaning.is_empty() { subject } else { meaning })
    }));
    columns
}

/// Whether a rule counts, in a word.
pub(crate) const fn rule_state(rule: &AlertRule) -> &'static str {
    match (rule.in_force, rule.enabled) {
        (false, _) => "replaced",
        (true, false) => "off",
        (true, true) => "on",
    }
}

pub(super) fn silences<'a>(width: u16) -> Vec<SilenceColumn<'a>> {
    let wide = width >= WIDE;
    vec![
        SilenceColumn::words("STATE", 7, |at, silence| {
            if silence.active {
                TableCell::new("on", at.theme.accent)
            } else if silence.weekly.is_some() {
                at.dim("weekly")
            } else {
                at.dim("later")
            }
        })
        .ascending(|silence| Some(SortKey::Whole(u64::from(!silence.active)))),
        SilenceColumn::numbers("ENDS", 10, |at, silence| {
            let now = at.app.time_of(at.app.host());
            at.text(until(silence.until.as_deref(), now))
        })
        .ascending(|silence| silence.until.as_deref().map(SortKey::Text)),
        SilenceColumn::numbers("HOLDS", 5, |at, silence| at.text(silence.holds.to_string()))
            .descending(|silence| Some(SortKey::Whole(silence.holds))),
        SilenceColumn::words("BY", 10, |at, silence| at.dim(silence.created_by.clone()))
            .ascending(|silence| Some(SortKey::Text(&silence.created_by))),
        SilenceColumn::words("WHAT", if wide { 52 } else { 26 }, |at, silence| {
            at.text(matcher(silence))
        }),
        SilenceColumn::words("COMMENT", 0, |at, silence| at.dim(silence.comment.clone())),
    ]
}

/// The ids of the rows that a filter keeps, in the order of a table; rows that are alike stay as they came.
pub(super) fn ordered<'a, R: ListRow>(
    rows: &'a [R],
    keeps: impl Fn(&R) -> bool,
    columns: &[Column<'a, R>],
    table: &TableState<String>,
) -> Vec<String> {
    let wanted = table.filter.to_lowercase();
    let keeps = |row: &'a R| {
        keeps(row) && (wanted.is_empty() || row.text().to_lowercase().contains(&wanted))
    };
    let column = TableColumn::titled(columns, table.sort.title);
    let order = column.map(|column| {
        move |one: &'a R, other: &'a R| column.compare(&one, &other, table.sort.descending)
    });
    let places = arrange(rows, keeps, order);
    places.into_iter().map(|place| rows[place].id()).collect()
}

/// The rows of a table, in its order; what is gone since is left out.
pub(super) fn shown<'a, R: ListRow>(rows: &'a [R], table: &TableState<String>) -> Vec<&'a R> {
    let by_id: HashMap<String, &R> = rows.iter().map(|row| (row.id(), row)).collect();
    let ids = table.ids().iter();
    ids.filter_map(|id| by_id.get(id).copied()).collect()
}

/// Draws a list.
pub(super) fn draw<'a, R: ListRow>(
    app: &App,
    rows: &'a [R],
    columns: &[Column<'a, R>],
    table: &TableState<String>,
    area: Rect,
    frame: &mut Frame<'_>,
) {
    let rows = shown(rows, table);
    let view = TableView {
        rows: rows.len(),
        stale: app.freshness().is_old(),
        ..TableView::of(table)
    };
    view.draw(columns, app, area, frame, |row| rows[row]);
    view.mark_tagged(table, &app.settings.theme, area, frame);
}
