#!{{ platform.bash|safe }}
# Written by genbackup from the fleet file; change that instead.
#
# Forgets snapshots that the keep policy lets go, prunes, and ends the run's record.
# Started by genbackup-maintain.service, after the hosts.
set -euo pipefail
export LC_ALL=C

runs=$STATE_DIRECTORY/runs
scratch=$RUNTIME_DIRECTORY
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

# A signal is for restic, which then removes its lock; this script ends when restic has.
child=
stopped=
stop() {
    stopped=yes
    [[ -z $child ]] || kill -INT "$child" 2>/dev/null || true
}
trap stop INT TERM

# Runs restic: its exit code is this function's; what it says is in $scratch/output and $scratch/complaint.
run_restic() {
    local code=0
    [[ -z $stopped ]] || return 130
    restic --repo "$repository" "$@" </dev/null >"$scratch/output" 2>"$scratch/complaint" &
    child=$!
    while kill -0 "$child" 2>/dev/null; do
        code=0
        wait "$child" || code=$?
    done
    child=
    cat "$scratch/complaint" >&2
    return "$code"
}

# Asks restic.jq what an exit code and a complaint mean.
ask() { # CODE FUNCTION
    jq -L {{ platform.filters|safe }} --raw-input --null-input --raw-output --argjson code "$1" '
        include "restic"; [inputs | (fromjson? | objects | .message | strings) // .] | complaint | '"$2"'($code; .)' \
        <"$scratch/complaint"
}

# Runs restic, and again while a lock keeps it out: `unlock` takes away only what restic calls stale, so the lock
# of a host that died goes 30 minutes later.
patiently() {
    local give_up=$((SECONDS + lock_wait)) pause=1 code
    while :; do
        run_restic unlock --quiet || true
        code=0
        run_restic "$@" || code=$?
        if [[ $code == 0 || -n $stopped || $(ask "$code" is_locked) == false ]] || ((SECONDS >= give_up)); then
            return "$code"
        fi
        sleep "$pause" &
        wait "$!" || true
        pause=$((pause < 30 ? pause * 2 : 30))
    done
}

# Seconds by which a snapshot may be later than this host's clock.
clock_tolerance=3600

# Says why nothing may be forgotten now, where that is so: the keep policy counts back from the newest snapshot,
# so one with a wrong time pushes good ones out.
objection() {
    jq --raw-input --null-input --raw-output '
        [inputs | fromjson? | objects | select(.event == "host-finished" and .["clock-off"] != null) | .host]
        | if . == [] then empty else
            "the clock of \(join(", ")) is wrong: nothing is forgotten in this run" end' \
        "$runs/$run.jsonl"
    jq --raw-output --argjson tolerance "$clock_tolerance" '
        def epoch: capture("^(?<date>[0-9-]{10}T[0-9:]{8})(\\.[0-9]+)?((?<utc>Z)|(?<sign>[+-])(?<hours>[0-9]{2}):(?<minutes>[0-9]{2}))$")
            | (.date + "Z" | fromdateiso8601)
              - (if .utc then 0
                 else (.sign + "1" | tonumber) * ((.hours | tonumber) * 3600 + (.minutes | tonumber) * 60) end);
        map(select((.time | epoch) > now + $tolerance)) | sort_by(.time) | last
        | if . == null then empty else
            "the snapshot \(.short_id // .id[:8]) of \(.hostname) is from the future, \(.time[:19]): a clock was or is "
            + "wrong. set the clocks right; if only that snapshot is wrong, `restic forget \(.short_id // .id[:8])`" end' \
        "$scratch/output"
}

# One phase: does it, records how it went, and says so. FILTER gives more for the record, from restic's output.
failed=no
phase() { # NAME FILTER FUNCTION
    local name=$1 filter=$2 code=0 since=$EPOCHREALTIME status=ok restic_code=null
    why=
    : >"$scratch/output"
    : >"$scratch/complaint"
    event "$name-started" '{}'
    "$3" || code=$?
    if ((code != 0)); then
        status=failed
        failed=yes
    fi
    if [[ -z $why ]]; then
        restic_code=$code
        ((code == 0)) || why=$(ask "$code" explained)
    fi
    jq --null-input --compact-output --rawfile output "$scratch/output" --arg event "$name-finished" \
        --arg status "$status" --arg why "$why" --argjson code "$restic_code" --argjson since "$since" '
        {event: $event, time: (now | todate), status: $status, why: (if $why == "" then null else $why end),
         "exit-code": $code, seconds: ((now - $since) * 1000 | round / 1000)}
        + (if $status == "ok" then $output | ('"$filter"')? // {} else {} end)' | append
    echo "$name: $status${why:+: $why}"
    [[ $status == ok ]]
}

forget() {
    why=$(password_problem "$RESTIC_PASSWORD_FILE" "$password_file")
    [[ -z $why ]] || return 1
    run_restic --no-lock snapshots --json --tag genbackup || return
    # A doubt that could not be cleared up is one more.
    why=$(objection) || why="the times of the snapshots can't be read; the journal says more"
    why=${why//$'\n'/; }
    [[ -z $why ]] || return 1
    # `--tag`: snapshots that somebody made by hand are not ours to forget.
    patiently forget --json --quiet --tag genbackup --group-by host,tags
{%- for rule in plan.repository.keep.rules() %} \
        {{ rule.option() }} {{ rule.value(*plan.restic) }}{% endfor %}
}
kept='split("\n")[0] | fromjson | {
    kept: (map(.keep // [] | length) | add), removed: (map(.remove // [] | length) | add)}'

prune() {
    # Nothing is deleted on partial knowledge.
    if [[ $failed == yes ]]; then
        why="left out, since forget failed"
        return 1
    fi
    patiently prune --quiet
}

mkdir --parents "$runs"
rm -f "$scratch/record-failed"
if [[ $started == yes ]]; then
    begin_record
    event run-started '{"run": "'"$run"'", "hosts": [], "versions": '"$(versions)"'}'
fi
if phase forget "$kept" forget; then
    # Seen today: init-repository makes no other in its place.
    : >"$STATE_DIRECTORY/repository-made" || true
fi
phase prune '{}' prune || true
# A record without this is one of a run that was interrupted.
[[ -n $stopped ]] || event run-finished '{}'
[[ $failed == no && ! -e $scratch/record-failed ]]
