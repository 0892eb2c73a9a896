//! The checks of joinq that take long; `--help` names them.

use joinq_verify::cancel;
use joinq_verify::fifo;
use joinq_verify::history::{run, subject};
use joinq_verify::report::Report;
use lexopt::prelude::*;
use std::process::ExitCode;

const HELP: &str = "\
Usage: joinq-verify CHECK [--count N] [--seed N]

Prints the figures as a line and as JSON. The status is 1 if a fault was found.

  histories   small concurrent histories, each compared with the sequential specification
                --count N     histories; 1,000,000 by default
                --program N --threads N   each history is of this one program, as a fault names it

  fifo        long histories: no item is lost, got twice or out of order; empty and full are true
                --items N     items; 10,000,000 by default

  cancel      operations that are cancelled: no item and no notification is lost, and all memory is freed
                --count N     cancelled operations; 1,000,000 by default

  --seed N    the random choices; others in each run by default
";

#[derive(Default)]
struct Arguments {
    check: String,
    count: Option<usize>,
    seed: Option<u64>,
    program: Option<u64>,
    threads: Option<usize>,
}

fn arguments() -> Result<Option<Arguments>, lexopt::Error> {
    let mut found = Arguments::default();
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("count" | "items") => found.count = Some(number(&parser.value()?.string()?)? as usize),
            Long("seed") => found.seed = Some(parser.value()?.parse()?),
            Long("program") => found.program = Some(parser.value()?.parse()?),
            Long("threads") => found.threads = Some(parser.value()?.parse()?),
            Long("help") => return Ok(None),
            Value(check) if found.check.is_empty() => found.check = check.string()?,
            other => return Err(other.unexpected()),
        }
    }
    Ok((!found.check.is_empty()).then_some(found))
}

/// A number, which may have `_` or `,` between its digits.
fn number(text: &str) -> Result<u64, lexopt::Error> {
    let digits: String = text.chars().filter(|letter| !matches!(letter, '_' | ',')).collect();
    digits.parse().map_err(|_| format!("`{text}` is not a number").into())
}

fn check(arguments: &Arguments) -> Option<Report> {
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..));
    eprintln!("{} with --seed {seed}", arguments.check);
    let count = |default| arguments.count.unwrap_or(default);
    match arguments.check.as_str() {
        "histories" => {
            let only = arguments.program.map(|program| (program, arguments.threads.unwrap_or(2)));
            Some(run::histories(run::Options { count: count(1_000_000), seed, only }, subject::joinq))
        }
        "fifo" => {
            let options = fifo::Options { items: count(10_000_000) as u64, seed, slice: 200_000 };
            Some(fifo::fifo(options, fifo::ends::joinq))
        }
        "cancel" => Some(cancel::cancel(cancel::Options { count: count(1_000_000) as u64, seed })),
        _ => None,
    }
}

fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("{error}\n{HELP}");
            return ExitCode::from(2);
        }
    };
    match check(&arguments).map(Report::print) {
        Some(true) => ExitCode::SUCCESS,
        Some(false) => ExitCode::FAILURE,
        None => {
            eprintln!("no check is called `{}`\n{HELP}", arguments.check);
            ExitCode::from(2)
        }
    }
}
