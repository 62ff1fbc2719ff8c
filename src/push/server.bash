# The far end of `genbackup push`: reads scripts from standard input, runs each of them as root, and answers with its
# exit status and output. It ends with its input. The first line names a directory to lock, or is `-`.
set -uo pipefail
umask 022
export LC_ALL=C.UTF-8 SYSTEMD_COLORS=0 SYSTEMD_PAGER=
export PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

IFS= read -r locked
if [[ -e /etc/NIXOS ]]; then
    printf 'genbackup-push nixos\n'
    exit
fi
scratch=$(mktemp --directory /run/genbackup-push.XXXXXX) || exit
trap 'rm --recursive --force -- "$scratch"' EXIT
if [[ $locked != - ]]; then
    mkdir --parents -- "$locked" || exit
    exec {lock}<"$locked"
    if ! flock --nonblock "$lock"; then
        printf 'genbackup-push locked\n'
        exit
    fi
    trap 'rm --recursive --force -- "$scratch"; rmdir --ignore-fail-on-non-empty -- "$locked"' EXIT
fi
printf 'genbackup-push ready\n'
# A script or an input that the connection cut off is never run.
while read -r script input; do
    head --bytes="$script" >"$scratch/script"
    head --bytes="$input" >"$scratch/input"
    [[ $(stat --format='%s' "$scratch/script" "$scratch/input") == "$script"$'\n'"$input" ]] || break
    bash "$scratch/script" <"$scratch/input" >"$scratch/output" 2>"$scratch/errors"
    status=$?
    printf '%s %s\n' "$status" "$(stat --format='%s' "$scratch/output" "$scratch/errors" | paste --serial --delimiters=' ')"
    cat "$scratch/output" "$scratch/errors"
done
