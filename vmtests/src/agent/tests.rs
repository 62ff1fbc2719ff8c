//! The protocol, with a guest that is played by a thread.

use std::io::BufRead;
use std::os::unix::net::UnixListener;
use std::thread;

use super::*;

#[test]
fn a_finished_command_is_read_with_its_sizes() {
    let finished = Finished {
        status: 3,
        squeezed: true,
        output: 10,
        errors: 0,
    };
    assert_eq!(
        Finished::parse("genbackup-vmtests finished 7 3 squeezed 10 0", "7").unwrap(),
        finished
    );
}

#[test]
fn an_answer_to_another_request_is_refused() {
    let error = Finished::parse("genbackup-vmtests finished 6 0 plain 1 1", "7")
        .unwrap_err()
        .to_string();
    assert!(error.contains("request 6, not 7"), "{error}");
    let error = Finished::parse("bash: no such file", "7")
        .unwrap_err()
        .to_string();
    assert!(error.contains("not asked for"), "{error}");
}

/// A guest that sends `answer` as soon as it receives something, and then nothing more.
fn guest(answer: &'static str) -> (tempfile::TempDir, Agent) {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("agent");
    let listener = UnixListener::bind(&socket).unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
        stream.write_all(answer.as_bytes()).unwrap();
        // Holds the connection open until the host has gone.
        stream.read_to_end(&mut Vec::new()).unwrap();
    });
    let agent = Agent::new("ziz", &socket, &directory.path().join("inbox"));
    (directory, agent)
}

#[test]
fn bytes_of_an_earlier_life_are_skipped() {
    let stale = "genbackup-vmtests finished 4 0 plain 3 0\nab\ngenbackup-vmtests synchronized 1\n";
    let (_directory, mut agent) = guest(stale);
    agent.synchronize(Duration::from_secs(5)).unwrap();
    assert!(agent.received.is_empty());
}

#[test]
fn output_and_errors_may_hold_any_bytes_and_lines_of_the_protocol() {
    let answer = "genbackup-vmtests taken\ngenbackup-vmtests taken\ngenbackup-vmtests finished 1 4 plain 24 1\ngenbackup-vmtests taken\n\0";
    let (_directory, mut agent) = guest(answer);
    let output = agent.run("true", b"", Duration::from_secs(5)).unwrap();
    assert_eq!(
        output,
        Output {
            status: 4,
            stdout: b"genbackup-vmtests taken\n".to_vec(),
            stderr: b"\0".to_vec()
        }
    );
}

#[test]
fn a_guest_that_reads_late_is_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("agent");
    let listener = UnixListener::bind(&socket).unwrap();
    let mut agent = Agent::new("ziz", &socket, &directory.path().join("inbox"));
    let stream = agent.stream().unwrap();
    stream.set_nonblocking(true).unwrap();
    while stream.write(b"\n").is_ok() {}
    stream.set_nonblocking(false).unwrap();
    let (is_full, reads) = std::sync::mpsc::channel::<()>();
    let guest = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let _heard = reads.recv();
        let mut answers = stream.try_clone().unwrap();
        for line in std::io::BufReader::new(stream).lines() {
            if let Some(token) = line.unwrap().strip_prefix("genbackup-vmtests synchronize ") {
                // The host has gone once it has heard the answer to its last request.
                let _gone = writeln!(answers, "genbackup-vmtests synchronized {token}");
            }
        }
    });
    assert!(!agent.send_by(b"\n", Instant::now()).unwrap());
    is_full.send(()).unwrap();
    agent.synchronize(Duration::from_secs(60)).unwrap();
    drop(agent);
    guest.join().unwrap();
}

#[test]
fn a_silent_guest_is_named() {
    let (_directory, mut agent) = guest("");
    let error = agent
        .synchronize(Duration::from_millis(20))
        .unwrap_err()
        .to_string();
    assert!(error.contains("guest `ziz` does not answer"), "{error}");
}
