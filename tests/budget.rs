//! tokio's cooperative budget: a task whose operations never wait lets other tasks run, and an operation that
//! finds the budget exhausted takes nothing and loses nothing.

mod common;

use common::watchdog;
use joinq::Queue;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};
use tokio::task::coop::cooperative;

/// More steps than the budget of one poll allows.
const MOST: usize = 2_000;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}

/// Spawns a task that is ready at once; the result says whether it has run.
fn spawn_another_task() -> Arc<AtomicBool> {
    let has_run = Arc::new(AtomicBool::new(false));
    let flag = has_run.clone();
    tokio::spawn(async move { flag.store(true, Ordering::Relaxed) });
    has_run
}

/// How many times a task awaits `$step` before another task runs, which is ready from the beginning; at most
/// `MOST`.
macro_rules! steps_before_another_task {
    ($step:expr) => {{
        let _watchdog = watchdog();
        runtime().block_on(async {
            let has_run = spawn_another_task();
            let mut steps = 0;
            while steps < MOST && !has_run.load(Ordering::Relaxed) {
                let _ = $step.await;
                steps += 1;
            }
            steps
        })
    }};
}

fn filled() -> Queue<usize> {
    let queue = Queue::unbounded();
    queue.try_put_many(0..2 * MOST).unwrap();
    queue
}

/// With the feature `tokio` and without it.
#[test]
fn cooperative_lets_other_tasks_run_beside_one_operation() {
    let queue = filled();
    let steps = steps_before_another_task!(cooperative(queue.get()));
    assert!((1..MOST / 2).contains(&steps), "{steps} steps before another task ran");
    assert_eq!(queue.try_get(), Ok(steps), "no item is lost");
}

/// A select blocks its thread, so a branch that is pending for lack of budget would never be polled again.
#[cfg(feature = "tokio")]
#[test]
fn a_select_in_a_task_completes_without_budget() {
    let _watchdog = watchdog();
    runtime().block_on(async {
        let queue = filled();
        for _ in 0..MOST {
            // Each iteration would cost one unit; a block like this is never preempted.
            assert!(joinq::Selector::new().add(cooperative(queue.get()), |got| got.is_ok()).wait());
        }
        queue.shutdown_now();
        queue.tasks_done(MOST).unwrap();
        joinq::Selector::new().add(queue.join(), |()| ()).add(queue.closed(), |()| ()).wait();
    });
}

#[cfg(not(feature = "tokio"))]
#[test]
fn without_the_feature_operations_take_no_part() {
    let queue = filled();
    assert_eq!(steps_before_another_task!(queue.get()), MOST);
}

#[cfg(feature = "tokio")]
mod takes_part {
    use super::*;
    use futures_lite::StreamExt;
    use joinq::compat::{async_channel, flume, tokio_mpsc};
    use joinq::{mpsc, unbounded, Receiver, Sender};
    use std::future::{pending, poll_fn, ready};
    use std::pin::{pin, Pin};

    /// The steps of a receive by tokio's own channel, each of which costs one unit of the budget.
    fn steps_of_tokio() -> usize {
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        (0..MOST).for_each(|n| sender.send(n).unwrap());
        let steps = steps_before_another_task!(receiver.recv());
        assert!((1..MOST / 2).contains(&steps));
        steps
    }

    /// Asserts that each step costs one unit of the budget.
    macro_rules! cost_one_unit {
        ($($operation:literal: $step:expr;)+) => {$(
            assert_eq!(steps_before_another_task!($step), steps_of_tokio(), "steps of {}", $operation);
        )+};
    }

    fn channel() -> (Sender<usize>, Receiver<usize>) {
        let (sender, receiver) = unbounded();
        sender.try_send_many(0..2 * MOST).unwrap();
        (sender, receiver)
    }

