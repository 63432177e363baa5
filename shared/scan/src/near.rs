//! Of what was found in blocks, what matters to where records begin and end, and to their own fields. Most does not: it is deep inside.

use multiversion::multiversion;

use crate::blocks::{BLOCK, GROUP, Group};

/// What tells which marks matter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Depths {
    /// The depth before the first block, below where records begin.
    pub(crate) below_base: isize,
    /// A list in a record may hold a container's records.
    pub(crate) may_contain: bool,
}

/// A mark that matters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Near {
    /// Its place, from the first block on.
    pub(crate) place: u32,
    /// The depth before it, below where records begin; of a line feed perhaps cut off.
    pub(crate) below_base: i32,
}

/// A block that may have such a mark.
#[derive(Debug, Clone, Copy, Default)]
struct NearBlock {
    index: u32,
    /// The depth before it.
    below_base: isize,
}

/// Finds marks that matter; made once, used for many blocks, so that its memory is.
#[derive(Debug, Default)]
pub(crate) struct Finder {
    blocks: Vec<NearBlock>,
    /// Those found last, then whatever was written there before.
    marks: Vec<Near>,
}

impl Finder {
    /// Finds brackets that lead to where records begin or away from there, or to where a container's list may begin; what may be names of
    /// records' own fields, or is outside of records; line feeds. Returns these in their order, and the depth after all blocks.
    pub(crate) fn find(&mut self, groups: &[Group], depths: Depths) -> (&[Near], isize) {
        let Self { blocks, marks } = self;
        if blocks.len() < groups.len() * GROUP {
            blocks.resize(groups.len() * GROUP, NearBlock::default());
        }
        let (count, end) = near_blocks(groups, depths, blocks);
        let blocks = blocks.get(..count).unwrap_or_default();
        let most = count * BLOCK + 1;
        if marks.len() < most {
            marks.resize(most, Near::default());
        }
        let count = near_marks(groups, blocks, depths, marks);
        (marks.get(..count).unwrap_or_default(), end)
    }
}

/// How deep a bracket may lead, where it matters.
fn most_of_brackets(depths: Depths) -> isize {
    isize::from(depths.may_contain)
}

/// Returns how many bits are set.
#[inline]
const fn ones(bits: u64) -> isize {
    (bits.count_ones() as usize).cast_signed()
}

/// Finds the blocks that may have a mark that matters. Returns how many they are, and the depth after all.
#[multiversion(targets("x86_64+bmi1+bmi2+lzcnt+popcnt"))]
#[expect(clippy::needless_bitwise_bool, reason = "a branch that nobody can foretell takes longer")]
fn near_blocks(groups: &[Group], depths: Depths, blocks: &mut [NearBlock]) -> (usize, isize) {
    let most_of_brackets = most_of_brackets(depths);
    let mut below_base = depths.below_base;
    let (mut count, mut index) = (0_usize, 0_u32);
    for Group { opens, closes, names, lines } in groups {
        for (((opens, closes), names), lines) in opens.iter().zip(closes).zip(names).zip(lines) {
            let (deeper, higher) = (ones(*opens), ones(*closes));
            // No mark is less deep than if all brackets that close came first.
            let least = below_base.wrapping_sub(higher);
            let is_near = (least <= most_of_brackets) | (least <= 1) & (*names != 0) | (*lines != 0);
            if let Some(block) = blocks.get_mut(count) {
                *block = NearBlock { index, below_base };
            }
            count = count.wrapping_add(usize::from(is_near));
            index = index.wrapping_add(1);
            below_base = least.wrapping_add(deeper);
        }
    }
    (count, below_base)
}

/// Finds the marks that matter in blocks that may have them. Returns how many they are.
#[multiversion(targets("x86_64+bmi1+bmi2+lzcnt+popcnt"))]
#[expect(
    clippy::cast_possible_truncation,
    clippy::needless_bitwise_bool,
    reason = "what is so deep that the number is cut off does not matter, or is a line feed, of which nobody asks it; of branches as above"
)]
fn near_marks(groups: &[Group], blocks: &[NearBlock], depths: Depths, marks: &mut [Near]) -> usize {
    let most_of_brackets = most_of_brackets(depths);
    let mut count = 0_usize;
    for NearBlock { index, below_base } in blocks {
        let index = *index as usize;
        let Some(Group { opens, closes, names, lines }) = groups.get(index / GROUP) else { break };
        let bits = |of: &[u64; GROUP]| of.get(index % GROUP).copied().unwrap_or_default();
        let (opens, closes, names, lines) = (bits(opens), bits(closes), bits(names), bits(lines));
        let first = place_of(index);
        // Most blocks are here for a name, and none of their brackets matters.
        let brackets = if below_base.wrapping_sub(ones(closes)) <= most_of_brackets { opens | closes } else { 0 };
        let mut rest = brackets | names | lines;
        while rest != 0 {
            let mark = rest & rest.wrapping_neg();
            let before = mark.wrapping_sub(1);
            let below_base = below_base.wrapping_add(ones(opens & before)).wrapping_sub(ones(closes & before));
            let is_close = closes & mark != 0;
            let most = if brackets & mark != 0 { most_of_brackets } else { 1 };
            let is_near = (below_base.wrapping_sub(isize::from(is_close)) <= most) | (lines & mark != 0);
            if let Some(near) = marks.get_mut(count) {
                *near = Near { place: first.wrapping_add(mark.trailing_zeros()), below_base: below_base as i32 };
            }
            count = count.wrapping_add(usize::from(is_near));
            rest ^= mark;
        }
    }
    count
}

