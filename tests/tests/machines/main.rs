//! Machines without an operating system, emulated, that take longer than what `machine` has: other firmware, groups of
//! volumes, mirrors, several systems, power cuts, and servers that go away.
//!
//! No run of all tests has these: `scripts/test-machines` does, with those of `machine`. Some start from the disk that the
//! first of them was deployed onto.

mod firmware;
mod lost_servers;
mod power_cut;
mod several_systems;
mod volumes;
