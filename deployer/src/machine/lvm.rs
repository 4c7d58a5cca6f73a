//! The groups and volumes that LVM knows of, whether they are active or not.

use std::path::PathBuf;

use serde::Deserialize;

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
    pub(crate) fn now(stop: &Stop) -> Result<Self, CommandError> {
        if find("pvs".as_ref()).is_none() {
            return Ok(Self::default());
        }
        let report = ["--reportformat", "json", "--units", "b", "--nosuffix", "-o"];
        let physical = Command::new("pvs").args(report).arg("pv_name,vg_name").run(stop)?;
        let logical = Command::new("lvs").args(report).arg("vg_name,lv_name,lv_size").run(stop)?;
        Ok(parse(&physical, &logical))
    }
}

/// What is not understood is taken as nothing: the comparison with a description then fails, which is safe.
fn parse(physical: &str, logical: &str) -> Groups {
    let physical: Option<Report<PhysicalReport>> = serde_json::from_str(physical).ok();
    let logical: Option<Report<LogicalReport>> = serde_json::from_str(logical).ok();
    let rows = physical.into_iter().flat_map(|report| report.report).flat_map(|report| report.pv);
    let physical = rows.map(|row| (row.pv_name, row.vg_name)).collect();
    let rows = logical.into_iter().flat_map(|report| report.report).flat_map(|report| report.lv);
    let volume = |row: LogicalRow| {
        Some(Logical { group: row.vg_name, name: row.lv_name, bytes: row.lv_size.parse().ok()? })
    };
    Groups { physical, logical: rows.filter_map(volume).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_understood() {
        let physical = r#"{"report": [{"pv": [{"pv_name":"/dev/sda4", "vg_name":"home"}, {"pv_name":"/dev/sdb", "vg_name":""}]}], "log": []}"#;
        let logical =
            r#"{"report": [{"lv": [{"vg_name":"home", "lv_name":"home", "lv_size":"3078619136"}]}]}"#;
        let groups = parse(physical, logical);
        assert_eq!(groups.physical[0], ("/dev/sda4".into(), "home".into()));
        assert_eq!(groups.logical[0].bytes, 3_078_619_136);
        assert_eq!(parse("", "nonsense"), Groups::default());
    }
}