/// Returns where a block begins.
#[expect(clippy::cast_possible_truncation, reason = "few blocks are looked at together")]
const fn place_of(block: usize) -> u32 {
    (block * BLOCK) as u32
}

/// Returns the places of all marks that come after one, in their order.
pub(crate) fn marks_after(groups: &[Group], place: u32) -> impl Iterator<Item = usize> {
    let after = place as usize + 1;
    let bits = |(group, index): (&Group, usize)| {
        let Group { opens, closes, names, lines } = group;
        [opens, closes, names, lines].map(|of| of.get(index).copied().unwrap_or_default()).iter().fold(0, |all, bits| all | bits)
    };
    let blocks = groups.iter().flat_map(|group| (0..GROUP).map(move |index| (group, index))).map(bits).enumerate();
    let marks = blocks
        .skip(after / BLOCK)
        .flat_map(|(index, bits)| (0..BLOCK).filter(move |bit| bits >> bit & 1 == 1).map(move |bit| index * BLOCK + bit));
    marks.skip_while(move |place| *place < after)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Blocks of which each byte is of one kind at most; most are of none.
    fn groups() -> impl Strategy<Value = Vec<Group>> {
        let byte = prop_oneof![40 => Just(None), 3 => Just(Some(0)), 3 => Just(Some(1)), 2 => Just(Some(2)), 1 => Just(Some(3))];
        let group = (proptest::collection::vec(byte, GROUP * BLOCK), any::<u8>(), any::<u8>()).prop_map(|(bytes, filled, with_lines)| {
            let mut kinds = [[0_u64; GROUP]; 4];
            for (place, kind) in bytes.into_iter().enumerate() {
                let block = place / BLOCK;
                let has = |blocks: u8| blocks >> block & 1 == 1;
                if let Some(kind) = kind.filter(|kind| has(filled) && (*kind < 3 || has(with_lines))) {
                    kinds[kind][block] |= 1 << (place % BLOCK);
                }
            }
            let [opens, closes, names, lines] = kinds;
            Group { opens, closes, names, lines }
        });
        proptest::collection::vec(group, 0..4)
    }

    /// Goes through all marks in their order.
    fn found_slowly(groups: &[Group], depths: Depths) -> (Vec<Near>, isize) {
        let mut below_base = depths.below_base;
        let mut near = Vec::new();
        for place in 0..groups.len() * GROUP * BLOCK {
            let group = groups[place / (GROUP * BLOCK)];
            let is = |bits: [u64; GROUP]| bits[place / BLOCK % GROUP] >> (place % BLOCK) & 1 == 1;
            let before = below_base;
            below_base += isize::from(is(group.opens)) - isize::from(is(group.closes));
            let is_bracket = is(group.opens) || is(group.closes);
            let most = if is_bracket { isize::from(depths.may_contain) } else { 1 };
            if is(group.lines) || (is_bracket || is(group.names)) && before.min(below_base) <= most {
                near.push(Near { place: u32::try_from(place).unwrap(), below_base: i32::try_from(before).unwrap() });
            }
        }
        (near, below_base)
    }

    proptest! {
        #[test]
        fn what_matters_is_found_and_nothing_else(all in proptest::collection::vec(groups(), 1..3), below_base in -3_isize..5, may_contain: bool) {
            let mut finder = Finder::default();
            for groups in all {
                let depths = Depths { below_base, may_contain };
                let (near, end) = finder.find(&groups, depths);
                prop_assert_eq!((near.to_vec(), end), found_slowly(&groups, depths));
            }
        }

        #[test]
        fn what_comes_after_a_place_is_found_in_its_order(groups in groups(), place in 0_u32..1_600) {
            let (all, _) = found_slowly(&groups, Depths { below_base: -1_000_000, may_contain: true });
            let after: Vec<usize> = all.iter().filter(|near| near.place > place).map(|near| near.place as usize).collect();
            prop_assert_eq!(marks_after(&groups, place).collect::<Vec<usize>>(), after);
        }
    }
}
