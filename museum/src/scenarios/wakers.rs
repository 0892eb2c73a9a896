//! Wakers and messages that use their channel, or panic.

use crate::peer::{NotReceived, Peer};
use crate::probe::{check, have, poll, Failure, Probe, Verdict};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};

type Capacity = Option<usize>;

/// Runs code when it is woken or when it is dropped.
struct Acts<F: Fn() + Send + Sync> {
    act: F,
    when_woken: bool,
}

impl<F: Fn() + Send + Sync> Wake for Acts<F> {
    fn wake(self: Arc<Self>) {
        if self.when_woken {
            (self.act)();
        }
    }
}

impl<F: Fn() + Send + Sync> Drop for Acts<F> {
    fn drop(&mut self) {
        if !self.when_woken {
            (self.act)();
        }
    }
}

fn waker_that_acts<P: Peer>(capacity: Capacity, when_woken: bool) -> Verdict {
    let (tx, mut rx) = have(P::open::<u32>(capacity))?;
    let own = Mutex::new(P::clone_tx(&tx));
    // It sends into the channel that wakes or drops it.
    let act = move || {
        if let Ok(tx) = own.try_lock() {
            let _ = P::try_send(&tx, 5);
        }
    };
    let waker = Waker::from(Arc::new(Acts { act, when_woken }));
    for _ in 0..3 {
        let mut recv = have(P::recv_async(&mut rx))?;
        if poll(&mut recv, &waker).is_pending() {
            let _ = P::try_send(&tx, 1);
        }
        drop(recv);
        // Another waker in place of this one.
        let mut recv = Probe::new(have(P::recv_async(&mut rx))?);
        if poll(&mut recv.future, &waker).is_pending() {
            let _ = recv.poll();
        }
        drop(recv);
        while P::try_recv(&mut rx).is_ok() {}
    }
    let mut recv = have(P::recv_async(&mut rx))?;
    let _ = poll(&mut recv, &waker);
    drop(waker);
    drop(recv);
    drop(tx);
    Ok(())
}

pub fn waker_that_uses_the_channel<P: Peer>(capacity: Capacity) -> Verdict {
    waker_that_acts::<P>(capacity, true)
}

pub fn waker_that_uses_the_channel_when_dropped<P: Peer>(capacity: Capacity) -> Verdict {
    waker_that_acts::<P>(capacity, false)
}

/// A message that sends into its channel when it is dropped.
struct Sends<P: Peer>(Option<Box<P::Tx<Sends<P>>>>);

impl<P: Peer> Drop for Sends<P> {
    fn drop(&mut self) {
        if let Some(tx) = self.0.take() {
            let _ = P::try_send(&tx, Sends(None));
        }
    }
}

pub fn message_that_uses_the_channel<P: Peer>(capacity: Capacity) -> Verdict {
    let (tx, mut rx) = have(P::open::<Sends<P>>(capacity))?;
    let message = || Sends(Some(Box::new(P::clone_tx(&tx))));
    for _ in 0..3 {
        check(P::try_send(&tx, message()).is_ok(), "cannot send")?;
    }
    drop(P::try_recv(&mut rx));
    drop(rx);
    drop(tx);
    Ok(())
}

struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        std::panic::panic_any("a waker");
    }
}

/// The panic may reach the sender. Afterwards messages pass.
pub fn panicking_waker<P: Peer>(capacity: Capacity) -> Verdict {
    let (tx, mut rx) = have(P::open::<u32>(capacity))?;
    let mut recv = have(P::recv_async(&mut rx))?;
    check(poll(&mut recv, &Waker::from(Arc::new(Panics))).is_pending(), "does not wait")?;
    let sent = catch_unwind(AssertUnwindSafe(|| P::try_send(&tx, 1)));
    drop(recv);
    let used = catch_unwind(AssertUnwindSafe(|| {
        let first = P::try_recv(&mut rx);
        if first.is_err() && matches!(sent, Ok(Ok(()))) {
            return Err(Failure::Fails("loses the message"));
        }
        check(P::try_send(&tx, 2).is_ok() && P::try_recv(&mut rx) == Ok(2), "broken after the panic")?;
        let recv = Probe::pending(have(P::recv_async(&mut rx))?)?;
        check(P::try_send(&tx, 3).is_ok() && recv.is_woken(), "broken after the panic")
    }));
    used.unwrap_or(Err(Failure::Fails("panics at each later use")))
}

pub fn panicking_waker_beside_a_close<P: Peer>(capacity: Capacity) -> Verdict {
    if !P::disconnects() {
        return Err(Failure::NoSuch);
    }
    let (tx, mut rx) = have(P::open::<u32>(capacity))?;
    let (mut second, mut third) = (have(P::clone_rx(&rx))?, have(P::clone_rx(&rx))?);
    let mut first = have(P::recv_async(&mut rx))?;
    check(poll(&mut first, &Waker::from(Arc::new(Panics))).is_pending(), "does not wait")?;
    let others =
        [Probe::pending(have(P::recv_async(&mut second))?)?, Probe::pending(have(P::recv_async(&mut third))?)?];
    let _ = catch_unwind(AssertUnwindSafe(|| drop(tx)));
    check(others.iter().all(Probe::is_woken), "leaves other waiters asleep")?;
    drop((first, others));
    check(P::try_recv(&mut rx) == Err(NotReceived::Closed), "stays open")
}
