//! Descriptions of a deployment, as text: every complaint names a place in the text and is one line; what is taken is
//! taken again, as the same, with other blanks and its keys in another order.
#![no_main]

use deployer::data::{Complaint, DRIVERS, Reading};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else { return };
    for driver in DRIVERS {
        let read = driver.read(text);
        let again = driver.read(text);
        assert_eq!(shown(&read), shown(&again), "twice the same");
        for complaint in read.as_ref().err().into_iter().flatten() {
            look_at(complaint);
        }
        let Ok(reading) = &read else {
            assert!(read.as_ref().is_err_and(|complaints| !complaints.is_empty()), "refused without a word");
            continue;
        };
        reading.warnings.iter().for_each(look_at);
        // What has a key twice is no value of serde_json's; it must have been refused.
        let mut value: Value = serde_json::from_str(text).expect("what is taken is JSON");
        let pretty = serde_json::to_string_pretty(&value).expect("a value can be written");
        assert_eq!(described(&driver.read(&pretty)), described(&read), "other blanks");
        turn_over(&mut value);
        let turned = value.to_string();
        assert_eq!(described(&driver.read(&turned)), described(&read), "keys in another order");
    }
});

fn look_at(complaint: &Complaint) {
    assert!(complaint.path.starts_with('$'), "{complaint:?}");
    assert!(!complaint.message.is_empty() && complaint.message.lines().count() == 1, "{complaint:?}");
}

fn shown(read: &Result<Reading, Vec<Complaint>>) -> String {
    format!("{read:?}")
}

/// What was read, without the warnings, whose order is that of the text.
fn described(read: &Result<Reading, Vec<Complaint>>) -> String {
    match read {
        Ok(reading) => format!("{:?}", reading.description),
        Err(complaints) => format!("{complaints:?}"),
    }
}

/// The keys of every object the other way round.
fn turn_over(value: &mut Value) {
    match value {
        Value::Object(entries) => {
            let turned: Vec<_> = std::mem::take(entries).into_iter().rev().collect();
            entries.extend(turned);
            entries.values_mut().for_each(turn_over);
        }
        Value::Array(items) => items.iter_mut().for_each(turn_over),
        _ => {}
    }
}
