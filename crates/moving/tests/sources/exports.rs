//! Are the exports of other systems read as those systems write them, and is what is broken told with its place?

use crate::world::*;
use moving::source::{EXTERNAL_ID, Kind, Request, Roles, derived};
use serde_json::{Value, json};

fn attributes(record: &domain::record::Record) -> Value {
    record.attributes.clone().map_or(Value::Null, Value::Object)
}

#[tokio::test]
async fn auth0_users_come_with_their_hashes_and_keep_their_ids() {
    let wanted = Request { hashes: Some(data("auth0_hashes.ndjson")), ..request(Kind::Auth0) };
    let both = records(read_file(&data("auth0.ndjson"), wanted).await.unwrap());
    let id = "auth0|60425dc43519d90068f82973";
    let ana = &both[0];
    assert!(matches(ana));
    assert_eq!((ana.uuid, ana.id), (Some(derived(id)), None));
    assert_eq!((ana.first_name.as_deref(), ana.last_name.as_deref()), (Some("Ana"), Some("Pérez")));
    assert_eq!(ana.created_at.as_deref(), Some("2021-03-05T16:35:16.775Z"));
    assert_eq!(ana.last_login_at.as_deref(), Some("2024-02-29T00:00:00Z"));
    let expected = json!({"external_id": id, "nickname": "ana", "app_metadata": {"plan": "gold"}, "user_metadata": {"colour": "red"}});
    assert_eq!(attributes(ana), expected);
    let luis = &both[1];
    assert!(luis.password_hash.is_none() && ana.email_verified);
    assert_eq!((luis.status.as_deref(), luis.first_name.as_deref()), (Some("suspended"), Some("Luis Gil")));
    // The export of hashes alone names the same user.
    let alone = records(read_file(&data("auth0_hashes.ndjson"), request(Kind::Auth0)).await.unwrap());
    assert!(matches(&alone[0]));
    assert_eq!(alone[0].uuid, ana.uuid);
}

#[tokio::test]
async fn firebase_users_come_with_their_hashes() {
    let wanted = Request { parameters: Some(data("firebase_hash_config.txt")), ..request(Kind::Firebase) };
    let both = records(read_file(&data("firebase.json"), wanted).await.unwrap());
    let ana = &both[0];
    assert!(matches(ana) && ana.email_verified);
    assert_eq!(
        attributes(ana),
        json!({EXTERNAL_ID: "4VBgAnbjkMOkTSKzGwPrKBoDxBD2", "custom_claims": {"plan": "gold"}})
    );
    assert_eq!(ana.uuid, Some(derived("4VBgAnbjkMOkTSKzGwPrKBoDxBD2")));
    assert_eq!(ana.created_at.as_deref(), Some("2021-03-05T16:35:16.775Z"));
    assert_eq!(ana.phone_number.as_deref(), Some("+34600000000"));
    assert_eq!((both[1].status.as_deref(), both[1].password_hash.is_none()), (Some("suspended"), true));
    let told = faults(&read_file(&data("firebase.json"), request(Kind::Firebase)).await.unwrap());
    assert_eq!(told.len(), 1);
    assert!(told[0].starts_with("2 users[0]: ") && told[0].contains("--parameters"), "{told:?}");
}

#[tokio::test]
async fn keycloak_users_come_with_either_kind_of_hash() {
    let all = records(read_file(&data("keycloak.json"), request(Kind::Keycloak)).await.unwrap());
    let [ana, luis, service] = all.as_slice() else { panic!("{}", all.len()) };
    assert!(matches(ana) && matches(luis));
    assert_eq!(ana.uuid.unwrap().to_string(), "0f3b1c62-6f0a-4c5e-9d7a-2b8f3e1d4c5a");
    assert_eq!((ana.role.as_deref(), luis.role.as_deref()), (Some("editor"), None));
    assert_eq!(ana.phone_number.as_deref(), Some("+34600000000"));
    assert_eq!(attributes(ana), json!({"phoneNumber": "+34600000000", "locale": "es", "teams": ["a", "b"]}));
    assert_eq!((luis.status.as_deref(), luis.username.as_deref()), (Some("inactive"), Some("luis")));
    assert_eq!(service.status.as_deref(), Some("inactive"));
    let without = Request { roles: Roles::Refuse, ..request(Kind::Keycloak) };
    assert!(
        faults(&read_file(&data("keycloak.json"), without).await.unwrap()).is_empty(),
        "no role was asked for"
    );
}

