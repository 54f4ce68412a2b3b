//! What is done with alerts, from the lists and from the page of one: each is confirmed first, with what and where.

use super::words::{matcher, named};
use super::{AlertsList, alerts, opened, rules, silences};
use crate::app::App;
use crate::change::{AlertAct, AlertRef, Change, SilenceRef};
use crate::keymap::KeyAction;
use crate::keymap::action::actions;
use crate::popups::Popup;
use crate::popups::silence_form::SilenceForm;
use crate::screens::alert::{Opened, PreviewOf};
use linux_api_wire::api::alerts::{Alert, AlertSilence};
use linux_api_wire::api_key::Scope;

actions! {
    ACKNOWLEDGE "acknowledge" "a", "ack", "note that you have seen the alert: it is not repeated";
    ACKNOWLEDGE_WITH "acknowledge-with" "A", "", "the same with a comment for others";
    SILENCE "silence" "S", "silence", "hold back what is sent: how long, of what, why";
    END_SILENCE "end-silence" "x delete", "end", "end the silence";
    PREVIEW "preview" "p", "preview", "what the rule would have done in the last seven days";
}

/// What reading alerts needs.
pub(crate) const READ: Scope = Scope::AlertsRead;
/// What acknowledging and silencing needs.
const WRITE: Scope = Scope::AlertsWrite;
/// The rule that fires while restarts are given up on a host.
const GAVE_UP: &str = "gave_up";
/// Most alerts that a question is about.
const MOST: usize = 20;

/// Why an action is out of the question; nothing when it is not.
pub(crate) fn forbidden(app: &App, action: KeyAction) -> Option<String> {
    match action {
        ACKNOWLEDGE | ACKNOWLEDGE_WITH | SILENCE | END_SILENCE => {
            if app.settings.read_only {
                return Some("read-only".to_owned());
            }
            app.host().forbids(WRITE)
        }
        PREVIEW => app.host().forbids(READ),
        _ => None,
    }
}

/// Does what an action is for with what is opened, or with the chosen row.
pub(crate) fn act(app: &mut App, action: KeyAction) {
    if let Some(reason) = forbidden(app, action) {
        app.complain(format!("{}: {reason}", action.name));
        return;
    }
    let target = app.screens.alert.opened.clone().or_else(|| opened(app));
    match action {
        ACKNOWLEDGE => acknowledge(app, target.as_ref(), ""),
        ACKNOWLEDGE_WITH => app.prompt_for("comment: ", move |app, comment| {
            acknowledge(app, target.as_ref(), comment);
        }),
        SILENCE => {
            let form = form_of(app, target.as_ref());
            app.popups.push(Popup::SilenceForm(Box::new(form)));
        }
        END_SILENCE => end_silence(app, target.as_ref()),
        PREVIEW => preview(app, target),
        _ => {}
    }
}

/// The alerts that an act is about, as they are now.
fn wanted(app: &App, target: Option<&Opened>) -> Vec<Alert> {
    let state = &app.screens.alerts;
    let tags = state.table.tags();
    let is_list = !app.screens.alert.is_open() && state.list == AlertsList::Active;
    let is_wanted = |alert: &&Alert| match target {
        _ if is_list && !tags.is_empty() => tags.contains(&alert.id),
        Some(Opened::Alert(opened)) => opened.id == alert.id,
        Some(Opened::Notice(notice)) => notice.alert_id == alert.id,
        _ => false,
    };
    alerts(app).iter().filter(is_wanted).cloned().collect()
}

