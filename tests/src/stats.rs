//! What `--stats` prints, as numbers.

use std::collections::BTreeMap;

/// The first number of each line `Label: number …`; the labels are rsync's own.
#[derive(Debug, Clone, Default)]
pub struct Stats(BTreeMap<String, u64>);

impl Stats {
    /// Finds the lines in what a program printed.
    #[must_use]
    pub fn parse(output: &str) -> Self {
        let mut numbers = BTreeMap::new();
        for line in output.lines() {
            let Some((label, rest)) = line.split_once(": ") else { continue };
            let digits: String = rest
                .chars()
                .take_while(|it| it.is_ascii_digit() || *it == ',')
                .filter(char::is_ascii_digit)
                .collect();
            if let Ok(number) = digits.parse() {
                numbers.insert(label.trim().to_owned(), number);
            }
        }
        Self(numbers)
    }

    /// The number under a label.
    ///
    /// # Panics
    /// If the program did not print it.
    #[must_use]
    pub fn get(&self, label: &str) -> u64 {
        *self
            .0
            .get(label)
            .unwrap_or_else(|| panic!("--stats was expected to print '{label}: …'; it printed {self:?}"))
    }

    /// Bytes of file content that came as themselves.
    #[must_use]
    pub fn literal(&self) -> u64 {
        self.get("Literal data")
    }

    /// Bytes of file content that were found in the basis.
    #[must_use]
    pub fn matched(&self) -> u64 {
        self.get("Matched data")
    }
}

#[cfg(test)]
mod tests {
    use super::Stats;

    #[test]
    fn numbers_are_found_with_and_without_commas_and_units() {
        let stats = Stats::parse("x\nNumber of files: 3,012 (reg: 3,000, dir: 12)\nLiteral data: 0 bytes\n");
        assert_eq!(
            stats.get("Number of files"),
            3012,
            "commas group digits, and what is in brackets is left out"
        );
        assert_eq!(stats.literal(), 0, "a unit may follow");
    }
}
