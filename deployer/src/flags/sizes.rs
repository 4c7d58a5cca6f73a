//! Sizes and rates, in rsync's spelling.

/// A decimal number, a unit (1,024-fold, or 1,000-fold with a B behind it), and perhaps `+1` or `-1`. `unit` is the
/// letter of what has none: `b`, `k`, `m`, `g`, `t` or `p`.
pub(super) fn parse(text: &str, unit: char) -> Option<u64> {
    let (text, more) = match text {
        _ if text.ends_with("+1") => (&text[..text.len() - 2], 1),
        _ if text.ends_with("-1") => (&text[..text.len() - 2], -1),
        _ => (text, 0),
    };
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, typed) = text.split_at(end);
    let typed = typed.to_ascii_lowercase();
    let mut rest = typed.chars();
    let letter = rest.next().unwrap_or(unit);
    let fold = match rest.as_str() {
        "" | "ib" => 1024,
        "b" => 1000,
        _ => return None,
    };
    let power = "bkmgtp".find(letter)?;
    if number.is_empty() || number == "." {
        return None;
    }
    let units = u64::checked_pow(fold, power as u32)?;
    let whole = match number.parse::<u64>() {
        Ok(number) => number.checked_mul(units)?,
        Err(_) => {
            let size = number.parse::<f64>().ok()? * units as f64;
            (size < i64::MAX as f64).then_some(size as u64)?
        }
    };
    whole.checked_add_signed(more).filter(|size| i64::try_from(*size).is_ok())
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn sizes_are_read_as_rsync_reads_them() {
        for (text, size) in [
            ("0", Some(0)),
            ("10", Some(10)),
            ("10b", Some(10)),
            ("1k", Some(1024)),
            ("1K", Some(1024)),
            ("1KB", Some(1000)),
            ("1kib", Some(1024)),
            ("1.5m", Some(1_572_864)),
            (".5k", Some(512)),
            ("2G", Some(2 << 30)),
            ("1t", Some(1 << 40)),
            ("1p", Some(1 << 50)),
            ("1k+1", Some(1025)),
            ("1k-1", Some(1023)),
            ("0-1", None),
            ("", None),
            ("k", None),
            ("-1", None),
            ("1x", None),
            ("1kx", None),
            ("1kibb", None),
            ("1k+2", None),
            ("1..5", None),
            ("99999p", None),
        ] {
            assert_eq!(parse(text, 'b'), size, "{text}");
        }
        for (text, size) in [("3", Some(3072)), ("1.5", Some(1536)), ("3b", Some(3)), ("1m", Some(1 << 20))] {
            assert_eq!(parse(text, 'k'), size, "{text}");
        }
    }
}
