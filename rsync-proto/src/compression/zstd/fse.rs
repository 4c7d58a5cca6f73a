//! Tables of finite state entropy: how they are described, and how a state gives a symbol and the next state.

use super::bits::{Backward, Forward};
use super::{Fault, fault};

/// Where a state leads: the symbol that it stands for, and the states that can follow.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cell {
    pub(super) symbol: u8,
    pub(super) bits: u8,
    pub(super) base: u16,
}

/// One table.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    pub(super) cells: Vec<Cell>,
    log: u32,
}

impl Table {
    /// A table that knows one symbol, which takes no bits.
    pub(super) fn single(symbol: u8) -> Self {
        Self { cells: vec![Cell { symbol, bits: 0, base: 0 }], log: 0 }
    }

    /// Reads a description: shares of the symbols, in counts out of a power of two. At most `max_log` is that
    /// power, and the symbols end before `symbols`. Returns the bytes that it took.
    pub(super) fn describe(data: &[u8], max_log: u32, symbols: usize) -> Result<(Self, usize), Fault> {
        let mut bits = Forward::new(data);
        let log = bits.peek(4) + 5;
        bits.skip(4);
        if log > max_log {
            return Err(fault("a table of too many states"));
        }
        let mut shares = [0i16; 256];
        let mut count = 0;
        let mut remaining = 1i32 << log;
        while remaining > 0 {
            if count >= symbols {
                return Err(fault("a table of too many symbols"));
            }
            // Values up to `remaining + 1` can stand here; the lower ones do with a bit less.
            let width = (remaining + 1).ilog2() + 1;
            let value = bits.peek(width) as i32;
            let low = value & ((1 << (width - 1)) - 1);
            let spare = (1 << width) - 2 - remaining;
            let value = if low < spare {
                bits.skip(width - 1);
                low
            } else {
                bits.skip(width);
                if value >= 1 << (width - 1) { value - spare } else { value }
            };
            let share = value - 1;
            remaining -= share.abs();
            shares[count] = share as i16;
            count += 1;
            if share == 0 {
                loop {
                    let zeros = bits.peek(2);
                    bits.skip(2);
                    count += zeros as usize;
                    if count > symbols {
                        return Err(fault("a table of too many symbols"));
                    }
                    if zeros < 3 {
                        break;
                    }
                }
            }
        }
        if remaining < 0 {
            return Err(fault("a table whose shares are more than all"));
        }
        let used = bits.bytes()?;
        Ok((Self::new(&shares[..count], log), used))
    }

    /// The table for these shares, which add up to `1 << log`; -1 is a share of less than one.
    pub(super) fn new(shares: &[i16], log: u32) -> Self {
        let size = 1usize << log;
        let mut cells = vec![Cell::default(); size];
        let mut next = [0u16; 256];
        let mut high = size;
        for (symbol, share) in shares.iter().enumerate() {
            next[symbol] = share.unsigned_abs();
            if *share < 0 {
                high -= 1;
                cells[high].symbol = symbol as u8;
            }
        }
        let step = (size >> 1) + (size >> 3) + 3;
        let mut at = 0;
        for (symbol, share) in shares.iter().enumerate() {
            for _ in 0..(*share).max(0) {
                cells[at].symbol = symbol as u8;
                loop {
                    at = (at + step) & (size - 1);
                    if at < high {
                        break;
                    }
                }
            }
        }
        for cell in &mut cells {
            let count = &mut next[usize::from(cell.symbol)];
            let bits = log - count.ilog2();
            cell.bits = bits as u8;
            cell.base = ((u32::from(*count) << bits) - size as u32) as u16;
            *count += 1;
        }
        Self { cells, log }
    }
}

/// A walk through a table.
pub(super) struct State<'a> {
    cells: &'a [Cell],
    cell: Cell,
}

impl<'a> State<'a> {
    pub(super) fn new(table: &'a Table, bits: &mut Backward<'_>) -> Self {
        let at = bits.read(table.log) as usize;
        Self { cells: &table.cells, cell: table.cells[at] }
    }

    #[inline(always)]
    pub(super) fn symbol(&self) -> u8 {
        self.cell.symbol
    }

    /// Goes on to the next state.
    #[inline(always)]
    pub(super) fn step(&mut self, bits: &mut Backward<'_>) {
        let more = bits.read(u32::from(self.cell.bits)) as usize;
        self.cell = self.cells[usize::from(self.cell.base) + more];
    }
}
