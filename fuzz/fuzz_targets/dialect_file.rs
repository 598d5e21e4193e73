//! A dialect file of any bytes is read or refused, never more.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Err(faults) = countersign_dialect::Dialect::parse(text) {
        assert!(!faults.is_empty());
    }
});