fn acknowledge(app: &mut App, target: Option<&Opened>, comment: &str) {
    let all = wanted(app, target);
    let mut fires: Vec<Alert> = all.into_iter().filter(|it| it.severity.is_some()).collect();
    if comment.is_empty() && fires.len() > 1 {
        fires.retain(|alert| alert.acknowledged.is_none());
    }
    let Some(first) = fires.first() else {
        app.complain("choose an alert that fires: there is nothing to acknowledge here");
        return;
    };
    if let (Some(seen), true) = (&first.acknowledged, comment.is_empty()) {
        let text = format!("{} has seen it; A adds a comment", seen.by);
        app.say(text);
        return;
    }
    let reference = |alert: &Alert| AlertRef {
        id: alert.id.clone(),
        name: named(&alert.rule, &alert.host, &alert.labels),
    };
    if fires.len() > MOST {
        app.complain(format!("{} alerts: at most {MOST} at once", fires.len()));
        return;
    }
    let change =
        |alert: &Alert| Change::Alerts(AlertAct::Acknowledge(reference(alert), comment.to_owned()));
    let changes: Vec<Change> = fires.iter().map(change).collect();
    let words = if let [one] = &changes[..] {
        one.in_words()
    } else {
        let names: Vec<String> = fires.iter().map(|alert| reference(alert).name).collect();
        format!("acknowledge {} alerts ({})", names.len(), names.join(", "))
    };
    app.confirm_all(app.current, &words, changes);
}

/// A form that is filled in from what is chosen.
fn form_of(app: &App, target: Option<&Opened>) -> SilenceForm {
    let form = SilenceForm::new(app.current);
    match target {
        Some(Opened::Alert(alert)) => form.about(&alert.rule, Some(&alert.host), &alert.labels),
        Some(Opened::Notice(notice)) => {
            form.about(&notice.rule, Some(&notice.host), &notice.labels)
        }
        Some(Opened::Rule { rule, .. }) => {
            form.about(&rule.name, None, &std::collections::BTreeMap::new())
        }
        Some(Opened::Silence(_)) | None => form,
    }
}

/// The silence that is meant: the opened or chosen one, or that of an alert.
fn silence_of<'a>(app: &'a App, target: Option<&Opened>) -> Option<&'a AlertSilence> {
    let id = match target? {
        Opened::Silence(silence) => silence.id.clone(),
        Opened::Alert(alert) => {
            let now = alerts(app).iter().find(|it| it.id == alert.id);
            now.unwrap_or(alert).silenced_by.clone()?
        }
        Opened::Notice(_) | Opened::Rule { .. } => return None,
    };
    silences(app).iter().find(|silence| silence.id == id)
}

fn end_silence(app: &mut App, target: Option<&Opened>) {
    if let Some(Opened::Alert(alert)) = target
        && alert.rule == GAVE_UP
        && silence_of(app, target).is_none()
    {
        let host = AlertRef {
            id: alert.host_id.clone(),
            name: alert.host.clone(),
        };
        app.confirm(Change::Alerts(AlertAct::Release(host)));
        return;
    }
    let Some(silence) = silence_of(app, target) else {
        app.complain("choose a silence, or an alert that is silenced");
        return;
    };
    let silence = SilenceRef {
        id: silence.id.clone(),
        name: matcher(silence),
        by: silence.created_by.clone(),
    };
    app.confirm(Change::Alerts(AlertAct::EndSilence(silence)));
}

/// Opens the rule of what is chosen with its preview; from an alert that of the same host.
fn preview(app: &mut App, target: Option<Opened>) {
    let (name, host) = match target {
        Some(Opened::Alert(alert)) => (alert.rule, PreviewOf::Host(alert.host_id, alert.host)),
        Some(Opened::Notice(notice)) => (notice.rule, PreviewOf::Host(notice.host_id, notice.host)),
        Some(Opened::Rule { rule, .. }) => (rule.name, PreviewOf::AllHosts),
        Some(Opened::Silence(_)) | None => {
            app.complain("choose an alert or a rule");
            return;
        }
    };
    let mut found = rules(app).iter().filter(|rule| rule.name == name);
    let rule = found
        .clone()
        .find(|rule| rule.in_force)
        .or_else(|| found.next());
    let Some(rule) = rule.cloned() else {
        app.complain(format!("the rule {name} is not listed here"));
        return;
    };
    let opened = Opened::Rule {
        rule: Box::new(rule),
        preview: host,
    };
    app.screens.alert.open(Some(opened));
}
