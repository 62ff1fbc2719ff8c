# Starts restic for `genbackup restore`, as user restic, and ends it when `genbackup restore` ends.
#
# Arguments: the number of words, and the seconds that restic has to end.
# Standard input: the words of restic's command line, a NUL after each; then a line for each signal that
# `genbackup restore` got. restic gets it as SIGINT, on which every version removes its lock. The end of standard input
# means that `genbackup restore` has ended, also by SIGKILL: restic gets SIGINT, and SIGKILL where it does not end.
#
# Job control: a command in the background has SIGINT ignored otherwise.
set -mu
stop_wait=$2
# restic must not die of SIGPIPE, which leaves its lock, where `genbackup restore` reads no more: this holds the reading
# ends of both pipes as well.
exec {output}</proc/self/fd/1 {complaints}</proc/self/fd/2
mapfile -d '' -t -n "$1" words
[[ -z ${CREDENTIALS_DIRECTORY-} ]] || export RESTIC_PASSWORD_FILE=$CREDENTIALS_DIRECTORY/password
# What bash reports of jobs that end is of no use to anybody: from here on, restic alone writes to the two outputs.
exec {stdout}>&1 {stderr}>&2 >/dev/null 2>&1
"${words[@]}" </dev/null >&"$stdout" 2>&"$stderr" {stdout}>&- {stderr}>&- {output}<&- {complaints}<&- &
restic=$!
exec {stdout}>&- {stderr}>&-
trap 'kill -s INT "$restic"' INT TERM HUP
{
    trap - INT TERM HUP
    while IFS= read -r _; do kill -s INT "$restic"; done
    cat <&"$output" &
    cat <&"$complaints" &
    kill -s INT "$restic"
    sleep "$stop_wait"
    kill -s KILL "$restic"
} <&0 &
listener=$!
# A signal ends `wait` as well.
while :; do
    wait "$restic"
    code=$?
    kill -0 "$restic" 2>/dev/null || break
done
disown "$listener"
kill -s KILL -- "-$listener"
exit "$code"
