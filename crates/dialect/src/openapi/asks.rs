//! How are the inputs of routes described: parameters and request bodies?

use crate::body::Media;
use crate::compiled::Dialect;
use crate::place::Place;
use crate::route::{Route, UnknownFields};
use crate::take::{Blanks, Check, Kind, Nulls, Take};
use domain::input::Input;
use serde_json::{Map, Value, json};

/// Parameters of path, query, header and cookie, each once.
pub(super) fn parameters(routes: &[&Route]) -> Vec<Value> {
    let mut parameters: Vec<Value> = Vec::new();
    let names = routes[0].path.segments.iter().filter_map(|segment| segment.parameter.as_deref());
    for name in names {
        let take = routes.iter().find_map(|route| taken_at(route, &Place::Path(name.to_owned())));
        let schema = take.map_or_else(|| json!({ "type": "string" }), of_text);
        parameters.push(json!({ "name": name, "in": "path", "required": true, "schema": schema }));
    }
    for route in routes {
        for (take, place) in route.takes.iter().flat_map(|take| take.places.iter().map(move |at| (take, at)))
        {
            let (kind, name) = match place {
                Place::Query(name) => ("query", name),
                // OpenAPI keeps this header for the security scheme.
                Place::Header(name, _) if name == "authorization" => continue,
                Place::Header(name, _) => ("header", name),
                Place::Cookie(name) => ("cookie", name),
                Place::Path(_) | Place::Body(_) => continue,
            };
            let known = parameters.iter().any(|known| known["name"] == **name && known["in"] == kind);
            let required = routes.len() == 1 && is_needed_there(take);
            if !known {
                let schema = of_text(take);
                parameters.push(json!({ "name": name, "in": kind, "required": required, "schema": schema }));
            }
        }
    }
    parameters
}

fn taken_at<'r>(route: &'r Route, place: &Place) -> Option<&'r Take> {
    route.takes.iter().find(|take| take.places.contains(place))
}

/// Whether the input must stand in its one place.
fn is_needed_there(take: &Take) -> bool {
    take.required && take.places.len() == 1 && take.made.is_none() && take.null == Nulls::Refuse
}

/// What a value that travels as text is.
fn of_text(take: &Take) -> Value {
    match take.kind {
        Kind::Integer => json!({ "type": "integer" }),
        Kind::Number => json!({ "type": "number" }),
        Kind::Boolean => json!({ "type": "boolean" }),
        Kind::Text | Kind::TextOrNumber | Kind::List | Kind::Object | Kind::Any | Kind::File => {
            with_checks(json!({ "type": "string" }), take)
        }
    }
}

/// The request body, if a route reads one.
pub(super) fn body(dialect: &Dialect, routes: &[&Route]) -> Option<Value> {
    let readers: Vec<&&Route> = routes.iter().filter(|route| reads_body(route)).collect();
    let mut content = Map::new();
    for media in [Media::Json, Media::Form, Media::Multipart] {
        let fitting = readers.iter().filter(|route| kinds(dialect, route).contains(&media));
        let schemas: Vec<Value> = fitting.map(|route| schema(dialect, route, media)).collect();
        if !schemas.is_empty() {
            content.insert(name(media).into(), json!({ "schema": one_of(schemas) }));
        }
    }
    let required = readers.len() == routes.len() && readers.iter().all(|route| needs_body(route));
    (!content.is_empty()).then(|| json!({ "required": required, "content": content }))
}

fn reads_body(route: &Route) -> bool {
    route.looks_into(|place| matches!(place, Place::Body(_)))
}

fn needs_body(route: &Route) -> bool {
    route.takes.iter().any(|take| is_needed_there(take) && matches!(take.places[0], Place::Body(_)))
        || !route.needs.is_empty()
}

fn kinds<'a>(dialect: &'a Dialect, route: &'a Route) -> &'a [Media] {
    if route.media.is_empty() { &dialect.http.media } else { &route.media }
}

fn name(media: Media) -> &'static str {
    match media {
        Media::Json => "application/json",
        Media::Form => "application/x-www-form-urlencoded",
        Media::Multipart => "multipart/form-data",
    }
}

/// One schema as it is, several as alternatives.
pub(super) fn one_of(mut schemas: Vec<Value>) -> Value {
    schemas.dedup();
    if schemas.len() == 1 { schemas.remove(0) } else { json!({ "anyOf": schemas }) }
}

