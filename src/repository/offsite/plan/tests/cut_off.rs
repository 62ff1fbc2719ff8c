//! A copy that is cut off at any moment.

use proptest::prelude::*;

use super::model::Model;
use super::*;

#[derive(Debug, Clone)]
enum Step {
    BackUp(usize),
    Forget,
    Prune,
    /// A copy that is cut off after this number of files, and the days since the step before it.
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

/// Copies by a plan, file by file, and checks the copy after each.
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
        // A copy that is not cut off has all files of the repository. Once every deletion is due, it has no
        // others, except packs that no prune explains because the memory was lost.
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
