//! Which requests does this server answer, and who may send them? Made from the compiled dialects (SEC-92).

use crate::mounts::Loaded;
use dialect::Route;
use dialect::place::Place;
use domain::contract::Purpose;
use domain::permit::Permit;
use serde_json::{Value, json};

/// One request that is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Method.
    pub method: String,
    /// Path with the prefix of its mount.
    pub path: String,
    /// Only for this host; empty = any.
    pub host: String,
    /// Name of the dialect; empty = the server itself.
    pub dialect: String,
    /// Name of the route in its dialect; empty for the server's own.
    pub route: String,
    /// Name of the verb, or what the server itself answers.
    pub verb: String,
    /// Who may use it.
    pub permit: &'static str,
    /// The scope that is asked for; empty = none.
    pub scope: &'static str,
    /// Kinds of credential that the door takes.
    pub credentials: Vec<&'static str>,
}

/// What the server answers without a dialect.
pub const OWN: [(&str, &str); 5] = [
    ("/health/live", "live"),
    ("/health/ready", "ready"),
    ("/.well-known/jwks.json", "public_keys"),
    ("/openapi/{dialect}.json", "description"),
    ("/media/avatars/{name}", "picture"),
];

/// Every route of every mount in their order, then the server's own.
pub fn list(loaded: &[Loaded]) -> Vec<Listed> {
    let mounted =
        loaded.iter().flat_map(|one| one.dialect.routes.iter().map(move |route| of_route(one, route)));
    let own = OWN.iter().map(|(path, what)| Listed {
        method: "GET".to_owned(),
        path: (*path).to_owned(),
        host: String::new(),
        dialect: String::new(),
        route: String::new(),
        verb: (*what).to_owned(),
        permit: Permit::Anyone.name(),
        scope: "",
        credentials: Vec::new(),
    });
    mounted.chain(own).collect()
}

fn of_route(one: &Loaded, route: &Route) -> Listed {
    let permit = route.verb.permit();
    // A route may ask for a token although its verb could do without.
    let permit = if route.needs_access && !permit.needs_access() { Permit::User } else { permit };
    Listed {
        method: route.method.to_string(),
        path: format!("{}{}", one.settings.prefix, route.path.text),
        host: one.settings.host.clone(),
        dialect: one.dialect.name.clone(),
        route: route.name.clone(),
        verb: route.verb.name().to_owned(),
        permit: permit.name(),
        scope: permit.scope().map_or("", domain::admin::Scope::name),
        credentials: credentials(one, permit),
    }
}

fn credentials(one: &Loaded, permit: Permit) -> Vec<&'static str> {
    if !permit.needs_access() {
        return Vec::new();
    }
    let places = one.dialect.credential.places.iter();
    let mut kinds: Vec<&str> = places
        .map(|place| match place {
            Place::Cookie(_) => "cookie",
            Place::Header(..) | Place::Body(_) | Place::Query(_) | Place::Path(_) => "access_token",
        })
        .collect();
    kinds.dedup();
    if permit.scope().is_some() && one.dialect.contract.purpose == Purpose::Administration {
        kinds.push("admin_key");
    }
    kinds
}

impl Listed {
    /// As a JSON object.
    pub fn to_json(&self) -> Value {
        json!({
            "method": self.method,
            "path": self.path,
            "host": self.host,
            "dialect": self.dialect,
            "route": self.route,
            "verb": self.verb,
            "permit": self.permit,
            "scope": self.scope,
            "credentials": self.credentials,
        })
    }

    /// As a line of a table.
    pub fn to_line(&self) -> String {
        let dialect = if self.dialect.is_empty() { "server" } else { &self.dialect };
        let permit = if self.scope.is_empty() {
            self.permit.to_owned()
        } else {
            format!("{} {}", self.permit, self.scope)
        };
        format!("{:<7} {:<48} {:<20} {:<22} {permit}", self.method, self.path, dialect, self.verb)
    }
}
