mod cut_off;
mod model;

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::repository::offsite::Id;
use crate::repository::offsite::limits::Limits;

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// A name that nothing else has.
fn name(part: Part, number: u64) -> Name {
    Name::File(part, Id::parse(&format!("{number:064x}")).unwrap())
}

fn inventory(names: impl IntoIterator<Item = Name>) -> Inventory {
    let mut inventory = Inventory::default();
    for name in names {
        inventory.add(name, 100);
    }
    inventory
}

fn listed(inventory: Inventory) -> Listed {
    Listed {
        inventory,
        ..Listed::default()
    }
}

fn settings(delete: Delete) -> Settings {
    Settings {
        delete,
        limits: Limits {
            max_loss: 10,
            hosts: 1,
            accepts_loss: false,
        },
        repairs: false,
    }
}

/// A repository with this number of snapshots.
fn repository(snapshots: u64) -> Vec<Name> {
    let others = [name(Part::Keys, 1), name(Part::Data, 1), name(Part::Index, 1)];
    let snapshots = (0..snapshots).map(|number| name(Part::Snapshots, number));
    [Name::Config]
        .into_iter()
        .chain(others)
        .chain(snapshots)
        .collect()
}

fn at(days: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + DAY * i32::try_from(days).unwrap()
}

fn gone(days: i64) -> Gone {
    Gone {
        since: at(days),
        round: 1,
        complete_round: 0,
    }
}

#[test]
fn a_first_copy_gets_all_parts_in_their_order() {
    let here = inventory(repository(2));
    let plan = Plan::of(
        &here,
        &Listed::default(),
        &Memory::default(),
        at(0),
        &settings(Delete::AtOnce),
    )
    .unwrap();
    let parts: Vec<Part> = plan.upload.iter().map(|(name, _)| name.part()).collect();
    assert_eq!(parts[..5], Part::ALL);
    assert_eq!(plan.bytes(), here.files().map(|(_, size)| size).sum::<u64>());
    assert!(plan.delete.is_empty() && plan.repair.is_empty());
}

#[test]
fn what_is_there_already_is_left_alone() {
    let here = inventory(repository(2));
    let plan = Plan::of(
        &here,
        &listed(here.clone()),
        &Memory::default(),
        at(0),
        &settings(Delete::AtOnce),
    )
    .unwrap();
    assert_eq!((plan.repair, plan.upload, plan.delete), (vec![], vec![], vec![]));
}

#[test]
fn nothing_is_copied_of_what_is_no_repository() {
    let all = repository(2);
    let there = listed(inventory(all.clone()));
    for (part, lacks) in [(Part::Config, 0), (Part::Keys, 1)] {
        let mut names = all.clone();
        names.remove(lacks);
        let refused = Plan::of(
            &inventory(names),
            &there,
            &Memory::default(),
            at(0),
            &settings(Delete::AtOnce),
        );
        assert_eq!(refused, Err(Refusal::NoRepository(part)));
    }
    let strangers = Listed {
        strangers: vec!["holiday.jpg".to_owned()],
        ..Listed::default()
    };
    let refused = Plan::of(
        &inventory(all),
        &strangers,
        &Memory::default(),
        at(0),
        &settings(Delete::AtOnce),
    );
    assert_eq!(refused, Err(Refusal::Occupied(vec!["holiday.jpg".to_owned()])));
}

#[test]
fn too_many_lost_snapshots_stop_the_copy_until_they_are_accepted() {
    let there = listed(inventory(repository(30)));
    let mut settings = settings(Delete::AtOnce);
    for (left, refused) in [
        (27, None),
        (
            26,
            Some(Refusal::Loss {
                lost: 4,
                of: 30,
                allowed: 3,
            }),
        ),
        (0, Some(Refusal::Empty { copied: 30 })),
    ] {
        let here = inventory(repository(left));
        let plan = Plan::of(&here, &there, &Memory::default(), at(0), &settings);
        assert_eq!(plan.err(), refused);
    }
    // Those that are known to be gone are not lost again.
    let memory = Memory {
        gone: (20..30)
            .map(|number| (name(Part::Snapshots, number), gone(0)))
            .collect(),
        ..Memory::default()
    };
    let here = inventory(repository(20));
    assert!(Plan::of(&here, &there, &memory, at(0), &settings).is_ok());
    settings.limits.accepts_loss = true;
    let here = inventory(repository(0));
    let plan = Plan::of(&here, &there, &Memory::default(), at(0), &settings).unwrap();
    assert_eq!(plan.delete.len(), 30);
}

