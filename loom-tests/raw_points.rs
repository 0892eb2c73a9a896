//! Models of the core with a thread that is stopped at each named point of it: all other threads finish their
//! operations, in FIFO order, and when the stopped thread goes on no item is lost or doubled.

#[cfg(loom)]
mod actors;
#[cfg(loom)]
mod items;
#[cfg(loom)]
mod stops;
mod support;

#[cfg(loom)]
mod tests {
    use crate::actors::{Carried, Case, Operation, Operation::*, Single, Wide, CASE, OTHERS};
    use crate::items::Item;
    use crate::stops::{Tally, TABLE};
    use joinq::raw::{Handshake, Point};

    const HANDSHAKES: [Handshake; 2] = [Handshake::Rmw, Handshake::Membarrier];

    /// So many items have passed, and so many are in the queue: the next push appends the first segment, or claims the
    /// last slot of a segment, or appends another one, which was used before or not; the next pop finds nothing, the
    /// first slot, or the last one, with the tail in the same segment or ahead.
    const STATES: [(usize, usize); 7] = [(0, 0), (1, 0), (0, 1), (1, 1), (1, 2), (2, 1), (4, 0)];

    type Others = [&'static [Operation]];

    /// Stops the victim of `case` in each state beside each set of operations of other threads, with both handshakes.
    fn stop_one<T: Carried>(row: &str, case: Case, states: &[(usize, usize)], others: &Others) {
        stop_one_up_to::<T>(1, row, case, states, others);
    }

    /// As [`stop_one`], with so many preemptions.
    fn stop_one_up_to<T: Carried>(bound: usize, row: &str, case: Case, states: &[(usize, usize)], others: &Others) {
        let mut tally = Tally::default();
        for handshake in HANDSHAKES {
            for &(passed, queued) in states {
                for others in others {
                    Case { handshake, passed, queued, others, ..case }.stop_one::<T>(bound, &mut tally);
                }
            }
        }
        tally.check(row);
    }

    #[test]
    fn each_point_is_in_a_row() {
        let missing = |point: &&Point| !TABLE.iter().any(|(_, points)| points.concat().contains(point));
        assert_eq!(Point::ALL.iter().filter(missing).collect::<Vec<_>>(), [] as [&Point; 0]);
    }

    #[test]
    fn a_stopped_push_keeps_no_thread_waiting() {
        stop_one::<Item>("push", Case { victims: &[Push], ..CASE }, &STATES, &OTHERS);
    }

    #[test]
    fn a_stopped_batch_of_pushes_keeps_no_thread_waiting() {
        stop_one::<Item>("batch of pushes", Case { victims: &[PushBatch], ..CASE }, &STATES, &OTHERS);
    }

    #[test]
    fn a_stopped_pop_keeps_no_thread_waiting() {
        stop_one::<Item>("pop", Case { victims: &[Pop], ..CASE }, &STATES, &OTHERS);
    }

    #[test]
    fn a_stopped_batch_of_pops_keeps_no_thread_waiting() {
        stop_one::<Item>("batch of pops", Case { victims: &[PopBatch], ..CASE }, &STATES, &OTHERS);
    }

    #[test]
    fn a_stopped_close_keeps_no_thread_waiting() {
        stop_one::<Item>("close", Case { victims: &[Close], ..CASE }, &STATES, &OTHERS);
    }

    #[test]
    fn a_stopped_close_that_drains_keeps_no_thread_waiting() {
        let others: [&[Operation]; 3] = [&[Push], &[Pop], &[Close]];
        stop_one::<Item>("close and drain", Case { victims: &[DropReceiver], ..CASE }, &STATES, &others);
    }

    #[test]
    fn a_stopped_push_into_a_reserved_slot_keeps_no_thread_waiting() {
        stop_one::<Item>("reserved slot", Case { victims: &[Publish], ..CASE }, &STATES, &OTHERS);
    }

    #[test]
    fn a_stopped_thread_that_abandons_a_reserved_slot_keeps_no_thread_waiting() {
        let case = Case { victims: &[Abandon], limit: 4, ..CASE };
        stop_one_up_to::<Item>(0, "abandoned slot", case, &STATES, &WITHIN);
    }

    /// With four slots in a segment, so that claims are made before a claim limit.
    const WIDE: [(usize, usize); 5] = [(0, 0), (1, 0), (0, 2), (1, 3), (3, 1)];
    const WITHIN: [&[Operation]; 4] = [&[PushWithin], &[Pop], &[PopBatch], &[Close]];

    #[test]
    fn a_stopped_push_with_a_limit_keeps_no_thread_waiting() {
        let case = Case { victims: &[PushWithin], limit: 4, ..CASE };
        stop_one::<Wide>("push with a limit", case, &WIDE, &WITHIN);
    }

    #[test]
    fn a_stopped_pop_beside_pushes_with_a_limit_keeps_no_thread_waiting() {
        stop_one::<Wide>("pop with a limit", Case { victims: &[Pop], limit: 4, ..CASE }, &WIDE, &WITHIN);
    }

    const PUSHES: [&[Operation]; 4] = [&[Push], &[PushBatch], &[Close], &[Push, Push]];

    #[test]
    fn a_stopped_single_consumer_keeps_no_push_waiting() {
        let case = Case { victims: &[Pop], single: Single::Victim, ..CASE };
        stop_one::<Item>("pop of the single consumer", case, &STATES, &PUSHES);
        let case = Case { victims: &[PopBatch], ..case };
        stop_one_up_to::<Wide>(0, "batch of the single consumer", case, &WIDE, &PUSHES);
        let case = Case { victims: &[DropReceiver], ..case };
        stop_one_up_to::<Item>(0, "end of the single consumer", case, &STATES, &PUSHES);
    }

    #[test]
    fn a_stopped_push_keeps_no_single_consumer_waiting() {
        let case = Case { victims: &[Push], single: Single::Other, ..CASE };
        let others: [&[Operation]; 4] = [&[Pop], &[PopBatch], &[Pop, Push], &[Pop, Close]];
        stop_one::<Item>("push beside the single consumer", case, &STATES, &others);
    }

    /// Two other threads beside the one that is stopped.
    const PAIRS: [&[Operation]; 5] = [&[Push, Push], &[Push, Pop], &[Pop, Pop], &[Push, Close], &[Pop, DropReceiver]];

    #[test]
    fn a_stopped_push_keeps_no_two_threads_waiting() {
        stop_one_up_to::<Item>(0, "push beside two threads", Case { victims: &[Push], ..CASE }, &STATES, &PAIRS);
    }

    #[test]
    fn a_stopped_pop_keeps_no_two_threads_waiting() {
        stop_one_up_to::<Item>(0, "pop beside two threads", Case { victims: &[Pop], ..CASE }, &STATES, &PAIRS);
    }

    /// Two threads are stopped at the same time, at each pair of points.
    #[test]
    fn two_stopped_threads_keep_no_thread_waiting() {
        let mut tally = Tally::default();
        let victims: [&[Operation]; 4] = [&[Push, Push], &[Push, Pop], &[Pop, Pop], &[Push, Close]];
        for victims in victims {
            for (passed, queued) in [(0, 0), (1, 0), (1, 1), (1, 2)] {
                for others in [&[Push] as &[Operation], &[Pop]] {
                    Case { victims, passed, queued, others, ..CASE }.stop_two::<Item>(0, &mut tally);
                }
            }
        }
        tally.check("two operations");
    }
}
