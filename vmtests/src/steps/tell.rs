//! Goes through steps, one after the other.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};

use super::{Act, Command, End, FUNCTIONS, Power, Step};
use crate::agent::Output;
use crate::deadline::poll;
use crate::machine::told;

/// What a step asks of a machine.
pub trait Guest {
    /// Runs a shell command.
    ///
    /// # Errors
    /// When the machine does not answer, or the command is not done in time. A command that fails is no error.
    fn execute(&self, command: &str, input: &[u8], limit: Duration) -> anyhow::Result<Output>;

    /// Takes its power, or gives it back.
    ///
    /// # Errors
    /// When it does not come up.
    fn set_power(&self, power: Power) -> anyhow::Result<()>;
}

/// Tells a story on the machines that `guest` finds.
///
/// # Errors
/// The first step that does not go as it says: where it stands, what was expected, what came.
pub fn tell<'g, G: Guest + 'g>(steps: &[Step], guest: impl Fn(super::On) -> &'g G) -> anyhow::Result<()> {
    let mut remembered = BTreeMap::new();
    for Step { place, on, act } in steps {
        let guest = guest(*on);
        match act {
            Act::Power(power) => guest
                .set_power(*power)
                .with_context(|| format!("{place}: {}: power {power:?}", on.name()))?,
            Act::Command(command) => go(command, guest, &mut remembered)
                .with_context(|| format!("{place}: {}: `{}`", on.name(), command.text.trim()))?,
        }
    }
    Ok(())
}

