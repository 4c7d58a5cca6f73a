//! Machines without an operating system, emulated: they start from the ramdisk, are deployed, and start again from their
//! own disks, where a witness says how that went. Some go on from the disk that the first of them was deployed onto.

mod file_system;
mod files;
mod firmware;
mod lost_servers;
mod power_cut;
mod several_systems;
mod volumes;
