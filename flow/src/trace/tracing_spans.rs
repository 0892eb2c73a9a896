//! Attempts as spans of `tracing`.

use super::{AttemptInfo, AttemptSpan, Trace, TraceContext};
use crate::Cause;
use tracing::field::Empty;
use tracing::Span;

/// Attempts as spans of `tracing`; for [`StageBuilder::trace`](crate::StageBuilder::trace).
///
/// Each attempt is a span `attempt` of level info and target `joinq_flow`, with the fields `stage`, `job`,
/// `attempt` and `trace`, the `traceparent` of the put if there is one. The handler runs inside.
///
/// Spans of `tracing` have no ids that another process could know. With the feature `otel` this crate takes them from
/// [tracing-opentelemetry](https://docs.rs/tracing-opentelemetry), from version 0.32 on: if the application
/// has installed its layer, a put takes the context of the current span, and the attempt is a child of that span,
/// with a link to it. Without the feature a put takes no context, and the spans are for logs.
///
/// # Examples
/// ```
/// use joinq_flow::{Job, Stage, TracingTrace};
///
/// let stage: Stage<&str> = Stage::builder("mails").trace(TracingTrace::new()).build();
/// stage.put("first").wait()?;
/// stage.close();
/// // With the formatter of tracing-subscriber:
/// // INFO attempt{stage="mails" job=1 attempt=1}: sent
/// stage.work(|_: &Job<&str>| Ok(tracing::info!("sent"))).wait();
/// # Ok::<(), joinq_flow::BoxError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct TracingTrace {}

impl TracingTrace {
    /// With the subscriber that the thread or the process has when an attempt begins.
    ///
    /// # Examples
    /// ```
    /// use joinq_flow::{Stage, TracingTrace};
    ///
    /// let stage: Stage<&str> = Stage::builder("mails").trace(TracingTrace::new()).build();
    /// ```
    pub fn new() -> Self {
        TracingTrace {}
    }
}

impl Trace for TracingTrace {
    #[cfg(feature = "otel")]
    fn inject(&self) -> Option<TraceContext> {
        super::otel::current()
    }

    #[cfg(not(feature = "otel"))]
    fn inject(&self) -> Option<TraceContext> {
        None
    }

    fn begin(&self, attempt: &AttemptInfo<'_>) -> Option<Box<dyn AttemptSpan>> {
        Some(Box::new(TracingSpan(begin(attempt))))
    }
}

#[cfg(not(feature = "otel"))]
fn begin(attempt: &AttemptInfo<'_>) -> Span {
    new_span(attempt)
}

/// The layer of tracing-opentelemetry takes the current context of OpenTelemetry for the parent of a span.
#[cfg(feature = "otel")]
fn begin(attempt: &AttemptInfo<'_>) -> Span {
    use opentelemetry::trace::TraceContextExt;

    let put = attempt.context.and_then(super::otel::span_context);
    let current = super::otel::remote(put.clone()).attach();
    let span = new_span(attempt);
    drop(current);
    if let Some(put) = put {
        span.in_scope(|| {
            let context = opentelemetry::Context::current();
            let own = context.span();
            // Without the layer the current span is another one.
            if own.span_context().trace_id() == put.trace_id() {
                own.add_link(put, Vec::new());
            }
        });
    }
    span
}

fn new_span(attempt: &AttemptInfo<'_>) -> Span {
    // OpenTelemetry has signed numbers only; its layer writes others as texts.
    tracing::info_span!(
        target: "joinq_flow",
        "attempt",
        otel.name = format!("process {}", attempt.stage),
        otel.kind = "consumer",
        stage = attempt.stage,
        job = i64::try_from(attempt.job).unwrap_or(i64::MAX),
        attempt = i64::from(attempt.attempt),
        trace = attempt.context.map(TraceContext::traceparent),
        otel.status_code = Empty,
        otel.status_description = Empty,
    )
}

struct TracingSpan(Span);

impl AttemptSpan for TracingSpan {
    fn enter(&self, call: &mut dyn FnMut()) {
        self.0.in_scope(call);
    }

    fn end(self: Box<Self>, result: Result<(), &Cause>) {
        match result {
            Ok(()) | Err(Cause::Cancelled | Cause::ShutDown) => {}
            Err(cause) => {
                self.0.record("otel.status_code", "ERROR");
                self.0.record("otel.status_description", tracing::field::display(cause));
            }
        }
    }
}
