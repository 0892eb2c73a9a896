//! The clock of a stage: the real one, or one that a test moves.

use super::timekeeper::{self, Action, Timer};
use super::Sleep;
use std::time::{Duration, Instant};

#[cfg(test)]
use std::sync::Arc;

/// A clock with timers. A clone is the same clock.
#[derive(Clone)]
pub(crate) struct Time(Clock);

#[derive(Clone)]
enum Clock {
    Real,
    #[cfg(test)]
    Fake(Arc<fake::Fake>),
}

/// About the longest time that a timer runs, if it has no end that the clock could show.
const FAR: Duration = Duration::from_secs(60 * 60 * 24 * 365);

impl Time {
    /// The clock of the system, whose timers run on one thread of the process.
    pub(crate) fn real() -> Self {
        Time(Clock::Real)
    }

    pub(crate) fn now(&self) -> Instant {
        match &self.0 {
            Clock::Real => Instant::now(),
            #[cfg(test)]
            Clock::Fake(fake) => fake.now(),
        }
    }

    /// The time after this delay. Any delay is allowed: without such a time it is a year from now.
    pub(crate) fn after(&self, delay: Duration) -> Instant {
        let now = self.now();
        now.checked_add(delay).unwrap_or_else(|| now + FAR)
    }

    /// Has `call` run once it is due: not before, and never within this function. It runs on a thread for all
    /// timers, so it must be short, must not block, and must not run code of the user. A panic in it is
    /// reported, and ends only it.
    ///
    /// # Panics
    /// If the thread cannot be started. Then `call` runs with the next timer that can.
    pub(crate) fn at(&self, due: Instant, call: Box<dyn FnOnce() + Send>) {
        self.start(Timer { due, action: Action::Call(call) });
    }

    /// A future that is ready after this time.
    pub(crate) fn sleep(&self, duration: Duration) -> Sleep {
        Sleep::new(self.clone(), self.after(duration))
    }

    pub(super) fn start(&self, timer: Timer) {
        match &self.0 {
            Clock::Real => timekeeper::start(timer),
            #[cfg(test)]
            Clock::Fake(fake) => fake.push(timer),
        }
    }
}

#[cfg(test)]
impl Time {
    /// A clock that stands still until [`advance`](Time::advance) moves it.
    pub(crate) fn fake() -> Self {
        Time(Clock::Fake(Arc::default()))
    }

    /// Moves a fake clock, and runs on this thread what becomes due, each at its time. Deterministic as long
    /// as one thread calls it.
    pub(crate) fn advance(&self, duration: Duration) {
        match &self.0 {
            Clock::Real => panic!("only a fake clock can be moved"),
            Clock::Fake(fake) => fake.advance(duration),
        }
    }

    /// The number of timers of a fake clock.
    pub(crate) fn timers(&self) -> usize {
        match &self.0 {
            Clock::Real => panic!("only a fake clock shows its timers"),
            Clock::Fake(fake) => fake.timers(),
        }
    }
}

#[cfg(test)]
mod fake {
    use super::super::timekeeper::{Timer, Timers};
    use std::sync::Mutex;
    use std::time::{Duration, Instant};

    pub(crate) struct Fake(Mutex<(Instant, Timers)>);

    impl Default for Fake {
        fn default() -> Self {
            Fake(Mutex::new((Instant::now(), Timers::default())))
        }
    }

    impl Fake {
        pub(super) fn now(&self) -> Instant {
            self.0.lock().unwrap().0
        }

        pub(super) fn push(&self, timer: Timer) {
            self.0.lock().unwrap().1.push(timer);
        }

        pub(super) fn timers(&self) -> usize {
            self.0.lock().unwrap().1.len()
        }

        fn pop_due(&self, end: Instant) -> Option<Timer> {
            let (now, timers) = &mut *self.0.lock().unwrap();
            let timer = timers.pop_due(end);
            *now = (*now).max(timer.as_ref().map_or(end, |timer| timer.due));
            timer
        }

        pub(super) fn advance(&self, duration: Duration) {
            let end = self.now() + duration;
            while let Some(timer) = self.pop_due(end) {
                timer.action.run();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests_common::watchdog;
    use std::sync::mpsc::channel;
    use std::sync::Mutex;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_fake_clock_runs_each_timer_at_its_time() {
        let time = Time::fake();
        let begin = time.now();
        let log = Arc::new(Mutex::new(Vec::new()));
        for seconds in [3, 1, 2] {
            let (clock, log) = (time.clone(), log.clone());
            time.at(begin + seconds * SECOND, Box::new(move || log.lock().unwrap().push(clock.now() - begin)));
        }
        time.advance(2 * SECOND);
        assert_eq!(*log.lock().unwrap(), [SECOND, 2 * SECOND]);
        assert_eq!(time.timers(), 1);
        time.advance(SECOND / 2);
        assert_eq!(log.lock().unwrap().len(), 2);
        time.advance(SECOND / 2);
        assert_eq!(log.lock().unwrap().len(), 3);
        assert_eq!(time.now() - begin, 3 * SECOND);
    }

    #[test]
    fn a_timer_that_another_timer_starts_runs_in_the_same_advance() {
        let time = Time::fake();
        let begin = time.now();
        let (sender, log) = channel();
        let clock = time.clone();
        time.at(
            begin + SECOND,
            Box::new(move || {
                let later = clock.clone();
                clock.at(clock.after(SECOND), Box::new(move || sender.send(later.now()).unwrap()));
            }),
        );
        time.advance(5 * SECOND);
        assert_eq!(log.try_recv(), Ok(begin + 2 * SECOND));
    }

    #[test]
    fn calls_run_on_the_thread_for_timers_and_not_before_they_are_due() {
        let _watchdog = watchdog();
        let time = Time::real();
        let due = time.after(Duration::from_millis(3));
        let (sender, log) = channel();
        time.at(due, Box::new(move || sender.send((Instant::now(), std::thread::current())).unwrap()));
        let (ran, thread) = log.recv().unwrap();
        assert!(ran >= due);
        assert_eq!(thread.name(), Some("joinq-flow timer"));
    }

    #[test]
    fn a_panic_in_a_call_does_not_end_the_thread_for_timers() {
        let _watchdog = watchdog();
        let time = Time::real();
        time.at(time.now(), Box::new(|| panic!("a call panics, as the test wants it to")));
        let (sender, log) = channel();
        time.at(time.now(), Box::new(move || sender.send(()).unwrap()));
        log.recv().unwrap();
    }

    #[test]
    fn a_delay_without_end_is_allowed() {
        let time = Time::fake();
        assert!(time.after(Duration::MAX) > time.after(SECOND));
        let time = Time::real();
        time.at(time.after(Duration::MAX), Box::new(|| unreachable!("not within a year")));
    }
}
