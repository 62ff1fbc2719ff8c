use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

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

/// A repository with so many snapshots.
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
    assert_eq!(plan.bytes(), here.bytes());
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
    );
    assert!(plan.unwrap().is_empty());
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
fn a_file_of_another_size_is_replaced_only_if_its_upload_was_cut_off_or_somebody_says_so() {
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

/// What is in a file: contents by number, or packs by name.
#[derive(Debug, Clone)]
enum Content {
    Contents(BTreeSet<u64>),
    Packs(BTreeMap<Name, BTreeSet<u64>>),
}

/// A repository as restic sees it.
#[derive(Debug, Clone, Default)]
struct Model {
    files: BTreeMap<Name, Content>,
    next: u64,
}

impl Model {
    fn new() -> Self {
        let mut model = Self::default();
        for name in [Name::Config, name(Part::Keys, 0)] {
            model.files.insert(name, Content::Contents(BTreeSet::new()));
        }
        model
    }

    fn add(&mut self, part: Part, content: Content) -> Name {
        self.next += 1;
        let name = name(part, self.next);
        self.files.insert(name, content);
        name
    }

    fn of(&self, part: Part) -> Vec<Name> {
        let names = self.files.keys().copied();
        names.filter(|name| name.part() == part).collect()
    }

    fn contents(&self, name: Name) -> BTreeSet<u64> {
        match &self.files[&name] {
            Content::Contents(contents) => contents.clone(),
            Content::Packs(_) => BTreeSet::new(),
        }
    }

    /// Two new contents, and some of those that are there already.
    fn back_up(&mut self, shared: usize) {
        let known: BTreeSet<u64> = self
            .of(Part::Data)
            .into_iter()
            .flat_map(|pack| self.contents(pack))
            .collect();
        let mut needs: BTreeSet<u64> = known.into_iter().step_by(shared.max(1)).collect();
        let mut packs = BTreeMap::new();
        for _ in 0..2 {
            self.next += 1;
            let contents = BTreeSet::from([self.next, self.next + 1_000_000]);
            needs.extend(&contents);
            packs.insert(
                self.add(Part::Data, Content::Contents(contents.clone())),
                contents,
            );
        }
        self.add(Part::Index, Content::Packs(packs));
        self.add(Part::Snapshots, Content::Contents(needs));
    }

    fn forget(&mut self) {
        if let [first, _, ..] = self.of(Part::Snapshots)[..] {
            self.files.remove(&first);
        }
    }

    /// Repacks what is needed, as restic does it at its most thorough.
    fn prune(&mut self) {
        let needs: BTreeSet<u64> = self
            .of(Part::Snapshots)
            .into_iter()
            .flat_map(|snapshot| self.contents(snapshot))
            .collect();
        let mut packs = BTreeMap::new();
        let old = [self.of(Part::Index), self.of(Part::Data)].concat();
        for pack in self.of(Part::Data) {
            let contents = self.contents(pack);
            let needed: BTreeSet<u64> = contents.intersection(&needs).copied().collect();
            if needed.len() == contents.len() {
                packs.insert(pack, contents);
            } else if !needed.is_empty() {
                packs.insert(self.add(Part::Data, Content::Contents(needed.clone())), needed);
            }
        }
        let kept: BTreeSet<Name> = packs.keys().copied().collect();
        self.add(Part::Index, Content::Packs(packs));
        for name in old {
            if !kept.contains(&name) {
                self.files.remove(&name);
            }
        }
    }

    fn inventory(&self) -> Inventory {
        inventory(self.files.keys().copied())
    }

    /// What `restic check` would say.
    fn is_valid(&self) -> Result<(), String> {
        let mut found = BTreeSet::new();
        for index in self.of(Part::Index) {
            let Content::Packs(packs) = &self.files[&index] else {
                continue;
            };
            for (pack, contents) in packs {
                if !self.files.contains_key(pack) {
                    return Err(format!("{index} names {pack}, which is missing"));
                }
                found.extend(contents);
            }
        }
        for snapshot in self.of(Part::Snapshots) {
            if !self.contents(snapshot).is_subset(&found) {
                return Err(format!("{snapshot} needs what no index has"));
            }
        }
        Ok(())
    }
}

#[derive(Debug, Clone)]
enum Step {
    BackUp(usize),
    Forget,
    Prune,
    /// A copy that is cut off after so many files, days after what was before.
    Copy {
        files: usize,
        days: i64,
    },
    LoseMemory,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1_usize..4).prop_map(Step::BackUp),
        2 => Just(Step::Forget),
        2 => Just(Step::Prune),
        5 => (0_usize..30, 0_i64..20).prop_map(|(files, days)| Step::Copy { files, days }),
        1 => Just(Step::LoseMemory),
    ]
}

