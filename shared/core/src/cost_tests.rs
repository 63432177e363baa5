//! The arithmetic, by hand for small cases.

use super::*;

const ONE: Scale = Scale {
    accounts: 1,
    regions: 1,
    keys: 0,
    key_events: 0,
    management_events: 0,
    is_second_trail: false,
    has_own_trail: true,
    dashboards: 1,
};

fn cost(estimate: &Estimate, part: Part, what: &str) -> String {
    let found: Vec<&Line> = estimate.lines_of(part).filter(|line| line.what == what).collect();
    assert_eq!(found.len(), 1, "`{what}`");
    found.iter().map(|line| line.cost.to_string()).collect()
}

fn estimate(scale: Scale) -> Estimate {
    Estimate::of(scale, 20, &PriceTable::listed())
}

#[test]
fn amounts_are_read_and_written_without_a_fraction() {
    for (text, micro_dollars) in [("0.30", 300_000), ("3", 3_000_000), ("0.000001", 1), ("14.70", 14_700_000)] {
        assert_eq!(text.parse::<Money>().map(Money::micro_dollars), Ok(micro_dollars), "{text}");
    }
    for text in ["", ".", "-1", "1e3", "0.0000001", "1,5", "99999999999999999999"] {
        assert!(text.parse::<Money>().is_err(), "{text}");
    }
}

#[test]
fn cents_are_rounded_half_up_and_less_than_one_is_not_nothing() {
    let cases = [(0, "$0.00"), (1, "< $0.01"), (4_999, "< $0.01"), (5_000, "$0.01"), (14_699_999, "$14.70"), (1_234_567_890, "$1234.57")];
    for (micro_dollars, text) in cases {
        assert_eq!(Money::of_micro_dollars(micro_dollars).in_cents(), text);
    }
}

#[test]
fn a_cost_is_rounded_once_half_up() {
    let price = Price { dollars: Money::of_micro_dollars(400_000), per: 1_000_000, source: String::new(), is_confirmed: true };
    let costs = [0, 1, 2, 5, 657_000].map(|quantity| price.cost_of(quantity).micro_dollars());
    assert_eq!(costs, [0, 0, 1, 2, 262_800]);
}

#[test]
fn an_empty_guard_costs_its_alarms_and_metrics_and_cents_beside_them() {
    let estimate = estimate(ONE);
    assert_eq!(cost(&estimate, Part::Guard, "alarms on the guard itself"), "0.900000"); // 9 * 0.10
    assert_eq!(cost(&estimate, Part::Guard, "metrics of the guard"), "3.600000"); // 12 * 0.30
    assert_eq!(cost(&estimate, Part::Guard, "Lambda polling the queue"), "0.262800"); // 657,000 * 0.40 / 1,000,000
    assert_eq!(cost(&estimate, Part::Guard, "sweeps, 256 MB"), "0.004867"); // 730 * 2 s * 0.25 GB * 0.0000133334
    assert_eq!(cost(&estimate, Part::Guard, "keys swept, 256 MB"), "0.000000");
}

#[test]
fn a_control_costs_an_alarm_and_a_metric() {
    let estimate = estimate(ONE);
    assert_eq!(cost(&estimate, Part::Monitoring, "alarms on what metric filters count"), "2.000000"); // 20 * 0.10
    assert_eq!(cost(&estimate, Part::Monitoring, "what metric filters count"), "6.000000"); // 20 * 0.30
}

#[test]
fn what_grows_with_keys_is_the_sweep() {
    let estimate = estimate(Scale { keys: 1_000, ..ONE });
    assert_eq!(cost(&estimate, Part::Guard, "looks at keys by the sweep"), "6.570000"); // 1,000 * 730 * 3 * 0.03 / 10,000
    assert_eq!(cost(&estimate, Part::Guard, "ledger: inventory of the sweep"), "0.456250"); // 730,000 * 0.625 / 1,000,000
}

#[test]
fn the_first_copy_of_management_events_is_free_and_another_is_not() {
    let recorded = Scale { management_events: 100_000, has_own_trail: false, ..ONE };
    let paid = "copies of management events after the first";
    assert_eq!(cost(&estimate(recorded), Part::Monitoring, paid), "0.000000");
    assert_eq!(cost(&estimate(Scale { is_second_trail: true, ..recorded }), Part::Monitoring, paid), "2.000000");
    assert_eq!(cost(&estimate(recorded), Part::Monitoring, "the trail into CloudWatch Logs"), "0.075000"); // 150,000 KB * 0.50 / 1,000,000
}

