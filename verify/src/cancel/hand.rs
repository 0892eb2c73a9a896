//! Threads that poll operations by hand, and at a random poll drop them, take them back, leave them without a poll, or
//! go on with another waker.

use super::pending::{Pending, Round, Waits};
use fastrand::Rng;

/// The operations of one thread.
struct Worker {
    round: Round,
    rng: Rng,
    pending: Vec<Pending>,
    /// Operations that are not polled any more, and dropped only at the end.
    forgotten: Vec<Pending>,
    cancelled: u64,
}

/// Most operations that a thread has at the same time.
const MOST: usize = 6;

impl Worker {
    fn step(&mut self) {
        let at = (!self.pending.is_empty()).then(|| self.rng.usize(..self.pending.len()));
        match (self.rng.u8(..16), at) {
            (0..=4, _) if self.pending.len() < MOST => self.pending.extend(Pending::begin(&self.round, &mut self.rng)),
            (5..=7, Some(at)) => self.poll(at),
            (8, Some(at)) => {
                self.pending[at].change_waker();
                self.poll(at);
            }
            (9 | 10, Some(at)) => {
                self.cancelled += 1;
                drop(self.pending.swap_remove(at));
            }
            (11 | 12, Some(at)) => {
                self.cancelled += 1;
                self.pending.swap_remove(at).take();
            }
            (13, Some(at)) if self.forgotten.len() < 8 && self.rng.u8(..8) == 0 => {
                self.cancelled += 1;
                self.forgotten.push(self.pending.swap_remove(at));
            }
            (14, _) => {
                if let Ok(item) = self.round.queue.try_get() {
                    self.round.got(item);
                }
            }
            (15, _) => {
                if let Some(item) = self.round.ledger.item() {
                    let id = item.id();
                    match self.round.queue.try_put(item) {
                        Ok(()) => self.round.ledger.put(id),
                        Err(error) => error.into_inner().returned(),
                    }
                }
            }
            _ => {}
        }
    }

    fn poll(&mut self, at: usize) {
        if self.pending[at].poll(&self.round) {
            self.pending.swap_remove(at);
        }
    }

    /// Polls what was woken; true if there was anything.
    fn serve(&mut self) -> bool {
        let mut served = false;
        let round = &self.round;
        self.pending.retain_mut(|pending| {
            let wanted = pending.wants_a_poll();
            served |= wanted;
            !wanted || !pending.poll(round)
        });
        served
    }

    fn waiting(&self, waits: Waits) -> usize {
        self.pending.iter().filter(|pending| pending.waits() == waits).count()
    }
}

/// A round of four threads, each with so many steps. Returns the number of cancelled operations.
pub(super) fn run(round: &Round, rng: &mut Rng, steps: usize) -> Result<u64, String> {
    let mut workers: Vec<Worker> = std::thread::scope(|scope| {
        let mut spawn = |_| {
            let (round, rng) = (round.clone(), rng.fork());
            scope.spawn(move || {
                let mut worker = Worker { round, rng, pending: Vec::new(), forgotten: Vec::new(), cancelled: 0 };
                (0..steps).for_each(|_| worker.step());
                worker
            })
        };
        let threads: Vec<_> = (0..4).map(&mut spawn).collect();
        threads.into_iter().map(|thread| thread.join().map_err(|_| "a thread has panicked")).collect::<Result<_, _>>()
    })?;
    settle(&mut workers);
    // A notification stays with a get that is not polled any more, and permits with a reservation.
    let forgotten = || workers.iter().flat_map(|worker| &worker.forgotten);
    let kept = forgotten().filter(|pending| pending.waits() == Waits::Item).count();
    let held = forgotten().filter(|pending| pending.is_reservation()).count();
    at_rest(round, &workers, kept, held)?;
    // When such an operation is dropped, what it has goes to the next one.
    workers.iter_mut().for_each(|worker| worker.forgotten.clear());
    settle(&mut workers);
    at_rest(round, &workers, 0, 0)?;
    let mut cancelled = 0;
    for worker in workers {
        cancelled += worker.cancelled + worker.pending.len() as u64;
        worker.pending.into_iter().for_each(Pending::take);
    }
    Ok(cancelled)
}

/// Polls the operations that were woken until none is.
fn settle(workers: &mut [Worker]) {
    while workers.iter_mut().map(Worker::serve).filter(|&served| served).count() > 0 {}
}

/// No operation waits for what is there; except for `kept` items, of which forgotten gets were notified, and for the
/// permits of `held` forgotten reservations.
fn at_rest(round: &Round, workers: &[Worker], kept: usize, held: usize) -> Result<(), String> {
    let queue = &round.queue;
    let waiting = |waits| workers.iter().map(|worker| worker.waiting(waits)).sum::<usize>();
    let (gets, puts, joins) = (waiting(Waits::Item), waiting(Waits::Slot), waiting(Waits::Done));
    let fault = |what| {
        let waiting = format!("{gets} gets, {puts} puts, {joins} joins wait");
        Err(format!("{waiting}, {kept} gets and {held} reservations forgotten: {what}: {queue:?}"))
    };
    if gets > 0 && queue.len() > kept {
        return fault("a get waits though there is an item");
    }
    if gets > 0 && puts > 0 && kept + held == 0 {
        return fault("a get and a put wait for each other");
    }
    if puts > 0 && kept + held == 0 && !queue.is_full() {
        return fault("a put waits though there is a free slot");
    }
    if joins > 0 && queue.unfinished() == 0 {
        return fault("a join waits though no item is unfinished");
    }
    Ok(())
}
