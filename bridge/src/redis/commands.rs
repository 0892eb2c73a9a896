//! The commands of a consumer group.

use super::Group;
use redis::streams::{StreamAutoClaimReply, StreamId, StreamReadReply};
use redis::{cmd, Cmd, RedisResult, Value};
use std::time::Duration;

/// How long a read waits for new entries.
pub(super) const BLOCK: Duration = Duration::from_secs(1);

/// Makes the group, and the stream if need be; all entries that are there belong to it.
pub(super) fn create(group: &Group) -> Cmd {
    let mut command = cmd("XGROUP");
    command.arg("CREATE").arg(&group.key).arg(&group.name).arg("0").arg("MKSTREAM");
    command
}

/// Reads entries that no consumer of the group has read.
pub(super) fn read(group: &Group, most: usize) -> Cmd {
    let mut command = cmd("XREADGROUP");
    command.arg("GROUP").arg(&group.name).arg(&group.consumer).arg("COUNT").arg(most);
    command.arg("BLOCK").arg(millis(BLOCK)).arg("STREAMS").arg(&group.key).arg(">");
    command
}

/// Takes over entries that have been idle for the ack wait.
pub(super) fn take_over(group: &Group, start: &str, most: usize) -> Cmd {
    let mut command = cmd("XAUTOCLAIM");
    command.arg(&group.key).arg(&group.name).arg(&group.consumer).arg(millis(group.ack_wait)).arg(start);
    command.arg("COUNT").arg(most);
    command
}

/// The entries are in progress: they have been idle for `idle` from now on. Those that were acknowledged stay
/// so.
pub(super) fn set_idle(group: &Group, ids: &[String], idle: Duration) -> Cmd {
    let mut command = cmd("XCLAIM");
    command.arg(&group.key).arg(&group.name).arg(&group.consumer).arg(0).arg(ids);
    command.arg("IDLE").arg(millis(idle)).arg("JUSTID");
    command
}

/// The entry is processed.
pub(super) fn acknowledge(group: &Group, id: &str) -> Cmd {
    let mut command = cmd("XACK");
    command.arg(&group.key).arg(&group.name).arg(id);
    command
}

/// The entries of a reply to [`read`].
pub(super) fn entries_read(reply: Value) -> RedisResult<Vec<StreamId>> {
    let reply: Option<StreamReadReply> = redis::from_redis_value(reply)?;
    Ok(reply.into_iter().flat_map(|reply| reply.keys).flat_map(|key| key.ids).collect())
}

/// The entries of a reply to [`take_over`], and where the next one starts.
pub(super) fn entries_taken_over(reply: Value) -> RedisResult<(Vec<StreamId>, String)> {
    let reply: StreamAutoClaimReply = redis::from_redis_value(reply)?;
    Ok((reply.claimed, reply.next_stream_id))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