    #[test]
    fn operations_of_a_queue() {
        let (queue, idle) = (filled(), Queue::<u8>::unbounded());
        let mut batch = Vec::new();
        cost_one_unit! {
            "get": queue.get();
            "get_many": queue.get_many(&mut batch, 2);
            "get_task": queue.get_task();
            "get until a timer": queue.get().until(pending::<()>());
            "get_many that lingers": queue.get_many(&mut batch, 2).linger(pending::<()>);
            "put": queue.put(0);
            "put_many": queue.put_many([0, 0]);
            "put until a timer": queue.put(0).until(ready(()));
            "join of an idle queue": idle.join();
        }
        idle.close();
        cost_one_unit! {
            "closed of a closed queue": idle.closed();
            "get of a closed queue": idle.get();
            "put into a closed queue": idle.put(0);
        }
        let with_permits = Queue::<usize>::with_permits(2);
        cost_one_unit! {
            "reserve": with_permits.reserve(2);
        }
    }

    #[test]
    fn operations_that_own_their_queue() {
        let (queue, idle) = (Arc::new(filled()), Arc::new(Queue::<u8>::unbounded()));
        let with_permits = Arc::new(Queue::<u8>::with_permits(2));
        let (mut stream, mut sink) = (queue.clone().stream_owned(), queue.clone().sink_owned());
        cost_one_unit! {
            "get_owned": queue.clone().get_owned();
            "get_many_owned": queue.clone().get_many_owned(2);
            "get_task_owned": queue.clone().get_task_owned();
            "stream_owned": stream.next();
            "put_owned": queue.clone().put_owned(0);
            "put_many_owned": queue.clone().put_many_owned([0, 0]);
            "sink_owned": send(&mut sink);
            "join_owned": idle.clone().join_owned();
            "reserve_owned": with_permits.clone().reserve_owned(2);
        }
        idle.close();
        cost_one_unit! { "closed_owned": idle.clone().closed_owned(); }
    }

    #[test]
    fn a_put_and_a_get_in_turn() {
        let queue = Queue::bounded(1);
        let step = || async {
            queue.put(1).await.unwrap();
            queue.get().await.unwrap();
        };
        // The step that finds no budget completes when the other task has run.
        assert_eq!(steps_before_another_task!(step()), (steps_of_tokio() - 1) / 2 + 1);
    }

    #[test]
    fn operations_of_a_channel() {
        let (sender, receiver) = channel();
        let mut batch = Vec::new();
        cost_one_unit! {
            "recv": receiver.recv();
            "recv_many": receiver.recv_many(&mut batch, 2);
            "into_recv": receiver.clone().into_recv();
            "into_recv_many": receiver.clone().into_recv_many(2);
            "send": sender.send(0);
            "send_many": sender.send_many([0, 0]);
            "into_send": sender.clone().into_send(0);
            "into_send_many": sender.clone().into_send_many([0, 0]);
        }
        receiver.close();
        cost_one_unit! { "closed": sender.closed(); }
        let (sender, _receiver) = joinq::with_permits::<u8>(2);
        cost_one_unit! {
            "reserve": sender.reserve(2);
            "into_reserve": sender.clone().into_reserve(2);
        }
    }

    #[test]
    fn operations_of_a_single_consumer() {
        let (unbounded, bounded) = (mpsc::unbounded(), mpsc::bounded(2 * MOST));
        for (sender, mut receiver) in [unbounded, bounded] {
            sender.try_send_many(0..2 * MOST).unwrap();
            let mut batch = Vec::new();
            cost_one_unit! {
                "recv": receiver.recv();
                "recv_many": receiver.recv_many(&mut batch, 2);
                "poll_recv": poll_fn(|context| receiver.poll_recv(context));
                "the receiver as a stream": receiver.next();
            }
        }
    }

    #[test]
    fn streams() {
        let queue = filled();
        let mut stream = queue.stream();
        let mut owned = channel().1.into_stream();
        cost_one_unit! {
            "the stream of a queue": stream.next();
            "the stream of a channel": owned.next();
        }
    }

    /// As `SinkExt::send` of `futures`.
    async fn send<S: futures_sink::Sink<usize> + Unpin>(sink: &mut S) {
        poll_fn(|context| Pin::new(&mut *sink).poll_ready(context)).await.ok().unwrap();
        Pin::new(&mut *sink).start_send(0).ok().unwrap();
        poll_fn(|context| Pin::new(&mut *sink).poll_flush(context)).await.ok().unwrap();
    }

