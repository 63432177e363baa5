//! Attacks, labelled.

use super::scene::{Call, Caller, Scene, hour_of, is_weekend, reading};
use super::{Attack, Incident};

const HOME: &str = "eu-central-1";

/// Commits all attacks, spread over the days after the quiet ones.
pub(super) fn commit(scene: &mut Scene) {
    for number in 0..scene.scale.attacks {
        for attack in Attack::ALL {
            let latest = scene.scale.days - if attack == Attack::SlowExfiltration { 8 } else { 1 };
            let day = scene.random.between(scene.scale.quiet_days, latest);
            let incident = Incident { attack, number };
            match attack {
                Attack::StolenRole => stolen_role(scene, day, incident),
                Attack::MassDecrypt => mass_decrypt(scene, day, incident),
                Attack::FirstUseByAdmin => first_use_by_admin(scene, day, incident),
                Attack::Enumeration => enumeration(scene, day, incident),
                Attack::NewRegion => new_region(scene, day, incident),
                Attack::SlowExfiltration => slow_exfiltration(scene, day, incident),
            }
        }
    }
}

/// One of those who were there from the beginning.
fn victim(scene: &mut Scene) -> Caller {
    let (services, people) = (scene.scale.services, scene.scale.people);
    let index = scene.random.below(services + people);
    let found = if index < services { scene.services.get(index) } else { scene.people.get(index - services) };
    found.cloned().expect("everybody is counted")
}

fn working_day(day: i64) -> i64 {
    if is_weekend(day) { day - 2 } else { day }
}

fn usual_address(scene: &mut Scene, caller: &Caller) -> String {
    let network = caller.networks.first().cloned().unwrap_or_default();
    if caller.through.is_some() { network } else { scene.address_in(&network) }
}

fn stolen_role(scene: &mut Scene, day: i64, incident: Incident) {
    let thief = Caller { through: None, ..victim(scene) };
    let network = format!("185.{}.{}", scene.random.below(250), scene.random.below(250));
    let address = scene.address_in(&network);
    let start = hour_of(day, scene.random.between(1, 4));
    for _ in 0..scene.random.between(8, 30) {
        let asset = *scene.random.one(&thief.assets);
        let second = start + scene.random.between(0, 2_400);
        let (name, address) = (reading(asset), address.clone());
        scene.call(&Call {
            caller: &thief,
            second,
            address,
            asset: Some(asset),
            name,
            is_refused: false,
            region: HOME,
            incident: Some(incident),
        });
    }
}

fn mass_decrypt(scene: &mut Scene, day: i64, incident: Incident) {
    let caller = victim(scene);
    let address = usual_address(scene, &caller);
    let start = hour_of(working_day(day), scene.random.between(9, 16));
    for _ in 0..scene.random.between(400, 900) {
        let asset = *scene.random.one(&caller.assets);
        let second = start + scene.random.between(0, 3_000);
        let (name, address) = (reading(asset), address.clone());
        scene.call(&Call {
            caller: &caller,
            second,
            address,
            asset: Some(asset),
            name,
            is_refused: false,
            region: HOME,
            incident: Some(incident),
        });
    }
}

fn first_use_by_admin(scene: &mut Scene, day: i64, incident: Incident) {
    let admin = scene.admins.get(scene.scale.attacks % 3).cloned().expect("there are three");
    // A key that somebody uses every day.
    let service = scene.random.below(scene.scale.services);
    let asset = scene.services.get(service).and_then(|service| service.assets.first().copied()).unwrap_or(0);
    let start = hour_of(working_day(day), scene.random.between(9, 15));
    let address = usual_address(scene, &admin);
    for step in 0..scene.random.between(1, 3) {
        let (name, address) = (reading(asset), address.clone());
        let second = start + step * 30;
        scene.call(&Call {
            caller: &admin,
            second,
            address,
            asset: Some(asset),
            name,
            is_refused: false,
            region: HOME,
            incident: Some(incident),
        });
    }
}

fn enumeration(scene: &mut Scene, day: i64, incident: Incident) {
    let caller = victim(scene);
    let address = usual_address(scene, &caller);
    let start = hour_of(day, scene.random.between(0, 23));
    for step in 0..scene.random.between(25, 60) {
        let asset = scene.random.below(scene.scale.assets) * 2 + 1;
        let (second, address) = (start + step * 7, address.clone());
        let is_refused = scene.random.chance(0.8);
        let name = "GetSecretValue";
        scene.call(&Call {
            caller: &caller,
            second,
            address,
            asset: Some(asset),
            name,
            is_refused,
            region: HOME,
            incident: Some(incident),
        });
    }
}

fn new_region(scene: &mut Scene, day: i64, incident: Incident) {
    let caller = victim(scene);
    let address = usual_address(scene, &caller);
    let region = *scene.random.one(&["ap-southeast-1", "us-west-2", "sa-east-1"]);
    let start = hour_of(day, scene.random.between(0, 23));
    for step in 0..scene.random.between(3, 12) {
        let name = *scene.random.one(&["CreateKey", "Encrypt", "Decrypt", "ListKeys"]);
        let asset = (name != "ListKeys").then_some(9_000 + incident.number * 2);
        let (second, address) = (start + step * 40, address.clone());
        scene.call(&Call { caller: &caller, second, address, asset, name, is_refused: false, region, incident: Some(incident) });
    }
}

fn slow_exfiltration(scene: &mut Scene, day: i64, incident: Incident) {
    let people = scene.scale.people;
    let index = scene.random.below(people);
    let caller = scene.people.get(index).cloned().expect("everybody is counted");
    for later in 0..7 {
        for _ in 0..scene.random.between(2, 4) {
            let address = usual_address(scene, &caller);
            let asset = scene.random.below(scene.scale.assets * 2);
            let second = hour_of(working_day(day + later), scene.random.between(9, 15)) + scene.random.between(0, 3_599);
            let name = reading(asset);
            scene.call(&Call {
                caller: &caller,
                second,
                address,
                asset: Some(asset),
                name,
                is_refused: false,
                region: HOME,
                incident: Some(incident),
            });
        }
    }
}
