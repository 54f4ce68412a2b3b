//! The lines of the page: names and values, wrapped and never cut.

use std::collections::BTreeMap;
use std::time::Duration;

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::{Opened, PreviewOf, changes_of, preview_of};
use crate::app::App;
use crate::screens::alerts::lists::{change_words, rule_state};
use crate::screens::alerts::words::{
    ago, brief, labelled, level, matcher, severity_style, states, until,
};
use crate::screens::alerts::{alerts, rules, silences};
use crate::screens::wrap;
use crate::theme::Theme;
use linux_api_client::error::ClientError;
use linux_api_client::remotes::check_name;
use linux_api_wire::api::alerts::{
    Alert, AlertNotice, AlertPreview, AlertRule, AlertRuleSource, AlertSeverity, AlertSilence,
};
use linux_api_wire::units::compact::counted;
use linux_api_wire::units::{minute, time};

/// Columns of a name.
const NAME: usize = 13;
/// Most changes that are listed.
const CHANGES: usize = 20;
/// Most times that are listed of a preview.
const EPISODES: usize = 100;

/// Lines that are being made.
struct Page<'a> {
    app: &'a App,
    width: usize,
    lines: Vec<Line<'static>>,
}

impl Page<'_> {
    fn theme(&self) -> &Theme {
        &self.app.settings.theme
    }

    /// A name and its value; nothing without a value.
    fn line(&mut self, name: &str, value: &str, style: Style) {
        if value.is_empty() {
            return;
        }
        let title = self.theme().title;
        let mut name = format!("{name:<NAME$} ");
        for part in wrap(value, self.width.saturating_sub(NAME + 1).max(1)) {
            self.lines.push(Line::from(vec![
                Span::styled(name, title),
                Span::styled(part, style),
            ]));
            name = " ".repeat(NAME + 1);
        }
    }

    fn plain(&mut self, name: &str, value: &str) {
        let style = self.theme().text;
        self.line(name, value, style);
    }

    /// A line of its own, set in by so much.
    fn free(&mut self, text: &str, indent: usize, style: Style) {
        let parts = wrap(text, self.width.saturating_sub(indent).max(1)).into_iter();
        let parts = parts.map(|part| Line::styled(format!("{}{part}", " ".repeat(indent)), style));
        self.lines.extend(parts);
    }

    fn gap(&mut self, title: &str) {
        let style = self.theme().title;
        self.lines.push(Line::default());
        self.lines.push(Line::styled(title.to_owned(), style));
    }

    fn labels(&mut self, labels: &BTreeMap<String, String>) {
        let parts: Vec<String> = labels
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        self.plain("where", &parts.join("  "));
    }

    fn now(&self) -> linux_api_wire::time::Timestamp {
        self.app.time_of(self.app.host())
    }

    /// A time with how long ago it was.
    fn moment(&mut self, name: &str, at: Option<&str>) {
        let Some(at) = at else { return };
        let ago = ago(Some(at), self.now());
        let ago = ago.map_or_else(String::new, |ago| format!(", {ago} ago"));
        self.plain(name, &format!("{} UTC{ago}", time(at)));
    }
}

/// All of what is opened.
pub(super) fn of(app: &App, opened: &Opened, width: usize) -> Vec<Line<'static>> {
    let mut page = Page {
        app,
        width,
        lines: Vec::new(),
    };
    match opened {
        Opened::Alert(alert) => of_alert(&mut page, alert),
        Opened::Notice(notice) => of_notice(&mut page, notice),
        Opened::Rule { rule, preview } => {
            // One that was changed meanwhile is shown as it is now.
            let mut all = rules(app).iter();
            let now = all.find(|it| it.name == rule.name && it.source == rule.source);
            let rule = now.unwrap_or(rule);
            of_rule(&mut page, rule);
            of_preview(&mut page, rule, preview);
            page.gap("as it is written");
            let dim = page.theme().dim;
            for line in definition(rule).lines() {
                page.free(line, 1, dim);
            }
        }
        Opened::Silence(silence) => {
            let now = silences(app).iter().find(|it| it.id == silence.id);
            of_silence(&mut page, now.unwrap_or(silence), now.is_some());
        }
    }
    page.lines
}

