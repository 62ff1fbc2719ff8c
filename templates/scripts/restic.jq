# Written by genbackup from the fleet file; change that instead.
#
# What restic's error messages mean. Since 0.17 some of them have their own exit code; before that, only their text differs.

# Without control characters and escape sequences.
def plain: gsub("\u001b\\[[0-9;?]*[A-Za-z]"; "") | gsub("[[:cntrl:]]+"; " ") | sub("^ +"; "") | sub(" +$"; "");

# Without the frames of a Go stack trace: the name of a function, and below it, after a tab, its file and line.
def without_frames:
    "\n" + join("\n") | gsub("\n[^\n\t]*\n\t[^\n]*\\.(go|s):[0-9]+[^\n]*"; "") | split("\n") | map(plain);

# The most informative line: restic prints advice after some of its error messages.
def is_full: test("no space left on device|disk quota exceeded"; "i");
def is_telling: test("^Fatal: |repository is already locked") or is_full;
def complaint: without_frames | map(select(. != "")) | (map(select(is_telling)) | last) // last // "";

# What restic could not read or remove, although it continued; empty if there is nothing.
def refused:
    without_frames | map(select(test("^Ignoring \"|^unable to remove |^could not load snapshots")))
    | if . == [] then "" else
        "restic could not read or remove \(if length == 1 then "a file" else "\(length) files" end): \(.[0])" end;

def is_interrupted($code): $code == 130 or any(test("signal interrupt received"));

# A line of the Go stack trace that some versions print between the cause and the operation that failed.
def is_frame: test("^\t|^(main|runtime)\\.[^\\s]+$|^[a-z0-9-]+\\.[a-z]{2,}/[^\\s]+\\.[^\\s/]+$");
# A message of several lines, up to the first frame.
def without_trace:
    if test("\n") then (split("\n") | (map(is_frame) | index(true)) as $at | .[:$at] | join("\n")) else . end;
# What restic prints after a signal: 0.18 then exits with 1, other versions with 130.
def is_signal: test("signal [a-z]+ received, cleaning up");

def is_locked($code; $said): $code == 11 or ($code == 1 and ($said | test("repository is already locked")));

def meaning($code; $said):
    if $code == 10 or ($said | test("unable to open config file|repository does not exist"))
    then "there is no repository in the directory (its file system may not be mounted)"
    elif is_locked($code; $said)
    then "another process has locked the repository for longer than `lock-wait`"
    elif $code == 12 or ($said | test("wrong password or no key found"))
    then "the password file does not contain the password of this repository"
    elif $said | is_full
    then "the repository's file system is full"
    elif $code == 137
    then "restic was killed, most likely because memory ran out (`memory-limit`)"
    else "" end;

def explained($code; $said):
    meaning($code; $said)
    | (if . == "" then . else . + ": " end) + "restic exited with \($code)"
    + (if $said == "" then "" else ": " + $said end);
