//! Three stages with bounded channels between them. The last stage is slow, so the first one waits while the
//! channels are full. This is backpressure, and it bounds the memory.

use joinq::{Receiver, Sender};
use std::thread;
use std::time::Duration;

/// The capacity of a channel between two stages.
const CAPACITY: usize = 3;
const ITEMS: u64 = 20;

fn main() {
    let (numbers, squarer_input) = joinq::bounded(CAPACITY);
    let (squares, printer_input) = joinq::bounded(CAPACITY);
    thread::scope(|scope| {
        scope.spawn(move || produce(numbers));
        scope.spawn(move || square(squarer_input, squares));
        print_slowly(printer_input);
    });
}

// Each stage owns its handles. They are dropped when it returns, so the next stage sees the end of its input.

fn produce(numbers: Sender<u64>) {
    for number in 1..=ITEMS {
        if numbers.send(number).wait().is_err() {
            return; // The next stage has returned, so nothing more is needed.
        }
    }
    println!("  all {ITEMS} numbers are produced");
}

fn square(input: Receiver<u64>, output: Sender<(u64, u64)>) {
    for number in input {
        if output.send((number, number * number)).wait().is_err() {
            return;
        }
    }
}

fn print_slowly(input: Receiver<(u64, u64)>) {
    for (number, square) in input {
        thread::sleep(Duration::from_millis(20));
        println!("{number} squared is {square}");
    }
}
