//! What is in force, and why?

use super::terminal::{line, out};
use crate::config::kinds::write_span;
use crate::config::{Config, MountConfig, UpstreamConfig, settings};
use crate::mounts;
use serde_json::{Value, json};

/// Prints every setting with its origin. The only secret that can stand among them, the password of a database, is left out.
pub fn run(config: &Config, as_json: bool) {
    if as_json {
        out(&format!("{:#}\n", described(config)));
        return;
    }
    match &config.file {
        Some(file) => line(&format!("# {}", file.display())),
        None => line("# no configuration file"),
    }
    for (name, value, origin) in &config.values {
        line(&format!("{:<44} # {origin}", format!("{name} = {value}")));
    }
    let origin = if config.mounts.is_empty() { "default: every built-in dialect" } else { "" };
    for mount in mounts::wanted(config) {
        let place = if origin.is_empty() { mount.place(config.file.as_deref()) } else { origin.to_owned() };
        line(&format!("\n[[mount]]{:<35} # {place}", ""));
        for (word, value) in words(&mount) {
            line(&format!("{word} = {value}"));
        }
    }
}

/// What a mount says, as it is written in the file.
fn words(mount: &MountConfig) -> Vec<(&'static str, Value)> {
    let path = mount.secret_file.as_ref().map(|path| path.to_string_lossy().into_owned());
    let mut words =
        vec![("dialect", json!(mount.dialect)), ("prefix", json!(mount.prefix)), ("host", json!(mount.host))];
    words.extend(path.map(|path| ("secret_file", json!(path))));
    if mount.allow_short_secret {
        words.push(("allow_short_secret", json!(true)));
    }
    words.extend(mount.accept_until.map(|until| ("accept_until", json!(until.rfc3339(0)))));
    words.extend(mount.old.words());
    if !mount.allowed_origins.is_empty() {
        words.push(("allowed_origins", json!(mount.allowed_origins)));
        words.push(("allow_credentials", json!(mount.allow_credentials)));
    }
    words.extend(mount.upstream.iter().flat_map(upstream));
    words
}

/// What it says about the old application, defaults included.
fn upstream(upstream: &UpstreamConfig) -> [(&'static str, Value); 6] {
    let host = upstream.host.as_ref().and_then(|host| host.to_str().ok()).unwrap_or("keep");
    [
        ("upstream", json!(upstream.url)),
        ("upstream_timeout", json!(write_span(upstream.timeout))),
        ("upstream_parallel", json!(upstream.parallel)),
        ("upstream_private", json!(upstream.private)),
        ("upstream_host", json!(host)),
        ("phase", json!(upstream.phase.name())),
    ]
}

fn described(config: &Config) -> Value {
    let rows = config.values.iter().map(|(name, value, origin)| {
        let about = settings::named(name).map_or("", |setting| setting.about);
        let value: Value =
            serde_json::from_str(&value.to_string()).unwrap_or_else(|_| json!(value.to_string()));
        json!({ "name": name, "value": value, "origin": origin.to_string(), "about": about })
    });
    let mounts = mounts::wanted(config);
    let mounts = mounts.iter().map(|mount| {
        let words = words(mount).into_iter().map(|(word, value)| (word.to_owned(), value));
        let mut row: serde_json::Map<String, Value> = words.collect();
        let origin =
            if config.mounts.is_empty() { "default".to_owned() } else { mount.place(config.file.as_deref()) };
        row.insert("origin".to_owned(), json!(origin));
        Value::Object(row)
    });
    json!({
        "file": config.file.as_ref().map(|file| file.display().to_string()),
        "settings": rows.collect::<Vec<_>>(),
        "mounts": mounts.collect::<Vec<_>>(),
    })
}