#[test]
fn a_trail_of_ones_own_costs_nothing_in_addition() {
    let own = estimate(Scale { management_events: 1_000_000, ..ONE });
    assert_eq!(own.total, estimate(ONE).total);
}

#[test]
fn three_dashboards_are_free() {
    let of = |dashboards| cost(&estimate(Scale { dashboards, ..ONE }), Part::Monitoring, "dashboards beyond the free ones");
    assert_eq!([0, 3, 4, 10].map(of), ["0.000000", "0.000000", "3.000000", "21.000000"]);
}

#[test]
fn the_total_is_the_sum_of_the_parts_and_of_the_lines() {
    let estimate =
        estimate(Scale { accounts: 7, regions: 3, keys: 411, key_events: 97, management_events: 12_345, has_own_trail: false, ..ONE });
    assert_eq!(Part::ALL.into_iter().map(|part| estimate.total_of(part)).sum::<Money>(), estimate.total);
    assert_eq!(estimate.lines.iter().map(|line| line.cost).sum::<Money>(), estimate.total);
}

#[test]
fn twice_the_accounts_cost_twice_as_much() {
    let of = |accounts| estimate(Scale { accounts, dashboards: 0, ..ONE }).total.micro_dollars();
    assert!(of(2).abs_diff(2 * of(1)) <= 40, "{} and {}", of(2), of(1)); // each line rounds for itself
}

#[test]
fn no_scale_overflows() {
    let most = u64::MAX;
    let all = Scale {
        accounts: most,
        regions: most,
        keys: most,
        key_events: most,
        management_events: most,
        is_second_trail: true,
        has_own_trail: false,
        dashboards: most,
    };
    assert!(Estimate::of(all, most, &PriceTable::listed()).total.micro_dollars() == u64::MAX);
}

#[test]
fn own_prices_replace_those_they_name() {
    let own = r#"{"date": "2027-01-01", "region": "eu-central-1", "prices": {"alarm": {"dollars": "0.12", "per": 1}}}"#;
    let table = PriceTable::listed().with_own(own).unwrap();
    assert_eq!((table.date.as_str(), table.region.as_str()), ("2027-01-01", "eu-central-1"));
    assert_eq!(table.price(Item::Alarm).cost_of(9).to_string(), "1.080000");
    assert_eq!(table.price(Item::Metric), PriceTable::listed().price(Item::Metric));
}

#[test]
fn own_prices_that_cannot_be_used_are_refused() {
    for (json, why) in [
        ("[]", "these are no prices"),
        (r#"{"prices": {"alarms": {"dollars": "0.1", "per": 1}}}"#, "unknown variant `alarms`"),
        (r#"{"prices": {"alarm": {"dollars": 0.1, "per": 1}}}"#, "expected a string"),
        (r#"{"prices": {"alarm": {"dollars": "0.1", "per": 0}}}"#, "is for 0 of them"),
        (r#"{"prices": {"alarm": {"dollars": "a dime", "per": 1}}}"#, "`a dime` is no amount"),
    ] {
        let error = PriceTable::listed().with_own(json).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn every_item_has_a_price_and_a_source() {
    let table = PriceTable::listed();
    for item in Item::ALL {
        let price = table.price(item);
        assert!(price.per > 0 && price.source.starts_with("https://"), "{item:?}");
        assert_eq!(price.dollars == Money::default(), item == Item::EventBridgeEvent, "{item:?}");
    }
}

#[test]
fn the_published_lines_add_up_to_what_is_said_of_them() {
    let lines = ["2.49", "0.00142", "0.029", "0.14", "10.02", "2.0625", "0.40", "0.0003", "2.10", "3.00", "0.40", "0.0355"];
    assert_eq!(lines.iter().map(|line| line.parse::<Money>().unwrap()).sum::<Money>(), PUBLISHED.sum_of_lines);
}

#[test]
fn at_the_published_scale_there_are_as_many_remedies() {
    let scale = Scale { keys: 50, ..ONE }.at(&PUBLISHED);
    assert_eq!((scale.accounts, scale.regions, scale.keys, scale.key_events), (10, 1, 50, 3_000));
}
