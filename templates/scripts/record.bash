# Appends the JSON lines on standard input to the run's record, whole: the lock keeps hosts that are backed up
# side by side from mixing theirs. A record that can't be written never stops a backup, but fails the unit.
record_failed=no
append() {
    local record
    if ! { exec {record}>>"$runs/$run.jsonl" && flock "$record" && cat >&"$record" && exec {record}>&-; }; then
        record_failed=yes
        echo "can't write the record $runs/$run.jsonl: is its disk full? the run goes on without it" >&2
    fi
}
