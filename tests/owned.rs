//! The owned forms: futures, guards and permits that own their queue or handle, and so can move into a task.

mod common;

use common::{are, are_not, watchdog, Probe};
use joinq::channel::{
    PermitsOwned as ChannelPermits, RecvManyOwned, ReserveOwned as ChannelReserve, SendManyOwned, SendOwned,
};
use joinq::queue::{
    CloseGuard, CloseGuardOwned, ClosedOwned, DoneOwned, GetManyOwned, GetOwned, GetTaskOwned, JoinOwned, PermitsOwned,
    PutManyOwned, PutOwned, ReserveOwned, TaskOwned,
};
use joinq::{GetError, Queue, RecvError, TrySendError};
use std::cell::Cell;
use std::marker::PhantomPinned;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

are! { Send, Unpin;
    PutOwned<u8>, PutManyOwned<u8>, GetOwned<u8>, GetManyOwned<u8>, GetTaskOwned<u8>, TaskOwned<u8>, DoneOwned<u8>,
    JoinOwned<u8>, ClosedOwned<u8>, ReserveOwned<u8>, PermitsOwned<u8>, CloseGuard<'static, u8>, CloseGuardOwned<u8>,
    SendOwned<u8>, SendManyOwned<u8>, RecvManyOwned<u8>, ChannelReserve<u8>, ChannelPermits<u8>,
    joinq::mpsc::RecvOwned<u8>,
}
are! { Unpin; GetOwned<PhantomPinned>, GetManyOwned<PhantomPinned>, GetTaskOwned<PhantomPinned>, PutOwned<PhantomPinned> }
are_not! { Send;
    PutOwned<Rc<u8>>, GetOwned<Rc<u8>>, GetTaskOwned<Rc<u8>>, TaskOwned<Rc<u8>>, DoneOwned<Rc<u8>>, JoinOwned<Rc<u8>>,
    PermitsOwned<Rc<u8>>, CloseGuardOwned<Rc<u8>>, ChannelPermits<Rc<u8>>, RecvManyOwned<Rc<u8>>,
}
are_not! { Sync; TaskOwned<Cell<u8>> }

/// Guards move into the tasks that work on the items.
#[test]
fn a_dispatcher_spawns_a_task_for_each_item() {
    let _watchdog = watchdog();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        let (queue, worked) = (Arc::new(Queue::<u32>::bounded(2)), Arc::new(AtomicUsize::new(0)));
        let dispatcher = tokio::spawn({
            let (queue, worked) = (queue.clone(), worked.clone());
            async move {
                while let Ok(task) = queue.clone().get_task_owned().await {
                    let worked = worked.clone();
                    tokio::spawn(async move {
                        tokio::task::yield_now().await;
                        if *task > 0 {
                            task.put_subtask(*task - 1).unwrap();
                        }
                        worked.fetch_add(1, Ordering::Relaxed);
                    });
                }
            }
        });
        for _ in 0..20 {
            queue.put(4).await.unwrap();
        }
        queue.clone().join_owned().await;
        assert_eq!((worked.load(Ordering::Relaxed), queue.unfinished()), (100, 0));
        queue.close();
        dispatcher.await.unwrap();
    });
}

#[test]
fn owned_operations_do_what_the_borrowing_ones_do() {
    let queue = Arc::new(Queue::with_permits(2));
    let get = Probe::pending(queue.clone().get_many_owned(3));
    let join = Probe::pending({
        queue.clone().put_many_owned(0..2).wait().unwrap();
        queue.clone().join_owned()
    });
    assert_eq!(get.ready(), Ok(vec![0, 1]));
    queue.tasks_done(2).unwrap();
    assert!(join.is_woken());
    let closed = Probe::pending(queue.clone().closed_owned());
    let mut permits = queue.clone().reserve_owned(2).wait().unwrap();
    assert!(queue.clone().try_reserve_owned(1).unwrap_err().is_full());
    permits.put(2);
    assert_eq!((permits.len(), format!("{permits:?}")), (1, "PermitsOwned { left: 1 }".into()));
    drop(permits);
    let mut put = Probe::pending(queue.clone().put_many_owned([3, 4]));
    assert_eq!(put.future.take(), [4]);
    let (item, done) = queue.clone().try_get_task_owned().unwrap().into_parts();
    assert_eq!((item, queue.unfinished()), (2, 2));
    drop(done);
    queue.close();
    assert!(closed.is_woken());
    assert_eq!(queue.clone().get_many_owned(0).wait(), Ok(vec![]));
    assert_eq!(queue.clone().get_many_owned(9).wait(), Ok(vec![3]));
    assert_eq!(queue.clone().get_many_owned(9).wait(), Err(GetError));
    assert!(queue.clone().get_task_owned().wait().is_err() && queue.reserve_owned(1).wait().is_err());
}

