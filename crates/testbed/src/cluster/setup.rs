//! What is a cluster like before it starts?

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
/// What keeps data when a machine fails, and is slow.
const FORGETFUL: [(&str, &str); 3] =
    [("fsync", "off"), ("synchronous_commit", "off"), ("full_page_writes", "off")];

/// Choices for a cluster to be started.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    settings: Vec<(String, String)>,
    names: Vec<String>,
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
