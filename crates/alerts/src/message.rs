//! What people read: a title, a text and fields, the same for every channel.

use linux_api_wire::time::Timestamp;
use linux_api_wire::units;
use uuid::Uuid;

use crate::host_text::HostText;
use crate::notice::{Notice, NoticeKind};
use crate::plan::Bundle;
use crate::severity::Severity;

/// The most notices that the text of a message lists; of more it says how many.
pub const LINES_MAX: usize = 20;

/// Whether something fires or all of it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageStatus {
    /// At least one instance fires.
    Firing,
    /// All that the message is about has ended.
    Resolved,
}

impl MessageStatus {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Resolved => "resolved",
        }
    }
}

/// A message for people. Its texts have plain characters only; those of hosts are [`HostText`]s.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// The same over retries, so that a receiver can leave out what it has.
    pub id: Uuid,
    /// When its newest notice was made.
    pub time: Timestamp,
    /// Whether something fires.
    pub status: MessageStatus,
    /// The severity.
    pub severity: Severity,
    /// One line.
    pub title: String,
    /// Lines, without the title.
    pub text: String,
    /// The facts by name, of a single notice.
    pub fields: Vec<(&'static str, String)>,
    /// All notices, for receivers that are programs.
    pub notices: Vec<Notice>,
}

impl Message {
    /// The message of a bundle. What fires comes first; its texts depend on the bundle alone, so that a
    /// retry sends the same.
    #[must_use]
    pub fn of(bundle: &Bundle) -> Self {
        let mut notices = bundle.notices.clone();
        notices.sort_by_key(|notice| notice.after.is_none());
        let firing = notices.iter().filter(|one| one.after.is_some()).count();
        let time = notices.iter().map(|notice| notice.time).max();
        let (title, text, fields) = if let [one] = notices.as_slice() {
            let fields = fields(one);
            (single_title(one), lines_of(&fields), fields)
        } else {
            let title = title_of_many(bundle, firing, &notices);
            (title, text_of_many(&notices), Vec::new())
        };
        Self {
            id: bundle.id,
            time: time.unwrap_or_default(),
            status: if firing > 0 {
                MessageStatus::Firing
            } else {
                MessageStatus::Resolved
            },
            severity: bundle.key.severity,
            title,
            text,
            fields,
            notices,
        }
    }
}

/// The word with which a notice begins.
fn headline(notice: &Notice) -> String {
    let severity = notice.severity().as_str().to_uppercase();
    match (notice.kind, notice.before) {
        (NoticeKind::Firing, _) | (NoticeKind::Escalated | NoticeKind::Lowered, None) => severity,
        (NoticeKind::Escalated | NoticeKind::Lowered, Some(before)) => {
            format!("{severity} (was {before})")
        }
        (NoticeKind::Repeated, _) => format!("{severity} (still)"),
        (NoticeKind::Resolved, _) => "RESOLVED".to_owned(),
        (NoticeKind::Flapping, _) => format!("{severity} (flapping)"),
        (NoticeKind::Settled, _) if notice.after.is_none() => "RESOLVED (calm again)".to_owned(),
        (NoticeKind::Settled, _) => format!("{severity} (calm again)"),
        (NoticeKind::Ended, _) => "ENDED".to_owned(),
        (NoticeKind::GaveUp, _) => format!("{severity} (gave up)"),
    }
}

fn single_title(notice: &Notice) -> String {
    let (rule, host) = (&notice.instance.rule, &notice.host);
    let labels = short_labels(notice);
    format!(
        "{}: {rule} on {host}: {labels}{}",
        headline(notice),
        notice.text
    )
}

/// The values of the labels, before the text of a notice.
fn short_labels(notice: &Notice) -> String {
    let values: Vec<&str> = notice
        .instance
        .labels
        .iter()
        .map(|(_, value)| value)
        .collect();
    if values.is_empty() {
        return String::new();
    }
    format!("{} ", HostText::new(&values.join(" ")))
}

