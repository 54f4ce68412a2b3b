//! The two text formats, and which of them a client wants.

use axum::http::{HeaderMap, HeaderValue, header};

/// The format of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// OpenMetrics 1.0, see <https://prometheus.io/docs/specs/om/open_metrics_spec/>.
    OpenMetrics,
    /// The older text format 0.0.4, see
    /// <https://prometheus.io/docs/instrumenting/exposition_formats/>.
    Text,
}

impl Format {
    const OPEN_METRICS_KIND: &'static str =
        "application/openmetrics-text; version=1.0.0; charset=utf-8";
    const TEXT_KIND: &'static str = "text/plain; version=0.0.4; charset=utf-8";

    /// The format that a client accepts; the older one unless it prefers the newer.
    pub(crate) fn wanted(headers: &HeaderMap) -> Self {
        let (mut open_metrics, mut text) = (0.0_f32, 0.0_f32);
        let values = headers.get_all(header::ACCEPT).into_iter();
        for range in values.flat_map(|value| value.to_str().unwrap_or_default().split(',')) {
            let mut parts = range.split(';').map(str::trim);
            let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
            let quality = parts.find_map(|part| part.strip_prefix("q="));
            let quality = quality.map_or(1.0, |quality| quality.parse().unwrap_or(0.0));
            match kind.as_str() {
                "application/openmetrics-text" => open_metrics = open_metrics.max(quality),
                "text/plain" | "text/*" | "*/*" => text = text.max(quality),
                _ => {}
            }
        }
        // Clients that know both accept both.
        if open_metrics > 0.0 && open_metrics >= text {
            Self::OpenMetrics
        } else {
            Self::Text
        }
    }

    /// The content type.
    pub(crate) const fn kind(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::OpenMetrics => Self::OPEN_METRICS_KIND,
            Self::Text => Self::TEXT_KIND,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(accept: &[&'static str]) -> Format {
        let pairs = accept
            .iter()
            .map(|one| (header::ACCEPT, HeaderValue::from_static(one)));
        Format::wanted(&pairs.collect())
    }

    #[test]
    fn clients_get_what_they_prefer() {
        let prometheus = "application/openmetrics-text;version=1.0.0,\
            application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        assert_eq!(wanted(&[prometheus]), Format::OpenMetrics);
        assert_eq!(
            wanted(&["application/openmetrics-text"]),
            Format::OpenMetrics
        );
        assert_eq!(
            wanted(&["text/plain", "application/openmetrics-text"]),
            Format::OpenMetrics
        );
        for accept in [
            &[][..],
            &["*/*"],
            &["text/plain"],
            &["application/json"],
            &["application/openmetrics-text;q=0"],
        ] {
            assert_eq!(wanted(accept), Format::Text, "{accept:?}");
        }
        let rather_text = "application/openmetrics-text; q=0.2, text/plain; q=0.9";
        assert_eq!(wanted(&[rather_text]), Format::Text);
    }
}
