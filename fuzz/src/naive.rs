//! LZ4 and deflate unpacked in the plainest way.

/// Unpacks a block of LZ4; nothing if it is none.
pub fn lz4(block: &[u8], most: usize) -> Option<Vec<u8>> {
    let mut input = block.iter().copied();
    let mut out: Vec<u8> = Vec::new();
    loop {
        let token = usize::from(input.next()?);
        for _ in 0..length(token >> 4, &mut input)? {
            out.push(input.next()?);
        }
        if out.len() > most {
            return None;
        }
        if input.len() == 0 {
            return Some(out);
        }
        let distance = usize::from(u16::from_le_bytes([input.next()?, input.next()?]));
        let len = length(token & 15, &mut input)? + 4;
        let from = out.len().checked_sub(distance).filter(|_| distance > 0)?;
        if out.len() + len > most {
            return None;
        }
        (from..from + len).for_each(|at| out.push(out[at]));
    }
}

fn length(short: usize, input: &mut impl Iterator<Item = u8>) -> Option<usize> {
    let mut len = short;
    let mut more = short == 15;
    while more {
        let byte = input.next()?;
        len += usize::from(byte);
        more = byte == 255;
    }
    Some(len)
}

/// Why unpacking deflated data came to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// There are no more bytes.
    Short,
    /// It was the last block.
    End,
    /// This is not deflated data.
    Bad,
    /// It refers to what was before the beginning. Decoders may have zeros there.
    Unknown,
    /// There is enough.
    Enough,
}

/// Unpacks deflated data as far as it goes.
pub fn deflate(bytes: &[u8], most: usize) -> (Vec<u8>, Stop) {
    let mut reader = Bits { bytes, at: 0 };
    let mut out = Vec::new();
    loop {
        match block(&mut reader, &mut out, most) {
            Ok(false) => {}
            Ok(true) => return (out, Stop::End),
            Err(stop) => return (out, stop),
        }
    }
}

struct Bits<'a> {
    bytes: &'a [u8],
    /// In bits.
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: usize) -> Result<usize, Stop> {
        let mut value = 0;
        for bit in 0..count {
            let byte = self.bytes.get(self.at / 8).ok_or(Stop::Short)?;
            value |= usize::from(byte >> (self.at % 8) & 1) << bit;
            self.at += 1;
        }
        Ok(value)
    }
}

/// The codes of one length after the other: how many there are, and what they stand for.
struct Code {
    counts: [usize; 16],
    symbols: Vec<usize>,
}

impl Code {
    fn new(lengths: &[usize]) -> Self {
        let mut counts = [0; 16];
        lengths.iter().filter(|len| **len > 0).for_each(|len| counts[*len] += 1);
        let of = |len| (0..lengths.len()).filter(move |symbol| lengths[*symbol] == len);
        Self { counts, symbols: (1..16).flat_map(of).collect() }
    }

    /// How many codes there could be more, or that there are too many.
    fn left(&self) -> i64 {
        (1..16).fold(1, |left, len| 2 * left - self.counts[len] as i64)
    }

    fn read(&self, bits: &mut Bits<'_>) -> Result<usize, Stop> {
        let (mut code, mut first, mut index) = (0, 0, 0);
        for count in &self.counts[1..] {
            code |= bits.take(1)?;
            if code < first + count {
                return Ok(self.symbols[index + code - first]);
            }
            (index, first, code) = (index + count, (first + count) << 1, code << 1);
        }
        Err(Stop::Bad)
    }
}

fn block(bits: &mut Bits<'_>, out: &mut Vec<u8>, most: usize) -> Result<bool, Stop> {
    let last = bits.take(1)? == 1;
    match bits.take(2)? {
        0 => {
            bits.at = bits.at.next_multiple_of(8);
            let (len, check) = (bits.take(16)?, bits.take(16)?);
            if len != !check & 0xffff {
                return Err(Stop::Bad);
            }
            for _ in 0..len {
                out.push(bits.take(8)? as u8);
            }
        }
        1 => {
            let len = |symbol| {
                if symbol < 144 {
                    8
                } else if symbol < 256 {
                    9
                } else if symbol < 280 {
                    7
                } else {
                    8
                }
            };
            let lengths: Vec<usize> = (0..288).map(len).collect();
            symbols(bits, out, most, &Code::new(&lengths), &Code::new(&[5; 32]))?;
        }
        2 => {
            let (literals, distances) = codes(bits)?;
            symbols(bits, out, most, &literals, &distances)?;
        }
        _ => return Err(Stop::Bad),
    }
    if out.len() > most { Err(Stop::Enough) } else { Ok(last) }
}

fn codes(bits: &mut Bits<'_>) -> Result<(Code, Code), Stop> {
    const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
    let (literals, distances, count) = (bits.take(5)? + 257, bits.take(5)? + 1, bits.take(4)? + 4);
    // There are codes for more, which mean nothing.
    if literals > 286 || distances > 30 {
        return Err(Stop::Bad);
    }
    let mut lengths = [0; 19];
    for place in &ORDER[..count] {
        lengths[*place] = bits.take(3)?;
    }
    let code = Code::new(&lengths);
    if code.left() != 0 {
        return Err(Stop::Bad);
    }
    let mut lengths = Vec::new();
    while lengths.len() < literals + distances {
        let (value, times) = match code.read(bits)? {
            16 => (*lengths.last().ok_or(Stop::Bad)?, 3 + bits.take(2)?),
            17 => (0, 3 + bits.take(3)?),
            18 => (0, 11 + bits.take(7)?),
            len => (len, 1),
        };
        lengths.extend(std::iter::repeat_n(value, times));
    }
    if lengths.len() > literals + distances {
        return Err(Stop::Bad);
    }
    let (literals, distances) = (Code::new(&lengths[..literals]), Code::new(&lengths[literals..]));
    // A single code of one bit is the one incomplete set that there may be.
    let fits = |code: &Code| {
        code.left() == 0 || code.left() > 0 && code.symbols.len() <= 1 && code.counts[1] == code.symbols.len()
    };
    if fits(&literals) && fits(&distances) { Ok((literals, distances)) } else { Err(Stop::Bad) }
}

fn symbols(
    bits: &mut Bits<'_>,
    out: &mut Vec<u8>,
    most: usize,
    literals: &Code,
    distances: &Code,
) -> Result<(), Stop> {
    while out.len() <= most {
        let symbol = literals.read(bits)?;
        let (base, extra) = match symbol {
            256 => return Ok(()),
            0..256 => {
                out.push(symbol as u8);
                continue;
            }
            257..265 => (symbol - 254, 0),
            265..285 => {
                let extra = (symbol - 261) / 4;
                (3 + ((4 + (symbol - 261) % 4) << extra), extra)
            }
            285 => (258, 0),
            _ => return Err(Stop::Bad),
        };
        let len = base + bits.take(extra)?;
        let symbol = distances.read(bits)?;
        let (base, extra) = match symbol {
            0..4 => (symbol + 1, 0),
            4..30 => {
                let extra = symbol / 2 - 1;
                (1 + ((2 + symbol % 2) << extra), extra)
            }
            _ => return Err(Stop::Bad),
        };
        let distance = base + bits.take(extra)?;
        let from = out.len().checked_sub(distance).ok_or(Stop::Unknown)?;
        (from..from + len).for_each(|at| out.push(out[at]));
    }
    Err(Stop::Enough)
}
