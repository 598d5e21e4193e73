//! Where do the database's files lie, and who may read them?

use super::{connection, migrate};
use crate::error::OpenError;
use crate::store::refuse;
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The database's path; a temporary one takes its folder along when it goes.
#[derive(Debug)]
pub(super) struct Home {
    path: PathBuf,
    folder: PathBuf,
    temporary: bool,
}

impl Home {
    /// Makes the folder if it is not there, readable by its owner alone whatever the umask (SEC-111).
    ///
    /// Without a path it is a folder of its own, gone with the store.
    pub fn make(path: Option<&Path>) -> Result<Home, OpenError> {
        match path {
            Some(path) => {
                let folder = match path.parent() {
                    Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
                    Some(_) | None => PathBuf::from("."),
                };
                make_folder(&folder)?;
                refuse_network(&folder)?;
                Ok(Home { path: path.to_owned(), folder, temporary: false })
            }
            None => {
                let folder = make_temporary()?;
                Ok(Home { path: folder.join("countersign.db"), folder, temporary: true })
            }
        }
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps other processes from creating or migrating the same database until the lock is dropped.
    pub fn lock(&self) -> Result<File, OpenError> {
        let folder = File::open(&self.folder).map_err(|error| at(&self.folder, &error))?;
        flock(&folder, FlockOperation::LockExclusive).map_err(|error| at(&self.folder, &error))?;
        Ok(folder)
    }

    /// Creates the database if there is none. Refused: what looks like the remains of one (REL-05).
    pub fn prepare(&self) -> Result<(), OpenError> {
        match fs::metadata(&self.path) {
            Ok(meta) if meta.is_file() => {
                check_header(&self.path)?;
                for suffix in ["", "-wal", "-shm"] {
                    tighten(&beside(&self.path, suffix))?;
                }
                Ok(())
            }
            Ok(_) => Err(refuse(format!("{} is not a file", self.path.display()))),
            Err(error) if error.kind() == ErrorKind::NotFound => self.create(),
            Err(error) => Err(at(&self.path, &error)),
        }
    }

    /// Builds the whole database under another name first: one that is there is never half made.
    fn create(&self) -> Result<(), OpenError> {
        let log = beside(&self.path, "-wal");
        if fs::metadata(&log).is_ok_and(|meta| meta.len() > 0) {
            return Err(refuse(format!(
                "{} is missing, but its log {} is there: put the database back or move the log away",
                self.path.display(),
                log.display()
            )));
        }
        let draft = beside(&self.path, ".new");
        for suffix in ["-journal", "-wal", "-shm"] {
            remove(&beside(&draft, suffix))?;
        }
        create_private(&draft)?;
        let mut conn = connection::open_writer(&draft)?;
        connection::mark(&conn).map_err(|error| at(&draft, &error))?;
        migrate::migrate(&mut conn, &draft, migrate::MIGRATIONS)?;
        conn.close().map_err(|(_, error)| at(&draft, &error))?;
        sync(&draft)?;
        fs::rename(&draft, &self.path).map_err(|error| at(&draft, &error))?;
        sync(&self.folder)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if self.temporary
            && let Err(error) = fs::remove_dir_all(&self.folder)
        {
            tracing::warn!(folder = %self.folder.display(), %error, "a temporary database was left behind");
        }
    }
}

/// `path` with more text at its end.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// An empty file of mode 0600 in place of whatever is there.
pub(super) fn create_private(path: &Path) -> Result<(), OpenError> {
    remove(path)?;
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let file = file.map_err(|error| at(path, &error))?;
    file.set_permissions(Permissions::from_mode(0o600)).map_err(|error| at(path, &error))
}

/// Waits until a file or folder is on the disk.
pub(super) fn sync(path: &Path) -> Result<(), OpenError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(|error| at(path, &error))
}

fn remove(path: &Path) -> Result<(), OpenError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(at(path, &error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn at(path: &Path, error: &dyn std::fmt::Display) -> OpenError {
    refuse(format!("{}: {error}", path.display()))
}

fn make_folder(folder: &Path) -> Result<(), OpenError> {
    if folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| at(folder, &error))?;
    fs::set_permissions(folder, Permissions::from_mode(0o700)).map_err(|error| at(folder, &error))
}

/// A folder of its own, in memory where the system has such a place.
fn make_temporary() -> Result<PathBuf, OpenError> {
    let mut refused = None;
    for parent in [PathBuf::from("/dev/shm"), std::env::temp_dir()] {
        for number in 0..100_000_u32 {
            let folder = parent.join(format!("countersign-{}-{number}", std::process::id()));
            match DirBuilder::new().mode(0o700).create(&folder) {
                Ok(()) => return Ok(folder),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => {
                    refused = Some(at(&folder, &error));
                    break;
                }
            }
        }
    }
    Err(refused.unwrap_or_else(|| refuse("no room for a temporary database")))
}

/// Every SQLite database begins so; one that does not was cut short or overwritten.
fn check_header(path: &Path) -> Result<(), OpenError> {
    let mut header = [0; 16];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut header));
    match read {
        Ok(()) if header == *b"SQLite format 3\0" => Ok(()),
        Err(error) if error.kind() != ErrorKind::UnexpectedEof => Err(at(path, &error)),
        Ok(()) | Err(_) => Err(refuse(format!(
            "{} is damaged or no database: restore a copy, or move it away to start with an empty one",
            path.display()
        ))),
    }
}

/// Takes a file from everybody but its owner. Links are left alone: they may point at anything.
fn tighten(path: &Path) -> Result<(), OpenError> {
    match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_file() && meta.permissions().mode() & 0o077 != 0 => {
            fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(|error| at(path, &error))
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(at(path, &error)),
    }
}

/// Locks and shared memory do not hold between machines, so WAL would lose data there (sqlite.org/wal.html).
#[cfg(target_os = "linux")]
#[allow(clippy::useless_conversion, reason = "the kernel's number has 32 bits on some machines")]
fn refuse_network(folder: &Path) -> Result<(), OpenError> {
    let kind = rustix::fs::statfs(folder).map_err(|error| at(folder, &error))?.f_type;
    match network_name(i64::from(kind)) {
        Some(name) => Err(refuse(format!(
            "{} lies on a network file system ({name}), where SQLite loses data: use a local disk",
            folder.display()
        ))),
        None => Ok(()),
    }
}

#[cfg(not(target_os = "linux"))]
fn refuse_network(_folder: &Path) -> Result<(), OpenError> {
    Ok(())
}

/// Numbers from statfs(2) and linux/magic.h. 9p and FUSE are not here: both also carry local disks, and where they
/// can not share memory SQLite does not get its log open.
#[cfg(target_os = "linux")]
pub(super) fn network_name(kind: i64) -> Option<&'static str> {
    match kind & 0xffff_ffff {
        0x6969 => Some("NFS"),
        0x517b => Some("SMB"),
        0xff53_4d42 => Some("CIFS"),
        0xfe53_4d42 => Some("SMB2"),
        0x5346_414f => Some("AFS"),
        0x7375_7245 => Some("Coda"),
        0x00c3_6400 => Some("Ceph"),
        0x564c => Some("NCP"),
        0x0bd0_0bd0 => Some("Lustre"),
        0x0116_1970 => Some("GFS2"),
        0x7461_636f => Some("OCFS2"),
        0x4750_4653 => Some("GPFS"),
        0x1983_0326 => Some("BeeGFS"),
        _ => None,
    }
}
