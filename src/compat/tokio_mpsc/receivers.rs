//! What the receivers of both channels have in common.

/// The methods and traits of both kinds of receivers. The literals are for the examples.
macro_rules! receiver {
    ($name:ident, $channel:literal, $send:literal) => {
        impl<T> $name<T> {
            /// Receives a message; waits while the channel is empty. Returns `None` if the channel is closed
            /// and empty and no permit is held.
            ///
            /// # Cancel safety
            /// It can be dropped at any time: it takes a message only in the poll that returns it.
            ///
            /// # Examples
            /// ```
            #[doc = example!(
                "mut receiver" = $channel:
                "sender.", $send, "(1).unwrap();\n",
                "drop(sender);\n",
                "assert_eq!((receiver.recv().await, receiver.recv().await), (Some(1), None));"
            )]
            /// ```
            pub async fn recv(&mut self) -> Option<T> {
                std::future::poll_fn(|context| self.0.poll_recv(context)).await
            }

            /// Receives up to `limit` messages, appends them to `buffer`, and returns their number; waits
            /// while the channel is empty. Returns 0 if `recv` would return `None`, or if `limit` is 0.
            ///
            /// # Cancel safety
            /// As for [`recv`](Self::recv).
            ///
            /// # Examples
            /// ```
            #[doc = example!(
                "mut receiver" = $channel:
                "(1..=3).for_each(|number| sender.", $send, "(number).unwrap());\n",
                "let mut buffer = Vec::new();\n",
                "assert_eq!(receiver.recv_many(&mut buffer, 2).await, 2);\n",
                "assert_eq!(buffer, [1, 2]);"
            )]
            /// ```
            pub async fn recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
                std::future::poll_fn(|context| self.0.poll_recv_many(context, buffer, limit)).await
            }

            /// Receives a message without waiting.
            ///
            /// # Errors
            /// [`TryRecvError::Empty`](crate::compat::tokio_mpsc::error::TryRecvError::Empty), or
            /// [`TryRecvError::Disconnected`](crate::compat::tokio_mpsc::error::TryRecvError::Disconnected) if
            /// no message will arrive.
            ///
            /// # Examples
            /// ```
            #[doc = example!(
                use "joinq::compat::tokio_mpsc::error::TryRecvError";
                "mut receiver" = $channel:
                "sender.", $send, "(1).unwrap();\n",
                "assert_eq!(receiver.try_recv(), Ok(1));\n",
                "assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));\n",
                "drop(sender);\n",
                "assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));"
            )]
            /// ```
            pub fn try_recv(&mut self) -> Result<T, crate::compat::tokio_mpsc::error::TryRecvError> {
                Ok(self.0.handle().try_recv()?)
            }

            /// Receives a message; blocks this thread while the channel is empty.
            ///
            /// # Panics
            /// If this thread drives asynchronous tasks: there, use [`recv`](Self::recv).
            ///
            /// # Examples
            /// ```
            #[doc = example!(
                "mut receiver" = $channel:
                "sender.", $send, "(1).unwrap();\n",
                "assert_eq!(receiver.blocking_recv(), Some(1));"
            )]
            /// ```
            #[track_caller]
            pub fn blocking_recv(&mut self) -> Option<T> {
                crate::compat::tokio_mpsc::assert_may_block();
                self.0.blocking_recv()
            }

            /// [`recv_many`](Self::recv_many) that blocks this thread while the channel is empty.
            ///
            /// # Panics
            /// If this thread drives asynchronous tasks: there, use [`recv_many`](Self::recv_many).
            ///
            /// # Examples
            /// ```
            #[doc = example!(
                "mut receiver" = $channel:
                "(1..=3).for_each(|number| sender.", $send, "(number).unwrap());\n",
                "let mut buffer = Vec::new();\n",
                "assert_eq!(receiver.blocking_recv_many(&mut buffer, 2), 2);\n",
                "assert_eq!(buffer, [1, 2]);"
            )]
            /// ```
            #[track_caller]
            pub fn blocking_recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
                crate::compat::tokio_mpsc::assert_may_block();
                self.0.blocking_recv_many(buffer, limit)
            }

            /// Closes the channel. Further sends fail, except those with a permit that is held; messages in
            /// the channel can still be received.
            ///
            /// # Examples
            /// ```
            #[doc = example!(
                "mut receiver" = $channel:
                "sender.", $send, "(1).unwrap();\n",
                "receiver.close();\n",
                "assert!(sender.", $send, "(2).is_err());\n",
                "assert_eq!((receiver.recv().await, receiver.recv().await), (Some(1), None));"
            )]
            /// ```
            pub fn close(&mut self) {
                self.0.handle().close();
            }

            /// Polls [`recv`](Self::recv); the waker of the last call is woken.
            ///
            /// # Examples
            /// ```
            #[doc = example!(
                use "std::future::poll_fn";
                "mut receiver" = $channel:
                "sender.", $send, "(1).unwrap();\n",
                "assert_eq!(poll_fn(|context| receiver.poll_recv(context)).await, Some(1));"
            )]
            /// ```
            pub fn poll_recv(&mut self, cx: &mut std::task::Context<'_>) -> std::task::Poll<Option<T>> {
                self.0.poll_recv(cx)
            }

            /// Polls [`recv_many`](Self::recv_many); the waker of the last call is woken.
            ///
            /// # Examples
            /// ```
            #[doc = example!(
                use "std::future::poll_fn";
                "mut receiver" = $channel:
                "sender.", $send, "(1).unwrap();\n",
                "let mut buffer = Vec::new();\n",
                "assert_eq!(poll_fn(|context| receiver.poll_recv_many(context, &mut buffer, 2)).await, 1);"
            )]
            /// ```
            pub fn poll_recv_many(
                &mut self,
                cx: &mut std::task::Context<'_>,
                buffer: &mut Vec<T>,
                limit: usize,
            ) -> std::task::Poll<usize> {
                self.0.poll_recv_many(cx, buffer, limit)
            }

            /// Whether the channel is closed: by [`close`](Self::close), or because all senders were dropped.
            ///
            /// # Examples
            /// ```
            #[doc = example!(
                "receiver" = $channel:
                "sender.", $send, "(1).unwrap();\n",
                "drop(sender);\n",
                "assert!(receiver.is_closed() && !receiver.is_empty());"
            )]
            /// ```
            pub fn is_closed(&self) -> bool {
                self.0.handle().is_closed()
            }

            /// Whether the channel contains no messages.
            ///
            /// # Examples
            /// ```
            #[doc = example!(
                "receiver" = $channel:
                "assert!(receiver.is_empty());\n",
                "sender.", $send, "(1).unwrap();\n",
                "assert!(!receiver.is_empty());"
            )]
            /// ```
            pub fn is_empty(&self) -> bool {
                self.0.handle().is_empty()
            }

            /// The number of messages in the channel.
            ///
            /// # Examples
            /// ```
            #[doc = example!(
                "receiver" = $channel:
                "sender.", $send, "(1).unwrap();\n",
                "assert_eq!(receiver.len(), 1);"
            )]
            /// ```
            pub fn len(&self) -> usize {
                self.0.handle().len()
            }

            /// The number of senders.
            ///
            /// # Examples
            /// ```
            #[doc = example!(
                "receiver" = $channel:
                "sender.clone().", $send, "(1).unwrap();\n",
                "assert_eq!(receiver.sender_strong_count(), 1);"
            )]
            /// ```
            pub fn sender_strong_count(&self) -> usize {
                self.0.handle().sender_count()
            }

            /// The number of weak senders.
            ///
            /// # Examples
            /// ```
            #[doc = example!(
                "receiver" = $channel:
                "let weak = sender.downgrade();\n",
                "weak.upgrade().unwrap().", $send, "(1).unwrap();\n",
                "assert_eq!(receiver.sender_weak_count(), 1);"
            )]
            /// ```
            pub fn sender_weak_count(&self) -> usize {
                self.0.handle().weak_count()
            }
        }

        impl<T> Unpin for $name<T> {}

        opaque_debug!(write_str " { .. }": $name<T>);
    };
}
