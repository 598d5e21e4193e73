//! A stored hash of any text is read or refused before it costs memory or time.
#![no_main]

use countersign_domain::password::Stored;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(stored) = Stored::parse(text)
        && let Some(hash) = stored.hash()
    {
        assert!(hash.memory_kib() <= 256 * 1024);
    }
});
