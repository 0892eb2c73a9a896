//! Models of the core at the edges of its segments: appending, moving the ends, and the reuse of segments.

#[cfg(loom)]
mod items;
mod support;

#[cfg(loom)]
mod tests {
    use crate::items::{explore_capped, has_holes, item, pop, push, queue, reach, settle, Popped, Shared, Tag};
    use joinq::raw::{Events, UNBOUNDED};
    use loom::thread;

    fn all(by: usize, count: usize) -> Vec<Tag> {
        (0..count).map(|number| (by, number)).collect()
    }

    /// A thread that pops `times` times, with any result.
    fn consumer(queue: &Shared, times: usize) -> thread::JoinHandle<Popped> {
        let queue = queue.clone();
        thread::spawn(move || {
            let mut popped = Popped::default();
            for _ in 0..times {
                let _ = pop(&queue, &mut popped);
            }
            popped
        })
    }

    fn producer(queue: &Shared, by: usize, count: usize) -> thread::JoinHandle<()> {
        let queue = queue.clone();
        thread::spawn(move || (0..count).for_each(|number| push(&queue, (by, number))))
    }

    /// Two pushes append at once to a queue without segments, during a pop.
    #[test]
    fn two_pushes_append_the_first_segment() {
        explore_capped(|| {
            let (queue, _) = queue(0, 0);
            let producers = [producer(&queue, 0, 1), producer(&queue, 1, 1)];
            let mut popped = Popped::default();
            let _ = pop(&queue, &mut popped);
            let _ = producers.map(|producer| producer.join().unwrap());
            settle(&queue, [popped], [all(0, 1), all(1, 1)]);
        });
    }

    /// Two pushes append at once to a full segment, during a pop.
    #[test]
    fn two_pushes_append_to_a_full_segment() {
        explore_capped(|| {
            let (queue, before) = queue(0, 2);
            let producers = [producer(&queue, 0, 1), producer(&queue, 1, 1)];
            let mut popped = Popped::default();
            assert_eq!(pop(&queue, &mut popped), Ok(()));
            let _ = producers.map(|producer| producer.join().unwrap());
            settle(&queue, [popped], [before, all(0, 1), all(1, 1)]);
        });
    }

    /// Of two appending pushes, either may move the tail, but each reports its own item when it returns.
    #[test]
    fn each_append_reports_its_item() {
        explore_capped(|| {
            let (queue, before) = queue(0, 2);
            let reporting = |queue: &Shared, by| {
                let mut events = Events::default();
                assert!(queue.push(item((by, 0)), UNBOUNDED, &mut events).is_ok());
                assert!(events.pushed > 0);
            };
            let other = queue.clone();
            let other = thread::spawn(move || reporting(&other, 0));
            reporting(&queue, 1);
            other.join().unwrap();
            settle(&queue, [], [before, all(0, 1), all(1, 1)]);
        });
    }

    /// Segments are reused while pushes and pops use them.
    #[test]
    fn segments_are_reused_during_pushes_and_pops() {
        reach("a hole", || {
            let (queue, _) = queue(0, 0);
            let producer = producer(&queue, 0, 6);
            let mut popped = Popped::default();
            for _ in 0..4 {
                let _ = pop(&queue, &mut popped);
            }
            producer.join().unwrap();
            let holes = has_holes(&queue);
            settle(&queue, [popped], [all(0, 6)]);
            holes
        });
    }

    /// Segments are reused with a spare in the pool, which the next append takes.
    #[test]
    fn an_append_reuses_the_spare() {
        for passed in [3, 4] {
            explore_capped(move || {
                let (queue, before) = queue(passed, 1);
                let producer = producer(&queue, 0, 5);
                let mut popped = Popped::default();
                for _ in 0..3 {
                    let _ = pop(&queue, &mut popped);
                }
                producer.join().unwrap();
                settle(&queue, [popped], [before, all(0, 5)]);
            });
        }
    }

