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
const BLOCK_MARKS: u16 = 64;

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

/// Bits of a block, one number for each of the kinds of bytes that are looked for; the lowest bit stands for the first byte. In their order:
/// `"`, escaped or not; `{`, `[`, `}` and `]`, in strings or not; [`LAST`]; [`LAST_BUT_ONE`]; `\`; line feeds; `u`; nothing.
///
/// The last four may all be zero where there is neither a `\` nor a line feed, as in most blocks.
type Kinds = [u64; 8];

/// Blocks that are looked at together, where the processor can.
const GROUP: usize = 8;

/// Places in a text, in their order.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    /// The places, then whatever was written there before: nothing is cleared that is soon written again.
    places: Vec<u16>,
    count: usize,
}

impl Marks {
    pub(crate) fn places(&self) -> &[u16] {
        self.places.get(..self.count).unwrap_or_default()
    }

    pub(crate) const fn clear(&mut self) {
        self.count = 0;
    }
}

/// Finds the brackets and line feeds outside of strings in all whole blocks of a text, from `from` on, where `strings` is known; adds
/// where they are, counted from `from`. Adds as well what tells of the fields `eventID`, `eventSource` and `eventName`: the closing quotes
/// of strings that end as one of them does, and each `\` that may begin a `\u`, by which their names may be written otherwise.
///
/// What is found is first one number for each block, in `found`, then places: of both in one loop, compilers make worse code. The text is
/// shorter than 64 KiB.
pub(crate) fn look(text: &[u8], from: usize, strings: Strings, found: &mut Vec<u64>, marks: &mut Marks) -> Looked {
    let blocks = text.get(from..).unwrap_or_default().as_chunks::<BLOCK>().0;
    found.resize(blocks.len(), 0);
    let looked = find(blocks, from, strings, found);
    if looked.broken_at.is_some() {
        found.truncate((looked.until - from) / BLOCK + 1);
    }
    add(found, marks);
    looked
}

/// Finds what [`look`] adds, in each block.
///
/// Two more versions of it are compiled for newer processors, and one chosen when it runs.
#[multiversion(targets(
    "x86_64+avx+avx2+avx512f+avx512bw+avx512dq+avx512vbmi+avx512vbmi2+gfni+vpclmulqdq+bmi1+bmi2+popcnt+lzcnt+pclmulqdq",
    "x86_64+avx+avx2+bmi1+bmi2+popcnt+lzcnt+pclmulqdq"
))]
fn find(blocks: &[[u8; BLOCK]], from: usize, strings: Strings, found: &mut [u64]) -> Looked {
    let mut state = strings;
    let mut at = from;
    for (blocks, found) in blocks.chunks(GROUP).zip(found.chunks_mut(GROUP)) {
        let at_once = match_target! {
            "x86_64+avx512f+avx512bw+avx512dq+avx512vbmi+avx512vbmi2+gfni+vpclmulqdq" => {
                blocks.first_chunk().and_then(|blocks| newer::find_512(blocks, state))
            },
            _ => None::<([u64; GROUP], Strings)>,
        };
        if let (Some((bits, strings)), Some(found)) = (at_once, found.first_chunk_mut()) {
            (*found, state) = (bits, strings);
            at = at.wrapping_add(GROUP * BLOCK);
            continue;
        }
        for (block, found) in blocks.iter().zip(found) {
            let kinds = match_target! {
                "x86_64+avx512f+avx512bw+avx512vbmi+gfni" => newer::kinds_512(block),
                "x86_64+avx2" => newer::kinds_256(block),
                _ => kinds_of(block),
            };
            let is_between = match_target! {
                "x86_64+pclmulqdq" => |quotes: u64| newer::between(quotes),
                _ => between,
            };
            let broken;
            (*found, broken) = found_in(kinds, &mut state, is_between);
            if broken != 0 {
                return Looked { until: at, strings: state, broken_at: Some(at + broken.trailing_zeros() as usize) };
            }
            at = at.wrapping_add(BLOCK);
        }
    }
    Looked { until: at, strings: state, broken_at: None }
}

/// Finds what [`look`] adds in a block, and the line feeds in strings; of a block with such, only what comes before.
#[inline(always)]
fn found_in(kinds: Kinds, state: &mut Strings, between: impl Fn(u64) -> u64) -> (u64, u64) {
    const LAST_BIT: u64 = 1 << 63;
    let [quotes, brackets, last, last_but_one, backslashes, newlines, us, _] = kinds;
    let (is_escaped, escape) = escaped(backslashes, state.escape);
    let quotes = quotes & !is_escaped;
    let inside = between(quotes) ^ state.open;
    let names = quotes & !inside & (last << 1 | state.last) & (last_but_one << 2 | state.last_but_one);
    let unicode = backslashes & (us >> 1 | LAST_BIT);
    let found = (brackets | newlines) & !inside | names | unicode;
    let broken = newlines & inside;
    if broken != 0 {
        return (found & (broken & broken.wrapping_neg()).wrapping_sub(1), broken);
    }
    let open = (inside.cast_signed() >> 63).cast_unsigned();
    *state = Strings { open, escape, last: last >> 63, last_but_one: last_but_one >> 62 };
    (found, 0)
}

