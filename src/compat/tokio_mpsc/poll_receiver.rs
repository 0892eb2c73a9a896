//! The receiving side of both channels, with tokio's cooperative budget.

use crate::channel::Receiver;
use crate::operation::within_budget;
use crate::queue::Gets;
use std::task::{ready, Context, Poll};

/// A receiver with its pending get. All polls of tasks poll this one get, so the waker of the last poll is
/// woken.
pub(super) struct PollReceiver<T>(Gets<T, Receiver<T>>);

impl<T> PollReceiver<T> {
    pub(super) fn new(receiver: Receiver<T>) -> Self {
        PollReceiver(Gets::new(receiver))
    }

    pub(super) fn handle(&self) -> &Receiver<T> {
        self.0.handle()
    }

    pub(super) fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<Option<T>> {
        // Here, as in tokio a receive at the end of the channel takes part in the budget as well.
        within_budget(context, |context| self.0.poll_next_without_budget(context))
    }

    pub(super) fn poll_recv_many(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut Vec<T>,
        limit: usize,
    ) -> Poll<usize> {
        within_budget(context, |context| match limit {
            0 => Poll::Ready(0),
            _ => self.poll_some(context, buffer, limit),
        })
    }

    fn poll_some(&mut self, context: &mut Context<'_>, buffer: &mut Vec<T>, limit: usize) -> Poll<usize> {
        if let Ok(count) = self.handle().try_recv_many(buffer, limit) {
            return Poll::Ready(count);
        }
        let Some(first) = ready!(self.0.poll_next_without_budget(context)) else { return Poll::Ready(0) };
        buffer.push(first);
        Poll::Ready(1 + self.handle().try_recv_many(buffer, limit - 1).unwrap_or(0))
    }

    pub(super) fn blocking_recv(&mut self) -> Option<T> {
        // So that the next wake-up is for this thread, not for a task that polled before.
        self.0.stop_waiting();
        self.handle().recv().wait().ok()
    }

    pub(super) fn blocking_recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
        if limit == 0 {
            return 0;
        }
        self.0.stop_waiting();
        self.handle().recv_many(buffer, limit).wait().unwrap_or(0)
    }
}
