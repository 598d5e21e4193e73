//! Bodies of any bytes are taken apart or refused: JSON, forms, multipart.
#![no_main]

use bytes::Bytes;
use countersign_dialect::body;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = body::json(data);
    let _ = body::form(data);
    let _ = body::multipart(&Bytes::copy_from_slice(data), Some("B"));
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = body::ContentType::parse(text);
        let _ = body::pairs(text);
    }
});
