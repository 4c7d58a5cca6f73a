//! What work on a list or a file says meanwhile.

use super::failure::Failure;
use crate::wire::frame::Tag;

/// Where messages go, and whether to go on.
pub(super) trait Voice {
    /// A line for the client (without a line end) and the log of the server.
    fn say(&mut self, tag: Tag, line: &[u8]);

    /// To be called now and then in the midst of long work: at least after each directory, 256 entries, or 1 MiB that
    /// was read. Keeps the connection alive.
    ///
    /// # Errors
    /// The client hung up, or the server is to stop.
    fn breathe(&mut self) -> Result<(), Failure>;
}
