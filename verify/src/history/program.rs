//! Random programs of two to four threads, each determined by its seed.

use fastrand::Rng;
use std::time::Duration;

/// Which queue a program uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A `Queue` in an `Arc`.
    Queue,
    /// A `Queue` with permits.
    Permits,
    /// A channel of `joinq::mpsc`, whose receiver the first thread has.
    Mpsc,
}

/// A call of a program. Items have their numbers in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// `try_put`.
    TryPut(u8),
    /// `put` with a timeout.
    PutWithin(u8, Duration),
    /// `put`, polled once and then taken back.
    PollPut(u8),
    /// `try_put_many`.
    TryPutMany(Vec<u8>),
    /// `put_many` with a timeout.
    PutManyWithin(Vec<u8>, Duration),
    /// `try_get`.
    TryGet,
    /// `get` with a timeout.
    GetWithin(Duration),
    /// `get`, polled once and then dropped.
    PollGet,
    /// `try_get_many` of so many items.
    TryGetMany(usize),
    /// `get_many` of so many items, with a timeout.
    GetManyWithin(usize, Duration),
    /// `len`.
    Len,
    /// `is_empty`.
    IsEmpty,
    /// `is_full`.
    IsFull,
    /// `is_closed`.
    IsClosed,
    /// `close`.
    Close,
    /// `try_reserve` of one permit, unless the thread holds one.
    Reserve,
    /// Puts by the permit that the thread holds, if any.
    PutHeld(u8),
    /// Releases the permit that the thread holds, if any.
    Release,
}

impl Call {
    /// How many items the call may put.
    pub fn puts(&self) -> usize {
        match self {
            Call::TryPut(_) | Call::PutWithin(..) | Call::PollPut(_) | Call::PutHeld(_) => 1,
            Call::TryPutMany(items) | Call::PutManyWithin(items, _) => items.len(),
            _ => 0,
        }
    }
}

/// A call, and what the thread does before it.
#[derive(Clone, Debug)]
pub struct Planned {
    /// How many spin hints.
    pub pause: u32,
    /// Whether the thread yields.
    pub yields: bool,
    /// The call.
    pub call: Call,
}

/// The calls of each thread.
#[derive(Clone, Debug)]
pub struct Program {
    /// The seed of this program.
    pub seed: u64,
    /// The queue.
    pub kind: Kind,
    /// `None` for an unbounded queue.
    pub capacity: Option<usize>,
    /// The calls.
    pub threads: Vec<Vec<Planned>>,
}

impl Program {
    /// The program of this seed for so many threads.
    pub fn new(seed: u64, threads: usize) -> Self {
        let mut rng = Rng::with_seed(seed);
        let kind = [Kind::Queue, Kind::Queue, Kind::Permits, Kind::Mpsc][rng.usize(..4)];
        let capacity = (kind == Kind::Permits || rng.u8(..3) > 0).then(|| rng.usize(1..=4));
        let mut next_item = 0;
        // A program without a close, and one without waits, is as likely as one with them.
        let (closes, waits) = (rng.bool(), rng.bool());
        let most = rng.usize(2..=12);
        let mut plan = |thread: usize| {
            let role = Role { puts: kind != Kind::Mpsc || thread > 0, gets: kind != Kind::Mpsc || thread == 0 };
            let count = rng.usize(1..=most);
            let mut planned = |_| Planned {
                pause: if rng.bool() { 0 } else { rng.u32(..60) },
                yields: rng.u8(..12) == 0,
                call: role.call(kind, &mut rng, &mut next_item, closes, waits),
            };
            (0..count).map(&mut planned).collect()
        };
        let threads = (0..threads).map(&mut plan).collect();
        Program { seed, kind, capacity, threads }
    }
}

/// What a thread may do.
struct Role {
    puts: bool,
    gets: bool,
}

impl Role {
    fn call(&self, kind: Kind, rng: &mut Rng, next_item: &mut u8, closes: bool, waits: bool) -> Call {
        let mut item = || {
            *next_item += 1;
            *next_item
        };
        let timeout = Duration::from_micros([0, 1, 5, 20][rng.usize(..4)]);
        loop {
            let call = match rng.u8(..32) {
                0..=6 if self.puts => Call::TryPut(item()),
                7 if self.puts && waits => Call::PutWithin(item(), timeout),
                8 if self.puts && waits => Call::PollPut(item()),
                9 if self.puts => Call::TryPutMany((0..rng.u8(2..=3)).map(|_| item()).collect()),
                10 if self.puts && waits => Call::PutManyWithin((0..rng.u8(2..=3)).map(|_| item()).collect(), timeout),
                11..=17 if self.gets => Call::TryGet,
                18 if self.gets && waits => Call::GetWithin(timeout),
                19 if self.gets && waits => Call::PollGet,
                20 if self.gets => Call::TryGetMany(rng.usize(1..=3)),
                21 if self.gets && waits => Call::GetManyWithin(rng.usize(1..=3), timeout),
                22 | 23 => Call::Len,
                24 => Call::IsEmpty,
                25 => Call::IsFull,
                26 => Call::IsClosed,
                27 if closes && rng.bool() => Call::Close,
                28 | 29 if kind == Kind::Permits => Call::Reserve,
                30 if kind == Kind::Permits => Call::PutHeld(item()),
                31 if kind == Kind::Permits => Call::Release,
                _ => continue,
            };
            return call;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_determines_its_program_and_each_call_occurs() {
        let text = |seed| format!("{:?}", Program::new(seed, 3));
        assert_eq!(text(7), text(7));
        let all: String = (0..300).map(text).collect();
        let calls =
            "TryPut( PutWithin PollPut TryPutMany PutManyWithin TryGet GetWithin PollGet TryGetMany GetManyWithin \
                     Len IsEmpty IsFull IsClosed Close Reserve PutHeld Release Mpsc Permits None Some(4)";
        calls.split_whitespace().for_each(|call| assert!(all.contains(call), "{call}"));
    }
}