fn of_alert(page: &mut Page<'_>, opened: &Alert) {
    let app = page.app;
    let now = alerts(app).iter().find(|alert| alert.id == opened.id);
    let alert = now.unwrap_or(opened);
    let (word, style) = level(alert, page.theme());
    let mut words = states(alert);
    words.insert(0, word.to_owned());
    words.dedup();
    page.line("state", &words.join(", "), style);
    if now.is_none() && app.host().responses.alerts.value().is_some() {
        let style = page.theme().warn;
        page.line("", "not listed any more: this is how it was", style);
    }
    page.plain("what", &labelled(&BTreeMap::new(), &alert.text));
    page.plain("threshold", alert.threshold.as_deref().unwrap_or_default());
    page.plain("rule", &alert.rule);
    let dim = page.theme().dim;
    page.line("", alert.description.as_deref().unwrap_or_default(), dim);
    page.plain("host", &alert.host);
    page.labels(&alert.labels);
    page.moment("since", alert.since.as_deref());
    page.moment("fired", alert.fired_at.as_deref());
    page.moment("evaluated", alert.evaluated_at.as_deref());
    if let Some(seen) = &alert.acknowledged {
        let comment = match seen.comment.as_str() {
            "" => String::new(),
            comment => format!(": {comment}"),
        };
        let at = time(&seen.at);
        page.plain("seen", &format!("by {} at {at} UTC{comment}", seen.by));
    }
    if let Some(id) = &alert.silenced_by {
        let silence = silences(app).iter().find(|silence| silence.id == *id);
        let text = silence.map_or_else(
            || id.clone(),
            |silence| {
                let end = until(silence.until.as_deref(), page.now());
                let (by, comment) = (&silence.created_by, &silence.comment);
                format!("by {by}, ends {end}: {comment}")
            },
        );
        page.plain("silenced", &text);
    }
    if alert.inhibited {
        page.plain("waits", "the host is down: nothing else is sent of it");
    }
    if let Some(act) = &alert.act {
        page.plain("done", &act.text);
    }
    if alert.flapping {
        let text = "changes too often: nothing is sent until it is calm for 15 minutes";
        page.plain("flapping", text);
    }
    page.plain("look", &look(app, &alert.host));
    of_changes(page, opened);
}

/// How to look at a host from here.
fn look(app: &App, host: &str) -> String {
    if app.hosts.iter().any(|remote| remote.name == host) {
        return format!(":host {host}");
    }
    // A name that a shell or ssh could read as something else is left out.
    if check_name(host).is_ok() {
        format!("linux-api tui ssh://{host}")
    } else {
        "linux-api tui".to_owned()
    }
}

/// What changed of an alert, and what its newest notice says besides.
fn of_changes(page: &mut Page<'_>, alert: &Alert) {
    let query = changes_of(alert);
    let cache = &page.app.host().responses.alert_changes;
    let Some(all) = cache.of(&query) else {
        page.gap("changes");
        let (text, style) = match cache.error_of(&query) {
            Some(error) => (error.in_short(), page.theme().bad),
            None => ("waiting for the response".to_owned(), page.theme().dim),
        };
        page.free(&text, 1, style);
        return;
    };
    let own: Vec<&AlertNotice> = all
        .iter()
        .filter(|notice| notice.alert_id == alert.id)
        .collect();
    if let Some(newest) = own.iter().find(|notice| !notice.context.is_empty()) {
        page.gap(&format!("as it was at {} UTC", time(&newest.time)));
        context(page, newest);
    }
    page.gap("changes");
    if own.is_empty() {
        let dim = page.theme().dim;
        page.free("none yet", 1, dim);
    }
    for notice in own.into_iter().take(CHANGES) {
        let style = match notice.after {
            Some(severity) => severity_style(severity, page.theme()),
            None => page.theme().good,
        };
        let severity = notice.after.map_or("", AlertSeverity::as_str);
        let change = change_words(notice.change);
        let at = time(&notice.time);
        page.free(
            &format!("{at}  {change:<9} {severity:<8} {}", notice.text),
            1,
            style,
        );
    }
}

