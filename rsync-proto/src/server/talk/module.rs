//! A directory that is served, and to whom.

use std::fmt;
use std::path::{Path, PathBuf};

/// A directory with a name.
#[derive(Clone)]
pub struct Module {
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) comment: String,
    pub(super) listed: bool,
    /// Nobody has to say who he is if there is nobody here and `guarded` is not set.
    pub(super) users: Vec<(String, Vec<u8>)>,
    pub(super) guarded: bool,
}

impl fmt::Debug for Module {
    /// Without passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let users: Vec<_> = self.users.iter().map(|(name, _)| name).collect();
        let mut shown = f.debug_struct("Module");
        shown.field("name", &self.name).field("path", &self.path).field("comment", &self.comment);
        shown.field("listed", &self.listed).field("users", &users).field("guarded", &self.guarded).finish()
    }
}

impl Module {
    /// A directory under a name. Everybody may read it, and it is in the list of modules.
    pub fn new(name: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            path: path.into(),
            comment: String::new(),
            listed: true,
            users: Vec::new(),
            guarded: false,
        }
    }

    /// What stands beside the name in the list of modules.
    #[must_use]
    pub fn comment(self, comment: impl Into<String>) -> Self {
        Self { comment: comment.into(), ..self }
    }

    /// Whether it is in the list of modules.
    #[must_use]
    pub fn listed(self, listed: bool) -> Self {
        Self { listed, ..self }
    }

    /// Only these users may read it, with these passwords. An empty list lets nobody in.
    #[must_use]
    pub fn users<N: Into<String>, P: Into<Vec<u8>>>(
        mut self,
        users: impl IntoIterator<Item = (N, P)>,
    ) -> Self {
        self.users = users.into_iter().map(|(name, password)| (name.into(), password.into())).collect();
        self.guarded = true;
        self
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is wrong with it.
    pub(super) fn fault(&self) -> Option<String> {
        let name = &self.name;
        let is_line = |text: &str| !text.contains(|c: char| c.is_control() && c != '\t');
        if name.is_empty() || name.len() > 255 {
            return Some(format!("\"{name}\" is no name of a module: it has to have 1 to 255 bytes"));
        }
        if !is_line(name) || name.contains(['/', '\t', ']']) || name.starts_with(['#', '-', ' ', '@']) {
            return Some(format!(
                "\"{}\" is no name of a module: it must not begin with #, -, @ or a blank, nor contain a slash, ], or \
                 control characters",
                name.escape_debug()
            ));
        }
        if !is_line(&self.comment) || self.comment.len() > 500 {
            return Some(format!("the comment of the module {name} is not a line of up to 500 bytes"));
        }
        let bad =
            |user: &str| user.is_empty() || user.len() > 255 || !is_line(user) || user.contains([' ', '\t']);
        if self.users.iter().any(|(user, _)| bad(user)) {
            return Some(format!("a user of the module {name} has no name, or one with a blank"));
        }
        match std::fs::metadata(&self.path) {
            Ok(found) if found.is_dir() => None,
            Ok(_) => Some(format!("{} is no directory (module {name})", self.path.display())),
            Err(error) => Some(format!("cannot look at {} (module {name}): {error}", self.path.display())),
        }
    }
}
