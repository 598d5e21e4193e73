//! Which dialect answers a request? Prefixes, hosts and paths of all mounts, with collisions refused.

use crate::compiled::Dialect;
use crate::route::Route;
use http::Method;
use std::collections::HashMap;
use std::sync::Arc;

/// A dialect in its place.
#[derive(Clone, Debug)]
pub struct Place {
    /// The dialect.
    pub dialect: Arc<Dialect>,
    /// Before every path; empty or `/prefix`.
    pub prefix: String,
    /// Only for this host (without port); empty = any.
    pub host: String,
}

/// All mounts.
#[derive(Debug)]
pub struct Switchboard {
    places: Vec<Place>,
    fixed: HashMap<String, Vec<(usize, usize)>>,
    patterns: Vec<(usize, usize)>,
}

/// Where a request ended up.
#[derive(Debug)]
pub enum Found<'s> {
    /// Routes for path and method; the body may have to tell them apart.
    Routes {
        /// Number of the mount.
        mount: usize,
        /// In the order of the file; never empty.
        routes: Vec<&'s Route>,
        /// Parameters of the path.
        path: Vec<(String, String)>,
        /// All methods of the path.
        allow: Vec<&'s str>,
    },
    /// The path has routes for other methods.
    OtherMethod {
        /// Number of the mount.
        mount: usize,
        /// One of them.
        route: &'s Route,
        /// All methods of the path.
        allow: Vec<&'s str>,
    },
    /// No such path, but this mount answers for its surroundings.
    Nothing {
        /// Number of the mount.
        mount: usize,
    },
    /// No such path, and nobody answers for it.
    Nobody,
}

impl Switchboard {
    /// Wires the mounts up. Refused: two mounts that answer the same request, both named.
    pub fn new(places: Vec<Place>) -> Result<Switchboard, Vec<String>> {
        let mut board = Switchboard { places, fixed: HashMap::new(), patterns: Vec::new() };
        for (mount, place) in board.places.iter().enumerate() {
            for (number, route) in place.dialect.routes.iter().enumerate() {
                if route.path.is_static() {
                    let key = format!("{}{}", place.prefix, route.path.key());
                    board.fixed.entry(key).or_default().push((mount, number));
                } else {
                    board.patterns.push((mount, number));
                }
            }
        }
        let collisions = board.collisions();
        if collisions.is_empty() { Ok(board) } else { Err(collisions) }
    }

    /// All mounts, in order.
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    fn route(&self, at: (usize, usize)) -> &Route {
        &self.places[at.0].dialect.routes[at.1]
    }

    fn collisions(&self) -> Vec<String> {
        let mut seen: HashMap<(String, String, &str), usize> = HashMap::new();
        let mut collisions = Vec::new();
        for (mount, place) in self.places.iter().enumerate() {
            for route in &place.dialect.routes {
                let path = format!("{}{}", place.prefix, route.path.key());
                let key = (path.clone(), place.host.clone(), route.method.as_str());
                match seen.get(&key) {
                    Some(other) if *other != mount => collisions.push(format!(
                        "dialects `{}` and `{}` both answer {} {path}; give one of them a prefix or a host",
                        self.places[*other].dialect.name, place.dialect.name, route.method,
                    )),
                    _ => drop(seen.insert(key, mount)),
                }
            }
        }
        collisions.sort();
        collisions.dedup();
        collisions
    }

