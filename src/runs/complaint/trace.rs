//! The stack traces of Go in what restic prints.

/// True for the second line of a stack frame: a tab, and a file with the number of a line.
pub(super) fn is_location(line: &str) -> bool {
    line.starts_with('\t')
        && [".go:", ".s:"].iter().any(|extension| {
            { line.match_indices(extension) }.any(|(at, _)| {
                let after = line.as_bytes().get(at + extension.len());
                after.is_some_and(u8::is_ascii_digit)
            })
        })
}

/// True for a line of a stack trace: a function, or the location below it.
#[must_use]
pub(crate) fn is_frame(line: &str) -> bool {
    let has_no_space = !line.contains(char::is_whitespace);
    let in_go = ["main.", "runtime."].iter().any(|package| {
        line.strip_prefix(package)
            .is_some_and(|function| !function.is_empty())
    });
    line.starts_with('\t') || (has_no_space && (in_go || is_function_of_a_module(line)))
}

/// True for the name of a function with its module, such as `github.com/restic/restic/cmd.Run`.
fn is_function_of_a_module(line: &str) -> bool {
    let Some((domain, path)) = line.split_once('/') else {
        return false;
    };
    let Some((name, top)) = domain.rsplit_once('.') else {
        return false;
    };
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let is_domain = !name.is_empty()
        && name.chars().all(is_name)
        && top.len() >= 2
        && top.chars().all(|c| c.is_ascii_lowercase());
    let function = path.rsplit_once('.').map(|(_, function)| function);
    is_domain && function.is_some_and(|function| !function.is_empty() && !function.contains('/'))
}

/// A message of several lines, up to its stack trace.
#[must_use]
pub(crate) fn without_trace(text: &str) -> String {
    if text.contains('\n') {
        let lines = text.split('\n').take_while(|line| !is_frame(line));
        lines.collect::<Vec<_>>().join("\n")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_distinguished_from_messages() {
        for frame in [
            "\tx",
            "main.main",
            "runtime.goexit",
            "github.com/restic/restic/cmd.Run",
        ] {
            assert!(is_frame(frame), "{frame}");
        }
        for text in [
            "",
            "main.",
            "Fatal: main.main failed",
            "a/b.c",
            "see https://restic.net/x.y z",
        ] {
            assert!(!is_frame(text), "{text}");
        }
    }
}
