//! Three stages: the first one spills to disk when its memory is full, the last one keeps each job on disk until it
//! is done, and jobs that fail too often become dead letters.
//!
//! ```sh
//! cargo run --example three_stages --features tokio,json,sqlite -- one two three
//! ```
//!
//! It leaves the files `fetch.db` and `save.db` in the current folder.

use joinq::Queue;
use joinq_flow::{Dead, Failure, Job, Json, Retry, SqliteStore, Stage, Workers};
use std::sync::Arc;
use std::time::Duration;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dead: Arc<Queue<Dead<String>>> = Arc::new(Queue::bounded(1_000));
    let save: Stage<String> = Stage::builder("save")
        .capacity(64)
        .durable(SqliteStore::open("save.db")?, Json)
        .retry(Retry::default())
        .dead_letters(dead.clone())
        .build();
    let parse: Stage<String> = Stage::builder("parse").capacity(64).dead_letters(dead.clone()).build();
    let fetch: Stage<String> = Stage::builder("fetch")
        .capacity(256)
        .spill(SqliteStore::open("fetch.db")?, Json)
        .retry(Retry::default())
        .dead_letters(dead.clone())
        .build();

    let next = parse.clone();
    let _fetchers = Workers::tokio(&fetch, 4..=32, move |url: Job<String>| {
        let next = next.clone();
        async move {
            // Waits while `parse` is full: backpressure up to `fetch`, whose excess goes to disk.
            next.put(get(&url).await?).await?;
            Ok(())
        }
    });
    let next = save.clone();
    let _parsers = Workers::threads(&parse, 2..=2, move |page: &Job<String>| {
        next.put(extract(page)?).wait()?; // on disk when this returns: only then is the page done
        Ok(())
    });
    let _savers = Workers::tokio(&save, 1..=4, |row: Job<String>| async move { insert(&row).await });

    for url in std::env::args().skip(1) {
        fetch.put(url).await?;
    }
    for stage in [&fetch, &parse, &save] {
        stage.close();
        stage.join().await; // its last put into the next stage has returned
    }
    for letter in dead.drain() {
        eprintln!("{letter}"); // stage `save`, job 17: gave up after 5 attempts: connection refused
    }
    Ok(())
}

/// A download; here a moment, and then a page that names its URL.
async fn get(url: &str) -> Result<String, Failure> {
    tokio::time::sleep(Duration::from_millis(10)).await;
    match url {
        "missing" => Err(Failure::fatal("404 not found")), // never tried again
        url => Ok(format!("<title>{url}</title>")),
    }
}

fn extract(page: &str) -> Result<String, Failure> {
    let title = page.strip_prefix("<title>").and_then(|page| page.strip_suffix("</title>"));
    Ok(title.filter(|title| !title.is_empty()).ok_or("a page without a title")?.to_owned())
}

/// Writes into a database; here to the terminal.
async fn insert(row: &str) -> Result<(), Failure> {
    println!("{row}");
    Ok(())
}
