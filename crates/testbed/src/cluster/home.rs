//! What lies in a cluster's folder?

use std::fs;
use std::path::{Path, PathBuf};

use super::setup::{Setup, line};
use crate::certificate;
use crate::machine::digits;
use crate::programs::Owner;

/// A cluster's folder. The supervisor makes and removes it.
#[derive(Debug)]
pub(crate) struct Home {
    folder: PathBuf,
    owner: Owner,
}

impl Home {
    /// A folder that is still to be made, within an absolute one.
    pub(crate) fn new(place: &Path) -> Home {
        // Short: a socket's path has room for a hundred bytes.
        let folder = place.join(format!("countersign-pg-{}", digits()));
        Home { folder, owner: Owner::of_clusters() }
    }

    pub(crate) fn owner(&self) -> Owner {
        self.owner
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the database's files lie.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    pub(super) fn authority(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    pub(super) fn log(&self) -> String {
        // Not yet there before the first start.
        fs::read(self.folder.join("log"))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// Makes a certificate for these names, and its authority.
    pub(super) fn certify(&self, names: &[String]) {
        certificate::make(self.owner, &self.folder, names);
    }

    /// Writes all settings anew. What a running server was told later by [`super::Cluster::set`] stays.
    pub(super) fn configure(&self, setup: &Setup, port: u16) {
        self.forget_standbys();
        let mut text = setup.lines();
        let folder = self.folder.to_string_lossy();
        text += &line("listen_addresses", "127.0.0.1");
        text += &line("port", &port.to_string());
        text += &line("unix_socket_directories", &folder);
        if !setup.names().is_empty() {
            text += &line("ssl", "on");
            text += &line("ssl_cert_file", &format!("{folder}/server.pem"));
            text += &line("ssl_key_file", &format!("{folder}/server.key"));
        }
        self.owner.write(&self.data().join("postgresql.conf"), text);
    }

    /// What was set on a primary comes along with the copy; this would make a promoted standby wait for itself.
    fn forget_standbys(&self) {
        let path = self.data().join("postgresql.auto.conf");
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let kept = text.lines().filter(|line| !line.starts_with("synchronous_standby_names"));
        self.owner.write(&path, kept.map(|line| format!("{line}\n")).collect::<String>());
    }

    /// Whether the server of this process id accepts connections. It says so in the file that names it.
    pub(super) fn is_ready(&self, process: i32) -> bool {
        let text = fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        lines.first() == Some(&process.to_string().as_str()) && lines.get(7) == Some(&"ready")
    }
}
