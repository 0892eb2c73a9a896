//! Short forms of the traits in `link`, so that a contender takes a few lines that resemble the documentation
//! of its crate.

/// The end itself, for a queue with only one such end.
pub fn single<E>(end: E, count: usize) -> Vec<E> {
    assert_eq!(count, 1, "an end that cannot be shared");
    vec![end]
}

/// A clone of the end for each thread or task.
pub fn cloned<E: Clone>(end: E, count: usize) -> Vec<E> {
    vec![end; count]
}

/// A kind of queue: its name, the shapes that it fits, its ends, how to open it, and the operations that
/// never wait.
macro_rules! queue {
    ($(#[$attribute:meta])* $link:ident = $name:literal, fits |$shape:pat_param, $capacity_of:pat_param| $fits:expr;
     <$t:ident> $spread_tx:ident $tx:ty, $spread_rx:ident $rx:ty;
     open |$capacity:pat_param| $open:expr;
     try |$sender:ident, $message:ident| $try_send:expr, |$receiver:ident| $try_recv:expr) => {
        $(#[$attribute])*
        pub struct $link;

        impl Link for $link {
            const NAME: &'static str = $name;
            const FITS: fn(Shape, Capacity) -> bool = |$shape, $capacity_of| $fits;
            type Tx<$t: Message> = $tx;
            type Rx<$t: Message> = $rx;

            fn open<$t: Message>($capacity: Capacity, shape: Shape) -> Ends<Self, $t> {
                let (tx, rx): ($tx, $rx) = $open;
                ($spread_tx(tx, shape.senders), $spread_rx(rx, shape.receivers))
            }

            fn try_send<$t: Message>($sender: &mut Self::Tx<$t>, $message: $t) {
                $try_send
            }

            fn try_recv<$t: Message>($receiver: &mut Self::Rx<$t>) -> $t {
                $try_recv
            }
        }
    };
}

/// How threads send and receive, one by one and in batches.
macro_rules! blocking {
    ($link:ty: |$tx:ident, $message:ident| $send:expr, |$rx:ident| $recv:expr
     $(; send_many |$many_tx:ident, $messages:ident| $send_many:expr)?
     $(; recv_many |$many_rx:ident, $into:ident, $limit:ident| $recv_many:expr)?) => {
        impl Blocking for $link {
            fn send<T: Message>($tx: &mut Self::Tx<T>, $message: T) {
                $send
            }

            fn recv<T: Message>($rx: &mut Self::Rx<T>) -> T {
                $recv
            }

            $(fn send_many<T: Message>($many_tx: &mut Self::Tx<T>, values: std::ops::Range<u64>) {
                let $messages = values.map(T::new);
                $send_many
            })?

            $(fn recv_many<T: Message>($many_rx: &mut Self::Rx<T>, $into: &mut Vec<T>, $limit: usize) {
                $recv_many
            })?
        }
    };
}

/// How tasks send and receive, one by one and in batches.
macro_rules! tasks {
    ($link:ty: |$tx:ident, $message:ident| $send:expr, |$rx:ident| $recv:expr
     $(; send_many |$many_tx:ident, $messages:ident| $send_many:expr)?
     $(; recv_many |$many_rx:ident, $into:ident, $limit:ident| $recv_many:expr)?) => {
        impl Tasks for $link {
            async fn send<T: Message>($tx: &mut Self::Tx<T>, $message: T) {
                $send
            }

            async fn recv<T: Message>($rx: &mut Self::Rx<T>) -> T {
                $recv
            }

            $(async fn send_many<T: Message>($many_tx: &mut Self::Tx<T>, values: std::ops::Range<u64>) {
                let $messages = values.map(T::new);
                $send_many
            })?

            $(async fn recv_many<T: Message>($many_rx: &mut Self::Rx<T>, $into: &mut Vec<T>, $limit: usize) {
                $recv_many
            })?
        }
    };
}

pub(crate) use {blocking, queue, tasks};
