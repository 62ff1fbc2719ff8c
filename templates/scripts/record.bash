# Appends the JSON lines on standard input to the run's record, whole: the lock keeps hosts that are backed up
# side by side from mixing theirs. A record that can't be written never stops a backup, but fails the unit. That
# is noted in a file, since a pipe runs this in a shell of its own.
#
# The group may read a record, and nobody else: the names of files are in it.
append() {
    local record
    if ! {
        { [[ -e $runs/$run.jsonl ]] || (umask 0027 && : >>"$runs/$run.jsonl"); } &&
            exec {record}>>"$runs/$run.jsonl" && flock "$record" &&
            # What came before may have ended in the middle of a line, when the disk was full.
            { [[ -z $(tail --bytes=1 "$runs/$run.jsonl") ]] || echo >&"$record"; } &&
            cat >&"$record" && exec {record}>&-
    }; then
        # Who writes into this pipe must not learn of it by SIGPIPE, or a backup would end with its record.
        cat >/dev/null
        : >"$scratch/record-failed"
        echo "can't write the record $runs/$run.jsonl: is its disk full? the run goes on without it" >&2
    fi
}

# What this host's programs are, for the record: versions move durations. restic is what forgets and prunes; where there is
# none, or it does not answer, it is left out.
versions() {
    jq --null-input --compact-output --arg genbackup {{ version }} --arg systemd "$(systemctl --version | head --lines=1)" \
        --arg restic "$(timeout --kill-after=1 5 restic version </dev/null 2>/dev/null | head --lines=1)" \
        '{genbackup: $genbackup, systemd: $systemd, restic: $restic} | with_entries(select(.value != ""))'
}

event() { # NAME OBJECT, which is one line of JSON
    local fields=${2#\{}
    # Half a line would spoil the record, where jq could not write the object.
    [[ $2 == \{*\} ]] || return 1
    [[ $fields == \} ]] || fields=,$fields
    printf '{"event":"%s","time":"%s"%s\n' "$1" "$(date --utc +%Y-%m-%dT%H:%M:%SZ)" "$fields" | append
}

# Begins a record, which gives the run its name: the second in which it begins. That has room for one record, and
# `genbackup record` takes no turn; so it is of whoever makes the file.
begin_record() {
    run=$(date --utc +%Y%m%dT%H%M%SZ)
    while ! (umask 0027 && set -o noclobber && : >"$runs/$run.jsonl") 2>/dev/null && [[ -e $runs/$run.jsonl ]]; do
        sleep 0.1
        run=$(date --utc +%Y%m%dT%H%M%SZ)
    done
}
