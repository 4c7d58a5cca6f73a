//! How a run ended and what it printed.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use crate::stats::Stats;

/// How a run ended and what it printed.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub(super) name: &'static str,
    pub(super) line: String,
    pub(super) status: ExitStatus,
    /// Standard output; bytes that are not UTF-8 are replaced.
    pub stdout: String,
    /// Standard error, likewise.
    pub stderr: String,
}

impl Outcome {
    /// The signal that ended it, if one did.
    #[must_use]
    pub fn signal(&self) -> Option<i32> {
        self.status.signal()
    }

    /// The exit code.
    ///
    /// # Panics
    /// If a signal ended it.
    #[must_use]
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| {
            panic!("{} was expected to exit; signal {:?} ended it\n{self}", self.name, self.status.signal())
        })
    }

    /// Fails the test unless the exit code is the expected one.
    ///
    /// # Panics
    /// If it is another.
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.code(),
            code,
            "{} was expected to exit with {code}, not {}\n{self}",
            self.name,
            self.code()
        );
        self
    }

    /// The numbers that `--stats` printed.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats::parse(&self.stdout)
    }

    /// The lines that `-i` printed, sorted; other lines are left out.
    #[must_use]
    pub fn itemized(&self) -> Vec<String> {
        let lines = self.stdout.lines().filter(|line| is_itemized(line));
        let mut lines: Vec<String> = lines.map(comparable).collect();
        lines.sort_unstable();
        lines
    }

    /// The lines of standard output, sorted.
    #[must_use]
    pub fn sorted_lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.stdout.lines().map(comparable).collect();
        lines.sort_unstable();
        lines
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}\n{}\n", self.line, self.status)?;
        for (name, text) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            let start = text.char_indices().rev().nth(4000).map_or(0, |(at, _)| at);
            writeln!(f, "--- {name} ---\n{}", &text[start..])?;
        }
        Ok(())
    }
}

/// `YXcstpoguax name`, or `*deleting   name`.
fn is_itemized(line: &str) -> bool {
    let bytes = line.as_bytes();
    line.starts_with("*deleting ")
        || (bytes.len() > 12
            && b"<>ch.".contains(&bytes[0])
            && b"fdLDS".contains(&bytes[1])
            && !bytes[..11].contains(&b' ') | bytes[2..11].iter().all(|&it| it == b' ')
            && bytes[11] == b' ')
}

/// A line without what the programs may do differently: rsync lets DEL and marks of direction through, and
/// cuts lines off where a buffer of its ends.
fn comparable(line: &str) -> String {
    line.replace('\x7f', "\\#177").replace('\u{202e}', "\\#342\\#200\\#256").chars().take(2000).collect()
}
