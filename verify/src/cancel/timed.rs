//! Tasks that lose a `select!` or a timeout, and threads whose waits time out.
//!
//! Beside them one get at a time, and but for tokio's timeouts one put, wait without a limit: they never end if a
//! notification is lost.

use super::ledger::Item;
use super::pending::Round;
use fastrand::Rng;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::yield_now;
use tokio::time::timeout;

/// How an operation is cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Select,
    Timeout,
    Threads,
}

/// The timer of tokio makes a millisecond of it.
const LIMIT: Duration = Duration::from_micros(1);
/// Tasks that get; under a timeout most of them wait, as items come slowly.
const GETTERS: usize = 48;

/// Puts one item in the way; counts the cancels.
async fn put(round: &Round, way: Way, rng: &mut Rng, item: Item, cancelled: &AtomicU64) {
    let (queue, ledger, id) = (&round.queue, &round.ledger, item.id());
    let mut put = queue.put(item);
    let cancel = || cancelled.fetch_add(1, Ordering::Relaxed);
    if way == Way::Select {
        let polls = rng.u8(..3);
        tokio::select! {
            result = &mut put => {
                result.expect("the queue is open");
                ledger.put(id);
            }
            () = async { for _ in 0..polls { yield_now().await } } => {
                cancel();
                match put.take() {
                    Some(item) => item.returned(),
                    None => ledger.put(id),
                }
            }
        }
    } else {
        // The item of a put that is dropped is dropped with it, unless it is in the queue.
        match timeout(LIMIT, put).await {
            Ok(result) => {
                result.expect("the queue is open");
                ledger.put(id);
            }
            Err(_) => drop(cancel()),
        }
    }
}

/// Gets one item in the way; false when the queue is closed and empty.
async fn get(round: &Round, way: Way, rng: &mut Rng, cancelled: &AtomicU64) -> bool {
    let polls = rng.u8(..3);
    let result = if way == Way::Select {
        tokio::select! {
            biased;
            result = round.queue.get() => Some(result),
            () = async { for _ in 0..polls { yield_now().await } } => None,
        }
    } else {
        timeout(LIMIT, round.queue.get()).await.ok()
    };
    match result {
        Some(Ok(item)) => round.got(item),
        Some(Err(_)) => return false,
        None => {
            cancelled.fetch_add(1, Ordering::Relaxed);
            yield_now().await;
        }
    }
    true
}

/// A round of tasks on a runtime.
pub(super) fn run_tasks(
    runtime: &tokio::runtime::Runtime,
    round: &Round,
    way: Way,
    rng: &mut Rng,
) -> Result<u64, String> {
    let cancelled = std::sync::Arc::new(AtomicU64::new(0));
    let (mut putters, mut getters) = (Vec::new(), Vec::new());
    for _ in 0..8 {
        let (round, mut rng, cancelled) = (round.clone(), rng.fork(), cancelled.clone());
        putters.push(runtime.spawn(async move {
            while let Some(item) = round.ledger.item() {
                put(&round, way, &mut rng, item, &cancelled).await;
                if way == Way::Timeout && rng.u8(..8) == 0 {
                    tokio::time::sleep(LIMIT).await;
                }
            }
        }));
    }
    for _ in 0..if way == Way::Timeout { GETTERS } else { 8 } {
        let (round, mut rng, cancelled) = (round.clone(), rng.fork(), cancelled.clone());
        getters.push(runtime.spawn(async move { while get(&round, way, &mut rng, &cancelled).await {} }));
    }
    let patient = round.clone();
    putters.push(runtime.spawn(async move {
        if way == Way::Timeout {
            return;
        }
        while let Some(item) = patient.ledger.item() {
            let id = item.id();
            patient.queue.put(item).await.expect("the queue is open");
            patient.ledger.put(id);
        }
    }));
    let patient = round.clone();
    getters.push(runtime.spawn(async move {
        while let Ok(item) = patient.queue.get().await {
            patient.got(item);
        }
    }));
    runtime.block_on(async {
        for putter in putters {
            putter.await.map_err(|error| error.to_string())?;
        }
        round.queue.close();
        for getter in getters {
            getter.await.map_err(|error| error.to_string())?;
        }
        Ok(cancelled.load(Ordering::Relaxed))
    })
}

/// A round of threads: two whose waits time out, and two that wait without a limit.
pub(super) fn run_threads(round: &Round, rng: &mut Rng) -> Result<u64, String> {
    let cancelled = AtomicU64::new(0);
    let cancel = || _ = cancelled.fetch_add(1, Ordering::Relaxed);
    let (queue, ledger) = (&round.queue, &round.ledger);
    std::thread::scope(|scope| {
        let (mut putter, mut getter) = (rng.fork(), rng.fork());
        let patient_putter = scope.spawn(|| {
            while let Some(item) = ledger.item() {
                let id = item.id();
                queue.put(item).wait().expect("the queue is open");
                ledger.put(id);
            }
        });
        let hasty_putter = scope.spawn(move || {
            while let Some(item) = ledger.item() {
                let id = item.id();
                match queue.put(item).wait_timeout(Duration::from_micros(putter.u64(..4))) {
                    Ok(()) => ledger.put(id),
                    Err(error) => {
                        cancel();
                        error.into_inner().returned();
                    }
                }
            }
        });
        let patient_getter = scope.spawn(|| {
            while let Ok(item) = queue.get().wait() {
                round.got(item);
            }
        });
        let hasty_getter = scope.spawn(move || loop {
            match queue.get().wait_timeout(Duration::from_micros(getter.u64(..4))) {
                Ok(item) => round.got(item),
                Err(error) if error.is_closed() => return,
                Err(_) => cancel(),
            }
        });
        let ended = [patient_putter.join(), hasty_putter.join()];
        queue.close();
        let all = ended.into_iter().chain([patient_getter.join(), hasty_getter.join()]);
        all.collect::<Result<(), _>>().map_err(|_| "a thread has panicked".to_owned())
    })?;
    Ok(cancelled.load(Ordering::Relaxed))
}
