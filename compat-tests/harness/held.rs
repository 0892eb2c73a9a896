//! A future that acquires something which borrows its handle, e.g. a permit, and then uses it step by step,
//! as a program orders.

use super::{Item, Out, Work};
use std::cell::RefCell;
use std::future::{poll_fn, Future};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// The next order, and the result of the last one.
#[derive(Default)]
struct Exchange {
    is_acquired: bool,
    order: Option<(u8, Item)>,
    answer: Option<Out>,
}

/// The end of the exchange that the future has.
pub(crate) struct Orders(Rc<RefCell<Exchange>>);

impl Orders {
    /// The next order; `answer` is the result of the last one.
    pub(crate) async fn next(&self, answer: Out) -> (u8, Item) {
        {
            let mut exchange = self.0.borrow_mut();
            (exchange.is_acquired, exchange.answer) = (true, Some(answer));
        }
        poll_fn(|_| self.0.borrow_mut().order.take().map_or(Poll::Pending, Poll::Ready)).await
    }
}

/// Work that first waits, and then follows orders until it is done.
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
        if self.exchange.borrow().is_acquired {
            return Poll::Ready(Out::Nothing);
        }
        self.drive(context)
    }

    fn acts(&self) -> bool {
        self.exchange.borrow().is_acquired && self.future.is_some()
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
