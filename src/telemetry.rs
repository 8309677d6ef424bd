//! What the control plane does, as spans for an OpenTelemetry collector (OTLP over HTTP), where one is configured. Packets have
//! no spans.

use std::time::Duration;

use async_trait::async_trait;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{Bytes, HttpClient, HttpError};
use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Span;
use tracing::field::Empty;
use tracing_subscriber::filter::{Targets, filter_fn};
use tracing_subscriber::layer::{Filter, Layer};
use tracing_subscriber::registry::LookupSpan;

/// Target of all spans. The log shows none of them.
const TARGET: &str = "plenum::telemetry";
/// Longest that a collector may take for a batch.
const PATIENCE: Duration = Duration::from_secs(10);
/// Largest answer of a collector that is read.
const MOST_ANSWER: u64 = 64 * 1024;

/// One that joins, from its request to the acknowledgement.
pub fn join() -> Span {
    tracing::info_span!(target: TARGET, "join", room = Empty, member = Empty, error = Empty, otel.status_code = Empty)
}

/// An offer, from its arrival to the acknowledgement, which holds the answer.
pub fn offer() -> Span {
    tracing::info_span!(target: TARGET, "offer", room = Empty, member = Empty, error = Empty, otel.status_code = Empty)
}

/// The part of an offer's span in which its room works: what is left is waiting.
pub fn answer() -> Span {
    tracing::info_span!(target: TARGET, "answer")
}

/// Sends spans until the process ends.
pub struct Spans(SdkTracerProvider);

impl Spans {
    /// To the collector at `endpoint`, such as `http://127.0.0.1:4318`.
    ///
    /// # Errors
    ///
    /// When `endpoint` is no URL.
    pub fn to(endpoint: &str) -> Result<Spans, ExporterBuildError> {
        let config = ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).http_status_as_error(false).build();
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Client(config.into()))
            .with_protocol(Protocol::HttpBinary)
            .with_timeout(PATIENCE)
            .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
            .build()?;
        let resource = Resource::builder().with_service_name(env!("CARGO_PKG_NAME")).build();
        Ok(Spans(SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build()))
    }

    /// What a subscriber needs to hand its spans over.
    pub fn layer<S: tracing::Subscriber + for<'a> LookupSpan<'a> + 'static>(&self) -> impl Layer<S> + use<S> {
        let layer = tracing_opentelemetry::layer().with_tracer(self.0.tracer(env!("CARGO_PKG_NAME")));
        layer
            .with_location(false)
            .with_threads(false)
            .with_filter(Targets::new().with_target(TARGET, tracing::Level::INFO))
    }

    /// Sends what there is still to be sent.
    pub fn end(&self) {
        if let Err(error) = self.0.shutdown() {
            tracing::warn!(%error, "the last spans did not reach the collector");
        }
    }
}

/// Lets everything but our spans pass.
pub fn no_spans<S>() -> impl Filter<S> {
    filter_fn(|metadata| metadata.target() != TARGET)
}

/// The webhooks' HTTP client. It blocks: batches leave on a thread of their own.
#[derive(Debug)]
struct Client(ureq::Agent);

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, HttpError> {
        let (parts, body) = request.into_parts();
        let response = self.0.run(http::Request::from_parts(parts, body.to_vec()))?;
        let (parts, mut body) = response.into_parts();
        let body = body.with_config().limit(MOST_ANSWER).read_to_vec()?;
        Ok(http::Response::from_parts(parts, body.into()))
    }
}
