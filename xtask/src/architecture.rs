//! Compares what ARCHITECTURE.md and CONTRIBUTING.md state about rooms and files with the code.

#[cfg(test)]
mod tests {

    use vmtests::cache;

    use crate::project::{files, read};

    /// Modules of `cli` that verbs share.
    const SHARED: [&str; 5] = ["holds", "load", "records", "terminal", "unit"];

    /// The modules of `cli` that a file imports, by its path below `src/cli`.
    fn imports(text: &str, is_verb: bool) -> Vec<String> {
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        let uses = code.split(';').filter_map(|statement| {
            let (_, path) = statement.rsplit_once("use ")?;
            let path: String = path.split_whitespace().collect();
            path.strip_prefix("crate::cli::")
                .or_else(|| path.strip_prefix("super::").filter(|_| is_verb))
                .map(str::to_owned)
        });
        let first = |path: &str| -> String {
            path.chars()
                .take_while(|&c| c == '_' || c.is_alphanumeric())
                .collect()
        };
        uses.flat_map(|path| match path.strip_prefix('{') {
            Some(group) => group
                .trim_end_matches('}')
                .split(',')
                .map(first)
                .collect::<Vec<_>>(),
            None => vec![first(&path)],
        })
        .filter(|module| !module.is_empty())
        .collect()
    }

    #[test]
    fn imports_of_each_form_are_found() {
        let text = "use super::time::Moment;\nuse super::{load, terminal};\nuse crate::cli::records;\nuse crate::model::Fleet;\n";
        assert_eq!(imports(text, true), ["time", "load", "terminal", "records"]);
        assert_eq!(imports(text, false), ["records"]);
    }

    #[test]
    fn no_room_imports_cli() {
        let mut rooms = 0;
        for path in files(&["src/*.rs"]).unwrap() {
            if path.starts_with("src/cli") || path == "src/main.rs" {
                continue;
            }
            rooms += 1;
            assert_eq!(
                imports(&read(&path).unwrap(), false),
                [""; 0],
                "{path} imports a verb"
            );
        }
        assert!(rooms > 200, "{rooms}");
    }

    #[test]
    fn no_verb_imports_another_one() {
        let mut verbs = 0;
        for path in files(&["src/cli/*.rs"]).unwrap() {
            let below = path.trim_start_matches("src/cli/").trim_end_matches(".rs");
            let (verb, is_verb) = below
                .split_once('/')
                .map_or((below, true), |(verb, _)| (verb, false));
            verbs += 1;
            for module in imports(&read(&path).unwrap(), is_verb) {
                let is_own = module == verb;
                assert!(
                    is_own || SHARED.contains(&module.as_str()),
                    "{path} imports the verb `{module}`"
                );
            }
        }
        assert!(verbs > 40, "{verbs}");
    }

    /// Directories whose files a page names by their paths.
    const NAMED: [&str; 9] = [
        "docs/src/",
        "fixtures/",
        "fuzz/",
        "nix/",
        "src/",
        "templates/",
        "tests/",
        "vmtests/",
        "xtask/",
    ];

    /// Checks that the files exist that a page names; returns how many there are.
    fn named_files(page: &str) -> usize {
        let text = read(page).unwrap();
        let words = text.split('`').skip(1).step_by(2);
        let is_path = |word: &&str| {
            // A command has spaces, and `VERSION` stands for a name.
            let is_whole = !word.contains(char::is_whitespace) && !word.contains("VERSION");
            is_whole && NAMED.iter().any(|start| word.starts_with(start))
        };
        let mut named = 0;
        for path in words.filter(is_path) {
            assert!(cache::workspace().join(path).exists(), "{page} names {path}");
            named += 1;
        }
        named
    }

    #[test]
    fn architecture_is_short_and_names_files_that_exist() {
        let lines = read("ARCHITECTURE.md").unwrap().lines().count();
        assert!(lines <= 150, "ARCHITECTURE.md is longer than 150 lines");
        let named = named_files("ARCHITECTURE.md");
        assert!(named > 10, "{named}");
    }

    #[test]
    fn contributing_names_files_that_exist() {
        let named = named_files("CONTRIBUTING.md");
        assert!(named > 20, "{named}");
    }
}
