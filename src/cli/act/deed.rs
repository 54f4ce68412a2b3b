//! What can be done on a host: how it is planned there, and how it is requested.

use std::str::FromStr;

use futures_util::future::join_all;

use super::outcome::{ActRow, Outcome};
use crate::cli::hosts::HostError;
use linux_api_client::acts::UnitVerb;
pub(in crate::cli) use linux_api_client::acts::unit_name as parse_unit;
use linux_api_client::{Client, ProcessPage};
use linux_api_wire::api::acts::{
    ActState, ProcessActResult, ProcessIdentity, SendSignals, SetNices, SetUnitLimits, SignalName,
};
use linux_api_wire::api::processes::Process;

/// Most processes of one request.
const AT_ONCE: usize = 100;
/// A process as people name it: `PID`, or `PID@START`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) struct ProcessArgument {
    pid: u32,
    start_ticks: Option<u64>,
}

impl FromStr for ProcessArgument {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "expected PID or PID@START, as process list -o wide shows it";
        let (pid, start) = match text.split_once('@') {
            Some((pid, start)) => (pid, Some(start)),
            None => (text, None),
        };
        let number = |text: &str| text.bytes().all(|it| it.is_ascii_digit());
        if !number(pid) || !start.is_none_or(number) {
            return Err(EXPECTED);
        }
        let start_ticks = start.map(str::parse).transpose().map_err(|_| EXPECTED)?;
        let pid = pid.parse().map_err(|_| EXPECTED)?;
        if pid == 0 {
            return Err(EXPECTED);
        }
        Ok(Self { pid, start_ticks })
    }
}

impl ProcessArgument {
    fn in_words(self) -> String {
        match self.start_ticks {
            Some(start) => format!("{}@{start}", self.pid),
            None => self.pid.to_string(),
        }
    }
}

/// What is to be done.
#[derive(Debug)]
pub(in crate::cli) enum Deed {
    /// Send a signal, and after so many seconds KILL.
    Signal(Vec<ProcessArgument>, SignalName, Option<u8>),
    /// Set nice values.
    Renice(Vec<ProcessArgument>, i8),
    /// Do something with units.
    Units(Vec<String>, UnitVerb),
    /// Limit a service.
    Limits(String, SetUnitLimits),
}

impl Deed {
    /// The word of the command.
    pub(super) const fn verb(&self) -> &'static str {
        match self {
            Self::Signal(..) => "signal",
            Self::Renice(..) => "renice",
            Self::Units(_, verb) => verb.as_str(),
            Self::Limits(..) => "limits",
        }
    }

    /// How a question about it begins.
    pub(super) fn phrase(&self) -> String {
        match self {
            Self::Signal(_, signal, None) => format!("send {} to", signal.as_str()),
            Self::Signal(_, signal, Some(after)) => {
                format!("send {}, and after {after} s KILL, to", signal.as_str())
            }
            Self::Renice(_, nice) => format!("set the nice value {nice} of"),
            Self::Units(_, UnitVerb::ResetFailed) => "reset the failed state of".to_owned(),
            Self::Units(_, verb) => verb.to_string(),
            Self::Limits(..) => "change the limits of".to_owned(),
        }
    }

    /// What it is about, where no more is known of it.
    pub(super) fn targets(&self) -> Vec<String> {
        match self {
            Self::Signal(processes, ..) | Self::Renice(processes, _) => {
                processes.iter().map(|it| it.in_words()).collect()
            }
            Self::Units(units, _) => units.clone(),
            Self::Limits(unit, _) => vec![unit.clone()],
        }
    }

    /// Whether the host allows anything of the kind.
    const fn is_allowed(&self, state: &ActState) -> bool {
        match self {
            Self::Signal(..) | Self::Renice(..) => state.processes,
            Self::Units(..) | Self::Limits(..) => state.units,
        }
    }

    /// What is to be done on a host, with why not where it can't be.
    pub(super) async fn plan(&self, client: &Client) -> Result<Vec<ActRow>, HostError> {
        let state = client.acts().await?;
        let mut rows = match self {
            Self::Signal(processes, ..) | Self::Renice(processes, _) => {
                self.plan_processes(client, processes).await?
            }
            Self::Units(..) | Self::Limits(..) => {
                let targets = self.targets().into_iter();
                targets.map(|unit| ActRow::new(self.verb(), unit)).collect()
            }
        };
        if !state.available || !self.is_allowed(&state) {
            let usual = match self {
                Self::Signal(..) | Self::Renice(..) => {
                    "the policy of this host allows no processes"
                }
                Self::Units(..) | Self::Limits(..) => "the policy of this host allows no units",
            };
            let reason = state.reason.unwrap_or_else(|| usual.to_owned());
            for row in rows.iter_mut().filter(|row| row.is_open()) {
                let remedy = state.remedy.clone();
                row.refuse(
                    Outcome::NotAllowed,
                    "actions_unavailable",
                    reason.clone(),
                    remedy,
                );
            }
        } else if let Self::Units(_, verb) = self {
            join_all(rows.iter_mut().map(|row| plan_unit(client, row, *verb))).await;
        }
        Ok(rows)
    }

    /// Looks processes up, so that the plan names them and each is known by when it started.
    async fn plan_processes(
        &self,
        client: &Client,
        processes: &[ProcessArgument],
    ) -> Result<Vec<ActRow>, HostError> {
        let mut known: Vec<Process> = Vec::new();
        for some in processes.chunks(AT_ONCE) {
            let filter: Vec<String> = some.iter().map(|it| format!("pid = {}", it.pid)).collect();
            let page = ProcessPage {
                filter: &filter.join(" or "),
                sort: "pid",
                order: "asc",
                fields: "pid,name,uid,user,start_ticks",
                limit: AT_ONCE,
                cursor: None,
            };
            known.extend(client.processes(&page).await?.items);
        }
        let plan = |argument: &ProcessArgument| {
            let found = known.iter().find(|it| it.pid == argument.pid);
            let mut row = ActRow::new(self.verb(), argument.in_words());
            let Some(process) = found else {
                let message = "there is no such process".to_owned();
                row.refuse(Outcome::Failed, "process_gone", message, None);
                return row;
            };
            if argument
                .start_ticks
                .is_some_and(|it| it != process.start_ticks)
            {
                let message = "it has ended; another process has its number now".to_owned();
                row.refuse(Outcome::Failed, "process_gone", message, None);
                return row;
            }
            let uid = || process.uid.map(|uid| uid.to_string());
            let user = process.user.clone().or_else(uid).unwrap_or_default();
            row.about = format!("{} of {user}", process.name);
            row.target = format!("{}@{}", process.pid, process.start_ticks);
            row.process = Some(ProcessIdentity {
                pid: process.pid,
                start_ticks: process.start_ticks,
            });
            row
        };
        Ok(processes.iter().map(plan).collect())
    }

    /// Does on a host what is still open.
    pub(super) async fn act(&self, client: &Client, rows: &mut [ActRow]) {
        match self {
            Self::Signal(_, signal, escalate_after) => {
                let send = async |processes: Vec<ProcessIdentity>| {
                    let signals = SendSignals {
                        signal: *signal,
                        processes,
                        escalate_after: *escalate_after,
                    };
                    let sent = client.signal_processes(&signals).await;
                    sent.map(|sent| sent.results).map_err(HostError::from)
                };
                act_on_processes(rows, send).await;
            }
            Self::Renice(_, nice) => {
                let send = async |processes: Vec<ProcessIdentity>| {
                    let nices = SetNices {
                        nice: *nice,
                        processes,
                    };
                    let set = client.renice_processes(&nices).await;
                    set.map(|set| set.results).map_err(HostError::from)
                };
                act_on_processes(rows, send).await;
            }
            Self::Units(_, verb) => {
                for row in rows.iter_mut().filter(|row| row.is_open()) {
                    let result = client.act_on_unit(&row.target, *verb).await;
                    end_unit(row, result.map_err(HostError::from));
                }
            }
            Self::Limits(_, limits) => {
                for row in rows.iter_mut().filter(|row| row.is_open()) {
                    let result = client.limit_unit(&row.target, limits).await;
                    end_unit(row, result.map_err(HostError::from));
                }
            }
        }
    }
}

