//! The trace context of a job, as the texts of W3C.

use std::fmt;

/// The length of a `traceparent` of version 00.
const LENGTH: usize = 55;
/// The longest `tracestate` that is kept: as much as W3C asks of each system that passes one on.
const MOST_STATE: usize = 512;

/// Where a job comes from: the span that put it, as [W3C Trace Context] writes it. A bridge sends it with a
/// message, and a store keeps it with the job.
///
/// A stage with [`trace`](crate::StageBuilder::trace) takes the context of each put. A context has 72 bytes,
/// and those of its `tracestate`.
///
/// # Examples
/// ```
/// use joinq_flow::TraceContext;
///
/// let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
/// let context = TraceContext::new(text).expect("a valid text").with_state("congo=t61rcWkgMzE");
/// assert_eq!((context.traceparent(), context.is_sampled()), (text, true));
/// assert_eq!(context.tracestate(), Some("congo=t61rcWkgMzE"));
/// assert!(TraceContext::new("00-not-a-span-01").is_none());
/// ```
///
/// [W3C Trace Context]: https://www.w3.org/TR/trace-context/
#[derive(Clone, PartialEq, Eq)]
// One pointer, as each job has one of these.
pub struct TraceContext(Box<Texts>);

#[derive(Clone, PartialEq, Eq)]
struct Texts {
    /// ASCII.
    parent: [u8; LENGTH],
    state: Option<Box<str>>,
}

impl TraceContext {
    /// The context of this `traceparent`, which may have spaces around it; `None` if the text is not valid.
    /// Of a version later than 00 the parts that 00 has are kept, as W3C demands.
    ///
    /// # Examples
    /// ```
    /// use joinq_flow::TraceContext;
    ///
    /// let later = "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-comes-then";
    /// let kept = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    /// assert_eq!(TraceContext::new(later).unwrap().traceparent(), kept);
    /// assert!(TraceContext::new("").is_none());
    /// ```
    pub fn new(traceparent: &str) -> Option<Self> {
        let text = traceparent.trim_matches([' ', '\t']).as_bytes();
        let (known, more) = text.split_at_checked(LENGTH)?;
        let hex = |part: &[u8]| part.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let not_zero = |part: &[u8]| part.iter().any(|&byte| byte != b'0');
        let (version, trace, span, flags) = (&known[..2], &known[3..35], &known[36..52], &known[53..]);
        let is_valid = [2, 35, 52].iter().all(|&dash| known[dash] == b'-')
            && [version, trace, span, flags].into_iter().all(hex)
            && not_zero(trace)
            && not_zero(span)
            && version != b"ff"
            && (more.is_empty() || (version != b"00" && more[0] == b'-'));
        if !is_valid {
            return None;
        }
        let mut parent: [u8; LENGTH] = known.try_into().ok()?;
        parent[..2].copy_from_slice(b"00");
        Some(TraceContext(Box::new(Texts { parent, state: None })))
    }

    /// The same context with this `tracestate`: what the systems that the trace went through have added. A
    /// text that is empty, has more than 512 bytes, or has other characters than printable ASCII is not kept.
    ///
    /// # Examples
    /// ```
    /// use joinq_flow::TraceContext;
    ///
    /// let context = TraceContext::new("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").unwrap();
    /// assert_eq!(context.clone().with_state("rojo=1,congo=2").tracestate(), Some("rojo=1,congo=2"));
    /// assert_eq!(context.with_state("two\nlines").tracestate(), None);
    /// ```
    #[must_use]
    pub fn with_state(mut self, tracestate: &str) -> Self {
        let state = tracestate.trim_matches([' ', '\t']);
        let is_valid = (1..=MOST_STATE).contains(&state.len()) && state.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        self.0.state = is_valid.then(|| state.into());
        self
    }

    /// The `traceparent`: version, trace id, span id and flags.
    ///
    /// # Examples
    /// ```
    /// use joinq_flow::TraceContext;
    ///
    /// let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    /// assert_eq!(TraceContext::new(text).unwrap().traceparent(), text);
    /// ```
    pub fn traceparent(&self) -> &str {
        std::str::from_utf8(&self.0.parent).expect("ASCII")
    }

    /// The `tracestate`, if there is one.
    ///
    /// # Examples
    /// ```
    /// use joinq_flow::TraceContext;
    ///
    /// let context = TraceContext::new("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").unwrap();
    /// assert_eq!(context.tracestate(), None);
    /// ```
    pub fn tracestate(&self) -> Option<&str> {
        self.0.state.as_deref()
    }

    /// The id of the trace: 32 hexadecimal digits.
    ///
    /// # Examples
    /// ```
    /// use joinq_flow::TraceContext;
    ///
    /// let context = TraceContext::new("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").unwrap();
    /// assert_eq!(context.trace_id(), "0af7651916cd43dd8448eb211c80319c");
    /// ```
    pub fn trace_id(&self) -> &str {
        &self.traceparent()[3..35]
    }

    /// The id of the span: 16 hexadecimal digits.
    ///
    /// # Examples
    /// ```
    /// use joinq_flow::TraceContext;
    ///
    /// let context = TraceContext::new("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").unwrap();
    /// assert_eq!(context.span_id(), "b7ad6b7169203331");
    /// ```
    pub fn span_id(&self) -> &str {
        &self.traceparent()[36..52]
    }

    /// The flags.
    pub(crate) fn flags(&self) -> u8 {
        u8::from_str_radix(&self.traceparent()[53..], 16).expect("two digits")
    }

    /// Whether the trace is recorded.
    ///
    /// # Examples
    /// ```
    /// use joinq_flow::TraceContext;
    ///
    /// let context = TraceContext::new("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00").unwrap();
    /// assert!(!context.is_sampled());
    /// ```
    pub fn is_sampled(&self) -> bool {
        self.flags() & 1 == 1
    }

    /// Both texts as a store keeps them: a space is between them.
    pub(crate) fn to_row(&self) -> String {
        match self.tracestate() {
            None => self.traceparent().to_owned(),
            Some(state) => format!("{} {state}", self.traceparent()),
        }
    }

    /// What [`to_row`](TraceContext::to_row) has written; `None` of another text.
    pub(crate) fn from_row(text: &str) -> Option<Self> {
        match text.split_once(' ') {
            None => TraceContext::new(text),
            Some((parent, state)) => Some(TraceContext::new(parent)?.with_state(state)),
        }
    }
}

impl fmt::Debug for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TraceContext").field(&self.to_row()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_job_has_one_pointer_for_it() {
        assert_eq!(size_of::<Option<TraceContext>>(), size_of::<usize>());
    }

    #[test]
    fn a_text_that_is_not_valid_is_no_context() {
        assert!(TraceContext::new(TEXT).is_some());
        let bad = [
            "",
            "00",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.more",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319cäb7ad6b716920333-01",
            "00_0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331_01",
        ];
        for text in bad {
            assert_eq!(TraceContext::new(text), None, "{text}");
        }
    }

    #[test]
    fn a_row_keeps_both_texts() {
        let plain = TraceContext::new(TEXT).unwrap();
        let full = plain.clone().with_state("rojo=a b,congo=2");
        for context in [plain, full] {
            assert_eq!(TraceContext::from_row(&context.to_row()), Some(context));
        }
        assert_eq!(TraceContext::from_row(""), None);
    }

    #[test]
    fn a_long_state_is_not_kept() {
        let kept = |length| TraceContext::new(TEXT).unwrap().with_state(&"x".repeat(length)).tracestate().is_some();
        assert!(kept(1) && kept(512) && !kept(513) && !kept(0));
    }
}
