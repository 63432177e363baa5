//! The same masks with the instructions of newer processors, each function in the version of the search that is compiled for them.
//!
//! Safe: an intrinsic that touches no memory may be called wherever the processor is known to have it, which the types say.

use std::arch::x86_64::{
    __m256i, __m512i, _mm_clmulepi64_si128, _mm_cvtsi128_si64, _mm_extract_epi64, _mm_set_epi64x, _mm_set1_epi8, _mm256_and_si256,
    _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8, _mm256_setr_epi64x, _mm256_setzero_si256, _mm256_shuffle_epi8,
    _mm256_slli_epi16, _mm256_srli_epi16, _mm256_testz_si256, _mm512_alignr_epi64, _mm512_and_si512, _mm512_andnot_si512,
    _mm512_clmulepi64_epi128, _mm512_extracti64x2_epi64, _mm512_gf2p8affine_epi64_epi8, _mm512_mask_xor_epi64,
    _mm512_maskz_permutex2var_epi8, _mm512_movepi64_mask, _mm512_or_si512, _mm512_permutexvar_epi8, _mm512_set1_epi8, _mm512_set1_epi64,
    _mm512_setr_epi64, _mm512_setzero_si512, _mm512_shldi_epi64, _mm512_shuffle_epi8, _mm512_shuffle_i64x2, _mm512_test_epi64_mask,
    _mm512_testn_epi8_mask, _mm512_unpackhi_epi64, _mm512_unpacklo_epi64,
};

use super::{AFTER_BEGUN, BEFORE, BLOCK, GROUP, Group, Strings, TELLING};

/// The bytes of each kind, in the order of [`super::Kinds`].
const OF_A_KIND: [&[u8]; 7] = [b"\"", b"{[", b"}]", &TELLING, b"\\", b"\n", b"u"];
/// The kinds of each ASCII character, a bit for each.
const KINDS: [u8; 128] = kinds(0, [0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40]);
/// Likewise those that a byte may have by its lower half.
const LOWER: [u8; 16] = kinds(0, BY_HALVES);
/// Likewise by its upper half.
const UPPER: [u8; 16] = kinds(4, BY_HALVES);
/// The bits of kinds that are found by halves of bytes: those that are looked for everywhere are the highest.
const BY_HALVES: [u8; 7] = [0x80, 0x40, 0x20, 0x10, 0x08, 0x04, 0x02];
/// Of these, the bits of `\` and line feeds.
const RARE: u8 = 0x0c;

/// Makes a table of kinds, each with its bit, by so many bits of a byte from `shift` on as the table has room for.
#[expect(clippy::indexing_slicing, reason = "done when it is compiled")]
const fn kinds<const N: usize>(shift: u32, bits: [u8; 7]) -> [u8; N] {
    let mut table = [0; N];
    let mut kind = 0;
    while kind < OF_A_KIND.len() {
        let mut index = 0;
        while index < OF_A_KIND[kind].len() {
            table[(OF_A_KIND[kind][index] >> shift) as usize % N] |= bits[kind];
            index += 1;
        }
        kind += 1;
    }
    table
}

/// Turns each eight bytes about.
#[expect(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "done when it is compiled")]
const BACKWARDS: [u8; BLOCK] = {
    let mut places = [0; BLOCK];
    let mut index = 0;
    while index < BLOCK {
        places[index] = index as u8 ^ 7;
        index += 1;
    }
    places
};
/// The first of each eight bytes, then the second of each, and so on.
#[expect(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "done when it is compiled")]
const BY_KIND: [u8; BLOCK] = {
    let mut places = [0; BLOCK];
    let mut index = 0;
    while index < BLOCK {
        places[index] = (index % 8 * 8 + index / 8) as u8;
        index += 1;
    }
    places
};

/// With 64 bytes in a register: a table tells a byte's kinds, which are a bit each; eight bytes by eight bits are turned over their
/// diagonal, so that of eight bytes the bits of one kind stand together, and last those of all sixty-four.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,gfni")]
fn kinds_in(block: &[u8; BLOCK]) -> __m512i {
    /// One bit in each byte, another one in each.
    const DIAGONAL: u64 = 0x8040_2010_0804_0201;
    const HALVES: ([u8; BLOCK], [u8; BLOCK]) = {
        let (halves, _) = KINDS.as_chunks::<BLOCK>();
        match halves {
            [low, high] => (*low, *high),
            _ => ([0; BLOCK], [0; BLOCK]),
        }
    };
    let bytes = _mm512_shuffle_epi8(load_512(block), load_512(&BACKWARDS));
    let is_ascii = _mm512_testn_epi8_mask(bytes, _mm512_set1_epi8(i8::MIN));
    let kinds = _mm512_maskz_permutex2var_epi8(is_ascii, load_512(&HALVES.0), bytes, load_512(&HALVES.1));
    let turned = _mm512_gf2p8affine_epi64_epi8::<0>(_mm512_set1_epi64(DIAGONAL.cast_signed()), kinds);
    _mm512_permutexvar_epi8(load_512(&BY_KIND), turned)
}

