//! The service's own figures cost no allocation on a known series. Here and not beside their other tests: an
//! allocator that counts is unsafe code, which the crate forbids in all of its targets.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

use vantage_obs::testing::TestTelemetry;
use vantage_obs::{Config, Role, figures};

thread_local! {
    /// Of this thread alone: other tests run beside.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct CountingAllocator;

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // Where a thread ends, its count is gone before its last allocation.
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Returns the number of allocations that a call makes on this thread.
fn allocations(call: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    call();
    ALLOCATIONS.get() - before
}

figures! {
    /// The shop's own figures.
    struct ShopFigures {
        /// Orders that were paid.
        counter orders("shop.orders", tenant: 200, payment: ["card", "invoice"]).daily_total();
        /// Carts that are open.
        gauge open_carts("shop.open_carts", area: 9);
        /// Time from the basket to the receipt.
        histogram checkout("shop.checkout.duration", payment: ["card", "invoice"]).unit("s");
    }
}

#[test]
fn recording_on_a_known_series_allocates_nothing() {
    let config = Config::new("shop", Role::Api).figures(ShopFigures::declarations());
    let test = TestTelemetry::with_config(config, &[]).unwrap();
    let telemetry = test.telemetry();
    let shop = ShopFigures::new(telemetry);
    let record = || {
        shop.orders("acme", "card").add(1);
        shop.open_carts("eu").set(7);
        shop.checkout("card").record(Duration::from_millis(20));
        let orders = telemetry.counter("shop.orders");
        orders.add(1, &[("payment", "card"), ("tenant", "acme")]);
        // One that overflows has a series too.
        orders.add(1, &[("payment", "cash"), ("tenant", "acme")]);
    };
    assert!(
        allocations(record) > 0,
        "the first recordings bind their series"
    );
    assert_eq!(allocations(|| (0..1_000).for_each(|_| record())), 0);
    let labels = [("payment", "card"), ("tenant", "acme")];
    assert_eq!(test.value("shop_orders_total", &labels), Some(2_002.0));
}

#[test]
fn a_struct_of_figures_declares_what_the_configuration_does_not() {
    let test = TestTelemetry::new();
    let shop = ShopFigures::new(test.telemetry());
    shop.orders("acme", "card").add(3);
    let text = test
        .telemetry()
        .scrape(vantage_obs::ExpositionFormat::Text)
        .unwrap();
    assert!(text.contains("# HELP shop_orders_total Orders that were paid\n"));
    assert!(!text.contains("figure_mismatches"));
}
