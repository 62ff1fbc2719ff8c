//! What a command's standard output has to be. Compared here, not by the guest's `grep`: so an error has both sides.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};

/// The expectations of a step; none of them is met by any output.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Expected {
    /// All of it.
    pub output: Option<String>,
    /// What is somewhere in it.
    pub contains: Vec<String>,
    /// What is nowhere in it.
    pub lacks: Vec<String>,
    /// The remembered output that it is equal to.
    pub same_as: Option<String>,
    /// It is a number, not less than this.
    pub at_least: Option<u64>,
    /// It is a number, not more than this.
    pub at_most: Option<u64>,
}

impl Expected {
    /// Compares an output, whose white space at the end does not count.
    ///
    /// # Errors
    /// The first expectation that is not met.
    pub fn compare(&self, got: &str, remembered: &BTreeMap<String, String>) -> anyhow::Result<()> {
        let Self {
            output,
            contains,
            lacks,
            same_as,
            at_least,
            at_most,
        } = self;
        if let Some(output) = output {
            let output = output.trim_end();
            ensure!(
                got == output,
                "another output than expected\nexpected:\n{output}\ngot:\n{got}"
            );
        }
        for part in contains {
            ensure!(got.contains(part), "the output lacks `{part}`:\n{got}");
        }
        for part in lacks {
            ensure!(!got.contains(part), "the output has `{part}`:\n{got}");
        }
        if let Some(name) = same_as {
            let output = remembered
                .get(name)
                .with_context(|| format!("nothing is remembered as `{name}`"))?;
            ensure!(
                got == output,
                "another output than remembered\n{name}:\n{output}\ngot:\n{got}"
            );
        }
        let number = || {
            got.parse::<u64>()
                .with_context(|| format!("the output is no number: {got}"))
        };
        if let Some(least) = at_least {
            ensure!(number()? >= *least, "{got} is less than {least}");
        }
        if let Some(most) = at_most {
            ensure!(number()? <= *most, "{got} is more than {most}");
        }
        Ok(())
    }
}
