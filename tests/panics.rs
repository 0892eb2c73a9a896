//! A panic for a wrong call names the line of that call, and its message says what to do.

mod common;

use futures_lite::future::block_on;
use joinq::{mpsc, Queue};
use std::cell::RefCell;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Once;
use std::time::{Duration, Instant};

thread_local! {
    /// The file, the line and the message of the last panic on this thread.
    static LAST: RefCell<Option<(String, u32, String)>> = const { RefCell::new(None) };
}

/// Where `call` panics, and with which message.
fn panic_of<R>(call: impl FnOnce() -> R) -> (String, u32, String) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        std::panic::set_hook(Box::new(|info| {
            let place = info.location().unwrap();
            let payload = info.payload();
            let text = payload.downcast_ref::<&str>().map(|text| text.to_string());
            let text = text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default();
            eprintln!("panic at {place}: {text}");
            LAST.with(|last| *last.borrow_mut() = Some((place.file().to_owned(), place.line(), text)));
        }));
    });
    let panicked = catch_unwind(AssertUnwindSafe(|| drop(call()))).is_err();
    assert!(panicked, "the call did not panic");
    LAST.with(|last| last.borrow_mut().take()).unwrap()
}

/// Checks that the call panics at its own line with a message that contains `advice`.
macro_rules! blames_its_line {
    ($advice:literal, $call:expr) => {
        let (file, line, message) = panic_of(|| $call);
        assert!(
            file == file!() && line.abs_diff(line!()) <= 1,
            "{}: panicked at {file}:{line}: {message}",
            stringify!($call)
        );
        assert!(message.contains($advice), "{}: `{message}` does not contain `{}`", stringify!($call), $advice);
    };
}

#[test]
fn constructors_blame_the_line_that_calls_them() {
    let _watchdog = common::watchdog();
    blames_its_line!("`Queue::bounded(0)`", Queue::<u8>::with_permits(0));
    blames_its_line!("`joinq::bounded(0)`", mpsc::bounded::<u8>(0));
    blames_its_line!("`Queue::bounded(0)`", joinq::with_permits::<u8>(0));
}

#[test]
fn reservations_blame_the_line_that_asks_for_them() {
    let _watchdog = common::watchdog();
    let bounded = Queue::<u8>::bounded(4);
    blames_its_line!("`Queue::with_permits`", bounded.reserve(1));
    blames_its_line!("`Queue::with_permits`", bounded.try_reserve(1));
    let queue = Queue::with_permits(4);
    blames_its_line!("only 4", queue.reserve(5));
    let owned = std::sync::Arc::new(Queue::<u8>::with_permits(4));
    blames_its_line!("only 4", owned.clone().reserve_owned(5));
    blames_its_line!("only 4", owned.try_reserve_owned(5));
    blames_its_line!("only 4", queue.try_reserve(5));
    let (sender, _receiver) = joinq::with_permits::<u8>(4);
    blames_its_line!("only 4", sender.reserve(5));
    blames_its_line!("only 4", sender.try_reserve(5));
    blames_its_line!("only 4", sender.clone().into_reserve(5));
    let (bounded, _receiver) = joinq::bounded::<u8>(4);
    blames_its_line!("with_permits", bounded.reserve(1));
    blames_its_line!("with_permits", bounded.try_reserve(1));
    let mut permits = queue.try_reserve(1).unwrap();
    permits.put(1);
    blames_its_line!("reserve as many", permits.put(2));
}

#[test]
fn changes_of_the_capacity_blame_the_line_that_makes_them() {
    let _watchdog = common::watchdog();
    blames_its_line!("create it by `bounded`", Queue::<u8>::unbounded().set_capacity(1));
    blames_its_line!("greater than zero", Queue::<u8>::bounded(0).set_capacity(1));
    blames_its_line!("use `close`", Queue::<u8>::bounded(1).set_capacity(0));
    blames_its_line!("use `close`", Queue::<u8>::with_permits(1).set_capacity(0));
    let (sender, receiver) = joinq::unbounded::<u8>();
    blames_its_line!("create it by `bounded`", sender.set_capacity(1));
    blames_its_line!("create it by `bounded`", receiver.set_capacity(1));
    let (_sender, receiver) = mpsc::bounded::<u8>(1);
    blames_its_line!("use `close`", receiver.set_capacity(0));
}

