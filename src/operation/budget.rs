//! The cooperative budget of tokio's tasks, in which each poll takes part under the feature `tokio`.
//!
//! Knows tokio's budget. Does not know operations. Without the feature every poll goes ahead.
//!
//! A task that always finds work would keep its thread for ever. So tokio gives a task a number of units for
//! each turn; a poll that completes costs one unit, and without a unit a poll is pending, which hands the
//! thread to the next task. Outside of tokio's tasks there is no limit.
//! (<https://docs.rs/tokio/latest/tokio/task/coop/index.html>)
//!
//! It costs about 43 instructions in a poll that completes: `cargo bench -p joinq-instructions`
//! with `--features joinq/tokio` and without.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Calls `poll` if the task has budget, which costs one unit if the poll is ready. Otherwise the result is
/// pending, and the task is woken for its next turn.
#[inline(always)]
pub(crate) fn within_budget<'a, R>(
    context: &mut Context<'a>,
    poll: impl FnOnce(&mut Context<'a>) -> Poll<R>,
) -> Poll<R> {
    #[cfg(feature = "tokio")]
    {
        // The unit is returned on drop, unless there was progress.
        let unit = std::task::ready!(tokio::task::coop::poll_proceed(context));
        // Returned as it is, so that a large result is not copied.
        let output = poll(context);
        if output.is_ready() {
            unit.made_progress();
        }
        output
    }
    #[cfg(not(feature = "tokio"))]
    poll(context)
}

/// Pending if the task has no budget; it is woken for its next turn then.
#[inline(always)]
pub(super) fn poll_has_budget(context: &mut Context<'_>) -> Poll<()> {
    #[cfg(feature = "tokio")]
    return tokio::task::coop::poll_proceed(context).map(drop);
    #[cfg(not(feature = "tokio"))]
    {
        let _ = context;
        Poll::Ready(())
    }
}

/// Polls a future as outside of a task, for a thread that waits inside of one: it would park without a
/// wake-up if the future found no budget.
#[inline]
pub(crate) fn poll_unconstrained<F: Future + Unpin>(future: &mut F, context: &mut Context<'_>) -> Poll<F::Output> {
    #[cfg(feature = "tokio")]
    return Pin::new(&mut tokio::task::coop::unconstrained(future)).poll(context);
    #[cfg(not(feature = "tokio"))]
    Pin::new(future).poll(context)
}
