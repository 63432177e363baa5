//! Sixty-four bytes at a time: where in them are brackets, and what may be the names of a few fields, as bits. Knows nothing of records.
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

/// What is known of strings at a place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Strings {
    /// All bits where a string is open, else none.
    open: u64,
    /// 1 where the next byte is escaped.
    escape: u64,
    /// Which of the last bytes begin a string: one bit for each of [`BEFORE`], the highest for the last.
    begun: u64,
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
/// `"`, escaped or not; `{` and `[`, in strings or not; `}` and `]`, likewise; [`TELLING`]; `\`; line feeds; `u`.
///
/// The last three may all be zero where there is neither a `\` nor a line feed, as in most blocks.
type Kinds = [u64; 7];

/// The letters in the names `eventID`, `eventName` and `eventSource` by which they differ; the others are told as easily as these alone.
const TELLING: [u8; 6] = *b"CINSY^";
/// How far behind the quotation mark before a name that letter is.
pub(crate) const BEFORE: u32 = 6;
/// Where in a block its last bytes are by which [`Strings::begun`] is told.
const AFTER_BEGUN: u32 = u64::BITS - BEFORE;

/// Blocks that are looked at together, where the processor can.
pub(crate) const GROUP: usize = 8;

/// What is found in some blocks: for each of them, bits for its bytes, as in [`Kinds`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Group {
    /// `{` and `[` outside of strings.
    pub(crate) opens: [u64; GROUP],
    /// `}` and `]` outside of strings.
    pub(crate) closes: [u64; GROUP],
    /// [`TELLING`] letters of strings that may be the name of one of the fields `eventID`, `eventSource` and `eventName`, and each `\` that
    /// may begin a `\u`, by which such a name may be written otherwise.
    pub(crate) names: [u64; GROUP],
    /// Line feeds outside of strings.
    pub(crate) lines: [u64; GROUP],
}

/// What is found in one block, in the order of a [`Group`].
type Found = [u64; 4];

impl Group {
    /// Returns the kinds of a block where what it holds is noted, in strings or not.
    #[inline(always)]
    fn kinds(&self, index: usize, quotes: u64, block: &[u8; BLOCK]) -> Kinds {
        let Self { opens, closes, names, .. } = self;
        let [opens, closes, telling] = [opens, closes, names].map(|of| of.get(index).copied().unwrap_or_default());
        let [backslashes, newlines, us] = rare(block);
        [quotes, opens, closes, telling, backslashes, newlines, us]
    }

    fn set(&mut self, block: usize, [opens, closes, names, lines]: Found) {
        let Self { opens: all_opens, closes: all_closes, names: all_names, lines: all_lines } = self;
        for (all, bits) in [(all_opens, opens), (all_closes, closes), (all_names, names), (all_lines, lines)] {
            if let Some(into) = all.get_mut(block) {
                *into = bits;
            }
        }
    }
}

/// Finds the brackets and line feeds outside of strings, and what may be one of the fields' names, in all whole blocks of a text, from
/// `from` on, where `strings` is known. The groups are those of these blocks, the last one filled up with nothing.
pub(crate) fn look(text: &[u8], from: usize, strings: Strings, groups: &mut Vec<Group>) -> Looked {
    let blocks = text.get(from..).unwrap_or_default().as_chunks::<BLOCK>().0;
    groups.resize(blocks.len().div_ceil(GROUP), Group::default());
    let looked = find(blocks, from, strings, groups);
    if looked.broken_at.is_some() {
        groups.truncate((looked.until - from) / BLOCK / GROUP + 1);
    }
    looked
}

