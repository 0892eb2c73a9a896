//! Streams into a stage, and its jobs as a stream.

use crate::attempt::Attempt;
use crate::stage::Put;
use crate::work::Worker;
use crate::{Refused, Stage};
use futures_core::Stream;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{ready, Context, Poll};

/// So many items are put in one poll; then other tasks of the thread have their turn.
const ITEMS_A_POLL: usize = 64;

impl<T: Send + Sync + 'static, R: Send + 'static> Stage<T, R> {
    /// Puts the items of a stream into the stage, one after another, and returns how many there were. When
    /// the stage is full, its [`Overflow`](crate::Overflow) says what happens: with `Wait` the stream is not
    /// polled meanwhile.
    ///
    /// Requires the feature `stream`.
    ///
    /// # Errors
    /// The first [`Refused`] item ends the feed: no item is dropped in silence. The rest is still in the
    /// stream, if that is given as `&mut stream`. To go on after an item that is not admitted, or that was
    /// refused as `Full`, feed the stream again.
    ///
    /// # Cancel safety
    /// If it is dropped, the item that waits for free capacity is dropped with it.
    ///
    /// # Examples
    /// What RxJava calls `onBackpressureBuffer`, here with the oldest dropped:
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use futures_lite::{stream, StreamExt};
    /// use joinq_flow::{Overflow, Stage};
    ///
    /// let buffer: Stage<u32> = Stage::builder("buffer").capacity(3).overflow(Overflow::DropOldest).build();
    /// assert_eq!(buffer.feed(stream::iter(0..10)).await.unwrap(), 10);
    /// buffer.close();
    /// let mut rest = Vec::new();
    /// let mut jobs = buffer.stream();
    /// while let Some(attempt) = jobs.next().await {
    ///     rest.push(**attempt);
    ///     attempt.done(());
    /// }
    /// assert_eq!(rest, [7, 8, 9]);
    /// # });
    /// ```
    #[cfg_attr(docsrs, doc(cfg(feature = "stream")))]
    pub fn feed<S: Stream<Item = T>>(&self, stream: S) -> Feed<S, T, R> {
        Feed { stream, stage: self.clone(), put: None, count: 0 }
    }

    /// The jobs of the stage as a stream of attempts, each of which has to be settled by [`Attempt::done`] or
    /// [`Attempt::fail`]. It ends when the stage is closed and nothing is unfinished.
    ///
    /// The stream is a worker, for code that runs jobs in another way than one after another: the number of
    /// attempts that are not settled at the same time is the caller's.
    ///
    /// Requires the feature `stream`.
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use futures_lite::{stream, StreamExt};
    /// use joinq_flow::Stage;
    ///
    /// let squares: Stage<u32, u32> = Stage::builder("squares").build();
    /// let job = squares.put(7).await.unwrap();
    /// let mut jobs = squares.stream();
    /// let attempt = jobs.next().await.unwrap();
    /// let square = **attempt * **attempt;
    /// attempt.done(square);
    /// assert_eq!(job.output().await.unwrap(), 49);
    /// # });
    /// ```
    #[cfg_attr(docsrs, doc(cfg(feature = "stream")))]
    pub fn stream(&self) -> Jobs<T, R> {
        Jobs { worker: Some(Arc::new(Worker::new(self.inner().clone()))), next: None }
    }
}

pin_project_lite::pin_project! {
    /// Future returned by [`Stage::feed`].
    ///
    /// # Cancel safety
    /// If it is dropped, the item that waits for free capacity is dropped with it.
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Feed<S, T, R = ()> {
        #[pin]
        stream: S,
        stage: Stage<T, R>,
        // The item that waits for free capacity.
        put: Option<Put<T, R>>,
        count: u64,
    }
}

impl<T: Send + Sync + 'static, R: Send + 'static, S: Stream<Item = T>> Future for Feed<S, T, R> {
    type Output = Result<u64, Refused<T>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        for _ in 0..ITEMS_A_POLL {
            if this.put.is_none() {
                match ready!(this.stream.as_mut().poll_next(context)) {
                    Some(item) => *this.put = Some(this.stage.put(item)),
                    None => return Poll::Ready(Ok(*this.count)),
                }
            }
            if let Some(put) = this.put {
                let result = ready!(Pin::new(put).poll(context));
                *this.put = None;
                match result {
                    Ok(_) => *this.count += 1,
                    Err(refused) => return Poll::Ready(Err(refused)),
                }
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<S, T, R> fmt::Debug for Feed<S, T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").field("stage", &self.stage.name()).field("count", &self.count).finish_non_exhaustive()
    }
}

/// Stream of attempts returned by [`Stage::stream`].
///
/// # Cancel safety
/// It can be dropped at any time: a job that it has taken and not yielded goes back into the stage.
#[must_use = "streams do nothing unless polled"]
pub struct Jobs<T, R = ()>
where
    T: Send + Sync + 'static,
    R: Send + 'static,
{
    /// `None` when the stage has ended.
    worker: Option<Arc<Worker<T, R>>>,
    next: Option<Next<T, R>>,
}

/// The wait for the next attempt.
type Next<T, R> = Pin<Box<dyn Future<Output = Option<Attempt<T, R>>> + Send>>;

impl<T: Send + Sync + 'static, R: Send + 'static> Stream for Jobs<T, R> {
    type Item = Attempt<T, R>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Attempt<T, R>>> {
        let Jobs { worker, next } = &mut *self;
        let Some(running) = worker else { return Poll::Ready(None) };
        let waiting = next.get_or_insert_with(|| {
            let worker = running.clone();
            Box::pin(async move { worker.next().await })
        });
        let attempt = ready!(waiting.as_mut().poll(context));
        *next = None;
        if attempt.is_none() {
            *worker = None;
        }
        Poll::Ready(attempt)
    }
}

impl<T: Send + Sync + 'static, R: Send + 'static> fmt::Debug for Jobs<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jobs").finish_non_exhaustive()
    }
}
