//! The macros `select!` and `select_biased!`.
//!
//! Knows what the module `internal` offers. Does not know how a select waits.
//!
//! One macro does the work, in three stages: `@list` reads the operations, `@begin` evaluates the handles in
//! nested `match`es, so that temporaries live until the end, and `@end` completes the operation that was
//! selected. Before the body of that runs, no branch borrows a handle any more.

/// Selects one of several channel operations: waits until one is ready and completes it.
///
/// Each operation is `recv(receiver) -> result => body` or `send(sender, message) -> result => body`; the
/// result is any pattern that always matches, and the body any expression. The message is evaluated only if
/// the send was selected. With `default => body` the macro does not wait, and with `default(timeout) => body`
/// for at most that long: if no operation is ready by then, that body is evaluated. If several operations are
/// ready, a random one is selected. All bodies have the same type, which is that of the macro.
///
/// An operation is ready if it need not wait, also if it fails because its channel is disconnected.
///
/// # Examples
/// ```
/// use joinq::compat::crossbeam_channel::{bounded, select};
/// use std::time::Duration;
///
/// let (numbers, receiver) = bounded(1);
/// let (words, _words) = bounded::<&str>(0);
/// numbers.send(1).unwrap();
/// let got = select! {
///     recv(receiver) -> number => number.ok(),
///     send(words, "word") -> sent => {
///         sent.unwrap();
///         None
///     }
///     default(Duration::from_secs(1)) => panic!("timed out"),
/// };
/// assert_eq!(got, Some(1));
/// ```
#[macro_export]
#[doc(hidden)]
macro_rules! __crossbeam_channel_select {
    (@list $way:ident $cases:tt $default:tt) => {
        $crate::__crossbeam_channel_select!(@begin $way (0usize) [] $cases $default)
    };
    (@list $way:ident $cases:tt $default:tt default => $($rest:tt)*) => {
        $crate::__crossbeam_channel_select!(@list $way $cases $default default() => $($rest)*)
    };
    // The body of a case is a block or is followed by a comma, or the case is the last one.
    (@list $way:ident $cases:tt $default:tt
        $case:ident $args:tt $(-> $result:pat)? => { $($body:tt)* }, $($rest:tt)*
    ) => {
        $crate::__crossbeam_channel_select!(
            @case $way $cases $default ($case $args ($($result)?) { $($body)* }) $($rest)*
        )
    };
    (@list $way:ident $cases:tt $default:tt
        $case:ident $args:tt $(-> $result:pat)? => $body:expr, $($rest:tt)*
    ) => {
        $crate::__crossbeam_channel_select!(@case $way $cases $default ($case $args ($($result)?) { $body }) $($rest)*)
    };
    (@list $way:ident $cases:tt $default:tt
        $case:ident $args:tt $(-> $result:pat)? => { $($body:tt)* } $($rest:tt)*
    ) => {
        $crate::__crossbeam_channel_select!(
            @case $way $cases $default ($case $args ($($result)?) { $($body)* }) $($rest)*
        )
    };
    (@list $way:ident $cases:tt $default:tt $case:ident $args:tt $(-> $result:pat)? => $body:expr) => {
        $crate::__crossbeam_channel_select!(@case $way $cases $default ($case $args ($($result)?) { $body }))
    };
    (@list $way:ident $cases:tt $default:tt $($rest:tt)*) => {
        ::std::compile_error!(::std::concat!(
            "expected `recv(receiver) -> result => body`, `send(sender, message) -> result => body`, ",
            "`default => body` or `default(timeout) => body`, and a comma after a body that is not a block; found `",
            ::std::stringify!($($rest)*),
            "`"
        ))
    };

    (@case $way:ident [$($cases:tt)*] $default:tt (recv ($receiver:expr $(,)?) ($result:pat) $body:tt) $($rest:tt)*) => {
        $crate::__crossbeam_channel_select!(
            @list $way [$($cases)* (recv ($receiver) () ($result) $body)] $default $($rest)*
        )
    };
    (@case $way:ident [$($cases:tt)*] $default:tt
        (send ($sender:expr, $message:expr $(,)?) ($result:pat) $body:tt) $($rest:tt)*
    ) => {
        $crate::__crossbeam_channel_select!(
            @list $way [$($cases)* (send ($sender) ($message) ($result) $body)] $default $($rest)*
        )
    };
    (@case $way:ident $cases:tt () (default ($($timeout:expr $(,)?)?) () $body:tt) $($rest:tt)*) => {
        $crate::__crossbeam_channel_select!(@list $way $cases (($($timeout)?) $body) $($rest)*)
    };
    (@case $way:ident $cases:tt $default:tt (default $args:tt () $body:tt) $($rest:tt)*) => {
        ::std::compile_error!("there can be only one `default` case in a `select!` block")
    };
    (@case $way:ident $cases:tt $default:tt ($case:ident $args:tt ($($result:pat)?) $body:tt) $($rest:tt)*) => {
        ::std::compile_error!(::std::concat!(
            "expected `recv(receiver) -> result`, `send(sender, message) -> result` or `default(timeout)`; found `",
            ::std::stringify!($case $args $(-> $result)?),
            "`"
        ))
    };

    (@begin $way:ident ($($number:tt)*) [$($begun:tt)*]
        [(recv ($receiver:expr) $message:tt $result:tt $body:tt) $($cases:tt)*] $default:tt
    ) => {
        match $receiver {
            ref receiver => {
                let receiver: &$crate::compat::crossbeam_channel::Receiver<_> = receiver;
                let mut branch = $crate::compat::crossbeam_channel::internal::RecvBranch::new(receiver);
                $crate::__crossbeam_channel_select!(
                    @begin $way ($($number)* + 1usize)
                    [$($begun)* (branch ($($number)*) recv $message $result $body)] [$($cases)*] $default
                )
            }
        }
    };
    (@begin $way:ident ($($number:tt)*) [$($begun:tt)*]
        [(send ($sender:expr) $message:tt $result:tt $body:tt) $($cases:tt)*] $default:tt
    ) => {
        match $sender {
            ref sender => {
                let sender: &$crate::compat::crossbeam_channel::Sender<_> = sender;
                let mut branch = $crate::compat::crossbeam_channel::internal::SendBranch::new(sender);
                $crate::__crossbeam_channel_select!(
                    @begin $way ($($number)* + 1usize)
                    [$($begun)* (branch ($($number)*) send $message $result $body)] [$($cases)*] $default
                )
            }
        }
    };
    (@begin $way:ident $number:tt [$(($branch:ident $($case:tt)*))*] [] $default:tt) => {{
        let selected = $crate::__crossbeam_channel_select!(@run $way [$($branch.listed()),*] $default);
        let ended = ($($branch.end(),)*);
        $crate::__crossbeam_channel_select!(
            @end selected ended ($($branch)*) [$(($branch $($case)*))*] $default
        )
    }};

    (@run $way:ident $branches:tt ()) => {
        $crate::compat::crossbeam_channel::internal::select(
            $branches, $crate::compat::crossbeam_channel::internal::Precedence::$way,
        )
    };
    (@run $way:ident $branches:tt (() $body:tt)) => {
        $crate::compat::crossbeam_channel::internal::try_select(
            $branches, $crate::compat::crossbeam_channel::internal::Precedence::$way,
        )
    };
    (@run $way:ident $branches:tt (($timeout:expr) $body:tt)) => {
        $crate::compat::crossbeam_channel::internal::select_timeout(
            $branches, $timeout, $crate::compat::crossbeam_channel::internal::Precedence::$way,
        )
    };

    (@end $selected:ident $ended:ident $all:tt
        [($branch:ident ($($number:tt)*) $call:ident ($($message:expr)?) ($result:pat) $body:tt) $($cases:tt)*]
        $default:tt
    ) => {
        if $selected == ::std::option::Option::Some($($number)*) {
            let branch = $crate::__crossbeam_channel_select!(@only $branch $ended $all);
            let result = branch.$call($($message)?);
            let $result = result;
            $body
        } else {
            $crate::__crossbeam_channel_select!(@end $selected $ended $all [$($cases)*] $default)
        }
    };
    (@end $selected:ident $ended:ident $all:tt [] ()) => {{
        ::std::unreachable!("a select without a timeout selects an operation")
    }};
    (@end $selected:ident $ended:ident $all:tt [] ($timeout:tt $body:tt)) => {{
        {
            let _ended = $ended;
        }
        $body
    }};

    // Moved as a whole first: the compiler regards a tuple whose fields were moved one by one as alive.
    (@only $branch:ident $ended:ident ($($all:ident)*)) => {{
        let ended = $ended;
        #[allow(unused_variables)]
        let ($($all,)*) = ended;
        $branch
    }};

    () => {
        ::std::compile_error!("empty `select!` block")
    };
    ($($cases:tt)+) => {
        $crate::__crossbeam_channel_select!(@list Random [] () $($cases)+)
    };
}

/// [`select!`](super::select) that selects the first one of several ready operations.
#[macro_export]
#[doc(hidden)]
macro_rules! __crossbeam_channel_select_biased {
    () => {
        ::std::compile_error!("empty `select_biased!` block")
    };
    ($($cases:tt)+) => {
        $crate::__crossbeam_channel_select!(@list First [] () $($cases)+)
    };
}
