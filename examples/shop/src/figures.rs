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
