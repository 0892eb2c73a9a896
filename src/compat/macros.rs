//! What several of the modules have alike, but for names and texts.

/// Handles that this crate's own become, and that become this crate's own again.
macro_rules! conversions {
    ($($name:ident from $own:ident: $make:expr, |$handle:ident| $inner:expr;)+) => {$(
        impl<T> From<crate::$own<T>> for $name<T> {
            /// The same handle under this name: it goes on to count as one, of the channel that it was of.
            fn from(handle: crate::$own<T>) -> Self {
                $make(handle)
            }
        }

        own!($name from $own: |$handle| $inner);
    )+};
}

/// A handle that becomes this crate's own.
macro_rules! own {
    ($name:ident from $own:ident: |$handle:ident| $inner:expr) => {
        impl<T> From<$name<T>> for crate::$own<T> {
            /// The same handle under this name: it goes on to count as one, of the channel that it was of.
            fn from($handle: $name<T>) -> Self {
                $inner
            }
        }
    };
}

/// The three iterators of a `Receiver` on threads, which they keep in a field of this name, and what makes them. They
/// print as the module says.
macro_rules! iterators {
    ($receiver:ident $(, #[$derive:meta])?) => {
        impl<T> Receiver<T> {
            /// Messages as they come, until the channel is disconnected and empty; blocks this thread for each.
            pub fn iter(&self) -> Iter<'_, T> {
                Iter { $receiver: self }
            }

            /// The messages that are inside, until there is none at that moment; never blocks.
            pub fn try_iter(&self) -> TryIter<'_, T> {
                TryIter { $receiver: self }
            }
        }

        /// Messages as they come; made by [`Receiver::iter`].
        $(#[$derive])?
        pub struct Iter<'a, T> {
            $receiver: &'a Receiver<T>,
        }

        /// The messages that are inside; made by [`Receiver::try_iter`].
        $(#[$derive])?
        pub struct TryIter<'a, T> {
            $receiver: &'a Receiver<T>,
        }

        /// Messages as they come, with their receiver; made by `Receiver::into_iter`.
        $(#[$derive])?
        pub struct IntoIter<T> {
            $receiver: Receiver<T>,
        }

        impl<T> Iterator for Iter<'_, T> {
            type Item = T;

            fn next(&mut self) -> Option<T> {
                self.$receiver.recv().ok()
            }
        }

        impl<T> Iterator for TryIter<'_, T> {
            type Item = T;

            fn next(&mut self) -> Option<T> {
                self.$receiver.try_recv().ok()
            }
        }

        impl<T> Iterator for IntoIter<T> {
            type Item = T;

            fn next(&mut self) -> Option<T> {
                self.$receiver.recv().ok()
            }
        }

        impl<'a, T> IntoIterator for &'a Receiver<T> {
            type Item = T;
            type IntoIter = Iter<'a, T>;

            fn into_iter(self) -> Iter<'a, T> {
                self.iter()
            }
        }

        impl<T> IntoIterator for Receiver<T> {
            type Item = T;
            type IntoIter = IntoIter<T>;

            fn into_iter(self) -> IntoIter<T> {
                IntoIter { $receiver: self }
            }
        }
    };
}

/// What an error prints for users, and that it is one.
macro_rules! texts {
    ($($name:ident$(<$item:ident$(: $bound:ident)?>)? { $($kind:pat => $text:literal),+ };)+) => {$(
        impl$(<$item>)? fmt::Display for $name$(<$item>)? {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self {
                    $($kind => $text),+
                })
            }
        }

        impl$(<$item$(: $bound)?>)? Error for $name$(<$item>)? {}
    )+};
}

/// Which error becomes which.
macro_rules! becomes {
    ($($from:ty => $to:ident$(<$item:ident>)? { $($kind:pat => $made:expr),+ };)+) => {$(
        impl$(<$item>)? From<$from> for $to$(<$item>)? {
            fn from(error: $from) -> Self {
                match error {
                    $($kind => $made),+
                }
            }
        }
    )+};
}

