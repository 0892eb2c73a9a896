//! joinq
#[cfg(not(loom))]
pub mod raw;
#[cfg(loom)]
pub mod raw;
mod sync;
