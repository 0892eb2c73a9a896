//! Operations that own an `Arc` of their queue, for futures that must be `'static`.

use super::get::{Collected, Guarded};
use super::reserve::{without_handle, Held, PermitsOwned, ReserveAttempt};
use super::watch::{AllDone, IsClosed, WatchAttempt};
use super::{GetAttempt, One, PutAttempt, Queue, TaskOwned};
use crate::error::{
    ClosedTimeoutError, GetError, GetTimeoutError, JoinTimeoutError, PutError, PutTimeoutError, TryGetError,
    TryPutError,
};
use crate::operation::{operation, Operation};
use std::collections::VecDeque;
use std::sync::Arc;

operation! {
    /// Future returned by [`Queue::put_owned`]; it owns an `Arc` of the queue.
    ///
    /// # Cancel safety
    /// As for [`Put`](super::Put).
    pub struct PutOwned<T>(PutAttempt<T, Arc<Queue<T>>, Option<T>>)
        -> Result<(), PutError<T>>, in time Result<(), PutTimeoutError<T>>;
    example ["let queue = std::sync::Arc::new(joinq::Queue::bounded(1));"]
        "assert_eq!(queue.clone().put_owned(1)", ", Ok(()));";
    times out [
        "let queue = std::sync::Arc::new(joinq::Queue::bounded(1));"
        "queue.try_put(1).unwrap(); // now the queue is full"
    ] "let late = queue.clone().put_owned(2)",
        ";\nassert_eq!(late, Err(joinq::PutTimeoutError::Timeout(2))); // with the item";
}

operation! {
    /// Future returned by [`Queue::put_many_owned`]; it owns an `Arc` of the queue.
    ///
    /// # Cancel safety
    /// As for [`PutMany`](super::PutMany).
    pub struct PutManyOwned<T>(PutAttempt<T, Arc<Queue<T>>, VecDeque<T>>)
        -> Result<(), PutError<Vec<T>>>, in time Result<(), PutTimeoutError<Vec<T>>>;
    example ["let queue = std::sync::Arc::new(joinq::Queue::unbounded());"]
        "assert_eq!(queue.clone().put_many_owned([1, 2, 3])", ", Ok(()));";
    times out ["let queue = std::sync::Arc::new(joinq::Queue::bounded(2));"]
        "let late = queue.clone().put_many_owned([1, 2, 3])",
        ";\nassert_eq!(late.unwrap_err().into_inner(), [3]); // what was not put";
}

operation! {
    /// Future returned by [`Queue::get_owned`]; it owns an `Arc` of the queue.
    ///
    /// # Cancel safety
    /// As for [`Get`](super::Get).
    pub struct GetOwned<T>(GetAttempt<T, Arc<Queue<T>>, One>)
        -> Result<T, GetError>, in time Result<T, GetTimeoutError>;
    example ["let queue = std::sync::Arc::new(joinq::Queue::unbounded());" "queue.try_put(1).unwrap();"]
        "assert_eq!(queue.clone().get_owned()", ", Ok(1));";
    times out ["let queue = std::sync::Arc::new(joinq::Queue::<u32>::unbounded());"]
        "let late = queue.clone().get_owned()", ";\nassert_eq!(late, Err(joinq::GetTimeoutError::Timeout));";
}

operation! {
    /// Future returned by [`Queue::get_many_owned`]; it owns an `Arc` of the queue.
    ///
    /// # Cancel safety
    /// It can be dropped at any time: it takes items only in the poll that returns them.
    pub struct GetManyOwned<T>(GetAttempt<T, Arc<Queue<T>>, Collected<T>>)
        -> Result<Vec<T>, GetError>, in time Result<Vec<T>, GetTimeoutError>;
    example ["let queue = std::sync::Arc::new(joinq::Queue::unbounded());" "queue.try_put_many([1, 2, 3]).unwrap();"]
        "assert_eq!(queue.clone().get_many_owned(2)", ", Ok(vec![1, 2]));";
    times out ["let queue = std::sync::Arc::new(joinq::Queue::<u32>::unbounded());"]
        "let late = queue.clone().get_many_owned(2)", ";\nassert_eq!(late, Err(joinq::GetTimeoutError::Timeout));";
}

operation! {
    /// Future returned by [`Queue::get_task_owned`]; it owns an `Arc` of the queue.
    ///
    /// # Cancel safety
    /// As for [`GetTask`](super::GetTask).
    pub struct GetTaskOwned<T>(GetAttempt<T, Arc<Queue<T>>, Guarded<Arc<Queue<T>>>>)
        -> Result<TaskOwned<T>, GetError>, in time Result<TaskOwned<T>, GetTimeoutError>;
    example ["let queue = std::sync::Arc::new(joinq::Queue::unbounded());" "queue.try_put(1).unwrap();"]
        "let task = queue.clone().get_task_owned()",
        ".unwrap();\nassert_eq!((*task, queue.unfinished()), (1, 1));\ndrop(task);\nassert_eq!(queue.unfinished(), 0);";
    times out ["let queue = std::sync::Arc::new(joinq::Queue::<u32>::unbounded());"]
        "let late = queue.clone().get_task_owned()", ";\nassert!(late.unwrap_err().is_timeout());";
}

