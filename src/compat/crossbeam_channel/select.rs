//! `Select`: a select over a list of operations that is known only at run time.
//!
//! Knows the branches. Does not know how they complete.
//!
//! The types of the messages are erased in the list. A message passes from the user to a branch and back
//! through the channel itself, which knows its type.

use super::branch::{until, RecvBranch, SendBranch};
use super::ready::{RecvReady, SendReady};
use super::TrySelectError;
use super::{Flavor, ReadyTimeoutError, Receiver, RecvError, SelectTimeoutError, SendError, Sender, TryReadyError};
use crate::queue::QueueRef;
use crate::select::{run, Branch, Limit, Order};
use std::fmt;
use std::time::{Duration, Instant};

/// One operation of the list.
trait Operand {
    fn branch<'h>(&'h self) -> Box<dyn Erased + 'h>;
    fn readiness<'h>(&'h self) -> Box<dyn Branch + 'h>;
    fn address(&self) -> *const ();
}

/// A branch whose message passes through the channel.
trait Erased {
    fn listed(&mut self) -> &mut dyn Branch;
    fn end(self: Box<Self>, message: Option<Stashed>) -> Option<Stashed>;
}

/// A message on its way.
enum Stashed {
    /// In the channel, under this key.
    Key(usize),
    /// Of a timer.
    Instant(Instant),
}

impl<T> Operand for Receiver<T> {
    fn branch<'h>(&'h self) -> Box<dyn Erased + 'h> {
        Box::new(Receiving { receiver: self, branch: RecvBranch::new(self) })
    }

    fn readiness<'h>(&'h self) -> Box<dyn Branch + 'h> {
        Box::new(RecvReady::new(self))
    }

    fn address(&self) -> *const () {
        (self as *const Self).cast()
    }
}

impl<T> Operand for Sender<T> {
    fn branch<'h>(&'h self) -> Box<dyn Erased + 'h> {
        Box::new(Sending { sender: self, branch: SendBranch::new(self) })
    }

    fn readiness<'h>(&'h self) -> Box<dyn Branch + 'h> {
        Box::new(SendReady::new(self))
    }

    fn address(&self) -> *const () {
        (self as *const Self).cast()
    }
}

struct Receiving<'a, T> {
    receiver: &'a Receiver<T>,
    branch: RecvBranch<'a, T>,
}

impl<T> Erased for Receiving<'_, T> {
    fn listed(&mut self) -> &mut dyn Branch {
        &mut self.branch
    }

    /// Stashes the message. `None` if the channel is disconnected.
    fn end(mut self: Box<Self>, _: Option<Stashed>) -> Option<Stashed> {
        if let Some(arrival) = self.branch.arrival() {
            return Some(Stashed::Instant(arrival));
        }
        let msg = self.branch.end().recv().ok()?;
        match &self.receiver.0 {
            Flavor::Channel(receiver) => Some(Stashed::Key(receiver.queue().stash(msg))),
            _ => None,
        }
    }
}

struct Sending<'a, T> {
    sender: &'a Sender<T>,
    branch: SendBranch<'a, T>,
}

impl<T> Erased for Sending<'_, T> {
    fn listed(&mut self) -> &mut dyn Branch {
        &mut self.branch
    }

    /// Sends the stashed message. If the channel is disconnected, the message is stashed again.
    fn end(self: Box<Self>, message: Option<Stashed>) -> Option<Stashed> {
        let Some(Stashed::Key(key)) = message else { unreachable!("the message of a send is stashed") };
        let queue = self.sender.0.queue();
        let msg = queue.unstash(key);
        self.branch.end().send(msg).err().map(|SendError(msg)| Stashed::Key(queue.stash(msg)))
    }
}

/// A select over a list of operations: it waits until one is ready and selects that one, which must then be
/// completed. The macro [`select!`](super::select) is shorter where the operations are known.
///
/// An operation is ready if it need not wait, also if it fails because its channel is disconnected.
///
/// # Examples
/// ```
/// use joinq::compat::crossbeam_channel::{unbounded, Select};
///
/// let (senders, receivers): (Vec<_>, Vec<_>) = (0..3).map(|_| unbounded()).unzip();
/// senders[1].send("one").unwrap();
///
/// let mut select = Select::new();
/// for receiver in &receivers {
///     select.recv(receiver);
/// }
/// let operation = select.select();
/// let index = operation.index();
/// assert_eq!((index, operation.recv(&receivers[index])), (1, Ok("one")));
/// ```
#[derive(Clone)]
pub struct Select<'a> {
    operands: Vec<(usize, &'a (dyn Operand + Sync))>,
    next_index: usize,
    order: Order,
}

