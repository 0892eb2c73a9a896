//! A future that is ready at a time.

use super::timekeeper::{Action, Timer};
use super::Time;
use atomic_waker::AtomicWaker;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

/// Future returned by [`Time::sleep`]. The timer starts with the first poll that is pending. After a drop the
/// timekeeper keeps no more of it than an entry, until it is due or a purge finds it.
pub(crate) struct Sleep {
    time: Time,
    due: Instant,
    /// Woken by the timekeeper; there once the timer runs.
    waker: Option<Arc<AtomicWaker>>,
}

impl Sleep {
    pub(super) fn new(time: Time, due: Instant) -> Self {
        Sleep { time, due, waker: None }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.time.now() >= self.due {
            return Poll::Ready(());
        }
        match &self.waker {
            Some(waker) => waker.register(context.waker()),
            None => {
                let waker = Arc::new(AtomicWaker::new());
                waker.register(context.waker());
                let action = Action::Wake(Arc::downgrade(&waker));
                self.waker = Some(waker);
                self.time.start(Timer { due: self.due, action });
            }
        }
        // The timekeeper may have come before the waker was registered.
        match self.time.now() >= self.due {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::block_on;
    use crate::tests_common::{watchdog, Count, Probe};
    use std::time::Duration;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_sleep_is_woken_when_it_is_due() {
        let time = Time::fake();
        let mut sleep = Probe::pending(time.sleep(2 * SECOND));
        time.advance(SECOND);
        assert!(!sleep.is_woken());
        assert!(sleep.poll().is_pending());
        time.advance(SECOND);
        assert_eq!(sleep.woken.get(), 1);
        assert!(sleep.poll().is_ready());
    }

    #[test]
    fn the_last_waker_of_a_sleep_is_woken() {
        let time = Time::fake();
        let mut sleep = time.sleep(SECOND);
        let [(first, first_waker), (last, last_waker)] = [Count::new(), Count::new()];
        for waker in [first_waker, last_waker] {
            assert!(crate::tests_common::poll(&mut sleep, &waker).is_pending());
        }
        time.advance(SECOND);
        assert_eq!((first.get(), last.get()), (0, 1));
    }

    #[test]
    fn a_sleep_that_was_dropped_wakes_nothing() {
        let time = Time::fake();
        let sleep = Probe::pending(time.sleep(SECOND));
        let woken = sleep.woken.clone();
        drop(sleep);
        assert_eq!(time.timers(), 1);
        time.advance(SECOND);
        assert_eq!((woken.get(), time.timers()), (0, 0));
    }

    #[test]
    fn a_sleep_that_is_due_needs_no_timer() {
        let time = Time::fake();
        Probe::new(time.sleep(Duration::ZERO)).ready();
        let sleep = time.sleep(SECOND);
        time.advance(SECOND);
        Probe::new(sleep).ready();
        assert_eq!(time.timers(), 0);
    }

    #[test]
    fn a_thread_sleeps_by_the_real_clock() {
        let _watchdog = watchdog();
        let time = Time::real();
        let due = time.after(Duration::from_millis(5));
        block_on(time.sleep(Duration::from_millis(5)));
        assert!(time.now() >= due);
    }
}
