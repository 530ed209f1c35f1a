//! The shop's own figures.

vantage_obs::figures! {
    /// The shop's own figures.
    pub struct ShopFigures {
        /// Orders that were paid.
        counter orders("shop.orders", sku: 200).unit("{order}").panel().drop_alert(0.5).daily_total();
        /// Money taken, in cents.
        counter revenue("shop.revenue").unit("{cent}").panel().daily_total();
    }
}

/// `vantage-obs generate --figures figures.json` reads what the code declares from there.
#[test]
fn the_file_has_what_the_code_declares() {
    let declared: vantage_obs::figure::Figures = ShopFigures::declarations().into_iter().collect();
    let text = serde_json::to_string_pretty(&declared).unwrap();
    if std::env::var_os("UPDATE_FIGURES").is_some() {
        std::fs::write("figures.json", &text).unwrap();
    }
    let file = std::fs::read_to_string("figures.json").unwrap_or_default();
    assert_eq!(
        file, text,
        "run the test with UPDATE_FIGURES=1, and commit figures.json"
    );
}