fn schema(dialect: &Dialect, route: &Route, media: Media) -> Value {
    let mut root = Node::default();
    for take in &route.takes {
        for place in &take.places {
            if let Place::Body(path) = place {
                let path = if media == Media::Json { path.clone() } else { vec![path.join(".")] };
                root.put(&path, of_body(take, media), is_needed_there(take));
            }
        }
    }
    for when in &route.when {
        if let Place::Body(path) = &when.place {
            root.put(path, json!({ "const": when.value }), true);
        }
    }
    let unknown = route.unknown_fields.unwrap_or(dialect.http.unknown_fields);
    let mut schema = root.into_schema(unknown == UnknownFields::Refuse && media == Media::Json);
    let alternatives: Vec<Value> =
        route.needs.iter().filter_map(|need| alternatives(route, &need.any)).collect();
    if !alternatives.is_empty() {
        schema["allOf"] = alternatives.into();
    }
    schema
}

/// "At least one of these", where all of them stand in the body's first level.
fn alternatives(route: &Route, any: &[Input]) -> Option<Value> {
    let field = |input: &Input| match route.take(*input)?.places.as_slice() {
        [Place::Body(path)] if path.len() == 1 => Some(json!({ "required": [path[0]] })),
        _ => None,
    };
    let fields: Option<Vec<Value>> = any.iter().map(field).collect();
    fields.filter(|fields| !fields.is_empty()).map(|fields| json!({ "anyOf": fields }))
}

/// What a value of the body is.
fn of_body(take: &Take, media: Media) -> Value {
    if media != Media::Json {
        return if take.kind == Kind::File {
            json!({ "type": "string", "contentMediaType": "application/octet-stream" })
        } else {
            of_text(take)
        };
    }
    let types = match take.kind {
        Kind::Text | Kind::File => vec!["string"],
        Kind::TextOrNumber => vec!["string", "number"],
        Kind::Integer => vec!["integer"],
        Kind::Number => vec!["number"],
        Kind::Boolean => vec!["boolean"],
        Kind::List => vec!["array"],
        Kind::Object => vec!["object"],
        Kind::Any => return json!({}),
    };
    let mut types: Vec<Value> = types.into_iter().map(Value::from).collect();
    if take.null != Nulls::Refuse {
        types.push("null".into());
    }
    let kind = if types.len() == 1 { types.remove(0) } else { Value::from(types) };
    with_checks(json!({ "type": kind }), take)
}

/// Adds the rules on the value. A pattern in our engine's spelling is left out where JSON Schema spells it otherwise.
fn with_checks(mut schema: Value, take: &Take) -> Value {
    for check in &take.checks {
        match check {
            Check::MinLength(limit) => schema["minLength"] = (*limit).into(),
            Check::MaxLength(limit) => schema["maxLength"] = (*limit).into(),
            Check::Email => schema["format"] = "email".into(),
            Check::OneOf(words) if take.null == Nulls::Refuse => schema["enum"] = words.clone().into(),
            Check::Min(limit) => schema["minimum"] = (*limit).into(),
            Check::Max(limit) => schema["maximum"] = (*limit).into(),
            Check::OneOf(_) | Check::Pattern(_) | Check::Equals(_) => {}
        }
    }
    if take.blank == Blanks::Refuse && take.kind == Kind::Text && schema.get("minLength").is_none() {
        schema["minLength"] = 1.into();
    }
    if take.input.is_secret() {
        schema["writeOnly"] = true.into();
    }
    if take.label != take.field() {
        schema["title"] = take.label.clone().into();
    }
    schema
}

/// An object on the way to its schema.
#[derive(Default)]
struct Node {
    members: Vec<(String, Member)>,
    required: Vec<String>,
}

enum Member {
    Leaf(Value),
    Branch(Node),
}

impl Node {
    fn put(&mut self, path: &[String], schema: Value, required: bool) {
        let Some((name, rest)) = path.split_first() else { return };
        if required && !self.required.contains(name) {
            self.required.push(name.clone());
        }
        let at = self.members.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
            let member =
                if rest.is_empty() { Member::Leaf(schema.clone()) } else { Member::Branch(Node::default()) };
            self.members.push((name.clone(), member));
            self.members.len() - 1
        });
        if let Member::Branch(node) = &mut self.members[at].1 {
            node.put(rest, schema, required);
        }
    }

    fn into_schema(self, closed: bool) -> Value {
        let mut properties = Map::new();
        for (name, member) in self.members {
            let schema = match member {
                Member::Leaf(schema) => schema,
                Member::Branch(node) => node.into_schema(false),
            };
            properties.insert(name, schema);
        }
        let mut schema = json!({ "type": "object", "properties": properties });
        if !self.required.is_empty() {
            schema["required"] = self.required.into();
        }
        if closed {
            schema["additionalProperties"] = false.into();
        }
        schema
    }
}
