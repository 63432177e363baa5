//! The same masks with the instructions of newer processors, each function in the version of the search that is compiled for them.
//!
//! Safe: an intrinsic that touches no memory may be called wherever the processor is known to have it, which the types say.

use std::arch::x86_64::{
    __m256i, __m512i, _mm_clmulepi64_si128, _mm_cvtsi128_si64, _mm_extract_epi64, _mm_set_epi64x, _mm_set1_epi8, _mm256_cmpeq_epi8,
    _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8, _mm256_setr_epi64x, _mm256_setzero_si256, _mm512_alignr_epi64,
    _mm512_and_si512, _mm512_andnot_si512, _mm512_clmulepi64_epi128, _mm512_extracti64x2_epi64, _mm512_gf2p8affine_epi64_epi8,
    _mm512_mask_xor_epi64, _mm512_maskz_permutex2var_epi8, _mm512_movepi64_mask, _mm512_or_si512, _mm512_permutexvar_epi8,
    _mm512_set1_epi8, _mm512_set1_epi64, _mm512_setr_epi64, _mm512_setzero_si512, _mm512_shldi_epi64, _mm512_shuffle_epi8,
    _mm512_shuffle_i64x2, _mm512_test_epi64_mask, _mm512_testn_epi8_mask, _mm512_unpackhi_epi64, _mm512_unpacklo_epi64,
};

use super::{BLOCK, GROUP, Kinds, LAST, LAST_BUT_ONE, Strings, rare};

/// The bit in which `{` and `[`, and `}` and `]`, differ.
const CASE: u8 = 0x20;

/// The kinds of each ASCII character, a bit for each, in the order of [`Kinds`].
#[expect(clippy::indexing_slicing, reason = "done when it is compiled")]
const KINDS: [u8; 128] = {
    let mut kinds = [0; 128];
    let of = [b"\"".as_slice(), b"{[}]", &LAST, &LAST_BUT_ONE, b"\\", b"\n", b"u"];
    let mut kind = 0;
    while kind < of.len() {
        let mut index = 0;
        while index < of[kind].len() {
            kinds[of[kind][index] as usize] |= 1 << kind;
            index += 1;
        }
        kind += 1;
    }
    kinds
};
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
pub(super) fn kinds_512(block: &[u8; BLOCK]) -> Kinds {
    bytemuck::must_cast(kinds_in(block))
}

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
pub(super) fn find_512(blocks: &[[u8; BLOCK]; GROUP], strings: Strings) -> Option<([u64; GROUP], Strings)> {
    let [quotes, brackets, last, last_but_one, backslashes, newlines] = by_kind(blocks);
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
    // The last letters of a block count for the next one.
    let before = |bits: __m512i, carried: u64| _mm512_alignr_epi64::<7>(bits, _mm512_set1_epi64(carried.cast_signed()));
    let is_after_last = _mm512_shldi_epi64::<1>(last, before(last, strings.last << 63));
    let is_after_last_but_one = _mm512_shldi_epi64::<2>(last_but_one, before(last_but_one, strings.last_but_one << 62));
    let names = _mm512_and_si512(quotes, _mm512_and_si512(is_after_last, is_after_last_but_one));
    let found = _mm512_andnot_si512(inside, _mm512_or_si512(brackets, names));
    let end = |bits: __m512i| _mm_extract_epi64::<1>(_mm512_extracti64x2_epi64::<3>(bits)).cast_unsigned();
    let is_open = (odd ^ was_open) >> 7;
    let strings =
        Strings { open: 0_u64.wrapping_sub(u64::from(is_open)), escape: 0, last: end(last) >> 63, last_but_one: end(last_but_one) >> 62 };
    Some((bytemuck::must_cast(found), strings))
}

/// Returns the first six of [`Kinds`], each of all blocks.
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

/// With 32 bytes in a register.
#[inline]
#[target_feature(enable = "avx,avx2")]
pub(super) fn kinds_256(block: &[u8; BLOCK]) -> Kinds {
    let halves = load_256(block);
    let is = |bytes: __m256i, byte: u8| _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(byte.cast_signed()));
    let any = |a: __m256i, b: __m256i| _mm256_or_si256(a, b);
    let [last, also_last] = LAST;
    let [one, two, three] = LAST_BUT_ONE;
    let bits = |found: [__m256i; 2]| {
        let [low, high] = found.map(|half| u64::from(_mm256_movemask_epi8(half).cast_unsigned()));
        low | high << 32
    };
    let [low, high] = halves.map(|half| any(is(half, b'\\'), is(half, b'\n')));
    let folded = halves.map(|half| any(half, _mm256_set1_epi8(CASE.cast_signed())));
    let [backslashes, newlines, us] = if _mm256_movemask_epi8(any(low, high)) == 0 { [0; 3] } else { rare(block) };
    [
        bits(halves.map(|half| is(half, b'"'))),
        bits(folded.map(|half| any(is(half, b'{'), is(half, b'}')))),
        bits(halves.map(|half| any(is(half, last), is(half, also_last)))),
        bits(halves.map(|half| any(any(is(half, one), is(half, two)), is(half, three)))),
        backslashes,
        newlines,
        us,
        0,
    ]
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
