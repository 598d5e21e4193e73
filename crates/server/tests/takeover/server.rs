//! What is Countersign told of the application that it takes over, and what does it say of the move?

use crate::application::Kind;
use crate::binary::Home;
use serde_json::Value;
use std::net::SocketAddr;

/// A mount that speaks the application's dialect with its secret, behind a front on this machine.
pub fn configuration(dialect: &str) -> String {
    format!(
        r#"
public_url = "https://app.example.com"
trusted_proxies = ["127.0.0.1"]

[log]
requests = "none"

[[mount]]
dialect = "{dialect}"
secret_file = "secret"
"#
    )
}

/// The same, beside the application that it takes over from.
pub fn beside(dialect: &str, upstream: SocketAddr) -> String {
    let mount = configuration(dialect);
    format!("{mount}upstream = \"http://{upstream}\"\nphase = \"shadow\"\n")
}

/// Goes to a phase, and waits until it counts.
pub fn enter(home: &Home, kind: Kind, phase: &str) {
    home.run(&["migration", "phase", kind.dialect(), phase, "--yes"]);
    std::thread::sleep(std::time::Duration::from_millis(1500));
}

/// What `migration status` says of the mount.
pub fn status(home: &Home) -> Value {
    serde_json::from_str(&home.run(&["migration", "status", "--json"])).unwrap()
}
