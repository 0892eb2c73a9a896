//! What the senders of both channels have in common, and their weak counterparts.

/// The methods and traits of both kinds of senders, and of their weak counterparts. The literals are for the
/// examples.
macro_rules! sender {
    ($name:ident, $weak:ident, $channel:literal, $send:literal) => {
        impl<T> $name<T> {
            /// Waits until the receiver is dropped or closes the channel.
            ///
            /// # Cancel safety
            /// It can be dropped at any time.
            ///
            /// # Examples
            /// ```
            #[doc = example!(
                "receiver" = $channel:
                "drop(receiver);\n",
                "sender.closed().await;\n",
                "assert!(sender.", $send, "(1).is_err());"
            )]
            /// ```
            pub async fn closed(&self) {
                let mut closed = self.0.closed().0;
                // As in tokio, this takes no part in the budget.
                std::future::poll_fn(|context| closed.poll_without_budget(context)).await;
            }

            /// Whether the receiver was dropped or has closed the channel.
            ///
            /// # Examples
            /// ```
            #[doc = example!(
                "mut receiver" = $channel:
                "sender.", $send, "(1).unwrap();\n",
                "receiver.close();\n",
                "assert!(sender.is_closed());"
            )]
            /// ```
            pub fn is_closed(&self) -> bool {
                self.0.is_closed()
            }

            /// Returns a sender that does not keep the channel open.
            ///
            /// # Examples
            /// ```
            #[doc = example!(
                "mut receiver" = $channel:
                "let weak = sender.downgrade();\n",
                "weak.upgrade().unwrap().", $send, "(1).unwrap();\n",
                "drop(sender);\n",
                "assert!(weak.upgrade().is_none());\n",
                "assert_eq!((receiver.recv().await, receiver.recv().await), (Some(1), None));"
            )]
            /// ```
            #[must_use = "this returns a weak sender and leaves the sender alone"]
            pub fn downgrade(&self) -> $weak<T> {
                $weak(self.0.downgrade_keeping_messages())
            }

            /// Whether both are senders of the same channel.
            ///
            /// # Examples
            /// ```
            #[doc = example!(
                "receiver" = $channel:
                "sender.", $send, "(1).unwrap();\n",
                "let (other, _) = joinq::compat::tokio_mpsc::", $channel, ";\n",
                "assert!(sender.same_channel(&sender.clone()) && !sender.same_channel(&other));\n",
                "drop(receiver);"
            )]
            /// ```
            pub fn same_channel(&self, other: &Self) -> bool {
                self.0.same_channel(&other.0)
            }

            /// The number of senders.
            ///
            /// # Examples
            /// ```
            #[doc = example!(
                "mut receiver" = $channel:
                "sender.clone().", $send, "(1).unwrap();\n",
                "let second = sender.clone();\n",
                "assert_eq!(second.strong_count(), 2);\n",
                "assert_eq!(receiver.recv().await, Some(1));"
            )]
            /// ```
            pub fn strong_count(&self) -> usize {
                self.0.sender_count()
            }

            /// The number of weak senders.
            ///
            /// # Examples
            /// ```
            #[doc = example!(
                "mut receiver" = $channel:
                "sender.", $send, "(1).unwrap();\n",
                "let weak = sender.downgrade();\n",
                "assert_eq!((sender.strong_count(), sender.weak_count()), (1, 1));\n",
                "drop(weak);\n",
                "assert_eq!(receiver.recv().await, Some(1));"
            )]
            /// ```
            pub fn weak_count(&self) -> usize {
                self.0.weak_count()
            }
        }

        impl<T> $weak<T> {
            /// Returns a sender, unless all senders were dropped.
            ///
            /// # Examples
            /// ```
            #[doc = example!(
                "mut receiver" = $channel:
                "let weak = sender.downgrade();\n",
                "weak.upgrade().unwrap().", $send, "(1).unwrap();\n",
                "drop(sender);\n",
                "assert!(weak.upgrade().is_none());\n",
                "assert_eq!(receiver.recv().await, Some(1));"
            )]
            /// ```
            pub fn upgrade(&self) -> Option<$name<T>> {
                self.0.upgrade_sender().map($name)
            }

            /// The number of senders.
            ///
            /// # Examples
            /// ```
            #[doc = example!(
                "mut receiver" = $channel:
                "sender.", $send, "(1).unwrap();\n",
                "let weak = sender.downgrade();\n",
                "drop(sender);\n",
                "assert_eq!(weak.strong_count(), 0);\n",
                "assert_eq!(receiver.recv().await, Some(1));"
            )]
            /// ```
            pub fn strong_count(&self) -> usize {
                self.0.sender_count()
            }

            /// The number of weak senders.
            ///
            /// # Examples
            /// ```
            #[doc = example!(
                "mut receiver" = $channel:
                "sender.", $send, "(1).unwrap();\n",
                "let weak = sender.downgrade();\n",
                "assert_eq!(weak.clone().weak_count(), 2);\n",
                "assert_eq!(receiver.recv().await, Some(1));"
            )]
            /// ```
            pub fn weak_count(&self) -> usize {
                self.0.weak_count()
            }
        }

        delegate!(impl Clone for $name(.0) by $name);
        delegate!(impl Clone for $weak(.0) by $weak);
        opaque_debug!(write_str " { .. }": $name<T>, $weak<T>);
    };
}
