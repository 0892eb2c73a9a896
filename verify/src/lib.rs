//! Checks of joinq that take long: linearizability, order, soak, cancellation.
//!
//! Each check is a subcommand of the program `joinq-verify`, and a short form of each runs as a test. The checkers are
//! tested on queues with a fault, which each checker has to find.

pub mod allocator;
pub mod cancel;
pub mod fifo;
pub mod history;
pub mod memory;
pub mod report;
pub mod watchdog;

#[global_allocator]
static ALLOCATOR: allocator::Checking = allocator::Checking;
