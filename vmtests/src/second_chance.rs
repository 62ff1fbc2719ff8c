//! A story that fails among many is told once more.
//!
//! On two processors that emulate six machines, what happens first is not always what happens first elsewhere. One story
//! that trips over that must not hide what all others say; nor may it pass in silence: it is named at the end, with what
//! failed, for whoever mends it. More than a few of them are no accident.

use std::sync::{Arc, Mutex, PoisonError};

use crate::limit::Limit;

/// The stories that were told once more, each with what failed at first.
#[derive(Debug)]
pub struct SecondChances {
    left: Mutex<usize>,
    limit: Arc<Limit>,
    taken: Mutex<Vec<(&'static str, String)>>,
}

impl SecondChances {
    /// So many stories may be told once more, while there is time.
    #[must_use]
    pub fn of(number: usize, limit: Arc<Limit>) -> Self {
        Self {
            left: Mutex::new(number),
            limit,
            taken: Mutex::default(),
        }
    }

    /// Does `tell`, and does it again where it fails and there is a chance left.
    ///
    /// # Errors
    /// The first one, with the second behind it.
    pub fn give<E: ToString>(
        &self,
        name: &'static str,
        mut tell: impl FnMut() -> Result<(), E>,
    ) -> Result<(), String> {
        let Err(first) = tell() else { return Ok(()) };
        let first = first.to_string();
        {
            let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
            if *left == 0 || self.limit.is_over() {
                return Err(first);
            }
            *left -= 1;
        }
        println!("{name}: failed, and is told once more");
        tell().map_err(|second| format!("{first}\ntold once more: {}", second.to_string()))?;
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.push((name, first));
        Ok(())
    }

    /// What is to be said at the end, a text a story.
    #[must_use]
    pub fn taken(&self) -> Vec<String> {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let texts = taken.iter().map(|(name, first)| {
            format!("unsteady: {name} held only when it was told once more; at first: {first}")
        });
        texts.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails so many times.
    fn fails(mut times: usize) -> impl FnMut() -> Result<(), String> {
        move || {
            if times == 0 {
                return Ok(());
            }
            times -= 1;
            Err(format!("{times} to come"))
        }
    }

    #[test]
    fn what_fails_once_is_told_again_and_named() {
        let chances = SecondChances::of(1, Arc::default());
        assert_eq!(chances.give("steady", fails(0)), Ok(()));
        assert_eq!(chances.taken(), [""; 0]);
        assert_eq!(chances.give("shaky", fails(1)), Ok(()));
        let taken = chances.taken().concat();
        assert!(taken.contains("shaky") && taken.contains("0 to come"), "{taken}");
    }

    #[test]
    fn what_fails_twice_fails_with_both_reasons() {
        let chances = SecondChances::of(1, Arc::default());
        let error = chances.give("broken", fails(2)).unwrap_err();
        assert!(
            error.contains("1 to come") && error.contains("0 to come"),
            "{error}"
        );
        assert_eq!(chances.taken(), [""; 0]);
    }

    #[test]
    fn there_are_no_more_chances_than_were_given() {
        let chances = SecondChances::of(1, Arc::default());
        assert_eq!(chances.give("first", fails(1)), Ok(()));
        assert_eq!(chances.give("second", fails(1)), Err("0 to come".to_owned()));
        let none = SecondChances::of(0, Arc::default());
        assert_eq!(none.give("alone", fails(1)), Err("0 to come".to_owned()));
    }
}
