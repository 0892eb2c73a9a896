//! A reply to one receiver.

use atomic_waker::AtomicWaker;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

/// The two ends for one value.
pub(crate) fn channel<T>() -> (Reply<T>, Answer<T>) {
    let shared = Arc::new(Shared { slot: Mutex::new(Slot::Empty), waker: AtomicWaker::new() });
    (Reply(shared.clone()), Answer(shared))
}

struct Shared<T> {
    slot: Mutex<Slot<T>>,
    waker: AtomicWaker,
}

enum Slot<T> {
    Empty,
    Sent(T),
    /// The value was received, or one end is gone.
    Closed,
}

impl<T> Shared<T> {
    fn slot(&self) -> MutexGuard<'_, Slot<T>> {
        // No code of the user runs under the lock.
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces what is in the slot, which is returned for a drop after the lock.
    fn replace(&self, slot: Slot<T>) -> Slot<T> {
        mem::replace(&mut *self.slot(), slot)
    }
}

/// The end that sends.
pub(crate) struct Reply<T>(Arc<Shared<T>>);

impl<T> Reply<T> {
    /// Sends the value. If the answer was dropped, the value comes back.
    pub(crate) fn send(self, value: T) -> Result<(), T> {
        let mut slot = self.0.slot();
        if matches!(*slot, Slot::Closed) {
            return Err(value);
        }
        *slot = Slot::Sent(value);
        drop(slot);
        // The drop of this end wakes the receiver.
        Ok(())
    }
}

impl<T> Drop for Reply<T> {
    fn drop(&mut self) {
        let mut slot = self.0.slot();
        if matches!(*slot, Slot::Empty) {
            *slot = Slot::Closed;
        }
        drop(slot);
        self.0.waker.wake();
    }
}

/// The end that receives: a future of the value, or of `None` if the [`Reply`] was dropped without one.
pub(crate) struct Answer<T>(Arc<Shared<T>>);

impl<T> Answer<T> {
    /// The value, if it was sent and not received yet.
    fn take(&mut self) -> Poll<Option<T>> {
        let mut slot = self.0.slot();
        match *slot {
            Slot::Empty => Poll::Pending,
            _ => match mem::replace(&mut *slot, Slot::Closed) {
                Slot::Sent(value) => Poll::Ready(Some(value)),
                _ => Poll::Ready(None),
            },
        }
    }
}

impl<T> Future for Answer<T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        if let Poll::Ready(value) = self.take() {
            return Poll::Ready(value);
        }
        self.0.waker.register(context.waker());
        // The reply may have come before the waker was registered.
        self.take()
    }
}

impl<T> Drop for Answer<T> {
    fn drop(&mut self) {
        drop(self.0.replace(Slot::Closed));
        drop(self.0.waker.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::block_on;
    use crate::tests_common::{watchdog, Probe};

    #[test]
    fn a_waiting_answer_is_woken_by_the_value() {
        let (reply, answer) = channel();
        let mut answer = Probe::pending(answer);
        assert_eq!(reply.send(7), Ok(()));
        assert_eq!(answer.woken.get(), 1);
        assert_eq!(answer.poll(), Poll::Ready(Some(7)));
    }

    #[test]
    fn a_value_that_was_sent_before_is_ready() {
        let (reply, answer) = channel();
        assert_eq!(reply.send('a'), Ok(()));
        assert_eq!(Probe::new(answer).ready(), Some('a'));
    }

    #[test]
    fn a_reply_that_was_dropped_is_none() {
        let (reply, answer) = channel::<u8>();
        let mut answer = Probe::pending(answer);
        drop(reply);
        assert!(answer.is_woken());
        assert_eq!(answer.poll(), Poll::Ready(None));
    }

    #[test]
    fn a_value_without_a_receiver_comes_back() {
        let (reply, answer) = channel();
        drop(answer);
        assert_eq!(reply.send("back"), Err("back"));
    }

    #[test]
    fn a_value_that_is_not_received_is_dropped_with_the_answer() {
        let value = Arc::new(());
        let (reply, answer) = channel();
        reply.send(value.clone()).unwrap();
        drop(answer);
        assert_eq!(Arc::strong_count(&value), 1);
    }

    #[test]
    fn threads_exchange_many_values() {
        let _watchdog = watchdog();
        for value in 0..2_000 {
            let (reply, answer) = channel();
            let sender = std::thread::spawn(move || reply.send(value));
            assert_eq!(block_on(answer), Some(value));
            assert_eq!(sender.join().unwrap(), Ok(()));
        }
    }
}
