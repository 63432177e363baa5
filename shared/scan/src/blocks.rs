//! Sixty-four bytes at a time: where in them are quotes and brackets, and the ends of a few fields' names, as bits. Knows nothing of records.
//!
//! The method is that of simdjson's first stage: G. Langdale and D. Lemire, *Parsing Gigabytes of JSON per Second*,
//! <https://arxiv.org/abs/1902.08318>, section 3.1.

#![expect(clippy::inline_always, reason = "only what is inlined into the version for newer processors is compiled for them")]

#[cfg(target_arch = "x86_64")]
mod newer;

use multiversion::multiversion;
use multiversion::target::match_target;
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
    /// 1 where the byte before is one of the last letters.
    last: u64,
    /// Likewise of the last letters but one, for the two bytes before.
    last_but_one: u64,
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
/// where they are. Adds as well what tells of the fields `eventID`, `eventSource` and `eventName`: the closing quotes of strings that end
/// as one of them does, and each `\` that may begin a `\u`, by which their names may be written otherwise.
///
/// What is found is first one number for each block, in `found`, then places: of both in one loop, compilers make worse code.
pub(crate) fn look(text: &[u8], from: usize, strings: Strings, found: &mut Vec<u64>, marks: &mut Vec<u32>) -> Looked {
    found.clear();
    let looked = find(text, from, strings, found);
    // Windows are far smaller than 4 GiB.
    add(found, u32::try_from(from).unwrap_or(u32::MAX), marks);
    looked
}

/// Finds what [`look`] adds, in each block.
///
/// Two more versions of it are compiled for newer processors, and one chosen when it runs.
#[multiversion(targets(
    "x86_64+avx+avx2+avx512f+avx512bw+bmi1+bmi2+popcnt+lzcnt+pclmulqdq",
    "x86_64+avx+avx2+bmi1+bmi2+popcnt+lzcnt+pclmulqdq"
))]
fn find(text: &[u8], from: usize, strings: Strings, found: &mut Vec<u64>) -> Looked {
    let mut state = strings;
    let blocks = text.get(from..).unwrap_or_default().as_chunks::<BLOCK>().0;
    found.reserve(blocks.len());
    let mut at = from;
    for block in blocks {
        let masks = match_target! {
            "x86_64+avx512f+avx512bw" => newer::masks_512(block),
            "x86_64+avx2" => newer::masks_256(block),
            _ => Masks::of(block),
        };
        let (backslashes, newlines, unicode) = if masks.rare { rare(block) } else { (0, 0, 0) };
        let (is_escaped, escape) = escaped(backslashes, state.escape);
        let quotes = masks.quotes & !is_escaped;
        let until_quotes = match_target! {
            "x86_64+pclmulqdq" => newer::between(quotes),
            _ => between(quotes),
        };
        let inside = until_quotes ^ state.open;
        let broken = newlines & inside;
        // All bits, or those before the line feed in a string.
        let kept = (broken & broken.wrapping_neg()).wrapping_sub(1);
        let outside = !inside & kept;
        let names = quotes & outside & (masks.last << 1 | state.last) & (masks.last_but_one << 2 | state.last_but_one);
        found.push((masks.brackets | newlines) & outside | names | unicode & kept);
        if broken != 0 {
            return Looked { until: at, strings: state, broken_at: Some(at + broken.trailing_zeros() as usize) };
        }
        let open = 0_u64.wrapping_sub(inside >> 63);
        state = Strings { open, escape, last: masks.last >> 63, last_but_one: masks.last_but_one >> 62 };
        at += BLOCK;
    }
    Looked { until: at, strings: state, broken_at: None }
}

/// Adds where bits are set. Most blocks have few: four are written at once, and those that are too many taken back.
#[multiversion(targets("x86_64+bmi1+lzcnt+popcnt"))]
fn add(found: &[u64], from: u32, marks: &mut Vec<u32>) {
    const AT_ONCE: usize = 4;
    let mut first_mark = from;
    for bits in found {
        let mut bits = *bits;
        let wanted = marks.len() + bits.count_ones() as usize;
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
        first_mark = first_mark.wrapping_add(BLOCK_MARKS);
    }
}

