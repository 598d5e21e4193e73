//! What is a cluster like before it starts?

use std::path::{Path, PathBuf};

/// What every server here has, unless a test sets it otherwise.
const ALWAYS: [(&str, &str); 7] = [
    ("max_connections", "300"),
    ("shared_buffers", "64MB"),
    // Segments as files in the folder: a killed server leaves nothing in /dev/shm.
    ("dynamic_shared_memory_type", "mmap"),
    // A standby that was away for a while finds what it missed.
    ("wal_keep_size", "256MB"),
    ("timezone", "UTC"),
    ("log_timezone", "UTC"),
    ("log_line_prefix", "%m [%p] %u@%d "),
];
/// Without what keeps data when a machine fails, which is slow.
const FORGETFUL: [(&str, &str); 4] = [
    ("fsync", "off"),
    ("synchronous_commit", "off"),
    ("full_page_writes", "off"),
    // Every new database is written to the log first.
    ("max_wal_size", "256MB"),
];

/// Choices for a cluster to be started.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    settings: Vec<(String, String)>,
    names: Vec<String>,
    within: Option<PathBuf>,
}

impl Setup {
    /// Writes nothing through to the disk: for tests that do not ask what is left after a failure of the machine. Killed
    /// servers keep what they acknowledged up to the last fraction of a second.
    #[must_use]
    pub fn fast(self) -> Setup {
        FORGETFUL.iter().fold(self, |setup, (name, value)| setup.set(name, value))
    }

    /// A setting of the server. The last one counts.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Setup {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Offers TLS, with a certificate for these host names and addresses; its authority is [`crate::Cluster::authority`].
    /// Connections without TLS are still accepted.
    #[must_use]
    pub fn tls(mut self, names: &[&str]) -> Setup {
        self.names = names.iter().map(|name| (*name).to_owned()).collect();
        self
    }

    /// Keeps the cluster in a new folder within this one, on a disk that is to be measured, and not in the system's
    /// temporary folder. Where the process is root's, every user must be able to make a folder there.
    #[must_use]
    pub fn within(mut self, folder: &Path) -> Setup {
        self.within = Some(folder.to_owned());
        self
    }

    /// Where the cluster's folder is made.
    pub(super) fn place(&self) -> PathBuf {
        self.within.clone().unwrap_or_else(std::env::temp_dir)
    }

    /// The names in the server's certificate; none without TLS.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// All settings as lines of `postgresql.conf`.
    pub(super) fn lines(&self) -> String {
        let always = ALWAYS.iter().copied();
        let chosen = self.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        always.chain(chosen).map(|(name, value)| line(name, value)).collect()
    }
}

/// A line of `postgresql.conf`.
pub(super) fn line(name: &str, value: &str) -> String {
    format!("{name} = '{}'\n", value.replace('\'', "''"))
}
