//! Container ids.

use core::fmt;

/// The full id of a container: 32 bytes, written as 64 hexadecimal digits. It never changes hands, as names do (W-58).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContainerId([u8; 32]);

impl ContainerId {
    /// Reads exactly 64 hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return None;
        }
        let mut id = [0; 32];
        for (byte, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
        }
        Some(Self(id))
    }

    /// Its 64 lower-case digits, in ASCII.
    #[must_use]
    pub fn digits(&self) -> [u8; 64] {
        let mut digits = [0; 64];
        for (pair, byte) in digits.as_chunks_mut::<2>().0.iter_mut().zip(self.0) {
            *pair = [byte >> 4, byte & 15].map(|nibble| b"0123456789abcdef"[usize::from(nibble)]);
        }
        digits
    }

    /// The bytes the digits stand for.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

impl From<[u8; 32]> for ContainerId {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.digits().iter().try_for_each(|digit| fmt::Write::write_char(f, char::from(*digit)))
    }
}

impl fmt::Debug for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    #[test]
    fn sixty_four_digits() {
        let text = "a5093a5406f3f69877c2672137ae164ba228e12675f3536d639715a8ad0fe97d";
        let id = ContainerId::parse(text).expect("an id");
        assert_eq!(format!("{id} {id:?}"), format!("{text} {text}"));
        assert_eq!(ContainerId::parse(&text.to_uppercase()), Some(id));
        assert_eq!(ContainerId::from(*id.bytes()), id);
        for text in ["", &text[1..], &format!("{text}0"), &text.replace('a', "g"), &text.replace("a5", "+5")]
        {
            assert_eq!(ContainerId::parse(text), None, "{text}");
        }
    }
}
