//! Records of a TFRecord file.
//!
//! A record is its length (u64), the masked checksum of the length (u32), the bytes, the masked checksum of
//! the bytes (u32), numbers little-endian. The checksum is CRC-32C; the mask of c is
//! `((c >> 15) | (c << 17)) + 0xa282ead8` in 32 bits.

/// What a masked checksum is moved by.
const DELTA: u32 = 0xa282_ead8;

/// The record of some bytes.
pub fn record(bytes: &[u8]) -> Vec<u8> {
    let length = (bytes.len() as u64).to_le_bytes();
    [&length[..], &masked(&length).to_le_bytes(), bytes, &masked(bytes).to_le_bytes()].concat()
}

fn masked(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(DELTA)
}

/// The bytes of each record of a file; `None` if a length or a checksum is wrong.
#[cfg(test)]
pub fn read(mut file: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut records = Vec::new();
    while !file.is_empty() {
        let (head, rest) = file.split_at_checked(12)?;
        let len = usize::try_from(u64::from_le_bytes(head[..8].try_into().ok()?)).ok()?;
        let (bytes, rest) = rest.split_at_checked(len)?;
        let (tail, rest) = rest.split_at_checked(4)?;
        if head[8..] != masked(&head[..8]).to_le_bytes() || tail != masked(bytes).to_le_bytes() {
            return None;
        }
        records.push(bytes.to_vec());
        file = rest;
    }
    Some(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_format() {
        // RFC 3720, B.4: 32 bytes of zeros.
        assert_eq!(crc32c::crc32c(&[0; 32]), 0x8a91_36aa);
        // The head that every record of 24 bytes has, such as the first of an event file.
        assert_eq!(record(&[7; 24])[..12], [24, 0, 0, 0, 0, 0, 0, 0, 0xa3, 0x7f, 0x4b, 0x22]);
    }

    #[test]
    fn what_is_damaged_is_found() {
        let file = [record(b"one"), record(b""), record(b"three")].concat();
        assert_eq!(read(&file).unwrap(), [&b"one"[..], b"", b"three"]);
        for at in 0..file.len() {
            let mut damaged = file.clone();
            damaged[at] ^= 4;
            assert_eq!(read(&damaged), None, "byte {at}");
        }
        assert_eq!(read(&file[..file.len() - 1]), None);
    }
}
