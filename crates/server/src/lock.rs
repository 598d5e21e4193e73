//! Is this the only server on the data directory (REL-04)?

use rustix::fs::{FlockOperation, flock};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Held as long as a server runs on a data directory. The system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub struct DataLock(#[expect(dead_code, reason = "the open file is the lock")] File);

impl DataLock {
    /// Takes the directory for this server. Refused: another server has it; the directory can not be written.
    pub fn take(data: &Path) -> Result<DataLock, String> {
        let path = data.join("countersign.lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(DataLock(file)),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(format!(
                "another server runs on {}; stop it, or give this one a folder of its own with --data",
                data.display()
            )),
            Err(error) => Err(format!("{}: can not be locked: {error}", path.display())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::DataLock;

    #[test]
    fn a_second_server_on_one_directory_is_refused_until_the_first_is_gone() {
        let folder = std::env::temp_dir().join(format!("countersign-lock-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let first = DataLock::take(&folder).unwrap();
        assert!(DataLock::take(&folder).unwrap_err().contains("another server"));
        drop(first);
        DataLock::take(&folder).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