fn delete() -> impl Strategy<Value = Delete> {
    prop_oneof![
        Just(Delete::AtOnce),
        Just(Delete::Never),
        (1_i32..40).prop_map(|days| Delete::After(DAY * days)),
    ]
}

/// Copies by a plan, file by file, and looks at the copy after each.
fn copy(
    here: &Model,
    there: &mut Model,
    memory: &mut Memory,
    now: Timestamp,
    delete: Delete,
    files: usize,
) -> Result<(), String> {
    let mut settings = settings(delete);
    settings.limits.accepts_loss = true;
    let plan = Plan::of(
        &here.inventory(),
        &listed(there.inventory()),
        memory,
        now,
        &settings,
    )
    .map_err(|refusal| refusal.to_string())?;
    memory.gone.clone_from(&plan.gone);
    memory.round += 1;
    memory.unexplained = plan.unexplained.iter().copied().collect();
    memory.index = here.of(Part::Index).into_iter().collect();
    let changes = plan
        .upload
        .iter()
        .map(|(name, _)| *name)
        .chain(plan.delete.iter().copied());
    for name in changes.take(files) {
        match here.files.get(&name) {
            Some(content) => there.files.insert(name, content.clone()),
            None => there.files.remove(&name),
        };
        there.is_valid()?;
    }
    if plan.upload.len() + plan.delete.len() <= files {
        memory.complete_round = memory.round;
    }
    Ok(())
}

#[test]
fn an_index_stays_as_long_as_a_snapshot_that_went_after_it_needs_it() {
    let mut here = Model::new();
    let mut there = Model::default();
    let mut memory = Memory::default();
    let delete = Delete::After(DAY);
    here.back_up(1);
    assert_eq!(
        copy(&here, &mut there, &mut memory, at(0), delete, usize::MAX),
        Ok(())
    );
    // The index is replaced twice, and what replaced it first never reaches the copy.
    here.prune();
    here.back_up(2);
    assert_eq!(copy(&here, &mut there, &mut memory, at(0), delete, 0), Ok(()));
    here.forget();
    here.prune();
    let old = there.of(Part::Index);
    assert_eq!(
        copy(&here, &mut there, &mut memory, at(100), delete, usize::MAX),
        Ok(())
    );
    assert!(old.iter().all(|index| there.files.contains_key(index)));
    assert_eq!(
        copy(&here, &mut there, &mut memory, at(200), delete, usize::MAX),
        Ok(())
    );
    assert_eq!(here.of(Part::Index), there.of(Part::Index));
}

proptest! {
    #[test]
    fn a_copy_is_a_valid_repository_at_every_moment(steps in prop::collection::vec(step(), 1..40), delete in delete()) {
        let mut here = Model::new();
        let mut there = Model::default();
        let mut memory = Memory::default();
        let mut today = 0;
        let lost_memory = steps.iter().any(|step| matches!(step, Step::LoseMemory));
        for step in steps {
            match step {
                Step::BackUp(shared) => here.back_up(shared),
                Step::Forget => here.forget(),
                Step::Prune => here.prune(),
                Step::LoseMemory => memory = Memory::default(),
                Step::Copy { files, days } => {
                    today += days;
                    let copied = copy(&here, &mut there, &mut memory, at(today), delete, files);
                    prop_assert_eq!(copied, Ok(()));
                }
            }
            prop_assert_eq!(here.is_valid(), Ok(()));
        }
        // A copy that is not cut off has all that there is, and, once everything is due, nothing else but packs that no
        // prune explains, because the memory of it was lost.
        here.prune();
        for _ in 0..2 {
            today += 100;
            prop_assert_eq!(copy(&here, &mut there, &mut memory, at(today), delete, usize::MAX), Ok(()));
        }
        for name in here.files.keys() {
            prop_assert!(there.files.contains_key(name));
        }
        if delete != Delete::Never {
            for name in there.files.keys().filter(|name| !here.files.contains_key(name)) {
                prop_assert!(lost_memory && memory.unexplained.contains(name), "{name}");
            }
            // The next prune explains them.
            here.back_up(0);
            prop_assert_eq!(copy(&here, &mut there, &mut memory, at(today), delete, usize::MAX), Ok(()));
            here.forget();
            here.prune();
            for _ in 0..2 {
                today += 100;
                prop_assert_eq!(copy(&here, &mut there, &mut memory, at(today), delete, usize::MAX), Ok(()));
            }
            prop_assert_eq!(here.inventory(), there.inventory());
        }
    }
}
