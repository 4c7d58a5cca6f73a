//! What the client asks for out of the list, and what it gets.
