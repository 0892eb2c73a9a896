//! A semaphore: how many jobs run at the same time, over all stages that share it.

use crate::operation::{waits, Operation, TimedOut};
use joinq::queue::{PermitsOwned, ReserveOwned};
use joinq::Queue;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// A number of permits, for a limit over several stages; for
/// [`StageBuilder::limit`](crate::StageBuilder::limit), or for the caller's own use.
///
/// It is fair: permits are served in FIFO order, so that an acquire of many permits is not overtaken by later
/// ones of few.
///
/// A clone is another handle of the same semaphore.
///
/// # Examples
/// ```
/// use joinq_flow::Semaphore;
///
/// let connections = Semaphore::new(3);
/// let two = connections.acquire(2).wait();
/// assert_eq!(connections.available(), 1);
/// assert!(connections.try_acquire(2).is_none());
/// drop(two);
/// assert!(connections.try_acquire(2).is_some());
/// ```
#[derive(Clone)]
pub struct Semaphore {
    /// Only its permits are used, and it is never closed.
    permits: Arc<Queue<Infallible>>,
}

impl Semaphore {
    /// A semaphore with `limit` permits.
    ///
    /// # Panics
    /// If `limit` is 0, or above about 10^9.
    ///
    /// # Examples
    /// ```
    /// let semaphore = joinq_flow::Semaphore::new(3);
    /// assert_eq!(semaphore.available(), 3);
    /// ```
    #[track_caller]
    pub fn new(limit: usize) -> Self {
        assert!(limit > 0, "a semaphore needs at least one permit: with limit 0 each acquire would wait for ever");
        Semaphore { permits: Arc::new(Queue::with_permits(limit)) }
    }

    /// Waits until `count` permits are free, and takes them.
    ///
    /// # Panics
    /// If `count` is larger than the limit ever was, so that it could not be served. If the limit was lowered
    /// below `count`, the acquire waits until it is raised, and so do those behind it.
    ///
    /// # Cancel safety
    /// It can be dropped at any time; permits that it has got by then are free again.
    ///
    /// # Examples
    /// ```
    /// use joinq_flow::Semaphore;
    /// use std::time::Duration;
    ///
    /// let semaphore = Semaphore::new(2);
    /// let permit = semaphore.acquire(2).wait();
    /// assert!(semaphore.acquire(1).wait_timeout(Duration::from_millis(1)).is_err());
    /// drop(permit);
    /// assert!(semaphore.acquire(1).wait_timeout(Duration::from_millis(1)).is_ok());
    /// ```
    #[track_caller]
    pub fn acquire(&self, count: usize) -> Acquire {
        Acquire { reserve: self.permits.clone().reserve_owned(count) }
    }

    /// Takes `count` permits, if so many are free and no acquire waits. `None` otherwise.
    ///
    /// # Panics
    /// If `count` is larger than the limit ever was.
    ///
    /// # Examples
    /// ```
    /// let semaphore = joinq_flow::Semaphore::new(2);
    /// let one = semaphore.try_acquire(1);
    /// assert!(one.is_some() && semaphore.try_acquire(2).is_none());
    /// ```
    #[track_caller]
    pub fn try_acquire(&self, count: usize) -> Option<Permit> {
        self.permits.clone().try_reserve_owned(count).ok().map(Permit)
    }

    /// Changes the number of permits. Raised: acquires that wait are served at once. Lowered: no permit is
    /// revoked, and acquires wait until enough permits are released.
    ///
    /// # Panics
    /// If `limit` is 0.
    ///
    /// # Examples
    /// ```
    /// let semaphore = joinq_flow::Semaphore::new(2);
    /// let both = semaphore.acquire(2).wait();
    /// semaphore.set_limit(3);
    /// assert_eq!(semaphore.available(), 1);
    /// semaphore.set_limit(1);
    /// assert_eq!(semaphore.available(), 0); // two are held, and one is allowed
    /// drop(both);
    /// assert_eq!(semaphore.available(), 1);
    /// ```
    #[track_caller]
    pub fn set_limit(&self, limit: usize) {
        assert!(limit > 0, "a semaphore needs at least one permit: with limit 0 each acquire would wait for ever");
        self.permits.set_capacity(limit);
    }

    /// The number of free permits.
    ///
    /// # Examples
    /// ```
    /// let semaphore = joinq_flow::Semaphore::new(2);
    /// let _one = semaphore.acquire(1).wait();
    /// assert_eq!(semaphore.available(), 1);
    /// ```
    pub fn available(&self) -> usize {
        self.permits.remaining_capacity().expect("the queue has permits")
    }

    /// The number of permits.
    ///
    /// # Examples
    /// ```
    /// assert_eq!(joinq_flow::Semaphore::new(2).limit(), 2);
    /// ```
    pub fn limit(&self) -> usize {
        self.permits.capacity().expect("the queue has permits")
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore").field("limit", &self.limit()).field("available", &self.available()).finish()
    }
}

/// Future returned by [`Semaphore::acquire`].
///
/// # Cancel safety
/// It can be dropped at any time; permits that it has got by then are free again.
#[must_use = "an operation does nothing unless you `.await` it or call `.wait()`"]
pub struct Acquire {
    reserve: ReserveOwned<Infallible>,
}

