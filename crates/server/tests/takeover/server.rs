//! What is Countersign told of the application that it takes over?

/// A mount that speaks the application's dialect with its secret, behind a front on this machine.
pub fn configuration(dialect: &str) -> String {
    format!(
        r#"
public_url = "https://app.example.com"
trusted_proxies = ["127.0.0.1"]

[[mount]]
dialect = "{dialect}"
secret_file = "secret"

[log]
requests = "none"
"#
    )
}
