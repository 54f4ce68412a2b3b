//! `linux-api api`: a request to any path of the API.

mod pages;

use std::fmt::Write as _;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::{Map, Value};

use super::exit::UsageError;
use super::globals::Format;
use super::hosts::HostError;
use super::sanitize::sanitize;
use super::{Context, output, poll};
use linux_api_client::Client;
use linux_api_client::raw::{Method, RawRequest, RawResponse, parse_query};

/// The most bytes of a request's body: more than any daemon takes.
const INPUT_MAX: u64 = 8 << 20;
/// Paths outside of /api.
const OTHER_PATHS: [&str; 6] = [
    "/",
    "/livez",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/docs",
];

/// Send a request to the API and print the response
///
/// With the key of the remote, or of this machine. PATH may leave out `/api/v1`: `system/snapshot` is
/// `/api/v1/system/snapshot`; `/metrics`, `/readyz`, `/livez` and `/openapi.json` are themselves. JSON is printed
/// indented on a terminal and as it came elsewhere. A status other than 2xx is an error: its detail is printed, and
/// the exit code is 3 for 401 and 403, otherwise 1.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// GET, POST, PUT, PATCH, DELETE or HEAD
    #[arg(value_parser = parse_method)]
    method: Method,
    /// Path, with or without /api/v1 and with or without a query string
    path: String,
    /// Add a text: to the query string of a GET or HEAD, otherwise to the body
    #[arg(short = 'f', long = "raw-field", value_name = "KEY=VALUE", value_parser = parse_field)]
    texts: Vec<(String, String)>,
    /// Add a value that may be a number, true, false or null
    #[arg(short = 'F', long = "field", value_name = "KEY=VALUE", value_parser = parse_field)]
    values: Vec<(String, String)>,
    /// Send this file as the body, - for standard input; fields then go to the query string
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Follow the pages of a list and print all its rows as one
    #[arg(long)]
    paginate: bool,
    /// Print the status and the headers first
    #[arg(short, long, conflicts_with = "paginate")]
    include: bool,
}

fn parse_method(text: &str) -> Result<Method, String> {
    let known = [
        Method::GET,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::HEAD,
    ];
    let mut all = known.into_iter();
    all.find(|method| method.as_str().eq_ignore_ascii_case(text))
        .ok_or_else(|| "expected GET, POST, PUT, PATCH, DELETE or HEAD".to_owned())
}

fn parse_field(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE, such as username=alice".to_owned()),
    }
}

/// The path on the daemon.
fn full_path(path: &str) -> String {
    let path = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/{path}")
    };
    if path.starts_with("/api/") || OTHER_PATHS.contains(&path.as_str()) {
        return path;
    }
    format!("/api/v1{path}")
}

/// A value as gh has it: a number, `true`, `false` and `null` are themselves, all else is text.
fn typed(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(value @ (Value::Null | Value::Bool(_) | Value::Number(_))) => value,
        _ => Value::String(text.to_owned()),
    }
}

/// A request, ready to be sent.
struct Prepared {
    method: Method,
    path: String,
    query: Vec<(String, String)>,
    json: Option<Vec<u8>>,
}

