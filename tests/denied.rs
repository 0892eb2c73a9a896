//! A process that must not use the process-wide barrier (`src/raw/barrier.rs`), from the start or from some moment on: all
//! items come all the same. A filter of system calls refuses it, for real.
#![cfg(all(target_os = "linux", any(target_env = "gnu", target_env = "musl")))]
#![allow(unsafe_code)]

use joinq::Queue;
use std::process::Command;
use std::sync::Arc;
use std::thread;

/// Large enough that a getter loses patience while it is copied.
const SIZE: usize = 1 << 18;
type Large = [u8; SIZE];

/// Says in its first bytes which it is.
fn large(number: u32) -> Large {
    let mut value = [0; SIZE];
    value[..4].copy_from_slice(&number.to_le_bytes());
    value
}

/// From here on the kernel refuses the barrier to this thread, and to those that it starts.
fn deny() -> bool {
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    let step = |code, k, jf| libc::sock_filter { code, jt: 0, jf, k };
    let mut filter = [
        step((libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16, 0, 0),
        step((libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16, libc::SYS_membarrier as u32, 1),
        step(RETURN, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32, 0),
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

/// Small items: enough of them that the kernel is asked.
fn many_small_ones() {
    let queue = Queue::unbounded();
    for n in 0..1_200_000u64 {
        queue.try_put(n).unwrap();
        assert_eq!(queue.try_get().unwrap(), n);
    }
}

/// One thread puts large items, another, to which the barrier may be denied, gets them.
fn all_large_ones_arrive(getter_denied: bool) {
    const COUNT: u32 = 200;
    let roomy = || thread::Builder::new().stack_size(64 << 20);
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
    let threads = (roomy().spawn(putter).unwrap(), roomy().spawn(getter).unwrap());
    threads.0.join().unwrap();
    let queue = threads.1.join().unwrap();
    // The end of a queue takes out what is inside, by a large piece of stack.
    roomy().spawn(|| drop(queue)).unwrap().join().unwrap();
}

#[test]
fn denied_from_some_moment_on() {
    many_small_ones();
    all_large_ones_arrive(false);
    all_large_ones_arrive(true);
    all_large_ones_arrive(false);
}

#[test]
fn denied_from_the_start() {
    // In a process of its own, in which nobody has asked before.
    const MARK: &str = "JOINQ_TEST_DENIED";
    if std::env::var_os(MARK).is_some() {
        if deny() {
            many_small_ones();
            all_large_ones_arrive(false);
        }
        return;
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    let status = child.args(["--exact", "denied_from_the_start"]).env(MARK, "1").status().unwrap();
    assert!(status.success());
}

/// A forked child has the queue as it was, and the barrier.
#[test]
fn a_forked_child_goes_on() {
    let queue = Queue::unbounded();
    many_small_ones();
    (0..1000).for_each(|n| queue.try_put(n).unwrap());
    // SAFETY: the child calls nothing but the queue, which takes no lock of another thread, and the allocator, which glibc
    // keeps usable in a child.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let went = (0..1000).all(|n| queue.try_get().is_ok_and(|got| got == n))
            && (0..100_000).all(|n| queue.try_put(n).is_ok() && queue.try_get().is_ok_and(|got| got == n));
        // SAFETY: leaves at once.
        unsafe { libc::_exit(i32::from(!went)) }
    }
    let mut status = 0;
    // SAFETY: `status` is ours.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert_eq!(status, 0);
    assert!((0..1000).all(|n| queue.try_get() == Ok(n)));
}