operation! {
    /// Future returned by [`Queue::join_owned`]; it owns an `Arc` of the queue.
    ///
    /// # Cancel safety
    /// It can be dropped at any time.
    pub struct JoinOwned<T>(WatchAttempt<T, Arc<Queue<T>>, AllDone>)
        -> (), in time Result<(), JoinTimeoutError>;
    example [
        "let queue = std::sync::Arc::new(joinq::Queue::unbounded());"
        "queue.try_put(1).unwrap();"
        "drop(queue.try_get_task());"
    ] "queue.clone().join_owned()", "; // every item is done";
    times out ["let queue = std::sync::Arc::new(joinq::Queue::unbounded());" "queue.try_put(1).unwrap();"]
        "let late = queue.clone().join_owned()", ";\nassert_eq!(late, Err(joinq::JoinTimeoutError));";
}

operation! {
    /// Future returned by [`Queue::closed_owned`]; it owns an `Arc` of the queue.
    ///
    /// # Cancel safety
    /// It can be dropped at any time.
    pub struct ClosedOwned<T>(WatchAttempt<T, Arc<Queue<T>>, IsClosed>)
        -> (), in time Result<(), ClosedTimeoutError>;
    example ["let queue = std::sync::Arc::new(joinq::Queue::<u32>::unbounded());" "queue.close();"]
        "queue.clone().closed_owned()", ";";
    times out ["let queue = std::sync::Arc::new(joinq::Queue::<u32>::unbounded());"]
        "let late = queue.clone().closed_owned()", ";\nassert_eq!(late, Err(joinq::ClosedTimeoutError));";
}

operation! {
    /// Future returned by [`Queue::reserve_owned`]; it owns an `Arc` of the queue.
    ///
    /// # Cancel safety
    /// As for [`Reserve`](super::Reserve).
    pub struct ReserveOwned<T>(ReserveAttempt<T, Arc<Queue<T>>, PermitsOwned<T>>)
        -> Result<PermitsOwned<T>, PutError<()>>, in time Result<PermitsOwned<T>, PutTimeoutError<()>>;
    example ["let queue = std::sync::Arc::new(joinq::Queue::with_permits(2));"]
        "let mut permits = queue.clone().reserve_owned(2)", ".unwrap();\npermits.put(1); // cannot fail any more";
    times out ["let queue = std::sync::Arc::new(joinq::Queue::with_permits(2));" "queue.try_put(1).unwrap();"]
        "let late = queue.clone().reserve_owned(2)",
        ";\nassert!(late.unwrap_err().is_timeout()); // only one permit is free";
}

impl<T> PutOwned<T> {
    /// Takes the item back and ends the operation, as [`Put::take`](super::Put::take).
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let queue = std::sync::Arc::new(joinq::Queue::bounded(1));
    /// queue.put(1).await.unwrap();
    /// let mut put = queue.clone().put_owned(2);
    /// assert_eq!(futures_lite::future::poll_once(&mut put).await, None); // the queue is full: it waits
    /// assert_eq!(put.take(), Some(2));
    /// # });
    /// ```
    pub fn take(&mut self) -> Option<T> {
        self.0.take_back()
    }
}

impl<T> PutManyOwned<T> {
    /// Takes back the items that are not in the queue, as [`PutMany::take`](super::PutMany::take).
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let queue = std::sync::Arc::new(joinq::Queue::bounded(1));
    /// let mut put = queue.clone().put_many_owned([1, 2, 3]);
    /// assert_eq!(futures_lite::future::poll_once(&mut put).await, None); // one is in the queue, two wait
    /// assert_eq!(put.take(), [2, 3]);
    /// # });
    /// ```
    pub fn take(&mut self) -> Vec<T> {
        self.0.take_back().unwrap_or_default()
    }
}

/// # Owned forms
///
/// A method whose result borrows the queue has an owned form, with the same name and the suffix `_owned`. It is
/// called on an `Arc<Queue<T>>`, and its result is `'static`: it can be stored, or moved into a spawned task.
impl<T> Queue<T> {
    /// [`put`](Queue::put) as an operation that owns an `Arc` of the queue.
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let queue = std::sync::Arc::new(joinq::Queue::unbounded());
    /// let put: joinq::queue::PutOwned<u8> = queue.clone().put_owned(1); // `'static`
    /// put.await.unwrap();
    /// assert_eq!(queue.get_owned().await, Ok(1));
    /// # });
    /// ```
    pub fn put_owned(self: Arc<Self>, item: T) -> PutOwned<T> {
        PutOwned(Operation::new(PutAttempt::new(self, Some(item))))
    }

