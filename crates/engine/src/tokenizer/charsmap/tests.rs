use proptest::prelude::*;

use super::*;

/// A table with the keys `a` to `AB`, `é` to the empty text and `b` to `b`, laid out by hand.
///
/// The root's children are at `256 ^ byte`, those of a node at `n` at a block of their own.
fn table() -> Vec<u8> {
    let mut units = vec![0u32; 1792];
    // A distance that is a multiple of 256 is written with bit 9.
    let children = |node: usize, block: usize| ((node ^ block) as u32 >> 8) << 10 | 1 << 9;
    let mut put = |node: usize, label: u8, block: usize, value: Option<u32>| {
        let small = ((node ^ block) as u32) << 10;
        let distance = if node == 0 { children(node, block) } else { small };
        units[node] = distance | u32::from(value.is_some()) << 8 | u32::from(label);
        if let Some(value) = value {
            units[block] = value | 1 << 31;
        }
    };
    put(0, 0, 256, None);
    put(256 ^ 0x61, 0x61, 512, Some(0));
    put(256 ^ 0x62, 0x62, 768, Some(4));
    put(256 ^ 0xc3, 0xc3, 1024, None);
    put(1024 ^ 0xa9, 0xa9, 1280, Some(3));
    let mut bytes = u32::to_le_bytes(4 * 1792).to_vec();
    bytes.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
    bytes.extend(b"AB\0\0b\0");
    bytes
}

#[test]
fn the_longest_key_is_replaced_and_other_text_stays() {
    let map = Charsmap::from_bytes(&table()).unwrap();
    assert_eq!(map.normalize("banécèc\0a"), "bABncèc\0AB");
    assert_eq!(map.normalize(""), "");
}

#[test]
fn a_replacement_outside_the_table_is_refused() {
    let mut bytes = table();
    bytes.truncate(bytes.len() - 1);
    let error = Charsmap::from_bytes(&bytes).err().unwrap();
    assert!(error.to_string().ends_with("has a replacement that is no text"), "{error}");
    for n in [0, 3, 4, 100] {
        assert!(Charsmap::from_bytes(&bytes[..n]).is_err(), "{n} bytes");
    }
}

#[test]
fn a_circle_of_keys_takes_no_time() {
    // Node `n` has the distance `n`: from every node each byte leads to the node of its number.
    let mut bytes = u32::to_le_bytes(4 * 256).to_vec();
    bytes.extend((0..256u32).flat_map(|n| (n << 10 | n).to_le_bytes()));
    let map = Charsmap::from_bytes(&bytes).unwrap();
    let text = "a".repeat(100_000);
    assert_eq!(map.normalize(&text), text);
}

proptest! {
    #[test]
    fn a_damaged_table_is_an_error_or_another_table(
        damage in prop::collection::vec((0usize..7178, any::<u8>()), 1..20),
        text in "[a-cé\\PC]{0,20}",
    ) {
        let mut bytes = table();
        for (at, byte) in damage {
            bytes[at] ^= byte;
        }
        if let Ok(map) = Charsmap::from_bytes(&bytes) {
            map.normalize(&text);
        }
    }
}
