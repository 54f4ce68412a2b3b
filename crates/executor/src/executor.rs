//! The order of an act: was it done before, is it in time, does the policy allow it, are there not too many;
//! then it is recorded, decided again by what is so then, done, and its result recorded.

mod records;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::automatic::{Brake, MOST, Moment};
use crate::policy::{Decision, Policy, Rate};
use crate::processes::{HeldProcess, Processes};
use crate::rate::RateLimit;
use crate::remembered::{Known, Remembered, fingerprint};
use crate::units::{FoundUnit, Units};
use linux_api_acts::protocol::{
    ActRecords, Effect, Failure, FailureCode, Head, MAX_WINDOW, Message, Outcome, PolicyState,
    ProcessIdentity, Refusal, RefusalCode, Reply, Request, Response, SignalName, SignalProcess,
    Status, UnitVerb, Verb,
};
use linux_api_wire::time::Clock;
use records::Records;

/// How long to watch for the end of a process after a signal that ends most.
const WATCH: Duration = Duration::from_millis(500);
/// How long a process may take to end after KILL.
const KILL_WATCH: Duration = Duration::from_secs(2);

/// What an executor works with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The policy.
    pub policy: PathBuf,
    /// The log.
    pub log: PathBuf,
    /// The address of the bus that systemd is on.
    pub bus: String,
    /// Where processes are read: `/proc`.
    pub procfs: PathBuf,
    /// The uid of the daemon's account, where there is one.
    pub daemon_uid: Option<u32>,
    /// Where the time comes from.
    pub clock: Clock,
}

/// Who is at the other end of a connection, as the kernel says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// The account.
    pub uid: u32,
    /// The process.
    pub pid: Option<i32>,
}

/// Decides and acts.
#[derive(Debug)]
pub struct Executor {
    settings: Settings,
    records: Arc<Records>,
    is_restored: tokio::sync::Mutex<bool>,
    remembered: Mutex<Remembered>,
    rate: Mutex<RateLimit>,
    brake: Mutex<Brake>,
    processes: Processes,
    units: Units,
}

/// What an act is about, looked at and held.
enum Target {
    Process(HeldProcess),
    Unit(Box<FoundUnit>, UnitVerb),
}

/// An act that the policy allows.
struct Allowed {
    target: Target,
    decision: Decision,
    rate: Rate,
}

