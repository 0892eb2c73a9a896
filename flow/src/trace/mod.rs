//! Traces: where a job comes from, and the spans of its attempts.

mod context;

pub use context::TraceContext;
