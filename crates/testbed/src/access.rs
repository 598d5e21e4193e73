//! Who reaches which database, and where?

use std::io::Write as _;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::process::{Command, Stdio};

use crate::Database;
use crate::machine::PATIENCE;
use crate::programs::program;

/// A server's address, a user of it and one of its databases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    address: SocketAddr,
    user: String,
    password: String,
    database: String,
}

impl Access {
    /// A user of a database, at an address.
    pub fn new(address: SocketAddr, user: &str, password: &str, database: &str) -> Access {
        let [user, password, database] = [user, password, database].map(str::to_owned);
        Access { address, user, password, database }
    }

    /// Reads `postgres://user:password@host:port/database`. None where that is not its form.
    pub fn parse(url: &str) -> Option<Access> {
        let rest = url.strip_prefix("postgres://").or_else(|| url.strip_prefix("postgresql://"))?;
        let (rest, _options) = rest.split_once('?').unwrap_or((rest, ""));
        let (who, rest) = rest.rsplit_once('@')?;
        let (user, password) = who.split_once(':')?;
        let (host, database) = rest.split_once('/').unwrap_or((rest, "postgres"));
        let host = if host.contains(':') { host.to_owned() } else { format!("{host}:5432") };
        let address = host.to_socket_addrs().ok()?.next()?;
        Some(Access::new(address, &decoded(user)?, &decoded(password)?, &decoded(database)?))
    }

    /// The same user and database at another address, such as a proxy's.
    #[must_use]
    pub fn at(&self, address: SocketAddr) -> Access {
        Access { address, ..self.clone() }
    }

    /// Another database of the same server, as the same user.
    #[must_use]
    pub fn of(&self, database: &str) -> Access {
        Access { database: database.to_owned(), ..self.clone() }
    }

    /// Somebody else in the same database.
    #[must_use]
    pub fn by(&self, user: &str, password: &str) -> Access {
        Access { user: user.to_owned(), password: password.to_owned(), ..self.clone() }
    }

    /// Where the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The user's name.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The user's password.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// The database's name.
    pub fn name(&self) -> &str {
        &self.database
    }

    /// `postgres://user:password@127.0.0.1:port/database`.
    pub fn url(&self) -> String {
        let [user, password, database] =
            [&self.user, &self.password, &self.database].map(|text| encoded(text));
        format!("postgres://{user}:{password}@{}/{database}", self.address)
    }

    /// A PostgreSQL program, such as `pgbench`, that reaches this database by itself. A connection that does not come
    /// about ends after a minute.
    pub fn command(&self, name: &str) -> Command {
        let mut command = program(name);
        let host: IpAddr = self.address.ip();
        command.env("PGHOST", host.to_string()).env("PGPORT", self.address.port().to_string());
        command.env("PGUSER", &self.user).env("PGPASSWORD", &self.password).env("PGDATABASE", &self.database);
        command.env("PGCONNECT_TIMEOUT", PATIENCE.as_secs().to_string()).env("PGCLIENTENCODING", "UTF8");
        command
    }

    /// Runs statements, each in a transaction of its own unless they say otherwise, and gives the rows: a line each,
    /// columns between `|`. Panics with what the server said when one is refused.
    pub fn psql(&self, sql: &str) -> String {
        self.try_psql(sql).unwrap_or_else(|said| panic!("psql: {said}\n{sql}"))
    }

    /// As [`Access::psql`], with what was said as the error when there is no connection or a statement is refused.
    pub fn try_psql(&self, sql: &str) -> Result<String, String> {
        let mut command = self.command("psql");
        command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-"]);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        // A program that ended early does not read; its exit code says why.
        drop(child.stdin.take().map(|mut input| input.write_all(sql.as_bytes())));
        let output = child.wait_with_output().map_err(|error| error.to_string())?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    }

    /// A fresh empty database on the same server; this user must be allowed to make one. It is dropped with the value.
    pub fn database(&self) -> Database {
        Database::fresh(self, true)
    }
}

/// Everything but letters, digits and `-._~` as `%XX`.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// The reverse of [`encoded`]. None where a `%` is not followed by two digits, or the bytes are not UTF-8.
fn decoded(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(part.get(..2)?, 16).ok()?);
        bytes.extend_from_slice(part.get(2..)?.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_read_as_it_is_written() {
        let access = Access::new("127.0.0.1:6000".parse().unwrap(), "ann@home", "a:b/c%d?e", "one two");
        assert_eq!(access.url(), "postgres://ann%40home:a%3Ab%2Fc%25d%3Fe@127.0.0.1:6000/one%20two");
        assert_eq!(Access::parse(&access.url()), Some(access));
    }

    #[test]
    fn what_is_no_url_is_not_read() {
        for text in ["", "mysql://a:b@127.0.0.1/x", "postgres://127.0.0.1/x", "postgres://a:%g@127.0.0.1/x"] {
            assert_eq!(Access::parse(text), None, "{text}");
        }
    }

    #[test]
    fn port_and_database_have_their_usual_values() {
        let access = Access::parse("postgresql://ann:secret@127.0.0.1?sslmode=disable").unwrap();
        assert_eq!(access.url(), "postgres://ann:secret@127.0.0.1:5432/postgres");
    }
}
