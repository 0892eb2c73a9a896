//! A store that does not count crashes.

use joinq_flow::{BoxError, Change, Recovered, Row, Safe, Store, Table};

/// A store that forgets which jobs have started, around another store.
///
/// A stage with a store marks each job that starts. A job whose process was killed three times while the job ran is
/// held to be the reason and becomes a dead letter; before that, it runs alone, and puts wait until it has ended. A
/// job that is published runs until the broker has acknowledged. So while there is no line, kills from outside (a
/// machine that is switched off) would be blamed on the same jobs each time, although publishing ends no process.
/// Without the marks no crash is counted, and a start costs no commit.
///
/// # Examples
/// ```no_run
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// use joinq_bridge::mqtt::{Message, MqttOptions, Publisher, Unmarked};
/// use joinq_flow::{Job, Json, SqliteStore, Stage, Workers};
///
/// let readings: Stage<f64> =
///     Stage::builder("readings").durable(Unmarked(SqliteStore::open("edge.db")?), Json).build();
/// let publisher = Publisher::builder(MqttOptions::new("sensor-7", "broker.example.org", 1883)).start();
/// let publish = publisher.handler(|reading: &Job<f64>| Ok(Message::new("site/7/temperature", reading.to_string())));
/// Workers::tokio(&readings, 20..=20, publish);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unmarked<S>(
    /// The store that keeps the jobs.
    pub S,
);

impl<S: Store> Store for Unmarked<S> {
    fn recover(&mut self) -> Result<Recovered, BoxError> {
        self.0.recover()
    }

    fn apply(&mut self, changes: &[Change<'_>], safe: Safe) -> Result<(), BoxError> {
        let is_mark = |change: &Change<'_>| matches!(change, Change::Started { .. });
        if !changes.iter().any(is_mark) {
            return self.0.apply(changes, safe);
        }
        let rest: Vec<_> = changes.iter().copied().filter(|change| !is_mark(change)).collect();
        if rest.is_empty() {
            return Ok(());
        }
        self.0.apply(&rest, safe)
    }

    fn load(&mut self, table: Table, after: u64, limit: usize, rows: &mut Vec<Row>) -> Result<(), BoxError> {
        self.0.load(table, after, limit, rows)
    }

    fn bytes(&self) -> u64 {
        self.0.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keeps what it is told.
    #[derive(Default)]
    struct Told(Vec<Vec<String>>);

    impl Store for Told {
        fn recover(&mut self) -> Result<Recovered, BoxError> {
            Ok(Recovered { jobs: 1, dead: 2, last_id: 3 })
        }

        fn apply(&mut self, changes: &[Change<'_>], safe: Safe) -> Result<(), BoxError> {
            self.0.push(changes.iter().map(|change| format!("{change:?} {safe:?}")).collect());
            Ok(())
        }

        fn load(&mut self, _: Table, after: u64, _: usize, rows: &mut Vec<Row>) -> Result<(), BoxError> {
            rows.extend([Row::default()]);
            if after == 7 {
                Err("no".into())
            } else {
                Ok(())
            }
        }

        fn bytes(&self) -> u64 {
            9
        }
    }

    #[test]
    fn all_but_marks_is_passed_on() {
        let mut store = Unmarked(Told::default());
        let put = Change::Put { id: 1, body: b"", trace: "" };
        let (mark, done) = (Change::Started { id: 1 }, Change::Done { id: 1 });
        store.apply(&[put, mark, done], Safe::FromPowerLoss).expect("kept");
        store.apply(&[mark], Safe::FromKill).expect("nothing to keep");
        store.apply(&[done], Safe::FromKill).expect("kept");
        let told = |changes: &[Change<'_>], safe: Safe| -> Vec<String> {
            changes.iter().map(|change| format!("{change:?} {safe:?}")).collect()
        };
        assert_eq!(store.0 .0, [told(&[put, done], Safe::FromPowerLoss), told(&[done], Safe::FromKill)]);
        assert_eq!((store.recover().expect("kept").last_id, store.bytes()), (3, 9));
        let mut rows = Vec::new();
        assert!(store.load(Table::Jobs, 0, 1, &mut rows).is_ok() && rows.len() == 1);
        assert!(store.load(Table::Jobs, 7, 1, &mut rows).is_err());
    }
}
