//! The same masks with the instructions of newer processors, each function in the version of the search that is compiled for them.
//!
//! Safe: an intrinsic that touches no memory may be called wherever the processor is known to have it, which the types say.

use std::arch::x86_64::{
    __m256i, __m512i, _mm_clmulepi64_si128, _mm_cvtsi128_si64, _mm_set_epi64x, _mm_set1_epi8, _mm256_cmpeq_epi8, _mm256_movemask_epi8,
    _mm256_or_si256, _mm256_set1_epi8, _mm256_setr_epi64x, _mm256_setzero_si256, _mm512_cmpeq_epi8_mask, _mm512_or_si512, _mm512_set1_epi8,
    _mm512_setr_epi64, _mm512_setzero_si512,
};

use super::{BLOCK, LAST, LAST_BUT_ONE, Masks};

/// The bit in which `{` and `[`, and `}` and `]`, differ.
const CASE: u8 = 0x20;

/// With 64 bytes in a register.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn masks_512(block: &[u8; BLOCK]) -> Masks {
    let bytes = load_512(block);
    let is = |byte: u8| _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(byte.cast_signed()));
    let folded = _mm512_or_si512(bytes, _mm512_set1_epi8(CASE.cast_signed()));
    let is_folded = |byte: u8| _mm512_cmpeq_epi8_mask(folded, _mm512_set1_epi8(byte.cast_signed()));
    let [last, also_last] = LAST;
    let [one, two, three] = LAST_BUT_ONE;
    Masks {
        quotes: is(b'"'),
        brackets: is_folded(b'{') | is_folded(b'}'),
        last: is(last) | is(also_last),
        last_but_one: is(one) | is(two) | is(three),
        rare: (is(b'\\') | is(b'\n')) != 0,
    }
}

/// With 32 bytes in a register.
#[inline]
#[target_feature(enable = "avx,avx2")]
pub(super) fn masks_256(block: &[u8; BLOCK]) -> Masks {
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
    Masks {
        quotes: bits(halves.map(|half| is(half, b'"'))),
        brackets: bits(folded.map(|half| any(is(half, b'{'), is(half, b'}')))),
        last: bits(halves.map(|half| any(is(half, last), is(half, also_last)))),
        last_but_one: bits(halves.map(|half| any(any(is(half, one), is(half, two)), is(half, three)))),
        rare: _mm256_movemask_epi8(any(low, high)) != 0,
    }
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
#[target_feature(enable = "avx512f,avx512bw")]
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
