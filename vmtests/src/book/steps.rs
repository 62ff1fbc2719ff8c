//! What a chapter has its reader do, in order.

use anyhow::{Context, bail};

use super::blocks::{Block, blocks};
use super::comment::{Comment, Where};

/// What stands before a command: that of root, and that of any user.
const PROMPTS: [&str; 2] = ["# ", "$ "];

/// One block that is carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The line of the page on which its block begins.
    pub line: usize,
    /// What is done.
    pub act: Act,
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Commands run, one after the other.
    Run(Run),
    /// A file is written.
    Write {
        /// The machines.
        place: Where,
        /// The path of the file.
        path: String,
        /// All that it holds.
        text: String,
    },
    /// This is the fleet file from now on.
    FleetFile(String),
    /// This is merged into the fleet file.
    Merge(String),
}

/// Commands of one block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The machines.
    pub place: Where,
    /// The user, if it is not root.
    pub user: Option<String>,
    /// What has to be so before, in words that the module `needs` knows.
    pub needs: Option<String>,
    /// The commands.
    pub commands: Vec<Command>,
}

/// A command, and what its reader is shown of its output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The line behind the prompt, with a comment where it has one: bash knows both.
    pub text: String,
    /// Lines that it prints, among others.
    pub prints: Vec<String>,
}

/// The steps of a chapter. What tests leave alone is no step, and neither is an excerpt that only shows something.
///
/// # Errors
/// When a block has no comment though it has commands, or another one than its kind can have.
pub fn steps(page: &str) -> anyhow::Result<Vec<Step>> {
    let mut steps = Vec::new();
    for block in blocks(page)? {
        let line = block.line;
        if let Some(act) = act(block).with_context(|| format!("line {line}"))? {
            steps.push(Step { line, act });
        }
    }
    Ok(steps)
}

fn act(block: Block) -> anyhow::Result<Option<Act>> {
    let file = block.file().map(str::to_owned);
    let Block {
        kind, text, comment, ..
    } = block;
    Ok(match (kind.as_str(), comment) {
        (_, Some(Comment::No(_))) => None,
        ("console", Some(Comment::On { place, user, needs })) => Some(Act::Run(Run {
            place,
            user,
            needs,
            commands: commands(&text)?,
        })),
        ("console", _) => bail!("no comment states where these commands run"),
        ("toml", Some(Comment::FleetFile)) => Some(Act::FleetFile(text)),
        ("toml", Some(Comment::Merge)) => Some(Act::Merge(text)),
        (
            _,
            Some(Comment::On {
                place,
                user: None,
                needs: None,
            }),
        ) => {
            let path = file.context("the first line names no file to write")?;
            Some(Act::Write { place, path, text })
        }
        (kind, Some(comment)) => bail!("a block `{kind}` with the comment {comment:?}"),
        (_, None) => None,
    })
}

/// The commands of a block, each with the lines below it.
///
/// # Errors
/// When the first line is no command.
pub fn commands(text: &str) -> anyhow::Result<Vec<Command>> {
    let mut commands: Vec<Command> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        if let Some(command) = PROMPTS.iter().find_map(|prompt| line.strip_prefix(*prompt)) {
            commands.push(Command {
                text: command.to_owned(),
                prints: Vec::new(),
            });
        } else {
            let last = commands.last_mut();
            let last = last.with_context(|| format!("an output before the first command: `{line}`"))?;
            last.prints.push(line.trim_end().to_owned());
        }
    }
    Ok(commands)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jak() -> Where {
        Where::Host("jak".to_owned())
    }

    fn command(text: &str, prints: &[&str]) -> Command {
        Command {
            text: text.to_owned(),
            prints: prints.iter().map(|line| (*line).to_owned()).collect(),
        }
    }

    #[test]
    fn commands_are_behind_prompts_and_outputs_below_them() {
        let found = commands("# cat a  # prints it\none\n\n  two\n$ true\n").unwrap();
        let expected = [
            command("cat a  # prints it", &["one", "  two"]),
            command("true", &[]),
        ];
        assert_eq!(found, expected);
        assert!(commands("one\n# cat a\n").is_err());
    }

    #[test]
    fn each_comment_makes_its_step() {
        let page = "<!-- test: fleet file -->\n```toml\na = 1\n```\n\
                    <!-- test: merge into the fleet file -->\n```toml\na = 2\n```\n\
                    ```toml\nan = \"excerpt\"\n```\n\
                    <!-- test: on jak -->\n```bash\n#!/bin/bash\n# /usr/local/bin/a\n```\n\
                    ```json\n{}\n```\n\
                    <!-- test: no, it rains -->\n```console\n# reboot\n```\n\
                    <!-- test: on jak as user admin; it is dry -->\n```console\n$ b\n```\n";
        let acts = steps(page).unwrap().into_iter().map(|step| (step.line, step.act));
        let expected = [
            (2, Act::FleetFile("a = 1\n".to_owned())),
            (6, Act::Merge("a = 2\n".to_owned())),
            (
                13,
                Act::Write {
                    place: jak(),
                    path: "/usr/local/bin/a".to_owned(),
                    text: "#!/bin/bash\n# /usr/local/bin/a\n".to_owned(),
                },
            ),
            (
                25,
                Act::Run(Run {
                    place: jak(),
                    user: Some("admin".to_owned()),
                    needs: Some("it is dry".to_owned()),
                    commands: vec![command("b", &[])],
                }),
            ),
        ];
        assert_eq!(acts.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_block_and_a_comment_that_do_not_fit_are_refused() {
        for page in [
            "```console\n# a\n```\n",
            "<!-- test: fleet file -->\n```console\n# a\n```\n",
            "<!-- test: on jak -->\n```toml\na = 1\n```\n",
            "<!-- test: on jak -->\n```bash\necho a\n```\n",
            "<!-- test: merge into the fleet file -->\n```bash\n# /etc/a\n```\n",
        ] {
            assert!(steps(page).is_err(), "{page}");
        }
    }
}
