//! No text that we did not sign verifies, and none of them panics.
#![no_main]

use countersign_domain::secret::SecretBytes;
use countersign_domain::token::{HeaderPlan, Key, KeySet, TicketKey};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static KEYS: LazyLock<(KeySet, TicketKey)> = LazyLock::new(|| {
    let secret = SecretBytes::new((0..32_u8).map(|b| b.wrapping_mul(37)).collect::<Vec<_>>());
    let key = Key::hs256(&secret, false).expect("a key of 32 bytes");
    let set = KeySet::new(key, Vec::new(), HeaderPlan::default()).expect("one key");
    (set, TicketKey::new(&secret).expect("a key of 32 bytes"))
});

fuzz_target!(|text: &str| {
    let (keys, tickets) = &*KEYS;
    assert!(keys.verify(text).is_err());
    let _ = tickets.open(text);
    assert!(tickets.open_refresh(text).is_none());
});
