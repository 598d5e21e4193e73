//! Which dialects do the targets speak?

use countersign_dialect::Dialect;
use std::sync::LazyLock;

/// The built-in dialects of applications, and the native one.
pub static DIALECTS: LazyLock<Vec<Dialect>> = LazyLock::new(|| {
    [
        include_str!("../../../dialects/native/dialect.toml"),
        include_str!("../../../dialects/password-generator/dialect.toml"),
        include_str!("../../../dialects/uk-travel/dialect.toml"),
        include_str!("../../../dialects/auths-v1/dialect.toml"),
        include_str!("../../../dialects/nest-passport/dialect.toml"),
    ]
    .iter()
    .map(|text| Dialect::parse(text).expect("a built-in dialect"))
    .collect()
});
