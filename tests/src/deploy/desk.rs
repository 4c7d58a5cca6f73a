//! Runs of the program under test, with what they leave for programs to read.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::exit;
use crate::run::{Invocation, Outcome, Program, Running};
use crate::scratch::Scratch;

/// Where a run writes what programs read, for as long as this value lasts.
#[derive(Debug)]
pub struct Desk {
    scratch: Scratch,
    program: Program,
}

impl Desk {
    /// For the program under test.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn new() -> Self {
        Self::of(Program::deployer())
    }

    /// For the program under test, run in another way.
    #[must_use]
    pub fn of(program: Program) -> Self {
        Self { scratch: Scratch::with_size(65536), program }
    }

    /// A path beside the files of the run.
    #[must_use]
    pub fn join(&self, name: &str) -> PathBuf {
        self.scratch.join(name)
    }

    /// Runs `deployer provision` to its end.
    ///
    /// # Panics
    /// If it takes too long or a file that it wrote is no JSON.
    #[must_use]
    pub fn provision(&self, description: &Value, options: &[&str]) -> Ended {
        self.end(self.start("provision", description, options))
    }

    /// The same, with another limit of time.
    ///
    /// # Panics
    /// As [`Desk::provision`].
    #[must_use]
    pub fn provision_within(&self, limit: Duration, description: &Value, options: &[&str]) -> Ended {
        self.end(self.prepare("provision", description, options).limit(limit).start())
    }

    /// Starts a command that carries something out.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn start(&self, command: &str, description: &Value, options: &[&str]) -> Running {
        self.prepare(command, description, options).start()
    }

    fn prepare(&self, command: &str, description: &Value, options: &[&str]) -> Invocation {
        for name in ["events", "receipt"] {
            let _ = fs::remove_file(self.join(name));
        }
        let invocation = self.program.invoke(command, options).arg("--input-data-file");
        let invocation = invocation.arg(self.write(description)).arg("--events").arg(self.join("events"));
        invocation.arg("--receipt").arg(self.join("receipt"))
    }

    /// Waits for the end of a run.
    ///
    /// # Panics
    /// If it takes too long or a file that it wrote is no JSON.
    #[must_use]
    pub fn end(&self, running: Running) -> Ended {
        let outcome = running.wait();
        let receipt = fs::read_to_string(self.join("receipt")).ok();
        let parse = |text: &str| serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        Ended { outcome, receipt: receipt.map(|text| parse(&text)), events: self.events() }
    }

    /// Runs a command that carries nothing out.
    ///
    /// # Panics
    /// If it takes too long.
    #[must_use]
    pub fn look(&self, command: &str, description: &Value, options: &[&str]) -> Outcome {
        let path = self.write(description);
        self.program.invoke(command, options).arg("--input-data-file").arg(path).run()
    }

    /// What a run has told so far. A line that is being written is left out.
    ///
    /// # Panics
    /// If a line is no JSON.
    #[must_use]
    pub fn events(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.join("events")).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        whole.lines().map(parse).collect()
    }

    fn write(&self, description: &Value) -> PathBuf {
        let path = self.join("provision.json");
        fs::write(&path, description.to_string()).expect("memory is large enough");
        path
    }
}

impl Default for Desk {
    fn default() -> Self {
        Self::new()
    }
}

/// A run that has ended, with what it left for programs.
#[derive(Debug)]
pub struct Ended {
    /// How it ended and what it printed.
    pub outcome: Outcome,
    /// Nothing if it came to no plan.
    pub receipt: Option<Value>,
    /// In their order.
    pub events: Vec<Value>,
}

impl Ended {
    /// Fails the test unless the exit code is the expected one, for people and for programs.
    ///
    /// # Panics
    /// If it is another.
    #[must_use]
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        let outcome = self.outcome.expect(code);
        let start = self.events.first().expect("events begin");
        assert_eq!((&start["event"], &start["version"]), (&json!("start"), &json!(1)), "{start}");
        assert!(self.events.iter().all(|event| event["elapsed_seconds"].is_f64()), "{:?}", self.events);
        let result = self.events.last().expect("events end");
        assert_eq!(result["event"], "result");
        if let Some(receipt) = &self.receipt {
            assert_eq!((&receipt["version"], receipt["seconds"].is_f64()), (&json!(1), true), "{receipt}");
        }
        for told in [Some(result), self.receipt.as_ref()].into_iter().flatten() {
            let found = (&told["exit"], &told["success"], told["error"].is_string());
            assert_eq!(found, (&json!(code), &json!(code == exit::DONE), code != exit::DONE), "{told}");
        }
        Self { outcome, ..self }
    }

    /// The receipt.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn receipt(&self) -> &Value {
        self.receipt.as_ref().expect("the run came to a receipt")
    }

    /// The steps that began, without their numbers.
    #[must_use]
    pub fn steps(&self) -> Vec<&Value> {
        self.events.iter().filter(|event| event["event"] == "step").map(|event| &event["step"]).collect()
    }

    /// Fails the test unless standard error has all of these.
    ///
    /// # Panics
    /// With the first that is missing.
    #[track_caller]
    pub fn says(&self, words: &[&str]) {
        for word in words {
            let stderr = &self.outcome.stderr;
            assert!(stderr.contains(word), "{word:?} was expected in what it says\n{}", self.outcome);
        }
    }
}

/// The object of a list whose key has this value.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn find<'a>(list: &'a Value, key: &str, value: &str) -> &'a Map<String, Value> {
    let mut objects = list.as_array().into_iter().flatten().filter_map(Value::as_object);
    let found = objects.find(|object| object.get(key).is_some_and(|found| found == value));
    found.unwrap_or_else(|| panic!("{key} {value} was expected in {list}"))
}
