//! What may be done on the host: the policy, and whether anything listens.

use linux_api_acts::policy_text::{self, WATCH};

use super::{Content, JOURNAL_DROP_IN, JOURNAL_GROUP, JOURNAL_TEXT, POLICY, Planner, Who};
use crate::answers::{Acts, Preset};

/// The text of the policy that is wanted.
///
/// # Errors
/// Says which of the answers is wrong.
fn text(acts: &Acts) -> Result<String, String> {
    let preset = match (acts.preset, acts.units.as_slice()) {
        (Preset::Services, []) => {
            let text = "acts.units is empty, and the preset \"services\" is about nothing else: name units, such \
                        as units = [\"nginx.service\"]";
            return Err(text.to_owned());
        }
        (Preset::Watch | Preset::Everything, [_, ..]) => {
            return Err("acts.units is for preset = \"services\" and would not be used".to_owned());
        }
        (Preset::Services, _) => policy_text::Preset::Services,
        (Preset::Watch, _) => policy_text::Preset::Watch,
        (Preset::Everything, _) => policy_text::Preset::Everything,
    };
    let text = preset.text(&acts.units);
    text.map_err(|error| format!("acts.units: {error}"))
}

/// Whether these are names or patterns of units, with spaces between them.
///
/// # Errors
/// What is wrong with them.
pub fn check_units(text: &str) -> Result<(), String> {
    let units: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    if units.is_empty() {
        return Err("at least one, such as nginx.service".to_owned());
    }
    let preset = policy_text::Preset::Services.text(&units);
    preset.map(drop).map_err(|error| error.to_string())
}

impl Planner<'_> {
    /// The policy, unless there is one of an administrator's. As shipped it allows nothing.
    pub(super) fn add_policy(&mut self) {
        let wanted = match text(&self.answers.acts) {
            Ok(wanted) => wanted,
            Err(why) => return self.obstacle(why),
        };
        let preset = self.answers.acts.preset;
        match &self.facts.policy {
            // A package brings it along.
            None if preset == Preset::Watch && self.facts.packaged_units.is_some() => {}
            Some(_) if preset == Preset::Watch => {}
            Some(found) if *found != wanted && *found != WATCH => self.notes.push(format!(
                "{POLICY} was changed, and stays as it is: what it allows can be done; `linux-api policy preset` \
                 replaces it"
            )),
            _ => self.file(POLICY, Content::Text(wanted), 0o640, Who::RootForService),
        }
    }

    /// The group that reads the journal, for the service alone. One that is there stays.
    pub(super) fn add_logs(&mut self) {
        if !self.answers.acts.logs {
            return;
        }
        if !self.facts.has_journal_group {
            // The service would not start.
            return self.obstacle(format!(
                "there is no group {JOURNAL_GROUP}, so no logs can be read: leave out acts.logs, or install \
                 the systemd that has it"
            ));
        }
        let text = Content::Text(JOURNAL_TEXT.to_owned());
        self.file(JOURNAL_DROP_IN, text, 0o644, Who::Root);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::answers::Answers;
    use crate::facts::Facts;
    use crate::plan::{Plan, Step, plan};

    fn bare() -> Facts {
        Facts::bare()
    }

    fn answers(text: &str) -> Answers {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn a_preset_is_written_and_its_socket_enabled() {
        let policy = |plan: &Plan| {
            let found = plan.steps.iter().find_map(|step| match step {
                Step::File(file) if file.path.ends_with("policy.toml") => Some(&file.content),
                _ => None,
            });
            match found {
                Some(Content::Text(text)) => text.clone(),
                other => panic!("{other:?}"),
            }
        };
        let is_enabled = |plan: &Plan| {
            let mut steps = plan.steps.iter();
            steps.any(|step| matches!(step, Step::EnableActs { .. }))
        };
        let watch = plan(&Answers::default(), &bare());
        assert!(!is_enabled(&watch) && policy(&watch).contains("allow = []"));
        let services = "acts = { preset = 'services', units = ['nginx.service', 'app-*'] }";
        let shipped = Facts {
            policy: Some(policy(&watch)),
            ..bare()
        };
        for facts in [bare(), shipped] {
            let services = plan(&answers(services), &facts);
            assert!(services.obstacles.is_empty() && is_enabled(&services));
            let text = policy(&services);
            assert!(
                text.contains("allow = [\"nginx.service\", \"app-*\"]"),
                "{text}"
            );
            assert!(text.contains("min_uid = 1000"), "{text}");
        }
        // One that is an administrator's counts, and the choice is said.
        let own = Facts {
            policy: Some("[processes]\nmin_uid = 2000\n".to_owned()),
            ..bare()
        };
        let kept = plan(&answers("acts.preset = 'everything'"), &own);
        assert!(kept.notes[0].contains("stays as it is"), "{:?}", kept.notes);
        for (wrong, part) in [
            ("acts.preset = 'services'", "acts.units is empty"),
            ("acts.units = ['a.service']", "would not be used"),
            (
                "acts = { preset = 'services', units = ['reboot.target'] }",
                "reboot.target",
            ),
        ] {
            let plan = plan(&answers(wrong), &bare());
            assert_eq!(plan.obstacles.len(), 1, "{:?}", plan.obstacles);
            assert!(plan.obstacles[0].contains(part), "{:?}", plan.obstacles);
        }
    }

    #[test]
    fn logs_take_a_drop_in_and_the_group_of_the_journal() {
        let drop_in = |plan: &Plan| {
            let is_it = |step: &Step| matches!(step, Step::File(file) if file.path == Path::new(JOURNAL_DROP_IN));
            plan.steps.iter().position(is_it)
        };
        let enabled = |plan: &Plan| {
            let mut steps = plan.steps.iter();
            steps.position(|step| matches!(step, Step::Enable { .. }))
        };
        assert_eq!(drop_in(&plan(&Answers::default(), &bare())), None);
        let logs = answers("acts.logs = true");
        let planned = plan(&logs, &bare());
        assert!(planned.obstacles.is_empty() && drop_in(&planned).is_some());
        // systemd reads its files again with the next step.
        assert!(drop_in(&planned) < enabled(&planned));
        let without = Facts {
            has_journal_group: false,
            ..bare()
        };
        let refused = plan(&logs, &without);
        assert!(drop_in(&refused).is_none() && refused.obstacles[0].contains(JOURNAL_GROUP));
    }
}
