//! The handles of a channel: senders and receivers are cloned, dropped, downgraded and upgraded, alone or inside of
//! pending operations, until the last one of a side closes the channel. Also the channel of a single consumer.
//!
//! Knows handles, and which byte is which operation. Operations that do not wait are in `messages.rs`; the model of the
//! messages is that of a queue.

use super::input::{trace, Input};
use super::item::{self, alive, Narrow};
use super::model::Model;
use super::operation::{Flag, Op};
use super::request::Request;
use super::slots::{Slots, SLOTS};
use joinq::{mpsc, Receiver, Sender, WeakReceiver, WeakSender};
use std::cell::RefCell;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Waker};

/// The most handles of a kind that the program holds.
const MOST: usize = 6;

/// What a pending operation owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Handle {
    Sender,
    Receiver,
    /// A reference to the single consumer.
    Single,
}

pub(super) struct Channel {
    pub(super) slots: Slots<'static, Narrow>,
    pub(super) senders: Vec<Sender<Narrow>>,
    weak_senders: Vec<WeakSender<Narrow>>,
    pub(super) receivers: Vec<Receiver<Narrow>>,
    weak_receivers: Vec<WeakReceiver<Narrow>>,
    pub(super) single: Option<Rc<RefCell<mpsc::Receiver<Narrow>>>>,
    /// The handles that exist, those in operations too.
    sender_count: usize,
    receiver_count: usize,
    owned: [Option<Handle>; SLOTS],
}

/// Runs one program. The first byte chooses the channel; each further one is an operation (its low five bits) with an
/// argument (its high three).
pub(crate) fn run(bytes: &[u8]) {
    item::reset();
    let mut input = Input(bytes);
    let kind = input.byte();
    let capacity = [None, Some(0), Some(1), Some(2), Some(9), Some(256)][usize::from(kind) % 6];
    let is_single = kind / 6 % 3 == 2 && capacity != Some(0);
    let has_permits = kind / 6 % 3 == 1 && matches!(capacity, Some(1..));
    trace(|| format!("capacity {capacity:?}, single consumer {is_single}, permits {has_permits}"));
    let mut channel = Channel::new(capacity, is_single, has_permits);
    while let Some(byte) = input.next() {
        trace(|| format!("{} {}: items {:?}", byte & 31, byte >> 5, channel.slots.model.items));
        channel.step(byte & 31, usize::from(byte >> 5));
        channel.check();
    }
    channel.finish(&mut input);
    assert_eq!(alive(), 0, "messages alive after the channel");
}

impl Channel {
    fn new(capacity: Option<usize>, is_single: bool, has_permits: bool) -> Self {
        let mut channel = Channel {
            slots: Slots::new(Model::new(capacity, has_permits)),
            senders: Vec::new(),
            weak_senders: Vec::new(),
            receivers: Vec::new(),
            weak_receivers: Vec::new(),
            single: None,
            sender_count: 1,
            receiver_count: 1,
            owned: [None; SLOTS],
        };
        if is_single {
            let (sender, receiver) = match capacity {
                None => mpsc::unbounded(),
                Some(capacity) => mpsc::bounded(capacity),
            };
            channel.senders.push(sender);
            channel.single = Some(Rc::new(RefCell::new(receiver)));
        } else {
            let (sender, receiver) = match capacity {
                None => joinq::unbounded(),
                Some(capacity) if has_permits => joinq::with_permits(capacity),
                Some(capacity) => joinq::bounded(capacity),
            };
            channel.senders.push(sender);
            channel.receivers.push(receiver);
        }
        channel
    }

    fn step(&mut self, op: u8, arg: usize) {
        match op {
            0 => self.clone_sender(arg),
            1 => self.drop_sender(arg),
            2 => self.clone_receiver(arg),
            3 => self.drop_receiver(arg),
            4 => {
                let weak = at(&self.senders, arg).map(Sender::downgrade);
                self.weak_senders.extend(weak.filter(|_| self.weak_senders.len() < MOST));
            }
            5 => {
                let weak = at(&self.receivers, arg).map(Receiver::downgrade);
                self.weak_receivers.extend(weak.filter(|_| self.weak_receivers.len() < MOST));
            }
            6 | 7 => self.upgrade_sender(arg),
            8 | 9 => self.upgrade_receiver(arg),
            10 if arg < 4 => drop(take(&mut self.weak_senders, arg)),
            10 => drop(take(&mut self.weak_receivers, arg)),
            11..=13 => self.try_send(arg),
            14 => self.try_send_many(arg),
            15 | 16 => self.try_recv(arg),
            17 => self.try_recv_many(arg),
            18 | 19 => self.begin_send(arg),
            20 | 21 => self.begin_recv(arg),
            22 | 23 => self.end_slot_if(arg, |slots| slots.poll_slot(arg, 0)),
            24 => self.end_slot_if(arg, |slots| slots.poll_slot(arg, 1)),
            25 => self.end_slot_if(arg, |slots| slots.drop_slot(arg)),
            26 => self.end_slot_if(arg, |slots| slots.take_slot(arg)),
            27 => self.settle(),
            28 if arg == 0 => self.close(),
            28 if arg == 1 => self.drain(),
            28 => self.force_send(arg),
            29 => self.check_closed(arg),
            30 => self.compare(arg),
            _ => self.try_recv_many(arg * arg),
        }
    }

