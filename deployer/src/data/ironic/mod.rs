//! The `ironic` data driver: `provision.json`, as Ironic's bareon drivers hand it to the deploy agent.

mod check;
mod cross_checks;
mod implied;
mod raw;
mod text;
mod trees;

use serde_json::{Value, json};

use super::json::Json;
use super::shape::{Log, Node, Said, Shape};
use super::{Complaint, DataDriver, Reading};

/// Reads `provision.json`.
pub struct Ironic;

impl DataDriver for Ironic {
    fn name(&self) -> &'static str {
        "ironic"
    }

    fn about(&self) -> &'static str {
        "provision.json, as the bareon agent reads it"
    }

    fn read(&self, text: &str) -> Result<Reading, Vec<Complaint>> {
        let value = Json::parse(text).map_err(|error| {
            vec![Complaint { path: "$".to_owned(), message: format!("not JSON: {error}") }]
        })?;
        let log = Log::default();
        let written = raw::DESCRIPTION.read(Node { path: "$", value: &value, log: &log });
        // What spans several places can be looked at even where single places are wrong.
        let description = written.and_then(|written| check::check(written, &log));
        let Said { complaints, warnings, unknown } = log.into_said();
        match description {
            Some(description) if complaints.is_empty() => {
                Ok(Reading { description, warnings: [warnings, unknown].concat() })
            }
            _ => Err([complaints, unknown].concat()),
        }
    }

    fn schema(&self) -> Value {
        let mut schema = raw::DESCRIPTION.schema();
        schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
        schema["title"] = json!("Deploy configuration");
        schema
    }
}

#[cfg(test)]
mod tests;
