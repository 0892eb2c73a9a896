//! What the process has used: CPU time and context switches.

use std::mem::MaybeUninit;
use std::ops::Sub;

#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// User and system time of all threads.
    pub cpu_nanos: f64,
    /// Context switches of threads that waited.
    pub voluntary: f64,
    /// Context switches of threads that could have run on.
    pub involuntary: f64,
}

impl Usage {
    /// Since the start of the process.
    pub fn now() -> Self {
        let mut usage = MaybeUninit::zeroed();
        // SAFETY: the place is a `rusage`, of which every bit pattern is a value.
        let usage = unsafe {
            assert_eq!(libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()), 0, "getrusage");
            usage.assume_init()
        };
        let nanos = |time: libc::timeval| time.tv_sec as f64 * 1e9 + time.tv_usec as f64 * 1e3;
        Self {
            cpu_nanos: nanos(usage.ru_utime) + nanos(usage.ru_stime),
            voluntary: usage.ru_nvcsw as f64,
            involuntary: usage.ru_nivcsw as f64,
        }
    }

    /// The share of one message.
    pub fn each(self, messages: u64) -> Self {
        self.map(|value| value / messages as f64)
    }

    fn map(self, change: impl Fn(f64) -> f64) -> Self {
        let Self { cpu_nanos, voluntary, involuntary } = self;
        Self { cpu_nanos: change(cpu_nanos), voluntary: change(voluntary), involuntary: change(involuntary) }
    }
}

impl Sub for Usage {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            cpu_nanos: self.cpu_nanos - earlier.cpu_nanos,
            voluntary: self.voluntary - earlier.voluntary,
            involuntary: self.involuntary - earlier.involuntary,
        }
    }
}
