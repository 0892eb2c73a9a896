//! Servers for tests: each in a folder of its own, on a free port of 127.0.0.1; killed, stopped and started again.
//!
//! `.ci/servers` installs them.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a server may take to answer, or to end.
const WATCHDOG: Duration = Duration::from_secs(60);

/// Runs the server, and beside it a watcher that sends it the signal of the next line, or KILL at the end of
/// the input: so a server ends when the process ends that has started it, however that ends.
const WATCHED: &str = r#"
exec 3<&0 </dev/null
{ read signal <&3 || signal=KILL; kill -s "$signal" $$; } 2>/dev/null &
exec 3<&- "$@"
"#;

/// The path of a program, also if it is in a folder for administrators only.
fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/sbin", "/usr/local/sbin"].map(PathBuf::from));
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Whether a server is missing, so that its test has to be skipped; that is printed.
///
/// # Panics
/// If it is missing and `JOINQ_SERVERS=1` is set.
pub fn missing(program: &str) -> bool {
    let missing = find(program).is_none();
    if missing {
        let required = std::env::var_os("JOINQ_SERVERS").is_some_and(|value| value == "1");
        assert!(!required, "{program} is missing; .ci/servers installs it");
        println!("skipped, for {program} is missing; .ci/servers installs it");
    }
    missing
}

/// A port of 127.0.0.1 that is free, and that no outgoing connection takes while its server is down: below
/// those that systems give to such connections.
pub fn free_port() -> u16 {
    loop {
        let port = fastrand::u16(10_000..30_000);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Whether the server accepts a connection.
pub fn accepts(address: SocketAddr) -> bool {
    TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
}

/// Whether the server answers this request with a text that begins with `answer`.
pub fn answers(address: SocketAddr, request: &str, answer: &str) -> bool {
    let ask = || -> io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(request.as_bytes())?;
        let mut bytes = vec![0; answer.len()];
        stream.read_exact(&mut bytes)?;
        Ok(bytes == answer.as_bytes())
    };
    ask().unwrap_or(false)
}

/// A server for one test; killed when it is dropped, or when the process of the test ends.
#[derive(Debug)]
pub struct Server {
    program: PathBuf,
    arguments: Vec<String>,
    address: SocketAddr,
    folder: TempDir,
    is_ready: fn(SocketAddr) -> bool,
    running: Option<Child>,
}

impl Server {
    /// Starts a program, and waits until `is_ready`. The arguments are a function of the port and of the
    /// folder, which is empty and removed at the end.
    ///
    /// # Panics
    /// If the program is missing or does not become ready, with what it has written.
    pub fn new(
        program: &str,
        arguments: impl FnOnce(u16, &Path) -> Vec<String>,
        is_ready: fn(SocketAddr) -> bool,
    ) -> Server {
        let folder = tempfile::Builder::new().prefix("joinq-server").tempdir().expect("a folder");
        let port = free_port();
        let mut server = Server {
            program: find(program).unwrap_or_else(|| panic!("{program} is missing; .ci/servers installs it")),
            arguments: arguments(port, folder.path()),
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            folder,
            is_ready,
            running: None,
        };
        server.start();
        server
    }

    /// NATS with JetStream.
    pub fn nats() -> Server {
        let arguments = |port: u16, folder: &Path| {
            ["-a", "127.0.0.1", "-p", &port.to_string(), "-js", "-sd", &folder.display().to_string()]
                .map(str::to_owned)
                .to_vec()
        };
        Server::new("nats-server", arguments, |address| answers(address, "", "INFO "))
    }

    /// Redis, which synchronizes its file before it answers.
    pub fn redis() -> Server {
        let arguments = |port: u16, folder: &Path| {
            let (port, folder) = (port.to_string(), folder.display().to_string());
            let words = ["--bind", "127.0.0.1", "--port", &port, "--dir", &folder, "--save", "", "--appendonly", "yes"];
            words.into_iter().chain(["--appendfsync", "always"]).map(str::to_owned).collect()
        };
        Server::new("redis-server", arguments, |address| answers(address, "PING\r\n", "+PONG"))
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it has written since its first start.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(self.log_file()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn log_file(&self) -> PathBuf {
        self.folder().join("server.log")
    }

    /// Starts it again, on the same port and in the same folder, and waits until it is ready.
    ///
    /// # Panics
    /// If it runs already or does not become ready.
    pub fn start(&mut self) {
        assert!(self.running.is_none(), "{} runs already", self.program.display());
        let log = File::options().create(true).append(true).open(self.log_file()).expect("a log file");
        let child = Command::new("/bin/sh")
            .args(["-c", WATCHED, "sh"])
            .arg(&self.program)
            .args(&self.arguments)
            .current_dir(self.folder())
            .stdin(Stdio::piped())
            .stdout(log.try_clone().expect("a log file"))
            .stderr(log)
            .spawn()
            .expect("a shell");
        let child = self.running.insert(child);
        let since = Instant::now();
        while !(self.is_ready)(self.address) {
            let ended = child.try_wait().expect("the server is a child").is_some();
            if ended || since.elapsed() > WATCHDOG {
                panic!("{} does not become ready:\n{}", self.program.display(), self.log());
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Whether it runs.
    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Kills it by SIGKILL, if it runs.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.running.take() {
            child.kill().and_then(|()| child.wait()).expect("the server is a child");
            tell_watcher(&mut child, "0");
        }
    }

    /// Ends it by SIGTERM, if it runs, and waits for the end.
    ///
    /// # Panics
    /// If it does not end.
    pub fn stop(&mut self) {
        let Some(mut child) = self.running.take() else { return };
        tell_watcher(&mut child, "TERM");
        let since = Instant::now();
        while child.try_wait().expect("the server is a child").is_none() {
            if since.elapsed() > WATCHDOG {
                let _ = child.kill();
                panic!("{} does not end:\n{}", self.program.display(), self.log());
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Has the watcher send this signal and end; signal 0 does nothing.
fn tell_watcher(server: &mut Child, signal: &str) {
    if let Some(mut input) = server.stdin.take() {
        // A watcher that is gone needs no signal.
        let _ = writeln!(input, "{signal}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