#[tokio::test]
async fn supabase_users_are_the_same_from_csv_and_json() {
    let csv = records(read_file(&data("supabase.csv"), request(Kind::Supabase)).await.unwrap());
    let json = records(read_file(&data("supabase.json"), request(Kind::Supabase)).await.unwrap());
    assert_eq!(serde_json::to_value(&csv).unwrap(), serde_json::to_value(&json).unwrap());
    let [ana, luis] = csv.as_slice() else { panic!() };
    assert!(matches(ana) && ana.email_verified && !luis.email_verified);
    assert_eq!(ana.uuid.unwrap().to_string(), "0f3b1c62-6f0a-4c5e-9d7a-2b8f3e1d4c5a");
    assert_eq!(
        (ana.role.as_deref(), ana.last_name.as_deref()),
        (None, Some("Pérez")),
        "a database role is no role"
    );
    assert_eq!((luis.status.as_deref(), luis.first_name.as_deref()), (Some("suspended"), Some("Luis Gil")));
    assert_eq!(attributes(luis)["is_superuser"], true);
    let refusing = Request { kind: Some(Kind::Supabase), ..Request::default() };
    let told = faults(&read_file(&data("supabase.csv"), refusing).await.unwrap());
    assert!(
        told.len() == 1 && told[0].starts_with("3: the user has a staff mark; add --with-roles"),
        "{told:?}"
    );
}

#[tokio::test]
async fn cognito_users_come_without_passwords() {
    let both = records(read_file(&data("cognito.csv"), request(Kind::Cognito)).await.unwrap());
    let [ana, luis] = both.as_slice() else { panic!() };
    assert_eq!((ana.username.as_deref(), ana.uuid, ana.email_verified), (Some("ana"), None, true));
    assert_eq!(attributes(ana), json!({"nickname": "ani", "locale": "es"}));
    assert_eq!((luis.username.as_deref(), luis.first_name.as_deref()), (None, Some("Luis Gil")));
    assert_eq!(luis.uuid.unwrap().to_string(), "6f1c2a3e-58d4-4b7a-9c0e-21d3f4a5b6c7");
    assert!(both.iter().all(|user| user.password_hash.is_none()));
}

#[tokio::test]
async fn a_csv_of_ones_own_is_mapped() {
    let maps = ["id=nr", "email=mail", "first_name=given name", "password_hash=pw", "created_at=joined"];
    let both = records(read_file(&data("users.csv"), mapped(Kind::Csv, &maps)).await.unwrap());
    assert!(matches(&both[0]));
    assert_eq!((both[0].id, both[0].first_name.as_deref()), (Some(17), Some("Ana \"la\", de")));
    assert_eq!(both[1].created_at.as_deref(), Some("2024-02-01T10:00:00Z"));
    assert_eq!((both[1].password_hash.is_none(), attributes(&both[1])), (true, json!({"is_staff": false})));
}

