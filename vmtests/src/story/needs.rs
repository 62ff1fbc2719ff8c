//! Where a story can run.

use crate::lab::Kind;

/// What a story needs of the machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing in particular: containers show the fact as well as virtual machines.
    Nothing,
    /// A separate kernel, for what is named here.
    Kernel(&'static str),
    /// Both labs, because the fact is about a difference between them.
    Both,
    /// More machines than can be emulated.
    Containers,
}

impl Needs {
    /// The labs that run such a story, if one kind is asked for or none.
    ///
    /// # Errors
    /// When the kind that is asked for cannot: why.
    pub fn labs(self, asked: Option<Kind>) -> Result<Vec<Kind>, String> {
        match (self, asked) {
            (Self::Nothing | Self::Containers, None) => Ok(vec![Kind::Container]),
            (Self::Both, None) => Ok(vec![Kind::Container, Kind::Virtual]),
            (Self::Kernel(_), None) => Ok(vec![Kind::Virtual]),
            (Self::Kernel(what), Some(Kind::Container)) => {
                Err(format!("needs a separate kernel, for {what}: --lab vm"))
            }
            (Self::Containers, Some(Kind::Virtual)) => {
                Err("needs more machines than can be emulated: --lab container".to_owned())
            }
            (_, Some(kind)) => Ok(vec![kind]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_run_stories_without_needs_and_machines_the_rest() {
        assert_eq!(Needs::Nothing.labs(None).unwrap(), [Kind::Container]);
        assert_eq!(Needs::Kernel("NFS").labs(None).unwrap(), [Kind::Virtual]);
        assert_eq!(Needs::Both.labs(None).unwrap(), [Kind::Container, Kind::Virtual]);
        for needs in [Needs::Nothing, Needs::Kernel("NFS"), Needs::Both] {
            assert_eq!(needs.labs(Some(Kind::Virtual)).unwrap(), [Kind::Virtual]);
        }
    }

    #[test]
    fn a_lab_that_cannot_show_a_fact_gives_the_reason() {
        assert_eq!(
            Needs::Kernel("its clock")
                .labs(Some(Kind::Container))
                .unwrap_err(),
            "needs a separate kernel, for its clock: --lab vm"
        );
        assert!(Needs::Containers.labs(Some(Kind::Virtual)).is_err());
    }
}
