//! What happened to each item, and the rules that it must keep.

use super::child::FATES;
use super::journal::Event;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

/// How a consumer's job has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Done,
    Dead,
}

/// What is known of an item.
#[derive(Clone, Copy, Debug, Default)]
struct Record {
    put: bool,
    published: bool,
    begun: u64,
    /// The first end, and the number of events before it.
    ended: Option<(End, u64)>,
}

/// The events of all processes in one order, and what they violate.
#[derive(Debug, Default)]
pub struct Ledger {
    items: BTreeMap<u64, Record>,
    /// The names of the messages whose acknowledgement the server got, with the number of events before it.
    acks: Vec<(String, u64)>,
    events: u64,
    ended: u64,
    last_put: u64,
    copies: u64,
    lost: u64,
    violations: Vec<String>,
}

impl Ledger {
    /// Notes an event.
    pub fn read(&mut self, event: Result<Event, String>) {
        self.events += 1;
        let record = |items: &mut BTreeMap<u64, Record>, key: u64, note: &dyn Fn(&mut Record)| {
            note(items.entry(key).or_default());
        };
        match event {
            Ok(Event::Put(key)) => {
                self.last_put = self.last_put.max(key);
                record(&mut self.items, key, &|item| item.put = true);
            }
            Ok(Event::Published(key)) => record(&mut self.items, key, &|item| item.published = true),
            Ok(Event::Begin(key)) => record(&mut self.items, key, &|item| item.begun += 1),
            Ok(Event::End(key)) => self.end(key, End::Done),
            Ok(Event::Dead(key)) => self.end(key, End::Dead),
            Ok(Event::Fail(_) | Event::Over) => {}
            Ok(Event::Error(error)) => self.violated(format!("a process has failed: {error}")),
            Err(error) => self.violated(error),
        }
    }

    fn end(&mut self, key: u64, end: End) {
        let item = self.items.entry(key).or_default();
        if item.ended.is_none() {
            item.ended = Some((end, self.events));
            self.ended += 1;
        }
    }

    /// The server has got the acknowledgement of this message, after all events so far.
    pub fn acknowledged(&mut self, message: String) {
        self.acks.push((message, self.events));
    }

    /// Notes a violation that another judge has found.
    pub fn violated(&mut self, what: impl Into<String>) {
        self.violations.push(what.into());
    }

    /// The number of items whose job has ended.
    pub fn ended(&self) -> u64 {
        self.ended
    }

    /// The largest key that was put.
    pub fn last_put(&self) -> u64 {
        self.last_put
    }

    /// The number of events and acknowledgements so far.
    pub fn progress(&self) -> u64 {
        self.events + self.acks.len() as u64
    }

    /// What was violated.
    pub fn violations(&self) -> &[String] {
        &self.violations
    }

    /// Compares all with what the server has at the end, when the items from 1 to `jobs` were put.
    pub fn close(&mut self, jobs: u64, contents: &[(String, u64)]) {
        let keys: HashSet<u64> = contents.iter().map(|(_, key)| *key).collect();
        self.copies = (contents.len() - keys.len()) as u64;
        let mut found = Vec::new();
        for key in (1..=jobs).filter(|key| !self.items.contains_key(key)) {
            found.push(format!("item {key} was never put"));
        }
        for (key, item) in &self.items {
            let expected = if FATES.of(*key).dies() { End::Dead } else { End::Done };
            if !(1..=jobs).contains(key) {
                found.push(format!("item {key} comes from nowhere"));
            }
            if !item.put {
                found.push(format!("the put of item {key} has never returned"));
            }
            if !keys.contains(key) {
                let was = if item.published { "acknowledged by the server" } else { "put" };
                found.push(format!("item {key} was {was} and is not in the stream"));
            }
            match item.ended {
                Some((end, _)) if end == expected => {}
                Some((end, _)) => found.push(format!("item {key} is {end:?} and not {expected:?}")),
                None => {
                    self.lost += 1;
                    found.push(format!("item {key} was put and its job has never ended"));
                }
            }
        }
        let names: HashMap<&str, u64> = contents.iter().map(|(name, key)| (name.as_str(), *key)).collect();
        for (message, at) in &self.acks {
            let Some(key) = names.get(message.as_str()) else {
                found.push(format!("message {message} was acknowledged and is not in the stream"));
                continue;
            };
            let ended = self.items.get(key).and_then(|item| item.ended);
            if ended.is_none_or(|(_, ended)| ended > *at) {
                found.push(format!("item {key} was acknowledged before its job had ended"));
            }
        }
        if self.acks.is_empty() {
            found.push("no acknowledgement was seen".to_owned());
        }
        self.violations.append(&mut found);
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |is: &dyn Fn(&Record) -> bool| self.items.values().filter(|item| is(item)).count();
        let ended = |wanted: End| count(&|item| item.ended.is_some_and(|(end, _)| end == wanted));
        let begun: u64 = self.items.values().map(|item| item.begun).sum();
        write!(
            f,
            "put {}, published {} (copies {}), attempts {begun}, done {}, dead {}, lost {}, acknowledgements seen {}",
            count(&|item| item.put),
            count(&|item| item.published),
            self.copies,
            ended(End::Done),
            ended(End::Dead),
            self.lost,
            self.acks.len(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The events and acknowledgements of one item that is done.
    fn judge(lines: &[&str], contents: &[(&str, u64)]) -> Vec<String> {
        let mut ledger = Ledger::default();
        for line in lines {
            match line.strip_prefix("ack ") {
                Some(message) => ledger.acknowledged(message.to_owned()),
                None => ledger.read(line.parse()),
            }
        }
        let contents: Vec<_> = contents.iter().map(|(name, key)| ((*name).to_owned(), *key)).collect();
        ledger.close(1, &contents);
        ledger.violations
    }

    #[test]
    fn each_rule_is_judged() {
        assert!(!FATES.of(1).dies());
        assert_eq!(judge(&["P 1", "A 1", "B 1", "E 1", "ack m"], &[("m", 1)]), [""; 0]);
        // Killed before the acknowledgement, and repeated.
        assert_eq!(judge(&["P 1", "B 1", "E 1", "B 1", "E 1", "ack n"], &[("m", 1), ("n", 1)]), [""; 0]);
        let fails = |lines: &[&str], contents: &[(&str, u64)], why: &str| {
            let found = judge(lines, contents);
            assert!(found.iter().any(|violation| violation.contains(why)), "{found:?}");
        };
        fails(&["P 1", "B 1", "ack m", "E 1"], &[("m", 1)], "before its job had ended");
        fails(&["P 1", "B 1", "ack m"], &[("m", 1)], "never ended");
        fails(&["P 1", "A 1"], &[], "acknowledged by the server and is not in the stream");
        fails(&["P 1", "B 1", "X 1", "ack m"], &[("m", 1)], "is Dead and not Done");
        fails(&["P 1", "P 2", "E 1", "ack m"], &[("m", 1)], "item 2 comes from nowhere");
        fails(&["P 1", "E 1"], &[("m", 1)], "no acknowledgement was seen");
        fails(&[], &[], "item 1 was never put");
        fails(&["! broken"], &[], "a process has failed: broken");
        fails(&["hello"], &[], "no event");
    }
}
