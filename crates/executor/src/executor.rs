//! The order of an act: is it in time, was it done before, does the policy allow it, are there not too
//! many; then it is recorded, decided again, done, and its result recorded.

mod records;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use crate::policy::{Decision, Policy};
use crate::processes::{HeldProcess, Processes};
use crate::rate::RateLimit;
use crate::remembered::{Known, Remembered, fingerprint};
use crate::units::{FoundUnit, Units};
use linux_api_acts::protocol::{
    ActRecords, Actor, Effect, Failure, FailureCode, Head, MAX_WINDOW, Message, Outcome,
    PolicyState, Refusal, RefusalCode, Reply, Request, Response, Status, UnitVerb, Verb,
};
use linux_api_wire::time::Clock;
use records::Records;

/// What an executor works with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The policy.
    pub policy: PathBuf,
    /// The log.
    pub log: PathBuf,
    /// The address of the bus that systemd is on.
    pub bus: String,
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
    processes: Processes,
    units: Units,
}

/// What an act is about, looked at and held.
enum Target {
    Process(HeldProcess),
    Unit(Box<FoundUnit>, UnitVerb),
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
            processes: Processes::new(settings.daemon_uid),
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
        let records = Arc::clone(&self.records);
        records::blocking(move || records.write_counts()).await;
    }

    /// Reads the log through when that was not done for a day, and records the result.
    pub async fn verify_daily(&self) {
        if self.open_log().await.is_err() {
            return;
        }
        let records = Arc::clone(&self.records);
        records::blocking(move || records.verify_daily()).await;
    }

    async fn act(&self, peer: Peer, request: &Request) -> Response {
        let (outcome, replayed) = self.act_once(peer, request).await;
        if let Outcome::Refused(refusal) = &outcome {
            self.count_refused(refusal.code);
        }
        Response {
            id: request.id.clone(),
            replayed,
            head: self.records.head(),
            outcome,
        }
    }

    async fn act_once(&self, peer: Peer, request: &Request) -> (Outcome, bool) {
        if let Err(refusal) = self.check(request) {
            return (Outcome::Refused(refusal), false);
        }
        // Whether it was done before is in the log.
        if let Err(refusal) = self.open_log().await {
            return (Outcome::Refused(refusal), false);
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
                let lost = Outcome::Failed(Failure {
                    code: FailureCode::Unknown,
                    message: "the result of the first request is lost".to_owned(),
                });
                return (outcome.unwrap_or(lost), true);
            }
            Known::Other => {
                let message = "the id was used for another request within 24 hours";
                return (refused(RefusalCode::IdReused, message), false);
            }
            Known::Full => {
                let message = "too many acts within 24 hours to remember more";
                return (refused(RefusalCode::Rate, message), false);
            }
        }
        let performed = self.perform(peer, request, &print).await;
        let is_begun = performed.is_ok();
        let (Ok(outcome) | Err(outcome)) = performed;
        let now = self.settings.clock.now();
        lock(&self.remembered).finish(id, &outcome, is_begun.then_some(now));
        (outcome, false)
    }

    /// Decides, records, decides again, acts, records. An error is an act that was not begun.
    async fn perform(
        &self,
        peer: Peer,
        request: &Request,
        print: &str,
    ) -> Result<Outcome, Outcome> {
        let policy = self.policy().map_err(Outcome::Refused)?;
        let not_allowed = |decision| Outcome::Refused(refusal_of(decision));
        if let Some(refused) = policy.refuse_early(request) {
            return Err(not_allowed(refused));
        }
        let target = self.find(peer, request).await.map_err(Outcome::Failed)?;
        let decision = decide(&policy, request, &target);
        if !decision.allowed {
            return Err(not_allowed(decision));
        }
        let began = Instant::now();
        if let Err(wait) = lock(&self.rate).take(policy.rate(), began) {
            let seconds = wait.as_secs().saturating_add(1);
            let message = format!("more than {} acts; retry in {seconds} s", policy.rate());
            let mut refusal = refusal(RefusalCode::Rate, &message);
            refusal.remedy = Some(format!("set rate in {}", self.settings.policy.display()));
            refusal.retry_after = u32::try_from(seconds).ok();
            return Err(Outcome::Refused(refusal));
        }
        self.records
            .begin(peer, request, &decision.rule, print)
            .await
            .map_err(Outcome::Refused)?;
        // The line took its time.
        let outcome = match self.decide_again(request, &target) {
            Ok(()) => self.carry_out(request, &target).await,
            Err(refusal) => Outcome::Refused(refusal),
        };
        self.records.end(request, &outcome).await;
        Ok(outcome)
    }

    fn decide_again(&self, request: &Request, target: &Target) -> Result<(), Refusal> {
        self.check(request)?;
        let decision = decide(&self.policy()?, request, target);
        if decision.allowed {
            return Ok(());
        }
        Err(refusal_of(decision))
    }

    async fn carry_out(&self, request: &Request, target: &Target) -> Outcome {
        let done = match (target, &request.verb) {
            (Target::Process(process), Verb::Signal(signal)) => {
                // Whether the process may be ended is decided again after the wait.
                let may_kill = || {
                    let policy = self.policy().map_err(|refusal| refusal.message)?;
                    let decision =
                        policy.decide_process(&request.actor, &request.verb, &process.facts);
                    if decision.allowed {
                        Ok(())
                    } else {
                        Err(decision.message)
                    }
                };
                process.signal(signal, may_kill).await
            }
            (Target::Process(process), Verb::Renice(renice)) => process.renice(renice.nice),
            (Target::Unit(unit, _), verb) => self.units.act(unit, verb).await,
            (Target::Process(_), _) => Err(Failure {
                code: FailureCode::System,
                message: "this verb is not about a process".to_owned(),
            }),
        };
        match done {
            Ok(effect) => Outcome::Done(effect),
            Err(failure) => Outcome::Failed(failure),
        }
    }

    async fn test(&self, peer: Peer, request: &Request) -> Outcome {
        match self.try_out(peer, request).await {
            Ok(Ok(decision)) => Outcome::Done(Effect::Allowed(decision)),
            Ok(Err(failure)) => Outcome::Failed(failure),
            Err(refusal) => Outcome::Refused(refusal),
        }
    }

    async fn try_out(
        &self,
        peer: Peer,
        request: &Request,
    ) -> Result<Result<Decision, Failure>, Refusal> {
        self.check(request)?;
        let policy = self.policy()?;
        if let Some(refused) = policy.refuse_early(request) {
            return Err(refusal_of(refused));
        }
        let target = match self.find(peer, request).await {
            Ok(target) => target,
            Err(failure) => return Ok(Err(failure)),
        };
        let decision = decide(&policy, request, &target);
        if decision.allowed {
            return Ok(Ok(decision));
        }
        Err(refusal_of(decision))
    }

    async fn find(&self, peer: Peer, request: &Request) -> Result<Target, Failure> {
        match &request.verb {
            Verb::Signal(signal) => self.hold(signal.process, peer),
            Verb::Renice(renice) => self.hold(renice.process, peer),
            verb => {
                let Some((verb, name)) = verb.unit() else {
                    return Err(Failure {
                        code: FailureCode::System,
                        message: "the verb is about nothing".to_owned(),
                    });
                };
                let found = self.units.find(name, verb).await?;
                Ok(Target::Unit(Box::new(found), verb))
            }
        }
    }

    fn hold(
        &self,
        process: linux_api_acts::protocol::Process,
        peer: Peer,
    ) -> Result<Target, Failure> {
        self.processes.hold(process, peer.pid).map(Target::Process)
    }

    /// Refuses what is out of range or out of time, whatever the policy says.
    fn check(&self, request: &Request) -> Result<(), Refusal> {
        if request.signature.is_some() {
            let message = "signatures are not checked yet, so a request must not have one";
            return Err(refusal(RefusalCode::Invalid, message));
        }
        if let Err(problem) = request.verb.check() {
            return Err(refusal(RefusalCode::Invalid, &problem));
        }
        let now = self.settings.clock.now();
        if request.not_after < now {
            return Err(refusal(RefusalCode::Expired, "not_after has passed"));
        }
        if request.not_after > now.saturating_add(MAX_WINDOW) {
            let message = "not_after lies more than 60 s ahead";
            return Err(refusal(RefusalCode::Expired, message));
        }
        Ok(())
    }

    fn policy(&self) -> Result<Policy, Refusal> {
        Policy::load(&self.settings.policy).map_err(|error| {
            let mut refusal = refusal(RefusalCode::Closed, &error.to_string());
            refusal.remedy = Some("sudo linux-api policy show".to_owned());
            refusal
        })
    }

    /// Opens the log when it is not, and the first time takes over what it says of earlier acts.
    async fn open_log(&self) -> Result<(), Refusal> {
        let mut is_restored = self.is_restored.lock().await;
        self.records.open().await?;
        if *is_restored {
            return Ok(());
        }
        let acts = self.records.history().await?;
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

fn decide(policy: &Policy, request: &Request, target: &Target) -> Decision {
    let actor: &Actor = &request.actor;
    match target {
        Target::Process(process) => policy.decide_process(actor, &request.verb, &process.facts),
        Target::Unit(unit, verb) => policy.decide_unit(actor, *verb, &unit.facts),
    }
}

fn refusal(code: RefusalCode, message: &str) -> Refusal {
    Refusal {
        code,
        message: message.to_owned(),
        rule: None,
        remedy: None,
        retry_after: None,
    }
}

fn refused(code: RefusalCode, message: &str) -> Outcome {
    Outcome::Refused(refusal(code, message))
}

fn refusal_of(decision: Decision) -> Refusal {
    Refusal {
        code: RefusalCode::Policy,
        message: decision.message,
        rule: Some(decision.rule),
        remedy: decision.remedy,
        retry_after: None,
    }
}

/// A panic of another thread left nothing half done in these.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
