//! A place in rclone's notation.

use super::{Refusal, checked_string};

checked_string! {
    /// `NAME:PATH`, `:KIND,OPTION=VALUE:PATH`, or a directory of this host by its absolute path.
    Remote, check
}

/// Words in the names of options that hold a secret.
const SECRET: [&str; 4] = ["pass", "secret", "token", "key"];

impl Remote {
    /// The part before the path, with its colon, and the path. The options of a remote may hold colons in quotes.
    fn split(&self) -> (&str, &str) {
        let mut quote = None;
        let mut is_name = true;
        for (at, character) in self.0.char_indices() {
            match (character, quote) {
                ('"' | '\'', None) => quote = Some(character),
                (character, Some(open)) if character == open => quote = None,
                (',', None) => is_name = false,
                ('/', None) if is_name => break,
                (':', None) if at > 0 => return self.0.split_at(at + 1),
                _ => {}
            }
        }
        ("", &self.0)
    }

    /// The path, without the remote.
    #[must_use]
    pub fn path(&self) -> &str {
        self.split().1
    }

    /// Its name in rclone's configuration; `None` where it has none.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        let (before, _) = self.split();
        let name = before.split([',', ':']).next().unwrap_or_default();
        (!name.is_empty()).then_some(name)
    }

    /// The kind of remote, where the notation has it: `local` for a directory of this host.
    #[must_use]
    pub fn kind(&self) -> Option<&str> {
        let (before, _) = self.split();
        if before.is_empty() {
            return Some("local");
        }
        let options = before.strip_prefix(':')?;
        options.split([',', ':']).next()
    }

    /// The place of a path below it.
    #[must_use]
    pub fn below(&self, path: &str) -> String {
        let (_, directory) = self.split();
        let is_root = directory.is_empty() || directory.ends_with('/');
        match (path, is_root) {
            ("", _) => self.0.clone(),
            (path, true) => format!("{self}{path}"),
            (path, false) => format!("{self}/{path}"),
        }
    }

    /// The place above its directory: the root of the remote where nothing else is above.
    #[must_use]
    pub fn parent(&self) -> String {
        let (before, path) = self.split();
        let above = match path.trim_end_matches('/').rsplit_once('/') {
            Some(("", _)) => "/",
            Some((above, _)) => above,
            None => "",
        };
        format!("{before}{above}")
    }

    /// True when its path is a bucket, or a directory below the root: nothing else is above.
    #[must_use]
    pub(crate) fn is_below_root(&self) -> bool {
        let (_, path) = self.split();
        !path.trim_matches('/').contains('/')
    }
}

fn check(text: &str) -> Result<(), Refusal> {
    let refusal = |what: &str, hint: &str| Err(Refusal::new(what.to_owned(), hint));
    let remote = Remote(text.to_owned());
    let (before, path) = remote.split();
    if text.trim() != text || text.chars().any(char::is_control) {
        return refusal(
            &format!("{text:?} is not a remote of rclone"),
            "write no space at its start or end, and no control character",
        );
    }
    if before.is_empty() && !path.starts_with('/') {
        return refusal(
            &format!("`{text}` is neither a remote of rclone nor an absolute path"),
            "write a remote and a path, such as `cloud:backups/restic`, or a directory, such as `/mnt/usb/restic`",
        );
    }
    if path.split('/').any(|part| matches!(part, "." | "..")) {
        return refusal(
            &format!("`{text}` has `.` or `..` in its path"),
            "write the path without them",
        );
    }
    let options = before.trim_matches(':').split(',').skip(1);
    let mut names = options.filter_map(|option| option.split('=').next());
    if let Some(name) =
        names.find(|name| SECRET.iter().any(|word| name.contains(word)) && !name.ends_with("_file"))
    {
        return refusal(
            &format!(
                "the option `{name}` of this remote is a secret, which every user can read in the fleet file"
            ),
            "write the remote into the file of `config-file`, which only root can read, and name it here",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_rclone_reads_them() {
        for (text, name, kind, below, parent) in [
            (
                "cloud:backups/restic",
                Some("cloud"),
                None,
                "cloud:backups/restic/keys",
                "cloud:backups",
            ),
            (
                "cloud:backups",
                Some("cloud"),
                None,
                "cloud:backups/keys",
                "cloud:",
            ),
            ("cloud:", Some("cloud"), None, "cloud:keys", "cloud:"),
            (
                "cloud:/backups/",
                Some("cloud"),
                None,
                "cloud:/backups/keys",
                "cloud:/",
            ),
            (
                "/mnt/usb/restic",
                None,
                Some("local"),
                "/mnt/usb/restic/keys",
                "/mnt/usb",
            ),
            (
                "/mnt:x/restic",
                None,
                Some("local"),
                "/mnt:x/restic/keys",
                "/mnt:x",
            ),
            (
                ":s3,env_auth:b/r",
                None,
                Some("s3"),
                ":s3,env_auth:b/r/keys",
                ":s3,env_auth:b",
            ),
            (
                ":sftp,host=\"a:b\":x",
                None,
                Some("sftp"),
                ":sftp,host=\"a:b\":x/keys",
                ":sftp,host=\"a:b\":",
            ),
            (
                "cloud,region=eu:b/r",
                Some("cloud"),
                None,
                "cloud,region=eu:b/r/keys",
                "cloud,region=eu:b",
            ),
        ] {
            let remote = Remote::try_from(text.to_owned()).unwrap();
            assert_eq!(remote.name(), name, "{text}");
            assert_eq!(remote.kind(), kind, "{text}");
            assert_eq!(remote.below("keys"), below, "{text}");
            assert_eq!(remote.parent(), parent, "{text}");
        }
    }

    #[test]
    fn a_place_holds_no_secret_and_is_no_option() {
        for text in [
            "",
            "restic",
            "-v",
            " cloud:x",
            "cloud:x\n",
            "cloud:a/../b",
            "/mnt/./x",
            ":s3,access_key_id=a,secret_access_key=b:x",
            ":sftp,pass=x:y",
        ] {
            assert!(Remote::try_from(text.to_owned()).is_err(), "{text:?}");
        }
        for text in [":sftp,host=nas,key_file=/x:y", "cloud:", "cloud:a b"] {
            assert!(Remote::try_from(text.to_owned()).is_ok(), "{text:?}");
        }
    }
}
