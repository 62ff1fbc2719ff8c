# Starts restic for `genbackup restore`, as user restic, and ends it when `genbackup restore` ends.
#
# Arguments: the number of words, and the seconds that restic has to end.
# Standard input: the words of restic's command line, each followed by NUL; then a line for each signal that
# `genbackup restore` gets. The guard sends each of them to restic as SIGINT: on that, every version removes its lock.
# The end of standard input means that `genbackup restore` has ended, even by SIGKILL. Then restic gets SIGINT, and
# SIGKILL if it does not end.
#
# Job control: without it, bash starts a command in the background with SIGINT ignored.
set -mu
stop_wait=$2
# If `genbackup restore` stops reading, SIGPIPE would kill restic and its lock would stay. So this script holds the
# reading ends of both pipes as well.
exec {output}</proc/self/fd/1 {complaints}</proc/self/fd/2
mapfile -d '' -t -n "$1" words
[[ -z ${CREDENTIALS_DIRECTORY-} ]] || export RESTIC_PASSWORD_FILE=$CREDENTIALS_DIRECTORY/password
# From here on, only restic writes to the two outputs: bash reports jobs that end.
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
# A signal ends `wait`, too.
while :; do
    wait "$restic"
    code=$?
    kill -0 "$restic" 2>/dev/null || break
done
disown "$listener"
kill -s KILL -- "-$listener"
exit "$code"
