//! The programs that are compared.

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub struct Contender {
    pub name: String,
    program: PathBuf,
    arguments: Vec<String>,
}

/// Without the number of files, which `wc` does not tell.
#[derive(Debug, PartialEq, Eq)]
pub struct Counts {
    pub lines: u64,
    pub bytes: u64,
}

/// The path is `$0`. The last line of `wc` has the totals.
const FIND_AND_WC: &str = r#"find "$0" -xdev -type f -print0 | wc -lc --files0-from=- | tail -n 1"#;

/// The first is the one with which the others are compared.
pub fn all(threads: usize) -> Result<Vec<Contender>, Box<dyn Error>> {
    let walk = walk_binary()?;
    let this = env::current_exe()?;
    let contender = |name: String, program: &Path, arguments: &[&str]| {
        let arguments = arguments.iter().map(|&argument| argument.into()).collect();
        Contender { name, program: program.into(), arguments }
    };
    let count = threads.to_string();
    Ok(vec![
        contender("`find` and `wc`".into(), Path::new("sh"), &["-c", FIND_AND_WC]),
        contender(format!("`walk --threads {count}`"), &walk, &["--threads", &count]),
        contender("`walk --threads 1`".into(), &walk, &["--threads", "1"]),
        contender(format!("`walk --tasks {count}`"), &walk, &["--tasks", &count]),
        contender(format!("`ignore`, {count} threads"), &this, &["--as-peer", &count]),
        contender("`ignore`, 1 thread".into(), &this, &["--as-peer", "1"]),
    ])
}

impl Contender {
    pub fn run(&self, path: &Path) -> Result<Counts, Box<dyn Error>> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).arg(path).stdin(Stdio::null()).stderr(Stdio::inherit());
        let output = command.output()?;
        let report = String::from_utf8_lossy(&output.stdout);
        match report.split_whitespace().collect::<Vec<_>>()[..] {
            ["files", _, "lines", lines, "bytes", bytes] | [lines, bytes, "total"] if output.status.success() => {
                Ok(Counts { lines: lines.parse()?, bytes: bytes.parse()? })
            }
            _ => Err(format!("{command:?}: {}, {report:?}", output.status).into()),
        }
    }
}

/// Builds the example, in the folder in which this program was built.
fn walk_binary() -> Result<PathBuf, Box<dyn Error>> {
    let this = env::current_exe()?;
    let [profile, target] = [2, 3].map(|above| this.ancestors().nth(above));
    let (profile, target) = profile.zip(target).ok_or("this program is not in a folder of cargo")?;
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["build", "--quiet", "--release", "--package", "joinq", "--example", "walk", "--target-dir"])
        .arg(target);
    if !cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status()?.success() {
        return Err("the example `walk` cannot be built".into());
    }
    Ok(profile.join("examples/walk"))
}
