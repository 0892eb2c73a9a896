//! Operations that are cancelled, forgotten, polled again: the probes A to I, and those close to them.

use super::full;
use crate::peer::Peer;
use crate::probe::{check, have, poll, Count, Probe, Verdict};
use std::sync::Arc;
use std::task::Poll;

type Capacity = Option<usize>;

/// A: a message survives the receive that was woken for it and dropped.
pub fn message_of_a_dropped_receive<P: Peer>(capacity: Capacity) -> Verdict {
    let (tx, mut rx) = have(P::open(capacity))?;
    let recv = Probe::pending(have(P::recv_async(&mut rx))?)?;
    check(P::try_send(&tx, 7).is_ok(), "cannot send")?;
    check(recv.is_woken(), "loses a wake-up")?;
    drop(recv);
    check(P::try_recv(&mut rx) == Ok(7), "loses the message")
}

/// B: a woken receive that is dropped wakes the next.
pub fn wake_up_of_a_dropped_receive<P: Peer>(capacity: Capacity) -> Verdict {
    let (tx, mut rx) = have(P::open(capacity))?;
    let mut other = have(P::clone_rx(&rx))?;
    let first = Probe::pending(have(P::recv_async(&mut rx))?)?;
    let mut second = Probe::pending(have(P::recv_async(&mut other))?)?;
    check(P::try_send(&tx, 7).is_ok(), "cannot send")?;
    drop(first);
    check(second.is_woken(), "loses a wake-up")?;
    check(second.poll() == Poll::Ready(Some(7)), "loses the message")
}

/// C: a woken send that is dropped leaves the slot to the next, or has sent its message.
pub fn wake_up_of_a_dropped_send<P: Peer>(_: Capacity) -> Verdict {
    let (tx, mut rx) = full::<P>()?;
    let other = P::clone_tx(&tx);
    let first = Probe::pending(have(P::send_async(&tx, 1))?)?;
    let second = Probe::pending(have(P::send_async(&other, 2))?)?;
    check(P::try_recv(&mut rx) == Ok(0), "loses the message")?;
    drop(first);
    if !second.is_woken() {
        // Then the first message was sent, and its slot is the next to become free.
        check(P::try_recv(&mut rx) == Ok(1), "loses a wake-up")?;
        check(second.is_woken(), "loses a wake-up")?;
    }
    let mut second = second;
    check(second.poll() == Poll::Ready(true), "does not send")?;
    check(P::try_recv(&mut rx) == Ok(2), "loses the message")
}

/// D: a woken receive that is forgotten does not keep the next wake-up.
pub fn forgotten_receive<P: Peer>(capacity: Capacity) -> Verdict {
    let (tx, mut rx) = have(P::open(capacity))?;
    let mut other = have(P::clone_rx(&rx))?;
    let first = Probe::pending(have(P::recv_async(&mut rx))?)?;
    let mut second = Probe::pending(have(P::recv_async(&mut other))?)?;
    check(P::try_send(&tx, 1).is_ok(), "cannot send")?;
    check(first.is_woken(), "loses a wake-up")?;
    std::mem::forget(first);
    check(P::try_send(&tx, 2).is_ok(), "cannot send")?;
    check(second.is_woken(), "loses a wake-up")?;
    check(second.poll().is_ready(), "loses the message")
}

/// D, for sends: when two slots have become free, the second send is served, though the first is never polled again.
pub fn forgotten_send<P: Peer>(_: Capacity) -> Verdict {
    let (tx, mut rx) = have(P::open(Some(2)))?;
    let other = P::clone_tx(&tx);
    check(P::try_send(&tx, 0).is_ok() && P::try_send(&tx, 0).is_ok(), "cannot send")?;
    std::mem::forget(Probe::pending(have(P::send_async(&tx, 1))?)?);
    let mut second = Probe::pending(have(P::send_async(&other, 2))?)?;
    check(P::try_recv(&mut rx).is_ok() && P::try_recv(&mut rx).is_ok(), "loses the message")?;
    check(second.is_woken(), "loses a wake-up")?;
    check(second.poll() == Poll::Ready(true), "does not send")
}

/// E: the waker of the last poll is woken.
pub fn replaced_waker<P: Peer>(capacity: Capacity) -> Verdict {
    let (tx, mut rx) = have(P::open(capacity))?;
    let mut recv = have(P::recv_async(&mut rx))?;
    let ((old, old_waker), (new, new_waker)) = (Count::new(), Count::new());
    check(poll(&mut recv, &old_waker).is_pending() && poll(&mut recv, &new_waker).is_pending(), "does not wait")?;
    check(P::try_send(&tx, 1).is_ok(), "cannot send")?;
    check(new.get() > 0, "wakes the old waker")?;
    check(old.get() == 0, "wakes both wakers")?;
    check(poll(&mut recv, &new_waker) == Poll::Ready(Some(1)), "loses the message")
}

/// E, for sends.
pub fn replaced_waker_of_a_send<P: Peer>(_: Capacity) -> Verdict {
    let (tx, mut rx) = full::<P>()?;
    let mut send = have(P::send_async(&tx, 1))?;
    let ((old, old_waker), (new, new_waker)) = (Count::new(), Count::new());
    check(poll(&mut send, &old_waker).is_pending() && poll(&mut send, &new_waker).is_pending(), "does not wait")?;
    check(P::try_recv(&mut rx) == Ok(0), "loses the message")?;
    check(new.get() > 0, "wakes the old waker")?;
    check(old.get() == 0, "wakes both wakers")
}

