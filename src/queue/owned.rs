//! Operations that own an `Arc` of their queue: for futures that must be `'static`.

use super::{GetAttempt, One, PutAttempt, Queue, QueueRef};
use crate::error::{GetError, GetTimeoutError, PutError, PutTimeoutError};
use crate::operation::{operation, Operation};
use std::sync::Arc;

impl<T> QueueRef<T> for Arc<Queue<T>> {
    fn queue(&self) -> &Queue<T> {
        self
    }
}

operation! {
    /// Future returned by [`Queue::put_owned`]; it owns an `Arc` of the queue.
    ///
    /// # Cancel safety
    /// As for [`Put`](crate::Put).
    pub struct PutOwned<T>(PutAttempt<T, Arc<Queue<T>>, Option<T>>)
        -> Result<(), PutError<T>>, in time Result<(), PutTimeoutError<T>>;
}

operation! {
    /// Future returned by [`Queue::get_owned`]; it owns an `Arc` of the queue.
    ///
    /// # Cancel safety
    /// As for [`Get`](crate::Get).
    pub struct GetOwned<T>(GetAttempt<T, Arc<Queue<T>>, One>)
        -> Result<T, GetError>, in time Result<T, GetTimeoutError>;
}

impl<T> PutOwned<T> {
    /// Takes the item back and ends the operation, as [`Put::take`](crate::Put::take).
    pub fn take(&mut self) -> Option<T> {
        self.0.take_back()
    }
}

impl<T> Queue<T> {
    /// [`put`](Queue::put) as an operation that owns an `Arc` of the queue.
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let queue = std::sync::Arc::new(joinq::Queue::unbounded());
    /// let put: joinq::PutOwned<u8> = queue.clone().put_owned(1); // `'static`
    /// put.await.unwrap();
    /// assert_eq!(queue.get_owned().await, Ok(1));
    /// # });
    /// ```
    pub fn put_owned(self: Arc<Self>, item: T) -> PutOwned<T> {
        PutOwned(Operation::new(PutAttempt::new(self, Some(item))))
    }

    /// [`get`](Queue::get) as an operation that owns an `Arc` of the queue.
    pub fn get_owned(self: Arc<Self>) -> GetOwned<T> {
        GetOwned(Operation::new(GetAttempt::new(self, One)))
    }
}