impl Executor {
    /// Nothing is opened yet: what can't be opened refuses requests, and does not end the process.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            records: Arc::new(Records::new(settings.log.clone(), settings.clock.clone())),
            is_restored: tokio::sync::Mutex::new(false),
            remembered: Mutex::default(),
            rate: Mutex::default(),
            brake: Mutex::default(),
            processes: Processes::new(settings.procfs.clone(), settings.daemon_uid),
            units: Units::new(settings.bus.clone()),
            settings,
        }
    }

    /// What it works with.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Does what a message says. Runs to its end: dropping the future could leave an act without a result.
    pub async fn handle(&self, peer: Peer, message: Message) -> Reply {
        match message {
            Message::Act(request) => Reply::Act(self.act(peer, &request).await),
            Message::Test(request) => Reply::Test(self.test(peer, &request).await),
            Message::Status => Reply::Status(self.status().await),
            Message::Records(request) => Reply::Records(self.records(request.after).await),
        }
    }

    /// Counts a request that was refused before it could be handled.
    pub fn count_refused(&self, reason: RefusalCode) {
        self.records.count_refused(reason);
    }

    /// Writes what was counted since the last time. To be called once a minute and at the end.
    pub async fn write_counts(&self) {
        self.records.write_counts().await;
    }

    /// Reads the log through when that was not done for a day, and records the result.
    pub async fn verify_daily(&self) {
        if self.open_log().await.is_ok() {
            self.records.verify_daily().await;
        }
    }

    async fn act(&self, peer: Peer, request: &Request) -> Response {
        let (outcome, replayed, begun) = self.act_once(peer, request).await;
        if let Outcome::Refused(refusal) = &outcome {
            self.count_refused(refusal.code);
        }
        Response {
            id: request.id.clone(),
            replayed,
            begun,
            head: self.records.head(),
            outcome,
        }
    }

    /// The outcome, whether it is that of an earlier request, and whether this one was begun.
    async fn act_once(&self, peer: Peer, request: &Request) -> (Outcome, bool, bool) {
        let not_begun = |refusal| (Outcome::Refused(refusal), false, false);
        if let Err(refusal) = check(request) {
            return not_begun(refusal);
        }
        // Whether it was done before is in the log.
        if let Err(refusal) = self.open_log().await {
            return not_begun(refusal);
        }
        let print = fingerprint(request);
        let id = request.id.as_str();
        let now = self.settings.clock.now();
        let known = lock(&self.remembered).begin(id, &print, now);
        match known {
            Known::New => {}
            Known::Same(mut result) => {
                let outcome = result.wait_for(Option::is_some).await;
                let outcome = outcome.ok().and_then(|it| it.clone());
                let lost = || {
                    let message = "the result of the first request is lost";
                    Outcome::Failed(Failure::new(FailureCode::Unknown, message))
                };
                return (outcome.unwrap_or_else(lost), true, false);
            }
            Known::Other => {
                let message = "the id was used for another request within 24 hours";
                return not_begun(Refusal::new(RefusalCode::IdReused, message));
            }
            Known::Full => {
                let message = "too many acts within 24 hours to remember more";
                return not_begun(Refusal::new(RefusalCode::Rate, message));
            }
        }
        let performed = self.perform(peer, request, &print).await;
        let is_begun = performed.is_ok();
        let (Ok(outcome) | Err(outcome)) = performed;
        let now = self.settings.clock.now();
        lock(&self.remembered).finish(id, &outcome, is_begun.then_some(now));
        (outcome, false, is_begun)
    }

    /// Decides, records, decides again, acts, records. An error is an act that was not begun.
    async fn perform(
        &self,
        peer: Peer,
        request: &Request,
        print: &str,
    ) -> Result<Outcome, Outcome> {
        let Allowed { decision, rate, .. } = self.decide_in_time(peer, request).await?;
        let moment = request
            .automatic
            .then(|| Moment::now(&self.settings.procfs))
            .transpose()
            .map_err(|error| {
                let message = format!("what can't be counted is not done: {error}");
                Outcome::Refused(Refusal::new(RefusalCode::Log, message))
            })?;
        self.count(rate, moment.as_ref())
            .map_err(Outcome::Refused)?;
        self.records
            .begin(peer, request, &decision.rule, print, moment)
            .await
            .map_err(Outcome::Refused)?;
        // The line took its time: the target is looked at once more.
        let outcome = match self.decide_in_time(peer, request).await {
            Ok(Allowed { target, .. }) => {
                let done = self.carry_out(peer, request, &target).await;
                done.map_or_else(Outcome::Failed, Outcome::Done)
            }
            Err(outcome) => outcome,
        };
        self.records.end(request, &outcome).await;
        Ok(outcome)
    }

    /// Counts an act, those of rules of alerts by themselves too.
    fn count(&self, rate: Rate, automatic: Option<&Moment>) -> Result<(), Refusal> {
        let refused = |wait: Duration, what: &str| {
            let seconds = wait.as_secs().saturating_add(1);
            Refusal {
                retry_after: u32::try_from(seconds).ok(),
                ..Refusal::new(RefusalCode::Rate, format!("{what}; retry in {seconds} s"))
            }
        };
        let now = self.settings.clock.now();
        // Both or none is counted.
        let mut brake = lock(&self.brake);
        if let Some(wait) = automatic.and_then(|moment| brake.wait(now, moment)) {
            return Err(refused(wait, &format!("{MOST} automatic acts in an hour")));
        }
        let taken = lock(&self.rate).take(rate, Instant::now());
        taken.map_err(|wait| Refusal {
            remedy: Some(format!("set rate in {}", self.settings.policy.display())),
            ..refused(wait, &format!("more than {rate} acts"))
        })?;
        brake
            .0
            .extend(automatic.map(|moment| (now, moment.clone())));
        Ok(())
    }

    async fn decide_in_time(&self, peer: Peer, request: &Request) -> Result<Allowed, Outcome> {
        self.check_time(request).map_err(Outcome::Refused)?;
        self.decide(peer, request).await
    }

    /// Decides by the policy and by what the act is about, as both are now.
    async fn decide(&self, peer: Peer, request: &Request) -> Result<Allowed, Outcome> {
        let not_allowed = |decision| Outcome::Refused(refusal_of(decision));
        let policy = self.policy().map_err(Outcome::Refused)?;
        if let Some(refused) = policy.refuse_early(request) {
            return Err(not_allowed(refused));
        }
        let target = self.find(&policy, peer, request).await;
        let target = target.map_err(Outcome::Failed)?;
        let (actor, verb) = (&request.actor, &request.verb);
        let decision = match &target {
            Target::Process(process) => policy.decide_process(actor, verb, &process.facts),
            Target::Unit(unit, verb) => policy.decide_unit(actor, *verb, &unit.facts),
        };
        if !decision.allowed {
            return Err(not_allowed(decision));
        }
        Ok(Allowed {
            target,
            decision,
            rate: policy.rate(),
        })
    }

    async fn carry_out(
        &self,
        peer: Peer,
        request: &Request,
        target: &Target,
    ) -> Result<Effect, Failure> {
        match (target, &request.verb) {
            (Target::Process(process), Verb::Signal(signal)) => {
                self.signal(peer, request, process, signal).await
            }
            (Target::Process(process), Verb::Renice(renice)) => process.renice(renice.nice),
            (Target::Unit(unit, _), verb) => self.units.act(unit, verb).await,
            (Target::Process(_), _) => {
                let message = "this verb is not about a process";
                Err(Failure::new(FailureCode::System, message))
            }
        }
    }

    async fn signal(
        &self,
        peer: Peer,
        request: &Request,
        process: &HeldProcess,
        signal: &SignalProcess,
    ) -> Result<Effect, Failure> {
        let effect = |ended, killed, spared| Effect::Signalled {
            ended,
            killed,
            spared,
        };
        let patience = match (signal.escalate_after, signal.signal) {
            (Some(seconds), _) => Duration::from_secs(seconds.into()),
            (None, SignalName::Kill) => KILL_WATCH,
            (None, SignalName::Cont | SignalName::Stop) => Duration::ZERO,
            (None, _) => WATCH,
        };
        let ended = process.signal(signal.signal, patience).await?;
        if ended || signal.escalate_after.is_none() {
            return Ok(effect(ended, false, None));
        }
        // The policy may be another one by now, and the process another account's.
        let spared = match self.decide(peer, request).await {
            Ok(_) => match process.signal(SignalName::Kill, KILL_WATCH).await {
                Ok(ended) => return Ok(effect(ended, true, None)),
                Err(failure) => Outcome::Failed(failure),
            },
            Err(outcome) => outcome,
        };
        Ok(match spared {
            // It ended just now.
            Outcome::Failed(failure) if failure.code == FailureCode::Gone => {
                effect(true, false, None)
            }
            Outcome::Failed(Failure { message, .. })
            | Outcome::Refused(Refusal { message, .. }) => effect(false, false, Some(message)),
            Outcome::Done(_) => effect(false, false, None),
        })
    }

    async fn test(&self, peer: Peer, request: &Request) -> Outcome {
        let decided = match check(request) {
            Ok(()) => self.decide_in_time(peer, request).await,
            Err(refusal) => Err(Outcome::Refused(refusal)),
        };
        match decided {
            Ok(Allowed { decision, .. }) => Outcome::Done(Effect::Allowed(decision)),
            Err(outcome) => outcome,
        }
    }

    async fn find(
        &self,
        policy: &Policy,
        peer: Peer,
        request: &Request,
    ) -> Result<Target, Failure> {
        let process = |process: ProcessIdentity| self.processes.hold(process, peer.pid);
        let mut process = match &request.verb {
            Verb::Signal(signal) => process(signal.process)?,
            Verb::Renice(renice) => process(renice.process)?,
            verb => {
                let none = || Failure::new(FailureCode::System, "the verb is about nothing");
                let (verb, name) = verb.unit().ok_or_else(none)?;
                let found = self.units.find(name, verb).await?;
                return Ok(Target::Unit(Box::new(found), verb));
            }
        };
        // Its group has one name of its unit, and the policy may protect another one.
        if let [unit] = &*process.facts.unit
            && policy.protects_units()
        {
            process.facts.unit = self.units.names(unit).await?;
        }
        Ok(Target::Process(process))
    }

    fn check_time(&self, request: &Request) -> Result<(), Refusal> {
        let now = self.settings.clock.now();
        let expired = |message: &str| Err(Refusal::new(RefusalCode::Expired, message));
        if request.not_after < now {
            return expired("not_after has passed");
        }
        if request.not_after > now.saturating_add(MAX_WINDOW) {
            return expired("not_after lies more than 60 s ahead");
        }
        Ok(())
    }

    fn policy(&self) -> Result<Policy, Refusal> {
        Policy::load(&self.settings.policy).map_err(|error| Refusal {
            remedy: Some("sudo linux-api policy show".to_owned()),
            ..Refusal::new(RefusalCode::Closed, error.to_string())
        })
    }

    /// Opens the log when it is not, and the first time takes over what it says of earlier acts.
    async fn open_log(&self) -> Result<(), Refusal> {
        let mut is_restored = self.is_restored.lock().await;
        self.records.open().await?;
        if *is_restored {
            return Ok(());
        }
        let (acts, automatic) = self.records.history().await?;
        lock(&self.brake).0 = automatic;
        let (wall, now) = (self.settings.clock.now(), Instant::now());
        for act in acts {
            lock(&self.rate).restore(wall.since(act.time), now);
            lock(&self.remembered).restore(act);
        }
        *is_restored = true;
        Ok(())
    }

    async fn status(&self) -> Status {
        // Its state is that of the first attempt.
        let _ = self.open_log().await;
        let policy = match self.policy() {
            Ok(policy) => PolicyState::InForce {
                units: policy.has_units(),
                processes: policy.has_processes(),
                rate: policy.rate().to_string(),
                automatic: policy.is_automatic(),
            },
            Err(refusal) => PolicyState::Closed(refusal.message),
        };
        Status {
            program: env!("CARGO_PKG_VERSION").to_owned(),
            policy,
            log: self.records.state(),
            refused: self.records.refused(),
        }
    }

    async fn records(&self, after: Option<Head>) -> ActRecords {
        let read = match self.open_log().await {
            Ok(()) => self.records.after(after).await,
            Err(refusal) => Err(refusal),
        };
        read.unwrap_or_else(|refusal| ActRecords {
            problem: Some(refusal.message),
            ..ActRecords::default()
        })
    }

    /// Whether an account may connect, beside root and the daemon's.
    #[must_use]
    pub fn admits(&self, uid: u32) -> bool {
        let own = rustix::process::geteuid().as_raw();
        uid == 0
            || uid == own
            || Some(uid) == self.settings.daemon_uid
            || Policy::load(&self.settings.policy)
                .is_ok_and(|policy| policy.peer_uids().contains(&uid))
    }
}

/// Refuses what no policy and no time makes right.
fn check(request: &Request) -> Result<(), Refusal> {
    if request.signature.is_some() {
        let message = "signatures are not checked yet, so a request must not have one";
        return Err(Refusal::new(RefusalCode::Invalid, message));
    }
    if request.automatic != request.actor.is_automatic() {
        let message = "acts of rules of alerts are automatic, and no others are";
        return Err(Refusal::new(RefusalCode::Invalid, message));
    }
    let checked = request.verb.check();
    checked.map_err(|problem| Refusal::new(RefusalCode::Invalid, problem))
}

fn refusal_of(decision: Decision) -> Refusal {
    Refusal {
        rule: Some(decision.rule),
        remedy: decision.remedy,
        ..Refusal::new(RefusalCode::Policy, decision.message)
    }
}

/// A panic of another thread left nothing half done in these.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
