//! Macros for what several of the modules have in common, except for names and texts.

/// Methods of a handle that call the same method of this crate's own handle.
///
/// `delegate!(Sender(.0): len, is_empty)` calls `self.0.len()` and `self.0.is_empty()`. The examples of the
/// methods begin with the lines of [`example_channel`]; `delegate!(Sender(.0) in ["..."]: len)` has others.
/// `delegate!(impl Clone for Sender(.0) by Sender)` returns `Sender(self.0.clone())`.
macro_rules! delegate {
    (impl Clone for $name:ident($($inner:tt)+) by $make:expr) => {
        impl<T> Clone for $name<T> {
            fn clone(&self) -> Self {
                $make(self$($inner)+.clone())
            }
        }
    };
    ($name:ident<$life:lifetime> $inner:tt: $($method:ident),+) => {
        impl<T> $name<$life, T> {
            $(delegate!(@$method $inner [example_channel!($name)] $name);)+
        }
    };
    ($name:ident $inner:tt: $($method:ident),+) => {
        impl<T> $name<T> {
            $(delegate!(@$method $inner [example_channel!($name)] $name);)+
        }
    };
    ($name:ident $inner:tt in $lines:tt: $($method:ident),+) => {
        impl<T> $name<T> {
            $(delegate!(@$method $inner $lines $name);)+
        }
    };

    (@close ($($inner:tt)+) [$lines:expr] $name:ident) => {
        /// Closes the channel. Returns true for the one call that closed it.
        ///
        /// # Examples
        #[doc = concat!(
            "```\n", $lines, "\n",
            "assert!(", handle_name!($name), ".close());\nassert!(!", handle_name!($name), ".close()); // it is closed already\n",
            "```",
        )]
        pub fn close(&self) -> bool {
            self$($inner)+.close()
        }
    };
    (@is_closed ($($inner:tt)+) [$lines:expr] $name:ident) => {
        /// Whether the channel is closed: by a call, or because all handles of one side were dropped.
        ///
        /// # Examples
        #[doc = concat!(
            "```\n", $lines, "\n",
            "assert!(!", handle_name!($name), ".is_closed());\nreceiver.close();\nassert!(", handle_name!($name), ".is_closed());\n",
            "```",
        )]
        pub fn is_closed(&self) -> bool {
            self$($inner)+.is_closed()
        }
    };
    (@is_disconnected ($($inner:tt)+) [$lines:expr] $name:ident) => {
        /// Whether all senders or all receivers were dropped.
        ///
        /// # Examples
        #[doc = concat!(
            "```\n", $lines, "\n",
            "assert!(!", handle_name!($name), ".is_disconnected());\ndrop(", handle_name!(other $name), ");\nassert!(", handle_name!($name), ".is_disconnected());\n",
            "```",
        )]
        pub fn is_disconnected(&self) -> bool {
            self$($inner)+.is_disconnected()
        }
    };
    (@is_empty ($($inner:tt)+) [$lines:expr] $name:ident) => {
        /// Whether the channel contains no messages; always true with capacity 0.
        ///
        /// # Examples
        #[doc = concat!("```\n", $lines, "\n", "assert!(!", handle_name!($name), ".is_empty());\n", "```")]
        pub fn is_empty(&self) -> bool {
            self$($inner)+.is_empty()
        }
    };
    (@is_full ($($inner:tt)+) [$lines:expr] $name:ident) => {
        /// Whether the number of messages is the capacity; always true with capacity 0.
        ///
        /// # Examples
        #[doc = concat!("```\n", $lines, "\n", "assert!(", handle_name!($name), ".is_full());\n", "```")]
        pub fn is_full(&self) -> bool {
            self$($inner)+.is_full()
        }
    };
    (@len ($($inner:tt)+) [$lines:expr] $name:ident) => {
        /// The number of messages in the channel; always 0 with capacity 0.
        ///
        /// # Examples
        #[doc = concat!("```\n", $lines, "\n", "assert_eq!(", handle_name!($name), ".len(), 1);\n", "```")]
        pub fn len(&self) -> usize {
            self$($inner)+.len()
        }
    };
    (@capacity ($($inner:tt)+) [$lines:expr] $name:ident) => {
        /// The capacity; `None` if the channel is unbounded.
        ///
        /// # Examples
        #[doc = concat!("```\n", $lines, "\n", "assert_eq!(", handle_name!($name), ".capacity(), Some(1));\n", "```")]
        pub fn capacity(&self) -> Option<usize> {
            self$($inner)+.capacity()
        }
    };
    (@sender_count ($($inner:tt)+) [$lines:expr] $name:ident) => {
        /// The number of senders.
        ///
        /// # Examples
        #[doc = concat!(
            "```\n", $lines, "\n",
            "let other = sender.clone();\nassert_eq!(", handle_name!($name), ".sender_count(), 2);\n",
            "```",
        )]
        pub fn sender_count(&self) -> usize {
            self$($inner)+.sender_count()
        }
    };
    (@receiver_count ($($inner:tt)+) [$lines:expr] $name:ident) => {
        /// The number of receivers.
        ///
        /// # Examples
        #[doc = concat!(
            "```\n", $lines, "\n",
            "let other = receiver.clone();\nassert_eq!(", handle_name!($name), ".receiver_count(), 2);\n",
            "```",
        )]
        pub fn receiver_count(&self) -> usize {
            self$($inner)+.receiver_count()
        }
    };
    (@same_channel ($($inner:tt)+) [$lines:expr] $name:ident) => {
        /// Whether both belong to the same channel.
        ///
        /// # Examples
        #[doc = concat!(
            "```\n", $lines, "\n",
            "assert!(", handle_name!($name), ".same_channel(&", handle_name!($name), ".clone()));\n",
            "```",
        )]
        pub fn same_channel(&self, other: &Self) -> bool {
            self$($inner)+.same_channel(&other$($inner)+)
        }
    };
}

