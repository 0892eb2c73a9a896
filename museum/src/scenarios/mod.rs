//! The scenarios, each a function over the crate.

mod cancel;
mod ends;
mod results;
mod wakers;

use crate::peer::Peer;
use crate::probe::{check, have, Failure, Verdict};

pub struct Scenario<P> {
    /// The rows of `docs/museum.md`, or the probe.
    pub exhibits: &'static str,
    pub title: &'static str,
    pub capacity: Option<usize>,
    pub run: fn(Option<usize>) -> Verdict,
    peer: std::marker::PhantomData<P>,
}

/// A channel with one message, which is full.
fn full<P: Peer>() -> Result<(P::Tx<u32>, P::Rx<u32>), Failure> {
    let (tx, rx) = have(P::open(Some(1)))?;
    check(P::try_send(&tx, 0).is_ok(), "cannot send")?;
    Ok((tx, rx))
}

/// All scenarios. A row is the exhibits, the title, the capacity and the function.
macro_rules! scenarios {
    ($($exhibits:literal $title:literal $capacity:expr => $module:ident::$run:ident)*) => {
        pub fn all<P: Peer>() -> Vec<Scenario<P>> {
            vec![$(Scenario {
                exhibits: $exhibits,
                title: $title,
                capacity: $capacity,
                run: $module::$run::<P>,
                peer: std::marker::PhantomData,
            }),*]
        }
    };
}

scenarios! {
    "A; 58, 76" "a message survives the receive that was woken for it and dropped" Some(1) => cancel::message_of_a_dropped_receive
    "A; 58, 76" "the same, unbounded" None => cancel::message_of_a_dropped_receive
    "B; 50" "a woken receive that is dropped wakes the next one" Some(1) => cancel::wake_up_of_a_dropped_receive
    "B; 50" "the same, unbounded" None => cancel::wake_up_of_a_dropped_receive
    "C; 44" "a woken send that is dropped leaves its slot to the next one" Some(1) => cancel::wake_up_of_a_dropped_send
    "D; 36" "a woken receive that is forgotten does not keep the next wake-up" Some(2) => cancel::forgotten_receive
    "D; 38" "a send that is forgotten does not keep two free slots" Some(2) => cancel::forgotten_send
    "E; 45" "the waker of the last poll of a receive is woken" Some(1) => cancel::replaced_waker
    "E; 45" "the waker of the last poll of a send is woken" Some(1) => cancel::replaced_waker_of_a_send
    "F" "a cancelled send is not delivered" Some(1) => cancel::cancelled_send
    "G; 51, 78" "an operation that is never polled does nothing" Some(1) => cancel::unpolled_operations
    "H; 86" "20,000 cancelled operations leave no waker behind" Some(1) => cancel::wakers_after_cancellations
    "I; 87" "20,000 polls leave no waker behind" Some(1) => cancel::wakers_after_polls
    "88" "a dropped receive and a dropped receiver keep no waker" Some(1) => cancel::waker_after_a_drop
    "37" "two messages wake two receives" Some(2) => cancel::two_messages_for_two_receives
    "40" "a receive that completes leaves no entry behind" Some(2) => cancel::entry_of_a_completed_receive
    "15" "operations forgotten in each state do not keep the channel from its end" Some(1) => cancel::forgotten_operations
    "4" "the last receiver drops the messages, bounded" Some(200) => ends::messages_of_the_last_receiver
    "4" "the last receiver drops the messages, unbounded" None => ends::messages_of_the_last_receiver
    "5" "a requester learns that its server is gone" Some(4) => ends::request_without_a_server
    "7" "a send beside the drop of the receiver strands no message, bounded" Some(4) => ends::send_beside_the_last_receiver
    "7" "a send beside the drop of the receiver strands no message, unbounded" None => ends::send_beside_the_last_receiver
    "24" "the end of a side wakes the other one" Some(1) => ends::end_of_a_side_wakes_the_other
    "30" "the other messages are dropped though the drop of one panics, bounded" Some(100) => ends::panicking_drop
    "30" "the other messages are dropped though the drop of one panics, unbounded" None => ends::panicking_drop
    "92" "messages that own a sender of their channel are dropped with the receiver" Some(20) => ends::messages_that_own_a_sender
    "92" "the same, unbounded" None => ends::messages_that_own_a_sender
    "61" "*closed* is reported only after the last message" Some(4) => ends::closed_only_after_the_last_message
    "61" "the same, unbounded" None => ends::closed_only_after_the_last_message
    "63" "messages that were sent before the end are received" Some(4) => ends::messages_before_the_end
    "64" "a message whose send has returned is there, beside other senders" None => results::sent_message_is_there
    "68" "a slot that was freed can be used, beside other threads" Some(4) => results::freed_slot_is_there
    "67" "the length is never above the capacity" Some(4) => results::length_within_the_capacity
    "66" "the length is right at each offset, bounded" Some(64) => results::length_at_each_offset
    "66" "the length is right at each offset, unbounded" None => results::length_at_each_offset
    "71" "a capacity of `usize::MAX` is accepted" Some(usize::MAX) => results::largest_capacity
    "74" "neither clones nor cancellations change the capacity" Some(3) => results::capacity_with_clones
    "73" "the order is kept though the channel is full" Some(2) => results::order_of_a_full_channel
    "48" "a send to a rendezvous returns after its receive" Some(0) => results::rendezvous
    "94" "a timeout of `Duration::MAX` waits" Some(1) => results::longest_timeout
    "55" "a timeout that races with a message loses nothing" Some(1) => results::timeout_beside_a_message
    "89" "messages of 64 KiB fit a stack of 1 MiB, bounded" Some(4) => results::large_messages
    "89" "messages of 64 KiB fit a stack of 1 MiB, unbounded" None => results::large_messages
    "20" "messages without size are counted and dropped once" Some(300) => results::messages_without_size
    "93" "a channel works in the destructor of thread-local data" Some(1) => results::thread_local_destructor
    "90" "a waker may use its channel when it is woken" Some(1) => wakers::waker_that_uses_the_channel
    "90" "a waker may use its channel when it is dropped" Some(1) => wakers::waker_that_uses_the_channel_when_dropped
    "90" "a message may use its channel when it is dropped by the last receiver" Some(4) => wakers::message_that_uses_the_channel
    "91" "the channel works after a waker has panicked" Some(1) => wakers::panicking_waker
    "91" "a close wakes all waiters though a waker panics" Some(1) => wakers::panicking_waker_beside_a_close
}