/// As [`super::found_in`] for all blocks of a group, with one block in each eighth of a register; `None` where there is a `\` or a line
/// feed, as in few groups.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vbmi,avx512vbmi2,gfni,vpclmulqdq")]
pub(super) fn find_512(blocks: &[[u8; BLOCK]; GROUP], strings: Strings, group: &mut Group) -> Option<Strings> {
    let [quotes, opens, closes, telling, backslashes, newlines] = by_kind(blocks);
    let rare = _mm512_or_si512(backslashes, newlines);
    if _mm512_test_epi64_mask(rare, rare) != 0 || strings.escape != 0 {
        return None;
    }
    let ones = _mm512_set1_epi64(-1);
    let (even, odd) = (_mm512_clmulepi64_epi128::<0x00>(quotes, ones), _mm512_clmulepi64_epi128::<0x01>(quotes, ones));
    let until_quotes = _mm512_unpacklo_epi64(even, odd);
    // In which blocks a string is open at their beginning: of the quotes before it, there is an odd number.
    let odd = _mm512_movepi64_mask(until_quotes);
    let odd = odd ^ odd << 1;
    let odd = odd ^ odd << 2;
    let odd = odd ^ odd << 4;
    let was_open = if strings.is_open() { u8::MAX } else { 0 };
    let inside = _mm512_mask_xor_epi64(until_quotes, odd << 1 ^ was_open, until_quotes, ones);
    let begins = _mm512_and_si512(quotes, inside);
    // What begins at the end of a block counts for the next one.
    let before = _mm512_alignr_epi64::<7>(begins, _mm512_set1_epi64((strings.begun << AFTER_BEGUN).cast_signed()));
    let names = _mm512_and_si512(telling, _mm512_shldi_epi64::<{ BEFORE.cast_signed() }>(begins, before));
    let outside = |bits: __m512i| bytemuck::must_cast(_mm512_andnot_si512(inside, bits));
    *group = Group { opens: outside(opens), closes: outside(closes), names: bytemuck::must_cast(names), lines: [0; GROUP] };
    let last = _mm_extract_epi64::<1>(_mm512_extracti64x2_epi64::<3>(begins)).cast_unsigned();
    let is_open = (odd ^ was_open) >> 7;
    Some(Strings { open: 0_u64.wrapping_sub(u64::from(is_open)), escape: 0, begun: last >> AFTER_BEGUN })
}

/// Returns the first six of [`super::Kinds`], each of all blocks.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,gfni")]
fn by_kind(blocks: &[[u8; BLOCK]; GROUP]) -> [__m512i; 6] {
    let [first, second, third, fourth, fifth, sixth, seventh, eighth] = blocks.each_ref().map(|block| kinds_in(block));
    // Of a pair, kinds 0, 2, 4 and 6, and kinds 1, 3, 5 and 7, each of both blocks.
    let pair = |one: __m512i, other: __m512i| (_mm512_unpacklo_epi64(one, other), _mm512_unpackhi_epi64(one, other));
    let [(ab, ab_odd), (cd, cd_odd)] = [pair(first, second), pair(third, fourth)];
    let [(ef, ef_odd), (gh, gh_odd)] = [pair(fifth, sixth), pair(seventh, eighth)];
    let four = |one: __m512i, other: __m512i| (_mm512_shuffle_i64x2::<0x44>(one, other), _mm512_shuffle_i64x2::<0xee>(one, other));
    let eight = |one: __m512i, other: __m512i| (_mm512_shuffle_i64x2::<0x88>(one, other), _mm512_shuffle_i64x2::<0xdd>(one, other));
    let ((abcd_low, abcd_high), (efgh_low, efgh_high)) = (four(ab, cd), four(ef, gh));
    let ((first, third), (fifth, _)) = (eight(abcd_low, efgh_low), eight(abcd_high, efgh_high));
    let ((abcd_low, abcd_high), (efgh_low, efgh_high)) = (four(ab_odd, cd_odd), four(ef_odd, gh_odd));
    let ((second, fourth), (sixth, _)) = (eight(abcd_low, efgh_low), eight(abcd_high, efgh_high));
    [first, second, third, fourth, fifth, sixth]
}

