//! What two runs came to, side by side.

use std::fmt::Write;

use serde_json::Value;

use crate::numbers::Form;

/// What one run came to.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Figures {
    seconds: f64,
    entries: u64,
    /// Bytes of all files.
    size: u64,
    files_received: u64,
    literal: u64,
    matched: u64,
    received: u64,
}

impl Figures {
    /// Of a deployment with one image, from its receipt.
    pub(super) fn of_receipt(receipt: &Value) -> Option<Self> {
        let image = receipt["images"].get(0)?;
        Some(Self {
            seconds: receipt["seconds"].as_f64()?,
            entries: image["entries"].as_u64()?,
            size: image["total_bytes"].as_u64()?,
            files_received: image["files_transferred"].as_u64()?,
            literal: image["literal_bytes"].as_u64()?,
            matched: image["matched_bytes"].as_u64()?,
            received: image["received_bytes"].as_u64()?,
        })
    }

    /// Of a pull, from its last event.
    pub(super) fn of_result(result: &Value) -> Option<Self> {
        let listed = result["listed"].as_object()?;
        Some(Self {
            seconds: result["elapsed_seconds"].as_f64()?,
            entries: listed.values().filter_map(Value::as_u64).sum(),
            size: result["size"].as_u64()?,
            files_received: result["files_received"].as_u64()?,
            literal: result["bytes"].as_u64()?,
            matched: result["cached_bytes"].as_u64()?,
            received: result["connection_bytes_received"].as_u64()?,
        })
    }
}

/// Both in a table.
pub(super) fn side_by_side(first: &Figures, again: &Figures) -> String {
    let count = |value: u64| Form::Grouped.count(value);
    let bytes = |value: u64| Form::Binary.bytes(value);
    let seconds = |value: f64| format!("{value:.1}");
    let rows = [
        ("seconds, all in all", seconds(first.seconds), seconds(again.seconds)),
        ("entries of the image", count(first.entries), count(again.entries)),
        ("bytes of its files", bytes(first.size), bytes(again.size)),
        ("files whose content came", count(first.files_received), count(again.files_received)),
        ("  sent by the server", bytes(first.literal), bytes(again.literal)),
        ("  found on the disk", bytes(first.matched), bytes(again.matched)),
        ("received, with the list", bytes(first.received), bytes(again.received)),
    ];
    let mut table = format!("{:<26}{:>12}{:>12}\n", "", "first", "again");
    for (what, first, again) in rows {
        let _ = writeln!(table, "{what:<26}{first:>12}{again:>12}");
    }
    table
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SOME: Figures = Figures {
        seconds: 1.25,
        entries: 7,
        size: 2048,
        files_received: 2,
        literal: 100,
        matched: 1900,
        received: 300,
    };

    #[test]
    fn a_receipt_and_an_event_say_the_same() {
        let image = json!({"entries": 7, "total_bytes": 2048, "files_transferred": 2, "literal_bytes": 100,
            "matched_bytes": 1900, "received_bytes": 300});
        let receipt = json!({"seconds": 1.25, "images": [image]});
        assert_eq!(Figures::of_receipt(&receipt), Some(SOME));
        let result = json!({"elapsed_seconds": 1.25, "listed": {"files": 5, "directories": 2}, "size": 2048,
            "files_received": 2, "bytes": 100, "cached_bytes": 1900, "connection_bytes_received": 300});
        assert_eq!(Figures::of_result(&result), Some(SOME));
        assert_eq!(Figures::of_receipt(&json!({"images": []})), None, "nothing was pulled");
    }

    #[test]
    fn columns_are_one_below_the_other() {
        let table = side_by_side(&SOME, &Figures::default());
        let widths: Vec<usize> = table.lines().map(str::len).collect();
        assert!(widths.iter().all(|width| *width == 50), "{table}");
        assert!(table.contains("bytes of its files               2.00K           0"), "{table}");
    }
}
