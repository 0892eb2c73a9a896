//! Disconnection and drops.

use crate::peer::{NotReceived, NotSent, Peer};
use crate::probe::{check, have, Failure, Probe, Verdict};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::thread;

type Capacity = Option<usize>;

fn disconnects<P: Peer>() -> Verdict {
    P::disconnects().then_some(()).ok_or(Failure::NoSuch)
}

pub fn messages_of_the_last_receiver<P: Peer>(capacity: Capacity) -> Verdict {
    disconnects::<P>()?;
    let (tx, rx) = have(P::open(capacity))?;
    let message = Arc::new(());
    for _ in 0..200 {
        check(P::try_send(&tx, message.clone()).is_ok(), "cannot send")?;
    }
    drop(rx);
    check(Arc::strong_count(&message) == 1, "keeps the messages until the senders end")?;
    drop(tx);
    Ok(())
}

/// A request owns the sender of its reply. The server is dropped with the request in its channel.
pub fn request_without_a_server<P: Peer>(capacity: Capacity) -> Verdict {
    disconnects::<P>()?;
    let (requests, server) = have(P::open(capacity))?;
    let (reply, mut replies) = have(P::open::<u32>(Some(1)))?;
    check(P::try_send(&requests, Box::new(reply)).is_ok(), "cannot send")?;
    drop(server);
    let learned = P::try_recv(&mut replies) == Err(NotReceived::Closed);
    drop(requests);
    check(learned, "the requester waits")
}

/// The sender is kept, so that a message that was accepted and is neither received nor dropped is stranded.
pub fn send_beside_the_last_receiver<P: Peer>(capacity: Capacity) -> Verdict {
    disconnects::<P>()?;
    for _ in 0..5_000 {
        let (tx, rx) = have(P::open(capacity))?;
        let message = Arc::new(());
        thread::scope(|scope| {
            scope.spawn(move || drop(rx));
            let _ = P::try_send(&tx, message.clone());
        });
        check(Arc::strong_count(&message) == 1, "strands a message until the senders end")?;
        check(P::try_send(&tx, message) == Err(NotSent::Closed), "stays open")?;
    }
    Ok(())
}

pub fn end_of_a_side_wakes_the_other<P: Peer>(capacity: Capacity) -> Verdict {
    disconnects::<P>()?;
    let (tx, mut rx) = have(P::open::<u32>(capacity))?;
    let mut recv = Probe::pending(have(P::recv_async(&mut rx))?)?;
    drop(tx);
    check(recv.is_woken() && recv.poll() == std::task::Poll::Ready(None), "the receive waits")?;
    let (tx, rx) = super::full::<P>()?;
    let mut send = Probe::pending(have(P::send_async(&tx, 1))?)?;
    drop(rx);
    check(send.is_woken() && send.poll() == std::task::Poll::Ready(false), "the send waits")
}

/// Its drop panics if it is armed, and is counted.
struct Bomb(Arc<AtomicUsize>, bool);

impl Drop for Bomb {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
        if self.1 {
            std::panic::panic_any("the drop of a message");
        }
    }
}

pub fn panicking_drop<P: Peer>(capacity: Capacity) -> Verdict {
    for armed in [0, 50, 99] {
        let (tx, rx) = have(P::open(capacity))?;
        let drops = Arc::new(AtomicUsize::new(0));
        for n in 0..100 {
            check(P::try_send(&tx, Bomb(drops.clone(), n == armed)).is_ok(), "cannot send")?;
        }
        let ended = catch_unwind(AssertUnwindSafe(|| drop(rx)));
        let ended = catch_unwind(AssertUnwindSafe(|| drop(tx))).and(ended);
        check(drops.load(Ordering::SeqCst) <= 100, "drops a message twice")?;
        check(drops.load(Ordering::SeqCst) == 100, "leaks the messages behind it")?;
        check(ended.is_err() || armed == 99 || drops.load(Ordering::SeqCst) == 100, "hides the panic")?;
    }
    Ok(())
}

/// A message that owns a sender of the channel that holds it.
struct Boomerang<P: Peer>(#[allow(dead_code)] Box<P::Tx<Boomerang<P>>>, #[allow(dead_code)] Arc<()>);

pub fn messages_that_own_a_sender<P: Peer>(capacity: Capacity) -> Verdict {
    disconnects::<P>()?;
    let (tx, rx) = have(P::open::<Boomerang<P>>(capacity))?;
    let count = Arc::new(());
    for _ in 0..20 {
        let message = Boomerang(Box::new(P::clone_tx(&tx)), count.clone());
        check(P::try_send(&tx, message).is_ok(), "cannot send")?;
    }
    drop(tx);
    drop(rx);
    check(Arc::strong_count(&count) == 1, "leaks the messages")
}

pub fn closed_only_after_the_last_message<P: Peer>(capacity: Capacity) -> Verdict {
    disconnects::<P>()?;
    for round in 0..5_000 {
        let (tx, mut rx) = have(P::open(capacity))?;
        let received = thread::scope(|scope| {
            scope.spawn(move || P::try_send(&tx, round).is_ok());
            loop {
                match P::try_recv(&mut rx) {
                    Ok(message) => return Some(message),
                    Err(NotReceived::Closed) => return None,
                    Err(NotReceived::Empty) => thread::yield_now(),
                }
            }
        });
        check(received == Some(round), "loses the message")?;
        check(P::try_recv(&mut rx) == Err(NotReceived::Closed), "stays open")?;
    }
    Ok(())
}

pub fn messages_before_the_end<P: Peer>(capacity: Capacity) -> Verdict {
    disconnects::<P>()?;
    let (tx, mut rx) = have(P::open(capacity))?;
    for n in 0..4 {
        check(P::try_send(&tx, n).is_ok(), "cannot send")?;
    }
    drop(tx);
    for n in 0..4 {
        check(P::try_recv(&mut rx) == Ok(n), "loses the message")?;
    }
    check(P::try_recv(&mut rx) == Err(NotReceived::Closed), "stays open")
}
