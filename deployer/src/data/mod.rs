//! Data drivers: each reads one kind of deploy description into the checked model. A further one is a file here
//! and a line in [`DRIVERS`].

mod ironic;
mod json;
mod shape;

use serde_json::Value;

use crate::model::Description;
pub use shape::Complaint;

/// Reads one kind of description.
pub trait DataDriver: Sync {
    /// Its name on the command line.
    fn name(&self) -> &'static str;

    /// What it reads, in one line.
    fn about(&self) -> &'static str;

    /// Reads a description, without a look at any machine.
    ///
    /// # Errors
    /// Every mistake in it.
    fn read(&self, text: &str) -> Result<Reading, Vec<Complaint>>;

    /// The descriptions that it reads, as JSON Schema.
    fn schema(&self) -> Value;
}

/// A description that was read.
#[derive(Debug)]
pub struct Reading {
    /// What it says.
    pub description: Description,
    /// What in it has no effect.
    pub warnings: Vec<Complaint>,
}

/// All of them.
pub const DRIVERS: &[&dyn DataDriver] = &[&ironic::Ironic];

/// The driver of that name.
pub fn driver(name: &str) -> Option<&'static dyn DataDriver> {
    DRIVERS.iter().find(|driver| driver.name() == name).copied()
}
