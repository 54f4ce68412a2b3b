//! What comes from the feeds, and changes on their way to a host and back.

use std::time::Duration;

use super::App;
use crate::change::{Change, ChangeOutcome, ProcessRef};
use crate::host::{HostState, Link};
use crate::message::{Effect, FeedEvent};
use crate::popups::{Confirmed, Popup};
use crate::screens::wrap;
use linux_api_client::error::ClientError;
use linux_api_wire::api::acts::{ActOutcome, ProcessActResult, ProcessActResults, UnitActResult};

/// Most columns of a question.
const QUESTION: usize = 76;
/// Most lines of a log that are shown of an act.
const LOG_LINES: usize = 10;

impl App {
    pub(super) fn on_feed(&mut self, index: usize, event: FeedEvent) -> Vec<Effect> {
        let Some(host) = self.hosts.get_mut(index) else {
            return Vec::new();
        };
        if let FeedEvent::Changed(change, result) = event {
            self.on_changed(index, &change, result);
            return Vec::new();
        }
        // A response to a query that is no longer polled is late: the one in its place may have a newer
        // response already.
        if let FeedEvent::Response(wanted, _) = &event
            && !self.plans[index].queries.contains(wanted)
        {
            return Vec::new();
        }
        let was_up = matches!(host.link, Link::Up { .. });
        let seen = match &event {
            // The latency changes with each response; it is drawn with the data.
            FeedEvent::Up(_) => !was_up,
            // Of what is held still only the state of the host changes.
            FeedEvent::Response(_, Ok(_)) if self.frozen.is_some() => host.refusal().is_some(),
            _ => true,
        };
        if self.frozen.is_some() {
            host.take_state(event, self.now);
        } else {
            host.take(event, self.now);
        }
        self.changed |= seen && self.view.screen().shows(self, index);
        Vec::new()
    }

    fn on_changed(
        &mut self,
        index: usize,
        change: &Change,
        result: Result<ChangeOutcome, ClientError>,
    ) {
        let host = self.hosts[index].name.clone();
        let outcome = match &result {
            Ok(outcome) => outcome_in_words(outcome),
            Err(error) => Some((error.in_short(), true)),
        };
        if let Some(outcome) = outcome
            && self.screens.deed.take(index, change, outcome)
        {
            self.changed = true;
            return;
        }
        match result {
            Err(error) => self.complain(format!("{host}: {}", error.in_short())),
            Ok(ChangeOutcome::Unchanged) => self.say(format!("{host}: nothing to change")),
            Ok(ChangeOutcome::Done) => self.say(format!("{host}: {}, done", change.in_words())),
            Ok(ChangeOutcome::User(user)) => self.show_key(
                format!("{host}: first key of {}", user.username),
                user.api_key,
            ),
            Ok(ChangeOutcome::Key(key)) => {
                self.show_key(format!("{host}: new key {}", key.name), key.api_key);
            }
            Ok(ChangeOutcome::Process(result)) => {
                let is_done = result.outcome == ActOutcome::Done;
                let text = format!(
                    "{host}: {}: {}",
                    change.in_words(),
                    process_in_words(&result)
                );
                self.note(text, !is_done);
            }
            Ok(ChangeOutcome::Processes(results)) => self.show_results(&host, change, &results),
            Ok(ChangeOutcome::Unit(result)) => {
                let is_bad = !result.succeeded();
                let what = format!("{}: {}", change.in_words(), unit_in_words(&result));
                self.note(format!("{host}: {what}"), is_bad);
                let Some(last) = result.log.last() else {
                    return;
                };
                let mut lines = vec![(what, is_bad), (String::new(), false)];
                let first = result.log.len().saturating_sub(LOG_LINES);
                lines.extend(result.log[first..].iter().map(|line| {
                    let clock = line.time.get(11..19).unwrap_or_default();
                    let is_error = line.priority.is_some_and(|priority| priority <= 3);
                    (format!("{clock} {}", line.message), is_error)
                }));
                let unit = &result.unit;
                let until = last.time.get(11..19).unwrap_or_default();
                lines.push((format!("(log of {unit} until {until} UTC)"), false));
                self.show_outcome(&host, lines);
            }
        }
    }