    #[test]
    fn sinks() {
        let queue = Queue::unbounded();
        let (sender, _receiver) = unbounded();
        let (mut sink, mut owned) = (queue.sink(), sender.into_sink());
        cost_one_unit! {
            "the sink of a queue": send(&mut sink);
            "the sink of a channel": send(&mut owned);
        }
    }

    #[test]
    fn the_drop_in_of_tokio_takes_part_once() {
        let (sender, mut receiver) = tokio_mpsc::channel(2 * MOST);
        (0..MOST).for_each(|n| sender.try_send(n).unwrap());
        let mut batch = Vec::new();
        cost_one_unit! {
            "send of tokio_mpsc": sender.send(0);
            "reserve of tokio_mpsc": sender.reserve();
            "recv of tokio_mpsc": receiver.recv();
            "poll_recv of tokio_mpsc": poll_fn(|context| receiver.poll_recv(context));
            "recv_many of tokio_mpsc": receiver.recv_many(&mut batch, 2);
            "recv_many of none of tokio_mpsc": receiver.recv_many(&mut batch, 0);
        }
        receiver.close();
        while receiver.try_recv().is_ok() {}
        cost_one_unit! { "recv at the end of tokio_mpsc": receiver.recv(); }
    }

    /// These modules behave as their crates do, whichever features are on.
    #[test]
    fn a_drop_in_for_a_crate_that_knows_no_budget_takes_no_part() {
        macro_rules! cost_nothing {
            ($($operation:literal: $step:expr;)+) => {$(
                assert_eq!(steps_before_another_task!($step), MOST, "steps of {}", $operation);
            )+};
        }

        let (sender, receiver) = async_channel::unbounded();
        (0..2 * MOST).for_each(|n| sender.try_send(n).unwrap());
        let mut stream = pin!(receiver.clone());
        cost_nothing! {
            "send of async_channel": sender.send(0);
            "recv of async_channel": receiver.recv();
            "the stream of async_channel": stream.next();
        }
        receiver.close();
        cost_nothing! { "closed of async_channel": sender.closed(); }

        let (sender, receiver) = flume::unbounded();
        (0..2 * MOST).for_each(|n| sender.send(n).unwrap());
        let (mut stream, mut sink) = (receiver.stream(), sender.sink());
        cost_nothing! {
            "send_async of flume": sender.send_async(0);
            "recv_async of flume": receiver.recv_async();
            "the stream of flume": stream.next();
            "the sink of flume": send(&mut sink);
        }
    }
}

/// Operations in a task without budget.
#[cfg(feature = "tokio")]
mod exhausted {
    use super::*;
    use common::{Count, Probe};
    use futures_core::Stream;
    use futures_sink::Sink;
    use joinq::compat::tokio_mpsc;
    use joinq::{bounded, mpsc, unbounded, GetTimeoutError, PutTimeoutError};
    use std::future::{pending, poll_fn, ready, Future};
    use std::task::{Context, Poll};
    use tokio::task::coop::{consume_budget, has_budget_remaining};
    use tokio::task::yield_now;

    /// Uses up what is left of the budget. The next `yield_now` restores it.
    async fn exhaust_budget() {
        while has_budget_remaining() {
            consume_budget().await;
        }
    }

    fn run<F: Future>(test: F) -> F::Output {
        let _watchdog = watchdog();
        runtime().block_on(test)
    }

    fn full() -> Queue<u32> {
        let queue = Queue::bounded(1);
        queue.try_put(0).unwrap();
        queue
    }

    /// A poll without budget is pending and wakes the task; a poll in the next turn is ready.
    macro_rules! wait_for_the_next_turn {
        ($($operation:expr => $expected:pat,)+) => {$({
            exhaust_budget().await;
            let mut probe = Probe::pending(Box::pin($operation));
            assert!(!has_budget_remaining());
            yield_now().await;
            assert_eq!(probe.woken.get(), 1, "{} is woken", stringify!($operation));
            assert!(matches!(probe.poll(), Poll::Ready($expected)), "{} is ready", stringify!($operation));
        })+};
    }

