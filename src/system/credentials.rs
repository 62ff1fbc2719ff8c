//! The credentials that systemd passes to a unit.

use std::fs;
use std::path::PathBuf;

use crate::model::offsite::PASSWORD;
use crate::model::password;

/// The credentials of a unit that uses the repository.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// Their directory.
    pub directory: PathBuf,
    /// The name of the password file, for messages.
    pub password_file: String,
}

impl Credentials {
    /// The content of a credential; empty if it cannot be read.
    #[must_use]
    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.directory.join(name)).unwrap_or_default()
    }

    /// The file with the password of the repository, for restic.
    #[must_use]
    pub fn password_path(&self) -> PathBuf {
        self.directory.join(PASSWORD)
    }

    /// The password of the repository, as a client gets it.
    #[must_use]
    pub fn password(&self) -> Vec<u8> {
        password::first_line(&self.read(PASSWORD)).to_owned()
    }

    /// What is wrong with the password file, in words; `None` if restic and the clients read the same password.
    #[must_use]
    pub fn problem_of_password(&self) -> Option<String> {
        password::problem(&self.read(PASSWORD), &self.password_file)
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the credentials are made for the test")]
mod tests {
    use super::*;

    #[test]
    fn first_line_is_the_password_and_a_second_one_is_a_problem() {
        let directory = tempfile::tempdir().unwrap();
        let credentials = Credentials {
            directory: directory.path().to_owned(),
            password_file: "/etc/password".to_owned(),
        };
        let problem = credentials.problem_of_password().unwrap();
        assert!(
            problem.starts_with("the password file /etc/password is missing or empty"),
            "{problem}"
        );
        fs::write(credentials.password_path(), "secret\n").unwrap();
        assert_eq!(credentials.problem_of_password(), None);
        fs::write(credentials.password_path(), "secret\nmore\n").unwrap();
        assert_eq!(credentials.password(), b"secret");
        let problem = credentials.problem_of_password().unwrap();
        assert!(problem.contains("has more than one line"), "{problem}");
    }
}
