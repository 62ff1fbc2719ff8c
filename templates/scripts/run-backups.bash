#!/bin/bash
# Written by genbackup from the fleet file; change that instead.
#
# Backs up one host after the other and writes the run's record. Started by genbackup.service.
# Exit status: 0 all hosts are well, 3 some snapshot is partial, 1 some host has no snapshot of this run.
set -euo pipefail
export LC_ALL=C

runs=$STATE_DIRECTORY/runs
scratch=$RUNTIME_DIRECTORY
run=$(date --utc +%Y%m%dT%H%M%SZ)
max_parallel={{ plan.schedule.max_parallel }}
# Seconds for one host, from the first word to the last.
time_limit={{ plan.schedule.time_limit.seconds() }}
# Bytes of one host's answer; a sound one has some hundred, and one line for each file that can't be read.
answer_limit=$((64 * 1024 * 1024))

{% include "scripts/record.bash" %}

# Connects standard input and output to the socket that backs a host up.
connect() {
    case $1 in
{%- if let Some(local) = plan.local %}
    {{ local }}) exec socat -t 0.05 - UNIX-CONNECT:/run/genbackup/backup.sock ;;
{%- endif %}
{%- if plan.remote.is_some() %}
    *) exec ssh -F /etc/genbackup/ssh_config -- "$1" ;;
{%- endif %}
    esac
}

# Asks one host for a backup; its answer goes to $scratch/$1.answer, its exit status to $scratch/$1.exit.
converse() {
    local host=$1 connection code=0
    # The password goes through a pipe, from the credential to the host, and is never written down. This script
    # holds the pipe's other end until the answer is complete: its end is how the host learns that we are gone.
    rm -f "$scratch/$host.pipe"
    mkfifo --mode=0600 "$scratch/$host.pipe"
    exec {connection}<>"$scratch/$host.pipe"
    rm "$scratch/$host.pipe"
    {
        printf 'genbackup/1 backup %s\n' "$run"
        head --lines=1 "$CREDENTIALS_DIRECTORY/restic-password"
        printf '\n'
    } >&"$connection"
    # Opened anew for reading only, so that the connecting process holds no writing end itself.
    # A host that says more than it may ends with `head`, of the signal that this script ignores.
    env --default-signal=PIPE timeout --kill-after=30 "$time_limit" "$0" --connect "$host" \
        <"/proc/self/fd/$connection" {connection}>&- 2>"$scratch/$host.stderr" |
        head --bytes="$answer_limit" >"$scratch/$host.answer" {connection}>&- ||
        code=${PIPESTATUS[0]}
    exec {connection}>&-
    printf '%s\n' "$code" >"$scratch/$host.exit"
}

backup_host() {
    local host=$1 started=$EPOCHREALTIME
    jq --null-input --compact-output --arg host "$host" \
        '{event: "host-started", time: (now | todate), host: $host}' | append
    converse "$host"
    # Everything that a host says is input from outside: jq reads it as text and writes it as JSON.
    jq --raw-input --null-input --compact-output --from-file {{ libexec }}/read-answer.jq \
        --arg host "$host" --argjson started "$started" --argjson limit "$answer_limit" \
        --argjson code "$(<"$scratch/$host.exit")" \
        --argjson bytes "$(stat --format=%s "$scratch/$host.answer")" \
        --rawfile complaint <(head --bytes=4096 "$scratch/$host.stderr") \
        "$scratch/$host.answer" >"$scratch/$host.events"
    append <"$scratch/$host.events"
    tail --lines=1 "$scratch/$host.events" | jq --raw-output '
        .host + ": " + .status + " in " + (.seconds | tostring) + " s"
        + (if .why == null then "" else ": " + .why end) | gsub("[[:cntrl:]]"; " ")'
    [[ $record_failed == no ]] || touch "$scratch/record-failed"
}

# `run-backups --connect HOST`: this script as the process at the other end of the pipe.
if [[ ${1-} == --connect ]]; then
    connect "$2"
fi

# A host that hangs up shows as an error where it is written to, not as the end of this script.
trap '' PIPE

hosts=({% for host in hosts %}{{ host }}{% if !loop.last %} {% endif %}{% endfor %})
mkdir --parents "$runs"
rm -f "$STATE_DIRECTORY/current"
jq --null-input --compact-output --arg run "$run" '$ARGS.positional as $hosts
    | {event: "run-started", time: (now | todate), run: $run, hosts: $hosts, versions: {
        genbackup: $genbackup, systemd: $systemd}}' \
    --arg genbackup {{ version }} --arg systemd "$(systemctl --version | head --lines=1)" \
    --args "${hosts[@]}" | append

for host in "${hosts[@]}"; do
    while (($(jobs -rp | wc --lines) >= max_parallel)); do
        wait -n || true
    done
    backup_host "$host" &
done
wait

# Forget and prune, which follow, write the rest of this record.
printf '%s\n' "$run" >"$STATE_DIRECTORY/current" || record_failed=yes
[[ $record_failed == no && ! -e $scratch/record-failed ]] || exit 1
statuses=$(for host in "${hosts[@]}"; do tail --lines=1 "$scratch/$host.events"; done | jq --raw-output .status)
case $(sort --unique <<<"$statuses" | tr '\n' ' ') in
"ok ") exit 0 ;;
"partial " | "ok partial ") exit 3 ;;
*) exit 1 ;;
esac
