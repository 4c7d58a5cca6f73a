//! Numbers for people, in the form of rsync's: plain, with commas, or rounded to units.

/// How numbers are shown (`--human-readable`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Form {
    /// Digits alone.
    Plain,
    /// Commas between thousands.
    #[default]
    Grouped,
    /// K, M, G, T, P of 1000.
    Decimal,
    /// K, M, G, T, P of 1024.
    Binary,
}

impl Form {
    /// What `level` means: each further one makes numbers shorter.
    pub(crate) fn of(level: usize) -> Self {
        [Form::Plain, Form::Grouped, Form::Decimal, Form::Binary][level.min(3)]
    }

    /// The same without units: counts are not rounded.
    fn exact(self) -> Self {
        self.min(Form::Grouped)
    }

    /// A number of bytes.
    pub(crate) fn bytes(self, value: u64) -> String {
        let unit = match self {
            Form::Decimal => 1000.0,
            Form::Binary => 1024.0,
            Form::Plain => return value.to_string(),
            Form::Grouped => return grouped(&value.to_string()),
        };
        if (value as f64) < unit {
            return value.to_string();
        }
        let mut rounded = value as f64 / unit;
        let mut letters = "KMGTP".chars();
        let mut letter = letters.next();
        while rounded >= unit {
            let Some(next) = letters.next() else { break };
            letter = Some(next);
            rounded /= unit;
        }
        format!("{rounded:.2}{}", letter.unwrap_or('P'))
    }

    /// A count.
    pub(crate) fn count(self, value: u64) -> String {
        self.exact().bytes(value)
    }

    /// A number of bytes with two decimals, where it is not rounded to units.
    pub(crate) fn rate(self, value: f64) -> String {
        if self > Form::Grouped && value >= 1000.0 {
            let whole = value as u64;
            let short = self.bytes(whole);
            if short.ends_with(|last: char| last.is_ascii_alphabetic()) {
                return short;
            }
        }
        self.decimal(value, 2)
    }

    /// A number with decimals.
    pub(crate) fn decimal(self, value: f64, places: usize) -> String {
        let text = format!("{value:.places$}");
        match text.split_once('.') {
            Some((whole, rest)) if self > Form::Plain => format!("{}.{rest}", grouped(whole)),
            _ => text,
        }
    }
}

fn grouped(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_told_apart() {
        let shown = [0, 999, 1000, 1_234_567].map(|value| Form::Grouped.bytes(value));
        assert_eq!(shown, ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(Form::Grouped.decimal(1234.5, 2), "1,234.50");
        assert_eq!(Form::Plain.decimal(1234.5, 2), "1234.50");
    }

    #[test]
    fn units_begin_where_they_are_full() {
        let both = |value| [Form::Decimal.bytes(value), Form::Binary.bytes(value)];
        assert_eq!(both(999), ["999", "999"]);
        assert_eq!(both(1000), ["1.00K", "1000"]);
        assert_eq!(both(3_000_000), ["3.00M", "2.86M"]);
        assert_eq!(both(5_000_000_000_000_000_000), ["5000.00P", "4440.89P"]);
        assert_eq!(Form::Decimal.count(1_234_567), "1,234,567");
        assert_eq!(Form::Decimal.rate(1_234_567.0), "1.23M");
        assert_eq!(Form::Decimal.rate(12.5), "12.50");
        assert_eq!(Form::Binary.rate(1000.5), "1,000.50");
    }
}