/// Has the host decide on one unit. Where it can't now, it does when it is acted on.
async fn plan_unit(client: &Client, row: &mut ActRow, verb: UnitVerb) {
    if let Ok(state) = client.unit_act(&row.target, verb).await
        && !state.available
    {
        let reason = state
            .reason
            .unwrap_or_else(|| "the host does not allow it".to_owned());
        row.refuse(
            Outcome::NotAllowed,
            "not_allowed_by_policy",
            reason,
            state.remedy,
        );
    }
}

fn end_unit(row: &mut ActRow, result: Result<linux_api_wire::api::acts::UnitActResult, HostError>) {
    match result {
        Ok(result) => row.end_unit(result),
        Err(error) => row.fail(Outcome::of(&error), &error),
    }
}

async fn act_on_processes(
    rows: &mut [ActRow],
    send: impl AsyncFn(Vec<ProcessIdentity>) -> Result<Vec<ProcessActResult>, HostError>,
) {
    let mut open: Vec<&mut ActRow> = rows.iter_mut().filter(|row| row.is_open()).collect();
    for some in open.chunks_mut(AT_ONCE) {
        let processes: Vec<ProcessIdentity> = some.iter().filter_map(|row| row.process).collect();
        match send(processes).await {
            Ok(results) => {
                for row in some {
                    let own = results.iter().find(|result| {
                        row.process.is_some_and(|process| {
                            (process.pid, process.start_ticks) == (result.pid, result.start_ticks)
                        })
                    });
                    if let Some(result) = own {
                        row.end_process(result.clone());
                    } else {
                        let message = "the response has no result for it".to_owned();
                        row.refuse(Outcome::Failed, "no_result", message, None);
                    }
                }
            }
            Err(error) => {
                for row in some {
                    row.fail(Outcome::of(&error), &error);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_named_by_its_number_and_its_start() {
        let of = |pid, start_ticks| Ok(ProcessArgument { pid, start_ticks });
        assert_eq!("4711".parse(), of(4711, None));
        assert_eq!("4711@81234".parse(), of(4711, Some(81_234)));
        for text in [
            "",
            "0",
            "@1",
            "1@",
            "-1",
            "+1",
            "1@-2",
            "nginx",
            "1@2@3",
            "99999999999",
        ] {
            assert!(text.parse::<ProcessArgument>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_unit_without_a_type_is_a_service() {
        assert_eq!(parse_unit("nginx"), Ok("nginx.service".to_owned()));
        assert_eq!(parse_unit("app@1.2"), Ok("app@1.2.service".to_owned()));
        assert_eq!(parse_unit("backup.timer"), Ok("backup.timer".to_owned()));
        for text in ["", "a b", "../x", "-o", "a;id", "a*", "a/b"] {
            assert!(parse_unit(text).is_err(), "{text}");
        }
    }
}