/// The errors of `crossbeam-channel` and `flume`, which differ in their texts, in `RecvError`, and in what they ask of a
/// message where an error that carries it is to be an `Error`.
macro_rules! errors {
    (
        impl<T$(: $bound:ident)?> Error;
        SendError => $closed:literal;
        TrySendError::Full => $full:literal;
        SendTimeoutError::Timeout => $late_to_send:literal;
        $recv_error:path => $over:literal;
        TryRecvError::Empty => $empty:literal;
        TryRecvError::Disconnected => $over_at_once:literal;
        RecvTimeoutError::Timeout => $late_to_recv:literal;
        RecvTimeoutError::Disconnected => $over_in_time:literal;
    ) => {
        /// [`Sender::send`](super::Sender::send) into a disconnected channel; the message comes back.
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub struct SendError<T>(pub T);

        /// [`Sender::try_send`](super::Sender::try_send) did not send; the message comes back.
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub enum TrySendError<T> {
            /// There is no room at this moment; with capacity 0, no receiver is waiting.
            Full(T),
            /// All receivers are gone.
            Disconnected(T),
        }

        /// [`Sender::send_timeout`](super::Sender::send_timeout) or
        /// [`send_deadline`](super::Sender::send_deadline) did not send; the message comes back.
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub enum SendTimeoutError<T> {
            /// The time was over before there was room; with capacity 0, before a receiver came.
            Timeout(T),
            /// All receivers are gone.
            Disconnected(T),
        }

        /// [`Receiver::try_recv`](super::Receiver::try_recv) received nothing.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum TryRecvError {
            /// There is nothing inside at this moment; with capacity 0, no sender is waiting.
            Empty,
            /// All senders are gone and nothing is left inside.
            Disconnected,
        }

        /// [`Receiver::recv_timeout`](super::Receiver::recv_timeout) or
        /// [`recv_deadline`](super::Receiver::recv_deadline) received nothing.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum RecvTimeoutError {
            /// The time was over before a message came.
            Timeout,
            /// All senders are gone and nothing is left inside.
            Disconnected,
        }

        impl<T> SendError<T> {
            /// The message that was not sent.
            pub fn into_inner(self) -> T {
                self.0
            }
        }

        impl<T> TrySendError<T> {
            /// The message that was not sent.
            pub fn into_inner(self) -> T {
                match self {
                    TrySendError::Full(msg) | TrySendError::Disconnected(msg) => msg,
                }
            }
        }

        impl<T> SendTimeoutError<T> {
            /// The message that was not sent.
            pub fn into_inner(self) -> T {
                match self {
                    SendTimeoutError::Timeout(msg) | SendTimeoutError::Disconnected(msg) => msg,
                }
            }
        }

        // The quotation marks are part of what both crates print.
        impl<T> fmt::Debug for SendError<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"SendError(..)\"")
            }
        }

        impl<T> fmt::Debug for TrySendError<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    TrySendError::Full(_) => "\"Full(..)\"",
                    TrySendError::Disconnected(_) => "\"Disconnected(..)\"",
                })
            }
        }

        impl<T> fmt::Debug for SendTimeoutError<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"SendTimeoutError(..)\"")
            }
        }

        texts! {
            SendError<T$(: $bound)?> { SendError(_) => $closed };
            TrySendError<T$(: $bound)?> {
                TrySendError::Full(_) => $full,
                TrySendError::Disconnected(_) => $closed
            };
            SendTimeoutError<T$(: $bound)?> {
                SendTimeoutError::Timeout(_) => $late_to_send,
                SendTimeoutError::Disconnected(_) => $closed
            };
            RecvError { $recv_error => $over };
            TryRecvError {
                TryRecvError::Empty => $empty,
                TryRecvError::Disconnected => $over_at_once
            };
            RecvTimeoutError {
                RecvTimeoutError::Timeout => $late_to_recv,
                RecvTimeoutError::Disconnected => $over_in_time
            };
        }

        becomes! {
            SendError<T> => TrySendError<T> { SendError(msg) => TrySendError::Disconnected(msg) };
            SendError<T> => SendTimeoutError<T> { SendError(msg) => SendTimeoutError::Disconnected(msg) };
            RecvError => TryRecvError { $recv_error => TryRecvError::Disconnected };
            RecvError => RecvTimeoutError { $recv_error => RecvTimeoutError::Disconnected };

            own::SendError<T> => SendError<T> { own::SendError(msg) => SendError(msg) };
            own::TrySendError<T> => TrySendError<T> {
                own::TrySendError::Full(msg) => TrySendError::Full(msg),
                own::TrySendError::Closed(msg) => TrySendError::Disconnected(msg)
            };
            own::SendTimeoutError<T> => SendTimeoutError<T> {
                own::SendTimeoutError::Timeout(msg) => SendTimeoutError::Timeout(msg),
                own::SendTimeoutError::Closed(msg) => SendTimeoutError::Disconnected(msg)
            };
            own::RecvError => RecvError { own::RecvError => $recv_error };
            own::TryRecvError => TryRecvError {
                own::TryRecvError::Empty => TryRecvError::Empty,
                own::TryRecvError::Closed => TryRecvError::Disconnected
            };
            own::RecvTimeoutError => RecvTimeoutError {
                own::RecvTimeoutError::Timeout => RecvTimeoutError::Timeout,
                own::RecvTimeoutError::Closed => RecvTimeoutError::Disconnected
            };
        }
    };
}
