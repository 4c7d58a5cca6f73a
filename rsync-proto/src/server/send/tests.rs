//! Tests of the room.

mod rebuild;
