//! What does a test get for itself alone? An empty database, and users of it.

use std::sync::Mutex;

use crate::Access;
use crate::machine::{PATIENCE, digits};

/// An empty database with a name of its own, reached as the cluster's superuser.
///
/// It and its users are dropped with the value, whoever is still connected.
#[derive(Debug)]
pub struct Database {
    access: Access,
    maker: Access,
    users: Mutex<Vec<String>>,
    dropped: bool,
}

impl Database {
    /// `dropped`: whether it goes with the value, or with its cluster.
    pub(crate) fn fresh(maker: &Access, dropped: bool) -> Database {
        let name = format!("t_{}", digits());
        maker.psql(&format!("CREATE DATABASE {name} TEMPLATE template0"));
        Database { access: maker.of(&name), maker: maker.clone(), users: Mutex::default(), dropped }
    }

    /// `postgres://user:password@127.0.0.1:port/name`, as the superuser.
    pub fn url(&self) -> String {
        self.access.url()
    }

    /// The superuser's access to it.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// Runs statements as the superuser, as [`Access::psql`].
    pub fn psql(&self, sql: &str) -> String {
        self.access.psql(sql)
    }

    /// Takes all rows out of the tables in the schema `public`, but for the tables `kept`, and lets its sequences begin
    /// anew. Whoever is still connected is thrown out first. Much quicker than another database.
    pub fn clear(&self, kept: &[&str]) {
        let kept: String = kept.iter().map(|table| format!(" AND tablename <> '{table}'")).collect();
        let patience = PATIENCE.as_millis();
        self.psql(&format!(
            "SELECT pg_terminate_backend(pid, {patience}) FROM pg_stat_activity \
                 WHERE datname = current_database() AND pid <> pg_backend_pid() \
                 AND backend_type = 'client backend';\n\
             DO $$ DECLARE one record; BEGIN\n\
             SET LOCAL session_replication_role = replica;\n\
             FOR one IN SELECT tablename FROM pg_tables WHERE schemaname = 'public'{kept} LOOP \
                 EXECUTE format('DELETE FROM %I', one.tablename); END LOOP;\n\
             PERFORM setval(format('%I', sequencename)::regclass, start_value, false) \
                 FROM pg_sequences WHERE schemaname = 'public';\n\
             END $$"
        ));
    }

    /// A new user who may connect and nothing else, until `psql` grants more; tables in the schema `public` cannot be
    /// made either.
    pub fn user(&self) -> Access {
        let (name, password) = (format!("u_{}", digits()), digits());
        self.psql(&format!("CREATE ROLE {name} LOGIN PASSWORD '{password}'"));
        // Everybody could before PostgreSQL 15.
        self.psql("REVOKE CREATE ON SCHEMA public FROM PUBLIC");
        self.users.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(name.clone());
        self.access.by(&name, &password)
    }

    /// A new user who owns the database and has no right beyond it: what an operator gives the product.
    pub fn owner(&self) -> Access {
        let owner = self.user();
        let (database, user) = (self.access.name(), owner.user());
        self.psql(&format!(
            "ALTER DATABASE {database} OWNER TO {user}; GRANT CREATE ON SCHEMA public TO {user}"
        ));
        owner
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if !self.dropped {
            return;
        }
        let mut sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE);", self.access.name());
        for user in self.users.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner()) {
            sql += &format!("DROP ROLE IF EXISTS {user};");
        }
        // The whole cluster is thrown away anyway.
        drop(self.maker.try_psql(&sql));
    }
}
