#!{{ platform.bash|safe }}
# Written by genbackup from the fleet file; change that instead.
#
# Backs up one host after the other and writes the run's record. Started by genbackup.service.
# Exit status: 0 all hosts are well, 3 some snapshot is partial, 1 some host has no snapshot of this run.
set -euo pipefail
export LC_ALL=C

runs=$STATE_DIRECTORY/runs
scratch=$RUNTIME_DIRECTORY
max_parallel={{ plan.schedule.max_parallel }}
# Seconds for one host, from the first word to the last.
time_limit={{ plan.schedule.time_limit.seconds() }}
# Bytes of one host's answer; a sound one has some hundred, and one line for each file that can't be read.
answer_limit=$((16 * 1024 * 1024))
# Bytes of what ssh says in passing, which the host's own standard error is a part of.
complaint_limit=$((64 * 1024))
# Seconds to wait for forget and prune of the run before, once it is their turn.
lock_wait={{ plan.repository.lock_wait.seconds() }}
password_file={{ plan.repository.password_file }}
{%- if let Some(remote) = plan.remote %}
key_file={{ remote.key_file }}
{%- endif %}

{% include "scripts/record.bash" %}

{% include "scripts/password.bash" %}

# Connects standard input and output to the socket that backs a host up.
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

# This host's kernel host name, as HOST=NAME, for a client to compare with its own: a restic started here by hand removes
# a lock at once when the lock's host name is its own and its process is not running. No host hears what another says.
storage_name() { # HOST
    [[ -z $own_name || $1 == {{ plan.name }} ]] || printf '{{ plan.name }}=%s' "$own_name"
}

