//! Tasks of tokio, handles of single jobs, and two kinds of admission: `admit` at the put, `ready` at the worker.
//!
//! ```sh
//! cargo run --example tasks --features tokio
//! ```

use joinq_flow::{Denied, Failure, Job, Retry, Stage, Workers};
use std::time::Duration;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sizes: Stage<String, usize> = Stage::builder("sizes")
        .capacity(1_000)
        .admit(|name: &String| if name.is_empty() { Err(Denied::new("no name")) } else { Ok(()) })
        .ready(|| if load() < 64.0 { Ok(()) } else { Err(Denied::new("the machine is busy")) })
        .retry(Retry::default())
        .build();
    // Between 2 and 64 tasks, as many as rate and run time ask for.
    let _workers =
        Workers::tokio(&sizes, 2..=64, |job: Job<String, usize>| async move { Ok(fetch(&job).await?.len()) });

    let one = sizes.put("one".into()).await?;
    let two = sizes.put("two".into()).await?;
    two.cancel();
    println!("{} bytes", one.output().await?);
    println!("job {} is {:?}", two.id(), two.settled().await);

    println!("until Ctrl-C");
    tokio::signal::ctrl_c().await?;
    match sizes.shutdown().until(tokio::time::sleep(Duration::from_secs(10))).await {
        Ok(stats) => println!("{} done, {} cancelled", stats.done, stats.cancelled),
        Err(late) => println!("left: {}", late.left.len()),
    }
    Ok(())
}

/// A download; here a moment, and then the name.
async fn fetch(name: &str) -> Result<String, Failure> {
    tokio::time::sleep(Duration::from_millis(10)).await;
    Ok(name.into())
}

/// How many threads want to run, as Linux tells.
fn load() -> f64 {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or(0.0)
}
