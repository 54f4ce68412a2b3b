//! Decisions. They are functions of the policy and of facts, so that `linux-api policy test` and the
//! executor can't differ.

use std::fmt::Arguments;
use std::ops::Range;

use toml::Spanned;
use wildmatch::WildMatch;

use super::{Decision, Policy, builtin, file};
use linux_api_acts::protocol::{Actor, Request, UnitVerb, Verb};

/// Services of systemd with accounts of their own, and the account that no one is.
const SERVICE_UIDS: std::ops::RangeInclusive<u32> = 61_184..=65_534;

/// What is known of a unit when it is decided on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnitFacts {
    /// Its canonical name.
    pub id: String,
    /// All of its names, the canonical one too; for enabling also those that it would get.
    pub names: Vec<String>,
    /// Others that the verb would change with it.
    pub affected: Vec<Affected>,
}

/// A unit that a verb about another one would change too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Affected {
    /// What would happen to it.
    pub verb: UnitVerb,
    /// All of its names.
    pub names: Vec<String>,
}

/// What is known of a process when it is decided on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessFacts {
    /// Its id.
    pub pid: u32,
    /// All of its user ids.
    pub uids: [u32; 4],
    /// Whether it is a thread of the kernel.
    pub is_kernel_thread: bool,
    /// Whether it is this executor, the daemon, or a job of theirs.
    pub is_ours: bool,
    /// The unit that it belongs to, by all of its names; none outside of units.
    pub unit: Vec<String>,
}

impl Policy {
    /// Decides on a request as far as its words go, before anything is looked up: refusals by the
    /// actor, the verb, and the name that was requested. `None` leaves it to the facts.
    #[must_use]
    pub fn refuse_early(&self, request: &Request) -> Option<Decision> {
        let actor = &request.actor;
        let by_actor = self.refuse_actor(actor);
        let refused = by_actor.or_else(|| self.refuse_automatic(actor, &request.verb));
        if refused.is_some() {
            return refused;
        }
        let Some((verb, unit)) = request.verb.unit() else {
            return (!self.has_processes()).then(|| self.no_processes());
        };
        if let Some(refused) = self.refuse_name(actor, verb, unit.as_str(), None) {
            return Some(refused);
        }
        self.refuse_verb(verb, unit.as_str())
            .or_else(|| (!self.has_units()).then(|| self.not_allowed(unit.as_str())))
    }

    /// Decides on a verb about a unit.
    #[must_use]
    pub fn decide_unit(&self, actor: &Actor, verb: UnitVerb, unit: &UnitFacts) -> Decision {
        if let Some(refused) = self.refuse_actor(actor) {
            return refused;
        }
        let names = || unit.names.iter().map(String::as_str).chain([&*unit.id]);
        for name in names() {
            if let Some(refused) = self.refuse_name(actor, verb, name, None) {
                return refused;
            }
        }
        for other in &unit.affected {
            let mut names = other.names.iter();
            let with = Some(&*unit.id);
            let refused = names.find_map(|name| self.refuse_name(actor, other.verb, name, with));
            if let Some(refused) = refused {
                return refused;
            }
        }
        if let Some(refused) = self.refuse_verb(verb, &unit.id) {
            return refused;
        }
        let allowed = names().find_map(|name| find(&self.rules.units.allow, name));
        match allowed {
            Some(pattern) => Decision {
                allowed: true,
                message: format!("{} of {} is allowed", verb.as_str(), unit.id),
                rule: self.rule(
                    &pattern.span(),
                    format_args!("units.allow = {:?}", pattern.get_ref()),
                ),
                remedy: None,
            },
            None => self.not_allowed(&unit.id),
        }
    }

    /// Decides on a verb about a process.
    #[must_use]
    pub fn decide_process(&self, actor: &Actor, verb: &Verb, process: &ProcessFacts) -> Decision {
        if let Some(refused) = self.refuse_actor(actor) {
            return refused;
        }
        let pid = process.pid;
        let never = |why: &str| {
            refusal(
                format!("process {pid} is {why}"),
                format!("built in: {why} is never acted on"),
                None,
            )
        };
        if pid <= 1 {
            return never("the first process");
        }
        if process.is_kernel_thread {
            return never("a thread of the kernel");
        }
        if process.is_ours {
            return never("part of linux-api");
        }
        for unit in &process.unit {
            let rule = builtin::forbids_processes_of(unit).or_else(|| self.protects(unit));
            if let Some(rule) = rule {
                return refusal(format!("process {pid} belongs to {unit}"), rule, None);
            }
        }
        let Some(min_uid) = &self.rules.processes.min_uid else {
            return self.no_processes();
        };
        let least = *min_uid.get_ref();
        let rule = self.rule(&min_uid.span(), format_args!("processes.min_uid = {least}"));
        let is_service = |uid: &u32| least > 0 && SERVICE_UIDS.contains(uid);
        if let Some(uid) = process
            .uids
            .iter()
            .find(|uid| **uid < least || is_service(uid))
        {
            let why = if *uid < least {
                "below min_uid"
            } else {
                "that of a service"
            };
            let message = format!("process {pid} runs with uid {uid}, {why}");
            return refusal(message, rule, None);
        }
        let min_nice = self.rules.processes.min_nice.as_ref();
        let min_nice = min_nice.map_or(0, |nice| *nice.get_ref());
        if let Verb::Renice(renice) = verb
            && renice.nice < min_nice
        {
            let message = format!("nice {} is below {min_nice}", renice.nice);
            let remedy = format!("set processes.min_nice in {}", self.path.display());
            let rule = self.rule(&min_uid.span(), format_args!("processes"));
            return refusal(message, rule, Some(remedy));
        }
        Decision {
            allowed: true,
            message: format!("process {pid} may be acted on"),
            rule,
            remedy: None,
        }
    }