/// F: a send that was cancelled before a slot became free is not delivered.
pub fn cancelled_send<P: Peer>(_: Capacity) -> Verdict {
    let (tx, mut rx) = full::<P>()?;
    drop(Probe::pending(have(P::send_async(&tx, 1))?)?);
    check(P::try_recv(&mut rx) == Ok(0), "loses the message")?;
    check(P::try_recv(&mut rx).is_err(), "sends a cancelled message")
}

/// G: operations that are never polled send nothing, take no wake-up, and drop their message once.
pub fn unpolled_operations<P: Peer>(capacity: Capacity) -> Verdict {
    let (tx, mut rx) = have(P::open(capacity))?;
    let message = Arc::new(());
    drop(have(P::send_async(&tx, message.clone()))?);
    check(Arc::strong_count(&message) == 1, "leaks the message")?;
    check(P::try_recv(&mut rx).is_err(), "sends without a poll")?;
    let mut other = have(P::clone_rx(&rx))?;
    let unpolled = have(P::recv_async(&mut rx))?;
    let waiting = Probe::pending(have(P::recv_async(&mut other))?)?;
    check(P::try_send(&tx, message).is_ok(), "cannot send")?;
    check(waiting.is_woken(), "loses a wake-up")?;
    drop(unpolled);
    Ok(())
}

/// H: 20,000 cancelled operations leave no waker behind.
pub fn wakers_after_cancellations<P: Peer>(_: Capacity) -> Verdict {
    let (count, waker) = Count::new();
    let (_tx, mut rx) = have(P::open::<u32>(Some(1)))?;
    for _ in 0..20_000 {
        check(poll(&mut have(P::recv_async(&mut rx))?, &waker).is_pending(), "does not wait")?;
    }
    let (tx, _rx) = full::<P>()?;
    for _ in 0..20_000 {
        check(poll(&mut have(P::send_async(&tx, 1))?, &waker).is_pending(), "does not wait")?;
    }
    check(Arc::strong_count(&count) < 20, "keeps wakers")
}

/// I: 20,000 polls of one operation leave no waker behind.
pub fn wakers_after_polls<P: Peer>(capacity: Capacity) -> Verdict {
    let (count, waker) = Count::new();
    let (_tx, mut rx) = have(P::open::<u32>(capacity))?;
    let mut recv = have(P::recv_async(&mut rx))?;
    for _ in 0..20_000 {
        check(poll(&mut recv, &waker).is_pending(), "does not wait")?;
    }
    check(Arc::strong_count(&count) < 20, "keeps wakers")
}

/// A receive that is dropped leaves no reference to its waker, which may keep a whole task alive.
pub fn waker_after_a_drop<P: Peer>(capacity: Capacity) -> Verdict {
    let (count, waker) = Count::new();
    let (tx, mut rx) = have(P::open::<u32>(capacity))?;
    let mut recv = have(P::recv_async(&mut rx))?;
    check(poll(&mut recv, &waker).is_pending(), "does not wait")?;
    drop(recv);
    check(Arc::strong_count(&count) == 2, "keeps the waker of a dropped receive")?;
    let mut recv = have(P::recv_async(&mut rx))?;
    check(poll(&mut recv, &waker).is_pending(), "does not wait")?;
    drop(recv);
    drop(rx);
    check(Arc::strong_count(&count) == 2, "keeps the waker of a dropped receiver")?;
    drop(tx);
    Ok(())
}

/// Two receives wait, and two messages are sent: both are woken.
pub fn two_messages_for_two_receives<P: Peer>(_: Capacity) -> Verdict {
    let (tx, mut rx) = have(P::open(Some(2)))?;
    let mut other = have(P::clone_rx(&rx))?;
    let mut first = Probe::pending(have(P::recv_async(&mut rx))?)?;
    let mut second = Probe::pending(have(P::recv_async(&mut other))?)?;
    check(P::try_send(&tx, 1).is_ok() && P::try_send(&tx, 2).is_ok(), "cannot send")?;
    check(first.is_woken() && second.is_woken(), "loses a wake-up")?;
    check(first.poll().is_ready() && second.poll().is_ready(), "loses the message")
}

/// A receive completes without the wake-up that it waits for; the next message wakes another.
pub fn entry_of_a_completed_receive<P: Peer>(_: Capacity) -> Verdict {
    let (tx, mut rx) = have(P::open(Some(2)))?;
    let mut other = have(P::clone_rx(&rx))?;
    let mut first = Probe::pending(have(P::recv_async(&mut rx))?)?;
    let second = Probe::pending(have(P::recv_async(&mut other))?)?;
    check(P::try_send(&tx, 1).is_ok(), "cannot send")?;
    check(first.poll() == Poll::Ready(Some(1)), "loses the message")?;
    check(P::try_send(&tx, 2).is_ok(), "cannot send")?;
    check(second.is_woken(), "loses a wake-up")?;
    drop(first);
    Ok(())
}

/// Operations are forgotten in each state; then the channel is used and dropped.
pub fn forgotten_operations<P: Peer>(_: Capacity) -> Verdict {
    let (tx, mut rx) = have(P::open(Some(1)))?;
    let message = Arc::new(());
    std::mem::forget(have(P::recv_async(&mut rx))?);
    std::mem::forget(Probe::pending(have(P::recv_async(&mut rx))?)?);
    let _ = P::try_send(&tx, message.clone());
    std::mem::forget(have(P::send_async(&tx, message.clone()))?);
    let mut send = Probe::new(have(P::send_async(&tx, message.clone()))?);
    let _ = send.poll();
    std::mem::forget(send);
    while P::try_recv(&mut rx).is_ok() {}
    let _ = P::try_send(&tx, message.clone());
    drop(tx);
    drop(rx);
    Ok(())
}
