#!{{ platform.bash|safe }}
# Written by genbackup from the fleet file; change that instead.
#
# Backs up the hosts and writes the run's record. Started by genbackup.service and genbackup-run@.service.
# Exit status: 0 all hosts succeeded, 3 a snapshot is partial, 1 a host has no snapshot of this run.
set -euo pipefail
{%- include "scripts/path.bash" %}
export LC_ALL=C

runs=$STATE_DIRECTORY/runs
scratch=$RUNTIME_DIRECTORY
max_parallel={{ plan.schedule.max_parallel }}
# Seconds for one host, from the connection to the end of its answer.
time_limit={{ plan.schedule.time_limit.seconds() }}
# The most bytes of one host's answer. A normal one is far smaller, with one line for each unreadable file.
answer_limit=$((16 * 1024 * 1024))
# The most bytes of ssh's messages, which include the standard error of the host.
complaint_limit=$((64 * 1024))
# Seconds to wait for forget and prune of the previous run, once it is their turn.
lock_wait={{ plan.repository.lock_wait.seconds() }}
password_file={{ plan.repository.password_file }}
{%- if let Some(remote) = plan.remote %}
key_file={{ remote.key_file }}
{%- endif %}

{% include "scripts/record.bash" %}

{% include "scripts/password.bash" %}

# Connects standard input and output to the backup socket of a host.
connect() {
    case $1 in
{%- if let Some(local) = plan.local %}
    {{ local }}) exec socat -t 0.001 - UNIX-CONNECT:/run/genbackup/backup.sock ;;
{%- endif %}
{%- if plan.remote.is_some() %}
    *) exec ssh -F /etc/genbackup/ssh_config -- "$1" ;;
{%- endif %}
    esac
}

# This host's kernel host name, as HOST=NAME, which a client compares with its own: a restic that you start on this host
# removes a lock at once if it has this host's name and its process does not run here. No host gets another client's name.
storage_name() { # HOST
    [[ -z $own_name || $1 == {{ plan.name }} ]] || printf '{{ plan.name }}=%s' "$own_name"
}

# Requests a backup from one host. Its answer goes to $scratch/$1.answer as it comes, its exit status to $scratch/$1.exit.
converse() {
    local host=$1 connection beat
    # The password goes from the credential to the host through a pipe, and is never written to a file. This script
    # keeps the pipe open until the answer is complete: when the pipe closes, the host knows that this script has ended.
    rm -f "$scratch/$host.pipe"
    mkfifo --mode=0600 "$scratch/$host.pipe"
    exec {connection}<>"$scratch/$host.pipe"
    rm "$scratch/$host.pipe"
    # The group restic may follow a run: `genbackup run` reads the answers as they come.
    (umask 0027 && : >"$scratch/$host.answer")
    {
        printf 'genbackup/1 backup %s\n' "$run"
        # The last line of the file may lack its newline.
        printf '%s\n' "$(head --lines=1 "$CREDENTIALS_DIRECTORY/restic-password")"
        # To a client of an older release, this line is a sign of life.
        printf 'names %s\n' "$(storage_name "$host")"
    } >&"$connection"
    # The host stops restic when no more lines come. This loop ends with the script, however the script ends.
    while printf '\n' >&"$connection" && sleep 5 {connection}>&- && kill -0 "$$"; do :; done </dev/null &>/dev/null &
    beat=$!
    # Opened again for reading only, so that the connecting process does not hold the writing end itself.
    # A host that sends too much ends with `head`, by SIGPIPE, which this script itself ignores.
    {
        {
            code=0
            env --default-signal=PIPE timeout --kill-after=30 "$time_limit" "$0" --connect "$host" \
                <"/proc/self/fd/$connection" {connection}>&- 2>&3 3>&- || code=$?
            printf '%s\n' "$code" >"$scratch/$host.exit"
        } | stdbuf --output=0 head --bytes="$answer_limit" >"$scratch/$host.answer" {connection}>&- 3>&-
    } 3>&1 | head --bytes="$complaint_limit" >"$scratch/$host.stderr" {connection}>&-
    kill "$beat" 2>/dev/null || true
    exec {connection}>&-
}

