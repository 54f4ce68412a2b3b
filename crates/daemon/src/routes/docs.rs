//! The documentation: the `OpenAPI` document and the page that shows it. No key is needed here.

use std::borrow::Cow;
use std::io::Read;
use std::sync::{Arc, OnceLock};

use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use flate2::read::GzDecoder;

use crate::edge::DOCS_CONTENT_SECURITY;
use crate::error::ApiError;
use crate::json::{exactly, of_json};
use crate::state::Docs;
use crate::unread::Shared;

/// The page itself.
const PAGE: &str = "index.html";
/// Our own files, in place of those that Swagger UI ships under these names: name, media type, text.
const OWN: [(&str, &str, &str); 2] = [
    (
        PAGE,
        "text/html; charset=utf-8",
        include_str!("docs/index.html"),
    ),
    (
        "swagger-initializer.js",
        "text/javascript; charset=utf-8",
        include_str!("docs/swagger-initializer.js"),
    ),
];
/// What the page loads, of all that Swagger UI ships.
const PARTS: [&str; 5] = [
    "favicon-16x16.png",
    "favicon-32x32.png",
    "index.css",
    "swagger-ui-bundle.js",
    "swagger-ui.css",
];

/// The `OpenAPI` document.
pub(crate) async fn show_openapi(State(docs): State<Docs>) -> Result<Response, ApiError> {
    if !docs.enabled {
        return Err(ApiError::not_found());
    }
    let mut response = of_json(docs.openapi.clone());
    response.extensions_mut().insert(Shared);
    Ok(response)
}

/// The first page of the documentation. Its files are below `/docs/`.
pub(crate) async fn show_docs(
    State(docs): State<Docs>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    serve_file(&docs, PAGE, &headers)
}

/// A file of the documentation.
pub(crate) async fn show_docs_file(
    State(docs): State<Docs>,
    file: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let Path(file) = file.map_err(|_not_text| ApiError::not_found())?;
    serve_file(&docs, &file, &headers)
}

/// What the page loads, as far as a client has requested it: the same bytes for all clients, however
/// many leave them unread.
#[derive(Debug, Default)]
pub(crate) struct DocsFiles([OnceLock<DocsFile>; PARTS.len()]);

#[derive(Debug)]
struct DocsFile {
    kind: HeaderValue,
    /// As it is in the binary, where that is compressed.
    gzip: Option<Bytes>,
    /// Inflated when the first client comes that does not read gzip.
    plain: OnceLock<Bytes>,
}

impl DocsFiles {
    /// The file of that name.
    fn find(&self, name: &str) -> Result<&DocsFile, ApiError> {
        let index = PARTS.iter().position(|part| *part == name);
        let place = &self.0[index.ok_or_else(ApiError::not_found)?];
        if let Some(file) = place.get() {
            return Ok(file);
        }
        let file = DocsFile::make(name)?;
        Ok(place.get_or_init(|| file))
    }
}

impl DocsFile {
    fn make(name: &str) -> Result<Self, ApiError> {
        let config = utoipa_swagger_ui::Config::from("/openapi.json");
        let file = utoipa_swagger_ui::serve(name, Arc::new(config))
            .map_err(|error| ApiError::internal(&error))?
            .ok_or_else(ApiError::not_found)?;
        let kind = HeaderValue::from_str(&file.content_type)
            .map_err(|error| ApiError::internal(&error))?;
        let bytes = match file.bytes {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => bytes.into(),
        };
        let (gzip, plain) = if file.gzpipped {
            (Some(bytes), OnceLock::new())
        } else {
            (None, OnceLock::from(bytes))
        };
        Ok(Self { kind, gzip, plain })
    }

    fn plain(&self) -> Result<Bytes, ApiError> {
        if let Some(plain) = self.plain.get() {
            return Ok(plain.clone());
        }
        let gzip = self.gzip.as_deref().unwrap_or_default();
        let plain = decompress(gzip).map_err(|error| ApiError::internal(&error))?;
        Ok(self.plain.get_or_init(|| exactly(plain)).clone())
    }
}

fn serve_file(docs: &Docs, name: &str, headers: &HeaderMap) -> Result<Response, ApiError> {
    if !docs.enabled {
        return Err(ApiError::not_found());
    }
    if let Some((_, kind, text)) = OWN.iter().find(|(own, ..)| *own == name) {
        let kind = HeaderValue::from_static(kind);
        return Ok(as_documentation(
            ([(header::CONTENT_TYPE, kind)], *text).into_response(),
        ));
    }
    let file = docs.files.find(name)?;
    let compressed = file.gzip.as_ref().filter(|_| accepts_gzip(headers));
    let bytes = match compressed {
        Some(bytes) => bytes.clone(),
        None => file.plain()?,
    };
    let kind = [(header::CONTENT_TYPE, file.kind.clone())];
    let mut response = as_documentation((kind, bytes).into_response());
    if compressed.is_some() {
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}

/// With the headers of every file of the documentation.
fn as_documentation(mut response: Response) -> Response {
    response.extensions_mut().insert(Shared);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, DOCS_CONTENT_SECURITY);
    headers.insert(
        header::VARY,
        HeaderValue::from_static("Origin, Accept-Encoding"),
    );
    response
}

/// Whether a client says that it reads gzip (RFC 9110, 12.5.3). Who says nothing gets plain bytes.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).into_iter();
    let mut codings = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    codings.any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, "q=1"));
        let refused = weight
            .trim()
            .strip_prefix("q=")
            .and_then(|weight| weight.parse::<f32>().ok())
            .is_some_and(|weight| weight <= 0.0);
        name.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

fn decompress(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut plain)?;
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(value: &'static str) -> bool {
        let value = HeaderValue::from_static(value);
        accepts_gzip(&HeaderMap::from_iter([(header::ACCEPT_ENCODING, value)]))
    }

    #[test]
    fn gzip_is_sent_to_who_reads_it() {
        for yes in ["gzip", "gzip, deflate, br", "br;q=1.0, GZIP;q=0.5"] {
            assert!(accepts(yes), "{yes}");
        }
        for no in ["", "identity", "br", "gzip;q=0", "gzip; q=0.0, br", "xgzip"] {
            assert!(!accepts(no), "{no}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
