//! A process that must not call `membarrier` (`src/raw/fence.rs`), from the start or from some later point:
//! all items arrive nevertheless. A seccomp filter refuses the call.
#![cfg(all(target_os = "linux", any(target_env = "gnu", target_env = "musl")))]
#![allow(unsafe_code)]

use joinq::Queue;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};
use std::sync::Arc;
use std::thread;

/// So large that a getter reaches its spin limit while the item is copied.
const SIZE: usize = 1 << 18;
type Large = [u8; SIZE];

/// An item whose first bytes are its number.
fn large(number: u32) -> Large {
    let mut value = [0; SIZE];
    value[..4].copy_from_slice(&number.to_le_bytes());
    value
}

/// Whether this build ever makes the system call.
const MAKES_THE_CALL: bool =
    cfg!(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(feature = "rmw-handshake")));

const REFUSE: u32 = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;
const KILL: u32 = libc::SECCOMP_RET_KILL_PROCESS;

/// From now on the kernel answers the system call with `action`, in this thread and in the threads that it
/// starts.
fn filter(action: u32) -> bool {
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    let step = |code, k, jf| libc::sock_filter { code, jt: 0, jf, k };
    let mut filter = [
        step((libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16, 0, 0),
        step((libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16, libc::SYS_membarrier as u32, 1),
        step(RETURN, action, 0),
        step(RETURN, libc::SECCOMP_RET_ALLOW, 0),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: the kernel reads the program, which outlives the calls, and writes nothing.
    let denied = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program, 0, 0) == 0
    };
    if !denied {
        eprintln!("skipped: no filter of system calls can be set");
    }
    denied
}

fn deny() -> bool {
    filter(REFUSE)
}

/// So many small items that the process registers with the kernel for `membarrier`.
fn pass_many_small_items() {
    pass_small_items(1_200_000);
}

fn pass_small_items(count: u64) {
    let queue = Queue::unbounded();
    for n in 0..count {
        queue.try_put(n).unwrap();
        assert_eq!(queue.try_get().unwrap(), n);
    }
}

/// Runs `part` in a process of its own, in which no thread has made the call before: the test `name` in a new
/// process. Returns `None` in that process.
fn in_a_child(name: &str, part: impl FnOnce()) -> Option<Output> {
    const MARK: &str = "JOINQ_TEST_DENIED";
    if std::env::var_os(MARK).is_some() {
        part();
        return None;
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    Some(child.args(["--exact", name, "--nocapture", "--test-threads=1"]).env(MARK, "1").output().unwrap())
}

/// Prints without buffering, for a process that may be killed next.
fn print(word: &str) {
    let mut out = std::io::stdout();
    out.write_all(word.as_bytes()).and_then(|()| out.flush()).unwrap();
}

/// One thread puts large items. Another thread, which may be denied the barrier, gets them.
fn assert_large_items_arrive(getter_denied: bool) {
    const COUNT: u32 = 200;
    let large_stack = || thread::Builder::new().stack_size(64 << 20);
    let queue = Arc::new(Queue::<Large>::bounded(4));
    let putter = {
        let queue = queue.clone();
        move || (0..COUNT).for_each(|number| queue.put(large(number)).wait().unwrap())
    };
    let getter = move || {
        let _ = getter_denied && deny();
        for number in 0..COUNT {
            let value = queue.get().wait().unwrap();
            assert_eq!(value[..4], number.to_le_bytes());
        }
        queue
    };
    let threads = (large_stack().spawn(putter).unwrap(), large_stack().spawn(getter).unwrap());
    threads.0.join().unwrap();
    let queue = threads.1.join().unwrap();
    // The drop of a queue moves each item through the stack, so it needs a large one.
    large_stack().spawn(|| drop(queue)).unwrap().join().unwrap();
}

#[test]
fn items_arrive_when_membarrier_is_denied_midway() {
    pass_many_small_items();
    assert_large_items_arrive(false);
    assert_large_items_arrive(true);
    assert_large_items_arrive(false);
}

#[test]
fn items_arrive_when_membarrier_is_denied_from_the_start() {
    let output = in_a_child("items_arrive_when_membarrier_is_denied_from_the_start", || {
        if deny() {
            pass_small_items(1);
            // A call that was refused once is not tried again: it would kill the process.
            assert!(filter(KILL));
            pass_small_items(2_000_000);
            assert_large_items_arrive(false);
        }
    });
    assert!(output.map_or(true, |output| output.status.success()));
}

#[test]
fn items_arrive_when_membarrier_is_denied_after_the_first_put() {
    let output = in_a_child("items_arrive_when_membarrier_is_denied_after_the_first_put", || {
        pass_small_items(1);
        if deny() {
            pass_many_small_items();
            assert!(filter(KILL));
            pass_small_items(2_000_000);
            assert_large_items_arrive(false);
        }
    });
    assert!(output.map_or(true, |output| output.status.success()));
}

/// A process that is killed for the call dies at its first put, or never makes the call.
#[test]
fn a_process_that_may_not_call_membarrier_dies_at_the_first_put_or_never() {
    let output = in_a_child("a_process_that_may_not_call_membarrier_dies_at_the_first_put_or_never", || {
        if filter(KILL) {
            print("<filtered>");
            pass_small_items(1);
            print("<put>");
            pass_small_items(2_000_000);
            assert_large_items_arrive(false);
            print("<lived>");
        }
    });
    let Some(output) = output else { return };
    let said = String::from_utf8_lossy(&output.stdout);
    if said.contains("<filtered>") {
        assert_eq!(output.status.signal(), MAKES_THE_CALL.then_some(libc::SIGSYS), "{said}");
        assert_eq!((said.contains("<put>"), said.contains("<lived>")), (!MAKES_THE_CALL, !MAKES_THE_CALL), "{said}");
    } else {
        assert!(output.status.success(), "{said}");
    }
}

/// A forked child has a copy of the queue, and can use the barrier.
#[test]
fn a_forked_child_can_use_the_queue() {
    let queue = Queue::unbounded();
    pass_many_small_items();
    (0..1000).for_each(|n| queue.try_put(n).unwrap());
    // SAFETY: the child uses only the queue, which takes no lock of another thread, and the allocator, which
    // glibc keeps usable in a child.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let passed = (0..1000).all(|n| queue.try_get().is_ok_and(|got| got == n))
            && (0..100_000).all(|n| queue.try_put(n).is_ok() && queue.try_get().is_ok_and(|got| got == n));
        // SAFETY: no condition; the child ends here.
        unsafe { libc::_exit(i32::from(!passed)) }
    }
    let mut status = 0;
    // SAFETY: `status` is a local variable.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert_eq!(status, 0);
    assert!((0..1000).all(|n| queue.try_get() == Ok(n)));
}

/// A slot is claimed and its item follows later. A get with a timeout that reaches the slot does not wait for the
/// item, although the call was denied after the first put.
#[cfg(feature = "compat")]
#[test]
fn a_get_times_out_beside_a_late_item_when_membarrier_is_denied_after_the_first_put() {
    use joinq::compat::crossbeam_channel::{bounded, Select};
    use std::time::{Duration, Instant};

    let name = "a_get_times_out_beside_a_late_item_when_membarrier_is_denied_after_the_first_put";
    let output = in_a_child(name, || {
        let (sender, receiver) = bounded::<u32>(4);
        sender.send(0).unwrap();
        assert_eq!(receiver.recv(), Ok(0));
        if !deny() {
            return;
        }
        let mut select = Select::new();
        let index = select.send(&sender);
        let claimed = select.select();
        assert_eq!(claimed.index(), index);
        let other = receiver.clone();
        let getter = thread::spawn(move || other.recv_timeout(Duration::from_millis(100)));
        let begin = Instant::now();
        while !getter.is_finished() && begin.elapsed() < Duration::from_secs(5) {
            thread::yield_now();
        }
        let in_time = getter.is_finished();
        claimed.send(&sender, 1).unwrap();
        let got = getter.join().unwrap();
        assert!(in_time, "a get with a timeout of 100 ms waited for the item for 5 s; then it returned {got:?}");
    });
    assert!(output.map_or(true, |output| {
        eprintln!("{}", String::from_utf8_lossy(&output.stderr));
        output.status.success()
    }));
}

/// The call is denied after the process has registered for it. A get that reaches a slot whose item follows later
/// cannot know whether the item is there: it waits, and does not pass the slot. Segments that are made later need no
/// call.
#[cfg(all(feature = "compat", not(feature = "rmw-handshake")))]
#[test]
fn a_get_passes_no_slot_without_the_call_and_later_segments_need_none() {
    use joinq::compat::crossbeam_channel::{bounded, Receiver, Select, SelectedOperation, Sender, TryRecvError};
    use std::time::{Duration, Instant};

    /// A channel in which a slot is claimed that is not the first one of its segment.
    fn channel() -> (Sender<u32>, Receiver<u32>) {
        let (sender, receiver) = bounded(4);
        sender.send(0).unwrap();
        assert_eq!(receiver.recv(), Ok(0));
        (sender, receiver)
    }
    fn claim(sender: &Sender<u32>) -> SelectedOperation<'_> {
        let mut select = Select::new();
        select.send(sender);
        select.select()
    }

    let name = "a_get_passes_no_slot_without_the_call_and_later_segments_need_none";
    let output = in_a_child(name, || {
        pass_many_small_items();
        if !deny() {
            return;
        }
        let (sender, receiver) = channel();
        let claimed = claim(&sender);
        sender.send(2).unwrap();
        let other = receiver.clone();
        let getter = thread::spawn(move || other.recv());
        let begin = Instant::now();
        while receiver.len() == 2 && begin.elapsed() < Duration::from_secs(10) {
            thread::yield_now();
        }
        // Meanwhile the kernel refuses the call of the get that has claimed the slot.
        thread::sleep(Duration::from_millis(200));
        claimed.send(&sender, 1).unwrap();
        assert_eq!((getter.join().unwrap(), receiver.recv()), (Ok(1), Ok(2)));
        assert!(filter(KILL));
        let (sender, receiver) = channel();
        let claimed = claim(&sender);
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
        claimed.send(&sender, 1).unwrap();
        assert_eq!(receiver.recv(), Ok(1));
    });
    assert!(output.map_or(true, |output| {
        eprintln!("{}{}", String::from_utf8_lossy(&output.stderr), output.status);
        output.status.success()
    }));
}