    #[test]
    fn an_operation_is_pending_and_woken_for_the_next_turn() {
        run(async {
            let queue = Queue::bounded(2);
            let mut batch = Vec::new();
            wait_for_the_next_turn! {
                queue.put(1) => Ok(()),
                queue.put_many([2]) => Ok(()),
                queue.get() => Ok(1),
                queue.get_many(&mut batch, 2) => Ok(1),
                queue.put(3).until(pending::<()>()) => Ok(()),
                queue.get_task() => Ok(_),
            }
            let idle = Queue::<u32>::unbounded();
            wait_for_the_next_turn! { idle.join() => (), }
            idle.close();
            wait_for_the_next_turn! { idle.closed() => (), }

            let permits = Queue::<u32>::with_permits(1);
            wait_for_the_next_turn! { permits.reserve(1) => Ok(_), }

            let (sender, receiver) = bounded(1);
            wait_for_the_next_turn! {
                sender.send(1) => Ok(()),
                receiver.recv() => Ok(1),
            }

            let (sender, mut receiver) = mpsc::unbounded();
            sender.try_send_many([1, 2]).unwrap();
            wait_for_the_next_turn! {
                receiver.recv() => Ok(1),
                poll_fn(|context| receiver.poll_recv(context)) => Some(2),
            }
        });
    }

    #[test]
    fn an_operation_that_is_dropped_without_budget_has_done_nothing() {
        run(async {
            let queue = full();
            exhaust_budget().await;
            drop(Probe::pending(queue.get()));
            assert_eq!(queue.try_get(), Ok(0));
            let mut put = Probe::pending(queue.put(1));
            assert!(queue.is_empty());
            assert_eq!(put.future.take(), Some(1));
        });
    }

    #[test]
    fn a_notification_is_kept_for_the_next_turn() {
        run(async {
            let queue = Queue::unbounded();
            let [mut first, mut second] = [Probe::pending(queue.get()), Probe::pending(queue.get())];
            queue.try_put(1).unwrap();
            assert!(first.is_woken() && !second.is_woken());
            exhaust_budget().await;
            assert!(first.poll().is_pending() && second.poll().is_pending());
            yield_now().await;
            assert_eq!((first.woken.get(), second.woken.get()), (2, 1));
            assert_eq!(first.ready(), Ok(1));
            assert!(second.poll().is_pending());
        });
    }

    #[test]
    fn a_notification_is_forwarded_if_the_get_is_dropped_without_budget() {
        run(async {
            let queue = Queue::unbounded();
            let [mut first, second] = [Probe::pending(queue.get()), Probe::pending(queue.get())];
            queue.try_put(1).unwrap();
            exhaust_budget().await;
            assert!(first.poll().is_pending() && !second.is_woken());
            drop(first);
            assert!(second.is_woken());
            yield_now().await;
            assert_eq!(second.ready(), Ok(1));
        });
    }

    #[test]
    fn an_item_that_a_get_has_enqueued_is_neither_returned_nor_put_again() {
        run(async {
            let queue = full();
            let [mut kept, mut taken] = [Probe::pending(queue.put(1)), Probe::pending(queue.put(2))];
            assert_eq!((queue.try_get(), queue.try_get()), (Ok(0), Ok(1)));
            exhaust_budget().await;
            assert!(kept.poll().is_pending() && taken.poll().is_pending());
            assert_eq!(taken.future.take(), None);
            yield_now().await;
            assert_eq!(kept.ready(), Ok(()));
            assert_eq!((queue.try_get(), queue.is_empty()), (Ok(2), true));
        });
    }

    #[test]
    fn waiting_puts_keep_their_fifo_order() {
        run(async {
            let queue = full();
            let mut puts = [1, 2, 3].map(|item| Probe::pending(queue.put(item)));
            for item in 0..4 {
                exhaust_budget().await;
                puts.iter_mut().rev().for_each(|put| assert!(put.poll().is_pending()));
                assert_eq!(queue.try_get(), Ok(item));
            }
            yield_now().await;
            puts.into_iter().for_each(|put| assert_eq!(put.ready(), Ok(())));
        });
    }

    #[test]
    fn permits_that_were_granted_stay_with_their_reservation() {
        run(async {
            let queue = Queue::with_permits(2);
            let permits = queue.try_reserve(2).unwrap();
            let mut reserve = Probe::pending(queue.reserve(2));
            drop(permits);
            exhaust_budget().await;
            assert!(reserve.poll().is_pending());
            assert!(queue.try_put(1).unwrap_err().is_full());
            drop(reserve);
            queue.try_put(1).unwrap();
        });
    }

