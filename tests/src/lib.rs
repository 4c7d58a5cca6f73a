//! End-to-end tests: `deployer` pulls from a real rsync daemon, and rsync, given the same command from the
//! same start, says what the result has to be.
//!
//! The rooms, in the order in which a test uses them:
//!
//! 1. [`scratch`] and [`disk`]: a place on tmpfs, or a real file system on a loop device, for one test
//! 2. [`awkward`] and [`os_tree`]: what the server holds
//! 3. [`mutate`]: what happens on the server between two pulls
//! 4. [`daemon`]: the server; [`own_daemon`], that of the program under test; [`old_server`], [`cut`], [`line`](mod@line) and
//!    [`relay`], which stand before it and make an old one of it, cut the line, hold it, or listen; [`server`]: what they
//!    have in common
//! 5. [`run`] and [`stats`]: the program under test and the oracle, what they printed and how they ended
//! 6. [`snapshot`] and [`diff`]: a picture of a tree, entry by entry, and how two of them differ
//! 7. [`pair`]: the six above put together for the shape that most tests have
//! 8. [`starts`]: a small tree and the states in which a pull may find its destination
//! 9. [`bare`], [`deploy`], [`refusal`] and [`interrupt`]: whole disks, deployments onto them, those that are refused,
//!    and those that are cut off
//! 10. [`images`] and [`web`]: images of file systems, a web server that has them, and a
//!     [`proxy`] before it
//! 11. [`vm`] and [`ramdisk`]: a machine without an operating system, and what it starts from; [`witness`]: what a system
//!     that was deployed there says about itself; [`emulated`]: where it is deployed from
//! 12. [`scripted`]: a server that tells lies; [`record`]: one that says again what another said, with a fault
//! 13. [`hostile`] and [`loader`]: what no deployment may reach, and stand-ins for a boot loader's programs
//! 14. [`ways`]: what stands between a client and a daemon, or in place of one: TLS, proxies, sshd, sockets
//!
//! [`at`], [`acl`] and [`random`] serve these. The tests need root and Linux; without root they fail.

pub mod acl;
pub mod at;
pub mod awkward;
pub mod bare;
mod carry;
pub mod cut;
pub mod daemon;
pub mod deploy;
pub mod diff;
pub mod disk;
pub mod emulated;
pub mod hostile;
pub mod images;
pub mod interrupt;
pub mod line;
pub mod loader;
pub mod mutate;
pub mod old_server;
pub mod os_tree;
pub mod own_daemon;
pub mod pair;
pub mod proxy;
pub mod ramdisk;
pub mod random;
pub mod record;
pub mod refusal;
pub mod relay;
pub mod run;
pub mod said;
pub mod scratch;
pub mod scripted;
pub mod server;
pub mod snapshot;
pub mod starts;
pub mod stats;
pub mod vm;
pub mod ways;
pub mod web;
pub mod witness;
