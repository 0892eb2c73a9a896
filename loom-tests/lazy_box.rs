//! Models of the box that is allocated on first use.

mod support;

#[cfg(loom)]
mod tests {
    use crate::support::{explore, spawn};
    use joinq::raw::LazyBox;
    use loom::cell::UnsafeCell;
    use loom::sync::atomic::{AtomicBool, Ordering};
    use loom::sync::Arc;

    /// Two threads allocate at once, and a third one looks: all see one content, as it was made. The loser drops
    /// its own.
    #[test]
    fn what_is_in_a_lazy_box_is_seen_as_it_was_made() {
        explore(|| {
            let lazy = Arc::new(LazyBox::new());
            // loom reports a cell that is read before the write to it is seen, and an `Arc` that is not dropped.
            let make = |number: usize| {
                move || {
                    let cell = UnsafeCell::new(0);
                    cell.with_mut(|_| ());
                    (cell, Arc::new(number))
                }
            };
            let threads = [1, 2].map(|number| {
                spawn(&lazy, move |lazy: &LazyBox<_>| {
                    let (cell, made) = lazy.get_or_make(make(number));
                    cell.with(|_| **made)
                })
            });
            let seen = lazy.get().map(|(cell, made)| cell.with(|_| **made));
            let made = threads.map(|thread| thread.join().unwrap());
            assert!(made[0] == made[1] && seen.map_or(true, |seen| seen == made[0]));
        });
    }

    /// A closing thread and one that allocates: as a close and the first put that waits.
    #[test]
    fn of_an_ordered_look_and_an_allocation_one_sees_the_other() {
        explore(|| {
            let shared = Arc::new((LazyBox::new(), AtomicBool::new(false)));
            let allocating = spawn(&shared, |(lazy, closed): &(LazyBox<UnsafeCell<u8>>, AtomicBool)| {
                lazy.get_or_make(|| {
                    let cell = UnsafeCell::new(0);
                    cell.with_mut(|_| ());
                    cell
                });
                closed.load(Ordering::Relaxed)
            });
            let (lazy, closed) = &*shared;
            closed.store(true, Ordering::Relaxed);
            // loom reports it if the content is not seen as it was made.
            let sees_the_box = lazy.get_ordered().map(|cell| cell.with(|_| ())).is_some();
            let sees_the_close = allocating.join().unwrap();
            assert!(sees_the_box || sees_the_close);
        });
    }
}
