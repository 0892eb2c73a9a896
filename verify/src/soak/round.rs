//! One round: senders and receivers of one combination.

use super::item::Payload;
use super::ledger::{Bitmap, Tally};
use super::mix::{Method, Mix};
use super::Current;
use fastrand::Rng;
use futures_lite::future::{block_on, poll_once};
use joinq::{Receiver, Sender};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

/// An operation in so many is cancelled, a handle in so many is cloned and dropped.
const RARE: u32 = 32;

/// Sends an item; `Err` if the channel is closed.
async fn send<T: Payload>(
    sender: &Sender<T>,
    item: T,
    method: Method,
    rng: &mut Rng,
    tally: &mut Tally,
) -> Result<(), ()> {
    let mut item = item;
    while rng.u32(..RARE) == 0 {
        // Cancelled at its first poll, or by a timeout; the item comes back unless it is in the channel.
        let mut send = sender.send(item);
        let rest = match method {
            Method::Tokio | Method::Plain => match poll_once(&mut send).await {
                Some(result) => return result.map_err(drop),
                None => send.take(),
            },
            Method::Wait | Method::Try => match send.wait_timeout(Duration::ZERO) {
                Ok(()) => return Ok(()),
                Err(error) if error.is_closed() => return Err(()),
                Err(error) => Some(error.into_inner()),
            },
        };
        tally.cancelled += 1;
        match rest {
            Some(rest) => item = rest,
            None => return Ok(()),
        }
    }
    match method {
        Method::Wait => sender.send(item).wait().map_err(drop),
        Method::Tokio | Method::Plain => sender.send(item).await.map_err(drop),
        Method::Try => loop {
            match sender.try_send(item) {
                Ok(()) => return Ok(()),
                Err(error) if error.is_closed() => return Err(()),
                Err(error) => item = error.into_inner(),
            }
            std::thread::yield_now();
        },
    }
}

/// Receives an item; `None` if the channel is closed and empty.
async fn receive<T: Payload>(receiver: &Receiver<T>, method: Method, rng: &mut Rng, tally: &mut Tally) -> Option<T> {
    while rng.u32(..RARE) == 0 {
        match method {
            Method::Tokio | Method::Plain => {
                if let Some(result) = poll_once(receiver.recv()).await {
                    return result.ok();
                }
            }
            Method::Wait | Method::Try => match receiver.recv().wait_timeout(Duration::ZERO) {
                Ok(item) => return Some(item),
                Err(error) if error.is_closed() => return None,
                Err(_) => {}
            },
        }
        tally.cancelled += 1;
    }
    match method {
        Method::Wait => receiver.recv().wait().ok(),
        Method::Tokio | Method::Plain => receiver.recv().await.ok(),
        Method::Try => loop {
            match receiver.try_recv() {
                Ok(item) => return Some(item),
                Err(error) if error.is_closed() => return None,
                Err(_) => std::thread::yield_now(),
            }
        },
    }
}

/// What all senders and receivers of a round share.
struct Shared {
    bitmap: Bitmap,
    mix: Mix,
    current: Arc<Current>,
    /// Whether one sender closes the channel before all items are sent.
    closes: bool,
    closed: AtomicBool,
}

async fn send_all<T: Payload>(mut sender: Sender<T>, number: usize, shared: Arc<Shared>, mut rng: Rng) -> Tally {
    let mut tally = Tally::default();
    let end = shared.bitmap.each();
    let close_at = if shared.closes && number == 0 { rng.u64(..end) } else { end };
    for item in 0..end {
        if item == close_at {
            shared.closed.store(true, Ordering::Relaxed);
            sender.close();
        }
        if rng.u32(..RARE) == 0 {
            sender = sender.clone();
            tally.clones += 1;
        }
        let id = shared.bitmap.number(number, item);
        if send(&sender, T::new(id), shared.mix.method, &mut rng, &mut tally).await.is_err() {
            break;
        }
        tally.count(id);
        shared.current.sent[number].store(item, Ordering::Relaxed);
    }
    tally
}

async fn receive_all<T: Payload>(
    mut receiver: Receiver<T>,
    number: usize,
    shared: Arc<Shared>,
    mut rng: Rng,
) -> Result<Tally, String> {
    let mut tally = Tally::default();
    let mut seen = shared.bitmap.seen();
    while let Some(item) = receive(&receiver, shared.mix.method, &mut rng, &mut tally).await {
        match item.number() {
            Some(id) => {
                seen.receive(id)?;
                tally.count(id);
            }
            None => tally.items += 1,
        }
        if rng.u32(..RARE) == 0 {
            receiver = receiver.clone();
            tally.clones += 1;
        }
        shared.current.received[number].store(tally.items, Ordering::Relaxed);
        shared.current.progress.fetch_add(u64::from(tally.items % 64 == 0), Ordering::Relaxed);
    }
    Ok(tally)
}

