//! Are claims typed, and required where they have to be there?

use super::*;

const NOW: i64 = 1_790_000_000;

/// Signed by us, so that only the claims can be at fault.
fn read(claims: &str) -> Result<Claims, TokenFault> {
    let set = set_of(&shared_key());
    set.verify(&set.sign(claims.as_bytes()))
}

fn wrong(name: &str) -> TokenFault {
    TokenFault::WrongType(name.to_owned())
}

fn missing(name: &str) -> TokenFault {
    TokenFault::MissingClaim(name.to_owned())
}

#[test]
fn a_time_of_another_type_is_invalid_and_not_absent() {
    let ill = [
        "\"1790000060\"",
        "\"\"",
        "null",
        "true",
        "false",
        "[]",
        "[1790000060]",
        "{}",
        "-1",
        "-0.5",
        "-1790000060",
        "9007199254740992",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551616",
        "1e300",
    ];
    for name in ["exp", "nbf", "iat"] {
        for value in ill {
            let other = if name == "exp" { String::new() } else { format!(r#","exp":{}"#, NOW + 60) };
            let claims = read(&format!(r#"{{"{name}":{value}{other}}}"#)).unwrap();
            assert_eq!(claims.check_times(NOW, 30), Err(wrong(name)), "{name} {value}");
            assert_eq!(claims.seconds(name), Err(wrong(name)), "{name} {value}");
        }
        for value in ["1e400", "-1e400", "NaN", "Infinity", "01", "1.", "0x1"] {
            assert_eq!(
                read(&format!(r#"{{"{name}":{value}}}"#)),
                Err(TokenFault::Malformed),
                "{name} {value}"
            );
        }
    }
}

#[test]
fn times_are_kept_to_the_second_with_leeway() {
    // SEC-53
    let cases: [(&str, i64, u32, Result<(), TokenFault>); 15] = [
        (r#"{"exp":1790000000}"#, NOW - 1, 0, Ok(())),
        (r#"{"exp":1790000000}"#, NOW, 0, Err(TokenFault::Expired)),
        (r#"{"exp":1790000000}"#, NOW + 29, 30, Ok(())),
        (r#"{"exp":1790000000}"#, NOW + 30, 30, Err(TokenFault::Expired)),
        (r#"{"exp":1790000000.5}"#, NOW, 0, Ok(())),
        (r#"{"exp":0}"#, NOW, 0, Err(TokenFault::Expired)),
        (r#"{"exp":9007199254740991}"#, NOW, 0, Ok(())),
        (r#"{"exp":1.79e9}"#, NOW - 1, 0, Ok(())),
        (r#"{"exp":1790000099,"nbf":1790000000}"#, NOW, 0, Ok(())),
        (r#"{"exp":1790000099,"nbf":1790000001}"#, NOW, 0, Err(TokenFault::NotYetValid)),
        (r#"{"exp":1790000099,"nbf":1790000030}"#, NOW, 30, Ok(())),
        (r#"{"exp":1790000099,"iat":1790000030.5}"#, NOW, 30, Err(TokenFault::NotYetValid)),
        (r#"{"exp":1790000099,"iat":1790000030}"#, NOW, 30, Ok(())),
        (r#"{"nbf":1790000000,"iat":1790000000}"#, NOW, 0, Err(missing("exp"))),
        ("{}", NOW, 0, Err(missing("exp"))),
    ];
    for (claims, now, leeway, expected) in cases {
        assert_eq!(read(claims).unwrap().check_times(now, leeway), expected, "{claims} at {now}");
    }
}

#[test]
fn a_text_is_a_text() {
    for value in ["1", "null", "true", "[\"a\"]", "{}"] {
        let claims = read(&format!(r#"{{"jti":{value}}}"#)).unwrap();
        assert_eq!(claims.text("jti"), Err(wrong("jti")), "{value}");
        assert_eq!(claims.need_text("jti"), Err(wrong("jti")), "{value}");
        assert_eq!(claims.check_text("jti", "a"), Err(wrong("jti")), "{value}");
    }
    let claims = read(r#"{"jti":"a","sub":"","iss":"https://app.test/"}"#).unwrap();
    assert_eq!(claims.need_text("jti"), Ok("a"));
    assert_eq!(claims.need_text("sub"), Err(wrong("sub")));
    assert_eq!(claims.text("aud"), Ok(None));
    assert_eq!(claims.need_text("aud"), Err(missing("aud")));
    assert_eq!(claims.check_text("iss", "https://app.test/"), Ok(()));
    assert_eq!(claims.check_text("iss", "https://app.test"), Err(TokenFault::WrongKind));
    assert_eq!(claims.check_text("token_type", "access"), Err(missing("token_type")));
}

#[test]
fn a_user_number_is_a_number_or_its_digits() {
    for (value, number) in
        [("1", 1), ("\"1\"", 1), ("0", 0), ("\"0\"", 0), ("9007199254740991", 9_007_199_254_740_991)]
    {
        assert_eq!(
            read(&format!(r#"{{"user_id":{value}}}"#)).unwrap().need_number("user_id"),
            Ok(number),
            "{value}"
        );
    }
    for value in [
        "1.0",
        "1.5",
        "-1",
        "\"-1\"",
        "\"+1\"",
        "\" 1\"",
        "\"01\"",
        "\"\"",
        "\"1.0\"",
        "\"1e3\"",
        "\"\u{0661}\"",
        "null",
        "true",
        "[1]",
        "{}",
        "9007199254740992",
        "\"9007199254740992\"",
        "\"99999999999999999999\"",
        "18446744073709551615",
    ] {
        let claims = read(&format!(r#"{{"user_id":{value}}}"#)).unwrap();
        assert_eq!(claims.need_number("user_id"), Err(wrong("user_id")), "{value}");
    }
    assert_eq!(read("{}").unwrap().number("user_id"), Ok(None));
    assert_eq!(read("{}").unwrap().need_number("user_id"), Err(missing("user_id")));
}

#[test]
fn an_audience_has_to_name_us() {
    let cases = [
        (r#"{"aud":"us"}"#, Ok(())),
        (r#"{"aud":["them","us"]}"#, Ok(())),
        (r#"{"aud":"them"}"#, Err(TokenFault::WrongKind)),
        (r#"{"aud":"us/"}"#, Err(TokenFault::WrongKind)),
        (r#"{"aud":["them"]}"#, Err(TokenFault::WrongKind)),
        (r#"{"aud":[]}"#, Err(TokenFault::WrongKind)),
        (r#"{"aud":["us",1]}"#, Err(wrong("aud"))),
        (r#"{"aud":null}"#, Err(wrong("aud"))),
        (r#"{"aud":{"us":1}}"#, Err(wrong("aud"))),
        ("{}", Err(missing("aud"))),
    ];
    for (claims, expected) in cases {
        assert_eq!(read(claims).unwrap().check_audience("us"), expected, "{claims}");
    }
}

#[test]
fn debug_shows_names_and_no_values() {
    let claims = read(r#"{"email":"ana@example.test"}"#).unwrap();
    assert_eq!(format!("{claims:?}"), r#"Claims{"email"}"#);
}
