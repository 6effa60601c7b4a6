//! Spans of requests and statements for a collector of OpenTelemetry, over OTLP.
//!
//! The variables of the standard say where it is: `OTEL_EXPORTER_OTLP_ENDPOINT` (or
//! `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`), `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_SERVICE_NAME`.

use std::sync::OnceLock;

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

use super::complain;

const ENDPOINTS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
];

const SERVICE_NAME: &str = "OTEL_SERVICE_NAME";

/// Kept so that spans that wait are sent when the program ends.
static PROVIDER: OnceLock<SdkTracerProvider> = OnceLock::new();

/// What sends spans; `None` where no variable names a collector.
pub(super) fn layer<S>() -> Option<impl Layer<S> + Send + Sync>
where
    S: Subscriber + for<'s> LookupSpan<'s> + Send + Sync,
{
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if !ENDPOINTS.into_iter().any(is_set) {
        return None;
    }
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .build();
    let exporter = match exporter {
        Ok(exporter) => exporter,
        Err(error) => {
            complain(&format!("warning: no traces are sent: {error}"));
            return None;
        }
    };
    let resource = Resource::builder();
    let resource = match is_set(SERVICE_NAME) {
        true => resource,
        false => resource.with_service_name("stedi"),
    };
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(resource.build())
        .build();
    let tracer = provider.tracer("stedi");
    _ = PROVIDER.set(provider);
    // Places in the source and threads help nobody who operates a server.
    let spans = tracing_opentelemetry::layer()
        .with_tracer(tracer)
        .with_location(false)
        .with_threads(false);
    Some(spans)
}

/// Sends the spans that wait, for a moment at most.
pub(crate) fn flush() {
    if let Some(provider) = PROVIDER.get() {
        // There is nobody left to tell.
        _ = provider.shutdown_with_timeout(std::time::Duration::from_millis(300));
    }
}