#[allow(clippy::redundant_async_block)] // the line of the `.await` is what is checked
#[test]
fn operations_that_have_ended_blame_the_line_that_uses_them() {
    let _watchdog = common::watchdog();
    let queue = Queue::unbounded();
    let ended = || {
        let mut put = queue.put(1);
        put.take();
        put
    };
    blames_its_line!("call the method", ended().wait());
    blames_its_line!("call the method", ended().wait_timeout(Duration::ZERO));
    blames_its_line!("call the method", ended().wait_deadline(Instant::now()));
    blames_its_line!("call the method", ended().until(std::future::pending::<()>()));
    blames_its_line!("call the method", block_on(async { ended().await }));
    let (_, waker) = common::Count::new();
    let mut context = std::task::Context::from_waker(&waker);
    let (mut get, mut until) = (queue.get(), queue.get().until(std::future::ready(())));
    queue.try_put(1).unwrap();
    block_on(&mut get).unwrap();
    assert!(block_on(&mut until).unwrap_err().is_timeout());
    use std::future::Future;
    blames_its_line!("call the method", std::pin::Pin::new(&mut get).poll(&mut context));
    blames_its_line!("call the method", std::pin::Pin::new(&mut until).poll(&mut context));
    blames_its_line!("call the method", block_on(async { until.await }));
    queue.try_put(1).unwrap();
    let mut batch = Vec::new();
    let mut linger = queue.get_many(&mut batch, 1).linger(std::future::pending::<()>);
    assert_eq!(block_on(&mut linger), Ok(1));
    blames_its_line!("call the method", std::pin::Pin::new(&mut linger).poll(&mut context));
}

#[test]
fn operations_of_a_channel_blame_the_line_that_uses_them() {
    let _watchdog = common::watchdog();
    let (sender, receiver) = joinq::bounded(1);
    let (mut send, mut receive) = (sender.send(1), receiver.recv());
    send.take();
    sender.try_send(1).unwrap();
    block_on(&mut receive).unwrap();
    blames_its_line!("`Send` has ended", send.wait());
    blames_its_line!("`Recv` has ended", receive.wait());
    let (sender, mut receiver) = mpsc::bounded(1);
    sender.try_send(1).unwrap();
    let mut receive = receiver.recv();
    block_on(&mut receive).unwrap();
    blames_its_line!("`Recv` has ended", receive.wait());
}

#[test]
fn selects_blame_the_line_that_begins_them() {
    let _watchdog = common::watchdog();
    blames_its_line!("add one", joinq::Selector::<()>::new().wait());
    blames_its_line!("add one", joinq::Selector::<()>::new().wait_timeout(Duration::MAX));
    let (queue, mut none) = (Queue::<u8>::unbounded(), None);
    blames_its_line!("`None`", joinq::Selector::new().put(&queue, &mut none, |put| put));
    let (sender, _receiver) = joinq::unbounded::<u8>();
    blames_its_line!("`None`", joinq::Selector::new().send(&sender, &mut none, |sent| sent));
}

#[cfg(feature = "sink")]
#[test]
fn sinks_blame_the_line_that_starts_too_early() {
    use futures_sink::Sink;
    use std::pin::Pin;

    let _watchdog = common::watchdog();
    let queue = Queue::bounded(1);
    let mut sink = queue.sink();
    Pin::new(&mut sink).start_send(1).unwrap();
    blames_its_line!("`poll_ready`", Pin::new(&mut sink).start_send(2));
    let (sender, _receiver) = joinq::bounded(1);
    let mut sink = sender.into_sink();
    Pin::new(&mut sink).start_send(1).unwrap();
    blames_its_line!("`poll_ready`", Pin::new(&mut sink).start_send(2));
}

#[cfg(feature = "compat")]
#[test]
fn constructors_of_other_crates_channels_blame_the_line_that_calls_them() {
    let _watchdog = common::watchdog();
    blames_its_line!("cannot be zero", joinq::compat::async_channel::bounded::<u8>(0));
}

#[cfg(feature = "compat")]
#[test]
fn selects_of_other_crates_channels_blame_the_line_that_uses_them() {
    use joinq::compat::crossbeam_channel::{unbounded, Select};

    let _watchdog = common::watchdog();
    blames_its_line!("no operations", Select::new().select());
    blames_its_line!("no operations", Select::new().ready());
    blames_its_line!("out of bounds", Select::new().remove(1));
    let ((sender, receiver), (other_sender, other_receiver)) = (unbounded::<u8>(), unbounded::<u8>());
    sender.send(1).unwrap();
    let mut receives = Select::new();
    receives.recv(&receiver);
    blames_its_line!("wasn't selected", receives.select().recv(&other_receiver));
    let mut sends = Select::new();
    sends.send(&sender);
    blames_its_line!("wasn't selected", sends.select().send(&other_sender, 1));
    blames_its_line!("no operation was added", joinq::compat::flume::Selector::<()>::new().wait());
}

#[cfg(feature = "tokio")]
#[test]
fn channels_of_tokio_blame_the_line_that_uses_them() {
    use joinq::compat::tokio_mpsc;

    let _watchdog = common::watchdog();
    blames_its_line!("buffer > 0", tokio_mpsc::channel::<u8>(0));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (sender, mut receiver) = tokio_mpsc::channel(1);
    let _entered = runtime.enter();
    runtime.block_on(async {
        blames_its_line!("Cannot block", sender.blocking_send(1));
        blames_its_line!("Cannot block", receiver.blocking_recv());
    });
}
