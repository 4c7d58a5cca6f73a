//! The groups and volumes that LVM knows of, whether they are active or not.

use std::path::PathBuf;

use serde::Deserialize;
use thiserror::Error;

use crate::command::{Command, CommandError, find};
use crate::stop::Stop;

/// What LVM knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Groups {
    /// Physical volumes with the names of their groups; empty for those that belong to none.
    pub(crate) physical: Vec<(PathBuf, String)>,
    /// Logical volumes.
    pub(crate) logical: Vec<Logical>,
}

/// A logical volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Logical {
    pub(crate) group: String,
    pub(crate) name: String,
    /// In bytes.
    pub(crate) bytes: u64,
}

/// LVM does not tell what there is.
#[derive(Debug, Error)]
pub(crate) enum LvmError {
    #[error("{0}")]
    Tool(#[from] CommandError),
    #[error("the report of LVM is not understood: {0}")]
    Report(#[from] serde_json::Error),
    #[error("the report of LVM is not understood: the size {0:?}")]
    Size(String),
}

#[derive(Deserialize)]
struct Report<T> {
    report: Vec<T>,
}

#[derive(Deserialize)]
struct PhysicalReport {
    pv: Vec<PhysicalRow>,
}

#[derive(Deserialize)]
struct PhysicalRow {
    pv_name: PathBuf,
    vg_name: String,
}

#[derive(Deserialize)]
struct LogicalReport {
    lv: Vec<LogicalRow>,
}

#[derive(Deserialize)]
struct LogicalRow {
    vg_name: String,
    lv_name: String,
    lv_size: String,
}

impl Groups {
    /// As it is now. Nothing where there is no LVM.
    ///
    /// # Errors
    /// LVM does not tell, or is not understood; nobody may take that for nothing.
    pub(crate) fn now(stop: &Stop) -> Result<Self, LvmError> {
        if !is_here() {
            return Ok(Self::default());
        }
        let report = ["--reportformat", "json", "--units", "b", "--nosuffix", "-o"];
        let physical = Command::new("pvs").args(report).arg("pv_name,vg_name").run(stop)?;
        let logical = Command::new("lvs").args(report).arg("vg_name,lv_name,lv_size").run(stop)?;
        parse(&physical, &logical)
    }
}

/// Whether this machine has LVM's tools.
pub(crate) fn is_here() -> bool {
    find("pvs".as_ref()).is_some()
}

fn parse(physical: &str, logical: &str) -> Result<Groups, LvmError> {
    let physical: Report<PhysicalReport> = serde_json::from_str(physical)?;
    let logical: Report<LogicalReport> = serde_json::from_str(logical)?;
    // A device that is gone has no name; its group cannot be kept anyhow.
    let rows = physical.report.into_iter().flat_map(|report| report.pv);
    let there = rows.filter(|row| row.pv_name.is_absolute());
    let volume = |row: LogicalRow| {
        let bytes = row.lv_size.parse().map_err(|_| LvmError::Size(row.lv_size))?;
        Ok(Logical { group: row.vg_name, name: row.lv_name, bytes })
    };
    let rows = logical.report.into_iter().flat_map(|report| report.lv);
    Ok(Groups {
        physical: there.map(|row| (row.pv_name, row.vg_name)).collect(),
        logical: rows.map(volume).collect::<Result<_, LvmError>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_understood() {
        let physical = r#"{"report": [{"pv": [{"pv_name":"/dev/sda4", "vg_name":"home"}, {"pv_name":"[unknown]", "vg_name":"home"}, {"pv_name":"/dev/sdb", "vg_name":""}]}], "log": []}"#;
        let logical =
            r#"{"report": [{"lv": [{"vg_name":"home", "lv_name":"home", "lv_size":"3078619136"}]}]}"#;
        let groups = parse(physical, logical).unwrap();
        let expected = [("/dev/sda4".into(), "home".to_owned()), ("/dev/sdb".into(), String::new())];
        assert_eq!(groups.physical, expected);
        assert_eq!(groups.logical[0].bytes, 3_078_619_136);
        assert!(parse("", logical).is_err() && parse(physical, "nonsense").is_err());
        let size = logical.replace("3078619136", "2.87g");
        assert!(parse(physical, &size).unwrap_err().to_string().contains("2.87g"));
    }
}
