//! What does a HAR file (HTTP Archive 1.2) of a browser say?
//!
//! A browser writes everything it fetched, so one origin is taken and the rest is left out.

use super::exchange::{Answered, Asked, Exchange, Fields, MAX_BODY, Recording};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::time::Moment;
use http::Uri;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Largest file, in bytes.
pub const MAX_HAR: u64 = 128 << 20;

#[derive(Deserialize)]
struct Archive {
    log: Log,
}

#[derive(Deserialize)]
struct Log {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(default)]
    started_date_time: String,
    request: Request,
    response: Response,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<Pair>,
    post_data: Option<PostData>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PostData {
    #[serde(default)]
    mime_type: String,
    text: Option<String>,
    encoding: Option<String>,
    #[serde(default)]
    params: Vec<Pair>,
}

#[derive(Deserialize)]
struct Response {
    status: i64,
    #[serde(default)]
    headers: Vec<Pair>,
    content: Option<Content>,
}

#[derive(Deserialize)]
struct Content {
    text: Option<String>,
    encoding: Option<String>,
}

#[derive(Deserialize)]
struct Pair {
    name: String,
    #[serde(default)]
    value: String,
}

/// Reads an archive. `origin` (`https://api.example`) says whose exchanges are wanted; it may be left out when only one
/// answered with data.
///
/// Refused, in a sentence: what is no HAR file, a file of more than [`MAX_HAR`] bytes, an origin that is not there, and
/// several origins without a choice.
pub fn read(text: &str, origin: Option<&str>) -> Result<Recording, String> {
    if text.len() as u64 > MAX_HAR {
        return Err(format!("the file has more than {} MiB; record less at a time", MAX_HAR >> 20));
    }
    let archive: Archive =
        serde_json::from_str(text).map_err(|error| format!("this is no HAR file (version 1.2): {error}"))?;
    let mut origins: BTreeMap<String, Recording> = BTreeMap::new();
    for (number, entry) in archive.log.entries.into_iter().enumerate() {
        let uri: Uri = entry.request.url.parse().map_err(|_| format!("entry {number} has no URL"))?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { continue };
        let recording = origins.entry(format!("{scheme}://{authority}")).or_default();
        match exchange(entry, &uri) {
            Ok(exchange) => recording.push(exchange),
            Err(why) => recording.leave_out(format!("entry {number}: {why}")),
        }
    }
    chosen(origins, origin)
}

fn chosen(mut origins: BTreeMap<String, Recording>, wanted: Option<&str>) -> Result<Recording, String> {
    origins.retain(|_, recording| !recording.exchanges.is_empty());
    let name = match wanted {
        Some(wanted) => wanted.trim_end_matches('/').to_owned(),
        None if origins.len() > 1 => {
            let list: Vec<String> =
                origins.iter().map(|(name, all)| format!("{name} ({})", all.exchanges.len())).collect();
            return Err(format!(
                "the file holds several origins; choose one with --origin: {}",
                list.join(", ")
            ));
        }
        None => origins.keys().next().cloned().unwrap_or_default(),
    };
    let mut recording = origins.remove(&name).ok_or("the file holds no request to an API with its answer")?;
    recording.exchanges.sort_by_key(|exchange| exchange.at);
    recording.source = name;
    Ok(recording)
}

fn exchange(entry: Entry, uri: &Uri) -> Result<Exchange, String> {
    let Entry { started_date_time, request, response } = entry;
    let status = u16::try_from(response.status).ok().filter(|status| (200..600).contains(status));
    let status = status.ok_or("it has no answer")?;
    let (mut asked_fields, body) = (fields(request.headers), request.post_data);
    let body = body.map_or_else(|| Ok(Vec::new()), |data| posted(data, &mut asked_fields))?;
    let mut answered_fields = fields(response.headers);
    // Bodies in an archive are decoded already.
    answered_fields.retain(|(name, _)| name != "content-encoding");
    let content = response.content.unwrap_or(Content { text: None, encoding: None });
    let answer = bytes(content.text.unwrap_or_default(), content.encoding.as_deref())?;
    Ok(Exchange {
        at: Moment::parse_rfc3339(&started_date_time).unwrap_or(Moment::from_millis(0)),
        asked: Asked {
            method: request.method.to_ascii_uppercase(),
            target: uri.path_and_query().map_or("/", |target| target.as_str()).to_owned(),
            fields: asked_fields,
            body,
        },
        answered: Answered { status, fields: answered_fields, body: answer },
    })
}

