//! Which bytes does a recorded request consist of?

use super::row::Row;
use dialect::transcript::Ready;
use serde_json::Value;

/// The boundary of the recorded multipart forms.
const BOUNDARY: &str = "----seedsboundary";
/// Paths of a re-creation that the contract has elsewhere: "`GET /users/profile` is served beside `/auth/signin`".
pub const MOVED: [(&str, &str, &str); 1] = [("nest-passport", "/auth/profile", "/users/profile")];

/// The request, with its `{{names}}`. Refused: a body that the recording describes and nobody knows.
pub fn ready(row: &Row) -> Result<Ready, String> {
    let mut headers: Vec<(String, String)> = Vec::new();
    for (name, value) in &row.request.headers {
        headers.push((name.clone(), value.as_str().ok_or("a header is no text")?.to_owned()));
    }
    let body = match &row.request.body {
        Value::Null => Vec::new(),
        Value::String(text) if text.starts_with('<') && text.ends_with(" bytes>") => described(row, text)?,
        Value::String(text) => text.clone().into_bytes(),
        json @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            json.to_string().into_bytes()
        }
    };
    Ok(Ready { method: row.request.method.clone(), target: path(row), headers, body })
}

/// Where the request goes.
pub fn path(row: &Row) -> String {
    let moved = MOVED.iter().find(|(system, from, _)| *system == row.system && *from == row.request.path);
    moved.map_or_else(|| row.request.path.clone(), |(_, _, to)| (*to).to_owned())
}

/// Bodies of which the recording only tells the length.
fn described(row: &Row, text: &str) -> Result<Vec<u8>, String> {
    let not_an_image = b"this is not an image";
    Ok(match row.name.as_str() {
        "token invalid UTF-8" => b"{\"username\": \"\xff\"}".to_vec(),
        "update multipart avatar not an image" => form(&[("avatar", Some("a.png"), not_an_image)]),
        "update multipart avatar + avatars" => {
            form(&[("avatar", Some("a.png"), not_an_image), ("avatars", Some("b.png"), not_an_image)])
        }
        "avatar upload no file" | "avatar upload bad id" => form(&[("x", None, b"y")]),
        "avatar upload over 5 MiB" => form(&[("file", Some("a.png"), &vec![0; (5 << 20) + 1])]),
        _ => return Err(format!("nobody knows what {text} are")),
    })
}

fn form(parts: &[(&str, Option<&str>, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, file, content) in parts {
        let kind =
            file.map_or_else(String::new, |file| format!("; filename=\"{file}\"\r\nContent-Type: image/png"));
        let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"{kind}\r\n\r\n");
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(content);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    out
}
