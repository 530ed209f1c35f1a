//! Products of 128-bit numbers, which need 256 bits.
//!
//! Counts have 64 bits and permitted shares 47, so that a ratio of ratios does not fit into 128.

use std::cmp::Ordering;

/// Returns the product as its upper and its lower half, which compare as the number does.
// Schoolbook multiplication with digits of 64 bits. Each intermediate sum fits: (2^64 − 1)^2 +
// 2·(2^64 − 1) = 2^128 − 1.
pub(super) fn widening_mul(a: u128, b: u128) -> (u128, u128) {
    const LOW: u128 = u64::MAX as u128;
    let (a_high, a_low, b_high, b_low) = (a >> 64, a & LOW, b >> 64, b & LOW);
    let low = a_low * b_low;
    let middle = a_high * b_low + (low >> 64);
    let other = a_low * b_high + (middle & LOW);
    (
        a_high * b_high + (middle >> 64) + (other >> 64),
        (other << 64) | (low & LOW),
    )
}

/// Compares `a / b` with `c / d`; no divisor is 0.
///
/// Cross multiplication: exact, and without a division.
pub(super) fn compare_fractions((a, b): (u128, u128), (c, d): (u128, u128)) -> Ordering {
    widening_mul(a, d).cmp(&widening_mul(c, b))
}

/// Returns `a × b / c`, rounded down; the greatest number where that doesn't fit or `c` is 0.
pub(super) fn mul_div(a: u128, b: u128, c: u128) -> u128 {
    if let Some(product) = a.checked_mul(b) {
        return product.checked_div(c).unwrap_or(u128::MAX);
    }
    let (high, low) = widening_mul(a, b);
    // The quotient would need more than 128 bits (and a divisor of 0 ends here as well).
    if high >= c {
        return u128::MAX;
    }
    // Long division, a bit at a time: `rest` stays below `c`.
    let (mut rest, mut quotient) = (high, 0_u128);
    for bit in (0..128).rev() {
        // The bit that leaves `rest` on the left makes it at least 2^128, which is more than any
        // `c`; the wrapping subtraction is then exact.
        let carry = rest >> 127 == 1;
        rest = (rest << 1) | ((low >> bit) & 1);
        quotient <<= 1;
        if carry || rest >= c {
            rest = rest.wrapping_sub(c);
            quotient |= 1;
        }
    }
    quotient
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_of_the_greatest_numbers_has_both_halves() {
        assert_eq!(widening_mul(u128::MAX, u128::MAX), (u128::MAX - 1, 1));
        assert_eq!(widening_mul(1 << 100, 1 << 100), (1 << 72, 0));
        assert_eq!(widening_mul(7, 6), (0, 42));
    }

    #[test]
    fn scaling_is_exact_beyond_128_bits() {
        assert_eq!(mul_div(u128::MAX, 10, 20), u128::MAX / 2);
        assert_eq!(mul_div(u128::MAX, u128::MAX - 1, u128::MAX), u128::MAX - 1);
        assert_eq!(mul_div(1 << 127, 6, 1 << 126), 12);
        assert_eq!(mul_div(7, 3, 2), 10);
    }

    #[test]
    fn what_does_not_fit_is_the_greatest_number() {
        assert_eq!(mul_div(u128::MAX, 2, 1), u128::MAX);
        assert_eq!(mul_div(1, 1, 0), u128::MAX);
        assert_eq!(mul_div(u128::MAX, 2, 0), u128::MAX);
    }

    #[test]
    fn ratios_compare_without_being_rounded() {
        let (a, b) = (u128::MAX - 1, u128::MAX);
        assert_eq!(compare_fractions((a, b), (a - 1, b - 1)), Ordering::Greater);
        assert_eq!(compare_fractions((1, 3), (2, 6)), Ordering::Equal);
    }
}
