//! Unit tests of the registration for `membarrier`.

use super::system::is_single_threaded;

#[test]
fn a_process_with_two_threads_is_not_single_threaded() {
    // The thread of the harness beside this one would do, but a harness may run a test in its own thread.
    let (keep, kept) = std::sync::mpsc::channel::<()>();
    let other = std::thread::spawn(move || kept.recv().is_err());
    assert!(!is_single_threaded());
    drop(keep);
    assert!(other.join().unwrap());
}
