//! Timers: calls at a time, and futures that wait for a time.

mod clock;
mod sleep;
mod timekeeper;

pub(crate) use clock::Time;
pub(crate) use sleep::Sleep;
