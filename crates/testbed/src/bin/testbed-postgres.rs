//! Which command runs beside a PostgreSQL server of its own? `testbed-postgres COMMAND [ARGUMENT]…`
//!
//! The server's address is in the command's environment as `COUNTERSIGN_TEST_POSTGRES`, where `Cluster::shared` finds it.
//! The server forgets everything when the machine fails, and is removed when the command ends, whose exit code it is.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitCode};

use testbed::{Cluster, SHARED_VARIABLE};

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1).skip_while(|word| word == "--");
    let Some(program) = words.next() else {
        eprintln!("usage: testbed-postgres COMMAND [ARGUMENT]...");
        return ExitCode::from(2);
    };
    let cluster = Cluster::setup().fast().start();
    eprintln!("{SHARED_VARIABLE}={}", cluster.url());
    let mut command = Command::new(&program);
    let status = command.args(words).env(SHARED_VARIABLE, cluster.url()).status();
    drop(cluster);
    match status {
        Ok(status) => {
            let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
            ExitCode::from(u8::try_from(code).unwrap_or(1))
        }
        Err(error) => {
            eprintln!("{}: {error}", program.display());
            ExitCode::from(127)
        }
    }
}
