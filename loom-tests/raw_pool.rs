//! Models of the list of spares: threads that take segments from it and give them back at the same time.

mod support;

#[cfg(loom)]
mod tests {
    use crate::support::{explore, spawn};
    use joinq::raw::{live_segments, PoolHarness};
    use loom::sync::Arc;

    /// Keeps two spares.
    const TWO: u64 = 1;
    /// Keeps three.
    const THREE: u64 = 2;

    /// Two threads take a segment each out of two spares. One of the two may find the list taken and allocate;
    /// no two have the same segment, and none is lost.
    #[test]
    fn two_threads_take_different_spares() {
        explore(|| {
            let pool = Arc::new(PoolHarness::with_spares(2, TWO));
            let other = spawn(&pool, |pool: &PoolHarness| pool.acquire(TWO));
            let mine = pool.acquire(TWO);
            let theirs = other.join().unwrap();
            assert!((2..=3).contains(&live_segments()), "{} segments", live_segments());
            pool.recycle(mine);
            pool.recycle(theirs);
            assert_eq!(live_segments(), 2);
        });
    }

    /// A thread takes a spare while another one gives a segment back, which finds the list taken or not.
    #[test]
    fn a_spare_is_taken_while_another_one_comes_back() {
        explore(|| {
            let pool = Arc::new(PoolHarness::with_spares(3, THREE));
            let mine = pool.acquire(THREE);
            let other = spawn(&pool, |pool: &PoolHarness| {
                let segment = pool.acquire(THREE);
                pool.recycle(segment);
            });
            pool.recycle(mine);
            let again = pool.acquire(THREE);
            other.join().unwrap();
            pool.recycle(again);
            assert!(live_segments() <= 3, "{} spares", live_segments());
        });
    }

    /// Three threads give back more segments than are kept, while the list is taken and put back.
    #[test]
    fn no_more_spares_are_kept_than_wanted() {
        explore(|| {
            let pool = Arc::new(PoolHarness::with_spares(2, TWO));
            let owned = [(); 3].map(|()| pool.acquire(TWO));
            pool.recycle(pool.acquire(TWO));
            let [first, second, third] = owned;
            let threads = [first, second].map(|segment| {
                let pool = pool.clone();
                loom::thread::spawn(move || pool.recycle(segment))
            });
            let taken = pool.acquire(TWO);
            pool.recycle(third);
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            pool.recycle(taken);
            assert!(live_segments() <= 2, "{} spares", live_segments());
        });
    }
}
