"""Tells the stories of vmtests/steps on the machines of a NixOS test.

This text stands before each test script, which can import no other file. Its like for the lab on Debian is
vmtests/src/steps.rs, and CONTRIBUTING.md has the keys of a step. Both refuse vmtests/steps/mistakes.
"""

import shlex
import tomllib
import typing
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path


class Guest(typing.Protocol):
    """What a step asks of a machine, and the machines of NixOS' test driver can do."""

    def execute(self, command: str, *, timeout: int | None) -> tuple[int, str]: ...
    def wait_until_succeeds(self, command: str, *, timeout: int) -> str: ...
    def wait_for_unit(self, unit: str, *, timeout: int) -> None: ...
    def crash(self) -> None: ...
    def start(self) -> None: ...
    def nested(self, msg: str) -> AbstractContextManager[object]: ...


class StoryError(AssertionError):
    """A file that is not right, or a step that does not go as it says."""


class Table:
    """A table of a story's file, from which values are taken, each of its kind."""

    def __init__(self, place: str, values: Mapping[str, object]) -> None:
        self.place = place
        self.left = dict(values)

    def text(self, key: str) -> str | None:
        value = self.left.pop(key, None)
        if value is None or isinstance(value, str):
            return value
        raise StoryError(f"{self.place}: `{key}`: expected a string: {value!r}")

    def texts(self, key: str) -> list[str]:
        values = self.left.pop(key, [])
        if not isinstance(values, list):
            raise StoryError(f"{self.place}: `{key}`: expected a sequence: {values!r}")
        for value in values:
            if not isinstance(value, str):
                raise StoryError(f"{self.place}: `{key}`: expected a string: {value!r}")
        return values

    def number(self, key: str) -> int | None:
        value = self.left.pop(key, None)
        # To Python, a truth value is a number.
        if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
            return value
        raise StoryError(f"{self.place}: `{key}`: expected u64: {value!r}")

    def seconds(self, key: str) -> int | None:
        value = self.number(key)
        if value == 0:
            raise StoryError(f"{self.place}: `{key}`: expected a nonzero u64")
        return value

    def refuse_the_rest(self) -> None:
        for key in self.left:
            raise StoryError(f"{self.place}: unknown field `{key}`")


@dataclass
class Step:
    """One step: what is done, and what has to come of it."""

    place: str
    on: str
    act: str
    command: str
    within: int
    input: str | None
    output: str | None
    contains: list[str]
    lacks: list[str]
    same_as: str | None
    at_least: int | None
    at_most: int | None
    remember: str | None


def read_step(table: Table, usual: int) -> Step:
    place = table.place
    is_alone = len(table.left) == 2
    acts = {act: table.text(act) for act in ("run", "fails", "wait-for", "power")}
    chosen = [(act, command.strip()) for act, command in acts.items() if command is not None]
    if len(chosen) != 1:
        raise StoryError(f"{place}: a step has one of `run`, `fails`, `wait-for` and `power`")
    (act, command) = chosen[0]
    on = table.text("on")
    if on is None:
        raise StoryError(f"{place}: missing field `on`")
    step = Step(
        place,
        on,
        act,
        command,
        within=table.seconds("within") or usual,
        input=table.text("input"),
        output=table.text("output"),
        contains=table.texts("contains"),
        lacks=table.texts("lacks"),
        same_as=table.text("same-as"),
        at_least=table.number("at-least"),
        at_most=table.number("at-most"),
        remember=table.text("remember"),
    )
    table.refuse_the_rest()
    if act == "power" and not is_alone:
        raise StoryError(f"{place}: `power` goes with `on` alone")
    if act == "power" and command not in ("off", "on"):
        raise StoryError(f"{place}: unknown variant `{command}`, expected `off` or `on`")
    if act == "fails" and step.output is None and not step.contains:
        raise StoryError(f"{place}: `fails` needs `output` or `contains`: a failure alone proves little")
    return step


