//! Which types can go to other threads.

use joinq_flow::{
    Attempt, Dead, Job, Join, Output, Put, Refused, Semaphore, Settled, Shutdown, Stage, Stats, Unsettled,
};

fn send<T: Send>() {}
fn sync<T: Sync>() {}
fn future_is_send<F: Send>(_future: F) {}

#[test]
fn handles_and_operations_go_to_other_threads() {
    send::<Stage<String, Vec<u8>>>();
    sync::<Stage<String, Vec<u8>>>();
    send::<Job<String, Vec<u8>>>();
    sync::<Job<String, Vec<u8>>>();
    send::<Attempt<String, Vec<u8>>>();
    send::<Dead<String>>();
    send::<Put<String>>();
    send::<Join<String>>();
    send::<Shutdown<String>>();
    send::<Unsettled<String>>();
    send::<Output<String, u8>>();
    send::<Settled<String, u8>>();
    send::<Refused<String>>();
    send::<Semaphore>();
    sync::<Semaphore>();
    send::<Stats>();
}

#[test]
fn the_future_of_a_worker_can_be_spawned() {
    let stage: Stage<String> = Stage::builder("send").build();
    future_is_send(stage.work_async(|_| async { Ok(()) }));
}