fn title_of_many(bundle: &Bundle, firing: usize, notices: &[Notice]) -> String {
    let rule = &bundle.key.rule;
    let mut hosts: Vec<&str> = notices.iter().map(|it| it.instance.host.as_str()).collect();
    hosts.sort_unstable();
    hosts.dedup();
    let hosts = units::count(hosts.len(), "host");
    let severity = bundle.key.severity.as_str().to_uppercase();
    let ended = notices.len() - firing;
    match (firing, ended) {
        (0, _) => format!("RESOLVED: {rule} on {hosts}"),
        (_, 0) => format!("{severity}: {rule} on {hosts}"),
        _ => format!("{severity}: {rule} on {hosts}: {firing} firing, {ended} ended"),
    }
}

fn text_of_many(notices: &[Notice]) -> String {
    let line = |notice: &Notice| {
        let (host, labels) = (&notice.host, short_labels(notice));
        let (word, since) = (headline(notice), units::moment(notice.since));
        let act = notice.act.as_ref();
        let act = act.map_or_else(String::new, |act| format!("; {}", act.text()));
        format!(
            "{word}: {host}: {labels}{}{act} (since {since} UTC)",
            notice.text
        )
    };
    let mut lines: Vec<String> = notices.iter().take(LINES_MAX).map(line).collect();
    let more = notices.len().saturating_sub(LINES_MAX);
    if more > 0 {
        lines.push(format!("and {more} more, {} in all", notices.len()));
    }
    lines.push("Look: linux-api tui".to_owned());
    lines.join("\n")
}

/// What, where, since when, value and threshold, context, and the command to look.
fn fields(notice: &Notice) -> Vec<(&'static str, String)> {
    let mut fields = vec![
        ("What", format!("{}{}", short_labels(notice), notice.text)),
        ("Where", notice.host.to_string()),
        ("Since", since(notice)),
    ];
    if !notice.threshold.is_empty() {
        let word = format!("{} at {}", notice.severity(), notice.threshold);
        fields.push(("Threshold", word));
    }
    match notice.kind {
        NoticeKind::Flapping => {
            let note = "It changes too often: changes are sent again after 15 minutes of calm.";
            fields.push(("Note", note.to_owned()));
        }
        NoticeKind::GaveUp => {
            let host = plain_name(&notice.instance.host, notice.host.as_str());
            let note = format!(
                "Nothing is restarted any more until `linux-api alert release {}`, or an hour of quiet.",
                host.unwrap_or("HOST")
            );
            fields.push(("Note", note));
        }
        _ => {}
    }
    if let Some(act) = &notice.act {
        fields.push(("Act", act.text().to_string()));
    }
    fields.extend(
        notice
            .context
            .iter()
            .map(|line| ("Context", line.to_string())),
    );
    fields.push(("Look", look(&notice.instance.host, notice.host.as_str())));
    fields
}

fn since(notice: &Notice) -> String {
    let seconds = notice.time.since(notice.since).as_secs();
    let (from, span) = (units::moment(notice.since), units::span(seconds));
    format!("{from} UTC, {span}")
}

/// The name of a host, unless a shell or ssh could read it as something else.
fn plain_name<'a>(id: &str, name: &'a str) -> Option<&'a str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    let is_name = !name.is_empty() && !name.starts_with('-') && name.bytes().all(is_plain);
    (is_name && !id.is_empty()).then_some(name)
}

/// The command that shows the host.
fn look(id: &str, name: &str) -> String {
    match plain_name(id, name) {
        Some(name) => format!("linux-api tui ssh://{name}"),
        None => "linux-api tui".to_owned(),
    }
}

