//! Pages beside the reference, as part of the documentation.

#[cfg(all(feature = "tokio", feature = "json", feature = "sqlite"))]
#[doc = include_str!("../docs/programs.md")]
pub mod programs {}

#[doc = include_str!("../docs/benchmarks.md")]
pub mod benchmarks {}

#[doc = include_str!("../docs/design.md")]
pub mod design {}

#[cfg(feature = "metrics")]
#[doc = include_str!("../docs/metrics.md")]
pub mod metrics {}

/// What survives a kill, and what a power cut.
#[doc = include_str!("../docs/durability.md")]
pub mod durability {}

/// How a job appears in traces, with OpenTelemetry and with `tracing`.
#[cfg(all(feature = "otel", feature = "tracing"))]
#[doc = include_str!("../docs/traces.md")]
pub mod traces {}
