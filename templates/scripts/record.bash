# Appends the JSON lines on standard input to the run's record. The lock keeps the lines of hosts that are backed up in
# parallel apart. A record that cannot be written never stops a backup, but fails the unit. A file notes that failure,
# because a pipe runs this function in a subshell.
#
# Only user and group restic may read a record, because it contains names of files.
append() {
    local record
    if ! {
        { [[ -e $runs/$run.jsonl ]] || (umask 0027 && : >>"$runs/$run.jsonl"); } &&
            exec {record}>>"$runs/$run.jsonl" && flock "$record" &&
            # The last line may be incomplete, if the disk was full.
            { [[ -z $(tail --bytes=1 "$runs/$run.jsonl") ]] || echo >&"$record"; } &&
            cat >&"$record" && exec {record}>&-
    }; then
        # Read the rest, so that the writer does not get SIGPIPE, which would end the backup.
        cat >/dev/null
        : >"$scratch/record-failed"
        echo "cannot write the record $runs/$run.jsonl (its disk may be full); the run continues without it" >&2
    fi
}

# The versions of this host's programs, for the record: another version can change durations. This restic forgets and
# prunes; if it is missing or does not answer, its version is omitted.
versions() {
    jq --null-input --compact-output --arg genbackup {{ version }} --arg systemd "$(systemctl --version | head --lines=1)" \
        --arg restic "$(timeout --kill-after=1 5 restic version </dev/null 2>/dev/null | head --lines=1)" \
        '{genbackup: $genbackup, systemd: $systemd, restic: $restic} | with_entries(select(.value != ""))'
}

event() { # NAME OBJECT, which is one line of JSON
    local fields=${2#\{}
    # If jq could not write the object, write nothing: half a line would spoil the record.
    [[ $2 == \{*\} ]] || return 1
    [[ $fields == \} ]] || fields=,$fields
    printf '{"event":"%s","time":"%s"%s\n' "$1" "$(date --utc +%Y-%m-%dT%H:%M:%SZ)" "$fields" | append
}

# Begins a record, which gives the run its name: the second in which it begins. Each second has room for one record.
# `genbackup record` does not wait for its turn, so a second belongs to whoever creates the file first.
begin_record() {
    run=$(date --utc +%Y%m%dT%H%M%SZ)
    while ! (umask 0027 && set -o noclobber && : >"$runs/$run.jsonl") 2>/dev/null && [[ -e $runs/$run.jsonl ]]; do
        sleep 0.1
        run=$(date --utc +%Y%m%dT%H%M%SZ)
    done
}