    /// What became of an act on several processes: each of them in a line.
    fn show_results(&mut self, host: &str, change: &Change, results: &ProcessActResults) {
        let names: Vec<&ProcessRef> = match change {
            Change::SignalAll(processes, ..) | Change::ReniceAll(processes, ..) => {
                processes.iter().collect()
            }
            _ => Vec::new(),
        };
        let lines: Vec<(String, bool)> = results
            .results
            .iter()
            .map(|result| {
                let of = names.iter().find(|it| it.identity.pid == result.pid);
                let name = of.map_or_else(|| result.pid.to_string(), |it| it.in_brief());
                let is_bad = result.outcome != ActOutcome::Done;
                (format!("{name}: {}", process_in_words(result)), is_bad)
            })
            .collect();
        let failed = lines.iter().filter(|(_, is_bad)| *is_bad).count();
        let done = lines.len() - failed;
        let text = match failed {
            0 => format!("{host}: done for all {done} processes"),
            _ => format!("{host}: done for {done} of {} processes", lines.len()),
        };
        self.note(text, failed > 0);
        self.show_outcome(host, lines);
    }

    /// Shows what became of acts, below whatever is being typed into; more of the same host goes on in the same
    /// box.
    fn show_outcome(&mut self, host: &str, lines: Vec<(String, bool)>) {
        self.changed = true;
        let wanted = format!("result on {host}");
        if let Some(Popup::Outcome { title, lines: all }) = self.popups.first_mut()
            && *title == wanted
        {
            all.push((String::new(), false));
            all.extend(lines);
            return;
        }
        let title = wanted;
        self.popups.insert(0, Popup::Outcome { title, lines });
    }

    fn show_key(&mut self, title: String, key: String) {
        self.changed = true;
        // Below whatever is being typed into: the next Enter is not meant for it.
        self.popups.insert(
            0,
            Popup::Secret {
                title,
                key,
                is_copied: false,
            },
        );
    }

    /// Opens the question before a change on the host that is looked at.
    pub(crate) fn confirm(&mut self, change: Change) {
        self.confirm_on(self.current, change);
    }

    /// Opens the question before a change on a host.
    pub(crate) fn confirm_on(&mut self, index: usize, change: Change) {
        let words = change.in_words();
        self.confirm_all(index, &words, vec![change]);
    }

    /// Opens the question before changes on a host that belong together; the words say what all of them do.
    pub(crate) fn confirm_all(&mut self, index: usize, words: &str, changes: Vec<Change>) {
        let host = &self.hosts[index];
        // Its first word is a verb of ours.
        let mut question = words.to_owned();
        question[..1].make_ascii_uppercase();
        let place = match changes.first() {
            Some(Change::CopyProgram) => {
                format!("There is none yet. The host is {}.", host.address)
            }
            Some(change) if change.names_its_host() => {
                format!("The daemon of {} at {} does it.", host.name, host.address)
            }
            _ => format!("The daemon is at {}.", host.address),
        };
        let question = match changes.first() {
            Some(change) if change.names_its_host() => format!("{question}?"),
            _ => format!("{question} on {}?", host.name),
        };
        // What and where are never cut.
        let width = usize::from(self.size.0).saturating_sub(4).min(QUESTION);
        let mut lines = wrap(&question, width);
        lines.extend([String::new(), place]);
        let text = changes.first().and_then(Change::consequence);
        let text = text.as_deref().map(str::lines);
        lines.extend(text.into_iter().flatten().map(str::to_owned));
        self.question(&lines, Confirmed::Changes(index, changes));
    }

    /// Opens a question; its lines are never cut.
    pub(crate) fn question(&mut self, lines: &[String], then: Confirmed) {
        let width = usize::from(self.size.0).saturating_sub(4).min(QUESTION);
        let lines = lines.iter().flat_map(|line| wrap(line, width)).collect();
        self.popups.push(Popup::Confirm {
            lines,
            then,
            yes: false,
        });
    }