/// With 32 bytes in a register, returns where the quotation marks are in each block of a group, and whether it has a `\` or a line feed;
/// notes in the group what else it holds, in strings or not.
///
/// Two tables tell the kinds that a byte's lower half may have, and its upper half; those that it has are in both. Each kind has the bytes
/// of some lower halves with some upper ones, all of them.
#[inline]
#[target_feature(enable = "avx,avx2")]
#[expect(clippy::indexing_slicing, reason = "an index for each of the group's blocks")]
pub(super) fn kinds_256(blocks: &[[u8; BLOCK]; GROUP], group: &mut Group) -> ([u64; GROUP], bool) {
    let (lower, upper) = (both(LOWER), both(UPPER));
    let mut any = _mm256_setzero_si256();
    let mut quotes = [0; GROUP];
    for (index, block) in blocks.iter().enumerate() {
        let halves = load_256(block).map(|bytes| {
            let above = _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), _mm256_set1_epi8(0x0f));
            _mm256_and_si256(_mm256_shuffle_epi8(lower, bytes), _mm256_shuffle_epi8(upper, above))
        });
        let [first, second] = halves;
        any = _mm256_or_si256(any, _mm256_or_si256(first, second));
        // A kind's bit is brought to the top of each byte; what comes into it from the byte beside it stays below.
        let bits = |[first, second]: [__m256i; 2]| {
            let bits = |half| u64::from(_mm256_movemask_epi8(half).cast_unsigned());
            bits(first) | bits(second) << 32
        };
        quotes[index] = bits(halves);
        group.opens[index] = bits(halves.map(|half| _mm256_slli_epi16::<1>(half)));
        group.closes[index] = bits(halves.map(|half| _mm256_slli_epi16::<2>(half)));
        group.names[index] = bits(halves.map(|half| _mm256_slli_epi16::<3>(half)));
    }
    (quotes, _mm256_testz_si256(any, _mm256_set1_epi8(RARE.cast_signed())) == 0)
}

/// As [`super::found_in`] for all blocks of a group that has neither a `\` nor a line feed: leaves in it what [`kinds_256`] noted and matters.
#[inline]
#[target_feature(enable = "avx,avx2,pclmulqdq")]
#[expect(clippy::indexing_slicing, reason = "an index for each of the group's blocks")]
pub(super) fn find_256(all_quotes: [u64; GROUP], state: &mut Strings, group: &mut Group) {
    for (index, quotes) in all_quotes.into_iter().enumerate() {
        let inside = between(quotes) ^ state.open;
        let begins = quotes & inside;
        group.opens[index] &= !inside;
        group.closes[index] &= !inside;
        group.names[index] &= begins << BEFORE | state.begun;
        state.open = (inside.cast_signed() >> 63).cast_unsigned();
        state.begun = begins >> AFTER_BEGUN;
    }
    group.lines = [0; GROUP];
}

/// The same sixteen bytes twice.
#[inline]
#[target_feature(enable = "avx,avx2")]
fn both(bytes: [u8; 16]) -> __m256i {
    let [low, high] = bytemuck::must_cast(bytes);
    _mm256_setr_epi64x(low, high, low, high)
}

/// As [`super::between`]: multiplied without carries by all ones.
#[inline]
#[target_feature(enable = "pclmulqdq")]
pub(super) fn between(quotes: u64) -> u64 {
    let product = _mm_clmulepi64_si128::<0>(_mm_set_epi64x(0, quotes.cast_signed()), _mm_set1_epi8(-1));
    _mm_cvtsi128_si64(product).cast_unsigned()
}

/// One load, once compiled.
#[inline]
#[target_feature(enable = "avx512f")]
fn load_512(block: &[u8; BLOCK]) -> __m512i {
    let ([first, second, third, fourth, fifth, sixth, seventh, eighth], []) = block.as_chunks::<8>() else { return _mm512_setzero_si512() };
    let number = |bytes: &[u8; 8]| i64::from_le_bytes(*bytes);
    _mm512_setr_epi64(
        number(first),
        number(second),
        number(third),
        number(fourth),
        number(fifth),
        number(sixth),
        number(seventh),
        number(eighth),
    )
}

/// Two loads, once compiled.
#[inline]
#[target_feature(enable = "avx,avx2")]
fn load_256(block: &[u8; BLOCK]) -> [__m256i; 2] {
    let ([first, second, third, fourth, fifth, sixth, seventh, eighth], []) = block.as_chunks::<8>() else {
        return [_mm256_setzero_si256(); 2];
    };
    let number = |bytes: &[u8; 8]| i64::from_le_bytes(*bytes);
    [
        _mm256_setr_epi64x(number(first), number(second), number(third), number(fourth)),
        _mm256_setr_epi64x(number(fifth), number(sixth), number(seventh), number(eighth)),
    ]
}
