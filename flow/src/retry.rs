//! When a failed job is tried again.

use backon::{BackoffBuilder, ExponentialBuilder};
use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

/// When a job is tried again after a failure, and how often; for
/// [`StageBuilder::retry`](crate::StageBuilder::retry).
///
/// The default waits 2, 4, 8 and 16 seconds after the first four failures, and the fifth is final. With more
/// [`attempts`](Retry::attempts) the delays go on with 32 seconds each.
///
/// # Examples
/// ```
/// use backon::ConstantBuilder;
/// use joinq_flow::Retry;
/// use std::time::Duration;
///
/// // Seven attempts, with a pause of a second in between.
/// let each = ConstantBuilder::default().with_delay(Duration::from_secs(1)).without_max_times();
/// let retry = Retry::new(each).attempts(7);
/// ```
#[derive(Clone)]
pub struct Retry {
    delays: Arc<Delays>,
    attempts: NonZeroU32,
}

/// The delay after the nth failure; `None` if that was final.
type Delays = dyn Fn(u32) -> Option<Duration> + Send + Sync;

impl Retry {
    /// Delays of a builder of the crate [`backon`]. The job is tried as long as there are further delays.
    ///
    /// # Examples
    /// ```
    /// use backon::FibonacciBuilder;
    /// use std::time::Duration;
    ///
    /// // After 1, 1, 2, 3 and 5 seconds; the sixth failure is final.
    /// let delays = FibonacciBuilder::default().with_min_delay(Duration::from_secs(1)).with_max_times(5);
    /// let retry = joinq_flow::Retry::new(delays);
    /// ```
    pub fn new<B: BackoffBuilder + Clone + 'static>(delays: B) -> Self {
        let delays = move |failures: u32| delays.clone().build().nth(failures as usize - 1);
        Retry { delays: Arc::new(delays), attempts: NonZeroU32::MAX }
    }

    /// At most `attempts` attempts, the first one included.
    ///
    /// # Panics
    /// If `attempts` is 0.
    ///
    /// # Examples
    /// ```
    /// // After 2, 4, 8, 16, 32, 32 and 32 seconds.
    /// let retry = joinq_flow::Retry::default().attempts(8);
    /// ```
    #[track_caller]
    pub fn attempts(self, attempts: u32) -> Self {
        let attempts = NonZeroU32::new(attempts).expect("a job needs at least one attempt");
        Retry { attempts, ..self }
    }

    /// The delay after `failures` failed attempts; `None` if there is no further attempt.
    pub(crate) fn delay(&self, failures: u32) -> Option<Duration> {
        match failures < self.attempts.get() {
            true => (self.delays)(failures),
            false => None,
        }
    }

    /// Whether another attempt may follow, whatever the delay.
    pub(crate) fn allows(&self, failures: u32) -> bool {
        failures < self.attempts.get()
    }
}

impl Default for Retry {
    fn default() -> Self {
        let delays = ExponentialBuilder::default()
            .with_min_delay(Duration::from_secs(2))
            .with_max_delay(Duration::from_secs(32))
            .with_factor(2.0)
            .without_max_times();
        Retry::new(delays).attempts(5)
    }
}

impl fmt::Debug for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry").field("attempts", &self.attempts).finish_non_exhaustive()
    }
}
