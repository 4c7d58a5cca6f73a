//! Directories while something in them is under way. The last to finish closes the directory: only then it
//! gets its attributes, among them a time that nothing disturbs any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::deletion::Guard;
use super::shared::Shared;
use crate::destination::{Destination, Failure, Incoming};
use crate::flist::{EntryHandle, EntryRef};

/// A directory that is being filled.
pub(crate) struct Directory<D: Destination> {
    dir: Arc<D::Dir>,
    /// Its entry; a single file at the root of a transfer has none.
    entry: Option<EntryHandle>,
    users: AtomicUsize,
    /// Whether it counts among the open ones.
    counted: bool,
    /// What is protected in it from deletion.
    pub(super) guard: Guard,
}

impl<D: Destination> Directory<D> {
    /// A directory with one user, the generator.
    pub(super) fn new(dir: D::Dir, entry: Option<EntryHandle>, counted: bool, guard: Guard) -> Self {
        Self { dir: Arc::new(dir), entry, users: AtomicUsize::new(1), counted, guard }
    }

    pub(super) fn dir(&self) -> &D::Dir {
        &self.dir
    }

    /// Gets ready for the content of a file in it.
    pub(super) fn receive(
        &self,
        shared: &Shared<D>,
        entry: EntryRef<'_>,
        incoming: Incoming<'_, D::Basis>,
    ) -> Result<D::Sink, Failure> {
        shared.destination.receive(&self.dir, entry, incoming)
    }

    /// Something more in it is under way.
    pub(super) fn enter(&self) {
        self.users.fetch_add(1, Ordering::Relaxed);
    }

    /// Something in it is finished.
    pub(super) fn leave(&self, shared: &Shared<D>) {
        // The last one must see what all others did in the directory.
        if self.users.fetch_sub(1, Ordering::AcqRel) > 1 {
            return;
        }
        if let Some(entry) = self.entry.as_ref().filter(|_| !shared.is_stopped())
            && let Err(failure) = shared.destination.leave(&self.dir, entry.get())
        {
            shared.failed(failure);
        }
        if self.counted {
            shared.directories.leave(1);
        }
    }
}
