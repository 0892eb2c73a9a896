//! Streams into a stage, and its jobs as a stream.
#![cfg(feature = "stream")]

mod common;

use common::{watchdog, Probe};
use futures_lite::future::block_on;
use futures_lite::{stream, StreamExt};
use joinq_flow::{Denied, Job, Overflow, Refused, Retry, Stage, State};
use std::pin::Pin;
use std::task::Poll;
use std::thread;

#[test]
fn a_feed_waits_while_the_stage_is_full() {
    let _watchdog = watchdog();
    let stage: Stage<u32> = Stage::builder("feed").capacity(2).build();
    let mut numbers = stream::iter(0..5);
    let mut feed = Probe::pending(Box::pin(stage.feed(&mut numbers)));
    assert_eq!(stage.stats().unfinished, 2);
    let mut jobs = Probe::new(stage.stream());
    match jobs.poll_with(futures_lite::Stream::poll_next) {
        Poll::Ready(Some(attempt)) => attempt.done(()),
        _ => panic!("there is a job"),
    }
    assert!(feed.is_woken());
    assert!(feed.poll().is_pending());
    drop(feed);
    // One item waited for free capacity, and is dropped with the feed; the next was not taken from the stream.
    assert_eq!((stage.stats().put, block_on(numbers.next())), (3, Some(4)));
}

#[test]
fn a_feed_of_many_items_leaves_others_their_turn() {
    let stage: Stage<u32> = Stage::builder("feed").capacity(1000).build();
    let mut feed = Probe::pending(Box::pin(stage.feed(stream::iter(0..100))));
    assert!(feed.is_woken());
    assert!(stage.stats().put < 100);
    assert!(matches!(feed.poll(), Poll::Ready(Ok(100))));
    assert_eq!(stage.stats().put, 100);
}

#[test]
fn a_refused_item_ends_a_feed_and_the_rest_is_in_the_stream() {
    let admit = |number: &u32| if *number == 3 { Err(Denied::new("three")) } else { Ok(()) };
    let stage: Stage<u32> = Stage::builder("feed").capacity(5).overflow(Overflow::Reject).admit(admit).build();
    let mut numbers = stream::iter(0..10);
    assert!(matches!(block_on(stage.feed(&mut numbers)), Err(Refused::Denied(3, _))));
    assert!(matches!(block_on(stage.feed(&mut numbers)), Err(Refused::Full(6))));
    stage.close();
    assert!(matches!(block_on(stage.feed(&mut numbers)), Err(Refused::Closed(7))));
    assert_eq!(block_on(numbers.next()), Some(8));
}

#[test]
fn a_feed_keeps_the_stage_open() {
    let _watchdog = watchdog();
    let stage: Stage<u32> = Stage::builder("feed").capacity(1).build();
    let feed = stage.feed(stream::iter(0..100));
    let worker = thread::spawn({
        let jobs = stage.stream();
        move || block_on(jobs.map(|attempt| attempt.done(())).count())
    });
    drop(stage);
    assert_eq!(block_on(feed).unwrap(), 100);
    assert_eq!(worker.join().unwrap(), 100);
}

#[test]
fn several_attempts_of_one_stream_are_open_at_the_same_time() {
    let _watchdog = watchdog();
    let stage: Stage<u32, u32> = Stage::builder("open").retry(Retry::default()).build();
    let jobs: Vec<_> = (0..3).map(|number| stage.put(number).wait().unwrap()).collect();
    stage.close();
    let mut stream = stage.stream();
    let attempts: Vec<_> = (0..3).map(|_| block_on(stream.next()).unwrap()).collect();
    assert!(jobs.iter().all(|job| job.state() == State::Running));
    for attempt in attempts.into_iter().rev() {
        match attempt.id() {
            1 => attempt.fail(joinq_flow::Failure::fatal("the first")),
            // Dropped: the next attempt follows at once.
            2 => drop(attempt),
            _ => attempt.done(3),
        }
    }
    let again = block_on(stream.next()).unwrap();
    assert_eq!((again.id(), again.attempt()), (2, 2));
    again.done(2);
    assert!(block_on(stream.next()).is_none());
    assert!(block_on(stream.next()).is_none());
    let states: Vec<_> = jobs.iter().map(Job::state).collect();
    assert_eq!(states, [State::Dead, State::Done, State::Done]);
}

#[test]
fn a_stream_that_is_dropped_while_it_waits_takes_no_job_with_it() {
    let _watchdog = watchdog();
    let stage: Stage<u32> = Stage::builder("dropped").build();
    let mut jobs = Probe::new(stage.stream());
    assert!(jobs.poll_with(|jobs: Pin<&mut _>, context| futures_lite::Stream::poll_next(jobs, context)).is_pending());
    let job = stage.put(1).wait().unwrap();
    assert!(jobs.is_woken());
    drop(jobs);
    stage.close();
    stage.work(|_: &Job<u32>| Ok(())).wait();
    assert!(job.is_done());
}