/// The counts of a round.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) items: u64,
    pub(super) cancelled: u64,
    pub(super) clones: u64,
    pub(super) closes: u64,
}

impl Counts {
    pub(super) fn add(&mut self, other: Counts) {
        self.items += other.items;
        self.cancelled += other.cancelled;
        self.clones += other.clones;
        self.closes += other.closes;
    }
}

/// Runs a round with so many items for each sender.
pub(super) fn run<T: Payload>(
    mix: Mix,
    each: u64,
    runtime: &Runtime,
    rng: &mut Rng,
    current: &Arc<Current>,
) -> Result<Counts, String> {
    let (sender, receiver) = mix.capacity.map_or_else(joinq::unbounded::<T>, joinq::bounded);
    let weak = receiver.downgrade();
    current.watch(Box::new(move || match weak.upgrade() {
        Some(receiver) => format!("{} items, closed {}", receiver.len(), receiver.is_closed()),
        None => "no receiver".into(),
    }));
    let shared = Arc::new(Shared {
        bitmap: Bitmap::new(each),
        mix,
        current: current.clone(),
        closes: rng.u8(..8) == 0,
        closed: AtomicBool::new(false),
    });
    let sends: Vec<_> = (0..mix.senders).map(|n| send_all(sender.clone(), n, shared.clone(), rng.fork())).collect();
    let receives: Vec<_> =
        (0..mix.receivers).map(|n| receive_all(receiver.clone(), n, shared.clone(), rng.fork())).collect();
    // The channel is closed when the last sender is dropped.
    drop((sender, receiver));
    let (sent, received) = if mix.method == Method::Tokio {
        let sends: Vec<_> = sends.into_iter().map(|send| runtime.spawn(send)).collect();
        let receives: Vec<_> = receives.into_iter().map(|receive| runtime.spawn(receive)).collect();
        runtime.block_on(async {
            let (mut sent, mut received) = (Vec::new(), Vec::new());
            for send in sends {
                sent.push(send.await.map_err(|error| error.to_string())?);
            }
            for receive in receives {
                received.push(receive.await.map_err(|error| error.to_string())??);
            }
            Ok::<_, String>((sent, received))
        })?
    } else {
        std::thread::scope(|scope| {
            let receives: Vec<_> = receives.into_iter().map(|receive| scope.spawn(|| block_on(receive))).collect();
            let sends: Vec<_> = sends.into_iter().map(|send| scope.spawn(|| block_on(send))).collect();
            let panicked = |_| "a thread has panicked".to_owned();
            let sent = sends.into_iter().map(|send| send.join().map_err(panicked)).collect::<Result<Vec<_>, _>>();
            let received = receives.into_iter().map(|receive| receive.join().map_err(panicked)?);
            let received = received.collect::<Result<Vec<_>, String>>();
            Ok::<_, String>((sent?, received?))
        })?
    };
    compare(&shared, &sent, &received, std::mem::size_of::<T>() > 0)
}

fn compare(shared: &Shared, sent: &[Tally], received: &[Tally], numbered: bool) -> Result<Counts, String> {
    let (mut put, mut got) = (Tally::default(), Tally::default());
    sent.iter().for_each(|&tally| put.add(tally));
    received.iter().for_each(|&tally| got.add(tally));
    if put.items != got.items {
        return Err(format!("{} items were sent and {} received", put.items, got.items));
    }
    let closed = shared.closed.load(Ordering::Relaxed);
    let all = shared.bitmap.each() * sent.len() as u64;
    if !closed && put.items != all {
        return Err(format!("{} of {all} items were sent, though the channel was open", put.items));
    }
    if numbered {
        shared.bitmap.settle(&sent.iter().map(|tally| tally.items).collect::<Vec<_>>())?;
        if (put.sum, put.xor) != (got.sum, got.xor) {
            return Err("the sums of the items differ".into());
        }
    }
    Ok(Counts {
        items: got.items,
        cancelled: put.cancelled + got.cancelled,
        clones: put.clones + got.clones,
        closes: u64::from(closed),
    })
}
