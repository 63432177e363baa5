//! Sixty-four bytes at a time: where in them are quotes and brackets, as bits. Knows nothing of records.
//!
//! The method is that of simdjson's first stage: G. Langdale and D. Lemire, *Parsing Gigabytes of JSON per Second*,
//! <https://arxiv.org/abs/1902.08318>, section 3.1.

#![expect(clippy::inline_always, reason = "only what is inlined into the version for newer processors is compiled for them")]

use multiversion::multiversion;
use wide::u8x16;

/// Bytes that are looked at together: one for each bit of a mask.
pub(crate) const BLOCK: usize = 64;
/// The same, as places are kept.
const BLOCK_MARKS: u32 = 64;

/// What is known of strings at a place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Strings {
    /// All bits where a string is open, else none.
    open: u64,
    /// 1 where the next byte is escaped.
    escape: u64,
}

impl Strings {
    /// Says whether a string is open.
    pub(crate) const fn is_open(self) -> bool {
        self.open != 0
    }
}

/// How far a text was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Looked {
    /// Up to here.
    pub(crate) until: usize,
    /// What is known of strings there.
    pub(crate) strings: Strings,
    /// There is a line feed in a string here, and nothing after it was looked at.
    pub(crate) broken_at: Option<usize>,
}

/// Finds the brackets and line feeds outside of strings in all whole blocks of a text, from `from` on, where `strings` is known; adds
/// where they are.
///
/// One version of it is compiled for newer processors, and chosen when it runs.
#[multiversion(targets("x86_64+avx+avx2+bmi1+bmi2+popcnt+lzcnt"))]
pub(crate) fn look(text: &[u8], from: usize, strings: Strings, marks: &mut Vec<u32>) -> Looked {
    let mut state = strings;
    let blocks = text.get(from..).unwrap_or_default().as_chunks::<BLOCK>().0;
    let mut at = from;
    // Windows are far smaller than 4 GiB.
    let mut first_mark = u32::try_from(from).unwrap_or(u32::MAX);
    for block in blocks {
        let masks = Masks::of(block);
        let (backslashes, newlines) = if masks.rare { (mask_of(block, b'\\'), mask_of(block, b'\n')) } else { (0, 0) };
        let (is_escaped, escape) = escaped(backslashes, state.escape);
        let inside = between(masks.quotes & !is_escaped) ^ state.open;
        let mut bits = (masks.brackets | newlines) & !inside;
        let broken = newlines & inside;
        if broken != 0 {
            bits &= (broken & broken.wrapping_neg()) - 1;
        }
        add(marks, first_mark, bits);
        if broken != 0 {
            return Looked { until: at, strings: state, broken_at: Some(at + broken.trailing_zeros() as usize) };
        }
        state = Strings { open: 0_u64.wrapping_sub(inside >> 63), escape };
        at += BLOCK;
        first_mark = first_mark.wrapping_add(BLOCK_MARKS);
    }
    Looked { until: at, strings: state, broken_at: None }
}

/// Adds where bits are set. Most blocks have few: four are written at once, and those that are too many taken back.
#[inline(always)]
fn add(marks: &mut Vec<u32>, first_mark: u32, mut bits: u64) {
    const AT_ONCE: usize = 4;
    let count = bits.count_ones() as usize;
    let wanted = marks.len() + count;
    loop {
        let mut some = [0; AT_ONCE];
        for mark in &mut some {
            *mark = first_mark.wrapping_add(bits.trailing_zeros());
            bits &= bits.wrapping_sub(1);
        }
        marks.extend_from_slice(&some);
        if bits == 0 {
            break;
        }
    }
    marks.truncate(wanted);
}

/// What is where in a block. The lowest bit stands for the first byte.
#[derive(Clone, Copy)]
struct Masks {
    /// `"`, escaped or not.
    quotes: u64,
    /// `{`, `[`, `}` and `]`, in strings or not.
    brackets: u64,
    /// Whether there is any `\` or line feed, which most blocks do not have.
    rare: bool,
}

