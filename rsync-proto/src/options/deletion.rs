//! What is removed at the destination because the server does not have it.

/// What is removed at the destination because the server does not have it. Names are those of rsync's options.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deletion {
    /// Remove what the server does not have, and when (`--delete` and its variants). Never after an I/O error of the
    /// server, unless [`Self::ignore_errors`]; never a mount point, nor what is mounted there.
    pub when: Option<DeleteWhen>,
    /// Remove what filter rules exclude, too (`--delete-excluded`).
    pub excluded: bool,
    /// Remove at most so many entries (`--max-delete`).
    pub max: Option<u64>,
    /// Remove directories with their content where something else is to stand (`--force`); implied by
    /// [`Self::when`].
    pub force: bool,
    /// Remove even if the server could not read everything (`--ignore-errors`).
    pub ignore_errors: bool,
}

/// When entries are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeleteWhen {
    /// Before anything is transferred; needs the whole list first.
    Before,
    /// In each directory before its files are transferred.
    During,
    /// Found as with [`Self::During`], removed at the end.
    Delay,
    /// At the end; needs the whole list.
    After,
}

impl Deletion {
    /// Whether a directory that has to make way for something else may be removed with its content.
    #[cfg(feature = "tokio")]
    pub(crate) fn clears_the_way(&self) -> bool {
        self.force || self.when.is_some()
    }

    /// Whether the whole list is needed at once.
    pub(crate) fn needs_whole_list(&self) -> bool {
        matches!(self.when, Some(DeleteWhen::Before | DeleteWhen::After))
    }
}
