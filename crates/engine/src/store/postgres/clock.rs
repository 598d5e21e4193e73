//! How does a statement read the clock of the database, which is the same for all nodes?

/// Milliseconds since 1970.
macro_rules! millis {
    () => {
        "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"
    };
}

/// Microseconds since 1970, unless the parameter that is named holds the caller's clock.
macro_rules! micros_or {
    ($given:literal) => {
        concat!("coalesce(", $given, ", CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT))")
    };
}

pub(in crate::store) use {micros_or, millis};