    /// A slot is poisoned, its producer takes its value back, and the consumer's thread reuses the segment.
    #[test]
    fn a_segment_with_a_poisoned_slot_is_reused() {
        reach("a hole", || {
            let (queue, before) = queue(0, 1);
            let producer = producer(&queue, 0, 2);
            let mut popped = Popped::default();
            for number in 0..4 {
                let _ = pop(&queue, &mut popped);
                let _ = pop(&queue, &mut popped);
                push(&queue, (1, number));
            }
            producer.join().unwrap();
            let holes = has_holes(&queue);
            settle(&queue, [popped], [before, all(0, 2), all(1, 4)]);
            holes
        });
    }

    /// A pop that poisons a slot has read its segment before. A third thread reuses the segment only after
    /// that.
    #[test]
    fn a_poisoning_pop_finishes_before_its_segment_is_reused() {
        reach("a hole", || {
            let (queue, before) = queue(1, 0);
            let producer = producer(&queue, 0, 1);
            let consumer = consumer(&queue, 1);
            let mut popped = Popped::default();
            for number in 0..4 {
                push(&queue, (1, number));
                let _ = pop(&queue, &mut popped);
            }
            producer.join().unwrap();
            let other = consumer.join().unwrap();
            let holes = has_holes(&queue);
            settle(&queue, [popped, other], [before, all(0, 1), all(1, 4)]);
            holes
        });
    }

    /// Two pops in one segment, and a thread that reuses it: that thread sees both pops finished.
    #[test]
    fn a_segment_is_reused_only_after_a_late_pop() {
        explore_capped(|| {
            let (queue, before) = queue(0, 2);
            let consumer = consumer(&queue, 1);
            let mut popped = Popped::default();
            for number in 0..4 {
                push(&queue, (0, number));
                assert_eq!(pop(&queue, &mut popped), Ok(()));
            }
            let other = consumer.join().unwrap();
            settle(&queue, [popped, other], [before, all(0, 4)]);
        });
    }

    /// A late helper at the edge, and a thread that reuses the segment.
    #[test]
    fn a_segment_is_reused_only_after_a_late_helper() {
        explore_capped(|| {
            let (queue, before) = queue(0, 2);
            let producer = producer(&queue, 1, 1);
            let mut popped = Popped::default();
            for number in 0..4 {
                push(&queue, (0, number));
                assert_eq!(pop(&queue, &mut popped), Ok(()));
            }
            producer.join().unwrap();
            settle(&queue, [popped], [before, all(0, 4), all(1, 1)]);
        });
    }

    /// Two consumers race for the swing of the head, while a push has seen the tail in the segment that they
    /// leave.
    #[test]
    fn two_pops_leave_a_segment_that_a_push_still_uses() {
        explore_capped(|| {
            let (queue, before) = queue(0, 2);
            let consumers = [consumer(&queue, 2), consumer(&queue, 1)];
            push(&queue, (0, 0));
            push(&queue, (0, 1));
            let all_popped = consumers.map(|consumer| consumer.join().unwrap());
            settle(&queue, all_popped, [before, all(0, 2)]);
        });
    }

    /// Two consumers race for the swing of the head where the next segment is already linked.
    #[test]
    fn two_pops_race_to_leave_a_segment() {
        explore_capped(|| {
            let (queue, before) = queue(1, 3);
            let consumer = consumer(&queue, 2);
            let mut popped = Popped::default();
            for _ in 0..2 {
                let _ = pop(&queue, &mut popped);
            }
            let other = consumer.join().unwrap();
            settle(&queue, [popped, other], [before]);
        });
    }

    /// Two threads push and pop in turn, so that each may retire, sweep and reuse segments that the other
    /// used.
    #[test]
    fn two_threads_retire_and_reuse_segments() {
        explore_capped(|| {
            let (queue, before) = queue(1, 1);
            let worker = queue.clone();
            let worker = thread::spawn(move || {
                let mut popped = Popped::default();
                for number in 0..3 {
                    push(&worker, (0, number));
                    assert_eq!(pop(&worker, &mut popped), Ok(()));
                }
                popped
            });
            let mut popped = Popped::default();
            for number in 0..3 {
                push(&queue, (1, number));
                assert_eq!(pop(&queue, &mut popped), Ok(()));
            }
            let other = worker.join().unwrap();
            settle(&queue, [popped, other], [before, all(0, 3), all(1, 3)]);
        });
    }
}
