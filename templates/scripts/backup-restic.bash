#!/bin/bash
# Written by genbackup from the fleet file; change that instead.
#
# Backs this host up. Started by genbackup-backup.socket, with the connection as standard input and output: a
# request and the repository's password come in, one line each; restic's answer goes out.
set -euo pipefail
export LC_ALL=C
# The other side may hang up. restic must not learn of it by SIGPIPE, which would leave its lock behind.
trap '' PIPE

repository={{ client.repository }}

refuse() {
    printf 'refused %s\n' "$1" || true
    printf '%s\n' "$1" >&2
    exit 1
}

IFS= read -r -t 60 request || refuse "no request came within 60 s"
[[ $request =~ ^genbackup/1\ backup\ [0-9A-Za-z-]+$ ]] || refuse "this is no request that I know"
# Without white space at its ends, as restic reads a password file.
read -r -t 60 password || refuse "no password came within 60 s"
[[ -n $password ]] || refuse "the password is empty"

# The kernel lets go of the lock when this script ends, however it ends.
exec {lock}>"$CACHE_DIRECTORY/lock"
if ! flock --nonblock "$lock"; then
    printf 'busy\n' || true
    exit 0
fi
printf 'hello %s\n' "$(restic version)" || true

# restic says nothing in its exit code of a path that is not there.
while IFS= read -r path; do
    if [[ ! -e $path && ! -L $path ]]; then
        printf 'missing %s\n' "$path" || true
    fi
done </etc/genbackup/include

# What restic says goes through this loop, which reads on when nobody listens any more.
relay() {
    local line
    while IFS= read -r line || [[ -n $line ]]; do
        printf 'out %s\n' "$line" 2>/dev/null || true
    done
}
exec {answer}> >(relay {lock}>&-)
relay=$!

# The password is restic's standard input: it is in no argument, no environment and no file.
restic --repo "$repository" --json --quiet --retry-lock {{ client.lock_wait.seconds() }}s \
    backup --host {{ client.name }} --tag genbackup --group-by host,tags \
    --files-from-verbatim /etc/genbackup/include --exclude-file /etc/genbackup/exclude
{%- for option in options %} \
    {{ option }}
{%- endfor %} \
    < <(printf '%s\n' "$password") >&"$answer" 2>&1 {answer}>&- {lock}>&- &
restic=$!
unset password
exec {answer}>&-

# The end of the connection, or of this unit, stops restic the way that removes its lock.
stop() { kill -INT "$restic" 2>/dev/null || true; }
trap stop INT TERM
exec {connection}<&0
{
    while IFS= read -r _; do :; done
    stop
} <&"$connection" {lock}>&- &
watch=$!

# `wait` also returns when a signal comes; restic is gone when it is gone.
code=0
while kill -0 "$restic" 2>/dev/null; do
    code=0
    wait "$restic" || code=$?
done
kill "$watch" 2>/dev/null || true
wait "$relay" || true
printf 'exit %s\n' "$code" || true
# What the record calls partial is no failure of this unit: the record is where it is judged.
[[ $code == 0 || $code == 3 ]]
