//! Results: empty, full, length, capacity, order, timeouts, and messages of odd sizes.

use super::full;
use crate::peer::{NotReceived, NotSent, Peer};
use crate::probe::{check, have, Failure, Probe, Verdict};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

type Capacity = Option<usize>;

/// Each of three threads sends, and then a single receiver tries to receive once for each message: as no other thread
/// receives, it cannot find nothing.
pub fn sent_message_is_there<P: Peer>(capacity: Capacity) -> Verdict {
    let (tx, mut rx) = have(P::open(capacity))?;
    let stop = AtomicBool::new(false);
    let others: Vec<_> = (0..2).map(|_| P::clone_tx(&tx)).collect();
    thread::scope(|scope| {
        for other in others {
            let stop = &stop;
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let _ = P::try_send(&other, 1);
                    thread::yield_now();
                }
            });
        }
        let mut result = Ok(());
        for _ in 0..100_000 {
            if P::try_send(&tx, 0).is_err() {
                result = check(false, "cannot send");
                break;
            }
            if P::try_recv(&mut rx).is_err() {
                result = check(false, "*empty*, though a message was sent");
                break;
            }
        }
        stop.store(true, Ordering::Relaxed);
        result
    })
}

/// Three threads receive and then send, in a channel with as many free slots as are freed.
pub fn freed_slot_is_there<P: Peer>(capacity: Capacity) -> Verdict {
    let (tx, rx) = have(P::open(capacity))?;
    for n in 0..4 {
        check(P::try_send(&tx, n).is_ok(), "cannot send")?;
    }
    have(P::clone_rx(&rx))?;
    let full = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..3 {
            let (tx, mut rx, full) = (P::clone_tx(&tx), P::clone_rx(&rx).unwrap(), &full);
            scope.spawn(move || {
                for _ in 0..100_000 {
                    if let Ok(message) = P::try_recv(&mut rx) {
                        if P::try_send(&tx, message) == Err(NotSent::Full) {
                            full.store(true, Ordering::Relaxed);
                            return;
                        }
                    }
                }
            });
        }
    });
    check(!full.into_inner(), "*full*, though a slot was freed")
}

pub fn length_within_the_capacity<P: Peer>(capacity: Capacity) -> Verdict {
    let (tx, mut rx) = have(P::open(capacity))?;
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            let (tx, stop) = (P::clone_tx(&tx), &stop);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let _ = P::try_send(&tx, 1);
                }
            });
        }
        let mut most = 0;
        for n in 0..200_000 {
            most = most.max(P::len(&rx));
            if n % 2 == 0 {
                let _ = P::try_recv(&mut rx);
            }
        }
        stop.store(true, Ordering::Relaxed);
        check(most <= 4, "a length above the capacity")
    })
}

pub fn length_at_each_offset<P: Peer>(capacity: Capacity) -> Verdict {
    let (tx, mut rx) = have(P::open(capacity))?;
    for _ in 0..300 {
        for n in 0..31 {
            check(P::len(&rx) == n, "a wrong length")?;
            check(P::try_send(&tx, n).is_ok(), "cannot send")?;
        }
        for n in 0..31 {
            check(P::len(&rx) == 31 - n, "a wrong length")?;
            check(P::try_recv(&mut rx) == Ok(n), "loses the message")?;
        }
        check(P::try_recv(&mut rx) == Err(NotReceived::Empty), "not *empty*")?;
        check(P::try_send(&tx, 0).is_ok() && P::try_recv(&mut rx).is_ok(), "loses the message")?;
    }
    Ok(())
}

pub fn largest_capacity<P: Peer>(capacity: Capacity) -> Verdict {
    let (tx, mut rx) = have(P::open(capacity))?;
    for n in 0..1000_u64 {
        check(P::try_send(&tx, n).is_ok(), "cannot send")?;
    }
    check((0..1000).all(|n| P::try_recv(&mut rx) == Ok(n)), "loses the message")
}

pub fn capacity_with_clones<P: Peer>(capacity: Capacity) -> Verdict {
    let (tx, mut rx) = have(P::open(capacity))?;
    let handles: Vec<_> = (0..50).map(|_| P::clone_tx(&tx)).collect();
    for _ in 0..20 {
        let sent = handles.iter().filter(|tx| P::try_send(tx, 0).is_ok()).count();
        check(sent == 3, "a capacity that grows with the senders")?;
        for tx in &handles {
            if let Some(send) = P::send_async(tx, 1) {
                drop(Probe::pending(send)?);
            }
        }
        check((0..3).all(|_| P::try_recv(&mut rx) == Ok(0)), "loses the message")?;
        check(P::try_recv(&mut rx).is_err(), "a capacity that grows with cancellations")?;
    }
    Ok(())
}

pub fn order_of_a_full_channel<P: Peer>(capacity: Capacity) -> Verdict {
    let (tx, mut rx) = have(P::open(capacity))?;
    thread::scope(|scope| {
        scope.spawn(move || (0..20_000).for_each(|n| assert!(P::send(&tx, n))));
        let mut result = Ok(());
        for n in 0..20_000 {
            if P::recv(&mut rx) != Some(n) {
                result = check(false, "another order");
                break;
            }
        }
        drop(rx);
        result
    })
}

