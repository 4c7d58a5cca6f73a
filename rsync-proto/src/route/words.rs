//! Words of a command that no shell reads.

/// The words between blanks. Either kind of quote, also within a word, keeps blanks together up to the next one of its kind; two of
/// that kind in a row, within, stand for one. Nothing if a quote is not closed.
pub(super) fn split(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut letters = text.chars().peekable();
    loop {
        while letters.next_if_eq(&' ').is_some() {}
        if letters.peek().is_none() {
            return Some(words);
        }
        let mut word = String::new();
        while let Some(letter) = letters.next_if(|letter| *letter != ' ') {
            if !matches!(letter, '\'' | '"') {
                word.push(letter);
                continue;
            }
            loop {
                let within = letters.next()?;
                if within != letter || letters.next_if_eq(&letter).is_some() {
                    word.push(within);
                } else {
                    break;
                }
            }
        }
        words.push(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What rsync 3.2.7 makes of the same.
    #[test]
    fn words_are_those_of_the_reference() {
        for (text, words) in [
            ("ssh", &["ssh"][..]),
            ("  ssh  -p 22 ", &["ssh", "-p", "22"]),
            ("s 'a b' \"c d\"", &["s", "a b", "c d"]),
            ("s e\\f", &["s", "e\\f"]),
            ("s 'g''h'i ''", &["s", "g'hi", ""]),
            ("s \"x''y\" 'a\"b'", &["s", "x''y", "a\"b"]),
            ("s a'b c'd x'' 'y\tz' a\tb", &["s", "ab cd", "x", "y\tz", "a\tb"]),
            ("", &[]),
        ] {
            assert_eq!(split(text).unwrap(), words, "{text}");
        }
        for text in ["'abc", "a\"", "'''"] {
            assert_eq!(split(text), None, "{text}");
        }
    }
}