    fn refuse_actor(&self, actor: &Actor) -> Option<Decision> {
        let actors = self.rules.actors.as_ref()?;
        let role = actor.role.as_ref().map(linux_api_acts::names::Word::as_str);
        let is_it = |listed: &Spanned<String>| match listed.get_ref().strip_prefix("role:") {
            Some(listed) => role == Some(listed),
            None => listed.get_ref() == actor.name.as_str(),
        };
        if actors.iter().any(is_it) {
            return None;
        }
        let decided_by = match actors.first() {
            Some(first) => self.rule(&first.span(), format_args!("actors")),
            None => format!("{}: actors = []", self.path.display()),
        };
        let role = role.map_or_else(String::new, |role| format!(" (role {role})"));
        let message = format!("{}{role} is not in actors", actor.name);
        let remedy = format!(
            "add {:?} to actors in {}",
            actor.name.as_str(),
            self.path.display()
        );
        Some(refusal(message, decided_by, Some(remedy)))
    }

    /// Refuses a rule of alerts what only people may.
    fn refuse_automatic(&self, actor: &Actor, verb: &Verb) -> Option<Decision> {
        if !actor.is_automatic() {
            return None;
        }
        if !matches!(verb, Verb::Restart(_)) {
            let rule = "built in: only unit.restart is automatic";
            return Some(refusal("no rule may do that".into(), rule.into(), None));
        }
        let message = || "automatic acts are not allowed".to_owned();
        let remedy = || Some("sudo linux-api policy allow --automatic".to_owned());
        match &self.rules.automatic {
            Some(automatic) if *automatic.get_ref() => None,
            Some(automatic) => {
                let rule = self.rule(&automatic.span(), format_args!("automatic = false"));
                Some(refusal(message(), rule, remedy()))
            }
            None => {
                let rule = format!("{}: there is no automatic = true", self.path.display());
                Some(refusal(message(), rule, remedy()))
            }
        }
    }

    /// Refuses a name that is protected; `with` is the unit that was requested when it is another.
    fn refuse_name(
        &self,
        actor: &Actor,
        verb: UnitVerb,
        name: &str,
        with: Option<&str>,
    ) -> Option<Decision> {
        let built_in = builtin::forbids(verb, name, actor.is_automatic());
        let rule = built_in.or_else(|| self.protects(name))?;
        let message = match with {
            Some(with) => format!(
                "it would {} {name} with {with}, and {name} is protected",
                verb.as_str()
            ),
            None => format!("{name} is protected"),
        };
        Some(refusal(message, rule, None))
    }

    /// The line that protects a unit of this name.
    fn protects(&self, name: &str) -> Option<String> {
        let pattern = find(&self.rules.units.protect, name)?;
        let what = format_args!("units.protect = {:?}", pattern.get_ref());
        Some(self.rule(&pattern.span(), what))
    }

    fn refuse_verb(&self, verb: UnitVerb, name: &str) -> Option<Decision> {
        let verbs = self.rules.units.verbs.as_ref()?;
        if verbs.get_ref().contains(&verb) {
            return None;
        }
        let word = verb.as_str();
        let message = format!("{word} of {name} is not among the verbs");
        let remedy = format!("add {word:?} to units.verbs in {}", self.path.display());
        let rule = self.rule(&verbs.span(), format_args!("units.verbs"));
        Some(refusal(message, rule, Some(remedy)))
    }

    fn not_allowed(&self, name: &str) -> Decision {
        refusal(
            format!("{name} is not allowed"),
            format!("{}: no pattern of units.allow matches", self.path.display()),
            Some(format!("sudo linux-api policy allow {name}")),
        )
    }

    fn no_processes(&self) -> Decision {
        refusal(
            "processes are not allowed".to_owned(),
            format!("{}: there is no processes.min_uid", self.path.display()),
            Some("sudo linux-api policy allow --processes 1000".to_owned()),
        )
    }

    /// Names the line that decided.
    fn rule(&self, span: &Range<usize>, what: Arguments<'_>) -> String {
        let line = file::line_at(&self.text, span.start);
        format!("{}:{line}: {what}", self.path.display())
    }
}

/// Which of the patterns matches a name: `*` is any text, `?` any character.
fn find<'a>(patterns: &'a [Spanned<String>], name: &str) -> Option<&'a Spanned<String>> {
    let matches = |it: &&Spanned<String>| WildMatch::new(it.get_ref()).matches(name);
    patterns.iter().find(matches)
}

const fn refusal(message: String, rule: String, remedy: Option<String>) -> Decision {
    Decision {
        allowed: false,
        message,
        rule,
        remedy,
    }
}