fn context(page: &mut Page<'_>, notice: &AlertNotice) {
    let style = page.theme().text;
    for line in &notice.context {
        page.free(line, 1, style);
    }
}

fn of_notice(page: &mut Page<'_>, notice: &AlertNotice) {
    let word = |severity: Option<AlertSeverity>| severity.map_or("well", AlertSeverity::as_str);
    let style = match notice.after {
        Some(severity) => severity_style(severity, page.theme()),
        None => page.theme().good,
    };
    let change = change_words(notice.change);
    let (before, after) = (word(notice.before), word(notice.after));
    let text = if before == after {
        format!("{change}, {after}")
    } else {
        format!("{change}: {after}, before that {before}")
    };
    page.line("change", &text, style);
    page.moment("time", Some(&notice.time));
    page.plain("what", &notice.text);
    page.plain("threshold", &notice.threshold);
    page.plain("rule", &notice.rule);
    page.plain("host", &notice.host);
    page.labels(&notice.labels);
    page.moment("bad since", Some(&notice.since));
    let look = look(page.app, &notice.host);
    page.plain("look", &look);
    let is_now = alerts(page.app).iter().find(|it| it.id == notice.alert_id);
    let now = match is_now {
        Some(alert) => {
            let (word, _) = level(alert, page.theme());
            format!("{word}, {}", labelled(&BTreeMap::new(), &alert.text))
        }
        None => "does not fire".to_owned(),
    };
    page.plain("now", &now);
    if !notice.context.is_empty() {
        page.gap("as it was then");
        context(page, notice);
    }
}

/// A rule as it is written.
pub(super) fn definition(rule: &AlertRule) -> String {
    let text = toml::to_string(&rule.definition);
    let text = text.unwrap_or_else(|error| format!("# can't be written as TOML: {error}"));
    format!("[[rule]]\n{text}")
}

fn of_rule(page: &mut Page<'_>, rule: &AlertRule) {
    let state = match rule_state(rule) {
        "on" => "in force",
        "off" => "switched off: where it counts, nothing fires",
        _ => "another rule of this name takes its place",
    };
    let style = match rule_state(rule) {
        "on" => page.theme().good,
        _ => page.theme().warn,
    };
    page.line("state", state, style);
    let source = match (rule.source, &rule.path) {
        (AlertRuleSource::Stock, _) => "part of the program".to_owned(),
        (AlertRuleSource::File, Some(path)) => format!("file {path}, changed there alone"),
        (AlertRuleSource::File, None) => "a file, changed there alone".to_owned(),
        (AlertRuleSource::User, _) => {
            let by = rule.updated_by.as_deref().unwrap_or("a user");
            let at = rule.updated_at.as_deref().map_or_else(String::new, minute);
            format!("made by {by} {at}")
        }
    };
    page.plain("from", &source);
    page.plain("watches", &format!("{} ({})", rule.meaning, rule.subject));
    page.plain("warning", rule.warning.as_deref().unwrap_or("none"));
    page.plain("critical", rule.critical.as_deref().unwrap_or("none"));
    let description = rule.definition.description.as_deref();
    page.plain("why", description.unwrap_or_default());
    let responses = &page.app.host().responses.alert_rules;
    let problems = responses.value().map(|list| list.problems.clone());
    for problem in problems.unwrap_or_default() {
        // Each begins with its file.
        if rule
            .path
            .as_deref()
            .is_some_and(|path| problem.starts_with(path))
        {
            let bad = page.theme().bad;
            page.line("mistake", &problem, bad);
        }
    }
}

