//! How much a client has said, apart from how it cut it into frames: that depends on how fast the machine is.

/// Counts the bytes of a client's side of a session, and of frames only what they hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    stage: Stage,
    protocol: u8,
    count: usize,
    /// What has come of a line, an argument, a list of names or the head of a frame.
    open: Vec<u8>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Greeting,
    Module,
    Arguments,
    /// What checksums and compressions it has, or the first frame.
    Names,
    Frames,
    /// So much of a frame is to come.
    Content(usize),
    /// Before protocol 30 clients say everything without frames.
    Plain,
}

impl Said {
    /// How many bytes there were.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.count
    }

    /// Takes the next bytes.
    pub fn hear(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.hear_byte(byte);
        }
    }

    fn hear_byte(&mut self, byte: u8) {
        self.count += 1;
        if let Stage::Content(left) = self.stage {
            self.stage = if left > 1 { Stage::Content(left - 1) } else { Stage::Frames };
            return;
        }
        self.open.push(byte);
        let next = match (self.stage, &self.open[..]) {
            (Stage::Greeting, [line @ .., b'\n']) => {
                let number =
                    line.strip_prefix(b"@RSYNCD: ").unwrap_or(line).split(|byte| *byte == b'.').next();
                let number = number.and_then(|number| std::str::from_utf8(number).ok());
                self.protocol = number.and_then(|number| number.parse().ok()).unwrap_or(0);
                Stage::Module
            }
            (Stage::Module, [.., b'\n']) => Stage::Arguments,
            // The last one is empty.
            (Stage::Arguments, [b'\n']) if self.protocol < 30 => Stage::Plain,
            (Stage::Arguments, [.., b'\n']) if self.protocol < 30 => Stage::Arguments,
            (Stage::Arguments, [0]) if self.protocol >= 30 => Stage::Names,
            (Stage::Arguments, [.., 0]) if self.protocol >= 30 => Stage::Arguments,
            (Stage::Names, [len, b'a'..=b'z', rest @ ..]) if rest.len() + 1 == usize::from(*len) => {
                Stage::Names
            }
            (Stage::Names | Stage::Frames, [a, b, c, _])
                if self.stage == Stage::Frames || !b.is_ascii_lowercase() =>
            {
                self.count -= 4;
                match u32::from_le_bytes([*a, *b, *c, 0]) {
                    0 => Stage::Frames,
                    len => Stage::Content(len as usize),
                }
            }
            (Stage::Plain, _) => Stage::Plain,
            _ => return,
        };
        self.stage = next;
        self.open.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::Said;

    fn count(parts: &[&[u8]]) -> usize {
        let mut said = Said::default();
        for part in parts {
            said.hear(part);
        }
        said.count()
    }

    #[test]
    fn frames_count_what_they_hold() {
        let start = b"@RSYNCD: 32.0 md5\ntree\n--server\0.\0\0\x07md5 md4".as_slice();
        let one = b"\x04\0\0\x07abcd".as_slice();
        let two = b"\x01\0\0\x07a\0\0\0\x07\x03\0\0\x07bcd".as_slice();
        assert_eq!(count(&[start, one]), start.len() + 4);
        assert_eq!(count(&[start, two]), start.len() + 4);
        assert_eq!(count(&[start, two, one]), start.len() + 8);
    }

    #[test]
    fn lists_of_names_can_be_missing() {
        let start = b"@RSYNCD: 30.0\ntree\n--server\0.\0\0".as_slice();
        assert_eq!(count(&[start, b"\x04\0\0\x07abcd"]), start.len() + 4);
    }

    #[test]
    fn old_clients_have_no_frames() {
        let all = b"@RSYNCD: 29\ntree\n--server\n.\n\n\x04\0\0\x07abcd".as_slice();
        assert_eq!(count(&[all]), all.len());
    }
}
