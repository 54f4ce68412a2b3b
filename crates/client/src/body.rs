//! Reading responses without trusting their size.

use std::time::Duration;

use reqwest::Response;
use reqwest::header::RETRY_AFTER;
use serde::de::DeserializeOwned;

use super::Address;
use super::error::ClientError;
use linux_api_wire::api::problem::Problem;

/// Most bytes of a response: a page of a thousand processes with long command lines fits.
const ANSWER_MAX: usize = 8 << 20;
/// Most bytes of a refusal.
const REFUSAL_MAX: usize = 64 << 10;
/// Most characters of a reason that a daemon gives.
const REASON_MAX: usize = 300;

/// Reads a response as JSON.
pub(super) async fn json<T: DeserializeOwned>(
    address: &Address,
    response: Response,
) -> Result<T, ClientError> {
    let bytes = read(address, response, ANSWER_MAX).await?;
    serde_json::from_slice(&bytes).map_err(|error| ClientError::BadAnswer {
        address: address.to_string(),
        reason: error.to_string().chars().take(REASON_MAX).collect(),
    })
}

/// Reads all of a response.
pub(super) async fn whole(address: &Address, response: Response) -> Result<Vec<u8>, ClientError> {
    read(address, response, ANSWER_MAX).await
}

/// Reads why the daemon says no.
pub(super) async fn refusal(address: &Address, response: Response) -> ClientError {
    let status = response.status();
    let retry_after = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse().ok())
        .map(Duration::from_secs);
    let problem = match read(address, response, REFUSAL_MAX).await {
        Ok(bytes) => serde_json::from_slice::<Problem>(&bytes).ok(),
        Err(_) => None,
    };
    let words = status.canonical_reason().unwrap_or("no reason given");
    let (code, detail) = match problem {
        Some(problem) => {
            let mut detail = problem.detail.clone();
            // The detail names the first one.
            let others = problem.errors.iter();
            for field in others.filter(|field| !problem.detail.ends_with(&field.message)) {
                let place = field.location.last().map_or("", String::as_str);
                detail = format!("{detail} {place}: {}.", field.message);
            }
            (problem.code, detail)
        }
        None => (String::new(), words.to_owned()),
    };
    ClientError::Refused {
        address: address.to_string(),
        status: status.as_u16(),
        code: code.chars().take(REASON_MAX).collect(),
        detail: detail.chars().take(REASON_MAX).collect(),
        retry_after,
    }
}

async fn read(
    address: &Address,
    mut response: Response,
    max: usize,
) -> Result<Vec<u8>, ClientError> {
    let too_long = || ClientError::BadAnswer {
        address: address.to_string(),
        reason: format!("it is longer than {max} bytes"),
    };
    let announced = response.content_length().unwrap_or(0);
    if usize::try_from(announced).map_or(true, |announced| announced > max) {
        return Err(too_long());
    }
    // Put together at the end: something that grows would take up to twice the room.
    let mut chunks = Vec::new();
    let mut length = 0;
    loop {
        let chunk = response.chunk().await;
        match chunk.map_err(|error| ClientError::of(address, &error))? {
            None => return Ok(chunks.concat()),
            Some(chunk) => {
                length += chunk.len();
                if length > max {
                    return Err(too_long());
                }
                chunks.push(chunk);
            }
        }
    }
}
