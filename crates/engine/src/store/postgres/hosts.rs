//! Which of several servers is the one that counts?
//!
//! A primary that was replaced and comes back takes writes as before, and knows nothing of what came after it. Its
//! timeline tells: every promotion begins a new one. A server of an older timeline than one that was seen is refused. At
//! the start all servers are asked; whoever starts while only the old one can be reached can not know, so the operator
//! has to keep a replaced primary away all the same.

use super::fault::told;
use super::session::Session;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// The first eight digits of the name of the file that is written to now. Only a server that takes writes knows.
const TIMELINE: &str = "SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)";

/// The servers of one address, and the newest timeline that was seen on any of them.
pub(super) struct Hosts {
    each: Vec<Config>,
    newest: AtomicU32,
    /// The server does not say its timeline; it was told once.
    silent: AtomicBool,
}

impl Hosts {
    /// The servers in the order of the address.
    pub fn new(config: &Config) -> Hosts {
        let each = (0..config.get_hosts().len()).map(|at| alone(config, at)).collect();
        Hosts { each, newest: AtomicU32::new(0), silent: AtomicBool::new(false) }
    }

    /// One for each server.
    pub fn each(&self) -> &[Config] {
        &self.each
    }

    /// Whether this server may be written to. Refused: another one was seen that has taken over from it.
    pub async fn admit(&self, session: &Session) -> Result<(), String> {
        let Some(timeline) = self.timeline(session).await? else { return Ok(()) };
        let newest = self.newest.fetch_max(timeline, Ordering::AcqRel);
        if timeline < newest {
            return Err(format!(
                "it was replaced by another server and does not know (timeline {timeline}, and {newest} was seen): stop it, \
                 and make it a standby of the new one"
            ));
        }
        Ok(())
    }

    /// None: an engine that has none, or a role that may not ask.
    async fn timeline(&self, session: &Session) -> Result<Option<u32>, String> {
        match session.query(TIMELINE, &[]).await {
            Ok(rows) => {
                let text: Option<&str> = rows.first().and_then(|row| row.try_get(0).ok());
                Ok(text.and_then(|digits| u32::from_str_radix(digits, 16).ok()))
            }
            Err(error) if error.as_db_error().is_none() => Err(told(&error)),
            Err(error) => {
                if !self.silent.swap(true, Ordering::Relaxed) {
                    tracing::info!(
                        why = told(&error),
                        "the database tells no timeline: a replaced server that comes back is not recognised"
                    );
                }
                Ok(None)
            }
        }
    }
}

/// The same with one of its hosts.
fn alone(config: &Config, at: usize) -> Config {
    let mut one = Config::new();
    match config.get_hosts().get(at) {
        Some(Host::Tcp(name)) => one.host(name),
        Some(Host::Unix(folder)) => one.host_path(folder),
        None => &mut one,
    };
    let ports = config.get_ports();
    if let Some(port) = ports.get(at).or(ports.first()) {
        one.port(*port);
    }
    if let Some(user) = config.get_user() {
        one.user(user);
    }
    if let Some(password) = config.get_password() {
        one.password(password);
    }
    if let Some(name) = config.get_dbname() {
        one.dbname(name);
    }
    if let Some(name) = config.get_application_name() {
        one.application_name(name);
    }
    if let Some(time) = config.get_connect_timeout() {
        one.connect_timeout(*time);
    }
    if let Some(time) = config.get_tcp_user_timeout() {
        one.tcp_user_timeout(*time);
    }
    if let Some(time) = config.get_keepalives_interval() {
        one.keepalives_interval(time);
    }
    if let Some(count) = config.get_keepalives_retries() {
        one.keepalives_retries(count);
    }
    one.keepalives(config.get_keepalives())
        .keepalives_idle(config.get_keepalives_idle())
        .ssl_mode(config.get_ssl_mode())
        .ssl_negotiation(config.get_ssl_negotiation())
        .channel_binding(config.get_channel_binding())
        .target_session_attrs(config.get_target_session_attrs());
    one
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::PostgresAddress;

    #[test]
    fn each_server_is_reached_as_the_address_says() {
        let url = "postgres://ana:secret@db1:5433,db2:5434/c?sslmode=disable&connect_timeout=7";
        let config = PostgresAddress::parse(url).unwrap().config();
        let hosts = Hosts::new(&config);
        for (at, one) in hosts.each().iter().enumerate() {
            let name = ["db1", "db2"][at];
            let url =
                format!("postgres://ana:secret@{name}:{}/c?sslmode=disable&connect_timeout=7", 5433 + at);
            assert_eq!(*one, PostgresAddress::parse(&url).unwrap().config());
        }
        assert_eq!(hosts.each().len(), 2);
    }
}
