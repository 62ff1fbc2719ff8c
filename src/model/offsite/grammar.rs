//! The grammars of the texts of a copy.

use crate::model::Refusal;

pub(super) fn check_name(text: &str) -> Result<(), Refusal> {
    let is_plain = |part: &str| {
        let mut bytes = part.bytes();
        !part.is_empty() && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    if text.len() <= 40 && text.split('-').all(is_plain) {
        return Ok(());
    }
    Err(Refusal::new(
        format!("`{text}` is not the name of a copy"),
        "write `a` to `z`, `0` to `9`, and single `-` between them; at most 40 characters",
    ))
}

pub(super) fn check_place(text: &str) -> Result<(), Refusal> {
    let length = text.chars().count();
    let is_plain = |character: char| character.is_alphanumeric() || " -_.,".contains(character);
    if (1..=40).contains(&length) && text.trim() == text && text.chars().all(is_plain) {
        return Ok(());
    }
    Err(Refusal::new(
        format!("{text:?} is not the name of a place"),
        "write letters, digits, spaces, `-`, `_`, `.` and `,`; at most 40 characters",
    ))
}

pub(super) fn check_address(text: &str) -> Result<(), Refusal> {
    let is_odd =
        text.is_empty() || text.starts_with('-') || text.trim() != text || text.chars().any(char::is_control);
    if is_odd {
        return Err(Refusal::new(
            format!("{text:?} is not a repository"),
            "write it as `restic --repo` takes it, such as `sftp:user@nas.example.net:/backup` or \
             `s3:https://s3.example.net/bucket`",
        ));
    }
    let has_backend = text
        .split_once(':')
        .is_some_and(|(backend, _)| !backend.contains('/'));
    if !has_backend && !text.starts_with('/') {
        return Err(Refusal::new(
            format!("`{text}` is neither a backend of restic nor an absolute path"),
            "write it as `restic --repo` takes it, such as `sftp:user@nas.example.net:/backup`",
        ));
    }
    let web = text
        .split_once("://")
        .map(|(_, rest)| rest.split('/').next().unwrap_or_default());
    if web.is_some_and(|host| host.split_once('@').is_some_and(|(user, _)| user.contains(':'))) {
        return Err(Refusal::new(
            "this repository holds a password, which every user can read in the fleet file",
            "set `RESTIC_REST_USERNAME` and `RESTIC_REST_PASSWORD` in the file of `environment-file`, and write the \
             address without them",
        ));
    }
    Ok(())
}
