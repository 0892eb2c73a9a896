pub use crate::channels::{joinq as threads, joinq_tasks as tasks};
