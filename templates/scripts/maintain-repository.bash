#!{{ platform.bash|safe }}
# Written by genbackup from the fleet file; change that instead.
#
# Forgets snapshots that the keep policy lets go, prunes, and ends the run's record.
# Started by genbackup-maintain.service, after the hosts.
set -euo pipefail
export LC_ALL=C

runs=$STATE_DIRECTORY/runs
scratch=$RUNTIME_DIRECTORY
genbackup={{ platform.genbackup|safe }}
repository={{ plan.repository.path }}
password_file={{ plan.repository.password_file }}
# Seconds to wait for somebody else's lock.
lock_wait={{ plan.repository.lock_wait.seconds() }}
export RESTIC_PASSWORD_FILE=$CREDENTIALS_DIRECTORY/restic-password

# One at a time: the hosts of a run, or forget and prune.
exec {turn}<"$STATE_DIRECTORY"
# A run at work is waited for to its end; `wait`, since a signal ends that at once.
while :; do
    flock --timeout "$lock_wait" "$turn" &
    ! wait "$!" || break
    [[ $(cat "$STATE_DIRECTORY/current" 2>/dev/null) != at-work ]] || continue
    echo "a run has been at work for more than $lock_wait s; nothing is forgotten. try again when it is done" >&2
    exit 1
done

# The run whose hosts are done; a run of its own when this unit is started alone.
if run=$(cat "$STATE_DIRECTORY/current" 2>/dev/null); then
    rm "$STATE_DIRECTORY/current"
    started=no
    if [[ $run == at-work ]]; then
        echo "the run was stopped before all its hosts were done: nothing is forgotten"
        exit 0
    elif [[ ! $run =~ ^[0-9]{8}T[0-9]{6}Z$ ]]; then
        # run-backups could not write down what forget looks for, such as a clock that is wrong.
        echo "the run before this could not be recorded: nothing is forgotten" >&2
        exit 1
    fi
else
    started=yes
fi

{% include "scripts/record.bash" %}

{% include "scripts/password.bash" %}

# A signal is for restic, which then removes its lock; this script ends when restic has. restic is told again every
# second, since it hears no signal before it is ready for one.
child=
stopped=
telling=
stop() {
    stopped=yes
    [[ -n $child && -z $telling ]] || return 0
    while kill -INT "$child" && sleep 1; do :; done </dev/null &>/dev/null &
    telling=$!
}
trap stop INT TERM

# Runs restic: its exit code is this function's; what it prints is in $scratch/output and $scratch/complaint.
run_restic() {
    local code=0
    [[ -z $stopped ]] || return 130
    restic --repo "$repository" "$@" </dev/null >"$scratch/output" 2>"$scratch/complaint" &
    child=$!
    # The signal may have come before there was a restic to hand it to.
    [[ -z $stopped ]] || stop
    while kill -0 "$child" 2>/dev/null; do
        code=0
        wait "$child" || code=$?
    done
    child=
    [[ -z $telling ]] || kill "$telling" 2>/dev/null || true
    cat "$scratch/complaint" >&2
    return "$code"
}

