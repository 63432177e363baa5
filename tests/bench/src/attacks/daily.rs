//! Days on which nothing is wrong.

use super::scene::{Call, Caller, Scene, hour_of, is_weekend, reading};

const HOME: &str = "eu-central-1";
const OFFICE: &str = "203.0.113";

/// Lets everybody live through all days.
pub(super) fn live(scene: &mut Scene) {
    employ(scene);
    let mut functions: Vec<Caller> = (0..3).map(|number| function(scene, number)).collect();
    let mut pipeline = pipeline(scene);
    let mut backup = job(scene, "nightly-backup", 12);
    let auditor = job(scene, "monthly-audit", scene.scale.assets / 2);
    for day in 0..scene.scale.days {
        change_something(scene, day, &mut pipeline, &mut backup);
        let services = scene.services.clone();
        for caller in &services {
            serve(scene, caller, day);
        }
        for caller in &mut functions {
            run_function(scene, caller, day);
        }
        let people = scene.people.clone();
        for (number, person) in people.iter().enumerate() {
            work(scene, person, number, day);
        }
        let admins = scene.admins.clone();
        for admin in &admins {
            administer(scene, admin, day);
        }
        run_pipeline(scene, &pipeline, day);
        run_job(scene, &backup, (day, 2), 15);
        if day % 28 == 3 {
            run_job(scene, &auditor, (day, 4), 1);
        }
    }
}

fn some_assets(scene: &mut Scene, count: usize) -> Vec<usize> {
    let all = scene.assets;
    (0..count).map(|_| scene.random.below(all)).collect()
}

fn employ(scene: &mut Scene) {
    for _ in 0..scene.scale.services {
        let service = new_service(scene);
        scene.services.push(service);
    }
    for _ in 0..scene.scale.people {
        let person = new_person(scene);
        scene.people.push(person);
    }
    for number in 0..3 {
        let home = format!("192.0.{}", 20 + number);
        let admin = Caller {
            role: format!("Admin-{number}"),
            session: format!("admin-{number}@example.com"),
            networks: vec![OFFICE.to_owned(), home],
            assets: Vec::new(),
            through: None,
        };
        scene.admins.push(admin);
    }
}

fn new_service(scene: &mut Scene) -> Caller {
    let number = scene.number("service");
    let through = [None, None, Some("s3.amazonaws.com"), Some("dynamodb.amazonaws.com")];
    let through = *scene.random.one(&through);
    let count = 1 + scene.random.below(3);
    let assets = some_assets(scene, count);
    let network = format!("10.{}.{}", number % 4, scene.random.below(8));
    Caller {
        role: format!("service-{number}"),
        session: format!("i-{number:017x}"),
        networks: vec![through.map_or(network, ToOwned::to_owned)],
        assets,
        through,
    }
}

fn new_person(scene: &mut Scene) -> Caller {
    let number = scene.number("person");
    let count = 3 + scene.random.below(5);
    let assets = some_assets(scene, count);
    Caller {
        role: format!("Engineer-{number}"),
        session: format!("person-{number}@example.com"),
        networks: vec![OFFICE.to_owned(), format!("82.64.{number}")],
        assets,
        through: None,
    }
}

fn function(scene: &mut Scene, number: usize) -> Caller {
    let assets = some_assets(scene, 2);
    Caller { role: format!("function-{number}"), session: format!("function-{number}"), networks: Vec::new(), assets, through: None }
}

fn pipeline(scene: &mut Scene) -> Caller {
    let networks = (0..30).map(|number| format!("140.82.{number}")).collect();
    let assets = some_assets(scene, 10);
    Caller { role: "pipeline".to_owned(), session: "deploy".to_owned(), networks, assets, through: None }
}

fn job(scene: &mut Scene, role: &str, count: usize) -> Caller {
    let assets = some_assets(scene, count);
    Caller { role: role.to_owned(), session: role.to_owned(), networks: vec!["10.9.1".to_owned()], assets, through: None }
}

/// What makes an honest baseline err.
fn change_something(scene: &mut Scene, day: i64, pipeline: &mut Caller, backup: &mut Caller) {
    if scene.random.chance(1.0 / 9.0) {
        let service = new_service(scene);
        scene.services.push(service);
    }
    if scene.random.chance(1.0 / 20.0) {
        let person = new_person(scene);
        scene.people.push(person);
    }
    if scene.random.chance(0.25) {
        // A new secret or key, which a service, the pipeline and the backup begin to use.
        let asset = scene.assets;
        scene.assets += 1;
        pipeline.assets.push(asset);
        backup.assets.push(asset);
        let index = scene.random.below(scene.services.len());
        if let Some(service) = scene.services.get_mut(index) {
            service.assets.push(asset);
        }
    }
    if !is_weekend(day) && scene.random.chance(0.12) {
        // Somebody is given a secret that there was before.
        let asset = scene.random.below(scene.assets);
        let index = scene.random.below(scene.people.len());
        if let Some(person) = scene.people.get_mut(index) {
            person.assets.push(asset);
        }
    }
    if day == 40 {
        // A network moves.
        if let Some(service) = scene.services.iter_mut().find(|service| service.through.is_none()) {
            service.networks = vec!["10.77.1".to_owned()];
        }
    }
    if scene.random.chance(1.0 / 30.0) {
        let index = scene.random.below(scene.people.len());
        let network = format!("82.65.{}", scene.random.below(250));
        if let Some(home) = scene.people.get_mut(index).and_then(|person| person.networks.get_mut(1)) {
            *home = network;
        }
    }
}

