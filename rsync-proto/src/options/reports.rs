//! What the server shall tell of its own accord, apart from what `-v` means.

/// Levels of topics that a sending server knows (`--info`); nothing where `verbose` decides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reports {
    /// Miscellaneous information.
    pub misc: Option<u8>,
    /// File systems that it does not enter.
    pub mount: Option<u8>,
    /// Names of files.
    pub name: Option<u8>,
    /// Files that it removes.
    pub remove: Option<u8>,
    /// Figures at the end.
    pub stats: Option<u8>,
    /// Symlinks that lead out of the tree.
    pub symsafe: Option<u8>,
}

impl Reports {
    fn words(&self) -> [(&'static str, Option<u8>); 6] {
        [
            ("MISC", self.misc),
            ("MOUNT", self.mount),
            ("NAME", self.name),
            ("REMOVE", self.remove),
            ("STATS", self.stats),
            ("SYMSAFE", self.symsafe),
        ]
    }

    /// The server's argument for it, if it needs one. Where most are on one level, that is named once.
    pub(crate) fn argument(&self) -> Option<String> {
        let words = self.words();
        let level_of_most = || {
            let count = |level| words.iter().filter(|(_, own)| *own == Some(level)).count();
            let all_are_set = words.iter().all(|(_, level)| level.is_some());
            words.iter().find_map(|(_, level)| level.filter(|level| all_are_set && count(*level) >= 5))
        };
        let word = |name: &str, level: u8| match level {
            1 => name.to_owned(),
            _ => format!("{name}{level}"),
        };
        let most = level_of_most();
        let mut parts: Vec<String> = Vec::new();
        match most {
            Some(0) => parts.push("NONE".to_owned()),
            Some(level) => parts.push(word("ALL", level)),
            None => {}
        }
        let others = words.iter().filter_map(|(name, level)| Some((name, (*level)?)));
        parts.extend(others.filter(|(_, level)| Some(*level) != most).map(|(name, level)| word(name, level)));
        (!parts.is_empty()).then(|| format!("--info={}", parts.join(",")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_is_told_as_the_reference_tells_it() {
        let all = |level| Reports {
            misc: Some(level),
            mount: Some(level),
            name: Some(level),
            remove: Some(level),
            stats: Some(level),
            symsafe: Some(level),
        };
        let some = Reports { misc: Some(2), mount: Some(1), stats: Some(3), ..Reports::default() };
        for (reports, argument) in [
            (Reports::default(), None),
            (some, Some("--info=MISC2,MOUNT,STATS3")),
            (all(0), Some("--info=NONE")),
            (all(1), Some("--info=ALL")),
            (Reports { name: Some(0), ..all(4) }, Some("--info=ALL4,NAME0")),
        ] {
            assert_eq!(reports.argument().as_deref(), argument);
        }
    }
}
