//! A stored hash or a weak digest of any text is read or refused before it costs memory or time.
#![no_main]

use countersign_domain::password::weak::{Layout, WeakDigest};
use countersign_domain::password::{Hash, Stored};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(stored) = Stored::parse(text)
        && let Some(hash) = stored.hash()
    {
        // 256 MiB and the buffers of scrypt.
        assert!(hash.memory_kib() <= 257 * 1024);
        let sample = Hash::sample(hash.scheme().name(), &hash.cost()).expect("a cost can be sampled");
        assert_eq!((sample.cost(), sample.memory_kib()), (hash.cost(), hash.memory_kib()));
        assert!(WeakDigest::parse(text).is_none(), "a stored hash is no weak digest");
    }
    let _ = WeakDigest::parse_as(text, Layout::HmacSalt);
});
