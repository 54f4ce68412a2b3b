//! Decisions. They are functions of the policy and of facts, so that `linux-api policy test` and the
//! executor can't differ.

use super::{Decision, Entry, Pattern, Policy, builtin};
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
    /// Others that the verb would stop or disable with it.
    pub affected: Vec<UnitFacts>,
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
    /// The unit that it belongs to.
    pub unit: Option<String>,
}

impl Policy {
    /// Decides on a request as far as its words go, before anything is looked up: refusals by the
    /// actor, the verb, and the name that was requested. `None` leaves it to the facts.
    #[must_use]
    pub fn refuse_early(&self, request: &Request) -> Option<Decision> {
        if let Some(refused) = self.refuse_actor(&request.actor) {
            return Some(refused);
        }
        let Some((verb, unit)) = request.verb.unit() else {
            return self.processes.is_none().then(|| self.no_processes());
        };
        if let Some(refused) = self.refuse_name(verb, unit.as_str(), None) {
            return Some(refused);
        }
        self.refuse_verb(verb, unit.as_str()).or_else(|| {
            let none = self.units.allow.is_empty();
            none.then(|| self.not_allowed(unit.as_str()))
        })
    }

    /// Decides on a verb about a unit.
    #[must_use]
    pub fn decide_unit(&self, actor: &Actor, verb: UnitVerb, unit: &UnitFacts) -> Decision {
        if let Some(refused) = self.refuse_actor(actor) {
            return refused;
        }
        let names = || unit.names.iter().map(String::as_str).chain([&*unit.id]);
        for name in names() {
            if let Some(refused) = self.refuse_name(verb, name, None) {
                return refused;
            }
        }
        for other in &unit.affected {
            let names = other.names.iter().map(String::as_str).chain([&*other.id]);
            for name in names {
                if let Some(refused) = self.refuse_name(UnitVerb::Stop, name, Some(&unit.id)) {
                    return refused;
                }
            }
        }
        if let Some(refused) = self.refuse_verb(verb, &unit.id) {
            return refused;
        }
        let allowed = names().find_map(|name| find(&self.units.allow, name));
        match allowed {
            Some(entry) => Decision {
                allowed: true,
                message: format!("{} of {} is allowed", verb.as_str(), unit.id),
                rule: self.line(entry.line, &format!("units.allow = {:?}", entry.value.text)),
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
        if let Some(unit) = &process.unit {
            let rule = builtin::forbids_processes_of(unit).or_else(|| {
                let found = find(&self.units.protect, unit)?;
                let rule = format!("units.protect = {:?}", found.value.text);
                Some(self.line(found.line, &rule))
            });
            if let Some(rule) = rule {
                return refusal(format!("process {pid} belongs to {unit}"), rule, None);
            }
        }
        let Some(rules) = &self.processes else {
            return self.no_processes();
        };
        let least = rules.min_uid.value;
        let rule = self.line(rules.min_uid.line, &format!("processes.min_uid = {least}"));
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
        if let Verb::Renice(renice) = verb
            && renice.nice < rules.min_nice
        {
            let message = format!("nice {} is below {}", renice.nice, rules.min_nice);
            let remedy = format!("set processes.min_nice in {}", self.path.display());
            return refusal(
                message,
                self.line(rules.min_uid.line, "processes"),
                Some(remedy),
            );
        }
        Decision {
            allowed: true,
            message: format!("process {pid} may be acted on"),
            rule,
            remedy: None,
        }
    }

    fn refuse_actor(&self, actor: &Actor) -> Option<Decision> {
        let actors = self.actors.as_ref()?;
        let role = actor.role.as_ref().map(linux_api_acts::names::Word::as_str);
        let is_listed = actors
            .iter()
            .any(|entry| match entry.value.strip_prefix("role:") {
                Some(listed) => role == Some(listed),
                None => entry.value == actor.name.as_str(),
            });
        if is_listed {
            return None;
        }
        let decided_by = match actors.first() {
            Some(first) => self.line(first.line, "actors"),
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

    /// Refuses a name that is protected; `with` is the unit that was requested when it is another.
    fn refuse_name(&self, verb: UnitVerb, name: &str, with: Option<&str>) -> Option<Decision> {
        let rule = builtin::forbids(verb, name).or_else(|| {
            let found = find(&self.units.protect, name)?;
            let rule = format!("units.protect = {:?}", found.value.text);
            Some(self.line(found.line, &rule))
        })?;
        let message = match with {
            Some(with) => format!("{with} would stop or disable {name}, which is protected"),
            None => format!("{name} is protected"),
        };
        Some(refusal(message, rule, None))
    }

    fn refuse_verb(&self, verb: UnitVerb, name: &str) -> Option<Decision> {
        let verbs = self.units.verbs.as_ref()?;
        if verbs.value.contains(&verb) {
            return None;
        }
        let word = verb.as_str();
        let message = format!("{word} of {name} is not among the verbs");
        let remedy = format!("add {word:?} to units.verbs in {}", self.path.display());
        Some(refusal(
            message,
            self.line(verbs.line, "units.verbs"),
            Some(remedy),
        ))
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

    fn line(&self, line: usize, what: &str) -> String {
        format!("{}:{line}: {what}", self.path.display())
    }
}

fn find<'a>(list: &'a [Entry<Pattern>], name: &str) -> Option<&'a Entry<Pattern>> {
    list.iter().find(|entry| entry.value.matcher.matches(name))
}

const fn refusal(message: String, rule: String, remedy: Option<String>) -> Decision {
    Decision {
        allowed: false,
        message,
        rule,
        remedy,
    }
}
