//! Something that borrows its handle, and is used step by step: a future that waits for orders once it has
//! it.

use super::{Item, Out, Work};
use std::cell::RefCell;
use std::future::{poll_fn, Future};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// What is to be done next, and what the last order came to.
#[derive(Default)]
struct Exchange {
    has_it: bool,
    order: Option<(u8, Item)>,
    answer: Option<Out>,
}

/// The inner end: the future's.
pub(crate) struct Orders(Rc<RefCell<Exchange>>);

impl Orders {
    /// The next order; `answer` is what the last one came to.
    pub(crate) async fn next(&self, answer: Out) -> (u8, Item) {
        {
            let mut exchange = self.0.borrow_mut();
            (exchange.has_it, exchange.answer) = (true, Some(answer));
        }
        poll_fn(|_| self.0.borrow_mut().order.take().map_or(Poll::Pending, Poll::Ready)).await
    }
}

/// Work that first waits, and then acts on orders until it is done.
pub(crate) struct Held<F> {
    future: Option<Pin<Box<F>>>,
    exchange: Rc<RefCell<Exchange>>,
}

pub(crate) fn held<F: Future<Output = Out>>(make: impl FnOnce(Orders) -> F) -> Held<F> {
    let exchange = Rc::new(RefCell::new(Exchange::default()));
    Held { future: Some(Box::pin(make(Orders(exchange.clone())))), exchange }
}

impl<F: Future<Output = Out>> Held<F> {
    fn drive(&mut self, context: &mut Context<'_>) -> Poll<Out> {
        let Some(future) = &mut self.future else { return Poll::Ready(Out::Nothing) };
        if let Poll::Ready(out) = future.as_mut().poll(context) {
            self.future = None;
            return Poll::Ready(out);
        }
        self.exchange.borrow_mut().answer.take().map_or(Poll::Pending, Poll::Ready)
    }
}

impl<F: Future<Output = Out>> Work for Held<F> {
    fn poll(&mut self, context: &mut Context<'_>, _: u8) -> Poll<Out> {
        if self.exchange.borrow().has_it {
            return Poll::Ready(Out::Nothing);
        }
        self.drive(context)
    }

    fn acts(&self) -> bool {
        self.exchange.borrow().has_it && self.future.is_some()
    }

    fn act(&mut self, how: u8, item: Item) -> Option<Out> {
        self.exchange.borrow_mut().order = Some((how, item));
        match self.drive(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(out) => Some(out),
            Poll::Pending => None,
        }
    }

    fn ends(&self) -> bool {
        self.future.is_none()
    }
}
