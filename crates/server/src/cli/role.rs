//! Which roles are there?

use super::terminal::{Ended, line, out};
use crate::config::Config;
use clap::Subcommand;
use serde_json::{Value, json};

/// What can be asked about roles.
#[derive(Debug, Subcommand)]
pub enum RoleCommand {
    /// List the roles and what they permit
    #[command(after_help = "Roles are written in the configuration file:\n\n  [roles.editor]\n  \
        permissions = [\"post.read\", \"post.write\"]\n  needs_factor = true\n\n\
        Example:\n  countersign user role ana editor")]
    List {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
}

/// Carries a command out.
pub fn run(command: &RoleCommand, config: &Config) -> Result<(), Ended> {
    let RoleCommand::List { json: as_json } = command;
    if !as_json && !config.house.roles_configured {
        line(
            "No roles are configured; users may have any. `[roles.NAME]` in the configuration file closes the list.",
        );
    }
    for (name, role) in &config.house.roles.0 {
        if *as_json {
            let row: Value =
                json!({"role": name, "permissions": role.permissions, "needs_factor": role.needs_factor});
            out(&format!("{row}\n"));
        } else {
            let factor = if role.needs_factor { "  (needs a second factor)" } else { "" };
            line(&format!("{name:<24} {}{factor}", role.permissions.join(" ")));
        }
    }
    Ok(())
}
