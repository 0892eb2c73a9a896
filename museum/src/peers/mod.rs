//! The crates, behind one trait.

mod async_channel;
mod crossbeam;
mod crossfire;
mod flume;
mod joinq;
mod kanal;
mod tokio;

pub use async_channel::AsyncChannel;
pub use crossbeam::Crossbeam;
pub use crossfire::Crossfire;
pub use flume::Flume;
pub use joinq::{Channel, Mpsc, Permits, Queue};
pub use kanal::Kanal;
pub use tokio::Tokio;
