use super::*;

fn ratio(numerator: i128, denominator: u128) -> Ratio {
    Ratio::new(numerator, denominator).unwrap()
}

#[test]
fn ratios_are_equal_and_ordered_by_value() {
    assert_eq!(ratio(2, 4), ratio(1, 2));
    assert!(ratio(-1, 2) < ratio(-1, 3) && ratio(-1, 3) < Ratio::ZERO);
    assert!(Ratio::ZERO < ratio(1, u128::MAX));
    assert!("10.000000000001".parse::<Ratio>().unwrap() > Ratio::from(10));
    assert_eq!("14.40".parse::<Ratio>().unwrap(), ratio(72, 5));
    assert_eq!("-1.5e1".parse::<Ratio>().unwrap(), ratio(-15, 1));
    assert!("1e40".parse::<Ratio>().is_err());
}

#[test]
fn a_share_and_a_rate_of_a_duration_are_exact() {
    let month = Duration::from_secs(30 * 86_400);
    assert_eq!(
        ratio(1, 1_000).mul_duration(month),
        Duration::from_secs(2_592)
    );
    assert_eq!(ratio(-1, 1_000).mul_duration(month), Duration::ZERO);
    assert_eq!(
        ratio(72, 5).div_duration(month),
        Some(Duration::from_secs(180_000))
    );
    assert_eq!(Ratio::ZERO.div_duration(month), None);
    let tiny = ratio(1, u128::MAX);
    assert_eq!(tiny.div_duration(month), Some(Duration::MAX));
}

#[test]
fn what_is_left_is_rounded_down_and_what_is_spent_up() {
    assert_eq!(ratio(1, 3).format_floor(2), "0.33");
    assert_eq!(ratio(1, 3).format_ceil(2), "0.34");
    assert_eq!(ratio(-1, 1_000_000).format_floor(2), "-0.01");
    assert_eq!(ratio(-1, 1_000_000).format_ceil(2), "0.00");
    assert_eq!(ratio(3, 2).format_ceil(1), "1.5");
    assert_eq!(ratio(7, 1).format_ceil(0), "7");
}

#[test]
fn the_nearest_f64_is_that_of_the_decimal() {
    assert_eq!(ratio(282, 1_000).to_f64(), 0.282);
    let large = 10_i128.pow(30);
    assert_eq!(ratio(3 * large, 4 * large as u128).to_f64(), 0.75);
    assert_eq!(ratio(-3 * large, 4 * large as u128).to_f64(), -0.75);
}

#[test]
fn the_complement_of_more_than_one_is_negative() {
    assert_eq!(ratio(5, 2).complement(), ratio(-3, 2));
    assert_eq!(ratio(1, 4).complement(), ratio(3, 4));
}

#[test]
fn the_least_numerator_is_reduced_to_its_own_value() {
    for denominator in [1, 3, 1 << 127, u128::MAX] {
        let ratio = Ratio::new(i128::MIN, denominator).unwrap();
        assert_eq!(ratio.reduced(), ratio, "of {denominator}");
    }
    let terms = Ratio::new(i128::MIN, 1 << 127).unwrap().lowest_terms();
    assert_eq!(terms, (-1, 1));
    assert_eq!(Ratio::new(0, u128::MAX).unwrap().lowest_terms(), (0, 1));
}

#[test]
fn a_ratio_of_any_size_that_json_holds_is_read_back() {
    for text in [
        "1e18",
        "18446744073709551615",
        "9e36",
        "-3e20",
        "0.1",
        "1e-13",
    ] {
        let ratio: Ratio = serde_json::from_str(text).unwrap();
        let written = serde_json::to_string(&ratio).unwrap();
        let again: Ratio = serde_json::from_str(&written).unwrap();
        assert_eq!(
            again.to_f64(),
            ratio.to_f64(),
            "{text} is written as {written}"
        );
    }
    // Too small for a decimal, and as good as nothing.
    assert_eq!(serde_json::from_str::<Ratio>("1e-30").unwrap(), Ratio::ZERO);
    assert!(serde_json::from_str::<Ratio>("1e300").is_err());
}