    #[test]
    fn a_timer_does_not_end_an_operation_that_has_not_tried() {
        run(async {
            let queue = full();
            exhaust_budget().await;
            let mut get = Probe::pending(Box::pin(queue.get().until(ready(()))));
            yield_now().await;
            assert_eq!((get.woken.get(), get.poll()), (1, Poll::Ready(Ok(0))));
            exhaust_budget().await;
            let mut put = Probe::pending(Box::pin(queue.put(1).until(ready(()))));
            yield_now().await;
            assert_eq!(put.poll(), Poll::Ready(Ok(())));
            let mut late = Probe::new(Box::pin(queue.put(2).until(ready(()))));
            assert_eq!(late.poll(), Poll::Ready(Err(PutTimeoutError::Timeout(2))));
        });
    }

    /// The operation that is pending has returned the unit that its timer needs.
    #[test]
    fn a_timer_ends_an_operation_with_the_last_unit_of_the_budget() {
        run(async {
            let queue = Queue::<u32>::unbounded();
            let mut get = Box::pin(queue.get().until(tokio::time::sleep(std::time::Duration::ZERO)));
            let got = poll_fn(|context| {
                // Exactly one unit is left.
                while has_units(context, 2) {
                    assert!(std::pin::pin!(consume_budget()).poll(context).is_ready());
                }
                get.as_mut().poll(context)
            });
            assert_eq!(got.await, Err(GetTimeoutError::Timeout));
        });
    }

    /// Whether the budget has at least `units`.
    fn has_units(context: &mut Context<'_>, units: usize) -> bool {
        // Each is restored on drop.
        let taken = (0..units).map(|_| tokio::task::coop::poll_proceed(context)).collect::<Vec<_>>();
        let all = taken.iter().all(Poll::is_ready);
        taken.into_iter().rev().for_each(drop);
        all
    }

    #[test]
    fn a_thread_that_waits_needs_no_budget() {
        run(async {
            let queue = Queue::bounded(1);
            let (sender, mut receiver) = mpsc::unbounded();
            exhaust_budget().await;
            queue.put(1).wait().unwrap();
            assert_eq!(queue.get().wait_timeout(std::time::Duration::ZERO), Ok(1));
            sender.send(1).wait().unwrap();
            assert_eq!(receiver.recv().wait(), Ok(1));
            queue.join().wait_timeout(std::time::Duration::ZERO).unwrap_err();
        });
    }

    #[test]
    fn the_end_of_a_stream_and_an_idle_sink_need_no_budget() {
        run(async {
            let (sender, receiver) = unbounded::<u32>();
            let (mut sink, mut stream) = (Probe::new(sender.into_sink()), Probe::new(receiver.into_stream()));
            sink.poll_with(|sink, _| sink.start_send(1)).unwrap();
            assert!(sink.poll_with(Sink::poll_flush).is_ready());
            exhaust_budget().await;
            assert!(sink.poll_with(Sink::poll_ready).is_ready());
            let mut next = || stream.poll_with(Stream::poll_next);
            assert!(next().is_pending());
            drop(sink);
            yield_now().await;
            assert_eq!((next(), next()), (Poll::Ready(Some(1)), Poll::Ready(None)));
            exhaust_budget().await;
            assert_eq!(next(), Poll::Ready(None));
        });
    }

    #[test]
    fn outside_of_a_task_there_is_no_limit() {
        let queue = filled();
        let (_count, waker) = Count::new();
        for item in 0..MOST {
            assert_eq!(common::poll(&mut queue.get(), &waker), Poll::Ready(Ok(item)));
        }
    }

    #[test]
    fn the_drop_in_of_tokio_is_pending_and_takes_nothing() {
        run(async {
            let (sender, mut receiver) = tokio_mpsc::channel(1);
            exhaust_budget().await;
            assert!(Probe::new(Box::pin(sender.send(1))).poll().is_pending());
            assert!(receiver.try_recv().is_err());
            yield_now().await;
            assert!(Probe::new(Box::pin(sender.send(2))).poll().is_ready());
            assert!(Probe::new(Box::pin(receiver.recv())).poll().is_ready());
        });
    }
}
