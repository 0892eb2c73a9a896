//! Programs and tests of joinq-flow that kill processes or need other tools.
//!
//! `cargo run --release -p joinq-demos --bin kill -- --help` names the tests of what survives a kill. In each
//! of them the process under test ([`child`]) writes a line for each event, and another process reads the
//! lines and the file of the store, keeps the [`ledger`] and judges. `--bin stress` runs the tests of what
//! survives overload, changes of the capacity, cancels, panics and drops ([`stress`]). `--bin observed` is a
//! pipeline with an endpoint for Prometheus ([`observed`]).

pub mod acceptance;
pub mod bridges;
pub mod child;
pub mod item;
pub mod ledger;
pub mod line;
pub mod mqtt;
pub mod observed;
pub mod parent;
pub mod servers;
pub mod stores;
pub mod strace;
pub mod stress;