# A host's answer is untrusted input: jq reads it as text and writes it as JSON.
judge() { # HOST STARTED
    local host=$1 last
    jq -L {{ platform.filters|safe }} --raw-input --null-input --raw-output --compact-output \
        --from-file {{ platform.filters|safe }}/read-answer.jq \
        --arg host "$host" --argjson started "$2" --argjson limit "$answer_limit" \
        --argjson code "$(<"$scratch/$host.exit")" --arg storage "$(storage_name "$host")" \
        --argjson bytes "$(stat --format=%s "$scratch/$host.answer")" \
        --rawfile complaint <(head --bytes=4096 "$scratch/$host.stderr") \
        "$scratch/$host.answer" >"$scratch/$host.events"
    # The directory is in memory, so the answers of all hosts must not add up there.
    rm "$scratch/$host.answer"
    head --lines=-1 "$scratch/$host.events" | append
    last=$(tail --lines=1 "$scratch/$host.events")
    echo "${last#* }"
}

# `run-backups --connect HOST`: this script as the process at the other end of the pipe.
if [[ ${1-} == --connect ]]; then
    connect "$2"
fi

# When a host hangs up, writing to it fails, but this script goes on.
trap '' PIPE

hosts=({% for host in plan.hosts() %}{{ host }}{% if !loop.last %} {% endif %}{% endfor %})
{%- if !plan.own.is_empty() %}
# The hosts without their own schedule, and so without their own timer.
together=({% for host in plan.together() %}{{ host }}{% if !loop.last %} {% endif %}{% endfor %})
{%- endif %}
# If GENBACKUP_HOSTS is set, only these hosts, in the order of the fleet: `A_B`, because no host name contains `_`.
chosen=()
if [[ -v GENBACKUP_HOSTS ]]; then
    wanted=_${GENBACKUP_HOSTS}_
    for host in "${hosts[@]}"; do
        [[ $wanted != *"_${host}_"* ]] || chosen+=("$host")
    done
    IFS=_ read -ra names <<<"$GENBACKUP_HOSTS"
    for name in "${names[@]}"; do
        if [[ " ${hosts[*]} " != *" $name "* ]]; then
            printf 'no run started: %q is not a host that is backed up; these are: %s\n' "$name" "${hosts[*]}" >&2
            exit 1
        fi
    done
    if [[ -z ${chosen[*]-} ]]; then
        echo "no run started: no host is named" >&2
        exit 1
    fi
    hosts=("${chosen[@]}")
{%- if !plan.own.is_empty() %}
else
    hosts=("${together[@]}")
{%- endif %}
fi
mkdir --parents "$runs"

# Set while there is a record of this run that no event has ended.
recorded=
# Records the stop at once, then ends by the signal, so that systemd sees it.
# shellcheck disable=SC2317 # it is called by `trap`
stop() {
    # systemd also sends the signal to processes that start meanwhile.
    trap '' INT TERM
    [[ -z $recorded ]] || event run-stopped '{"why":"the run was stopped"}' || true
    trap - INT TERM
    kill -TERM "$$"
}
trap stop INT TERM
# Only one at a time: the hosts of a run, or forget and prune. Wait for another run until it ends, because each of its
# hosts has a time limit; wait for forget and prune for lock-wait at most.
exec {turn}<"$STATE_DIRECTORY"
handed_over() {
    cat "$STATE_DIRECTORY/current" 2>/dev/null || true
}
take_turn() {
    local code
    while :; do
        code=0
        flock --timeout "$lock_wait" "$turn" || code=$?
        # It is 1 if another process holds the lock.
        [[ $code == 1 && $(handed_over) == at-work ]] || return "$code"
    done
}
turn_comes=yes
take_turn || turn_comes=no
# If the previous run has handed its record over to forget and prune, they go first, also if they start late: wait until
# lock-wait has passed since the handover, and 5 s in any case.
pause=0.1
for ((tries = 0; ; tries++)); do
    before=$(handed_over)
    [[ $turn_comes == yes && $before =~ ^[0-9] ]] || break
    if ((tries >= 50)); then
        pause=1
        left=$(stat --format=%Y "$STATE_DIRECTORY/current" 2>/dev/null || echo 0)
        (($(date +%s) - left < lock_wait)) || break
    fi
    flock --unlock "$turn"
    sleep "$pause"
    take_turn || turn_comes=no
done
# They did not start. This run replaces the one that they would have continued, so the record of that one ends here.
if [[ $turn_comes == yes && $before =~ ^[0-9]{8}T[0-9]{6}Z$ && -e $runs/$before.jsonl ]]; then
    why="forget and prune of the run $before did not start; see \`journalctl --unit=genbackup-maintain.service\`"
    echo "$why" >&2
    run=$before
    event warning "$(jq --null-input --compact-output --arg why "$why" '{why: $why}')"
    event run-finished '{}'
