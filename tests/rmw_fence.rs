//! The RMW fence of a waiter (`src/sync/mod.rs`) is in the built code: a locked instruction, not a load.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use std::process::Command;

#[test]
fn the_rmw_fence_is_a_locked_instruction() {
    // A wait, so that the linker keeps the function.
    let queue = joinq::Queue::<u8>::unbounded();
    assert!(queue.get().wait_timeout(std::time::Duration::ZERO).is_err());

    let objdump = Command::new("objdump").arg("-d").arg(std::env::current_exe().unwrap()).output();
    let Ok(output) = objdump else {
        eprintln!("skipped: there is no `objdump` to look with");
        return;
    };
    let code = String::from_utf8_lossy(&output.stdout);
    let body: Vec<&str> =
        code.lines().skip_while(|line| !line.contains("4sync9rmw_fence")).take_while(|line| !line.is_empty()).collect();
    assert!(!body.is_empty(), "the function is not in the binary");
    // In a build without optimisation the RMW may be a separate function.
    let locked = |body: &[&str]| body.iter().any(|line| line.contains("lock ") || line.contains("xchg"));
    let callee = body.iter().find(|line| line.contains("call") && line.contains("fetch_or"));
    let called: Vec<&str> = match callee.and_then(|line| line.split(['<', '>']).nth(1)) {
        Some(name) => {
            let head = format!("<{name}>:");
            code.lines().skip_while(|line| !line.contains(&head)).take_while(|line| !line.is_empty()).collect()
        }
        None => Vec::new(),
    };
    assert!(locked(&body) || called.iter().any(|line| line.contains("atomic_or")) || locked(&called), "{body:#?}");
}
