//! The list of files that goes to the client.
