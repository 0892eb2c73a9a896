//! Pages beside the reference, as part of the documentation.

/// Three complete programs.
#[cfg(all(feature = "tokio", feature = "json", feature = "sqlite"))]
#[doc = include_str!("../docs/programs.md")]
pub mod programs {}

/// The main job, and the figures.
#[doc = include_str!("../docs/benchmarks.md")]
pub mod benchmarks {}