impl<'a> Select<'a> {
    /// Creates an empty list. Of several ready operations a random one is selected.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::crossbeam_channel::{unbounded, Select};
    ///
    /// let (sender, receiver) = unbounded();
    /// let mut select = Select::new();
    /// let index = select.recv(&receiver);
    /// sender.send(1).unwrap();
    /// let operation = select.select();
    /// assert_eq!((operation.index(), operation.recv(&receiver)), (index, Ok(1)));
    /// ```
    pub fn new() -> Select<'a> {
        Select { operands: Vec::new(), next_index: 0, order: Order::Random }
    }

    /// Creates an empty list. Of several ready operations the one that was added first is selected.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::crossbeam_channel::{unbounded, Select};
    ///
    /// let (sender, receiver) = unbounded();
    /// sender.send(1).unwrap();
    /// let mut select = Select::new_biased();
    /// let first = select.recv(&receiver);
    /// select.recv(&receiver);
    /// assert_eq!(select.ready(), first);
    /// ```
    pub fn new_biased() -> Self {
        Select { order: Order::AsListed, ..Select::new() }
    }

    fn add(&mut self, operand: &'a (dyn Operand + Sync)) -> usize {
        let index = self.next_index;
        self.operands.push((index, operand));
        self.next_index += 1;
        index
    }

    /// Adds a send, and returns its index.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::crossbeam_channel::{unbounded, Select};
    ///
    /// let (sender, receiver) = unbounded();
    /// let mut select = Select::new();
    /// select.send(&sender);
    /// select.select().send(&sender, 1).unwrap();
    /// assert_eq!(receiver.recv(), Ok(1));
    /// ```
    pub fn send<T: Send>(&mut self, s: &'a Sender<T>) -> usize {
        self.add(s)
    }

    /// Adds a receive, and returns its index.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::crossbeam_channel::{unbounded, Select};
    ///
    /// let (sender, receiver) = unbounded();
    /// let mut select = Select::new();
    /// let index = select.recv(&receiver);
    /// sender.send(1).unwrap();
    /// assert_eq!(select.ready(), index);
    /// ```
    pub fn recv<T: Send>(&mut self, r: &'a Receiver<T>) -> usize {
        self.add(r)
    }

    /// Removes an operation that was added. The indexes of the others do not change.
    ///
    /// # Panics
    /// If there is no operation with this index.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::crossbeam_channel::{unbounded, Select};
    ///
    /// let (_a, first) = unbounded::<u32>();
    /// let (b, second) = unbounded();
    /// let mut select = Select::new();
    /// let (index, other) = (select.recv(&first), select.recv(&second));
    /// select.remove(index);
    /// b.send(1).unwrap();
    /// assert_eq!(select.ready(), other); // the index of the other remains
    /// ```
    #[track_caller]
    pub fn remove(&mut self, index: usize) {
        assert!(index < self.next_index, "index out of bounds; {index} >= {}", self.next_index);
        let at = self.operands.iter().position(|(other, _)| *other == index);
        self.operands.remove(at.expect("no operation with this index"));
    }

    fn run(&mut self, limit: Limit) -> Option<SelectedOperation<'a>> {
        let mut branches: Vec<_> = self.operands.iter().map(|(_, operand)| operand.branch()).collect();
        let mut listed: Vec<_> = branches.iter_mut().map(|branch| branch.listed()).enumerate().collect();
        let position = run(&mut listed, limit, self.order)?;
        let (index, operand) = self.operands[position];
        Some(SelectedOperation { branch: Some(branches.swap_remove(position)), index, address: operand.address() })
    }

    fn run_ready(&mut self, limit: Limit) -> Option<usize> {
        let mut branches: Vec<_> = self.operands.iter().map(|(_, operand)| operand.readiness()).collect();
        let mut listed: Vec<_> = branches.iter_mut().map(|branch| &mut **branch).enumerate().collect();
        run(&mut listed, limit, self.order).map(|position| self.operands[position].0)
    }

    #[track_caller]
    fn assert_not_empty(&self) {
        assert!(!self.operands.is_empty(), "no operations have been added to `Select`");
    }

    /// Selects an operation that is ready.
    ///
    /// # Errors
    /// [`TrySelectError`] if there is none.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::crossbeam_channel::{unbounded, Select};
    ///
    /// let (sender, receiver) = unbounded();
    /// let mut select = Select::new();
    /// let index = select.recv(&receiver);
    /// assert!(select.try_select().is_err());
    /// sender.send(1).unwrap();
    /// assert_eq!(select.try_select().unwrap().recv(&receiver), Ok(1));
    /// ```
    pub fn try_select(&mut self) -> Result<SelectedOperation<'a>, TrySelectError> {
        self.run(Limit::Now).ok_or(TrySelectError)
    }

    /// Selects an operation; blocks this thread until one is ready.
    ///
    /// # Panics
    /// If there is no operation.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::crossbeam_channel::{unbounded, Select};
    ///
    /// let (sender, receiver) = unbounded();
    /// let mut select = Select::new();
    /// let index = select.recv(&receiver);
    /// sender.send(1).unwrap();
    /// assert_eq!(select.select().recv(&receiver), Ok(1));
    /// ```
    #[track_caller]
    pub fn select(&mut self) -> SelectedOperation<'a> {
        self.assert_not_empty();
        self.run(Limit::None).expect("no deadline was given")
    }

    /// [`select`](Select::select) that blocks for at most `timeout`.
    ///
    /// # Errors
    /// [`SelectTimeoutError`] if no operation became ready.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::crossbeam_channel::{unbounded, Select};
    /// use std::time::Duration;
    ///
    /// let (sender, receiver) = unbounded();
    /// let mut select = Select::new();
    /// let index = select.recv(&receiver);
    /// assert!(select.select_timeout(Duration::from_millis(1)).is_err());
    /// sender.send(1).unwrap();
    /// assert_eq!(select.select_timeout(Duration::from_millis(1)).unwrap().recv(&receiver), Ok(1));
    /// ```
    pub fn select_timeout(&mut self, timeout: Duration) -> Result<SelectedOperation<'a>, SelectTimeoutError> {
        self.run(until(timeout)).ok_or(SelectTimeoutError)
    }

    /// [`select`](Select::select) that blocks at most until `deadline`.
    ///
    /// # Errors
    /// [`SelectTimeoutError`] if no operation became ready.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::crossbeam_channel::{unbounded, Select};
    /// use std::time::{Duration, Instant};
    ///
    /// let (sender, receiver) = unbounded();
    /// let mut select = Select::new();
    /// let index = select.recv(&receiver);
    /// let deadline = Instant::now() + Duration::from_millis(1);
    /// assert!(select.select_deadline(deadline).is_err());
    /// sender.send(1).unwrap();
    /// assert_eq!(select.select_deadline(deadline).unwrap().recv(&receiver), Ok(1));
    /// ```
    pub fn select_deadline(&mut self, deadline: Instant) -> Result<SelectedOperation<'a>, SelectTimeoutError> {
        self.run(Limit::Deadline(deadline)).ok_or(SelectTimeoutError)
    }

    /// The index of an operation that is ready, without selecting it.
    ///
    /// # Errors
    /// [`TryReadyError`] if there is none.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::crossbeam_channel::{unbounded, Select};
    ///
    /// let (sender, receiver) = unbounded();
    /// let mut select = Select::new();
    /// let index = select.recv(&receiver);
    /// assert!(select.try_ready().is_err());
    /// sender.send(1).unwrap();
    /// assert_eq!(select.try_ready(), Ok(index));
    /// ```
    pub fn try_ready(&mut self) -> Result<usize, TryReadyError> {
        self.run_ready(Limit::Now).ok_or(TryReadyError)
    }

    /// The index of an operation that is ready, without selecting it; blocks this thread until there is one.
    /// Another thread may complete an operation first, so that it no longer is ready.
    ///
    /// # Panics
    /// If there is no operation.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::crossbeam_channel::{unbounded, Select};
    ///
    /// let (sender, receiver) = unbounded();
    /// let mut select = Select::new();
    /// let index = select.recv(&receiver);
    /// sender.send(1).unwrap();
    /// assert_eq!(select.ready(), index);
    /// assert_eq!(receiver.try_recv(), Ok(1)); // `ready` has taken nothing
    /// ```
    #[track_caller]
    pub fn ready(&mut self) -> usize {
        self.assert_not_empty();
        self.run_ready(Limit::None).expect("no deadline was given")
    }

    /// [`ready`](Select::ready) that blocks for at most `timeout`.
    ///
    /// # Errors
    /// [`ReadyTimeoutError`] if no operation became ready.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::crossbeam_channel::{unbounded, Select};
    /// use std::time::Duration;
    ///
    /// let (sender, receiver) = unbounded();
    /// let mut select = Select::new();
    /// let index = select.recv(&receiver);
    /// assert!(select.ready_timeout(Duration::from_millis(1)).is_err());
    /// sender.send(1).unwrap();
    /// assert_eq!(select.ready_timeout(Duration::from_millis(1)), Ok(index));
    /// ```
    pub fn ready_timeout(&mut self, timeout: Duration) -> Result<usize, ReadyTimeoutError> {
        self.run_ready(until(timeout)).ok_or(ReadyTimeoutError)
    }

    /// [`ready`](Select::ready) that blocks at most until `deadline`.
    ///
    /// # Errors
    /// [`ReadyTimeoutError`] if no operation became ready.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::crossbeam_channel::{unbounded, Select};
    /// use std::time::{Duration, Instant};
    ///
    /// let (sender, receiver) = unbounded();
    /// let mut select = Select::new();
    /// let index = select.recv(&receiver);
    /// let deadline = Instant::now() + Duration::from_millis(1);
    /// assert!(select.ready_deadline(deadline).is_err());
    /// sender.send(1).unwrap();
    /// assert_eq!(select.ready_deadline(deadline), Ok(index));
    /// ```
    pub fn ready_deadline(&mut self, deadline: Instant) -> Result<usize, ReadyTimeoutError> {
        self.run_ready(Limit::Deadline(deadline)).ok_or(ReadyTimeoutError)
    }
}

