//! Attempts as spans of OpenTelemetry.

use super::{AttemptInfo, AttemptSpan, Trace, TraceContext};
use crate::Cause;
use opentelemetry::global::{self, BoxedTracer};
use opentelemetry::trace::{
    Link, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId, TraceState, Tracer,
};
use opentelemetry::{Context, KeyValue};
use std::fmt;
use std::str::FromStr;

/// Attempts as spans of OpenTelemetry; for [`StageBuilder::trace`](crate::StageBuilder::trace).
///
/// A put takes the current span of `opentelemetry::Context`, unless it is not sampled. Each attempt is a span
/// of its own:
///
/// | | |
/// |---|---|
/// | name | `process` and the name of the stage |
/// | kind | consumer |
/// | parent | the span of the put, which is linked as well; without one, the attempt begins a trace |
/// | attributes | `joinq.stage`, `joinq.job`, `joinq.attempt` |
/// | status | an error if the attempt failed, with the cause; cancelled attempts have an event |
///
/// The handler runs with this span as the current one, so that spans which it begins are its children. The
/// application chooses the exporter: this crate depends on the interface of OpenTelemetry only.
///
/// # Examples
/// ```
/// use joinq_flow::{Job, OtelTrace, Stage};
/// use opentelemetry::trace::{Tracer, TracerProvider};
/// use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
///
/// let exporter = InMemorySpanExporter::default();
/// let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
/// let tracer = provider.tracer("shop");
///
/// let stage: Stage<&str> = Stage::builder("mails").trace(OtelTrace::new(provider.tracer("joinq-flow"))).build();
/// tracer.in_span("order", |_| stage.put("first").wait())?;
/// stage.close();
/// stage.work(|_: &Job<&str>| Ok(())).wait();
///
/// let spans = exporter.get_finished_spans()?;
/// assert_eq!([&spans[0].name, &spans[1].name], ["order", "process mails"]);
/// assert_eq!(spans[1].parent_span_id, spans[0].span_context.span_id());
/// # Ok::<(), joinq_flow::BoxError>(())
/// ```
pub struct OtelTrace<T = BoxedTracer> {
    tracer: T,
}

impl OtelTrace {
    /// With a tracer of the global provider. Call it after `opentelemetry::global::set_tracer_provider`.
    ///
    /// # Examples
    /// ```
    /// use joinq_flow::{OtelTrace, Stage};
    ///
    /// let stage: Stage<&str> = Stage::builder("mails").trace(OtelTrace::global()).build();
    /// ```
    pub fn global() -> Self {
        OtelTrace { tracer: global::tracer("joinq-flow") }
    }
}

impl<T> OtelTrace<T>
where
    T: Tracer + Send + Sync + 'static,
    T::Span: Send + Sync + 'static,
{
    /// With this tracer.
    ///
    /// # Examples
    /// ```
    /// use joinq_flow::{OtelTrace, Stage};
    /// use opentelemetry::trace::TracerProvider;
    ///
    /// let provider = opentelemetry_sdk::trace::SdkTracerProvider::default();
    /// let trace = OtelTrace::new(provider.tracer("shop"));
    /// let stage: Stage<&str> = Stage::builder("mails").trace(trace).build();
    /// ```
    pub fn new(tracer: T) -> Self {
        OtelTrace { tracer }
    }
}

impl<T> Trace for OtelTrace<T>
where
    T: Tracer + Send + Sync + 'static,
    T::Span: Send + Sync + 'static,
{
    fn inject(&self) -> Option<TraceContext> {
        current()
    }

    fn begin(&self, attempt: &AttemptInfo<'_>) -> Option<Box<dyn AttemptSpan>> {
        let mut builder = self
            .tracer
            .span_builder(format!("process {}", attempt.stage))
            .with_kind(SpanKind::Consumer)
            .with_attributes([
                KeyValue::new("joinq.stage", attempt.stage.to_owned()),
                KeyValue::new("joinq.job", i64::try_from(attempt.job).unwrap_or(i64::MAX)),
                KeyValue::new("joinq.attempt", i64::from(attempt.attempt)),
            ]);
        let put = attempt.context.and_then(span_context);
        let parent = remote(put.clone());
        if let Some(put) = put {
            builder = builder.with_links(vec![Link::with_context(put)]);
        }
        let span = self.tracer.build_with_context(builder, &parent);
        Some(Box::new(OtelSpan(parent.with_span(span))))
    }
}

struct OtelSpan(Context);

impl AttemptSpan for OtelSpan {
    fn enter(&self, call: &mut dyn FnMut()) {
        let _current = self.0.clone().attach();
        call();
    }

    fn end(self: Box<Self>, result: Result<(), &Cause>) {
        let span = self.0.span();
        match result {
            Ok(()) => {}
            Err(Cause::Cancelled) => span.add_event("cancelled", Vec::new()),
            Err(Cause::ShutDown) => span.add_event("shut down", Vec::new()),
            Err(cause) => span.set_status(Status::error(cause.to_string())),
        }
        // A handler may have kept a clone of the context.
        span.end();
    }
}

/// The context of the current span; `None` if it is not sampled.
pub(super) fn current() -> Option<TraceContext> {
    Context::map_current(|context| {
        let span = context.span();
        let span = span.span_context();
        if !span.is_valid() || !span.is_sampled() {
            return None;
        }
        let flags = (span.trace_flags() & TraceFlags::SAMPLED).to_u8();
        let text = format!("00-{}-{}-{flags:02x}", span.trace_id(), span.span_id());
        let found = TraceContext::new(&text)?;
        Some(match span.trace_state().header() {
            state if state.is_empty() => found,
            state => found.with_state(&state),
        })
    })
}

/// The span that put a job, as OpenTelemetry has it.
pub(super) fn span_context(context: &TraceContext) -> Option<SpanContext> {
    let trace = TraceId::from_hex(context.trace_id()).ok()?;
    let span = SpanId::from_hex(context.span_id()).ok()?;
    let state = context.tracestate().and_then(|state| TraceState::from_str(state).ok()).unwrap_or_default();
    Some(SpanContext::new(trace, span, TraceFlags::new(context.flags()), true, state))
}

/// A context with this span and nothing else, in which the span of an attempt begins.
pub(super) fn remote(put: Option<SpanContext>) -> Context {
    match put {
        Some(put) => Context::new().with_remote_span_context(put),
        None => Context::new(),
    }
}

impl<T> fmt::Debug for OtelTrace<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtelTrace").finish_non_exhaustive()
    }
}