    fn clone_sender(&mut self, arg: usize) {
        let Some(sender) = at(&self.senders, arg).filter(|_| self.senders.len() < MOST) else { return };
        let clone = if arg < 4 { sender.clone() } else { sender.downgrade().clone().upgrade().expect("it is held") };
        self.senders.push(clone);
        self.sender_count += 1;
    }

    fn clone_receiver(&mut self, arg: usize) {
        let Some(receiver) = at(&self.receivers, arg).filter(|_| self.receivers.len() < MOST) else { return };
        self.receivers.push(receiver.clone());
        self.receiver_count += 1;
    }

    fn drop_sender(&mut self, arg: usize) {
        if take(&mut self.senders, arg).is_some() {
            self.lost(Handle::Sender);
        }
    }

    fn drop_receiver(&mut self, arg: usize) {
        if let Some(single) = self.single.take() {
            // Not in most steps, as there is no other one.
            if arg == 0 && Rc::strong_count(&single) == 1 {
                drop(single);
                self.lost(Handle::Receiver);
            } else {
                self.single = Some(single);
            }
        } else if take(&mut self.receivers, arg).is_some() {
            self.lost(Handle::Receiver);
        }
    }

    /// A handle was dropped. The last one of a side closes the channel, and the last receiver drops the messages.
    fn lost(&mut self, handle: Handle) {
        let count = match handle {
            Handle::Sender => &mut self.sender_count,
            Handle::Receiver => &mut self.receiver_count,
            Handle::Single => return,
        };
        *count -= 1;
        if *count == 0 {
            self.slots.model.close();
            if handle == Handle::Receiver {
                self.slots.model.items.clear();
            }
        }
    }

    fn upgrade_sender(&mut self, arg: usize) {
        let Some(weak) = at(&self.weak_senders, arg) else { return };
        let sender = weak.upgrade();
        assert_eq!(sender.is_some(), self.sender_count > 0, "whether a sender can be upgraded");
        if let Some(sender) = sender {
            self.sender_count += 1;
            self.senders.push(sender);
            if self.senders.len() > MOST {
                self.drop_sender(0);
            }
        }
    }

    fn upgrade_receiver(&mut self, arg: usize) {
        let Some(weak) = at(&self.weak_receivers, arg) else { return };
        let receiver = weak.upgrade();
        assert_eq!(receiver.is_some(), self.receiver_count > 0, "whether a receiver can be upgraded");
        if let Some(receiver) = receiver {
            self.receiver_count += 1;
            self.receivers.push(receiver);
            if self.receivers.len() > MOST {
                self.drop_receiver(0);
            }
        }
    }

    /// Begins a send that owns one of the senders.
    fn begin_send(&mut self, arg: usize) {
        let Some(slot) = self.owned.iter().position(Option::is_none) else { return };
        let Some(sender) = take(&mut self.senders, arg) else { return };
        self.owned[slot] = Some(Handle::Sender);
        self.slots.begin(6, |slots| {
            let (id, message) = slots.fresh();
            (Op::Send(sender.into_send(message)), Request::Put { left: [id].into(), waits: false })
        });
        if arg != 6 {
            self.end_slot_if(slot, |slots| slots.poll_slot(slot, 0));
        }
    }

    /// Begins a receive that owns one of the receivers, or refers to the single one.
    fn begin_recv(&mut self, arg: usize) {
        let Some(slot) = self.owned.iter().position(Option::is_none) else { return };
        let (op, handle) = match &self.single {
            // The single consumer wakes the waker of its last poll, so there is one operation at a time.
            Some(single) if Rc::strong_count(single) == 1 => (Op::Single(single.clone()), Handle::Single),
            Some(_) => return,
            None => match take(&mut self.receivers, arg) {
                Some(receiver) => (Op::Recv(receiver.into_recv()), Handle::Receiver),
                None => return,
            },
        };
        self.owned[slot] = Some(handle);
        self.slots.begin(6, |_| (op, Request::Get { limit: 1, waits: false }));
        if arg != 6 {
            self.end_slot_if(slot, |slots| slots.poll_slot(slot, 0));
        }
    }

