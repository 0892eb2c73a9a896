//! Decides in O(n log n) whether a long history of a FIFO queue has one of the patterns that make it not linearizable
//! (Henzinger, Sezgin and Vafeiadis): an item that was never put, an item that was got twice, two items in the wrong
//! order, *empty* while there was an item all the time. Beside these: an item that was lost, more items than the
//! capacity, *full* while there was a free slot all the time.

/// When a call began and returned, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Before the call.
    pub called: u64,
    /// After the return.
    pub returned: u64,
}

/// What one or more threads have recorded.
#[derive(Debug, Default)]
pub struct Observed {
    /// Items that were put. The numbers of all items are below their count.
    pub puts: Vec<(u64, Span)>,
    /// Items that were got.
    pub gets: Vec<(u64, Span)>,
    /// Calls that found the queue empty.
    pub empty: Vec<Span>,
    /// Calls that found it full.
    pub full: Vec<Span>,
}

/// What the queue promises.
#[derive(Clone, Copy, Debug)]
pub struct Promise {
    /// `None` for an unbounded queue.
    pub capacity: Option<usize>,
    /// How many threads put: a put in progress may count as an item, also if it finds the queue full later.
    pub putters: usize,
}

/// Checks a history at whose end the queue was emptied.
pub fn check(observed: &Observed, promise: Promise) -> Result<(), String> {
    let items = match_items(observed)?;
    in_order(&items)?;
    not_empty_beside_an_item(&items, &observed.empty)?;
    let Some(capacity) = promise.capacity else { return Ok(()) };
    within_capacity(&items, capacity)?;
    not_full_beside_a_slot(&items, &observed.full, capacity, promise.putters.saturating_sub(1))
}

/// An item with its put and its get.
#[derive(Clone, Copy)]
struct Item {
    number: u64,
    put: Span,
    get: Span,
}

fn match_items(observed: &Observed) -> Result<Vec<Item>, String> {
    let mut items: Vec<(Option<Span>, Option<Span>)> = vec![(None, None); observed.puts.len()];
    for &(number, span) in &observed.puts {
        let place = items.get_mut(number as usize).ok_or_else(|| format!("item {number} has no place"))?;
        if place.0.replace(span).is_some() {
            return Err(format!("item {number} was put twice"));
        }
    }
    for &(number, span) in &observed.gets {
        match items.get_mut(number as usize) {
            Some((Some(put), get @ None)) if put.called <= span.returned => *get = Some(span),
            Some((Some(_), None)) => return Err(format!("item {number} was got before it was put")),
            Some((Some(_), Some(_))) => return Err(format!("item {number} was got twice")),
            _ => return Err(format!("item {number} was got and never put")),
        }
    }
    let whole = |(number, (put, get)): (usize, (Option<Span>, Option<Span>))| match (put, get) {
        (Some(put), Some(get)) => Ok(Item { number: number as u64, put, get }),
        _ => Err(format!("item {number} was lost")),
    };
    items.into_iter().enumerate().map(whole).collect()
}

/// No item whose put came before that of another one is got after it.
fn in_order(items: &[Item]) -> Result<(), String> {
    let (mut by_return, mut by_call) = (items.to_vec(), items.to_vec());
    by_return.sort_unstable_by_key(|item| item.put.returned);
    by_call.sort_unstable_by_key(|item| item.put.called);
    let mut before = by_return.iter().peekable();
    // Of the items that were put before, the one whose get began last.
    let mut last: Option<&Item> = None;
    for item in &by_call {
        while let Some(earlier) = before.next_if(|earlier| earlier.put.returned < item.put.called) {
            if last.is_none_or(|last| last.get.called < earlier.get.called) {
                last = Some(earlier);
            }
        }
        if let Some(last) = last.filter(|last| last.get.called > item.get.returned) {
            return Err(format!("item {} was put before item {} and got after it", last.number, item.number));
        }
    }
    Ok(())
}

/// The times at which at least one item was certainly in the queue, as disjoint intervals.
fn times_with_an_item(items: &[Item]) -> Vec<(u64, u64)> {
    let certain = items.iter().map(|item| (item.put.returned, item.get.called)).filter(|(from, to)| from < to);
    let mut certain: Vec<(u64, u64)> = certain.collect();
    certain.sort_unstable();
    let mut merged: Vec<(u64, u64)> = Vec::new();
    for (from, to) in certain {
        match merged.last_mut() {
            Some(last) if from < last.1 => last.1 = last.1.max(to),
            _ => merged.push((from, to)),
        }
    }
    merged
}

fn not_empty_beside_an_item(items: &[Item], empty: &[Span]) -> Result<(), String> {
    let times = times_with_an_item(items);
    for span in empty {
        let behind = times.partition_point(|time| time.0 < span.called);
        if behind > 0 && span.returned < times[behind - 1].1 {
            return Err(format!(
                "empty from {} to {}, though there was an item all the time",
                span.called, span.returned
            ));
        }
    }
    Ok(())
}