    /// Finds who answers. `path` is raw: an encoded spelling of a path is another path (SEC-21).
    pub fn find(&self, method: &Method, path: &str, host: &str) -> Found<'_> {
        let host = host
            .rsplit_once(':')
            .map_or(host, |(name, port)| if port.bytes().all(|b| b.is_ascii_digit()) { name } else { host });
        let bare = if path.len() > 1 { path.strip_suffix('/').unwrap_or(path) } else { path };
        if let Some(found) = self.fixed_routes(method, path, bare, host) {
            return found;
        }
        let mut hits = self.hits(path, bare, host);
        let Some(first) = hits.first() else { return self.nothing(path, host) };
        let mount = first.0.0;
        hits.retain(|(at, _)| at.0 == mount);
        let mut allow: Vec<&str> = Vec::new();
        for (at, _) in &hits {
            let name = self.route(*at).method.as_str();
            if !allow.contains(&name) {
                allow.push(name);
            }
        }
        let wanted = if *method == Method::HEAD { &Method::GET } else { method };
        let matching: Vec<_> = hits.iter().filter(|(at, _)| self.route(*at).method == wanted).collect();
        match matching.first() {
            Some((_, values)) => Found::Routes {
                mount,
                path: values.clone(),
                routes: matching.iter().map(|(at, _)| self.route(*at)).collect(),
                allow,
            },
            None => Found::OtherMethod { mount, route: self.route(hits[0].0), allow },
        }
    }

    /// The short way to what nearly every request asks for: a path without parameters that one mount answers.
    fn fixed_routes(&self, method: &Method, path: &str, bare: &str, host: &str) -> Option<Found<'_>> {
        let list = self.fixed.get(bare)?;
        let mount = list.first()?.0;
        if !list.iter().all(|at| at.0 == mount && self.fits(*at, path, host)) {
            return None;
        }
        let (mut routes, mut allow) = (Vec::with_capacity(1), Vec::with_capacity(2));
        for at in list {
            let route = self.route(*at);
            if route.method == *method {
                routes.push(route);
            }
            if !allow.contains(&route.method.as_str()) {
                allow.push(route.method.as_str());
            }
        }
        (!routes.is_empty()).then(|| Found::Routes { mount, routes, path: Vec::new(), allow })
    }

    /// Whether a route is there for this spelling of its path, on this host.
    fn fits(&self, at: (usize, usize), path: &str, host: &str) -> bool {
        let place = &self.places[at.0];
        let slash =
            place.dialect.http.either_slash || path.ends_with('/') == self.route(at).path.text.ends_with('/');
        slash && (place.host.is_empty() || place.host.eq_ignore_ascii_case(host))
    }

    /// Routes on the path, those of a named host before those of any.
    #[expect(clippy::type_complexity, reason = "pairs of place and parameters, used only here")]
    fn hits(&self, path: &str, bare: &str, host: &str) -> Vec<((usize, usize), Vec<(String, String)>)> {
        let fits = |at: &(usize, usize)| self.fits(*at, path, host);
        let fixed = self.fixed.get(bare).into_iter().flatten().filter(|at| fits(at));
        let mut hits: Vec<_> = fixed.map(|at| (*at, Vec::new())).collect();
        if hits.is_empty() {
            hits.extend(self.patterns.iter().filter(|at| fits(at)).filter_map(|at| {
                let rest = bare.strip_prefix(self.places[at.0].prefix.as_str())?;
                self.route(*at).path.matches(rest).map(|values| (*at, values))
            }));
        }
        hits.sort_by_key(|(at, _)| (self.places[at.0].host.is_empty(), at.0, at.1));
        hits
    }

    /// The mount with the longest space around the path; the only one there is; or nobody.
    fn nothing(&self, path: &str, host: &str) -> Found<'_> {
        let on_host = |place: &Place| place.host.is_empty() || place.host.eq_ignore_ascii_case(host);
        let spaces =
            self.places.iter().enumerate().filter(|(_, place)| on_host(place)).flat_map(|(mount, place)| {
                let inside = |space: &&String| {
                    path.strip_prefix(place.prefix.as_str()).is_some_and(|p| p.starts_with(space.as_str()))
                };
                place
                    .dialect
                    .http
                    .space
                    .iter()
                    .filter(inside)
                    .map(move |space| (space.len() + place.prefix.len(), mount))
            });
        let best = spaces.max_by_key(|(length, _)| *length).map(|(_, mount)| mount);
        let only = (self.places.len() == 1 && on_host(&self.places[0])).then_some(0);
        best.or(only).map_or(Found::Nobody, |mount| Found::Nothing { mount })
    }
}

impl Dialect {
    /// What the `{allow}` slot says.
    pub fn allow_line(&self, methods: &[&str]) -> String {
        let mut words = methods.to_vec();
        match self.http.allow_options {
            Some(true) => words.insert(0, "OPTIONS"),
            Some(false) => words.push("OPTIONS"),
            None => {}
        }
        words.join(", ")
    }
}