fn of_preview(page: &mut Page<'_>, rule: &AlertRule, of: &PreviewOf) {
    let Some(query) = preview_of(rule, of) else {
        return;
    };
    let place = match of {
        PreviewOf::Host(_, name) => name.clone(),
        _ => "all hosts".to_owned(),
    };
    page.gap("preview");
    let cache = &page.app.host().responses.alert_preview;
    match (cache.of(&query), cache.error_of(&query)) {
        (Some(preview), _) => of_result(page, preview, &place),
        (None, Some(error)) => {
            let text = match error {
                ClientError::Refused { detail, .. } => format!("{}: {detail}", error.in_short()),
                _ => error.in_short(),
            };
            let bad = page.theme().bad;
            page.free(&text, 1, bad);
        }
        (None, None) => {
            let dim = page.theme().dim;
            let text = format!("reads the stored history of {place}; this takes a moment");
            page.free(&text, 1, dim);
        }
    }
}

fn of_result(page: &mut Page<'_>, preview: &AlertPreview, place: &str) {
    let style = match (preview.critical, preview.total) {
        (_, 0) => page.theme().good,
        (0, _) => page.theme().warn,
        _ => page.theme().bad,
    };
    page.free(&format!("{}, on {place}", preview.summary), 1, style);
    let dim = page.theme().dim;
    let text = format!(
        "{} critical, {} as warnings, {}; {}, a value every {} s",
        preview.critical,
        preview.warning,
        counted(preview.notices, "notice", "s"),
        counted(preview.hosts, "host", "s"),
        preview.step,
    );
    page.free(&text, 1, dim);
    if !preview.hosts_without_data.is_empty() {
        let names = preview.hosts_without_data.join(", ");
        page.free(&format!("without history: {names}"), 1, dim);
    }
    for note in &preview.notes {
        page.free(note, 1, dim);
    }
    for episode in preview.episodes.iter().take(EPISODES) {
        let style = severity_style(episode.severity, page.theme());
        let lasted = brief(Duration::from_secs(episode.seconds));
        let end = if episode.resolved_at.is_some() {
            format!("for {lasted}")
        } else {
            format!("for {lasted}, still")
        };
        let what = labelled(&episode.labels, &episode.text);
        let (at, host) = (minute(&episode.fired_at), &episode.host);
        let text = format!("{at}  {} {host} {end}: {what}", episode.severity);
        page.free(&text, 1, style);
    }
    let more = preview
        .total
        .saturating_sub(preview.episodes.len().min(EPISODES));
    if more > 0 {
        page.free(&format!("and {more} earlier ones"), 1, dim);
    }
}

fn of_silence(page: &mut Page<'_>, silence: &AlertSilence, is_listed: bool) {
    let state = match (is_listed, silence.active, &silence.weekly) {
        (false, ..) => "over",
        (_, true, _) => "in force",
        (_, false, Some(_)) => "at other times of the week",
        (_, false, None) => "begins later",
    };
    let style = if silence.active && is_listed {
        page.theme().accent
    } else {
        page.theme().dim
    };
    page.line("state", state, style);
    page.plain("what", &matcher(silence));
    let held = usize::try_from(silence.holds).unwrap_or(usize::MAX);
    page.plain("holds back", &counted(held, "alert", "s"));
    page.plain("comment", &silence.comment);
    page.plain("by", &silence.created_by);
    page.plain("from", &format!("{} UTC", time(&silence.from)));
    let end = until(silence.until.as_deref(), page.now());
    let text = match &silence.until {
        Some(at) => format!("{} UTC, {end}", time(at)),
        None => "it has no end".to_owned(),
    };
    page.plain("until", &text);
    if let Some(weekly) = &silence.weekly {
        let windows = weekly.windows.join(", ");
        page.plain("weekly", &format!("{windows} ({})", weekly.zone));
    }
    let now: Vec<String> = alerts(page.app)
        .iter()
        .filter(|alert| alert.silenced_by.as_ref() == Some(&silence.id))
        .map(|alert| super::named(&alert.rule, &alert.host, &alert.labels))
        .collect();
    if !now.is_empty() {
        page.gap("held back now");
        let style = page.theme().text;
        for name in now {
            page.free(&name, 1, style);
        }
    }
}