    /// Uses a pending operation. If that ends it, its handle is gone.
    fn end_slot_if(&mut self, slot: usize, end: impl FnOnce(&mut Slots<'static, Narrow>) -> bool) {
        if end(&mut self.slots) {
            if let Some(handle) = self.owned[slot].take() {
                self.lost(handle);
            }
        }
    }

    fn settle(&mut self) {
        for round in 0.. {
            let Some(slot) = self.slots.woken() else { break };
            assert!(round < 1_000, "the waiters wake each other without end");
            self.end_slot_if(slot, |slots| slots.poll_slot(slot, round % 2));
            self.check();
        }
    }

    fn close(&mut self) {
        let closed = match (&self.single, self.receivers.first(), self.senders.first()) {
            (Some(single), ..) => single.borrow().close(),
            (None, Some(receiver), _) => receiver.close(),
            (None, None, Some(sender)) => sender.close(),
            (None, None, None) => return,
        };
        assert_eq!(closed, !self.slots.model.closed, "close");
        self.slots.model.close();
    }

    fn check_closed(&self, arg: usize) {
        let waker = Waker::from(Flag::new());
        let mut context = Context::from_waker(&waker);
        if let Some(sender) = at(&self.senders, arg) {
            assert_eq!(pin!(sender.closed()).poll(&mut context).is_ready(), self.slots.model.closed, "closed");
        }
    }

    fn compare(&self, arg: usize) {
        let (other, _receiver) = joinq::unbounded();
        if let Some(sender) = at(&self.senders, arg) {
            assert!(sender.same_channel(&self.senders[0]) && !sender.same_channel(&other), "same_channel");
        }
    }

    fn check(&self) {
        let model = &self.slots.model;
        let expected = (model.len(), model.closed, model.is_full(), self.sender_count);
        let answers =
            |len, closed, full, senders| assert_eq!((len, closed, full, senders), expected, "a channel's answers");
        for sender in &self.senders {
            answers(sender.len(), sender.is_closed(), sender.is_full(), sender.sender_count());
            assert_eq!(sender.receiver_count(), self.receiver_count, "receiver_count");
        }
        for receiver in &self.receivers {
            answers(receiver.len(), receiver.is_closed(), receiver.is_full(), receiver.sender_count());
            assert_eq!(receiver.receiver_count(), self.receiver_count, "receiver_count");
        }
        if let Some(single) = &self.single {
            let receiver = single.borrow();
            answers(receiver.len(), receiver.is_closed(), receiver.is_full(), receiver.sender_count());
        }
        let sends = self.owned.iter().filter(|owned| **owned == Some(Handle::Sender)).count();
        let messages = model.items.len();
        assert!((messages..=messages + sends).contains(&alive()), "messages alive: {}", alive());
        self.slots.check_wakes();
    }

    /// Drops all handles and operations, in an order that the rest of the input would choose.
    fn finish(mut self, input: &mut Input<'_>) {
        self.settle();
        let receivers_first = input.byte() % 2 == 0;
        for slot in 0..SLOTS {
            self.end_slot_if(slot, |slots| slots.drop_slot(slot));
            self.check();
        }
        for side in [receivers_first, !receivers_first] {
            while !side && !self.senders.is_empty() {
                self.drop_sender(0);
                self.check();
            }
            while side && (!self.receivers.is_empty() || self.single.is_some()) {
                self.drop_receiver(0);
                self.check();
            }
        }
        assert_eq!((self.sender_count, self.receiver_count), (0, 0), "handles that the model has left");
        assert!(self.weak_senders.iter().all(|weak| weak.upgrade().is_none()), "an upgrade after the last sender");
        assert!(self.weak_receivers.iter().all(|weak| weak.upgrade().is_none()), "an upgrade after the last receiver");
    }
}

pub(super) fn at<T>(handles: &[T], arg: usize) -> Option<&T> {
    (!handles.is_empty()).then(|| &handles[arg % handles.len()])
}

fn take<T>(handles: &mut Vec<T>, arg: usize) -> Option<T> {
    (!handles.is_empty()).then(|| handles.remove(arg % handles.len()))
}
