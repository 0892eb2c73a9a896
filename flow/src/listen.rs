//! A wait for a condition whose changes an event tells.

use event_listener::{Event, EventListener};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The listener of one waiting operation, which is created when the condition does not hold yet.
#[derive(Default)]
pub(crate) struct Listen(Option<EventListener>);

impl Listen {
    pub(crate) fn new() -> Self {
        Listen(None)
    }

    /// Waits until `condition` returns something. It is checked after each registration, so that no change is missed.
    pub(crate) fn poll<V>(
        &mut self,
        event: &Event,
        context: &mut Context<'_>,
        mut condition: impl FnMut() -> Option<V>,
    ) -> Poll<V> {
        loop {
            if let Some(value) = condition() {
                self.0 = None;
                return Poll::Ready(value);
            }
            match &mut self.0 {
                None => self.0 = Some(event.listen()),
                Some(listener) => match Pin::new(listener).poll(context) {
                    Poll::Ready(()) => self.0 = None,
                    Poll::Pending => return Poll::Pending,
                },
            }
        }
    }
}
