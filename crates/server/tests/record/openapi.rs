//! Is a draft of our own document the dialect that the document was made of?

use super::{APPLICATIONS, routes, written_by_hand};
use countersign_server::draft::openapi::of_document;
use dialect::openapi::{Site, document};
use dialect::{Dialect, Route};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The inputs of a route with their places. The value before the bar tells what must be there.
fn inputs(route: &Route) -> BTreeSet<String> {
    let one = |take: &dialect::Take| {
        let places: Vec<&str> = take.places.iter().map(|place| place.field()).collect();
        format!("{:?} from {}, required {}", take.input, places.join(" or "), take.required)
    };
    route.takes.iter().map(one).collect()
}

#[test]
fn our_own_documents_are_read_back() {
    for name in APPLICATIONS {
        let hand = written_by_hand(name);
        let text = document(&hand, Site { servers: &[] }).to_string();
        let drafted = of_document(name, &text).unwrap();
        assert_eq!(drafted.faults, [], "{name}\n{}", drafted.text);
        let dialect = Dialect::parse(&drafted.text).unwrap();
        assert_eq!(routes(&dialect), routes(&hand), "{name}\n{}", drafted.text);
        for route in &hand.routes {
            let same = |other: &&Route| other.method == route.method && other.path.text == route.path.text;
            let other = dialect.routes.iter().find(same).unwrap();
            assert_eq!(inputs(other), inputs(route), "{name}: {}", route.name);
        }
    }
}

/// A document as people write it by hand, with references and examples.
fn by_hand() -> Value {
    json!({"openapi": "3.0.3", "info": {"title": "Shop", "version": "2"},
        "servers": [{"url": "https://shop.example/api"}],
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "schemas": {
                "Login": {"type": "object", "required": ["email", "password"], "properties": {
                    "email": {"type": "string", "format": "email"}, "password": {"type": "string"}}},
                "User": {"type": "object", "properties": {"id": {"type": "string", "format": "uuid"},
                    "email": {"type": "string"}, "firstName": {"type": "string", "nullable": true}}},
                "Error": {"type": "object", "properties": {"error": {"type": "string", "example": "nope"}}}}},
        "paths": {
            "/auth/login": {"post": {
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Login"}}}},
                "responses": {"200": {"description": "ok", "content": {"application/json": {"schema": {"type": "object",
                    "properties": {"token": {"type": "string"}, "expires_in": {"type": "integer"},
                        "user": {"$ref": "#/components/schemas/User"}}}}}},
                    "401": {"description": "wrong", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}}}},
            "/me": {"get": {"security": [{"key": []}], "responses": {"200": {"description": "ok", "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/User"}}}}}}},
            "/orders": {"get": {"security": [{"key": []}], "responses": {"200": {"description": "ok", "content": {
                "application/json": {"schema": {"type": "array", "items": {"type": "object"}}}}}}}}}})
}

#[test]
fn a_document_written_by_hand_becomes_a_draft_that_loads() {
    let drafted = of_document("shop", &by_hand().to_string()).unwrap();
    assert_eq!(drafted.faults, [], "{}", drafted.text);
    let dialect = Dialect::parse(&drafted.text).unwrap();
    let verbs: Vec<&str> = dialect.routes.iter().map(|route| route.verb.name()).collect();
    assert_eq!(verbs, ["sign_in", "who_am_i"], "{}", drafted.text);
    for part in [
        r#"{"token":"{access}","expires_in":"{access.expires_in}","user":"#,
        r#""firstName":"{user.first_name}""#,
        r#"[refuse.invalid_credentials]"#,
        r#"body = '{"error":"nope"}'"#,
        "GET /orders: nothing that a dialect speaks",
        "has the path /api",
    ] {
        assert!(drafted.text.contains(part), "{part}\n{}", drafted.text);
    }
}

#[test]
fn what_is_no_document_is_refused_with_a_way_out() {
    for (text, why) in [
        ("openapi: 3.1.0\ninfo: {}\n", "convert it first"),
        ("{", "no JSON"),
        ("{}", "`openapi` is missing"),
        (r#"{"swagger": "2.0"}"#, "Swagger 2.0"),
        (r#"{"openapi": "4.0.0"}"#, "OpenAPI 4.0.0 is not read"),
    ] {
        let refused = of_document("x", text).unwrap_err();
        assert!(refused.contains(why), "{refused}");
    }
    let circle = json!({"openapi": "3.1.0", "paths": {"/a": {"$ref": "#/paths/~1a"}, "/b": {"post": {"responses": {
        "200": {"$ref": "#/paths/~1b/post/responses/200"}}}}}});
    let drafted = of_document("x", &circle.to_string()).unwrap();
    assert!(drafted.sketch.routes.is_empty() && !drafted.faults.is_empty());
}