    /// Does what was confirmed.
    pub(super) fn carry_out(&mut self, then: Confirmed) -> Vec<Effect> {
        match then {
            Confirmed::Changes(host, changes) => {
                let send = |change| self.send(host, change);
                changes.into_iter().map(send).collect()
            }
            Confirmed::OnAll(hosts, change) => {
                self.screens.deed.begin(change.clone(), &hosts);
                let send = |host| Effect::Change(host, change.clone());
                hosts.into_iter().map(send).collect()
            }
            Confirmed::AddRemote(remote) => vec![Effect::AddRemote(remote)],
        }
    }

    /// Takes up a remote that was added, or says why it was not.
    pub(super) fn on_added(&mut self, added: Result<HostState, String>) {
        match added {
            Ok(mut host) => {
                self.say(format!("{}: added, {}", host.name, host.address));
                host.link = Link::Connecting {
                    since: self.now.since_start,
                };
                self.hosts.push(host);
                self.plans.push(std::sync::Arc::default());
            }
            Err(reason) => self.complain(reason),
        }
    }

    /// Sends a change to the host that it was confirmed for.
    pub(super) fn send(&mut self, host: usize, change: Change) -> Effect {
        let name = &self.hosts[host].name;
        let more = self.settings.theme.glyphs.ellipsis;
        self.say(format!("{name}: {} {more}", change.in_words()));
        Effect::Change(host, change)
    }

    /// How long until a host that is down is polled again.
    pub(crate) fn retry_in(&self, link: &Link) -> Option<Duration> {
        match link {
            Link::Down { retry_at, .. } => Some(retry_at.saturating_sub(self.now.since_start)),
            _ => None,
        }
    }
}

/// What became of a change, and whether that is bad; nothing for one that leads to a new key.
fn outcome_in_words(outcome: &ChangeOutcome) -> Option<(String, bool)> {
    Some(match outcome {
        ChangeOutcome::Unchanged => ("nothing to change".to_owned(), false),
        ChangeOutcome::Done => ("done".to_owned(), false),
        ChangeOutcome::Process(result) => {
            let is_done = result.outcome == ActOutcome::Done;
            (process_in_words(result), !is_done)
        }
        ChangeOutcome::Unit(result) => (unit_in_words(result), !result.succeeded()),
        ChangeOutcome::User(_) | ChangeOutcome::Key(_) | ChangeOutcome::Processes(_) => {
            return None;
        }
    })
}

/// What became of an act on a process.
fn process_in_words(result: &ProcessActResult) -> String {
    let usual = match (result.outcome, result.killed, result.ended) {
        (ActOutcome::Refused, ..) => "not allowed",
        (ActOutcome::Failed, ..) => "failed",
        (_, Some(true), _) => "it ended by KILL",
        (_, _, Some(true)) => "it has ended",
        (_, _, Some(false)) => "sent, it goes on",
        _ => "done",
    };
    let message = result.message.as_deref().unwrap_or(usual);
    match &result.remedy {
        Some(remedy) => format!("{message} ({remedy})"),
        None => message.to_owned(),
    }
}

/// What became of an act on a unit, with the last log line where that says why it failed.
fn unit_in_words(result: &UnitActResult) -> String {
    let mut parts = Vec::new();
    if let Some(job) = result.job.as_deref().filter(|job| *job != "done") {
        parts.push(format!("job {job}"));
    }
    if result.pending {
        parts.push("the job goes on".to_owned());
    }
    if result.active.is_empty() {
        parts.push("done".to_owned());
    } else {
        parts.push(format!("{} ({})", result.active, result.sub));
    }
    if let Some(code) = result.exit_code.filter(|code| *code != 0) {
        parts.push(format!("exit code {code}"));
    }
    if !result.succeeded()
        && let Some(line) = result.log.last()
    {
        parts.push(line.message.clone());
    }
    parts.join(", ")
}