pub fn rendezvous<P: Peer>(capacity: Capacity) -> Verdict {
    let (tx, mut rx) = have(P::open(capacity))?;
    let received = AtomicUsize::new(0);
    let early = AtomicBool::new(false);
    thread::scope(|scope| {
        let (received, early) = (&received, &early);
        scope.spawn(move || {
            for n in 1..=50 {
                assert!(P::send(&tx, n));
                // The receiver counts before it receives.
                early.fetch_or(received.load(Ordering::SeqCst) < n, Ordering::SeqCst);
            }
        });
        for _ in 0..50 {
            thread::sleep(Duration::from_micros(200));
            received.fetch_add(1, Ordering::SeqCst);
            assert!(P::recv(&mut rx).is_some());
        }
    });
    check(!early.into_inner(), "returns before the receive")
}

pub fn longest_timeout<P: Peer>(capacity: Capacity) -> Verdict {
    let (tx, mut rx) = have(P::open::<u32>(capacity))?;
    have(P::recv_timeout(&mut rx, Duration::ZERO))?.err().ok_or(Failure::Fails("receives without a message"))?;
    thread::scope(|scope| {
        scope.spawn(move || {
            thread::sleep(Duration::from_millis(5));
            P::send(&tx, 7)
        });
        check(have(P::recv_timeout(&mut rx, Duration::MAX))? == Ok(7), "does not wait")
    })
}

pub fn timeout_beside_a_message<P: Peer>(capacity: Capacity) -> Verdict {
    let (tx, mut rx) = have(P::open::<u32>(capacity))?;
    have(P::recv_timeout(&mut rx, Duration::ZERO))?.err().ok_or(Failure::Fails("receives without a message"))?;
    const COUNT: u32 = 3_000;
    thread::scope(|scope| {
        scope.spawn(move || (0..COUNT).all(|n| P::send(&tx, n)));
        let mut next = 0;
        while next < COUNT {
            match P::recv_timeout(&mut rx, Duration::from_micros(next as u64 % 40)).unwrap() {
                Ok(message) if message == next => next += 1,
                Ok(_) => return check(false, "loses the message"),
                Err(NotReceived::Empty) => {}
                Err(NotReceived::Closed) => return check(false, "loses the message"),
            }
        }
        Ok(())
    })
}

/// Without optimisation each call copies its message once more, which would fail here and tell nothing.
pub fn large_messages<P: Peer>(capacity: Capacity) -> Verdict {
    type Large = [u8; 64 << 10];
    if cfg!(debug_assertions) {
        return Err(Failure::NoSuch);
    }
    have(P::open::<Large>(capacity))?;
    let work = move || {
        let (tx, mut rx) = P::open::<Large>(capacity).unwrap();
        (0..4).all(|n| P::try_send(&tx, [n; 64 << 10]).is_ok())
            && (0..4).all(|n| P::try_recv(&mut rx).is_ok_and(|message| message[9] == n))
    };
    let passed = thread::Builder::new().stack_size(1 << 20).spawn(work).unwrap().join();
    check(passed.unwrap_or(false), "loses the message")
}

pub fn messages_without_size<P: Peer>(capacity: Capacity) -> Verdict {
    static DROPS: AtomicUsize = AtomicUsize::new(0);
    struct Unit;
    impl Drop for Unit {
        fn drop(&mut self) {
            DROPS.fetch_add(1, Ordering::SeqCst);
        }
    }
    let (tx, mut rx) = have(P::open(capacity))?;
    for _ in 0..300 {
        check(P::try_send(&tx, Unit).is_ok(), "cannot send")?;
    }
    check(P::len(&rx) == 300 && DROPS.load(Ordering::SeqCst) == 0, "a wrong length")?;
    check((0..100).all(|_| P::try_recv(&mut rx).is_ok()), "loses the message")?;
    check(DROPS.load(Ordering::SeqCst) == 100, "a wrong number of drops")?;
    drop((tx, rx));
    check(DROPS.load(Ordering::SeqCst) == 300, "a wrong number of drops")
}

/// The thread has waited before, so that thread-local data of the crate is made before that of the scenario or after.
pub fn thread_local_destructor<P: Peer>(_: Capacity) -> Verdict {
    type Act = Box<dyn FnOnce()>;
    struct Last(std::cell::RefCell<Option<Act>>);
    impl Drop for Last {
        fn drop(&mut self) {
            if let Some(act) = self.0.take() {
                act();
            }
        }
    }
    thread_local!(static LAST: Last = const { Last(std::cell::RefCell::new(None)) });
    for waits_first in [false, true] {
        let (tx, mut rx) = full::<P>()?;
        let (done, mut dones) = have(P::open(Some(1)))?;
        let thread = thread::spawn(move || {
            let wait = |rx: &mut P::Rx<u32>| P::recv_timeout(rx, Duration::from_millis(1)).is_some();
            if !waits_first {
                LAST.with(|_| ());
            }
            assert!(P::recv(&mut rx).is_some());
            wait(&mut rx);
            LAST.with(|last| {
                *last.0.borrow_mut() = Some(Box::new(move || {
                    assert!(P::send(&tx, 1) && P::recv(&mut rx) == Some(1));
                    wait(&mut rx);
                    assert!(P::send(&done, ()));
                }));
            });
        });
        check(thread.join().is_ok(), "panics")?;
        check(P::try_recv(&mut dones).is_ok(), "panics")?;
    }
    Ok(())
}
