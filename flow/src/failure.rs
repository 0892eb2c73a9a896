//! How an attempt fails.

use std::fmt;
use std::time::Duration;

/// Any error that can be sent to another thread.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why an attempt at a job failed; returned by handlers.
///
/// Each error becomes a failure by `?` or `into()`, and then the stage's [`Retry`](crate::Retry) decides
/// whether the job is tried again. [`fatal`](Failure::fatal) and [`retry_after`](Failure::retry_after) decide
/// it here.
///
/// A failure is not an [`Error`](std::error::Error) itself, since each error converts to it.
///
/// # Examples
/// ```
/// use joinq_flow::Failure;
///
/// fn parse(text: &str) -> Result<u32, Failure> {
///     if text.is_empty() {
///         return Err(Failure::fatal("no text")); // not tried again
///     }
///     Ok(text.parse()?) // tried again, if the stage says so
/// }
/// assert!(parse("").is_err());
/// ```
pub struct Failure {
    pub(crate) error: BoxError,
    pub(crate) next: Next,
}

/// What follows a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// As the stage's retry says.
    ByRetry,
    /// Another attempt after this time.
    After(Duration),
    /// No further attempt.
    Never,
}

impl Failure {
    /// A failure after which the job is not tried again: it becomes a dead letter.
    ///
    /// # Examples
    /// ```
    /// let failure = joinq_flow::Failure::fatal("the file has no name");
    /// assert_eq!(failure.to_string(), "the file has no name");
    /// ```
    pub fn fatal(error: impl Into<BoxError>) -> Self {
        Failure { error: error.into(), next: Next::Never }
    }

    /// A failure after which the job is tried again no earlier than `delay` from now, for example because a
    /// server said so. The number of attempts is limited as for each other failure.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// let failure = joinq_flow::Failure::retry_after("busy", Duration::from_secs(7));
    /// assert_eq!(failure.error().to_string(), "busy");
    /// ```
    pub fn retry_after(error: impl Into<BoxError>, delay: Duration) -> Self {
        Failure { error: error.into(), next: Next::After(delay) }
    }

    /// The error.
    ///
    /// # Examples
    /// ```
    /// let failure = joinq_flow::Failure::fatal("no name");
    /// assert_eq!(failure.error().to_string(), "no name");
    /// ```
    pub fn error(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
        &*self.error
    }
}

impl<E: Into<BoxError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Failure { error: error.into(), next: Next::ByRetry }
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failure").field("error", &self.error).field("next", &self.next).finish()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}