impl Masks {
    #[inline(always)]
    fn of(block: &[u8; BLOCK]) -> Self {
        let parts = parts(block);
        // `{` and `[`, and `}` and `]`, differ in one bit.
        let brackets = parts.map(|part| {
            let folded = part | u8x16::splat(0x20);
            folded.simd_eq(u8x16::splat(b'{')) | folded.simd_eq(u8x16::splat(b'}'))
        });
        let [a, b, c, d] = parts.map(|part| part.simd_eq(u8x16::splat(b'\\')) | part.simd_eq(u8x16::splat(b'\n')));
        Self {
            quotes: bits(parts.map(|part| part.simd_eq(u8x16::splat(b'"')))),
            brackets: bits(brackets),
            rare: ((a | b) | (c | d)).to_bitmask() != 0,
        }
    }
}

/// Says where in a block a byte is.
#[inline(always)]
fn mask_of(block: &[u8; BLOCK], byte: u8) -> u64 {
    bits(parts(block).map(|part| part.simd_eq(u8x16::splat(byte))))
}

#[inline(always)]
fn parts(block: &[u8; BLOCK]) -> [u8x16; 4] {
    let ([a, b, c, d], []) = block.as_chunks::<16>() else {
        return [u8x16::splat(0); 4];
    };
    [u8x16::new(*a), u8x16::new(*b), u8x16::new(*c), u8x16::new(*d)]
}

#[inline(always)]
fn bits([a, b, c, d]: [u8x16; 4]) -> u64 {
    let low = u64::from(a.to_bitmask()) | u64::from(b.to_bitmask()) << 16;
    let high = u64::from(c.to_bitmask()) | u64::from(d.to_bitmask()) << 16;
    low | high << 32
}

/// Sets each bit that has an odd number of set bits at or below it: from quotes to what is between them.
#[inline(always)]
const fn between(quotes: u64) -> u64 {
    let mut mask = quotes;
    mask ^= mask << 1;
    mask ^= mask << 2;
    mask ^= mask << 4;
    mask ^= mask << 8;
    mask ^= mask << 16;
    mask ^= mask << 32;
    mask
}

/// Returns which bytes are escaped by a backslash before them, and whether the byte after the block is; `carried` is what the block before
/// returned (0 or 1).
#[inline(always)]
const fn escaped(backslashes: u64, carried: u64) -> (u64, u64) {
    const ODD: u64 = 0xaaaa_aaaa_aaaa_aaaa;
    if backslashes == 0 {
        return (carried, 0);
    }
    let may_escape = backslashes & !carried;
    let code = ((may_escape << 1) | ODD).wrapping_sub(may_escape) ^ ODD;
    (code ^ (backslashes | carried), (code & backslashes) >> 63)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a look byte by byte finds: marks, and the line feed in a string.
    fn looked_slowly(text: &[u8]) -> (Vec<u32>, Option<usize>) {
        let (mut is_escaped, mut in_string) = (false, false);
        let mut marks = Vec::new();
        for (index, byte) in text.iter().enumerate() {
            in_string ^= *byte == b'"' && !is_escaped;
            is_escaped = *byte == b'\\' && !is_escaped;
            match byte {
                b'\n' if in_string => return (marks, Some(index)),
                b'{' | b'[' | b'}' | b']' | b'\n' if !in_string => marks.push(u32::try_from(index).unwrap()),
                _ => {}
            }
        }
        (marks, None)
    }

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![
            20 => prop_oneof![Just(b'"'), Just(b'\\'), Just(b'{'), Just(b']')],
            1 => Just(b'\n'),
            20 => any::<u8>().prop_filter("a line feed is rare", |byte| *byte != b'\n')
        ];
        proptest::collection::vec(byte, 0..5).prop_flat_map(|few| {
            proptest::collection::vec(prop_oneof![any::<u8>(), proptest::sample::select([&few[..], b"\"\\{}[]a"].concat())], 8 * BLOCK)
        })
    }

    proptest! {
        #[test]
        fn sixty_four_bytes_at_a_time_are_as_good_as_one_at_a_time(text in bytes(), cut in 0_usize..8) {
            let (marks, broken) = looked_slowly(&text);
            let mut found = Vec::new();
            // In two goes, as a window would have it.
            let (first, _) = text.split_at(cut * BLOCK);
            let looked = look(first, 0, Strings::default(), &mut found);
            let looked = if looked.broken_at.is_some() { looked } else { look(&text, looked.until, looked.strings, &mut found) };
            prop_assert_eq!(looked.broken_at, broken);
            prop_assert_eq!(found, marks);
        }
    }
}