impl<'a> Default for Select<'a> {
    fn default() -> Select<'a> {
        Select::new()
    }
}

impl fmt::Debug for Select<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Select { .. }")
    }
}

/// An operation that was selected, and must be completed by [`send`](SelectedOperation::send) or
/// [`recv`](SelectedOperation::recv) with the handle that was added.
///
/// # Panics
/// If it is dropped before.
#[must_use]
pub struct SelectedOperation<'a> {
    /// `None` once it was completed.
    branch: Option<Box<dyn Erased + 'a>>,
    index: usize,
    address: *const (),
}

impl SelectedOperation<'_> {
    /// The index of the operation, as returned by [`Select::send`] or [`Select::recv`].
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::crossbeam_channel::{unbounded, Select};
    ///
    /// let (sender, receiver) = unbounded();
    /// let mut select = Select::new();
    /// let index = select.recv(&receiver);
    /// sender.send(1).unwrap();
    /// let operation = select.select();
    /// assert_eq!(operation.index(), index);
    /// operation.recv(&receiver).unwrap();
    /// ```
    pub fn index(&self) -> usize {
        self.index
    }

    fn end(mut self, message: Option<Stashed>) -> Option<Stashed> {
        self.branch.take().and_then(|branch| branch.end(message))
    }

    /// Completes a send.
    ///
    /// # Panics
    /// If `s` is not the sender that was added.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::crossbeam_channel::{unbounded, Select};
    ///
    /// let (sender, receiver) = unbounded();
    /// let mut select = Select::new();
    /// select.send(&sender);
    /// select.select().send(&sender, 1).unwrap();
    /// assert_eq!(receiver.recv(), Ok(1));
    /// ```
    #[track_caller]
    pub fn send<T>(self, s: &Sender<T>, msg: T) -> Result<(), SendError<T>> {
        assert!(s.address() == self.address, "passed a sender that wasn't selected");
        let queue = s.0.queue();
        match self.end(Some(Stashed::Key(queue.stash(msg)))) {
            Some(Stashed::Key(key)) => Err(SendError(queue.unstash(key))),
            _ => Ok(()),
        }
    }

    /// Completes a receive.
    ///
    /// # Panics
    /// If `r` is not the receiver that was added.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::crossbeam_channel::{unbounded, Select};
    ///
    /// let (sender, receiver) = unbounded();
    /// let mut select = Select::new();
    /// let index = select.recv(&receiver);
    /// sender.send(1).unwrap();
    /// assert_eq!(select.select().recv(&receiver), Ok(1));
    /// ```
    #[track_caller]
    pub fn recv<T>(self, r: &Receiver<T>) -> Result<T, RecvError> {
        assert!(r.address() == self.address, "passed a receiver that wasn't selected");
        match (self.end(None), &r.0) {
            (Some(Stashed::Key(key)), Flavor::Channel(receiver)) => Ok(receiver.queue().unstash(key)),
            (Some(Stashed::Instant(arrival)), Flavor::Timer(ticks)) => Ok((ticks.message)(arrival)),
            _ => Err(RecvError),
        }
    }
}

impl Drop for SelectedOperation<'_> {
    #[track_caller]
    fn drop(&mut self) {
        if self.branch.take().is_some() && !crate::sync::is_unwinding() {
            panic!("dropped `SelectedOperation` without completing the operation");
        }
    }
}

impl fmt::Debug for SelectedOperation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("SelectedOperation { .. }")
    }
}
