//! Why a put was refused.

use crate::BoxError;
use std::borrow::Cow;
use std::error::Error;
use std::fmt;

/// Why a stage did not take an item. Each variant has the item.
#[non_exhaustive]
pub enum Refused<T> {
    /// There is no free capacity, or the item alone is heavier than the capacity.
    Full(T),
    /// The stage is closed.
    Closed(T),
    /// The stage's [`admit`](crate::StageBuilder::admit) said no, for this reason.
    Denied(T, Denied),
    /// The store did not take the item, for example because the disk is full.
    Store(T, BoxError),
    /// The timeout has passed.
    Timeout(T),
}

impl<T> Refused<T> {
    /// The item.
    ///
    /// # Examples
    /// ```
    /// let stage: joinq_flow::Stage<String> = joinq_flow::Stage::builder("mails").build();
    /// stage.close();
    /// let refused = stage.put("late".into()).wait().unwrap_err();
    /// assert_eq!(refused.into_inner(), "late");
    /// ```
    pub fn into_inner(self) -> T {
        match self {
            Refused::Full(item)
            | Refused::Closed(item)
            | Refused::Denied(item, _)
            | Refused::Store(item, _)
            | Refused::Timeout(item) => item,
        }
    }

    /// Whether there was no free capacity.
    ///
    /// # Examples
    /// ```
    /// assert!(joinq_flow::Refused::Full(1).is_full());
    /// ```
    pub fn is_full(&self) -> bool {
        matches!(self, Refused::Full(_))
    }

    /// Whether the stage is closed.
    ///
    /// # Examples
    /// ```
    /// assert!(joinq_flow::Refused::Closed(1).is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        matches!(self, Refused::Closed(_))
    }

    /// Whether the timeout has passed.
    ///
    /// # Examples
    /// ```
    /// assert!(joinq_flow::Refused::Timeout(1).is_timeout());
    /// ```
    pub fn is_timeout(&self) -> bool {
        matches!(self, Refused::Timeout(_))
    }
}

/// Without the item, which need not be `Debug`.
impl<T> fmt::Debug for Refused<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Full(_) => f.write_str("Full(..)"),
            Refused::Closed(_) => f.write_str("Closed(..)"),
            Refused::Denied(_, reason) => write!(f, "Denied(.., {reason:?})"),
            Refused::Store(_, error) => write!(f, "Store(.., {error:?})"),
            Refused::Timeout(_) => f.write_str("Timeout(..)"),
        }
    }
}

impl<T> fmt::Display for Refused<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Full(_) => f.write_str("the stage is full"),
            Refused::Closed(_) => f.write_str("the stage is closed"),
            Refused::Denied(_, reason) => write!(f, "denied: {reason}"),
            Refused::Store(_, error) => write!(f, "the store did not take the item: {error}"),
            Refused::Timeout(_) => f.write_str("the stage was full until the timeout"),
        }
    }
}

impl<T> Error for Refused<T> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Refused::Store(_, error) => Some(&**error),
            _ => None,
        }
    }
}

/// The reason why an item is not admitted, or why workers pause.
///
/// # Examples
/// ```
/// use joinq_flow::Denied;
/// assert_eq!(Denied::new("no name").to_string(), "no name");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied(Cow<'static, str>);

impl Denied {
    /// A denial for this reason.
    ///
    /// # Examples
    /// ```
    /// let denied = joinq_flow::Denied::new(format!("only {} MiB are free", 7));
    /// assert_eq!(denied.to_string(), "only 7 MiB are free");
    /// ```
    pub fn new(reason: impl Into<Cow<'static, str>>) -> Self {
        Denied(reason.into())
    }

    /// The reason.
    ///
    /// # Examples
    /// ```
    /// assert_eq!(joinq_flow::Denied::new("no name").reason(), "no name");
    /// ```
    pub fn reason(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Denied {}
