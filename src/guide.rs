//! The pages of the manual, which are also the files of `docs/` in the package.
//!
//! | page | for |
//! |---|---|
//! | [`python_queue`] | a change from Python's `queue.Queue` or `asyncio.Queue` |
//! | [`compat`](https://docs.rs/joinq/latest/joinq/compat/index.html) | a change from another channel crate; the module of each is its page |
//! | [`field_tests`] | published crates whose channel was replaced, and the results of their tests |
//! | [`metrics`] | lag, totals and waiting operations of a queue, for Prometheus or another system |
//! | [`design`] | how the queue works, and why it is correct |
//! | [`memory_orderings`] | why each atomic access has its ordering |
//! | [`review`] | each `unsafe` place of the core, the attack that was tried, and what holds it |
//! | [`review_atomics`] | each atomic operation, read as an adversary: what was tried, and what holds it |
//! | [`verification`] | what each tool shows, what it cannot show, and the result of its last run |
//!
//! This module holds documentation only.
// It exists only in the documentation and its tests, where each code block in the pages is compiled and run.

#[doc = include_str!("../docs/design.md")]
pub mod design {}
#[doc = include_str!("../docs/migration/field-tests.md")]
pub mod field_tests {}
#[doc = include_str!("../docs/memory-orderings.md")]
pub mod memory_orderings {}
#[doc = include_str!("../docs/metrics.md")]
pub mod metrics {}
#[doc = include_str!("../docs/migration/python-queue.md")]
pub mod python_queue {}
#[doc = include_str!("../docs/review.md")]
pub mod review {}
#[doc = include_str!("../docs/review-atomics.md")]
pub mod review_atomics {}
#[doc = include_str!("../docs/verification.md")]
pub mod verification {}