impl Prepared {
    async fn send(&self, client: &Client) -> Result<RawResponse, HostError> {
        let response = client
            .send_raw(RawRequest {
                method: self.method.clone(),
                path: &self.path,
                query: &self.query,
                json: self.json.clone(),
            })
            .await?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(response.refusal().await.into())
    }
}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let prepared = self.prepare()?;
        let (client, _here) = ctx.one_client().await?;
        if self.paginate {
            pages::print(ctx, &client, prepared).await?;
            return Ok(ExitCode::SUCCESS);
        }
        if self.include {
            return self.print_whole(ctx, &client, &prepared).await;
        }
        let response = prepared.send(&client).await.map_err(poll::only_host)?;
        print(ctx, response).await?;
        Ok(ExitCode::SUCCESS)
    }

    fn prepare(&self) -> anyhow::Result<Prepared> {
        let (path, query) = self.path.split_once('?').unwrap_or((&self.path, ""));
        let mut query = parse_query(query);
        let has_no_body = matches!(self.method, Method::GET | Method::HEAD);
        if has_no_body && self.input.is_some() {
            let problem = format!("{} has no body: leave out --input", self.method);
            return Err(UsageError(problem).into());
        }
        if self.paginate && self.method != Method::GET {
            return Err(UsageError("--paginate is for GET".to_owned()).into());
        }
        let mut json = None;
        if let Some(file) = &self.input {
            json = Some(read_input(file)?);
        }
        if has_no_body || json.is_some() {
            query.extend(self.texts.iter().chain(&self.values).cloned());
        } else if !self.texts.is_empty() || !self.values.is_empty() {
            let mut fields = Map::new();
            let texts = self.texts.iter().cloned();
            fields.extend(texts.map(|(key, value)| (key, Value::String(value))));
            let values = self.values.iter();
            fields.extend(values.map(|(key, value)| (key.clone(), typed(value))));
            json = Some(serde_json::to_vec(&fields).context("write the body")?);
        }
        Ok(Prepared {
            method: self.method.clone(),
            path: full_path(path),
            query,
            json,
        })
    }

    /// With status and headers, also of a refusal.
    async fn print_whole(
        &self,
        ctx: &Context,
        client: &Client,
        prepared: &Prepared,
    ) -> anyhow::Result<ExitCode> {
        let response = client
            .send_raw(RawRequest {
                method: prepared.method.clone(),
                path: &prepared.path,
                query: &prepared.query,
                json: prepared.json.clone(),
            })
            .await
            .map_err(|error| poll::only_host(error.into()))?;
        let status = response.status();
        let mut head = format!("HTTP/1.1 {status}\n");
        for (name, value) in response.headers() {
            let value = String::from_utf8_lossy(value.as_bytes());
            // Writing to a text never fails.
            let _ = writeln!(head, "{name}: {value}");
        }
        output::text(&format!("{head}\n"))?;
        print(ctx, response).await?;
        Ok(match status.as_u16() {
            200..=299 => ExitCode::SUCCESS,
            401 | 403 => ExitCode::from(super::NOT_ALLOWED),
            _ => ExitCode::from(super::FAILED),
        })
    }
}

fn read_input(file: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let shown = file.display();
    if file == Path::new("-") {
        let stdin = std::io::stdin().lock();
        stdin
            .take(INPUT_MAX + 1)
            .read_to_end(&mut bytes)
            .context("read standard input")?;
    } else {
        std::fs::File::open(file)
            .and_then(|file| file.take(INPUT_MAX + 1).read_to_end(&mut bytes))
            .with_context(|| format!("read {shown}"))?;
    }
    if bytes.len() as u64 > INPUT_MAX {
        let problem = format!("{shown} is longer than {} MiB", INPUT_MAX >> 20);
        return Err(UsageError(problem).into());
    }
    Ok(bytes)
}

/// Prints a body: JSON indented where people read it, all else as it comes.
async fn print(ctx: &Context, mut response: RawResponse) -> anyhow::Result<()> {
    let is_terminal = std::io::stdout().is_terminal();
    let is_chosen = ctx.is_json();
    if response.is_json() && (is_terminal || is_chosen) {
        let bytes = response.bytes().await.map_err(HostError::from)?;
        if bytes.is_empty() {
            return Ok(());
        }
        let value: Value =
            serde_json::from_slice(&bytes).context("the response is not the JSON that it says")?;
        return match (ctx.format(), value) {
            (Format::Jsonl, Value::Array(rows)) => rows.iter().try_for_each(output::json_line),
            (Format::Jsonl, value) => output::json_line(&value),
            (_, value) => output::json(&value),
        };
    }
    let mut rest = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(HostError::from)? {
        if !is_terminal {
            output::bytes(&chunk)?;
            continue;
        }
        // A character may be split between two chunks.
        rest.extend(chunk);
        let whole = match std::str::from_utf8(&rest) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => rest.len(),
        };
        let tail = rest.split_off(whole);
        output::bytes(sanitize(&String::from_utf8_lossy(&rest)).as_bytes())?;
        rest = tail;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_may_leave_out_the_version() {
        for (typed, full) in [
            ("system/snapshot", "/api/v1/system/snapshot"),
            ("/system/snapshot", "/api/v1/system/snapshot"),
            ("/api/v1/user/me", "/api/v1/user/me"),
            ("api/v1/user/me", "/api/v1/user/me"),
            ("/metrics", "/metrics"),
            ("metrics/global", "/api/v1/metrics/global"),
            ("/", "/"),
        ] {
            assert_eq!(full_path(typed), full, "{typed}");
        }
    }

    #[test]
    fn fields_are_texts_or_typed() {
        assert_eq!(typed("true"), Value::Bool(true));
        assert_eq!(typed("12"), Value::from(12));
        assert_eq!(typed("null"), Value::Null);
        for text in ["alice", "", "[1]", "{}", "\"a\""] {
            assert_eq!(typed(text), Value::String(text.to_owned()));
        }
        assert!(parse_field("a").is_err() && parse_field("=b").is_err());
        assert_eq!(parse_method("get"), Ok(Method::GET));
        assert!(parse_method("TRACE").is_err());
    }
}