impl Future for Acquire {
    type Output = Permit;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Permit> {
        Pin::new(&mut self.reserve).poll(context).map(|permits| Permit(permits.expect("a semaphore is never closed")))
    }
}

impl Operation for Acquire {
    type Timed = Result<Permit, TimedOut>;

    fn in_time(permit: Permit) -> Self::Timed {
        Ok(permit)
    }

    /// The drop of the operation undoes it.
    fn on_timeout(&mut self) -> Option<Self::Timed> {
        Some(Err(TimedOut(())))
    }
}

waits! {
    Acquire => Permit, in time Result<Permit, TimedOut>;
    example ["let semaphore = joinq_flow::Semaphore::new(2);"]
        "let permit = semaphore.acquire(1)", ";\nassert_eq!(semaphore.available(), 1);";
    times out [
        "let semaphore = joinq_flow::Semaphore::new(2);"
        "let permit = semaphore.acquire(1).wait();"
    ] "let late = semaphore.acquire(2)", ";\nassert_eq!(late.unwrap_err().to_string(), \"the timeout has passed\");";
}

/// Permits of a [`Semaphore`], which are free again when this is dropped.
#[must_use = "permits that are dropped are free again"]
pub struct Permit(PermitsOwned<Infallible>);

impl Permit {
    /// The number of permits.
    ///
    /// # Examples
    /// ```
    /// let semaphore = joinq_flow::Semaphore::new(3);
    /// assert_eq!(semaphore.acquire(2).wait().count(), 2);
    /// ```
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("count", &self.count()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests_common::{watchdog, Probe};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    #[test]
    fn a_permit_is_free_again_when_it_is_dropped() {
        let semaphore = Semaphore::new(3);
        let permit = semaphore.try_acquire(2).unwrap();
        assert_eq!((permit.count(), semaphore.available(), semaphore.limit()), (2, 1, 3));
        assert!(semaphore.try_acquire(2).is_none());
        drop(permit);
        assert_eq!(semaphore.available(), 3);
    }

    #[test]
    fn acquires_are_served_in_fifo_order_whatever_their_weight() {
        let semaphore = Semaphore::new(3);
        let held = semaphore.acquire(3).wait();
        let mut heavy = Probe::pending(semaphore.acquire(3));
        let mut light = Probe::pending(semaphore.acquire(1));
        drop(held);
        assert!(semaphore.try_acquire(1).is_none());
        assert!(light.poll().is_pending());
        let permit = match heavy.poll() {
            Poll::Ready(permit) => permit,
            Poll::Pending => panic!("the first acquire should be served first"),
        };
        assert!(light.poll().is_pending());
        drop(permit);
        assert!(light.poll().is_ready());
    }

    #[test]
    fn an_acquire_that_is_dropped_leaves_its_permits() {
        let semaphore = Semaphore::new(2);
        let held = semaphore.acquire(2).wait();
        let waiting = Probe::pending(semaphore.acquire(2));
        drop(held);
        drop(waiting);
        assert_eq!(semaphore.available(), 2);
    }

    #[test]
    fn an_acquire_times_out_and_leaves_its_permits() {
        let _watchdog = watchdog();
        let semaphore = Semaphore::new(2);
        let held = semaphore.acquire(1).wait();
        assert!(semaphore.acquire(2).wait_timeout(Duration::from_millis(1)).is_err());
        assert_eq!(semaphore.available(), 1);
        drop(held);
        assert!(semaphore.acquire(2).wait_timeout(Duration::ZERO).is_ok());
    }

    #[test]
    #[should_panic(expected = "at least one permit")]
    fn a_limit_of_zero_is_refused() {
        let _ = Semaphore::new(0);
    }

    #[test]
    fn a_raised_limit_serves_acquires_that_wait() {
        let semaphore = Semaphore::new(1);
        let held = semaphore.acquire(1).wait();
        let mut waiting = Probe::pending(semaphore.acquire(1));
        semaphore.set_limit(2);
        assert!(waiting.is_woken());
        assert!(waiting.poll().is_ready());
        drop(held);
    }

    #[test]
    fn an_acquire_above_a_lowered_limit_waits_until_it_is_raised() {
        let semaphore = Semaphore::new(3);
        semaphore.set_limit(1);
        let mut heavy = Probe::pending(semaphore.acquire(3));
        semaphore.set_limit(3);
        assert!(heavy.poll().is_ready());
    }

    #[test]
    #[should_panic(expected = "at least one permit")]
    fn a_limit_of_zero_is_refused_later_as_well() {
        Semaphore::new(1).set_limit(0);
    }

    #[test]
    fn threads_never_hold_more_permits_than_there_are() {
        let _watchdog = watchdog();
        let semaphore = Semaphore::new(4);
        let (held, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for thread in 0..6 {
                let (semaphore, held, most) = (semaphore.clone(), &held, &most);
                scope.spawn(move || {
                    for round in 0..2_000 {
                        let count = 1 + (thread + round) % 3;
                        let permit = semaphore.acquire(count).wait();
                        most.fetch_max(held.fetch_add(count, Ordering::SeqCst) + count, Ordering::SeqCst);
                        held.fetch_sub(count, Ordering::SeqCst);
                        drop(permit);
                    }
                });
            }
        });
        assert!(most.into_inner() <= 4);
        assert_eq!(semaphore.available(), 4);
    }
}