/// Returns where in a block are `\`, line feeds, and each `\` that may begin a `\u`.
#[inline(always)]
fn rare(block: &[u8; BLOCK]) -> (u64, u64, u64) {
    const LAST: u64 = 1 << 63;
    let backslashes = mask_of(block, b'\\');
    (backslashes, mask_of(block, b'\n'), backslashes & (mask_of(block, b'u') >> 1 | LAST))
}

/// What is where in a block. The lowest bit stands for the first byte.
#[derive(Clone, Copy)]
struct Masks {
    /// `"`, escaped or not.
    quotes: u64,
    /// `{`, `[`, `}` and `]`, in strings or not.
    brackets: u64,
    /// The last letters of the fields that are looked for: [`LAST`].
    last: u64,
    /// Their last letters but one: [`LAST_BUT_ONE`].
    last_but_one: u64,
    /// Whether there is any `\` or line feed, which most blocks do not have.
    rare: bool,
}

/// The last letters of `eventID`, and of `eventSource` and `eventName`.
const LAST: [u8; 2] = *b"De";
/// The last letters but one of `eventID`, `eventSource` and `eventName`.
const LAST_BUT_ONE: [u8; 3] = *b"Icm";

impl Masks {
    #[inline(always)]
    fn of(block: &[u8; BLOCK]) -> Self {
        let parts = parts(block);
        // `{` and `[`, and `}` and `]`, differ in one bit.
        let folded = parts.map(|part| part | u8x16::splat(0x20));
        let [a, b, c, d] = parts.map(|part| part.simd_eq(u8x16::splat(b'\\')) | part.simd_eq(u8x16::splat(b'\n')));
        let [last, also_last] = LAST.map(u8x16::splat);
        let [one, two, three] = LAST_BUT_ONE.map(u8x16::splat);
        Self {
            quotes: bits(parts.map(|part| part.simd_eq(u8x16::splat(b'"')))),
            brackets: bits(folded.map(|part| part.simd_eq(u8x16::splat(b'{')) | part.simd_eq(u8x16::splat(b'}')))),
            last: bits(parts.map(|part| part.simd_eq(last) | part.simd_eq(also_last))),
            last_but_one: bits(parts.map(|part| part.simd_eq(one) | part.simd_eq(two) | part.simd_eq(three))),
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
            let is_quote = *byte == b'"' && !is_escaped;
            in_string ^= is_quote;
            let before = |count: usize| index.checked_sub(count).and_then(|index| text.get(index)).copied().unwrap_or_default();
            let ends_a_name = LAST.contains(&before(1)) && LAST_BUT_ONE.contains(&before(2));
            let may_be_unicode = index % BLOCK == BLOCK - 1 || text.get(index + 1) == Some(&b'u');
            is_escaped = *byte == b'\\' && !is_escaped;
            match byte {
                b'\n' if in_string => return (marks, Some(index)),
                b'{' | b'[' | b'}' | b']' | b'\n' if !in_string => marks.push(u32::try_from(index).unwrap()),
                b'"' if is_quote && !in_string && ends_a_name => marks.push(u32::try_from(index).unwrap()),
                b'\\' if may_be_unicode => marks.push(u32::try_from(index).unwrap()),
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
            proptest::collection::vec(
                prop_oneof![any::<u8>(), proptest::sample::select([&few[..], b"\"\\{}[]aDIecmu"].concat())],
                8 * BLOCK,
            )
        })
    }

    proptest! {
        #[test]
        fn sixty_four_bytes_at_a_time_are_as_good_as_one_at_a_time(text in bytes(), cut in 0_usize..8) {
            let (marks, broken) = looked_slowly(&text);
            let (mut blocks, mut found) = (Vec::new(), Vec::new());
            // In two goes, as a window would have it.
            let (first, _) = text.split_at(cut * BLOCK);
            let mut looked = look(first, 0, Strings::default(), &mut blocks, &mut found);
            if looked.broken_at.is_none() {
                looked = look(&text, looked.until, looked.strings, &mut blocks, &mut found);
            }
            prop_assert_eq!(looked.broken_at, broken);
            prop_assert_eq!(found, marks);
        }
    }
}
