//! Compares the queues of joinq and of other crates in turn, within one run.
//!
//! `cargo bench -p joinq-benches --bench rivals` compares the groups in `cells::CORE`; `-- --help` has the
//! options.

mod cells;
mod child;
mod contenders;
mod link;
mod measure;
mod options;
mod report;
mod rounds;
mod stats;

use cells::Cell;
use contenders::Contender;
use options::{Options, HELP};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: measure::Counting = measure::Counting;

/// The selected cells, each with its contenders.
fn chosen(options: &Options) -> Vec<(Cell, Vec<Contender>)> {
    let named = |cell: &Cell| options.filters.iter().any(|filter| cell.name.contains(filter.as_str()));
    let core = |cell: &Cell| options.all || cells::CORE.contains(&cell.group);
    let wanted = |cell: &Cell| if options.filters.is_empty() { core(cell) } else { named(cell) };
    let only = |contender: &Contender| {
        options.only.is_empty() || options.only.iter().any(|name| name == contender.family() || name == contender.name)
    };
    let cells = cells::all(options.quick, options.cores).into_iter().filter(wanted);
    let with_contenders = cells.map(|cell| {
        let contenders = contenders::of(&cell).into_iter().filter(only).collect();
        (cell, contenders)
    });
    with_contenders.filter(|(_, contenders): &(_, Vec<Contender>)| !contenders.is_empty()).collect()
}

/// The output folder. Cargo runs a bench in the folder of its package, so a path is relative to the workspace
/// instead.
fn folder(options: &Options) -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    match &options.out {
        Some(out) => workspace.join(out),
        // The bench itself is `target/release/deps/rivals-…`.
        None => match std::env::current_exe().ok().as_deref().and_then(|bench| bench.ancestors().nth(3)) {
            Some(target) => target.join("rivals").join(report::profile()),
            None => workspace.join("target/rivals").join(report::profile()),
        },
    }
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let Some(options) = Options::parse()? else {
        print!("{HELP}");
        return Ok(ExitCode::SUCCESS);
    };
    // As crossfire recommends for machines with one core.
    crossfire::detect_backoff_cfg();
    if let Some(run) = &options.run {
        child::perform(run, cells::all(options.quick, options.cores), options.timeout)?;
        return Ok(ExitCode::SUCCESS);
    }
    let cells = chosen(&options);
    if options.list {
        for (cell, contenders) in &cells {
            let names: Vec<&str> = contenders.iter().map(|contender| contender.name).collect();
            println!("{}: {}", cell.name, names.join(", "));
        }
        return Ok(ExitCode::SUCCESS);
    }
    if cells.is_empty() {
        // No error, as the filter may be for another bench that Cargo runs by the same command.
        eprintln!("no cell has such a name; `--all --list` prints them");
        return Ok(ExitCode::SUCCESS);
    }
    let outcomes = rounds::all(cells, &options);
    report::write(&outcomes, &options, &folder(&options))?;
    let failed = outcomes.iter().flat_map(|outcome| &outcome.results).any(|result| result.failure.is_some());
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