fn place_of(scene: &mut Scene, caller: &Caller) -> String {
    let network = scene.random.one(&caller.networks).clone();
    if caller.through.is_some() { network } else { scene.address_in(&network) }
}

fn serve(scene: &mut Scene, caller: &Caller, day: i64) {
    let peak = if scene.random.chance(0.02) { Some(scene.random.between(8, 18)) } else { None };
    for hour in 0..24 {
        let light = if (7..20).contains(&hour) { 1.4 } else { 0.6 };
        let load = if peak.is_some_and(|peak| (peak..peak + 2).contains(&hour)) { 3.0 } else { 1.0 };
        for _ in 0..scene.random.times(scene.scale.calls_an_hour * light * load) {
            let asset = *scene.random.one(&caller.assets);
            let name =
                if asset.is_multiple_of(2) { *scene.random.one(&["Decrypt", "Decrypt", "GenerateDataKey"]) } else { "GetSecretValue" };
            let is_refused = scene.random.chance(0.001);
            let (second, address) = (hour_of(day, hour) + scene.random.between(0, 3_599), place_of(scene, caller));
            scene.call(&Call { caller, second, address, asset: Some(asset), name, is_refused, region: HOME, incident: None });
        }
    }
}

/// A function without a network of its own comes from any address of its provider.
fn run_function(scene: &mut Scene, caller: &Caller, day: i64) {
    for hour in 0..24 {
        for _ in 0..scene.random.times(2.0) {
            let asset = *scene.random.one(&caller.assets);
            let address = format!("3.{}.{}.{}", scene.random.between(64, 79), scene.random.below(256), scene.random.below(256));
            let second = hour_of(day, hour) + scene.random.between(0, 3_599);
            let name = reading(asset);
            scene.call(&Call { caller, second, address, asset: Some(asset), name, is_refused: false, region: HOME, incident: None });
        }
    }
}

fn work(scene: &mut Scene, person: &Caller, number: usize, day: i64) {
    let is_on_call = usize::try_from(day / 7).is_ok_and(|week| week % scene.people.len().max(1) == number);
    let works = if is_weekend(day) { is_on_call && scene.random.chance(0.4) } else { scene.random.chance(0.9) };
    if !works {
        return;
    }
    let is_late = scene.random.chance(if is_on_call { 0.2 } else { 0.03 });
    let travels = scene.random.chance(0.01);
    let network = if travels {
        format!("151.{}.{}", scene.random.below(250), scene.random.below(250))
    } else if scene.random.chance(0.7) && !is_weekend(day) {
        OFFICE.to_owned()
    } else {
        person.networks.last().cloned().unwrap_or_default()
    };
    let begins = scene.random.between(7, 9);
    let ends = if is_late { scene.random.between(19, 23) } else { scene.random.between(15, 18) };
    for hour in begins..ends {
        for _ in 0..scene.random.times(1.6) {
            let asset = *scene.random.one(&person.assets);
            let described = if asset.is_multiple_of(2) { "DescribeKey" } else { "DescribeSecret" };
            let name = *scene.random.one(&[reading(asset), described, described, "ListKeys", "ListSecrets"]);
            let asset = (!name.starts_with("List")).then_some(asset);
            let is_refused = scene.random.chance(0.015);
            let (second, address) = (hour_of(day, hour) + scene.random.between(0, 3_599), scene.address_in(&network));
            // The console opens in another Region now and then.
            let region = if asset.is_none() && scene.random.chance(0.002) { "us-east-1" } else { HOME };
            scene.call(&Call { caller: person, second, address, asset, name, is_refused, region, incident: None });
        }
    }
}

/// Administrators look at everything, make and tag, and read nothing.
fn administer(scene: &mut Scene, admin: &Caller, day: i64) {
    if is_weekend(day) || scene.random.chance(0.15) {
        return;
    }
    for hour in 8..17 {
        for _ in 0..scene.random.times(2.0) {
            let asset = scene.random.below(scene.assets);
            let names: [&str; 3] =
                if asset.is_multiple_of(2) { ["DescribeKey", "DescribeKey", "TagResource"] } else { ["DescribeSecret"; 3] };
            let name = *scene.random.one(&names);
            let (second, address) = (hour_of(day, hour) + scene.random.between(0, 3_599), place_of(scene, admin));
            scene.call(&Call { caller: admin, second, address, asset: Some(asset), name, is_refused: false, region: HOME, incident: None });
        }
    }
}

fn run_pipeline(scene: &mut Scene, pipeline: &Caller, day: i64) {
    if is_weekend(day) {
        return;
    }
    for _ in 0..scene.random.times(6.0) {
        let start = hour_of(day, scene.random.between(8, 18)) + scene.random.between(0, 3_000);
        let address = place_of(scene, pipeline);
        for step in 0..5 {
            let asset = *scene.random.one(&pipeline.assets);
            let (name, address) = (reading(asset), address.clone());
            let second = start + step * 20;
            scene.call(&Call {
                caller: pipeline,
                second,
                address,
                asset: Some(asset),
                name,
                is_refused: false,
                region: HOME,
                incident: None,
            });
        }
    }
}

fn run_job(scene: &mut Scene, job: &Caller, (day, hour): (i64, i64), rounds: usize) {
    let address = place_of(scene, job);
    for _ in 0..rounds {
        for asset in &job.assets {
            let (name, address) = (reading(*asset), address.clone());
            let second = hour_of(day, hour) + scene.random.between(0, 3_500);
            scene.call(&Call { caller: job, second, address, asset: Some(*asset), name, is_refused: false, region: HOME, incident: None });
        }
    }
}