fi

# What forget and prune find here: `at-work` if this run was stopped, its name if it was not, and nothing if its record is
# incomplete. They continue only a run whose name they find.
[[ $turn_comes == no ]] || echo at-work >"$STATE_DIRECTORY/current" || true
# Look for the newest record before this run has a name, so that a record that begins later does not count as one from the
# future. Other files in this directory are not records.
newest=$(find "$runs" -type f -regextype posix-extended \
    -regex '.*/[0-9]{4}(0[1-9]|1[0-2])[0-3][0-9]T[0-2][0-9][0-5][0-9][0-5][0-9]Z\.jsonl' -printf '%f\n' | sort | tail --lines=1)
newest=${newest%.jsonl}
own_name=$(uname --nodename | grep --line-regexp '[0-9A-Za-z._()-]\{1,64\}') || true
begin_record
event run-started "$(jq --null-input --compact-output --arg run "$run" '$ARGS.positional as $hosts
    | {run: $run, hosts: $hosts, versions: $versions}
    + if $chosen == "" then {} else {chosen: true} end
    + if $invocation == "" then {} else {invocation: $invocation} end' --arg chosen "${chosen[*]}" \
    --arg invocation "${INVOCATION_ID-}" --argjson versions "$(versions)" --args "${hosts[@]}")"
recorded=yes
if [[ $newest > $run ]]; then
    why="this host's clock is or was wrong: the record $newest is from the future"
    echo "$why" >&2
    event warning "$(jq --null-input --compact-output --arg why "$why" '{why: $why}')"
fi

# Requests no backup. Records for each host why it has no snapshot of this run, and prints the reason to the journal.
call_off() { # WHY
    local host
    echo "$1" >&2
    for host in "${hosts[@]}"; do
        event host-finished "$(jq --null-input --compact-output --arg host "$host" --arg why "$1" \
            '{host: $host, status: "failed", why: $why}')"
    done
}
why=$(password_problem "$CREDENTIALS_DIRECTORY/restic-password" "$password_file")
{%- if plan.remote.is_some() %}
if [[ -z $why ]] && ! grep --quiet '[^[:space:]]' "$CREDENTIALS_DIRECTORY/ssh-key"; then
    why="the ssh key $key_file is missing or empty: its file system may be locked or not mounted"
fi
{%- endif %}
if [[ $turn_comes == no ]]; then
    call_off "forget and prune of the previous run have been running for more than $lock_wait s"
    # systemd does not start them again while they are running, so this record ends here.
    event run-finished '{}'
    exit 1
elif [[ -n $why ]]; then
    call_off "$why"
    printf '%s\n' "$run" >"$STATE_DIRECTORY/current"
    exit 1
fi

# The hosts that are being backed up, by process, and when each of them began.
declare -A asked=() began=()
free=$max_parallel
# Waits until one more process has ended, and judges complete answers in the background: the next host need not wait.
await_answer() {
    local process host
    wait -n || true
    for process in "${!asked[@]}"; do
        ! kill -0 "$process" 2>/dev/null || continue
        host=${asked[$process]}
        judge "$host" "${began[$host]}" &
        unset "asked[$process]"
        free=$((free + 1))
    done
}
for host in "${hosts[@]}"; do
    # At most as many answers are judged at the same time.
    while ((free == 0 || $(jobs -rp | wc --lines) >= 2 * max_parallel)); do
        await_answer
    done
    event host-started '{"host":"'"$host"'"}'
    began[$host]=$EPOCHREALTIME
    converse "$host" &
    asked[$!]=$host
    free=$((free - 1))
done
while ((free < max_parallel)); do
    await_answer
done
wait

recorded=
# Forget and prune follow, and write the rest of this record. They rely on it, so they do nothing if it is incomplete.
if [[ -e $scratch/record-failed ]] || ! printf '%s\n' "$run" >"$STATE_DIRECTORY/current"; then
    : >"$STATE_DIRECTORY/current" || true
    echo "skipping forget and prune: the record $runs/$run.jsonl is incomplete" >&2
    exit 1
fi
# The worst result counts; a host without a result has failed.
result=0
for host in "${hosts[@]}"; do
    case $(tail --lines=1 "$scratch/$host.events") in
    "ok "*) ;;
    "partial "*) ((result == 1)) || result=3 ;;
    *) result=1 ;;
    esac
done
exit "$result"
