#!/bin/bash
# Written by genbackup from the fleet file; change that instead.
#
# Forgets snapshots that the keep policy lets go, prunes, and ends the run's record.
# Started by genbackup-maintain.service, after the hosts.
set -euo pipefail
export LC_ALL=C

runs=$STATE_DIRECTORY/runs
repository={{ plan.repository.path }}
lock_wait={{ plan.repository.lock_wait.seconds() }}s
export RESTIC_PASSWORD_FILE=$CREDENTIALS_DIRECTORY/restic-password
# The run whose hosts are done; a run of its own when this unit is started alone.
if run=$(cat "$STATE_DIRECTORY/current" 2>/dev/null) && [[ $run =~ ^[0-9]{8}T[0-9]{6}Z$ ]]; then
    rm "$STATE_DIRECTORY/current"
    started=no
else
    run=$(date --utc +%Y%m%dT%H%M%SZ)
    started=yes
fi

{% include "scripts/record.bash" %}

event() { # NAME JSON
    jq --null-input --compact-output --arg event "$1" --argjson rest "$2" \
        '{event: $event, time: (now | todate)} + $rest' | append
}

# A signal is for restic, which then removes its lock; this script ends when restic has.
child=
trap '[[ -z $child ]] || kill -INT "$child" 2>/dev/null || true' INT TERM

# Runs restic; its standard output goes to the file $output.
run_restic() {
    local code=0
    restic --repo "$repository" --retry-lock "$lock_wait" "$@" </dev/null >"$output" &
    child=$!
    while kill -0 "$child" 2>/dev/null; do
        code=0
        wait "$child" || code=$?
    done
    child=
    return "$code"
}

# One phase: runs restic, records how it went, and says so. FILTER gives more for the record.
failed=no
phase() { # NAME FILTER ARGUMENT...
    local name=$1 filter=$2 code=0 since=$EPOCHREALTIME output status=ok
    shift 2
    output=$(mktemp)
    event "$name-started" '{}'
    run_restic "$@" || code=$?
    if ((code != 0)); then
        status=failed
        failed=yes
    fi
    jq --null-input --compact-output --rawfile output "$output" --arg event "$name-finished" \
        --arg status "$status" --argjson code "$code" --argjson since "$since" '
        {event: $event, time: (now | todate), status: $status, "exit-code": $code,
         seconds: ((now - $since) * 1000 | round / 1000)} + ($output | ('"$filter"')? // {})' | append
    echo "$name: $status"
    [[ $status == ok ]]
}

mkdir --parents "$runs"
if [[ $started == yes ]]; then
    event run-started '{"run": "'"$run"'", "hosts": [], "versions": {"genbackup": "'{{ version }}'"}}'
fi

# Locks of processes that are gone, so that a client that died does not stop forget for good.
run_restic_quietly() { output=/dev/null run_restic "$@"; }
run_restic_quietly unlock --quiet || true

# `--tag`: snapshots that somebody made by hand are not ours to forget. Prune only follows a forget that went
# well: nothing is deleted on partial knowledge.
kept='split("\n")[0] | fromjson | {
    kept: (map(.keep // [] | length) | add), removed: (map(.remove // [] | length) | add)}'
if phase forget "$kept" forget --json --quiet --tag genbackup --group-by host,tags{% for rule in plan.repository.keep.rules() %} \
    --keep-{{ rule.period }} {{ rule.count }}{% endfor %}; then
    phase prune '{}' prune --quiet || true
fi

event run-finished '{}'
[[ $failed == no && $record_failed == no ]]
