//! The blocks of code of a page of Markdown, each with the comment before it.

use std::fmt::Write as _;

use anyhow::{Context, bail, ensure};

use super::comment::Comment;

const FENCE: &str = "```";

/// A block of code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The line of the page on which it begins, from 1.
    pub line: usize,
    /// Its kind, such as `console`.
    pub kind: String,
    /// Its lines, each with its end, without the indentation that a list gives them.
    pub text: String,
    /// What the line above it asks of the tests.
    pub comment: Option<Comment>,
}

impl Block {
    /// The file that it shows, where its first comment is the path of one: `# /usr/local/sbin/copy-offsite REPOSITORY`.
    /// Other words may follow the path, and `#!/bin/bash` may be above it.
    #[must_use]
    pub fn file(&self) -> Option<&str> {
        if !["bash", "ini"].contains(&self.kind.as_str()) {
            return None;
        }
        let mut lines = self.text.lines().skip_while(|line| line.starts_with("#!"));
        let words = lines.next()?.strip_prefix("# ")?;
        words.split(' ').next().filter(|word| word.starts_with('/'))
    }
}

/// The blocks of a page, in order.
///
/// # Errors
/// When a block has no end, no block follows a comment for tests, or such a comment has a form that tests do not know.
pub fn blocks(page: &str) -> anyhow::Result<Vec<Block>> {
    let mut blocks = Vec::new();
    let mut comment = None;
    let mut lines = (1..).zip(page.lines());
    while let Some((line, text)) = lines.next() {
        let bare = text.trim_start();
        if let Some(kind) = bare.strip_prefix(FENCE) {
            let indentation = text.len() - bare.len();
            let mut code = String::new();
            loop {
                let (_, text) = lines
                    .next()
                    .with_context(|| format!("line {line}: the block has no end"))?;
                if text.trim() == FENCE {
                    break;
                }
                writeln!(code, "{}", without(text, indentation))?;
            }
            blocks.push(Block {
                line,
                kind: kind.trim().to_owned(),
                text: code,
                comment: comment.take(),
            });
            continue;
        }
        ensure!(
            comment.is_none(),
            "line {line}: no block follows the comment for tests"
        );
        comment = comment_in(bare.trim_end()).with_context(|| format!("line {line}"))?;
    }
    ensure!(comment.is_none(), "no block follows the last comment for tests");
    Ok(blocks)
}

/// A line without this number of spaces at its start, or without all of them if it has fewer.
fn without(text: &str, indentation: usize) -> &str {
    let spaces = text.len() - text.trim_start_matches(' ').len();
    text.get(spaces.min(indentation)..).unwrap_or_default()
}

fn comment_in(line: &str) -> anyhow::Result<Option<Comment>> {
    let Some(inner) = line.strip_prefix("<!--") else {
        return Ok(None);
    };
    if !inner.trim_start().starts_with("test") {
        return Ok(None);
    }
    match inner
        .strip_prefix(" test: ")
        .and_then(|rest| rest.strip_suffix(" -->"))
    {
        Some(text) => Comment::read(text).map(Some),
        None => bail!("a comment for tests is `<!-- test: … -->`, on its own line: `{line}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::comment::Where;
    use super::*;

    #[test]
    fn a_block_has_the_comment_above_it_and_no_indentation() {
        let page = "text\n\n<!-- test: no, it rains -->\n```console\n# a\n```\n\n1. A list:\n\n   <!-- test: on ziz -->\n   \
                    ```console\n   # b\n     c\n\n   ```\n\n```toml\nd = 1\n```\n";
        let block = |line, kind: &str, text: &str, comment| Block {
            line,
            kind: kind.to_owned(),
            text: text.to_owned(),
            comment,
        };
        let on_ziz = Comment::On {
            place: Where::Host("ziz".to_owned()),
            user: None,
            needs: None,
        };
        assert_eq!(
            blocks(page).unwrap(),
            [
                block(4, "console", "# a\n", Some(Comment::No("it rains".to_owned()))),
                block(11, "console", "# b\n  c\n\n", Some(on_ziz)),
                block(17, "toml", "d = 1\n", None),
            ]
        );
    }

    #[test]
    fn a_comment_without_its_block_is_refused() {
        for page in [
            "```console\n# a\n",
            "<!-- test: on jak -->\n\n```console\n# a\n```\n",
            "<!-- test: on jak -->\n",
            "<!-- test: on jak\n```console\n# a\n```\n",
            "<!--test: on jak-->\n```console\n# a\n```\n",
            "<!-- test: on mars -->\n```console\n# a\n```\n",
        ] {
            assert!(blocks(page).is_err(), "{page}");
        }
        assert!(blocks("<!-- made by xtask -->\n\ntext\n").unwrap().is_empty());
    }

    #[test]
    fn a_file_is_named_by_its_first_comment() {
        let file = |kind: &str, text: &str| {
            let block = Block {
                line: 1,
                kind: kind.to_owned(),
                text: text.to_owned(),
                comment: None,
            };
            block.file().map(str::to_owned)
        };
        assert_eq!(
            file("ini", "# /etc/a.timer\n[Timer]\n").as_deref(),
            Some("/etc/a.timer")
        );
        assert_eq!(
            file("bash", "#!/bin/bash\n# /usr/local/sbin/a HOST…\n").as_deref(),
            Some("/usr/local/sbin/a")
        );
        assert_eq!(file("bash", "echo a\n# /etc/a\n"), None);
        assert_eq!(file("ini", "# a comment\n"), None);
        assert_eq!(file("toml", "# /etc/genbackup/fleet.toml\n"), None);
    }
}
