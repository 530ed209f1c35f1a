//! A shop in four processes that share a PostgreSQL: `shop api`, `shop worker NAME`, `shop scheduler` and
//! `shop payments`.

mod api;
mod database;
mod error;
mod figures;
mod jobs;
mod orders;
mod payments;
mod reports;
mod scheduler;
mod settings;
mod stock;
mod worker;

use settings::Settings;

const USAGE: &str = "usage: shop api|scheduler|payments, or shop worker NAME";

type AnyError = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), AnyError> {
    let settings = Settings::from_env()?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["api"] => api::run(&settings).await,
        ["worker", name] => worker::run(&settings, name).await,
        ["scheduler"] => scheduler::run(&settings).await,
        ["payments"] => payments::run(&settings).await,
        _ => Err(USAGE.into()),
    }
}
