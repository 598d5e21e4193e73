//! How is a dialect described to other programs? As an OpenAPI 3.1 document, made from the compiled file alone.

mod answers;
mod asks;
mod shapes;

use crate::compiled::Dialect;
use crate::place::Place;
use crate::route::Route;
use http::Method;
use serde_json::{Map, Value, json};

/// Where a document says that the dialect is reached.
#[derive(Clone, Copy, Debug, Default)]
pub struct Site<'a> {
    /// Public addresses with the prefixes of the mounts, without the last slash; empty = paths are relative.
    pub servers: &'a [String],
}

/// Name of the way in which routes are given an access token.
const SCHEME: &str = "access_token";
/// And of the other way, in cookie mode.
const COOKIE_SCHEME: &str = "access_cookie";

/// The OpenAPI 3.1 document of a dialect: every route with its inputs and each answer it can give.
///
/// Routes on one path and method become one operation whose body and answers are one of several.
pub fn document(dialect: &Dialect, site: Site<'_>) -> Value {
    let mut paths = Map::new();
    for group in operations(dialect) {
        let method = group[0].method.as_str().to_ascii_lowercase();
        let path = paths.entry(group[0].path.text.clone()).or_insert_with(|| json!({}));
        path[method] = operation(dialect, &group);
    }
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": if dialect.title.is_empty() { &dialect.name } else { &dialect.title },
            "version": dialect.version,
            "description": description(dialect),
        },
        "paths": paths,
        "components": { "securitySchemes": schemes(dialect) },
    });
    let servers: Vec<Value> = site.servers.iter().map(|url| json!({ "url": url })).collect();
    if !servers.is_empty() {
        document["servers"] = Value::from(servers);
    }
    document
}

/// The routes, those of one path and method together, in the order of the file.
fn operations(dialect: &Dialect) -> Vec<Vec<&Route>> {
    let mut groups: Vec<Vec<&Route>> = Vec::new();
    for route in &dialect.routes {
        let same = |group: &&mut Vec<&Route>| {
            group[0].method == route.method && group[0].path.text == route.path.text
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(route),
            None => groups.push(vec![route]),
        }
    }
    groups
}

fn operation(dialect: &Dialect, routes: &[&Route]) -> Value {
    let first = routes[0];
    let mut operation = Map::new();
    operation.insert("operationId".into(), first.name.clone().into());
    operation.insert("summary".into(), summary(routes).into());
    let mut parameters = asks::parameters(routes);
    parameters.extend(csrf_header(dialect, first));
    if !parameters.is_empty() {
        operation.insert("parameters".into(), parameters.into());
    }
    if let Some(body) = asks::body(dialect, routes) {
        operation.insert("requestBody".into(), body);
    }
    operation.insert("responses".into(), answers::responses(dialect, routes));
    operation.insert("security".into(), security(dialect, routes));
    operation.into()
}

fn summary(routes: &[&Route]) -> String {
    let words: Vec<String> = routes.iter().map(|route| route.verb.name().replace('_', " ")).collect();
    words.join(", or ")
}

/// Which credential the routes ask for: none, one if there is one, or one. In cookie mode a cookie is one, too.
fn security(dialect: &Dialect, routes: &[&Route]) -> Value {
    let mut ways = vec![json!({ SCHEME: [] })];
    ways.extend(dialect.plan.as_ref().map(|_| json!({ COOKIE_SCHEME: [] })));
    if routes.iter().all(|route| route.needs_access) {
        return ways.into();
    }
    if routes.iter().any(|route| route.needs_access || answers::may_read_access(route)) {
        ways.insert(0, json!({}));
        return ways.into();
    }
    json!([])
}

/// Where a page sends the CSRF token back that goes with its cookies.
fn csrf_header(dialect: &Dialect, route: &Route) -> Option<Value> {
    let plan = dialect.plan.as_ref().filter(|_| route.method != Method::GET)?;
    let about = "The CSRF token of the session, when a token comes in a cookie.";
    Some(json!({
        "name": plan.csrf_header.as_str(), "in": "header", "required": false, "description": about,
        "schema": { "type": "string" },
    }))
}

fn schemes(dialect: &Dialect) -> Value {
    let mut schemes = json!({ SCHEME: scheme(dialect) });
    if let Some(plan) = &dialect.plan {
        schemes[COOKIE_SCHEME] = json!({ "type": "apiKey", "in": "cookie", "name": plan.access });
    }
    schemes
}

fn scheme(dialect: &Dialect) -> Value {
    let credential = &dialect.credential;
    match credential.places.first() {
        Some(Place::Header(name, _)) if name == "authorization" => match credential.scheme.as_deref() {
            Some(scheme) if scheme.eq_ignore_ascii_case("bearer") => {
                json!({ "type": "http", "scheme": "bearer", "bearerFormat": "JWT" })
            }
            _ => json!({ "type": "apiKey", "in": "header", "name": "Authorization" }),
        },
        Some(Place::Header(name, _)) => json!({ "type": "apiKey", "in": "header", "name": name }),
        Some(Place::Cookie(name)) => json!({ "type": "apiKey", "in": "cookie", "name": name }),
        Some(Place::Body(_) | Place::Query(_) | Place::Path(_)) | None => {
            json!({ "type": "http", "scheme": "bearer" })
        }
    }
}

fn description(dialect: &Dialect) -> String {
    let mut text =
        "Made from the dialect file that the server speaks; what is not here is not answered.".to_owned();
    if dialect.http.either_slash {
        text.push_str(" Every path is also good with a slash more or less at its end.");
    }
    if !dialect.sources.is_empty() {
        text.push_str(&format!(" Sources of the contract: {}.", dialect.sources.join("; ")));
    }
    text
}
