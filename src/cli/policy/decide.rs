//! `linux-api policy test`: what the policy says of one act, and by which line.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::Serialize;

use super::file::PolicyFile;
use crate::cli::exit::UsageError;
use crate::cli::{Context, NOT_ALLOWED, completion, output};
use linux_api_acts::names::{UnitName, Word};
use linux_api_acts::protocol::{
    AUTOMATIC_ROLE, Actor, Decision, Effect, FailureCode, Message, Outcome, ProcessIdentity,
    Refusal, RefusalCode, ReniceProcess, Reply, Request, SignalName, SignalProcess, Unit,
    UnitLimit, UnitLimits, UnitVerb, Verb,
};
use linux_api_acts::{LOG, SYSTEM_BUS};
use linux_api_executor::executor::{Executor, Peer, Settings};
use linux_api_executor::policy::{Policy, UnitFacts};
use linux_api_executor::server::account_uid;
use linux_api_wire::time::Clock;

/// Say whether an act would be allowed, and by which line
///
/// Nothing is done. What the policy does not know is left out: whether the user has the role and the key for
/// it is up to the daemon. Exits with 3 when it is not allowed.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// start, stop, restart, reload, reset-failed, enable, disable or limits of a unit; signal or renice
    #[arg(value_parser = VERBS)]
    verb: String,
    /// The unit, or the id of the process
    #[arg(add = completion::units())]
    target: String,
    /// The user who would request it, or alert:RULE for a rule of alerts with `restart`
    #[arg(long = "as", value_name = "USER", value_parser = word, add = completion::users())]
    user: Word,
    /// The role of that user, where the policy names roles
    #[arg(long, value_parser = word)]
    role: Option<Word>,
    /// The address of the bus that systemd is on
    #[arg(long, value_name = "ADDRESS", default_value = SYSTEM_BUS, hide = true)]
    bus: String,
}

const VERBS: [&str; 10] = [
    "start",
    "stop",
    "restart",
    "reload",
    "reset-failed",
    "enable",
    "disable",
    "limits",
    "signal",
    "renice",
];

fn word(text: &str) -> Result<Word, String> {
    Word::try_from(text.to_owned()).map_err(|error| error.to_string())
}

#[derive(Debug, Serialize)]
struct Verdict {
    allowed: bool,
    message: String,
    rule: Option<String>,
    remedy: Option<String>,
}

impl Options {
    pub(super) async fn run(self, ctx: &Context, file: &PolicyFile) -> anyhow::Result<ExitCode> {
        let request = self.request()?;
        let executor = Executor::new(Settings {
            policy: file.path().to_owned(),
            // A test writes nothing.
            log: LOG.into(),
            bus: self.bus,
            procfs: "/proc".into(),
            daemon_uid: account_uid(),
            clock: Clock::system(),
        });
        let peer = Peer {
            uid: rustix::process::geteuid().as_raw(),
            pid: None,
        };
        let reply = executor.handle(peer, Message::Test(request.clone())).await;
        let verdict = match reply {
            Reply::Test(Outcome::Done(Effect::Allowed(decision))) => of_decision(decision),
            Reply::Test(Outcome::Refused(refusal)) => of_refusal(refusal)?,
            Reply::Test(Outcome::Failed(failure)) => match request.verb.unit() {
                Some((verb, name)) if failure.code == FailureCode::Unavailable => {
                    output::note(&format!(
                        "{}: decided by the name alone, other names of {name} are unknown",
                        failure.message
                    ));
                    let facts = UnitFacts {
                        id: name.to_string(),
                        ..UnitFacts::default()
                    };
                    let policy = Policy::load(file.path())?;
                    of_decision(policy.decide_unit(&request.actor, verb, &facts))
                }
                _ => bail!(failure.message),
            },
            _ => bail!("there is no verdict"),
        };
        let code = if verdict.allowed {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(NOT_ALLOWED)
        };
        output::document(ctx, &verdict, || verdict.words())?;
        Ok(code)
    }

