#!{{ platform.bash|safe }}
# Written by genbackup from the fleet file; change that instead.
#
# Forgets snapshots by the keep policy, prunes, and completes the run's record.
# Started by genbackup-maintain.service, after the hosts.
set -euo pipefail
{%- include "scripts/path.bash" %}
export LC_ALL=C

runs=$STATE_DIRECTORY/runs
scratch=$RUNTIME_DIRECTORY
genbackup={{ platform.genbackup|safe }}
repository={{ plan.repository.path }}
password_file={{ plan.repository.password_file }}
# Seconds to wait for a lock that another process holds.
lock_wait={{ plan.repository.lock_wait.seconds() }}
export RESTIC_PASSWORD_FILE=$CREDENTIALS_DIRECTORY/restic-password

# Only one at a time: the hosts of a run, or forget and prune.
exec {turn}<"$STATE_DIRECTORY"
# Wait until a run in progress ends; with `wait`, because a signal interrupts it at once.
while :; do
    flock --timeout "$lock_wait" "$turn" &
    ! wait "$!" || break
    [[ $(cat "$STATE_DIRECTORY/current" 2>/dev/null) != at-work ]] || continue
    echo "skipping forget and prune: $STATE_DIRECTORY has been locked for more than $lock_wait s; try again later" >&2
    exit 1
done
{% if !plan.offsite.is_empty() %}
# Copies of the repository stop when they see that `maintaining` is locked, and continue after this unit.
exec {maintaining}<"$STATE_DIRECTORY/maintaining" {copying}<"$STATE_DIRECTORY/copying"
flock --timeout "$lock_wait" "$maintaining" && flock --timeout "$lock_wait" "$copying" &
wait "$!" || {
    echo "skipping forget and prune: a copy of the repository has not stopped for more than $lock_wait s" >&2
    exit 1
}
{% endif %}
# The run whose hosts are done. If this unit was started alone, it makes its own run.
if run=$(cat "$STATE_DIRECTORY/current" 2>/dev/null); then
    rm "$STATE_DIRECTORY/current"
    started=no
    if [[ $run == at-work ]]; then
        echo "skipping forget and prune: the run was stopped before all its hosts were done"
        exit 0
    elif [[ ! $run =~ ^[0-9]{8}T[0-9]{6}Z$ ]]; then
        # run-backups could not record what forget needs to know, such as a wrong clock.
        echo "skipping forget and prune: the record of the previous run is incomplete" >&2
        exit 1
    fi
else
    started=yes
fi

{% include "scripts/record.bash" %}

{% include "scripts/password.bash" %}

# Passes a signal on to restic, which then removes its lock; this script ends when restic has. Sends it every second,
# because restic ignores it until it has set up its handler.
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

# Runs restic and returns its exit code. Its output is in $scratch/output, its error messages in $scratch/complaint.
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

# Asks restic.jq what an exit code and restic's error messages mean.
ask() { # CODE FILTER
    jq -L {{ platform.filters|safe }} --raw-input --null-input --raw-output --argjson code "$1" '
        include "restic"; def code: $code; [inputs | (fromjson? | objects | .message | strings) // .] | '"$2" \
        <"$scratch/complaint"
}

# Fails if restic could not read or remove everything; before 0.19 its exit code does not show that.
is_whole() {
    why=$(ask 0 refused)
    [[ -z $why ]]
}

# Removes stale locks of hosts that crashed: a running restic renews its lock every 5 minutes. Only the age counts, by
# this host's own clock (ctime, which no client can set). `restic unlock` would also remove a recent lock with this
# host's name whose process does not run here, although another machine may have the same name.
remove_dead_locks() {
    find "$repository/locks" -mindepth 1 -maxdepth 1 -type f -name '[0-9a-f]*' -cmin +35 \
        -printf 'removing a stale lock, last renewed on %c: %f\n' -delete >&2 || true
}

# Runs restic, and retries while the repository is locked.
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

# Runs one phase, records its result and prints it. $scratch/fields has further fields for the record.
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
    if ! command -v "$genbackup" >/dev/null; then
        why="the command $genbackup is missing, which decides what forget may remove"
        return 1
    fi
    if ! "$genbackup" guard --runs "$runs" --run "$run"
{%- for (hosts, _) in plan.own_policies() %} \
        --policy-of {{ hosts|join(",") }}{% endfor %} \
        <"$scratch/output" >"$scratch/decision" 2>"$scratch/complaint"; then
        cat "$scratch/complaint" >&2
        why="cannot decide what forget may remove: $(ask 1 '.[0] // "" | sub("^error: "; "")')"
        return 1
    fi
    jq --raw-output '.held | to_entries[] | "forget skips \(.key): \(.value)" | gsub("[[:cntrl:]]"; " ")' \
        "$scratch/decision"
    jq 'if .held == {} then {} else {held} end' "$scratch/decision" >"$scratch/fields" &&
        why=$(jq --raw-output '.objection // empty' "$scratch/decision") ||
        why="cannot read the decision of \`genbackup guard\`"
    [[ -z $why ]]
}

# Applies one keep policy to the hosts that have it and that forget may touch.
forget_by() { # NUMBER-OF-POLICY OPTION…
    local hosts
    jq --join-output --argjson number "$1" '.forget[$number][] | "--host=\(.)\u0000"' \
        "$scratch/decision" >"$scratch/hosts" || return
    # Without `--host`, restic would forget snapshots of all hosts.
    [[ -s $scratch/hosts ]] || return 0
    mapfile -d '' hosts <"$scratch/hosts"
    # `--tag`: never forget snapshots that genbackup did not make.
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
    # Delete nothing after an incomplete forget.
    if [[ $failed == yes ]]; then
        why="skipped, because forget failed"
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
    # The repository exists today: init-repository creates no other one in its place.
    : >"$STATE_DIRECTORY/repository-made" || true
fi
[[ -n $stopped ]] || phase prune prune || true
if [[ -n $stopped ]]; then
    event run-stopped '{"why":"forget or prune was stopped"}'
else
    # A record without this event belongs to an interrupted run.
    event run-finished '{}'
fi
[[ $failed == no && ! -e $scratch/record-failed ]]
