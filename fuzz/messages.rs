//! Sends and receives that do not wait, each compared with the model.
//!
//! Knows the handles of a channel. Does not know the bytes, nor how handles are cloned and dropped.

use super::channel::{at, Channel};
use super::item::{self, same, Narrow};

impl Channel {
    /// The free slots for a send that does not wait.
    pub(super) fn free(&self) -> usize {
        let model = &self.slots.model;
        if model.closed || model.has_waiters() {
            0
        } else {
            model.free_slots()
        }
    }

    pub(super) fn try_send(&mut self, arg: usize) {
        let free = self.free();
        let Some(sender) = at(&self.senders, arg) else { return };
        let (id, message) = item::fresh();
        match sender.try_send(message) {
            Ok(()) => {
                assert!(free > 0, "try_send: no free slot");
                self.slots.model.push(id);
            }
            Err(error) => {
                assert!(free == 0 && error.is_closed() == self.slots.model.closed, "{error:?}");
                same(&[error.into_inner()], &[id]);
            }
        }
    }

    pub(super) fn try_send_many(&mut self, arg: usize) {
        let fit = arg.min(self.free());
        let Some(sender) = at(&self.senders, arg) else { return };
        let (ids, messages): (Vec<u32>, Vec<Narrow>) = (0..arg).map(|_| item::fresh()).unzip();
        match sender.try_send_many(messages) {
            Ok(()) => assert_eq!(fit, arg, "try_send_many sent all"),
            Err(error) => {
                assert!(fit < arg && error.is_closed() == self.slots.model.closed, "{error:?}");
                same(&error.into_inner(), &ids[fit..]);
            }
        }
        ids[..fit].iter().for_each(|id| self.slots.model.push(*id));
    }

    pub(super) fn force_send(&mut self, arg: usize) {
        let (free, rendezvous) = (self.free(), self.slots.model.is_rendezvous());
        let Some(sender) = at(&self.senders, arg) else { return };
        let (id, message) = item::fresh();
        let model = &mut self.slots.model;
        match sender.force_send(message) {
            Err(error) => {
                assert!(model.closed);
                same(&[error.into_inner()], &[id]);
            }
            Ok(None) => {
                assert!(free > 0, "force_send: full");
                model.push(id);
            }
            Ok(Some(oldest)) => {
                assert!(!model.closed && free == 0, "force_send: {free} free slots");
                let displaced = if rendezvous { None } else { model.items.pop_front() };
                same(&[oldest], &[displaced.unwrap_or(id)]);
                if displaced.is_some() {
                    model.push(id);
                }
            }
        }
    }

    pub(super) fn try_recv(&mut self, arg: usize) {
        let got = match (&self.single, at(&self.receivers, arg)) {
            (Some(single), _) => single.borrow_mut().try_recv(),
            (None, Some(receiver)) => receiver.try_recv(),
            (None, None) => return,
        };
        match (got, self.slots.model.try_get(1)) {
            (Ok(message), Some(Ok(ids))) => same(&[message], &ids),
            (Err(error), Some(Err(()))) => assert!(error.is_closed()),
            (Err(error), None) => assert!(error.is_empty()),
            (got, model) => panic!("try_recv: {:?} for {model:?}", got.map(drop)),
        }
    }

    pub(super) fn try_recv_many(&mut self, limit: usize) {
        let mut messages = Vec::new();
        let got = match (&self.single, self.receivers.first()) {
            (Some(single), _) => single.borrow_mut().try_recv_many(&mut messages, limit),
            (None, Some(receiver)) => receiver.try_recv_many(&mut messages, limit),
            (None, None) => return,
        };
        match (got, self.slots.model.try_get(limit)) {
            (Ok(count), Some(Ok(ids))) if count == messages.len() => same(&messages, &ids),
            (Err(error), Some(Err(()))) => assert!(error.is_closed()),
            (Err(error), None) => assert!(error.is_empty()),
            (got, model) => panic!("try_recv_many: {got:?} for {model:?}"),
        }
    }

    pub(super) fn drain(&mut self) {
        let messages: Vec<Narrow> = match (&self.single, self.receivers.first()) {
            (Some(single), _) => single.borrow_mut().drain().collect(),
            (None, Some(receiver)) => receiver.drain().collect(),
            (None, None) => return,
        };
        let ids = self.slots.model.try_get(self.slots.model.len()).and_then(Result::ok);
        same(&messages, &ids.unwrap_or_default());
    }
}