    /// [`put_many`](Queue::put_many) as an operation that owns an `Arc` of the queue.
    ///
    /// # Examples
    /// ```
    /// let queue = std::sync::Arc::new(joinq::Queue::unbounded());
    /// let put = queue.clone().put_many_owned(0..3);
    /// std::thread::spawn(|| put.wait()).join().unwrap().unwrap();
    /// assert_eq!(queue.len(), 3);
    /// ```
    pub fn put_many_owned(self: Arc<Self>, items: impl IntoIterator<Item = T>) -> PutManyOwned<T> {
        PutManyOwned(Operation::new(PutAttempt::new(self, items.into_iter().collect())))
    }

    /// [`get`](Queue::get) as an operation that owns an `Arc` of the queue.
    ///
    /// # Examples
    /// ```
    /// let queue = std::sync::Arc::new(joinq::Queue::unbounded());
    /// queue.put('a').wait().unwrap();
    /// let get = queue.clone().get_owned();
    /// assert_eq!(std::thread::spawn(|| get.wait()).join().unwrap(), Ok('a'));
    /// ```
    pub fn get_owned(self: Arc<Self>) -> GetOwned<T> {
        GetOwned(Operation::new(GetAttempt::new(self, One)))
    }

    /// [`get_many`](Queue::get_many) as an operation that owns an `Arc` of the queue and returns the items in a
    /// vector.
    ///
    /// The vector is empty only if `limit` is 0.
    ///
    /// # Examples
    /// ```
    /// let queue = std::sync::Arc::new(joinq::Queue::unbounded());
    /// queue.put_many(0..100).wait().unwrap();
    /// assert_eq!(queue.clone().get_many_owned(3).wait(), Ok(vec![0, 1, 2]));
    /// ```
    pub fn get_many_owned(self: Arc<Self>, limit: usize) -> GetManyOwned<T> {
        GetManyOwned(Operation::new(GetAttempt::new(self, Collected { items: Vec::new(), limit })))
    }

    /// [`get_task`](Queue::get_task) as an operation that owns an `Arc` of the queue, as does the guard that it
    /// returns.
    ///
    /// # Examples
    /// A dispatcher that spawns a task for each item. The semaphore limits how many run at a time, which the
    /// capacity of the queue does not; the `JoinSet` has the panics of the tasks:
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use std::sync::Arc;
    /// use tokio::{sync::Semaphore, task::JoinSet};
    ///
    /// let queue = Arc::new(joinq::Queue::bounded(100));
    /// let dispatcher = tokio::spawn({
    ///     let (queue, most) = (queue.clone(), Arc::new(Semaphore::new(8)));
    ///     async move {
    ///         let mut running = JoinSet::new();
    ///         while let Ok(task) = queue.clone().get_task_owned().await {
    ///             let permit = most.clone().acquire_owned().await.unwrap();
    ///             running.spawn(async move {
    ///                 println!("{}", *task); // counts as done at the end
    ///                 drop(permit);
    ///             });
    ///             while let Some(ended) = running.try_join_next() {
    ///                 ended.unwrap(); // a panic of a task ends the dispatcher
    ///             }
    ///         }
    ///         while let Some(ended) = running.join_next().await {
    ///             ended.unwrap();
    ///         }
    ///     }
    /// });
    /// queue.put_many(["a", "b", "c"]).await.unwrap();
    /// queue.close_when_done();
    /// dispatcher.await.unwrap();
    /// # });
    /// ```
    pub fn get_task_owned(self: Arc<Self>) -> GetTaskOwned<T> {
        let form = Guarded(self.clone());
        GetTaskOwned(Operation::new(GetAttempt::new(self, form)))
    }

    /// [`try_get_task`](Queue::try_get_task) with a guard that owns an `Arc` of the queue.
    ///
    /// # Errors
    /// As for [`try_get`](Queue::try_get).
    ///
    /// # Examples
    /// ```
    /// let queue = std::sync::Arc::new(joinq::Queue::unbounded());
    /// queue.put("job").wait().unwrap();
    /// let task = queue.clone().try_get_task_owned().unwrap();
    /// std::thread::spawn(move || drop(task)).join().unwrap();
    /// assert_eq!(queue.unfinished(), 0);
    /// ```
    pub fn try_get_task_owned(self: Arc<Self>) -> Result<TaskOwned<T>, TryGetError> {
        let item = self.try_get()?;
        Ok(TaskOwned::new(self, item))
    }