fn go(
    command: &Command,
    guest: &impl Guest,
    remembered: &mut BTreeMap<String, String>,
) -> anyhow::Result<()> {
    let Command {
        end,
        text,
        within,
        input,
        expected,
        remember,
    } = command;
    let limit = Duration::from_secs(within.get());
    let script = format!("{FUNCTIONS}\n{text}");
    let input = input
        .as_ref()
        .and_then(|name| remembered.get(name))
        .map_or(&[][..], |input| input.as_bytes());
    let run = || guest.execute(&script, input, limit);
    let output = match end {
        End::Success => {
            let output = run()?;
            ensure!(output.status == 0, "it failed: {}", told(&output));
            output
        }
        End::Failure => {
            let output = run()?;
            ensure!(output.status != 0, "it succeeded: {}", told(&output));
            output
        }
        End::SuccessInTime => {
            let mut last = String::new();
            let found = poll(limit, || {
                let output = run()?;
                last = told(&output);
                Ok((output.status == 0).then_some(output))
            })?;
            found.with_context(|| format!("it still fails after {within} s: {last}"))?
        }
    };
    let got = output.text();
    expected
        .compare(&got, remembered)
        .map_err(|error| match output.error_text().as_str() {
            "" => error,
            text => anyhow!("{error:#}\nits standard error:\n{text}"),
        })?;
    if let Some(name) = remember {
        remembered.insert(name.clone(), got);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::VecDeque;

    use super::super::{On, read};
    use super::*;

    /// A machine that gives prepared answers, and writes down what it was asked.
    #[derive(Default)]
    struct Fake {
        answers: RefCell<VecDeque<(i32, &'static str)>>,
        asked: RefCell<Vec<String>>,
    }

    impl Guest for Fake {
        fn execute(&self, command: &str, input: &[u8], _: Duration) -> anyhow::Result<Output> {
            let own = command.strip_prefix(FUNCTIONS).unwrap().trim();
            let asked = format!("{own} < {}", String::from_utf8_lossy(input));
            self.asked.borrow_mut().push(asked);
            let (status, stdout) = self.answers.borrow_mut().pop_front().unwrap_or_default();
            Ok(Output {
                status,
                stdout: stdout.as_bytes().to_vec(),
                stderr: b"a complaint\n".to_vec(),
            })
        }

        fn set_power(&self, power: Power) -> anyhow::Result<()> {
            self.asked.borrow_mut().push(format!("power {power:?}"));
            Ok(())
        }
    }

    /// What telling steps comes to, on machines that give these answers: what they were asked, or why not.
    fn told(steps: &str, answers: &[(i32, &'static str)]) -> anyhow::Result<Vec<String>> {
        let steps = read("story.toml", &format!("within = 1\n{steps}"))?;
        let fake = Fake::default();
        fake.answers.borrow_mut().extend(answers);
        tell(&steps, |_: On| &fake)?;
        Ok(fake.asked.into_inner())
    }

    fn refused(steps: &str, answers: &[(i32, &'static str)]) -> String {
        let error = told(&format!("[[step]]\non = \"ziz\"\n{steps}"), answers).unwrap_err();
        format!("{error:#}")
    }

    #[test]
    fn what_is_as_expected_goes_on() {
        let steps = r#"
            [[step]]
            on = "jak"
            run = "cat /secret"
            output = "word\n"
            remember = "it"
            [[step]]
            on = "ziz"
            fails = "read"
            input = "it"
            contains = ["wor"]
            lacks = ["x"]
            same-as = "it"
            [[step]]
            on = "kai"
            power = "off"
            [[step]]
            on = "ziz"
            wait-for = "ls"
            at-least = 3
            at-most = 3
        "#;
        let answers = [(0, "word\n"), (1, "word"), (1, "no"), (0, "3\n")];
        assert_eq!(
            told(steps, &answers).unwrap(),
            ["cat /secret < ", "read < word", "power Off", "ls < ", "ls < "]
        );
    }

    #[test]
    fn a_wrong_output_is_told_with_its_place_and_both_sides() {
        let error = refused("run = \"ls\"\noutput = \"a\"", &[(0, "b\n")]);
        assert_eq!(
            error,
            "story.toml:2: ziz: `ls`: another output than expected\nexpected:\na\ngot:\nb\n\
             its standard error:\na complaint"
        );
    }

    #[test]
    fn a_wrong_end_is_told_with_what_was_said() {
        let error = refused("run = \"ls\"", &[(3, "out")]);
        assert_eq!(
            error,
            "story.toml:2: ziz: `ls`: it failed: exit status 3\nout\na complaint"
        );
        let error = refused("fails = \"ls\"\noutput = \"out\"", &[(0, "out")]);
        assert!(
            error.contains("`ls`: it succeeded: exit status 0\nout"),
            "{error}"
        );
        let error = refused("wait-for = \"ls\"", &[(2, "out"); 30]);
        assert!(
            error.contains("`ls`: it still fails after 1 s: exit status 2\nout"),
            "{error}"
        );
    }

    #[test]
    fn every_expectation_can_be_missed() {
        for (expectation, reason) in [
            (
                "output = \"\"",
                "another output than expected\nexpected:\n\ngot:\n7 b",
            ),
            ("contains = [\"7\", \"c\"]", "the output lacks `c`:\n7 b"),
            ("lacks = [\"c\", \"b\"]", "the output has `b`:\n7 b"),
            ("at-least = 1", "the output is no number: 7 b"),
        ] {
            let error = refused(&format!("run = \"ls\"\n{expectation}"), &[(0, "7 b")]);
            assert!(error.contains(reason), "{expectation}: {error}");
        }
        let error = refused("run = \"ls\"\nat-least = 8", &[(0, "7")]);
        assert!(error.contains("7 is less than 8"), "{error}");
        let error = refused("run = \"ls\"\nat-most = 6", &[(0, "7")]);
        assert!(error.contains("7 is more than 6"), "{error}");
        let steps = "run = \"a\"\nremember = \"it\"\n[[step]]\non = \"kai\"\nrun = \"b\"\nsame-as = \"it\"";
        let error = refused(steps, &[(0, "x"), (0, "y")]);
        assert!(
            error.contains("story.toml:6: kai: `b`: another output than remembered\nit:\nx\ngot:\ny"),
            "{error}"
        );
    }
}