# Asks restic.jq what an exit code and restic's complaints mean.
ask() { # CODE FILTER
    jq -L {{ platform.filters|safe }} --raw-input --null-input --raw-output --argjson code "$1" '
        include "restic"; def code: $code; [inputs | (fromjson? | objects | .message | strings) // .] | '"$2" \
        <"$scratch/complaint"
}

# Fails where restic could not read or remove all that it should; before 0.19 its exit code does not say so.
is_whole() {
    why=$(ask 0 refused)
    [[ -z $why ]]
}

# Removes the locks of hosts that died: a restic that is running writes its lock anew every 5 minutes. Only the age
# counts, by this host's own clock (ctime, which no client can set). `restic unlock` would also remove a young lock
# with this host's name and a process that is not running here, and another machine may have the same name.
remove_dead_locks() {
    find "$repository/locks" -mindepth 1 -maxdepth 1 -type f -name '[0-9a-f]*' -cmin +35 \
        -printf 'removing a lock that nobody has renewed since %c: %f\n' -delete >&2 || true
}

# Runs restic, and again while a lock keeps it out.
patiently() {
    local give_up=$((SECONDS + lock_wait)) pause=1 code
    while :; do
        remove_dead_locks
        code=0
        run_restic "$@" || code=$?
        if [[ $code == 0 || -n $stopped || $(ask "$code" 'complaint | is_locked(code; .)') == false ]] ||
            ((SECONDS >= give_up)); then
            return "$code"
        fi
        sleep "$pause" &
        wait "$!" || true
        pause=$((pause < 30 ? pause * 2 : 30))
    done
}

# One phase: does it, records how it ended, and prints that. $scratch/fields has more for the record.
failed=no
phase() { # NAME FUNCTION
    local name=$1 code=0 since=$EPOCHREALTIME status=ok restic_code=null
    why=
    : >"$scratch/output"
    : >"$scratch/complaint"
    echo '{}' >"$scratch/fields"
    event "$name-started" '{}'
    "$2" || code=$?
    if ((code != 0)); then
        status=failed
        failed=yes
    fi
    if [[ -z $why ]]; then
        restic_code=$code
        ((code == 0)) || why=$(ask "$code" 'complaint | explained(code; .)')
    fi
    if [[ $status == failed ]] && { [[ -n $stopped ]] || [[ $(ask "$code" 'is_interrupted(code)') == true ]]; }; then
        status=interrupted
    fi
    jq --null-input --compact-output --slurpfile fields "$scratch/fields" --arg event "$name-finished" \
        --arg status "$status" --arg why "$why" --argjson code "$restic_code" --argjson since "$since" '
        {event: $event, time: (now | todate), status: $status, why: (if $why == "" then null else $why end),
         "exit-code": $code, seconds: ((now - $since) * 1000 | round / 1000)} + $fields[-1]' | append
    echo "$name: $status${why:+: $why}"
    [[ $status == ok ]]
}

# Decides which hosts forget may touch, from restic's list of the snapshots, the records and the holds.
decide() {
    if [[ ! -x $genbackup ]]; then
        why="$genbackup is missing: it decides what may be forgotten"
        return 1
    fi
    if ! "$genbackup" guard --runs "$runs" --run "$run"
{%- for (hosts, _) in plan.own_policies() %} \
        --policy-of {{ hosts|join(",") }}{% endfor %} \
        <"$scratch/output" >"$scratch/decision" 2>"$scratch/complaint"; then
        cat "$scratch/complaint" >&2
        why="what may be forgotten cannot be decided: $(ask 1 '.[0] // "" | sub("^error: "; "")')"
        return 1
    fi
    jq --raw-output '.held | to_entries[] | "forget leaves \(.key) alone: \(.value)" | gsub("[[:cntrl:]]"; " ")' \
        "$scratch/decision"
    jq 'if .held == {} then {} else {held} end' "$scratch/decision" >"$scratch/fields" &&
        why=$(jq --raw-output '.objection // empty' "$scratch/decision") || why="the decision of genbackup is unreadable"
    [[ -z $why ]]
}

# Forgets by one keep policy, what it may touch of the hosts that have it.
forget_by() { # NUMBER-OF-POLICY OPTION…
    local hosts
    jq --join-output --argjson number "$1" '.forget[$number][] | "--host=\(.)\u0000"' \
        "$scratch/decision" >"$scratch/hosts" || return
    # Without a `--host`, restic would forget of all hosts.
    [[ -s $scratch/hosts ]] || return 0
    mapfile -d '' hosts <"$scratch/hosts"
    # `--tag`: snapshots that somebody made by hand are not ours to forget.
    patiently forget --json --quiet --tag genbackup --group-by host "${hosts[@]}" "${@:2}" || return
    head --lines=1 "$scratch/output" >>"$scratch/forgotten"
    is_whole
}

forget() {
    why=$(password_problem "$RESTIC_PASSWORD_FILE" "$password_file")
    [[ -z $why ]] || return 1
    run_restic --no-lock snapshots --json --tag genbackup || return
    is_whole || return
    jq length "$scratch/output" >"$scratch/count"
    decide || return
    : >"$scratch/forgotten"
    forget_by 0
{%- for rule in plan.repository.keep.rules() %} \
        {{ rule.option() }} {{ rule.value(*plan.restic) }}{% endfor %} || return
{%- for (_, keep) in plan.own_policies() %}
    forget_by {{ loop.index }}
{%- for rule in keep.rules() %} \
        {{ rule.option() }} {{ rule.value(*plan.restic) }}{% endfor %} || return
{%- endfor %}
    jq --slurp --slurpfile fields "$scratch/fields" --slurpfile count "$scratch/count" '
        (map(.[].remove // [] | length) | add // 0) as $removed
        | $fields[0] + {kept: ($count[0] - $removed), $removed}' "$scratch/forgotten" >"$scratch/fields.new"
    mv "$scratch/fields.new" "$scratch/fields"
}

prune() {
    # Nothing is deleted on partial knowledge.
    if [[ $failed == yes ]]; then
        why="left out, since forget failed"
        return 1
    fi
    patiently prune --quiet || return
    is_whole
}

mkdir --parents "$runs"
rm -f "$scratch/record-failed"
if [[ $started == yes ]]; then
    begin_record
    event run-started "$(jq --null-input --compact-output --arg run "$run" --argjson versions "$(versions)" \
        '{run: $run, hosts: [], versions: $versions}')"
fi
if phase forget forget; then
    # Seen today: init-repository makes no other in its place.
    : >"$STATE_DIRECTORY/repository-made" || true
fi
[[ -n $stopped ]] || phase prune prune || true
if [[ -n $stopped ]]; then
    event run-stopped '{"why":"forget or prune was stopped"}'
else
    # A record without this is one of a run that was interrupted.
    event run-finished '{}'
fi
[[ $failed == no && ! -e $scratch/record-failed ]]
