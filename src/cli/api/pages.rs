//! Follows the pages of a list, and prints their rows as one list.

use std::collections::BTreeSet;

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::Prepared;
use crate::cli::globals::Format;
use crate::cli::hosts::HostError;
use crate::cli::{Context, output, poll};
use linux_api_client::Client;
use linux_api_client::raw::next_in_link;

/// One array, or with `-o jsonl` a row a line. Rows are printed page by page and not held.
pub(super) async fn print(
    ctx: &Context,
    client: &Client,
    mut request: Prepared,
) -> anyhow::Result<()> {
    let is_lines = ctx.format() == Format::Jsonl;
    let mut seen = BTreeSet::new();
    let mut count = 0_u64;
    loop {
        let response = request.send(client).await.map_err(poll::only_host)?;
        let in_link = next_in_link(response.headers());
        let bytes = response.bytes().await.map_err(HostError::from)?;
        let page: Value =
            serde_json::from_slice(&bytes).context("the response is not JSON: it has no pages")?;
        let (rows, next) = match page {
            Value::Array(rows) => (rows, in_link),
            Value::Object(mut fields) => {
                let next = fields.get("next_cursor").and_then(Value::as_str);
                let next = next.map(str::to_owned).or(in_link);
                match fields.remove("items") {
                    Some(Value::Array(rows)) => (rows, next),
                    _ => bail!("the response is no list: leave out --paginate"),
                }
            }
            _ => bail!("the response is no list: leave out --paginate"),
        };
        for row in &rows {
            if is_lines {
                output::json_line(row)?;
            } else {
                output::json_item(row, count == 0)?;
            }
            count += 1;
        }
        match next {
            // A cursor that comes again would lead round in circles.
            Some(next) if seen.insert(next.clone()) => {
                request.query.retain(|(key, _)| key != "cursor");
                request.query.push(("cursor".to_owned(), next));
            }
            _ => break,
        }
    }
    match (is_lines, count) {
        (true, _) => Ok(()),
        (false, 0) => output::bytes(b"[]\n"),
        (false, _) => output::bytes(b"\n]\n"),
    }
}