/// Returns where the lowest bit is set.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "a block has 64 places")]
const fn lowest(bits: u64) -> u16 {
    bits.trailing_zeros() as u16
}

/// Adds where bits are set. Most blocks have few: four are written at once, and those that are too many taken back.
#[multiversion(targets("x86_64+bmi1+lzcnt+popcnt"))]
fn add(found: &[u64], marks: &mut Marks) {
    const AT_ONCE: usize = 4;
    let Marks { places, count: filled } = marks;
    let most = *filled + found.len() * BLOCK + AT_ONCE;
    if places.len() < most {
        places.resize(most, 0);
    }
    let mut first_mark = 0_u16;
    for bits in found {
        let mut rest = *bits;
        let mut at = *filled;
        loop {
            if let Some(into) = places.get_mut(at..).and_then(<[u16]>::first_chunk_mut::<AT_ONCE>) {
                for mark in into {
                    *mark = first_mark.wrapping_add(lowest(rest));
                    rest &= rest.wrapping_sub(1);
                }
            }
            if rest == 0 {
                break;
            }
            at = at.wrapping_add(AT_ONCE);
        }
        *filled = filled.wrapping_add(bits.count_ones() as usize);
        first_mark = first_mark.wrapping_add(BLOCK_MARKS);
    }
}

/// The last letters of `eventID`, and of `eventSource` and `eventName`.
const LAST: [u8; 2] = *b"De";
/// The last letters but one of `eventID`, `eventSource` and `eventName`.
const LAST_BUT_ONE: [u8; 3] = *b"Icm";

#[inline(always)]
fn kinds_of(block: &[u8; BLOCK]) -> Kinds {
    let parts = parts(block);
    // `{` and `[`, and `}` and `]`, differ in one bit.
    let folded = parts.map(|part| part | u8x16::splat(0x20));
    let [a, b, c, d] = parts.map(|part| part.simd_eq(u8x16::splat(b'\\')) | part.simd_eq(u8x16::splat(b'\n')));
    let [last, also_last] = LAST.map(u8x16::splat);
    let [one, two, three] = LAST_BUT_ONE.map(u8x16::splat);
    let [backslashes, newlines, us] = if ((a | b) | (c | d)).to_bitmask() == 0 { [0; 3] } else { rare(block) };
    [
        bits(parts.map(|part| part.simd_eq(u8x16::splat(b'"')))),
        bits(folded.map(|part| part.simd_eq(u8x16::splat(b'{')) | part.simd_eq(u8x16::splat(b'}')))),
        bits(parts.map(|part| part.simd_eq(last) | part.simd_eq(also_last))),
        bits(parts.map(|part| part.simd_eq(one) | part.simd_eq(two) | part.simd_eq(three))),
        backslashes,
        newlines,
        us,
        0,
    ]
}

/// Returns where in a block are `\`, line feeds and `u`.
#[inline(always)]
fn rare(block: &[u8; BLOCK]) -> [u64; 3] {
    [mask_of(block, b'\\'), mask_of(block, b'\n'), mask_of(block, b'u')]
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

    /// What a look byte by byte finds: places, and the line feed in a string.
    fn looked_slowly(text: &[u8]) -> (Vec<usize>, Option<usize>) {
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
                b'{' | b'[' | b'}' | b']' | b'\n' if !in_string => marks.push(index),
                b'"' if is_quote && !in_string && ends_a_name => marks.push(index),
                b'\\' if may_be_unicode => marks.push(index),
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
                40 * BLOCK,
            )
        })
    }

    /// What is found in all blocks without any instruction of newer processors.
    fn found_plainly(text: &[u8]) -> (Vec<usize>, Option<usize>) {
        let mut state = Strings::default();
        let mut places = Vec::new();
        for (index, block) in text.as_chunks::<BLOCK>().0.iter().enumerate() {
            let (found, broken) = found_in(kinds_of(block), &mut state, between);
            places.extend((0..BLOCK).filter(|bit| found >> bit & 1 == 1).map(|bit| index * BLOCK + bit));
            if broken != 0 {
                return (places, Some(index * BLOCK + broken.trailing_zeros() as usize));
            }
        }
        (places, None)
    }

    proptest! {
        #[test]
        fn sixty_four_bytes_at_a_time_are_as_good_as_one_at_a_time(text in bytes(), cut in 0_usize..40) {
            let (places, broken) = looked_slowly(&text);
            prop_assert_eq!(found_plainly(&text), (places.clone(), broken));
            let (mut blocks, mut marks) = (Vec::new(), Marks::default());
            // In two goes, as a window would have it.
            let (first, _) = text.split_at(cut * BLOCK);
            let mut looked = look(first, 0, Strings::default(), &mut blocks, &mut marks);
            let mut found: Vec<usize> = marks.places().iter().copied().map(usize::from).collect();
            marks.clear();
            if looked.broken_at.is_none() {
                let from = looked.until;
                looked = look(&text, from, looked.strings, &mut blocks, &mut marks);
                found.extend(marks.places().iter().map(|mark| from + usize::from(*mark)));
            }
            prop_assert_eq!(looked.broken_at, broken);
            prop_assert_eq!(found, places);
        }
    }
}
