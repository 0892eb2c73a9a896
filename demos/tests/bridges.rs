//! The short forms of the tests of `bridges`; `cargo run --release -p joinq-demos --bin bridges` runs the long
//! ones.

use joinq_demos::bridges::{run, Engine, Plan};
use joinq_demos::servers::missing;
use std::path::Path;

fn kills_lose_nothing(engine: Engine) {
    if missing(engine.program()) {
        return;
    }
    let program = Path::new(env!("CARGO_BIN_EXE_bridges"));
    let verdict = run(program, engine, Plan { jobs: 1000, server: 5, consumer: 5, publisher: 2, stops: 3 });
    println!("{verdict}");
    assert!(verdict.passes(), "{verdict}");
}

#[test]
fn kills_of_a_nats_server_and_of_its_clients_lose_nothing() {
    kills_lose_nothing(Engine::Nats);
}

#[test]
fn kills_of_a_redis_server_and_of_its_clients_lose_nothing() {
    kills_lose_nothing(Engine::Redis);
}