fn lines_of(fields: &[(&'static str, String)]) -> String {
    let lines: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{name:<10} {value}"))
        .collect();
    lines.join("\n")
}

/// At most so many characters, with an ellipsis where something was cut off.
#[must_use]
pub fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::Labels;
    use crate::testing::{at, firing, message, resolved};

    #[test]
    fn a_single_notice_says_all_that_is_known() {
        let mut notice = firing("disk_space", "web-01", Severity::Critical, at(300));
        notice.since = at(0);
        notice.instance.labels = Labels::one("mount_point", "/data");
        notice.text = "97.2% used, 12 GiB free".into();
        notice.add_context(["/data/log grew by 30 GiB in 6 h".into(), "".into()]);
        let message = message(&[notice]);
        assert_eq!(
            message.title,
            "CRITICAL: disk_space on web-01: /data 97.2% used, 12 GiB free"
        );
        assert_eq!(
            message.text,
            "What       /data 97.2% used, 12 GiB free\n\
             Where      web-01\n\
             Since      2026-11-23 00:00:00 UTC, 5 min 0 s\n\
             Threshold  critical at 95% or more\n\
             Context    /data/log grew by 30 GiB in 6 h\n\
             Look       linux-api tui ssh://web-01"
        );
        assert_eq!(message.status, MessageStatus::Firing);
        assert_eq!(message.fields.len(), 6);
    }

    #[test]
    fn two_hundred_hosts_are_a_count_and_twenty_lines() {
        let notices: Vec<Notice> = (0..200)
            .map(|it| {
                firing(
                    "host_down",
                    &format!("web-{it:03}"),
                    Severity::Critical,
                    at(it),
                )
            })
            .collect();
        let message = message(&notices);
        assert_eq!(message.title, "CRITICAL: host_down on 200 hosts");
        assert_eq!(message.notices.len(), 200);
        let lines: Vec<&str> = message.text.lines().collect();
        assert_eq!(lines.len(), LINES_MAX + 2);
        assert!(
            lines[0].starts_with("CRITICAL: web-000: 97% used (since 2026-11-23"),
            "{}",
            lines[0]
        );
        assert_eq!(lines[LINES_MAX], "and 180 more, 200 in all");
    }

    #[test]
    fn what_fires_comes_before_what_ended() {
        let ended = firing("disk_space", "a", Severity::Warning, at(0));
        let notices = [
            resolved(&ended, at(10)),
            firing("disk_space", "b", Severity::Warning, at(20)),
        ];
        let both = message(&notices);
        assert_eq!(
            both.title,
            "WARNING: disk_space on 2 hosts: 1 firing, 1 ended"
        );
        assert!(both.text.starts_with("WARNING: b: "), "{}", both.text);
        let one = message(&notices[..1]);
        assert_eq!(one.title, "RESOLVED: disk_space on a: 97% used");
        assert_eq!(one.status, MessageStatus::Resolved);
    }

    #[test]
    fn text_of_hosts_is_neutral_in_every_line() {
        let mut notice = firing("disk_space", "x", Severity::Warning, at(0));
        notice.host = "web\r\nBcc: x; rm -rf / @everyone".into();
        notice.instance.labels = Labels::one("mount_point", "/a\n<!channel>");
        notice.text = "@here".into();
        let message = message(&[notice]);
        for text in [&message.title, &message.text] {
            assert!(
                !text.contains("@everyone") && !text.contains("<!"),
                "{text}"
            );
            assert!(!text.contains("@here") && !text.contains('\r'), "{text}");
        }
        assert!(!message.title.contains('\n'));
        assert!(
            message.text.ends_with("Look       linux-api tui"),
            "{}",
            message.text
        );
        assert_eq!(message.text.lines().count(), 5);
    }

    #[test]
    fn each_kind_has_a_headline() {
        let mut notice = firing("disk_space", "a", Severity::Warning, at(0));
        for (kind, before, after, expected) in [
            (
                NoticeKind::Escalated,
                Some(Severity::Warning),
                Some(Severity::Critical),
                "CRITICAL (was warning)",
            ),
            (
                NoticeKind::Lowered,
                Some(Severity::Critical),
                Some(Severity::Warning),
                "WARNING (was critical)",
            ),
            (
                NoticeKind::Repeated,
                Some(Severity::Warning),
                Some(Severity::Warning),
                "WARNING (still)",
            ),
            (
                NoticeKind::Flapping,
                Some(Severity::Warning),
                None,
                "WARNING (flapping)",
            ),
            (
                NoticeKind::Settled,
                Some(Severity::Warning),
                None,
                "RESOLVED (calm again)",
            ),
            (NoticeKind::Ended, Some(Severity::Warning), None, "ENDED"),
            (
                NoticeKind::GaveUp,
                Some(Severity::Warning),
                Some(Severity::Warning),
                "WARNING (gave up)",
            ),
        ] {
            (notice.kind, notice.before, notice.after) = (kind, before, after);
            assert_eq!(headline(&notice), expected);
        }
    }

    #[test]
    fn texts_are_cut_at_characters() {
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äöüß", 3), "äö…");
    }
}
