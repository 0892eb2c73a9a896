//! A wait for a condition whose changes an event tells.

use crate::work::discard;
use event_listener::{Event, EventListener};
use std::future::Future;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

/// The listener of one waiting operation, which is created when the condition does not hold yet.
#[derive(Default)]
pub(crate) struct Listen {
    listener: Option<EventListener>,
    waker: Option<Guarded>,
}

/// A waker as the event gets it.
struct Guarded {
    original: Waker,
    guarded: Waker,
}

/// A waker whose panic ends nothing but itself: it would keep the event from the listeners behind it, and leave the
/// event's counts wrong.
struct Guard(Waker);

impl Wake for Guard {
    fn wake(self: Arc<Self>) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.0.wake_by_ref())) {
            discard(panic);
        }
    }
}

impl Listen {
    pub(crate) fn new() -> Self {
        Listen::default()
    }

    /// The listener with the waker of this task.
    fn poll_listener(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(listener) = &mut self.listener else { return Poll::Ready(()) };
        let known = self.waker.take().filter(|known| known.original.will_wake(context.waker()));
        let waker = self.waker.insert(known.unwrap_or_else(|| {
            let original = context.waker().clone();
            Guarded { guarded: Waker::from(Arc::new(Guard(original.clone()))), original }
        }));
        Pin::new(listener).poll(&mut Context::from_waker(&waker.guarded))
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
                *self = Listen::new();
                return Poll::Ready(value);
            }
            match &self.listener {
                None => self.listener = Some(event.listen()),
                Some(_) => match self.poll_listener(context) {
                    Poll::Ready(()) => self.listener = None,
                    Poll::Pending => return Poll::Pending,
                },
            }
        }
    }
}
