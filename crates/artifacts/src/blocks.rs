//! JSON, 64 bytes at a time: where values nest, without reading what they say.

use wide::u8x16;

/// Bytes that are looked at together.
pub(crate) const BLOCK: usize = 64;

/// What is known of a value after the blocks read so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Nesting {
    depth: u64,
    /// All ones inside a string.
    string: u64,
    /// One when the next byte is escaped.
    escaped: u64,
}

impl Nesting {
    /// Takes the next block of an object or array, its first byte included. The number of bytes
    /// up to and with the last one, when it ends here.
    ///
    /// Brackets are counted, not matched: what is skipped is not judged, what is read is parsed
    /// again by a whole parser.
    pub(crate) fn end(&mut self, block: &[u8; BLOCK]) -> Option<usize> {
        let masks = Masks::of(block);
        let quotes = masks.quotes & !self.escapes(masks.backslashes);
        let inside = prefix_xor(quotes) ^ self.string;
        self.string = if inside >> 63 == 1 { u64::MAX } else { 0 };
        let opened = masks.opening & !inside;
        let mut closed = masks.closing & !inside;
        if u64::from(closed.count_ones()) < self.depth {
            self.depth =
                self.depth + u64::from(opened.count_ones()) - u64::from(closed.count_ones());
            return None;
        }
        let before = self.depth;
        let mut closings = 0;
        while closed != 0 {
            let at = closed.trailing_zeros();
            closings += 1;
            let openings = u64::from((opened & ((1 << at) - 1)).count_ones());
            if before + openings <= closings {
                return Some(at as usize + 1);
            }
            closed &= closed - 1;
        }
        self.depth = before + u64::from(opened.count_ones()) - closings;
        None
    }

    /// Bytes after an odd number of backslashes.
    fn escapes(&mut self, backslashes: u64) -> u64 {
        if backslashes == 0 {
            return std::mem::take(&mut self.escaped);
        }
        // A run of backslashes escapes every second byte from its second one on. Adding its start
        // to the run carries through it: runs that start at even and at odd bytes are told apart.
        const EVEN: u64 = 0x5555_5555_5555_5555;
        let backslashes = backslashes & !self.escaped;
        let follows = backslashes << 1 | self.escaped;
        let odd_starts = backslashes & !EVEN & !follows;
        let (sums, carried) = odd_starts.overflowing_add(backslashes);
        self.escaped = u64::from(carried);
        (EVEN ^ (sums << 1)) & follows
    }
}

struct Masks {
    quotes: u64,
    backslashes: u64,
    opening: u64,
    closing: u64,
}

impl Masks {
    fn of(block: &[u8; BLOCK]) -> Self {
        let mut masks = Self {
            quotes: 0,
            backslashes: 0,
            opening: 0,
            closing: 0,
        };
        for (i, part) in block.as_chunks::<16>().0.iter().enumerate() {
            let bytes = u8x16::new(*part);
            // `[` and `{`, `]` and `}` differ in this bit only.
            let braces = bytes | u8x16::splat(0x20);
            let mask = |bytes: u8x16, byte| {
                u64::from(bytes.simd_eq(u8x16::splat(byte)).to_bitmask()) << (i * 16)
            };
            masks.quotes |= mask(bytes, b'"');
            masks.backslashes |= mask(bytes, b'\\');
            masks.opening |= mask(braces, b'{');
            masks.closing |= mask(braces, b'}');
        }
        masks
    }
}

/// Bit n is the parity of the bits up to n.
fn prefix_xor(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}
