//! What acts on the host: whether it is there, its policy, and its log.

use super::Finding;
use linux_api_acts::client::{CallError, Client};
use linux_api_acts::protocol::{PolicyState, Status};
use linux_api_config::Config;

const CHECK: &str = "acts";

pub(super) async fn check(config: &Config) -> Vec<Finding> {
    match Client::new(&config.acts.socket).status().await {
        Ok(status) => judge(&status),
        // As shipped.
        Err(
            error @ CallError::Absent {
                reason: "is not there",
                ..
            },
        ) => {
            vec![Finding::ok(CHECK, error.to_string())]
        }
        Err(error) => {
            let advice = match &error {
                CallError::Absent { remedy, .. } => (*remedy).to_owned(),
                CallError::Refused(_) => "sudo linux-api doctor".to_owned(),
                _ => "journalctl -u linux-api-executor says why".to_owned(),
            };
            vec![Finding::warn(CHECK, error.to_string(), advice)]
        }
    }
}

fn judge(status: &Status) -> Vec<Finding> {
    let policy = match &status.policy {
        PolicyState::Closed(problem) => Finding::fail(
            CHECK,
            format!("the policy is closed by a mistake: {problem}"),
            "sudo linux-api policy show names the line",
        ),
        PolicyState::InForce {
            units,
            processes,
            rate,
            automatic,
        } => {
            let about = match (units, processes) {
                (false, false) => "nothing",
                (true, false) => "acts on units",
                (false, true) => "acts on processes",
                (true, true) => "acts on units and processes",
            };
            let restarts = if *automatic {
                "; rules of alerts may restart units"
            } else {
                ""
            };
            let detail = format!("the policy allows {about}, at most {rate}{restarts}");
            Finding::ok(CHECK, detail)
        }
    };
    let lines = status.log.head.as_ref().map_or(0, |head| head.seq);
    let log = match (&status.log.problem, status.log.verified) {
        (Some(problem), _) => Finding::fail(
            "log of acts",
            problem.clone(),
            "sudo linux-api audit verify; nothing is done that can't be recorded",
        ),
        (None, Some(time)) => Finding::ok(
            "log of acts",
            format!("{lines} lines, found whole at {time}"),
        ),
        (None, None) => Finding::ok(
            "log of acts",
            format!("{lines} lines, not read through yet"),
        ),
    };
    vec![policy, log]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::Verdict;
    use linux_api_acts::protocol::LogState;

    fn status(policy: PolicyState, problem: Option<&str>) -> Status {
        Status {
            program: "1".to_owned(),
            policy,
            log: LogState {
                head: None,
                problem: problem.map(str::to_owned),
                verified: None,
            },
            refused: 0,
        }
    }

    #[test]
    fn a_mistake_and_a_broken_chain_are_failures() {
        let open = || PolicyState::InForce {
            units: true,
            processes: false,
            rate: "30/minute".to_owned(),
            automatic: false,
        };
        let closed = PolicyState::Closed("policy.toml:3: x".to_owned());
        let verdicts = |status: &Status| -> Vec<Verdict> {
            judge(status).into_iter().map(|it| it.result).collect()
        };
        assert_eq!(verdicts(&status(open(), None)), [Verdict::Ok, Verdict::Ok]);
        assert_eq!(
            verdicts(&status(closed, Some("acts.jsonl:7: changed"))),
            [Verdict::Fail, Verdict::Fail]
        );
    }
}
