//! Traces: where a job comes from, and the spans of its attempts.

mod context;
pub(crate) mod events;
#[cfg(feature = "otel")]
mod otel;
mod span;
#[cfg(feature = "tracing")]
mod tracing_spans;

pub use context::TraceContext;
#[cfg(feature = "otel")]
pub use otel::OtelTrace;
pub(crate) use span::Span;
pub use span::{AttemptInfo, AttemptSpan, Trace};
#[cfg(feature = "tracing")]
pub use tracing_spans::TracingTrace;
