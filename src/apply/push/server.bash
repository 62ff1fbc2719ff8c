# The far end of `genbackup push`: reads scripts from standard input, runs each of them as root, and answers with its exit
# status, the sizes of its outputs, and its outputs. A script and its input are each a line of base64. It ends with its
# standard input. The first line names a directory to lock, or is `-`. This file is ASCII: it is read with its length.
set -uo pipefail
umask 022
export LC_ALL=C.UTF-8 SYSTEMD_COLORS=0 SYSTEMD_PAGER=
export PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

IFS= read -r locked || exit
if [[ -e /etc/NIXOS ]]; then
    printf 'genbackup-push nixos\n'
    exit
fi
scratch=$(mktemp --directory /run/genbackup-push.XXXXXX) || exit
made=
clean_up() {
    rm --recursive --force -- "$scratch"
    [[ -z $made ]] || rmdir --ignore-fail-on-non-empty -- "$made"
}
trap clean_up EXIT
if [[ $locked != - ]]; then
    is_new=
    if [[ ! -d $locked ]]; then
        mkdir --parents -- "$locked" || exit
        is_new=1
    fi
    # Scripts inherit it: one that outlives its connection keeps the lock to its end.
    exec {lock}<"$locked" || exit
    # A writer that failed removes the directory that it made: that lock excludes nobody.
    if ! flock --nonblock "$lock" || [[ ! $locked -ef /proc/self/fd/$lock ]]; then
        printf 'genbackup-push locked\n'
        exit
    fi
    [[ -z $is_new ]] || made=$locked
fi
printf 'genbackup-push ready\n'
# A script or an input that the connection cut off is never run.
while IFS= read -r script && IFS= read -r input; do
    printf '%s' "$script" | base64 --decode >"$scratch/script" || exit
    printf '%s' "$input" | base64 --decode >"$scratch/input" || exit
    bash "$scratch/script" <"$scratch/input" >"$scratch/output" 2>"$scratch/errors"
    status=$?
    mapfile -t sizes < <(stat --format='%s' "$scratch/output" "$scratch/errors")
    printf '%s %s\n' "$status" "${sizes[*]}"
    cat "$scratch/output" "$scratch/errors"
done
