//! Three stages with bounded channels between them. The last is slow, and so the first does not run away: it waits while
//! the channels are full. That is backpressure, and it bounds the memory.

use joinq::{Receiver, Sender};
use std::thread;
use std::time::Duration;

/// For how many items there is room between two stages.
const ROOM: usize = 3;
const ITEMS: u64 = 20;

fn main() {
    let (numbers, squarer_input) = joinq::bounded(ROOM);
    let (squares, printer_input) = joinq::bounded(ROOM);
    thread::scope(|scope| {
        scope.spawn(move || produce(numbers));
        scope.spawn(move || square(squarer_input, squares));
        print_slowly(printer_input);
    });
}

// Each stage owns its ends. When it returns they are dropped, and the next stage sees the end of its input.

fn produce(numbers: Sender<u64>) {
    for number in 1..=ITEMS {
        if numbers.send(number).wait().is_err() {
            return; // The stage after this one is gone, and nobody wants more.
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
