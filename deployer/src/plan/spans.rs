//! What has to be erased of a disk so that nothing of what was there is taken for something.

use super::facts::DiskFacts;
use super::step::Span;
use crate::model::MIB;
use crate::model::layout::Segment;

/// What is erased at both ends of whatever is erased: every signature lies in it.
const SIGNATURES: u64 = MIB;

/// Both ends of the disk, of each partition that is there, and of each that is to be.
pub(super) fn of(there: &DiskFacts, segments: &[Segment]) -> Vec<Span> {
    let bytes = there.device.bytes;
    let mut parts = vec![(0, bytes)];
    parts.extend(there.partitions.iter().map(|partition| (partition.start, partition.length)));
    parts.extend(there.stale.iter().map(|partition| (partition.start, partition.length)));
    parts.extend(segments.iter().map(|segment| (segment.start, segment.length)));
    let mut spans: Vec<Span> = Vec::new();
    for (start, length) in parts {
        // A damaged table may name what is not on the disk.
        let end = start.saturating_add(length).min(bytes);
        let Some(length) = end.checked_sub(start) else { continue };
        let piece = length.min(SIGNATURES);
        for start in [start, end - piece] {
            let span = Span { start, length: piece };
            if piece > 0 && !spans.contains(&span) {
                spans.push(span);
            }
        }
    }
    spans.sort_by_key(|span| span.start);
    spans
}
