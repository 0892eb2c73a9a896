//! Which clients a broker accepts: those with a certificate, those with a token.

use super::{broker, wait_for, TOPIC, WATCHDOG};
use crate::acceptance::Verdict;
use joinq_bridge::mqtt::{tls, Certificate, Message, MqttOptions, Publisher, PublisherBuilder, Status};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::time::timeout;

/// A runtime for one publisher.
fn run<T>(test: impl std::future::Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(test)
}

/// Publishes one message; the status at the end if it was published, or as soon as the broker has refused.
async fn publish(builder: PublisherBuilder) -> Result<Status, Status> {
    let publisher = builder.start();
    let mut publishing = publisher.publish(Message::new(TOPIC, "hello"));
    for _ in 0..WATCHDOG.as_millis() / 10 {
        match timeout(Duration::from_millis(10), &mut publishing).await {
            Ok(published) => {
                let status = publisher.status();
                publisher.disconnect().await;
                return published.map(|()| status.clone()).map_err(|_| status);
            }
            Err(_) if publisher.status().error.is_some() => break,
            Err(_) => {}
        }
    }
    Err(publisher.status())
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
    // A certificate whose subject is its issuer would be one that has signed itself.
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// An authority, and a certificate with its key; all as PEM.
struct Issued {
    authority: String,
    certificate: String,
    key: String,
}

/// Certificates of one authority for these names.
fn issue<const N: usize>(names: [&str; N]) -> [Issued; N] {
    let mut params_of_authority = params("authority");
    params_of_authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let authority = CertifiedIssuer::self_signed(params_of_authority, key).expect("a certificate");
    names.map(|name| {
        let key = KeyPair::generate().expect("a key");
        let certificate = params(name).signed_by(&key, &authority).expect("a certificate");
        Issued { authority: authority.pem(), certificate: certificate.pem(), key: key.serialize_pem() }
    })
}

/// A broker that asks for a certificate: a client without one, and a client with one of another authority, are refused;
/// one with a certificate publishes. A client refuses a broker with a certificate of another authority.
pub fn certificates() -> Verdict {
    let [server, client] = issue(["127.0.0.1", "sensor"]);
    let [stranger] = issue(["sensor"]);
    let settings = "cafile FOLDER/ca.crt\ncertfile FOLDER/server.crt\nkeyfile FOLDER/server.key\n\
                    require_certificate true\nuse_identity_as_username true\n";
    let files = [("ca.crt", &*server.authority), ("server.crt", &*server.certificate), ("server.key", &*server.key)];
    let broker = broker::start_with_files(settings, &files);
    let mut verdict = Verdict { title: "TLS".into(), ledger: Vec::new(), violations: Vec::new() };
    let mut check = |what: &str, authority: &Issued, shown: Option<&Issued>, is_accepted: bool| {
        let shown = shown.map(|shown| Certificate { chain: shown.certificate.as_bytes(), key: shown.key.as_bytes() });
        let mut options = MqttOptions::new("publisher", "127.0.0.1", broker.port());
        options.set_transport(tls(authority.authority.as_bytes(), shown).expect("certificates"));
        let outcome = run(publish(Publisher::builder(options)));
        match &outcome {
            Ok(status) => verdict.ledger.push(format!("{what}: published, {status:?}")),
            Err(status) => verdict.ledger.push(format!("{what}: refused, {status:?}")),
        }
        let is_right = match &outcome {
            Ok(_) => is_accepted,
            Err(status) => !is_accepted && status.error.is_some() && status.connections == 0,
        };
        if !is_right {
            verdict.violations.push(format!("{what}: {outcome:?}"));
        }
    };
    check("no certificate", &server, None, false);
    check("a certificate of another authority", &server, Some(&stranger), false);
    check("a broker of another authority", &stranger, Some(&client), false);
    check("a certificate", &server, Some(&client), true);
    verdict
}

/// A broker that asks for a password: a token that has expired is refused, and the next connection has a new one.
pub fn token() -> Verdict {
    let token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJzZW5zb3IifQ.c2lnbmF0dXJl";
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("passwords");
    let made = Command::new("mosquitto_passwd").args(["-c", "-b"]).arg(&file).args(["sensor", token]).status();
    assert!(made.is_ok_and(|status| status.success()), "mosquitto_passwd is in the package mosquitto");
    let passwords = std::fs::read_to_string(&file).expect("a file of passwords");
    let settings = "password_file FOLDER/passwords\n";
    let broker = broker::start_with_files(settings, &[("passwords", &passwords)]);
    let mut options = MqttOptions::new("publisher", "127.0.0.1", broker.port());
    options.set_credentials("sensor", "");
    let calls = std::sync::Arc::new(AtomicU32::new(0));
    let counted = calls.clone();
    let builder = Publisher::builder(options).token(move || match counted.fetch_add(1, Ordering::SeqCst) {
        0 => "expired".to_owned(),
        _ => token.to_owned(),
    });
    let outcome = run(async {
        let publisher = builder.start();
        let publishing = timeout(WATCHDOG, publisher.publish(Message::new(TOPIC, "hello"))).await;
        let status = publisher.status();
        publisher.disconnect().await;
        match publishing {
            Ok(Ok(())) => Ok(status),
            _ => Err(status),
        }
    });
    let refused = wait_for("the broker has refused a token", || broker.log().contains("not authorised"));
    let calls = calls.load(Ordering::SeqCst);
    let mut violations = Vec::new();
    violations.extend(refused.err());
    if !outcome.as_ref().is_ok_and(|status| status.connections == 1) || calls < 2 {
        violations.push(format!("{calls} calls for a token, and then: {outcome:?}"));
    }
    let ledger = vec![format!("{calls} calls for a token, and then: {outcome:?}")];
    Verdict { title: "token as password".into(), ledger, violations }
}
