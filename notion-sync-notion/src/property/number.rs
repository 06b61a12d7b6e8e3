//! Numbers in shortest decimal notation.

use serde_json::Number;

/// The shortest decimal notation of a JSON number: no exponent, no trailing zeros, no `-0`.
///
/// Notion keeps numbers as binary doubles, so two spellings are equal when their doubles are;
/// whole numbers that a double cannot hold keep their digits.
#[must_use]
pub fn canonical(number: &str) -> Option<String> {
    let number: Number = serde_json::from_str(number.trim()).ok()?;
    if let Some(whole) = number.as_i64() {
        return Some(whole.to_string());
    }
    if let Some(whole) = number.as_u64() {
        return Some(whole.to_string());
    }
    let double = number.as_f64().filter(|double| double.is_finite())?;
    if double == 0.0 {
        return Some("0".to_owned());
    }
    Some(double.to_string())
}

/// A number to be sent. `None` when the text is no decimal number.
#[must_use]
pub fn parse(text: &str) -> Option<Number> {
    let text = text.trim();
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E'));
    if !plain {
        return None;
    }
    serde_json::from_str::<Number>(text)
        .ok()
        .or_else(|| Number::from_f64(text.parse().ok()?))
        .filter(|number| number.as_f64().is_some_and(f64::is_finite))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_spelling() {
        for (given, wanted) in [
            ("1", Some("1")),
            ("1.0", Some("1")),
            ("1.50", Some("1.5")),
            ("-0.0", Some("0")),
            ("0", Some("0")),
            ("1e3", Some("1000")),
            ("1.5e-3", Some("0.0015")),
            ("0.1", Some("0.1")),
            ("0.30000000000000004", Some("0.30000000000000004")),
            ("9007199254740993", Some("9007199254740993")),
            ("18446744073709551615", Some("18446744073709551615")),
            ("1e400", None),
            ("\"1\"", None),
            ("abc", None),
            ("", None),
        ] {
            assert_eq!(canonical(given).as_deref(), wanted, "{given}");
        }
    }

    #[test]
    fn what_is_sent_reads_the_same() {
        for text in [
            "1",
            "-3.25",
            "0.1",
            "1000000000000000000000",
            "0.000001",
            "5e-324",
        ] {
            let sent = parse(text).unwrap();
            let read = canonical(&sent.to_string()).unwrap();
            let again = canonical(&parse(&read).unwrap().to_string()).unwrap();
            assert_eq!(read, again, "{text}");
        }
        for text in ["", "NaN", "inf", "1,5", "0x10", "1e999", "--1", "1 2"] {
            assert!(parse(text).is_none(), "{text}");
        }
        assert_eq!(parse("007").map(|n| n.to_string()).as_deref(), Some("7.0"));
    }
}