#[test]
fn a_fleet_may_lose_a_snapshot_of_each_host_a_night() {
    let there = listed(inventory(repository(6)));
    let here = inventory(repository(3));
    let mut settings = settings(Delete::Never);
    assert!(Plan::of(&here, &there, &Memory::default(), at(0), &settings).is_err());
    settings.limits.hosts = 3;
    assert!(Plan::of(&here, &there, &Memory::default(), at(0), &settings).is_ok());
}

#[test]
fn file_of_another_size_is_replaced_only_after_cut_off_upload_or_for_repair() {
    let here = inventory(repository(1));
    let mut there = inventory(repository(1));
    let pack = name(Part::Data, 1);
    there.add(pack, 7);
    let there = listed(there);
    let mut settings = settings(Delete::Never);
    let refused = Plan::of(&here, &there, &Memory::default(), at(0), &settings);
    assert_eq!(refused, Err(Refusal::Damaged(vec![pack])));
    let memory = Memory {
        uploading: BTreeSet::from([pack]),
        ..Memory::default()
    };
    let plan = Plan::of(&here, &there, &memory, at(0), &settings).unwrap();
    assert_eq!((plan.repair, plan.upload), (vec![pack], vec![(pack, 100)]));
    settings.repairs = true;
    let plan = Plan::of(&here, &there, &Memory::default(), at(0), &settings).unwrap();
    assert_eq!(plan.repair, [pack]);
}

#[test]
fn what_is_gone_leaves_the_copy_in_the_reverse_order_once_its_time_has_come() {
    let mut gone = vec![
        name(Part::Data, 2),
        name(Part::Index, 2),
        name(Part::Snapshots, 9),
    ];
    let there = listed(inventory(repository(1).into_iter().chain(gone.clone())));
    let here = inventory(repository(1));
    let settings = settings(Delete::After(DAY * 30));
    let plan = Plan::of(&here, &there, &Memory::default(), at(0), &settings).unwrap();
    assert!(plan.delete.is_empty());
    assert_eq!(plan.gone.len(), 3);
    let memory = Memory {
        gone: plan.gone,
        ..Memory::default()
    };
    for (days, due) in [(29, 0), (30, 3)] {
        let plan = Plan::of(&here, &there, &memory, at(days), &settings).unwrap();
        assert_eq!(plan.delete.len(), due, "after {days} days");
        gone.reverse();
        assert!(
            due == 0
                || plan
                    .delete
                    .iter()
                    .map(|name| name.part())
                    .is_sorted_by(|a, b| a >= b)
        );
    }
}

#[test]
fn a_clock_that_was_set_back_delays_a_deletion_and_does_not_prevent_it() {
    let there = listed(inventory(
        repository(1).into_iter().chain([name(Part::Snapshots, 9)]),
    ));
    let here = inventory(repository(1));
    let memory = Memory {
        gone: BTreeMap::from([(name(Part::Snapshots, 9), gone(900))]),
        ..Memory::default()
    };
    let plan = Plan::of(&here, &there, &memory, at(0), &settings(Delete::After(DAY))).unwrap();
    assert_eq!(plan.gone[&name(Part::Snapshots, 9)].since, at(0));
}

#[test]
fn a_pack_that_went_without_a_prune_stays_until_one_explains_it() {
    let pack = name(Part::Data, 2);
    let there = inventory(repository(1).into_iter().chain([pack]));
    let here = inventory(repository(1));
    let settings = settings(Delete::AtOnce);
    let plan = Plan::of(
        &here,
        &listed(there.clone()),
        &Memory::default(),
        at(0),
        &settings,
    )
    .unwrap();
    assert_eq!((plan.delete, &plan.unexplained), (vec![], &vec![pack]));
    let memory = Memory {
        gone: plan.gone,
        unexplained: plan.unexplained.into_iter().collect(),
        ..Memory::default()
    };
    let plan = Plan::of(&here, &listed(there.clone()), &memory, at(1), &settings).unwrap();
    assert_eq!((plan.delete, &plan.unexplained), (vec![], &vec![pack]));
    // A prune writes a new index in the place of the old one.
    let old = name(Part::Index, 1);
    let names = repository(1).into_iter().filter(|name| *name != old);
    let here = inventory(names.chain([name(Part::Index, 5)]));
    let plan = Plan::of(&here, &listed(there), &memory, at(2), &settings).unwrap();
    assert_eq!(plan.delete, [old, pack]);
    assert_eq!(plan.gone[&pack].since, at(2));
}