    /// [`join`](Queue::join) as an operation that owns an `Arc` of the queue.
    ///
    /// # Examples
    /// ```
    /// let queue = std::sync::Arc::new(joinq::Queue::unbounded());
    /// queue.put("job").wait().unwrap();
    /// let join = queue.clone().join_owned();
    /// let waiter = std::thread::spawn(|| join.wait());
    /// drop(queue.get_task().wait());
    /// waiter.join().unwrap();
    /// ```
    pub fn join_owned(self: Arc<Self>) -> JoinOwned<T> {
        JoinOwned(Operation::new(WatchAttempt::new(self)))
    }

    /// [`closed`](Queue::closed) as an operation that owns an `Arc` of the queue.
    ///
    /// # Examples
    /// ```
    /// let queue = std::sync::Arc::new(joinq::Queue::<u8>::unbounded());
    /// let closed = queue.clone().closed_owned();
    /// let waiter = std::thread::spawn(|| closed.wait());
    /// queue.close();
    /// waiter.join().unwrap();
    /// ```
    pub fn closed_owned(self: Arc<Self>) -> ClosedOwned<T> {
        ClosedOwned(Operation::new(WatchAttempt::new(self)))
    }

    /// [`reserve`](Queue::reserve) as an operation that owns an `Arc` of the queue, as do the permits that it
    /// returns.
    ///
    /// # Panics
    /// As for [`reserve`](Queue::reserve).
    ///
    /// # Examples
    /// ```
    /// let queue = std::sync::Arc::new(joinq::Queue::with_permits(2));
    /// let mut permits = queue.clone().reserve_owned(2).wait().unwrap();
    /// std::thread::spawn(move || permits.put("hello")).join().unwrap(); // releases the other permit
    /// assert_eq!((queue.len(), queue.remaining_capacity()), (1, Some(1)));
    /// ```
    #[track_caller]
    pub fn reserve_owned(self: Arc<Self>, count: usize) -> ReserveOwned<T> {
        ReserveOwned(Operation::new(ReserveAttempt::new(self, count)))
    }

    /// [`try_reserve`](Queue::try_reserve) with permits that own an `Arc` of the queue.
    ///
    /// # Errors
    /// As for [`try_reserve`](Queue::try_reserve).
    ///
    /// # Panics
    /// As for [`reserve`](Queue::reserve).
    ///
    /// # Examples
    /// ```
    /// let queue = std::sync::Arc::new(joinq::Queue::<u8>::with_permits(1));
    /// let permits = queue.clone().try_reserve_owned(1).unwrap();
    /// assert!(queue.clone().try_reserve_owned(1).unwrap_err().is_full());
    /// drop(permits);
    /// assert!(queue.try_reserve_owned(1).is_ok());
    /// ```
    #[track_caller]
    pub fn try_reserve_owned(self: Arc<Self>, count: usize) -> Result<PermitsOwned<T>, TryPutError<()>> {
        self.assert_can_reserve(count);
        Held::try_take(self, count).map(PermitsOwned).map_err(without_handle)
    }

    /// [`stream`](Queue::stream) as a stream that owns an `Arc` of the queue.
    ///
    /// Requires the feature `stream`.
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use futures_lite::StreamExt;
    ///
    /// let queue = std::sync::Arc::new(joinq::Queue::unbounded());
    /// queue.put_many([1, 2, 3]).await.unwrap();
    /// queue.close();
    /// assert_eq!(queue.stream_owned().collect::<Vec<_>>().await, [1, 2, 3]);
    /// # });
    /// ```
    #[cfg(feature = "stream")]
    pub fn stream_owned(self: Arc<Self>) -> super::GetStreamOwned<T> {
        super::GetStreamOwned::new(self)
    }

    /// [`sink`](Queue::sink) as a sink that owns an `Arc` of the queue.
    ///
    /// Requires the feature `sink`.
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use futures_sink::Sink;
    /// use std::{future::poll_fn, pin::Pin};
    ///
    /// let queue = std::sync::Arc::new(joinq::Queue::unbounded());
    /// let mut sink = queue.clone().sink_owned();
    /// poll_fn(|context| Pin::new(&mut sink).poll_ready(context)).await.unwrap();
    /// Pin::new(&mut sink).start_send('a').unwrap();
    /// poll_fn(|context| Pin::new(&mut sink).poll_flush(context)).await.unwrap();
    /// assert_eq!(queue.try_get(), Ok('a'));
    /// # });
    /// ```
    #[cfg(feature = "sink")]
    pub fn sink_owned(self: Arc<Self>) -> super::PutSinkOwned<T> {
        super::PutSinkOwned::new(self)
    }
}