/// The first lines of an example: a channel of this module with capacity 1 and one message, and the handle.
macro_rules! example_channel {
    (Sender) => {
        concat!("let (sender, receiver) = ", module_path!(), "::bounded(1);\nsender.try_send('a').unwrap();")
    };
    (Receiver) => {
        example_channel!(Sender)
    };
    (@flume $line:literal) => {
        concat!(
            "use joinq::compat::flume;\n\nlet (sender, receiver) = flume::bounded(1);\nsender.try_send('a').unwrap();\n",
            $line
        )
    };
    (SendFut) => {
        example_channel!(@flume "let send = sender.send_async('b');")
    };
    (SendSink) => {
        example_channel!(@flume "let sink = sender.sink();")
    };
    (RecvFut) => {
        example_channel!(@flume "let receive = receiver.recv_async();")
    };
    (RecvStream) => {
        example_channel!(@flume "let stream = receiver.stream();")
    };
}

/// The variable of a handle in an example, and that of the other side.
macro_rules! handle_name {
    (Sender) => {
        "sender"
    };
    (Receiver) => {
        "receiver"
    };
    (SendFut) => {
        "send"
    };
    (SendSink) => {
        "sink"
    };
    (RecvFut) => {
        "receive"
    };
    (RecvStream) => {
        "stream"
    };
    (UnboundedSender) => {
        "sender"
    };
    (UnboundedReceiver) => {
        "receiver"
    };
    (WeakSender) => {
        "weak"
    };
    (WeakUnboundedSender) => {
        "weak"
    };
    (other Sender) => {
        "receiver"
    };
    (other Receiver) => {
        "sender"
    };
    (other SendFut) => {
        "receiver"
    };
    (other SendSink) => {
        "receiver"
    };
    (other RecvFut) => {
        "sender"
    };
    (other RecvStream) => {
        "sender"
    };
}

/// `Debug` without a bound on the message. It prints the name of the type and `$rest`, by the method `$write`
/// of the formatter; or it prints the name and one field.
macro_rules! opaque_debug {
    (field $field:ident: $($name:ident<$($param:tt),+>),+) => {$(
        impl<T> std::fmt::Debug for $name<$($param),+> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).field(stringify!($field), &self.$field).finish()
            }
        }
    )+};
    ($write:ident $rest:literal: $($name:ident<$($param:tt),+>),+) => {$(
        impl<T> std::fmt::Debug for $name<$($param),+> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.$write(concat!(stringify!($name), $rest))
            }
        }
    )+};
}

/// Conversions between handles of a module and the handles of this crate, in both directions.
macro_rules! conversions {
    ($($name:ident from $own:ident: $make:expr, |$handle:ident| $inner:expr;)+) => {$(
        impl<T> From<crate::$own<T>> for $name<T> {
            /// Converts a handle; it remains a handle of the same channel and is counted as one.
            fn from(handle: crate::$own<T>) -> Self {
                $make(handle)
            }
        }

        impl<T> From<$name<T>> for crate::$own<T> {
            /// Converts a handle; it remains a handle of the same channel and is counted as one.
            fn from($handle: $name<T>) -> Self {
                $inner
            }
        }
    )+};
}