/// The queue lives as long as a guard does.
#[test]
fn an_owned_guard_keeps_its_queue() {
    let queue = Arc::new(Queue::unbounded());
    queue.try_put(1).unwrap();
    let task = queue.clone().try_get_task_owned().unwrap();
    let weak = Arc::downgrade(&queue);
    drop(queue);
    assert_eq!(weak.upgrade().unwrap().unfinished(), 1);
    drop(task);
    assert!(weak.upgrade().is_none());
}

#[test]
fn a_channel_with_permits_reserves_capacity() {
    let (sender, receiver) = joinq::with_permits(2);
    let mut permits = sender.reserve(1).wait().unwrap();
    let owned = sender.clone().into_reserve(1).wait().unwrap();
    assert_eq!(sender.try_send(1), Err(TrySendError::Full(1)));
    assert!(sender.try_reserve(1).unwrap_err().is_full());
    permits.send(2);
    drop(owned);
    assert_eq!((sender.remaining_capacity(), receiver.remaining_capacity()), (Some(1), Some(1)));
    let late = sender.try_reserve(1).unwrap();
    assert_eq!(receiver.clone().into_recv_many(9).wait(), Ok(vec![2]));
    let recv = Probe::pending(receiver.recv());
    assert!(receiver.close() && !recv.is_woken());
    assert!(sender.reserve(1).wait().is_err() && sender.try_reserve(1).unwrap_err().is_closed());
    drop(late);
    assert!(recv.is_woken());
    assert_eq!(receiver.clone().into_recv_many(9).wait(), Err(RecvError));
}

#[test]
fn a_reservation_beyond_the_capacity_panics_with_and_without_waiting() {
    let queue = Arc::new(Queue::<u8>::with_permits(4));
    let (sender, _receiver) = joinq::with_permits::<u8>(4);
    let (plain, _plain_receiver) = joinq::bounded::<u8>(4);
    let panics = |run: &dyn Fn()| {
        let payload = catch_unwind(AssertUnwindSafe(run)).unwrap_err();
        let text = payload.downcast_ref::<String>().cloned();
        text.or_else(|| payload.downcast_ref::<&str>().map(|text| text.to_string())).unwrap()
    };
    let too_many =
        "5 permits requested, but the capacity was only 4 at most: reserve no more than that, or raise it by \
                    `set_capacity` first";
    assert_eq!(panics(&|| drop(queue.try_reserve(5))), too_many);
    assert_eq!(panics(&|| drop(queue.reserve(5))), too_many);
    assert_eq!(panics(&|| drop(queue.clone().try_reserve_owned(5))), too_many);
    assert_eq!(panics(&|| drop(sender.try_reserve(5))), too_many);
    assert!(panics(&|| drop(plain.try_reserve(1))).contains("`Queue::with_permits`"));
}

#[test]
fn a_capacity_beyond_the_largest_is_reported_as_the_largest() {
    let queue = Queue::<u8>::with_permits(usize::MAX);
    assert_eq!(queue.capacity(), Some((1 << 30) - 1));
    assert_eq!(queue.remaining_capacity(), queue.capacity());
    drop(queue.try_reserve((1 << 30) - 1).unwrap());
}

#[test]
fn a_single_receiver_drains_and_comes_back_from_its_future() {
    let (sender, mut receiver) = joinq::mpsc::bounded(3);
    sender.send_many([1, 2, 3]).wait().unwrap();
    assert!(receiver.is_full() && receiver.remaining_capacity() == Some(0));
    let put = Probe::pending(sender.send(4));
    assert!(receiver.drain().eq([1, 2, 3]));
    assert!(put.is_woken());
    assert_eq!(put.ready(), Ok(()));
    let mut recv = Probe::new(receiver.into_recv());
    let std::task::Poll::Ready((message, receiver)) = recv.poll() else { panic!("there is a message") };
    assert_eq!(message, Ok(4));
    let mut recv = Probe::pending(receiver.into_recv());
    sender.try_send(5).unwrap();
    assert!(recv.is_woken());
    let mut receiver = recv.future.take().unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| recv.poll())).is_err());
    assert_eq!(receiver.try_recv(), Ok(5));
}
