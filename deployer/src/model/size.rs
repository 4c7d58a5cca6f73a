//! Sizes, as descriptions write them and as people read them.

/// Bytes of a MiB, the unit of a bare number.
pub const MIB: u64 = 1 << 20;

/// How large something is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// So many bytes.
    Bytes(u64),
    /// A share of what contains it, in percent.
    Share(u8),
    /// What the others leave.
    Remaining,
}

const UNITS: [(&str, u64, u32); 16] = [
    ("KB", 1000, 1),
    ("MB", 1000, 2),
    ("GB", 1000, 3),
    ("TB", 1000, 4),
    ("PB", 1000, 5),
    ("EB", 1000, 6),
    ("ZB", 1000, 7),
    ("YB", 1000, 8),
    ("KiB", 1024, 1),
    ("MiB", 1024, 2),
    ("GiB", 1024, 3),
    ("TiB", 1024, 4),
    ("PiB", 1024, 5),
    ("EiB", 1024, 6),
    ("ZiB", 1024, 7),
    ("YiB", 1024, 8),
];

impl Size {
    /// What is wrong with a size of zero.
    pub const NOTHING: &str = "it must be more than 0";

    /// Takes `10 GiB`, `500MB`, `4096` (MiB), `40%` and `remaining`.
    ///
    /// # Errors
    /// What is wrong with it; empty where it is simply no size.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text == "remaining" {
            return Ok(Size::Remaining);
        }
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = (&text[..digits], text[digits..].trim_start());
        if digits == 0 {
            return Err(String::new());
        }
        if unit.starts_with('.') {
            return Err("only whole numbers; use a smaller unit".to_owned());
        }
        if unit == "%" {
            return match number.parse() {
                Ok(share @ 1..=100) => Ok(Size::Share(share)),
                _ => Err("a share is from 1% to 100%".to_owned()),
            };
        }
        let multiplier = match UNITS.iter().find(|(name, ..)| *name == unit) {
            Some((_, base, power)) => u128::from(*base).checked_pow(*power),
            None if unit.is_empty() => Some(MIB.into()),
            None => return Err(format!("there is no unit {unit:?}")),
        };
        let number: Option<u128> = number.parse().ok();
        let bytes = number.zip(multiplier).and_then(|(number, unit)| number.checked_mul(unit));
        match bytes.and_then(|bytes| i64::try_from(bytes).ok()) {
            Some(0) => Err(Self::NOTHING.to_owned()),
            Some(bytes) => Ok(Size::Bytes(bytes.unsigned_abs())),
            None => Err("no disk is that large".to_owned()),
        }
    }
}

/// A number of bytes for people: exact where a unit divides it, else with one decimal.
pub fn human(bytes: u64) -> String {
    const NAMES: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let power = (bytes.max(1).ilog2() / 10) as usize;
    let unit = 1u64 << (10 * power);
    if bytes.is_multiple_of(unit) {
        return format!("{} {}", bytes / unit, NAMES[power]);
    }
    // Whole numbers of the next smaller unit are clearer than fractions, as long as they stay short.
    let smaller = unit >> 10;
    if power > 2 && bytes.is_multiple_of(smaller) && bytes / smaller < 100_000 {
        return format!("{} {}", bytes / smaller, NAMES[power - 1]);
    }
    format!("{:.1} {}", bytes as f64 / unit as f64, NAMES[power])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        for (text, size) in [
            ("10000 MiB", Size::Bytes(10000 * MIB)),
            ("1GiB", Size::Bytes(1 << 30)),
            ("5 MB", Size::Bytes(5_000_000)),
            ("64", Size::Bytes(64 * MIB)),
            (" 7 TiB ", Size::Bytes(7 << 40)),
            ("40%", Size::Share(40)),
            ("40 %", Size::Share(40)),
            ("remaining", Size::Remaining),
        ] {
            assert_eq!(Size::parse(text), Ok(size), "{text:?}");
        }
        for text in
            ["", "MiB", "1.5 GiB", "-1", "0", "0%", "101%", "1 XB", "1 gib", "9 YiB", "99999999999999999999"]
        {
            assert!(Size::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn sizes_are_shown() {
        for (bytes, shown) in [
            (0, "0 B"),
            (512, "512 B"),
            (MIB, "1 MiB"),
            (4976 * MIB, "4976 MiB"),
            (3 << 30, "3 GiB"),
            (1536, "1.5 KiB"),
            ((1 << 40) + 1, "1.0 TiB"),
        ] {
            assert_eq!(human(bytes), shown);
        }
    }
}