# Asks one host for a backup; its answer goes, as it comes, to $scratch/$1.answer, its exit status to $scratch/$1.exit.
converse() {
    local host=$1 connection beat
    # The password goes through a pipe, from the credential to the host, and is never written down. This script
    # holds the pipe's other end until the answer is complete: its end is how the host learns that we are gone.
    rm -f "$scratch/$host.pipe"
    mkfifo --mode=0600 "$scratch/$host.pipe"
    exec {connection}<>"$scratch/$host.pipe"
    rm "$scratch/$host.pipe"
    # The group may follow a run: `genbackup run` reads what hosts say while they say it.
    (umask 0027 && : >"$scratch/$host.answer")
    {
        printf 'genbackup/1 backup %s\n' "$run"
        # Its line may have no end.
        printf '%s\n' "$(head --lines=1 "$CREDENTIALS_DIRECTORY/restic-password")"
        # A client of an older release takes the line for a sign of life.
        printf 'names %s\n' "$(storage_name "$host")"
    } >&"$connection"
    # The host stops restic when it hears nothing more: this ends with the script, however that ends.
    while printf '\n' >&"$connection" && sleep 5 {connection}>&- && kill -0 "$$"; do :; done </dev/null &>/dev/null &
    beat=$!
    # Opened anew for reading only, so that the connecting process holds no writing end itself.
    # A host that says more than it may ends with `head`, of the signal that this script ignores.
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

# Everything that a host says is input from outside: jq reads it as text and writes it as JSON.
judge() { # HOST STARTED
    local host=$1 last
    jq -L {{ platform.filters|safe }} --raw-input --null-input --raw-output --compact-output \
        --from-file {{ platform.filters|safe }}/read-answer.jq \
        --arg host "$host" --argjson started "$2" --argjson limit "$answer_limit" \
        --argjson code "$(<"$scratch/$host.exit")" --arg storage "$(storage_name "$host")" \
        --argjson bytes "$(stat --format=%s "$scratch/$host.answer")" \
        --rawfile complaint <(head --bytes=4096 "$scratch/$host.stderr") \
        "$scratch/$host.answer" >"$scratch/$host.events"
    # The folder is in memory: a fleet's answers must not add up there.
    rm "$scratch/$host.answer"
    head --lines=-1 "$scratch/$host.events" | append
    last=$(tail --lines=1 "$scratch/$host.events")
    echo "${last#* }"
}

# `run-backups --connect HOST`: this script as the process at the other end of the pipe.
if [[ ${1-} == --connect ]]; then
    connect "$2"
fi

# A host that hangs up shows as an error where it is written to, not as the end of this script.
trap '' PIPE

hosts=({% for host in plan.hosts() %}{{ host }}{% if !loop.last %} {% endif %}{% endfor %})
{%- if !plan.own.is_empty() %}
# Those that have no schedule, and so no timer, of their own.
together=({% for host in plan.together() %}{{ host }}{% if !loop.last %} {% endif %}{% endfor %})
{%- endif %}
# These alone, in the order of the fleet, where some are chosen: `A_B`, for there is no `_` in the name of a host.
chosen=()
if [[ -v GENBACKUP_HOSTS ]]; then
    wanted=_${GENBACKUP_HOSTS}_
    for host in "${hosts[@]}"; do
        [[ $wanted != *"_${host}_"* ]] || chosen+=("$host")
    done
    IFS=_ read -ra names <<<"$GENBACKUP_HOSTS"
    for name in "${names[@]}"; do
        if [[ " ${hosts[*]} " != *" $name "* ]]; then
            printf 'no run: %q is no host that is backed up: %s\n' "$name" "${hosts[*]}" >&2
            exit 1
        fi
    done
    if [[ -z ${chosen[*]-} ]]; then
        echo "no run: no host is named" >&2
        exit 1
    fi
    hosts=("${chosen[@]}")
{%- if !plan.own.is_empty() %}
else
    hosts=("${together[@]}")
{%- endif %}
fi
mkdir --parents "$runs"

# Whether there is a record of this run, to which nothing was added that ends it.
recorded=
# Stopped: the record says so at once, and systemd sees that a signal ended this script.
# shellcheck disable=SC2317 # it is called by `trap`
stop() {
    # systemd also sends it to what starts meanwhile.
    trap '' INT TERM
    [[ -z $recorded ]] || event run-stopped '{"why":"the run was stopped"}' || true
    trap - INT TERM
    kill -TERM "$$"
}
trap stop INT TERM
# One at a time: the hosts of a run, or forget and prune. Another run is waited for to its end, since each of its hosts has
# a time limit; forget and prune for so long and no longer.
exec {turn}<"$STATE_DIRECTORY"
handed_over() {
    cat "$STATE_DIRECTORY/current" 2>/dev/null || true
}
take_turn() {
    local code
    while :; do
        code=0
        flock --timeout "$lock_wait" "$turn" || code=$?
        # It is 1 while somebody else holds the lock.
        [[ $code == 1 && $(handed_over) == at-work ]] || return "$code"
    done
}
turn_comes=yes
take_turn || turn_comes=no
# Where the run before has left its record to forget and prune, which are about to begin, they come first, also when they
# are late: until lock-wait has passed since it was left, and for 5 s in any case.
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
# They did not come. This run's name takes the place of the one that they would go on with, whose record ends here.
if [[ $turn_comes == yes && $before =~ ^[0-9]{8}T[0-9]{6}Z$ && -e $runs/$before.jsonl ]]; then
    why="forget and prune of the run $before did not start; see \`journalctl --unit=genbackup-maintain.service\`"
    echo "$why" >&2
    run=$before
    event warning "$(jq --null-input --compact-output --arg why "$why" '{why: $why}')"
    event run-finished '{}'
fi

# What forget and prune find afterwards: this when the run was stopped, its name when it was not, and nothing when its
# record is not whole. They only follow the second.
[[ $turn_comes == no ]] || echo at-work >"$STATE_DIRECTORY/current" || true
# Before this run has a name: what begins after that is later, and not from the future.
# Other files in this directory are not records.
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
    why="this host's clock is wrong, or was: there is a record of $newest, which is yet to come"
    echo "$why" >&2
    event warning "$(jq --null-input --compact-output --arg why "$why" '{why: $why}')"
fi

# No host is asked. Each of them learns why it has no snapshot of this run, and so does who looks at the unit.
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
    call_off "forget and prune of the run before have been at work for more than $lock_wait s"
    # They are not started again while they are at work, so this record ends here.
    event run-finished '{}'
    exit 1
elif [[ -n $why ]]; then
    call_off "$why"
    printf '%s\n' "$run" >"$STATE_DIRECTORY/current"
    exit 1
fi

# The hosts that are asked now, by process, and when each of them began.
declare -A asked=() began=()
free=$max_parallel
# Waits until one more process has ended, and judges the answers that are complete. The next host need not wait for that.
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
    # As many answers at most are judged beside them.
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
# Forget and prune, which follow, write the rest of this record. They go by it, so there they have nothing to do
# where it is not complete.
if [[ -e $scratch/record-failed ]] || ! printf '%s\n' "$run" >"$STATE_DIRECTORY/current"; then
    : >"$STATE_DIRECTORY/current" || true
    echo "the record of this run is not complete, so nothing is forgotten: $runs/$run.jsonl" >&2
    exit 1
fi
# The worst of them; a host of which nothing is known is not well.
result=0
for host in "${hosts[@]}"; do
    case $(tail --lines=1 "$scratch/$host.events") in
    "ok "*) ;;
    "partial "*) ((result == 1)) || result=3 ;;
    *) result=1 ;;
    esac
done
exit "$result"
