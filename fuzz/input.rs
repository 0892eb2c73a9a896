//! The bytes of a program.
//!
//! Does not know what they mean.

use std::sync::OnceLock;

/// The bytes not yet used; zeros after the end.
pub(super) struct Input<'a>(pub(super) &'a [u8]);

impl Input<'_> {
    pub(super) fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub(super) fn byte(&mut self) -> u8 {
        self.next().unwrap_or(0)
    }

    /// A byte as a number below `bound`.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()) % bound
    }
}

/// Prints a step if `JOINQ_TRACE` is set.
pub(super) fn trace(step: impl FnOnce() -> String) {
    static ON: OnceLock<bool> = OnceLock::new();
    if *ON.get_or_init(|| std::env::var_os("JOINQ_TRACE").is_some()) {
        eprintln!("{}", step());
    }
}