/// Names in lower case, without the pseudo-headers of HTTP/2.
fn fields(pairs: Vec<Pair>) -> Fields {
    let real = pairs.into_iter().filter(|pair| !pair.name.starts_with(':'));
    real.map(|pair| (pair.name.to_ascii_lowercase(), pair.value)).collect()
}

fn posted(data: PostData, fields: &mut Fields) -> Result<Vec<u8>, String> {
    if !fields.iter().any(|(name, _)| name == "content-type") && !data.mime_type.is_empty() {
        fields.push(("content-type".to_owned(), data.mime_type));
    }
    match data.text {
        Some(text) if !text.is_empty() => bytes(text, data.encoding.as_deref()),
        _ => {
            let pairs: Vec<(&str, &str)> =
                data.params.iter().map(|pair| (pair.name.as_str(), pair.value.as_str())).collect();
            Ok(super::parts::write_form(&pairs).into_bytes())
        }
    }
}

fn bytes(text: String, encoding: Option<&str>) -> Result<Vec<u8>, String> {
    let bytes = match encoding {
        Some("base64") => STANDARD.decode(text.trim()).map_err(|_| "its body is not base64".to_owned())?,
        Some(other) if !other.is_empty() => return Err(format!("nobody knows the encoding {other:?}")),
        _ => text.into_bytes(),
    };
    if bytes.len() > MAX_BODY { Err(format!("a body has more than {MAX_BODY} bytes")) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::read;

    fn entry(url: &str, kind: &str, text: &str, encoding: &str) -> String {
        format!(
            r#"{{"startedDateTime":"2026-11-21T10:00:00.000Z","request":{{"method":"POST","url":"{url}","headers":[
            {{"name":":authority","value":"x"}},{{"name":"Content-Type","value":"application/json"}}],
            "postData":{{"mimeType":"application/json","text":"{{\"a\":1}}"}}}},"response":{{"status":200,
            "headers":[{{"name":"Content-Type","value":"{kind}"}},{{"name":"content-encoding","value":"gzip"}}],
            "content":{{"text":"{text}","encoding":"{encoding}"}}}}}}"#
        )
    }

    fn archive(entries: &[String]) -> String {
        format!(r#"{{"log":{{"version":"1.2","entries":[{}]}}}}"#, entries.join(","))
    }

    #[test]
    fn an_archive_is_read_with_its_bodies() {
        let text =
            archive(&[entry("https://api.example/a?b=1", "application/json", "eyJiIjoyfQ==", "base64")]);
        let recording = read(&text, None).unwrap();
        assert_eq!(recording.source, "https://api.example");
        let one = &recording.exchanges[0];
        assert_eq!(
            (one.asked.target.as_str(), one.asked.body.as_slice()),
            ("/a?b=1", br#"{"a":1}"#.as_slice())
        );
        assert_eq!(one.answered.json().unwrap()["b"], 2);
        assert!(one.answered.fields.iter().all(|(name, _)| name == "content-type"));
        assert!(one.asked.fields.iter().all(|(name, _)| !name.starts_with(':')));
    }

    #[test]
    fn one_origin_is_taken_and_said_when_there_are_several() {
        let both = [
            entry("https://api.example/a", "application/json", "{}", ""),
            entry("https://other.example/a", "application/json", "{}", ""),
        ];
        let refused = read(&archive(&both), None).unwrap_err();
        assert!(
            refused.contains("--origin: https://api.example (1), https://other.example (1)"),
            "{refused}"
        );
        assert_eq!(read(&archive(&both), Some("https://other.example/")).unwrap().exchanges.len(), 1);
        assert!(read(&archive(&both), Some("https://third.example")).is_err());
    }

    #[test]
    fn what_is_no_archive_or_has_no_answer_is_refused_with_a_sentence() {
        for text in ["", "{}", r#"{"log":{"entries":[{}]}}"#, &archive(&[])] {
            assert!(read(text, None).is_err(), "{text}");
        }
        let broken = entry("https://api.example/a", "application/json", "%%%", "base64");
        let good = entry("https://api.example/b", "application/json", "{}", "");
        let recording = read(&archive(&[broken, good]), None).unwrap();
        assert_eq!((recording.exchanges.len(), recording.left_out.len()), (1, 1));
    }
}