    fn request(&self) -> anyhow::Result<Request> {
        let mut actor = Actor {
            name: self.user.clone(),
            role: self.role.clone(),
            key: None,
            address: None,
        };
        if actor.is_automatic() {
            actor.role = Some(word(AUTOMATIC_ROLE).map_err(UsageError)?);
        }
        Ok(Request {
            id: word("policy-test").map_err(UsageError)?,
            not_after: Clock::system()
                .now()
                .saturating_add(Duration::from_secs(30)),
            automatic: actor.is_automatic(),
            actor,
            signature: None,
            verb: self.verb()?,
        })
    }

    fn verb(&self) -> anyhow::Result<Verb> {
        match &*self.verb {
            "signal" => Ok(Verb::Signal(SignalProcess {
                process: self.process()?,
                signal: SignalName::Term,
                escalate_after: None,
            })),
            "renice" => Ok(Verb::Renice(ReniceProcess {
                process: self.process()?,
                nice: 19,
            })),
            word => {
                let verb = UnitVerb::ALL.into_iter().find(|verb| verb.as_str() == word);
                let verb = verb.context("there is no such verb")?;
                let unit = UnitName::try_from(self.target.clone())
                    .map_err(|error| UsageError(format!("{:?}: {error}", self.target)))?;
                Ok(unit_verb(verb, unit))
            }
        }
    }

    /// The process that has this id now.
    fn process(&self) -> anyhow::Result<ProcessIdentity> {
        let pid = self.target.parse();
        let pid =
            pid.map_err(|_| UsageError(format!("{:?} is no id of a process", self.target)))?;
        let identity = linux_api_host::read_identity("/proc".as_ref(), pid)
            .with_context(|| format!("process {pid} can't be read"))?;
        Ok(ProcessIdentity {
            pid,
            start_ticks: identity.start_ticks,
        })
    }
}

fn unit_verb(verb: UnitVerb, unit: UnitName) -> Verb {
    match verb {
        UnitVerb::Start => Verb::Start(Unit { unit }),
        UnitVerb::Stop => Verb::Stop(Unit { unit }),
        UnitVerb::Restart => Verb::Restart(Unit { unit }),
        UnitVerb::Reload => Verb::Reload(Unit { unit }),
        UnitVerb::ResetFailed => Verb::ResetFailed(Unit { unit }),
        UnitVerb::Enable => Verb::Enable(Unit { unit }),
        UnitVerb::Disable => Verb::Disable(Unit { unit }),
        UnitVerb::Limits => Verb::Limits(UnitLimits {
            unit,
            persistent: false,
            memory_max: Some(UnitLimit::NONE),
            memory_high: None,
            cpu_quota: None,
            io_weight: None,
            tasks_max: None,
        }),
    }
}

fn of_decision(decision: Decision) -> Verdict {
    Verdict {
        allowed: decision.allowed,
        message: decision.message,
        rule: Some(decision.rule),
        remedy: decision.remedy,
    }
}

/// A refusal that is none of the policy's is a failure of the command.
fn of_refusal(refusal: Refusal) -> anyhow::Result<Verdict> {
    if refusal.code != RefusalCode::Policy {
        bail!(refusal.message);
    }
    Ok(Verdict {
        allowed: false,
        message: refusal.message,
        rule: refusal.rule,
        remedy: refusal.remedy,
    })
}

impl Verdict {
    fn words(&self) -> String {
        let verdict = if self.allowed { "allowed" } else { "refused" };
        let lines = [
            Some((verdict, &self.message)),
            self.rule.as_ref().map(|rule| ("by", rule)),
            self.remedy.as_ref().map(|remedy| ("to allow it", remedy)),
        ];
        let lines = lines.into_iter().flatten();
        let lines: Vec<String> = lines
            .map(|(word, value)| format!("{word}: {value}"))
            .collect();
        lines.join("\n")
    }
}
