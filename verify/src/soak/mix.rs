//! The combinations that a soak goes through.

/// How the threads or tasks of a round send and receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Threads that wait.
    Wait,
    /// Tasks on tokio, on two threads.
    Tokio,
    /// Futures, each on a thread that does nothing else.
    Plain,
    /// Threads that try again and again.
    Try,
}

/// The type of the items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// `()`.
    Unit,
    /// `u64`.
    Number,
    /// `Box<u64>`.
    Boxed,
    /// `[u8; 4096]`.
    Large,
    /// Aligned to 4096 bytes.
    Page,
}

/// One combination.
#[derive(Clone, Copy, Debug)]
pub struct Mix {
    /// How many senders.
    pub senders: usize,
    /// How many receivers.
    pub receivers: usize,
    /// How they send and receive.
    pub method: Method,
    /// What they send.
    pub item: Type,
    /// `None` for an unbounded channel.
    pub capacity: Option<usize>,
}

/// All combinations.
pub fn all() -> Vec<Mix> {
    let mut mixes = Vec::new();
    for senders in 1..=4 {
        for receivers in 1..=4 {
            for method in [Method::Wait, Method::Tokio, Method::Plain, Method::Try] {
                for item in [Type::Unit, Type::Number, Type::Boxed, Type::Large, Type::Page] {
                    for capacity in [Some(1), Some(2), Some(63), Some(64), Some(65), Some(1024), None] {
                        mixes.push(Mix { senders, receivers, method, item, capacity });
                    }
                }
            }
        }
    }
    mixes
}