/// The three iterators of a `Receiver` on threads and the methods that return them. `$receiver` is the name
/// of the field that holds the receiver, `$unbounded` the constructor of an unbounded channel.
macro_rules! iterators {
    ($receiver:ident) => {
        iterators!($receiver, "unbounded");
    };
    ($receiver:ident, $unbounded:literal) => {
        impl<T> Receiver<T> {
            /// A blocking iterator over the messages as they arrive, which ends when the channel is
            /// disconnected and empty.
            ///
            /// # Examples
            #[doc = concat!("```\nlet (sender, receiver) = ", module_path!(), "::", $unbounded, "();")]
            /// std::thread::spawn(move || (1..=3).for_each(|number| sender.send(number).unwrap()));
            /// assert_eq!(receiver.iter().sum::<u32>(), 6); // ends when the sender was dropped
            /// ```
            pub fn iter(&self) -> Iter<'_, T> {
                Iter { $receiver: self }
            }

            /// An iterator that receives without blocking, and ends when it finds the channel empty.
            ///
            /// # Examples
            #[doc = concat!("```\nlet (sender, receiver) = ", module_path!(), "::", $unbounded, "();")]
            /// sender.send(1).unwrap();
            /// assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [1]); // the channel is still open
            /// ```
            pub fn try_iter(&self) -> TryIter<'_, T> {
                TryIter { $receiver: self }
            }
        }

        /// Blocking iterator over the messages; returned by [`Receiver::iter`].
        pub struct Iter<'a, T> {
            $receiver: &'a Receiver<T>,
        }

        /// Iterator over the messages that never blocks; returned by [`Receiver::try_iter`].
        pub struct TryIter<'a, T> {
            $receiver: &'a Receiver<T>,
        }

        /// Blocking iterator over the messages that owns the receiver; returned by `Receiver::into_iter`.
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

/// `Display` and `Error` of errors.
macro_rules! error_texts {
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

/// Conversions between errors.
macro_rules! error_conversions {
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

/// The errors of `crossbeam-channel` and `flume`. They differ in their texts, in `RecvError`, and in the
/// bound on the message under which an error that contains it is an `Error`. `$module` is the path of the
/// module.
macro_rules! errors {
    (
        in $module:literal;
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
        /// Error returned by [`Sender::send`](super::Sender::send): the channel is disconnected. It contains
        /// the message.
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub struct SendError<T>(pub T);

        /// Error returned by [`Sender::try_send`](super::Sender::try_send). It contains the message.
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub enum TrySendError<T> {
            /// The channel is full; with capacity 0, no receiver is waiting.
            Full(T),
            /// All receivers were dropped.
            Disconnected(T),
        }

        /// Error returned by [`Sender::send_timeout`](super::Sender::send_timeout) and
        /// [`send_deadline`](super::Sender::send_deadline). It contains the message.
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub enum SendTimeoutError<T> {
            /// The operation timed out before a slot became free; with capacity 0, before a receiver arrived.
            Timeout(T),
            /// All receivers were dropped.
            Disconnected(T),
        }

        /// Error returned by [`Receiver::try_recv`](super::Receiver::try_recv).
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum TryRecvError {
            /// The channel is empty; with capacity 0, no sender is waiting.
            Empty,
            /// All senders were dropped and the channel is empty.
            Disconnected,
        }

        /// Error returned by [`Receiver::recv_timeout`](super::Receiver::recv_timeout) and
        /// [`recv_deadline`](super::Receiver::recv_deadline).
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum RecvTimeoutError {
            /// The operation timed out before a message arrived.
            Timeout,
            /// All senders were dropped and the channel is empty.
            Disconnected,
        }

        impl<T> SendError<T> {
            /// Returns the message that was not sent.
            ///
            /// # Examples
            #[doc = concat!("```\nlet error = ", $module, "::SendError(1);")]
            /// assert_eq!(error.into_inner(), 1);
            /// ```
            pub fn into_inner(self) -> T {
                self.0
            }
        }

        impl<T> TrySendError<T> {
            /// Returns the message that was not sent.
            ///
            /// # Examples
            #[doc = concat!("```\nlet error = ", $module, "::TrySendError::Full(1);")]
            /// assert_eq!(error.into_inner(), 1);
            /// ```
            pub fn into_inner(self) -> T {
                match self {
                    TrySendError::Full(msg) | TrySendError::Disconnected(msg) => msg,
                }
            }
        }

        impl<T> SendTimeoutError<T> {
            /// Returns the message that was not sent.
            ///
            /// # Examples
            #[doc = concat!("```\nlet error = ", $module, "::SendTimeoutError::Timeout(1);")]
            /// assert_eq!(error.into_inner(), 1);
            /// ```
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

        error_texts! {
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

        error_conversions! {
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