/// Finds what [`look`] returns.
///
/// Two more versions of it are compiled for newer processors, and one chosen when it runs.
#[multiversion(targets(
    "x86_64+avx+avx2+avx512f+avx512bw+avx512dq+avx512vbmi+avx512vbmi2+gfni+vpclmulqdq+bmi1+bmi2+popcnt+lzcnt+pclmulqdq",
    "x86_64+avx+avx2+bmi1+bmi2+popcnt+lzcnt+pclmulqdq"
))]
fn find(blocks: &[[u8; BLOCK]], from: usize, strings: Strings, groups: &mut [Group]) -> Looked {
    let mut state = strings;
    let mut at = from;
    for (blocks, group) in blocks.chunks(GROUP).zip(groups) {
        let at_once = match_target! {
            "x86_64+avx512f+avx512bw+avx512dq+avx512vbmi+avx512vbmi2+gfni+vpclmulqdq" => {
                blocks.first_chunk().and_then(|blocks| newer::find_512(blocks, state, group))
            },
            _ => None,
        };
        if let Some(strings) = at_once {
            state = strings;
            at = at.wrapping_add(GROUP * BLOCK);
            continue;
        }
        let quotes = match_target! {
            "x86_64+avx2+pclmulqdq" => match blocks.first_chunk().map(|blocks| newer::kinds_256(blocks, group)) {
                Some((quotes, false)) if state.escape == 0 => {
                    newer::find_256(quotes, &mut state, group);
                    at = at.wrapping_add(GROUP * BLOCK);
                    continue;
                }
                kinds => kinds.map(|(quotes, _)| quotes),
            },
            _ => None::<[u64; GROUP]>,
        };
        for index in 0..GROUP {
            let Some(block) = blocks.get(index) else {
                group.set(index, Found::default());
                continue;
            };
            let kinds = match quotes.and_then(|quotes| quotes.get(index).copied()) {
                Some(quotes) => group.kinds(index, quotes, block),
                None => kinds_of(block),
            };
            let is_between = match_target! {
                "x86_64+pclmulqdq" => |quotes: u64| newer::between(quotes),
                _ => between,
            };
            let (found, broken) = found_in(kinds, &mut state, is_between);
            group.set(index, found);
            if broken != 0 {
                (index + 1..GROUP).for_each(|later| group.set(later, Found::default()));
                return Looked { until: at, strings: state, broken_at: Some(at + broken.trailing_zeros() as usize) };
            }
            at = at.wrapping_add(BLOCK);
        }
    }
    Looked { until: at, strings: state, broken_at: None }
}

/// Finds what [`look`] returns in a block, and the line feeds in strings; of a block with such, only what comes before.
#[inline(always)]
fn found_in(kinds: Kinds, state: &mut Strings, between: impl Fn(u64) -> u64) -> (Found, u64) {
    const LAST_BIT: u64 = 1 << 63;
    let [quotes, opens, closes, telling, backslashes, newlines, us] = kinds;
    let (is_escaped, escape) = escaped(backslashes, state.escape);
    let quotes = quotes & !is_escaped;
    let inside = between(quotes) ^ state.open;
    let begins = quotes & inside;
    let names = telling & (begins << BEFORE | state.begun);
    let unicode = backslashes & (us >> 1 | LAST_BIT);
    let found = [opens & !inside, closes & !inside, names | unicode, newlines & !inside];
    let broken = newlines & inside;
    if broken != 0 {
        let before = (broken & broken.wrapping_neg()).wrapping_sub(1);
        return (found.map(|bits| bits & before), broken);
    }
    let open = (inside.cast_signed() >> 63).cast_unsigned();
    *state = Strings { open, escape, begun: begins >> AFTER_BEGUN };
    (found, 0)
}

#[inline(always)]
fn kinds_of(block: &[u8; BLOCK]) -> Kinds {
    let parts = parts(block);
    // `{` and `[`, and `}` and `]`, differ in one bit.
    let folded = parts.map(|part| part | u8x16::splat(0x20));
    let [a, b, c, d] = parts.map(|part| part.simd_eq(u8x16::splat(b'\\')) | part.simd_eq(u8x16::splat(b'\n')));
    let [backslashes, newlines, us] = if ((a | b) | (c | d)).to_bitmask() == 0 { [0; 3] } else { rare(block) };
    [
        mask_of(parts, b'"'),
        mask_of(folded, b'{'),
        mask_of(folded, b'}'),
        TELLING.iter().fold(0, |bits, letter| bits | mask_of(parts, *letter)),
        backslashes,
        newlines,
        us,
    ]
}

/// Returns where in a block are `\`, line feeds and `u`.
#[inline(always)]
fn rare(block: &[u8; BLOCK]) -> [u64; 3] {
    let parts = parts(block);
    [mask_of(parts, b'\\'), mask_of(parts, b'\n'), mask_of(parts, b'u')]
}

