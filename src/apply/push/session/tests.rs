use super::ssh::START;
use super::*;
use crate::error::describe;

const SOON: Limits = Limits {
    to_start: Duration::from_secs(2),
    to_answer: Duration::from_secs(2),
    in_all: Duration::from_secs(30),
    to_end: Duration::from_secs(1),
};
/// A far end that has started.
const READY: &str = "echo genbackup-push ready; ";

/// A session whose far end is a script.
fn session(far_end: &str) -> Result<Session> {
    Session::over(Command::new("bash").args(["-c", far_end]), "ziz", None, SOON)
}

fn refusal(far_end: &str) -> String {
    describe(&session(far_end).unwrap_err())
}

/// What is reported of an answer to the first script.
fn answer(far_end: &str) -> String {
    let mut session = session(&format!("{READY}{far_end}")).unwrap();
    let error = describe(&session.run("true", b"").unwrap_err());
    assert!(!session.is_sound());
    let again = describe(&session.run("true", b"").unwrap_err());
    assert!(
        again.starts_with("the connection to ziz broke: it was closed"),
        "{again}"
    );
    error
}

#[test]
fn every_shell_reads_the_start_in_the_same_way() {
    let inner = START
        .strip_prefix("bash -c '")
        .and_then(|text| text.strip_suffix('\''));
    // csh reads `!`, fish a backslash, and all of them a quote.
    assert!(
        inner.is_some_and(|text| !text.contains(['\'', '\\', '!', '\n'])),
        "{START}"
    );
}

#[test]
fn the_server_has_as_many_characters_as_bytes() {
    assert!(SERVER.is_ascii() && SERVER.ends_with('\n'));
}

#[test]
fn a_login_shell_may_print_before_the_server_is_ready() {
    assert!(session("echo Welcome; printf 'no end of line'; echo genbackup-push ready; cat").is_ok());
}

#[test]
fn a_login_shell_that_prints_without_an_end_is_refused() {
    assert!(refusal("yes").starts_with("ziz: its login shell prints too much"));
    assert!(refusal("cat /dev/zero").starts_with("ziz: its login shell prints too much"));
}

#[test]
fn a_far_end_that_does_not_start_is_refused_in_time() {
    let started = Instant::now();
    assert!(refusal("exec sleep 60").starts_with("ziz does not answer"));
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn each_way_not_to_start_has_its_message() {
    for (far_end, what) in [
        ("echo refused >&2; exit 255", "cannot connect to ziz: refused\n"),
        (
            "echo 'sudo: a password is required' >&2; exit 1",
            "cannot become root on ziz: sudo: a ",
        ),
        ("exit 127", "cannot start bash on ziz: exit status 127\n"),
        ("echo genbackup-push nixos", "ziz runs NixOS"),
        ("echo genbackup-push locked", "ziz: another `genbackup emit` or"),
        ("printf 'genbackup-push \\e[2J\\n'", "ziz answered `\\u{1b}[2J`"),
    ] {
        let error = refusal(far_end);
        assert!(error.starts_with(what), "{error}");
    }
}

#[test]
fn an_answer_is_read_by_its_sizes() {
    let mut session = session(&format!(
        "{READY}read -r _; read -r _; printf '3 4 5\\na\\0\\nbc\\nd\\n '; cat"
    ))
    .unwrap();
    let answer = session.run("true", b"").unwrap();
    assert_eq!((answer.status, answer.output.as_slice()), (3, &b"a\0\nb"[..]));
    assert_eq!(answer.complaint, "c; d");
}

#[test]
fn what_is_no_answer_is_refused() {
    for (far_end, what) in [
        ("exit", "the connection to ziz broke: it was closed"),
        ("echo gone >&2; exit", "the connection to ziz broke: gone"),
        ("echo 0 0", "ziz answered `0 0`"),
        ("printf '0 -1 \\e[2J\\n'", "ziz answered `0 -1 \\u{1b}[2J`"),
        (
            "echo 0 99999999999 0; yes",
            "ziz answered with more than 16777216 bytes",
        ),
        (
            "echo 0 18446744073709551615 1; yes",
            "ziz answered with more than 16777216 bytes",
        ),
        ("echo 0 10 0; echo short", "the connection to ziz broke"),
        ("echo 0 10 0; echo short; exec sleep 60", "ziz does not answer"),
        ("cat /dev/zero", "ziz: its login shell prints too much"),
    ] {
        let error = answer(far_end);
        assert!(error.starts_with(what), "{far_end}: {error}");
    }
}

#[test]
fn a_far_end_that_reads_nothing_is_no_reason_to_wait() {
    let mut session = session(&format!("{READY}exec sleep 60")).unwrap();
    let started = Instant::now();
    let error = session.run("true", &vec![b'x'; 8 << 20]).unwrap_err().to_string();
    assert!(error.starts_with("ziz does not answer"), "{error}");
    drop(session);
    assert!(started.elapsed() < Duration::from_secs(20));
}
