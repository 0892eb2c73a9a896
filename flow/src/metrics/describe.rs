//! What each metric means, and its unit.

use metrics::{describe_counter, describe_gauge, describe_histogram, Unit};

/// Tells the recorder. A recorder that is installed later than the stage was built learns it with the next call.
pub(super) fn describe() {
    for (name, help) in [
        ("joinq_put_total", "Jobs that the stage has accepted."),
        ("joinq_settled_total", "Jobs that are done, dead, cancelled, or were left by a shutdown."),
        ("joinq_failed_total", "Failed attempts."),
        ("joinq_retried_total", "Failed attempts after which the job was to be tried again."),
        ("joinq_dead_total", "Jobs that became dead letters, by cause."),
        ("joinq_refused_total", "Items that went back to the putter, by reason."),
        ("joinq_spilled_total", "Jobs that went to disk, as there was no free capacity in memory."),
        ("joinq_panics_total", "Panics of handlers and of other closures of the user."),
    ] {
        describe_counter!(name, Unit::Count, help);
    }
    for (name, help) in [
        ("joinq_lag", "Unfinished jobs: waiting, running, retrying and on disk."),
        ("joinq_queued", "Jobs that wait in memory for a worker."),
        ("joinq_running", "Jobs that workers have taken."),
        ("joinq_retrying", "Jobs that wait for their next attempt."),
        ("joinq_on_disk", "Jobs that are on disk and not in memory."),
        ("joinq_capacity", "The capacity: jobs, or the sum of their weights."),
        ("joinq_high_water", "The most jobs that were unfinished at the same time."),
        ("joinq_workers", "Workers."),
        ("joinq_desired_workers", "Workers that keep up with the puts and work off the lag within a minute."),
    ] {
        describe_gauge!(name, Unit::Count, help);
    }
    describe_gauge!("joinq_oldest_seconds", Unit::Seconds, "How long the oldest waiting job has waited at least.");
    for (name, help) in [
        (super::WAIT, "How long a job was in the queue in memory before an attempt began."),
        (super::RUN, "How long an attempt ran."),
        (super::COMMIT, "How long a transaction of the stage's store took."),
    ] {
        describe_histogram!(name, Unit::Seconds, help);
    }
}
