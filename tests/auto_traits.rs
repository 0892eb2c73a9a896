//! Which types are `Send` and `Sync`: checked when this file is compiled.

mod common;

use common::{are, are_not, watchdog};
use joinq::channel::{IntoIter, Recv, RecvMany, Send as SendFuture, SendMany};
use joinq::queue::{Closed, Done, Get, GetMany, GetTask, Iter, Join, Put, PutMany, TryIter};
use joinq::{
    ClosedTimeoutError, GetError, GetTimeoutError, JoinTimeoutError, PutError, PutTimeoutError, Queue, Receiver,
    RecvError, RecvTimeoutError, SendError, SendTimeoutError, Sender, Task, TaskDoneError, TryGetError, TryPutError,
    TryRecvError, TrySendError, Until, WeakReceiver, WeakSender,
};
use std::cell::Cell;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;
use std::sync::MutexGuard;

/// `Send`, not `Sync`.
type Movable = Cell<u8>;
/// Neither `Send` nor `Sync`.
type Bound = Rc<()>;
/// `Sync`, not `Send`.
type Shared = MutexGuard<'static, u8>;

are! { Send, Sync;
    Queue<Movable>, Sender<Movable>, Receiver<Movable>, WeakSender<Movable>, WeakReceiver<Movable>,
    Iter<'static, Movable>, TryIter<'static, Movable>, IntoIter<Movable>, Done<'static, Movable>,
}
are! { Send;
    Get<'static, Movable>, GetMany<'static, Movable>, GetTask<'static, Movable>, Put<'static, Movable>,
    PutMany<'static, Movable>, Join<'static, Movable>, Closed<'static, Movable>, SendFuture<'static, Movable>,
    SendMany<'static, Movable>, Recv<'static, Movable>, RecvMany<'static, Movable>, Task<'static, Movable>,
    Until<Get<'static, Movable>, Movable>,
}
are! { Send, Sync;
    Get<'static, u8>, GetTask<'static, u8>, Put<'static, u8>, Join<'static, u8>, Task<'static, u8>,
    Recv<'static, u8>, SendFuture<'static, u8>,
}
are! { Send, Sync, Unpin, UnwindSafe, RefUnwindSafe, std::error::Error, Clone, PartialEq;
    PutError<u8>, TryPutError<u8>, PutTimeoutError<u8>, GetError, TryGetError, GetTimeoutError, TaskDoneError,
    JoinTimeoutError, ClosedTimeoutError, SendError<u8>, TrySendError<u8>, SendTimeoutError<u8>, RecvError,
    TryRecvError, RecvTimeoutError,
}
// A queue is `Unpin` and unwind safe whatever its items are.
struct Stubborn(#[allow(dead_code)] std::marker::PhantomPinned, #[allow(dead_code)] *mut Cell<u8>);
are! { Unpin;
    Queue<u8>, Sender<Stubborn>, Receiver<Stubborn>, WeakSender<Stubborn>, WeakReceiver<Stubborn>, IntoIter<Stubborn>,
    Get<'static, Stubborn>, GetMany<'static, Stubborn>, GetTask<'static, Stubborn>, Put<'static, Stubborn>,
    PutMany<'static, Stubborn>, Join<'static, Stubborn>, Closed<'static, Stubborn>, SendFuture<'static, Stubborn>,
    SendMany<'static, Stubborn>, Recv<'static, Stubborn>, RecvMany<'static, Stubborn>, Iter<'static, Stubborn>,
    Until<Get<'static, Stubborn>, u8>,
}
are! { UnwindSafe, RefUnwindSafe;
    Queue<Movable>, Sender<Movable>, Receiver<Movable>, WeakSender<Movable>, WeakReceiver<Movable>, IntoIter<Movable>,
    Iter<'static, Movable>, TryIter<'static, Movable>, Done<'static, Movable>,
}

are_not! { Send;
    Queue<Bound>, Sender<Bound>, Receiver<Bound>, WeakSender<Bound>, WeakReceiver<Bound>, IntoIter<Bound>,
    Iter<'static, Bound>, TryIter<'static, Bound>, Get<'static, Bound>, GetMany<'static, Bound>,
    GetTask<'static, Bound>, Put<'static, Bound>, PutMany<'static, Bound>, Join<'static, Bound>,
    Closed<'static, Bound>, SendFuture<'static, Bound>, SendMany<'static, Bound>, Recv<'static, Bound>,
    RecvMany<'static, Bound>, Task<'static, Bound>, Done<'static, Bound>, PutError<Bound>, TrySendError<Bound>,
    Until<Get<'static, u8>, Bound>,
}
are_not! { Sync;
    Queue<Bound>, Sender<Bound>, Receiver<Bound>, WeakSender<Bound>, WeakReceiver<Bound>, IntoIter<Bound>,
    Iter<'static, Bound>, TryIter<'static, Bound>, Get<'static, Bound>, Put<'static, Bound>, Join<'static, Bound>,
    Task<'static, Bound>, Done<'static, Bound>, Task<'static, Movable>, PutError<Movable>,
}
are_not! { Send; Queue<Shared>, Sender<Shared>, Receiver<Shared>, Get<'static, Shared>, Put<'static, Shared>, Queue<*mut u8> }
are_not! { Sync; Queue<Shared>, Sender<Shared>, Receiver<Shared>, Queue<*mut u8> }

#[cfg(feature = "stream")]
mod stream {
    use super::*;
    use joinq::{channel::RecvStream, queue::GetStream};

    are! { Send, Unpin; GetStream<'static, Movable>, RecvStream<Movable> }
    are_not! { Send; GetStream<'static, Bound>, RecvStream<Bound> }
    are_not! { Sync; GetStream<'static, Bound>, RecvStream<Bound> }
}

#[cfg(feature = "sink")]
mod sink {
    use super::*;
    use joinq::{channel::SendSink, queue::PutSink};

    are! { Send, Unpin; PutSink<'static, Movable>, SendSink<Movable> }
    are_not! { Send; PutSink<'static, Bound>, SendSink<Bound> }
    are_not! { Sync; PutSink<'static, Bound>, SendSink<Bound> }
}

/// The globs of the root and of `mpsc` hide no name of the prelude: this compiles only if `Send` is the trait.
#[allow(unused_imports)]
mod globs {
    mod root {
        use joinq::*;

        fn _takes<T: Send>(_: Sender<T>, _: Receiver<T>, _: channel::Send<'_, T>) {}
    }

    mod single_consumer {
        use joinq::mpsc::*;

        fn _takes<T: Send>(_: Sender<T>, _: Receiver<T>, _: Recv<'_, T>) {}
    }
}

#[test]
fn an_item_that_may_not_be_shared_passes_through_a_shared_queue() {
    let _watchdog = watchdog();
    let queue = Queue::<Movable>::unbounded();
    std::thread::scope(|scope| {
        scope.spawn(|| queue.put(Cell::new(7)).wait().unwrap());
    });
    assert_eq!(queue.get().wait().unwrap().get(), 7);
}

#[test]
fn an_item_that_may_not_be_moved_to_another_thread_passes_through_a_queue_of_one_thread() {
    let _watchdog = watchdog();
    let queue = Queue::<Bound>::unbounded();
    let item = Rc::new(());
    queue.put(item.clone()).wait().unwrap();
    assert_eq!(Rc::strong_count(&item), 2);
    assert!(Rc::ptr_eq(&queue.get().wait().unwrap(), &item));
}
