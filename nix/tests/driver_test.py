"""The driver of the NixOS tests, against fake machines."""

import re
import subprocess
import unittest
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import driver
from driver import StoryError, Teller, read_story, tell

HERE = Path(__file__).parent
STEPS = HERE.parent.parent / "vmtests" / "steps"
FUNCTIONS = STEPS / "functions.bash"
MACHINES = ["jak", "kai", "ziz"]


class FakeGuest:
    """A machine that gives prepared answers, and writes down what it was asked."""

    def __init__(self, answers: list[tuple[int, str]]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def execute(self, command: str, *, timeout: int | None) -> tuple[int, str]:
        self.asked.append(command)
        return self.answers.pop(0)

    def wait_until_succeeds(self, command: str, *, timeout: int) -> str:
        while len(self.answers) > 1:
            status, output = self.execute(command, timeout=timeout)
            if status == 0:
                return output
        raise RuntimeError("action timed out")

    def wait_for_unit(self, unit: str, *, timeout: int) -> None:
        self.asked.append(f"wait for {unit}")

    def crash(self) -> None:
        self.asked.append("crash")

    def start(self) -> None:
        self.asked.append("start")

    @contextmanager
    def nested(self, msg: str) -> Generator[None, None, None]:
        yield


class ObligingGuest(FakeGuest):
    """A machine that answers each command of a story as its step asks for."""

    def __init__(self, steps: list[driver.Step]) -> None:
        super().__init__([])
        self.steps = steps

    def oblige(self) -> str:
        step = next(step for step in self.steps if step.act != "power")
        self.steps.remove(step)
        if step.same_as is not None:
            return step.same_as
        numbers = [str(number) for number in (step.at_least, step.at_most) if number is not None]
        return "\n".join([step.output or "", *step.contains, *numbers]).strip()

    def execute(self, command: str, *, timeout: int | None) -> tuple[int, str]:
        fails = next(step for step in self.steps if step.act != "power").act == "fails"
        return int(fails), self.oblige()

    def wait_until_succeeds(self, command: str, *, timeout: int) -> str:
        return self.oblige()


class BashGuest(FakeGuest):
    """This machine, asked in the way in which the test driver asks its machines."""

    def execute(self, command: str, *, timeout: int | None) -> tuple[int, str]:
        asked = ["timeout", str(timeout), "bash", "-c", f"set -euo pipefail; {command}"]
        ended = subprocess.run(asked, check=False, capture_output=True, text=True)
        return ended.returncode, ended.stdout


def told(steps: str, *answers: tuple[int, str]) -> FakeGuest:
    """Tells steps on one fake machine."""
    guest = FakeGuest(list(answers))
    guests = dict.fromkeys(MACHINES, guest)
    Teller(guests, "functions").tell(read_story("story.toml", f"within = 1\n{steps}", MACHINES))
    return guest


class StoriesTest(unittest.TestCase):
    def test_every_story_is_told_to_its_end(self) -> None:
        stories = sorted([*STEPS.glob("*.toml"), *(HERE / "steps").glob("*.toml")])
        self.assertGreater(len(stories), 4)
        for path in stories:
            with self.subTest(path.name):
                steps = read_story(path.name, path.read_text(encoding="utf-8"), MACHINES)
                for step in steps:
                    # What is compared with it is answered with its name.
                    if step.remember is not None:
                        step.contains = []
                        step.output = step.remember
                guest = ObligingGuest(list(steps))
                Teller(dict.fromkeys(MACHINES, guest), "").tell(steps)
                self.assertEqual([step for step in guest.steps if step.act != "power"], [])

    def test_every_mistake_is_refused_with_its_reason(self) -> None:
        mistakes = sorted((STEPS / "mistakes").glob("*.toml"))
        self.assertGreater(len(mistakes), 8)
        for path in mistakes:
            with self.subTest(path.name):
                text = path.read_text(encoding="utf-8")
                reason = text.partition("\n")[0].removeprefix("# refused: ")
                with self.assertRaisesRegex(StoryError, re.escape(reason)):
                    read_story(path.name, text, MACHINES)

    def test_a_mistake_is_told_with_its_line(self) -> None:
        text = 'within = 1\n\n[[step]]\non = "jak"\nrun = """\na\n"""\n\n[[step]]\non = "jak"\n'
        with self.assertRaisesRegex(StoryError, "^story.toml:9: a step has one of"):
            read_story("story.toml", text, MACHINES)


class StepsTest(unittest.TestCase):
    def refused(self, steps: str, *answers: tuple[int, str]) -> str:
        with self.assertRaises(StoryError) as caught:
            told(f'[[step]]\non = "ziz"\n{steps}', *answers)
        return str(caught.exception)

    def test_what_is_as_expected_goes_on(self) -> None:
        guest = told(
            """
            [[step]]
            on = "jak"
            run = "cat /secret"
            output = "it's\\n"
            remember = "it"
            [[step]]
            on = "ziz"
            fails = "read"
            input = "it"
            contains = ["it"]
            lacks = ["x"]
            same-as = "it"
            [[step]]
            on = "kai"
            power = "off"
            [[step]]
            on = "kai"
            power = "on"
            [[step]]
            on = "ziz"
            wait-for = "ls"
            at-least = 3
            at-most = 3
            """,
            (0, "it's\n"),
            (1, "it's"),
            (1, "no"),
            (0, "3\n"),
            (0, "not asked for"),
        )
        self.assertEqual(
            guest.asked,
            [
                "functions\ncat /secret",
                "printf %s 'it'\"'\"'s' | (\nfunctions\nread\n)",
                "crash",
                "start",
                "wait for multi-user.target",
                "functions\nls",
                "functions\nls",
            ],
        )

    def test_a_wrong_output_is_told_with_its_place_and_both_sides(self) -> None:
        self.assertEqual(
            self.refused('run = "ls"\noutput = "a"', (0, "b\n")),
            "story.toml:2: ziz: `ls`: another output than expected\nexpected:\na\ngot:\nb",
        )

    def test_a_wrong_end_is_told_with_what_was_said(self) -> None:
        for steps, answers, reason in [
            ('run = "ls"', [(3, "out")], "`ls`: it failed: exit status 3\nout"),
            ('fails = "ls"\noutput = "out"', [(0, "out")], "`ls`: it succeeded: exit status 0\nout"),
            ('fails = "ls"\noutput = "out"', [(124, "out")], "`ls`: it was not done after 1 s\nout"),
            ('wait-for = "ls"', [(2, "out")] * 3, "`ls`: it still fails after 1 s: exit status 2\nout"),
        ]:
            with self.subTest(reason):
                self.assertIn(reason, self.refused(steps, *answers))

    def test_every_expectation_can_be_missed(self) -> None:
        for expectation, output, reason in [
            ('output = ""', "7 b", "another output than expected\nexpected:\n\ngot:\n7 b"),
            ('contains = ["7", "c"]', "7 b", "the output lacks `c`:\n7 b"),
            ('lacks = ["c", "b"]', "7 b", "the output has `b`:\n7 b"),
            ("at-least = 1", "7 b", "the output is no number: 7 b"),
            ("at-least = 8", "7", "7 is less than 8"),
            ("at-most = 6", "7", "7 is more than 6"),
        ]:
            with self.subTest(expectation):
                self.assertIn(reason, self.refused(f'run = "ls"\n{expectation}', (0, output)))
        steps = 'run = "a"\nremember = "it"\n[[step]]\non = "kai"\nrun = "b"\nsame-as = "it"'
        self.assertEqual(
            self.refused(steps, (0, "x"), (0, "y")),
            "story.toml:6: kai: `b`: another output than remembered\nit:\nx\ngot:\ny",
        )


class ScriptTest(unittest.TestCase):
    def test_bash_does_what_a_step_says(self) -> None:
        steps = r"""
            within = 5
            [[step]]
            on = "jak"
            run = '''printf '%s\n\n' "it's \$HOME"'''
            output = "it's $HOME"
            remember = "it"
            [[step]]
            on = "jak"
            run = '''read -r line || true; printf '%s;' "$line"'''
            input = "it"
            output = "it's $HOME;"
            [[step]]
            on = "jak"
            fails = "cat - /nowhere 2>&1"
            input = "it"
            contains = ["it's $HOME", "/nowhere"]
            [[step]]
            on = "jak"
            fails = "describe /nowhere 2>&1; echo not reached"
            contains = ["/nowhere/srv"]
            lacks = ["reached"]
            """
        guest = BashGuest([])
        teller = Teller({"jak": guest}, FUNCTIONS.read_text(encoding="utf-8"))
        teller.tell(read_story("story.toml", steps, ["jak"]))
        self.assertEqual(teller.remembered, {"it": "it's $HOME"})

    def test_a_command_that_takes_too_long_is_ended(self) -> None:
        story = 'within = 1\n[[step]]\non = "jak"\nfails = "read < <(tail -f /dev/null)"\noutput = ""'
        with self.assertRaisesRegex(StoryError, "it was not done after 1 s"):
            Teller({"jak": BashGuest([])}, "").tell(read_story("story.toml", story, ["jak"]))

    def test_it_works_as_the_text_before_a_script(self) -> None:
        """As the test driver does it: no module, no file, only globals that are machines."""
        story = STEPS / "a_nightly_run_leaves_one_snapshot_of_each_host.toml"
        guest = FakeGuest([(1, "no such unit")])
        text = (HERE / "driver.py").read_text(encoding="utf-8")
        script = f'{text}\ntell({{"jak": jak, "kai": jak, "ziz": jak}}, "{FUNCTIONS}", "{story}")'
        expected = "^a_nightly_run.*toml:4: jak: .*exit status 1\nno such unit"
        with self.assertRaisesRegex(AssertionError, expected):
            exec(script, {"jak": guest}, None)

    def test_a_story_in_the_nix_store_has_its_own_name(self) -> None:
        with self.assertRaisesRegex(AssertionError, "^it.toml: missing field"):
            folder = Path(self.enterContext(TemporaryDirectory()))
            story = folder / "0c2b-it.toml"
            story.write_text("", encoding="utf-8")
            tell({}, str(FUNCTIONS), str(story))


if __name__ == "__main__":
    unittest.main()
