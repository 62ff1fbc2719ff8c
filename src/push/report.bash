# Reports files of this host for `genbackup push`: their names come on standard input, each with a NUL behind it, and an
# archive goes to standard output.
set -euo pipefail
shopt -s nullglob dotglob
cd /
mapfile -d '' -t wanted
declare -A directories=([etc/systemd/system]=)
{
    for path in "${wanted[@]}"; do
        directories[${path%/*}]=
        [[ ! -e $path && ! -L $path ]] || printf '%s\0' "$path"
    done
    for directory in "${!directories[@]}"; do
        # What an interrupted call left, links that enable units, and drop-ins.
        for path in "$directory"/.*.genbackup-new "$directory"/*.{wants,requires,upholds}/* "$directory"/genbackup*.d; do
            printf '%s\0' "$path"
        done
    done
} | tar --create --file=- --format=gnu --no-recursion --null --files-from=-