/// How a number of items changes: sorted by time.
type Changes = Vec<(u64, i64)>;

/// Never more items than the capacity are certainly in the queue.
fn within_capacity(items: &[Item], capacity: usize) -> Result<(), String> {
    let certain = items.iter().filter(|item| item.put.returned < item.get.called);
    let mut changes: Changes = certain.flat_map(|item| [(item.put.returned, 1), (item.get.called, -1)]).collect();
    changes.sort_unstable();
    let mut inside = 0;
    for (time, change) in changes {
        inside += change;
        if inside > capacity as i64 {
            return Err(format!("{inside} items were in the queue at {time}"));
        }
    }
    Ok(())
}

/// Each *full* has a moment at which as many items as the capacity may have been in the queue.
fn not_full_beside_a_slot(items: &[Item], full: &[Span], capacity: usize, in_progress: usize) -> Result<(), String> {
    let mut changes: Changes =
        items.iter().flat_map(|item| [(item.put.called, 1), (item.get.returned + 1, -1)]).collect();
    changes.sort_unstable();
    let mut inside = Vec::with_capacity(changes.len());
    let mut sum = 0;
    for &(_, change) in &changes {
        sum += change;
        inside.push(sum);
    }
    for span in full {
        let first = changes.partition_point(|change| change.0 <= span.called);
        let end = first + changes[first..].iter().take_while(|change| change.0 <= span.returned).count();
        let before = if first > 0 { inside[first - 1] } else { 0 };
        let most = inside[first..end].iter().copied().fold(before, i64::max);
        if most + (in_progress as i64) < capacity as i64 {
            return Err(format!("full from {} to {} with {most} items at most", span.called, span.returned));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span((called, returned): (u64, u64)) -> Span {
        Span { called, returned }
    }

    /// Items by their puts and gets, and the calls that found the queue empty or full; with a capacity of 2.
    fn verdict(items: &[(u64, u64, u64, u64)], empty: &[(u64, u64)], full: &[(u64, u64)]) -> Result<(), String> {
        let numbered = || items.iter().zip(0..);
        let observed = Observed {
            puts: numbered().map(|(item, number)| (number, span((item.0, item.1)))).collect(),
            gets: numbered().map(|(item, number)| (number, span((item.2, item.3)))).collect(),
            empty: empty.iter().copied().map(span).collect(),
            full: full.iter().copied().map(span).collect(),
        };
        check(&observed, Promise { capacity: Some(2), putters: 1 })
    }

    fn finds(result: Result<(), String>, words: &str) {
        let fault = result.expect_err(words);
        assert!(fault.contains(words), "{fault}");
    }

    #[test]
    fn the_order_of_overlapping_puts_or_gets_is_free() {
        assert_eq!(verdict(&[(0, 5, 12, 13), (4, 9, 10, 11)], &[], &[]), Ok(()));
        assert_eq!(verdict(&[(0, 1, 4, 8), (2, 3, 5, 7)], &[], &[]), Ok(()));
        finds(verdict(&[(0, 1, 6, 7), (2, 3, 4, 5)], &[], &[]), "item 0 was put before item 1");
    }

    #[test]
    fn an_item_is_got_once_and_after_its_put() {
        finds(verdict(&[(4, 5, 1, 2)], &[], &[]), "before it was put");
        let (a, b) = ((0, Span::default()), (1, Span::default()));
        let observed =
            |puts: &[_], gets: &[_]| Observed { puts: puts.to_vec(), gets: gets.to_vec(), ..Observed::default() };
        let promise = Promise { capacity: None, putters: 1 };
        finds(check(&observed(&[a], &[a, a]), promise), "got twice");
        finds(check(&observed(&[a], &[a, b]), promise), "never put");
        finds(check(&observed(&[a, b], &[a]), promise), "item 1 was lost");
        finds(check(&observed(&[a, a], &[]), promise), "put twice");
    }

    #[test]
    fn a_queue_is_empty_only_at_a_moment_without_an_item() {
        let items = [(0, 1, 6, 7), (3, 4, 9, 10)];
        finds(verdict(&items, &[(2, 8)], &[]), "an item all the time");
        assert_eq!(verdict(&items, &[(2, 9)], &[]), Ok(()));
        assert_eq!(verdict(&[(0, 1, 5, 7), (6, 8, 9, 10)], &[(2, 8)], &[]), Ok(()));
    }

    #[test]
    fn a_queue_is_full_only_at_a_moment_with_as_many_items_as_its_capacity() {
        let items = [(0, 1, 6, 7), (3, 4, 9, 10)];
        assert_eq!(verdict(&items, &[], &[(2, 3)]), Ok(()));
        assert_eq!(verdict(&items, &[], &[(7, 8)]), Ok(()));
        finds(verdict(&items, &[], &[(8, 8)]), "full from 8");
        finds(verdict(&[(0, 1, 8, 9), (0, 2, 8, 9), (0, 3, 8, 9)], &[], &[]), "3 items were in the queue");
    }
}