def read_story(file: str, text: str, machines: Sequence[str]) -> list[Step]:
    """The steps in the text of a file; raises the first mistake, with its line."""
    written = tomllib.loads(text)
    tables = written.pop("step", None)
    story = Table(file, written)
    within = story.seconds("within")
    story.refuse_the_rest()
    if within is None or tables is None:
        raise StoryError(f"{file}: missing field `{'within' if within is None else 'step'}`")
    if not tables:
        raise StoryError(f"{file}: there is no step")
    lines = [at for at, line in enumerate(text.splitlines(), 1) if line.strip() == "[[step]]"]
    remembered: set[str] = set()
    steps = []
    for line, table in zip(lines, tables, strict=True):
        step = read_step(Table(f"{file}:{line}", table), within)
        if step.on not in machines:
            raise StoryError(f"{step.place}: unknown variant `{step.on}`, expected one of {machines}")
        for name in (step.input, step.same_as):
            if name is not None and name not in remembered:
                raise StoryError(f"{step.place}: nothing is remembered as `{name}`")
        if step.remember in remembered:
            raise StoryError(f"{step.place}: `{step.remember}` is remembered already")
        if step.remember is not None:
            remembered.add(step.remember)
        steps.append(step)
    return steps


class Teller:
    """Goes through steps, one after the other."""

    def __init__(self, guests: Mapping[str, Guest], functions: str) -> None:
        self.guests = guests
        self.functions = functions
        self.remembered: dict[str, str] = {}

    def tell(self, steps: Sequence[Step]) -> None:
        for step in steps:
            where = f"{step.place}: {step.on}: `{step.command}`"
            guest = self.guests[step.on]
            with guest.nested(where):
                if step.act != "power":
                    try:
                        self.go(step, guest)
                    except StoryError as error:
                        raise StoryError(f"{where}: {error}") from error
                elif step.command == "off":
                    guest.crash()
                else:
                    guest.start()
                    guest.wait_for_unit("multi-user.target", timeout=step.within)

    def go(self, step: Step, guest: Guest) -> None:
        command = f"{self.functions}\n{step.command}"
        if step.input is not None:
            command = f"printf %s {shlex.quote(self.remembered[step.input])} | (\n{command}\n)"
        got = run(step, guest, command).rstrip()
        compare(step, got, self.remembered)
        if step.remember is not None:
            self.remembered[step.remember] = got


def run(step: Step, guest: Guest, command: str) -> str:
    """Runs a command to the end that its step asks for; what it printed."""
    if step.act == "wait-for":
        try:
            return guest.wait_until_succeeds(command, timeout=step.within)
        except Exception as error:
            status, output = guest.execute(command, timeout=step.within)
            raise StoryError(
                f"it still fails after {step.within} s: exit status {status}\n{output}"
            ) from error
    status, output = guest.execute(command, timeout=step.within)
    # What `timeout` says of a command that it has ended.
    if status == 124:
        raise StoryError(f"it was not done after {step.within} s\n{output}")
    if step.act == "run" and status != 0:
        raise StoryError(f"it failed: exit status {status}\n{output}")
    if step.act == "fails" and status == 0:
        raise StoryError(f"it succeeded: exit status {status}\n{output}")
    return output


def compare(step: Step, got: str, remembered: Mapping[str, str]) -> None:
    """Raises the first expectation that an output does not meet; white space at its end does not count."""
    if step.output is not None and got != (wanted := step.output.rstrip()):
        raise StoryError(f"another output than expected\nexpected:\n{wanted}\ngot:\n{got}")
    for part in step.contains:
        if part not in got:
            raise StoryError(f"the output lacks `{part}`:\n{got}")
    for part in step.lacks:
        if part in got:
            raise StoryError(f"the output has `{part}`:\n{got}")
    if step.same_as is not None and got != (wanted := remembered[step.same_as]):
        raise StoryError(f"another output than remembered\n{step.same_as}:\n{wanted}\ngot:\n{got}")
    if (step.at_least, step.at_most) != (None, None) and not (got.isascii() and got.isdigit()):
        raise StoryError(f"the output is no number: {got}")
    if step.at_least is not None and int(got) < step.at_least:
        raise StoryError(f"{got} is less than {step.at_least}")
    if step.at_most is not None and int(got) > step.at_most:
        raise StoryError(f"{got} is more than {step.at_most}")


def tell(guests: Mapping[str, Guest], functions: str, *stories: str) -> None:
    """Tells the stories in these files, with the shell functions in another."""
    for story in stories:
        path = Path(story)
        # The Nix store puts a hash and a hyphen before a name.
        file = path.name.rpartition("-")[2]
        steps = read_story(file, path.read_text(encoding="utf-8"), sorted(guests))
        Teller(guests, Path(functions).read_text(encoding="utf-8")).tell(steps)