#[tokio::test]
async fn every_broken_row_is_told_with_its_place() {
    let csv = |text: &str| ("users.csv", text.as_bytes().to_vec(), Kind::Csv);
    let list = |text: &str| ("users.json", format!("{{\"users\":[\n{text}]}}").into_bytes(), Kind::Firebase);
    let jsonl = |text: &[u8]| ("users.jsonl", text.to_vec(), Kind::Jsonl);
    let latin = b"{\"username\":\"a\"}\n{\"username\":\"Jos\xe9\"}\n".to_vec();
    let long = format!("{{\"username\":\"{}\"}}\n{{}}", "x".repeat(70_000));
    for ((name, content, kind), told) in [
        (
            csv("email,active\na@example.com,1\nb@example.com\nc@example.com,perhaps\n"),
            &["3: it has 1 columns, and the first row names 2", "4: active is neither true nor false"][..],
        ),
        (csv("email,created_at\na@example.com,soon\n"), &["2: created_at is no date"]),
        (csv("email,x\n\"a@\nexample.com\",1\nb@example.com,1,2\n"), &["4: it has 3 columns"]),
        (
            ("users.csv", b"email\nJos\xe9@example.com\n".to_vec(), Kind::Csv),
            &["2: email: it is not UTF-8 from its byte 4"],
        ),
        (
            list(
                "{\"localId\":\"a\",\"localId\":\"b\"},{\"localId\":[]},\n7,{\"localId\":\"c\",\"createdAt\":\"soon\"}",
            ),
            &[
                "2 users[0]: a name is given twice",
                "2 users[1]: localId is not a text",
                "3 users[2]: it is not a JSON object",
                "3 users[3]: createdAt is no date",
            ],
        ),
        (
            list("{\"email\":\"\\ud800\"},{\"a\":nan},{\"customAttributes\":\"{\"}"),
            &["2 users[0]:", "2 users[1]:", "2 users[2]: customAttributes is no JSON object"],
        ),
        (jsonl(&latin), &["2: it is not UTF-8 from its byte 17"]),
        (jsonl(long.as_bytes()), &["1: the line is longer than 65536 bytes"]),
        (
            jsonl(b"{\"username\":\"a\",\"attributes\":{\"b\":1,\"b\":2}}\n[]\n{\"usrname\":\"a\"}\n"),
            &["1: ", "2: it is not a JSON object", "3: unknown field `usrname`"],
        ),
        (jsonl(format!("{}{}", "[".repeat(40), "]".repeat(40)).as_bytes()), &["1: nested too deeply"]),
    ] {
        let path = file(name, &content);
        let found = faults(&read_file(&path, request(kind)).await.unwrap());
        assert_eq!(found.len(), told.len(), "{name}: {found:?}");
        for (found, told) in found.iter().zip(told) {
            assert!(found.starts_with(told), "{name}: {found:?} is not {told:?}");
        }
    }
}

#[tokio::test]
async fn what_can_not_be_read_on_ends_with_a_sentence() {
    let unclosed = format!("email,name\na@example.com,\"{}", "x\n".repeat(100_000));
    let utf16: Vec<u8> =
        [0xff, 0xfe].into_iter().chain("email".encode_utf16().flat_map(u16::to_le_bytes)).collect();
    for (name, content, kind, told) in [
        ("users.csv", unclosed.into_bytes(), Kind::Csv, "a quote that is never closed"),
        ("users.csv", utf16, Kind::Csv, "iconv -f UTF-16"),
        ("users.csv", Vec::new(), Kind::Csv, "the file is empty"),
        ("users.csv", b"a,a\n".to_vec(), Kind::Csv, "two columns are called \"a\""),
        ("users.csv", b"a,,b\n".to_vec(), Kind::Csv, "column 2 has no name"),
        ("users.csv", b"a,b\n".to_vec(), Kind::Csv, "no column holds an e-mail address"),
        ("users.csv", b"email\n".to_vec(), Kind::Cognito, "no column \"cognito:username\"; there are email"),
        ("users.json", b"{\"users\":[{}".to_vec(), Kind::Firebase, "the file ends in the middle"),
        ("users.json", b"[]".to_vec(), Kind::Keycloak, "not an object"),
        (
            "users.json",
            b"{}".to_vec(),
            Kind::Django,
            "--from django reads a SQLite file or a postgres:// URL",
        ),
    ] {
        let path = file(name, &content);
        let said = read_file(&path, request(kind)).await.unwrap_err().join("\n");
        assert!(said.contains(told), "{name}: {said}");
    }
    let path = file("users.jsonl", "{}");
    let misplaced = Request {
        table: Some("x".to_owned()),
        hashes: Some(path.clone()),
        parameters: Some(path.clone()),
        ..mapped(Kind::Jsonl, &["email=mail"])
    };
    assert_eq!(
        read_file(&path, misplaced).await.unwrap_err().len(),
        4,
        "options that say nothing are refused"
    );
    let doubtful = Request::default();
    assert!(
        read_file(&file("users.json", "{}"), doubtful).await.unwrap_err()[0].contains("add --from firebase")
    );
}
