//! How does a test get a second server that follows the first, and takes its place?

use std::ops::Deref;
use std::process::Command;

use crate::Access;
use crate::cluster::{Cluster, Home};
use crate::machine::{digits, wait_for};

/// A server with a copy of a cluster, which follows it by streaming replication; readable, until promotion not writable.
///
/// It is a [`Cluster`] of its own, with the same users and passwords: it stops, dies and pauses like one.
#[derive(Debug)]
pub struct Standby {
    cluster: Cluster,
    primary: Access,
    name: String,
}

impl Cluster {
    /// Copies this running cluster and follows it. The standby accepts connections when this returns, with the same
    /// settings except `synchronous_standby_names`.
    pub fn standby(&self) -> Standby {
        let name = format!("standby_{}", digits());
        let primary = self.access().clone();
        let cluster =
            Cluster::raise(self.chosen().clone(), primary.password(), |home| copy(home, &primary, &name));
        Standby { cluster, primary, name }
    }
}

/// What copies the primary's files, with the order to follow it under this name.
fn copy(home: &Home, primary: &Access, name: &str) -> Command {
    let mut command = primary.command("pg_basebackup");
    command.arg("-D").arg(home.data()).arg("-d").arg(format!("application_name={name}"));
    command.args(["--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync"]);
    command
}

impl Standby {
    /// Makes the primary acknowledge nothing that this standby has not written to its disk, and waits until it is so.
    ///
    /// This holds for sessions whose `synchronous_commit` is `on`; a [`crate::Setup::fast`] primary's are not.
    pub fn synchronous(&self) {
        self.primary.psql(&format!(
            "ALTER SYSTEM SET synchronous_standby_names = '{}'; SELECT pg_reload_conf()",
            self.name
        ));
        self.wait_until("sync_state = 'sync'");
    }

    /// Waits until it follows its primary without a gap.
    pub fn wait_until_streaming(&self) {
        self.wait_until("state = 'streaming'");
    }

    /// Waits until it shows what the primary had committed when this was called.
    pub fn wait_until_level(&self) {
        let written = self.primary.psql("SELECT pg_current_wal_flush_lsn()");
        self.wait_until(&format!("replay_lsn >= '{written}'"));
    }

    fn wait_until(&self, condition: &str) {
        let name = &self.name;
        let asked = format!(
            "SELECT count(*) FROM pg_stat_replication WHERE application_name = '{name}' AND {condition}"
        );
        wait_for(condition, || (self.primary.psql(&asked) == "1").then_some(()));
    }

    /// Takes over: it is writable when this returns. The primary is not asked, and not stopped; one that was told to be
    /// [`Standby::synchronous`] acknowledges nothing from now on.
    pub fn promote(&self) {
        assert_eq!(self.psql("SELECT pg_promote(true, 60)"), "t", "not promoted in a minute: {}", self.log());
    }
}

impl Deref for Standby {
    type Target = Cluster;

    fn deref(&self) -> &Cluster {
        &self.cluster
    }
}
