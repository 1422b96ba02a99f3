//! Numbers in decimal digits, without the machinery of `format!`: some formats have one in each line.

/// Digits of the longest.
const MOST: usize = 20;

/// Appends a number.
pub(super) fn decimal(number: i64, out: &mut Vec<u8>) {
    if number < 0 {
        out.push(b'-');
    }
    let (mut rest, mut digits, mut at) = (number.unsigned_abs(), [b'0'; MOST], MOST);
    while rest >= 10 {
        let pair = (rest % 100) as u8; // one division for two digits
        rest /= 100;
        at -= 2;
        digits[at] += pair / 10;
        digits[at + 1] += pair % 10;
    }
    if rest > 0 || at == MOST {
        at -= 1;
        digits[at] += rest as u8;
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_the_standard_library_writes_them() {
        let mut numbers = vec![0, -1, i64::MIN, i64::MAX, 1_795_464_967_727_144_095];
        for digits in 0..19 {
            let power = 10_i64.pow(digits);
            numbers.extend([power - 1, power, power + 1, -power, power * 9 + 5, power.wrapping_mul(37)]);
        }
        for number in numbers {
            let mut out = b"x".to_vec();
            decimal(number, &mut out);
            assert_eq!(String::from_utf8(out).expect("digits"), format!("x{number}"));
        }
    }
}