/// Says where in a block a byte is.
#[inline(always)]
fn mask_of(parts: [u8x16; 4], byte: u8) -> u64 {
    bits(parts.map(|part| part.simd_eq(u8x16::splat(byte))))
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

    /// What is found byte by byte: brackets and line feeds, what may be a name, and the line feed in a string.
    fn looked_slowly(text: &[u8]) -> (Vec<usize>, Vec<usize>, Option<usize>) {
        let (mut is_escaped, mut in_string) = (false, false);
        let (mut marks, mut names, mut begins) = (Vec::new(), Vec::new(), Vec::new());
        for (index, byte) in text.iter().enumerate() {
            let is_quote = *byte == b'"' && !is_escaped;
            in_string ^= is_quote;
            begins.push(is_quote && in_string);
            let is_telling =
                TELLING.contains(byte) && index.checked_sub(BEFORE as usize).and_then(|index| begins.get(index)) == Some(&true);
            let may_be_unicode = *byte == b'\\' && (index % BLOCK == BLOCK - 1 || text.get(index + 1) == Some(&b'u'));
            is_escaped = *byte == b'\\' && !is_escaped;
            if is_telling || may_be_unicode {
                names.push(index);
            }
            match byte {
                b'\n' if in_string => return (marks, names, Some(index)),
                b'{' | b'[' | b'}' | b']' | b'\n' if !in_string => marks.push(index),
                _ => {}
            }
        }
        (marks, names, None)
    }

    /// Groups of blocks: any bytes, or, as most are, without a `\` or a line feed.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![
            20 => prop_oneof![Just(b'"'), Just(b'\\'), Just(b'{'), Just(b']')],
            1 => Just(b'\n'),
            20 => any::<u8>().prop_filter("a line feed is rare", |byte| *byte != b'\n')
        ];
        proptest::collection::vec(byte, 0..5).prop_flat_map(|few| {
            let some = proptest::sample::select([&few[..], b"\"\\{}[]IINSSu"].concat());
            let any = proptest::collection::vec(prop_oneof![any::<u8>(), some], GROUP * BLOCK);
            let plain = any
                .clone()
                .prop_map(|group| group.into_iter().map(|byte| if matches!(byte, b'\\' | b'\n') { b' ' } else { byte }).collect());
            let group = prop_oneof![any, plain];
            proptest::collection::vec(group, 5).prop_map(|groups: Vec<Vec<u8>>| groups.concat())
        })
    }

    fn places(bits: impl IntoIterator<Item = u64>) -> Vec<usize> {
        let of_block = |(index, bits): (usize, u64)| (0..BLOCK).filter(move |bit| bits >> bit & 1 == 1).map(move |bit| index * BLOCK + bit);
        bits.into_iter().enumerate().flat_map(of_block).collect()
    }

    /// Where in a text is what groups say: brackets and line feeds, and what may be a name.
    fn told(text: &[u8], groups: &[Group]) -> (Vec<usize>, Vec<usize>) {
        let each = |of: fn(&Group) -> [u64; GROUP]| places(groups.iter().flat_map(of));
        let is = |places: &[usize], what: &[u8]| places.iter().all(|place| what.contains(&text[*place]));
        let (opens, closes, lines) = (each(|group| group.opens), each(|group| group.closes), each(|group| group.lines));
        assert!(is(&opens, b"{[") && is(&closes, b"}]") && is(&lines, b"\n"), "each is of its kind");
        let mut marks = [opens, closes, lines].concat();
        marks.sort_unstable();
        (marks, each(|group| group.names))
    }

    /// What is found in all blocks without any instruction of newer processors.
    fn found_plainly(text: &[u8]) -> (Vec<usize>, Vec<usize>, Option<usize>) {
        let mut state = Strings::default();
        let mut groups = vec![Group::default(); text.len().div_ceil(GROUP * BLOCK)];
        let mut broken_at = None;
        for (index, block) in text.as_chunks::<BLOCK>().0.iter().enumerate() {
            let (found, broken) = found_in(kinds_of(block), &mut state, between);
            groups[index / GROUP].set(index % GROUP, found);
            if broken != 0 {
                broken_at = Some(index * BLOCK + broken.trailing_zeros() as usize);
                break;
            }
        }
        let (marks, names) = told(text, &groups);
        (marks, names, broken_at)
    }

    proptest! {
        #[test]
        fn sixty_four_bytes_at_a_time_are_as_good_as_one_at_a_time(text in bytes(), cut in 0_usize..40, stale in any::<u64>()) {
            let (marks, names, broken) = looked_slowly(&text);
            prop_assert_eq!(found_plainly(&text), (marks.clone(), names.clone(), broken));
            // What was found before does not show.
            let stale = [stale; GROUP];
            let mut groups = vec![Group { opens: stale, closes: stale, names: stale, lines: stale }; 40];
            // In two goes, as a window would have it.
            let (first, second) = text.split_at(cut * BLOCK);
            let mut looked = look(first, 0, Strings::default(), &mut groups);
            let (mut found_marks, mut found_names) = told(first, &groups);
            if looked.broken_at.is_none() {
                let from = looked.until;
                looked = look(&text, from, looked.strings, &mut groups);
                let (marks, names) = told(second, &groups);
                found_marks.extend(marks.iter().map(|mark| from + mark));
                found_names.extend(names.iter().map(|name| from + name));
            }
            prop_assert_eq!(looked.broken_at, broken);
            prop_assert_eq!(found_marks, marks);
            prop_assert_eq!(found_names, names);
        }
    }
}
