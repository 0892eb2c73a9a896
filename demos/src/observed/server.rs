//! Prometheus for a test: it scrapes a process each second, and answers queries.

use crate::servers::{answers, Server};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

/// One series of an answer: its labels and its value.
#[derive(Clone, Debug)]
pub struct Series {
    /// The labels, the name as `__name__`.
    pub labels: BTreeMap<String, String>,
    /// The value.
    pub value: f64,
}

/// A Prometheus that scrapes one process.
#[derive(Debug)]
pub struct Prometheus(Server);

const CONFIG: &str = "
global: { scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }
rule_files: [ alerts.yml ]
scrape_configs:
  - job_name: joinq
    static_configs: [ { targets: [ '127.0.0.1:PORT' ] } ]
";

/// The rules with each minute as a second and the hour as a minute, so that alerts fire while a test runs.
pub fn hurried(rules: &str) -> String {
    let hurried = |word: &str| match (word, word.strip_suffix('m').map(str::parse::<u32>)) {
        ("1h", _) => "60s".to_owned(),
        ("300", _) => "5".to_owned(),
        (_, Some(Ok(minutes))) => format!("{minutes}s"),
        (word, _) => word.to_owned(),
    };
    let mut text = String::new();
    for part in rules.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let word = part.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        text.push_str(&hurried(word));
        text.push_str(&part[word.len()..]);
    }
    text
}

impl Prometheus {
    /// Starts it, with the rules, for the process whose metrics are on this port.
    ///
    /// # Panics
    /// If it does not become ready.
    pub fn new(target: u16, rules: &str) -> Prometheus {
        let arguments = |port: u16, folder: &Path| {
            let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).expect("a file");
            write("prometheus.yml", &CONFIG.replace("PORT", &target.to_string()));
            write("alerts.yml", rules);
            let folder = folder.display();
            vec![
                format!("--config.file={folder}/prometheus.yml"),
                format!("--storage.tsdb.path={folder}/data"),
                format!("--web.listen-address=127.0.0.1:{port}"),
                "--log.level=warn".to_owned(),
            ]
        };
        let is_ready = |address| answers(address, "GET /-/ready HTTP/1.0\r\n\r\n", "HTTP/1.0 200");
        Prometheus(Server::new("prometheus", arguments, is_ready))
    }

    /// What it has written.
    pub fn log(&self) -> String {
        self.0.log()
    }

    /// The series that an expression has now.
    ///
    /// # Panics
    /// If the server does not answer, or the expression is none.
    pub fn query(&self, expression: &str) -> Vec<Series> {
        let answer = self.ask(&format!("/api/v1/query?query={}", encoded(expression)));
        assert_eq!(answer["status"], "success", "{expression}: {answer}");
        let data = &answer["data"];
        assert_eq!(data["resultType"], "vector", "{expression}: {answer}");
        data["result"].as_array().expect("a vector").iter().map(series).collect()
    }

    /// The value of an expression with one series; `None` without one.
    ///
    /// # Panics
    /// If it has more.
    pub fn value(&self, expression: &str) -> Option<f64> {
        let series = self.query(expression);
        assert!(series.len() < 2, "{expression}: {series:?}");
        Some(series.first()?.value)
    }

    /// The names of all labels.
    ///
    /// # Panics
    /// If the server does not answer.
    pub fn labels(&self) -> Vec<String> {
        let answer = self.ask("/api/v1/labels?match[]=%7B__name__%3D~%22joinq_.*%22%7D");
        let labels = answer["data"].as_array().expect("a list");
        labels.iter().map(|label| label.as_str().expect("a name").to_owned()).collect()
    }

    fn ask(&self, path: &str) -> Value {
        let text = get(self.0.address(), path).expect("the server answers");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }
}

fn series(value: &Value) -> Series {
    let labels = value["metric"].as_object().expect("labels");
    Series {
        labels: labels.iter().map(|(name, value)| (name.clone(), value.as_str().expect("a text").to_owned())).collect(),
        value: value["value"][1].as_str().and_then(|number| number.parse().ok()).expect("a number"),
    }
}

/// The text for the query of a URL.
fn encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

/// The body of the answer to a request; by HTTP 1.0, in which it ends with the connection.
///
/// # Errors
/// If there is no connection, or no good answer.
pub fn get(address: SocketAddr, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(10))?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.lines().next().is_some_and(|status| status.contains(" 200 ")) => Ok(body.to_owned()),
        _ => Err(io::Error::other(answer)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hurried_rules_have_seconds_for_minutes() {
        let rules = "expr: joinq_lag > 300 * rate(a_total[5m]) and b[1h]\nfor: 10m # 5 minutes, {{ m }}\n";
        let expected = "expr: joinq_lag > 5 * rate(a_total[5s]) and b[60s]\nfor: 10s # 5 minutes, {{ m }}\n";
        assert_eq!(hurried(rules), expected);
    }

    #[test]
    fn expressions_are_encoded() {
        assert_eq!(encoded("a{b=\"c\"}[5s]"), "a%7Bb%3D%22c%22%7D%5B5s%5D");
    }
}
