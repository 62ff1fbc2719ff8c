# Reports files of this host for `genbackup push`: their names come on standard input, each with a NUL behind it, and an
# archive goes to standard output.
set -euo pipefail
shopt -s nullglob dotglob
cd /
mapfile -d '' -t wanted
declare -A directories=([etc/systemd/system]="")
{
    for path in "${wanted[@]}"; do
        directories[${path%/*}]=""
        [[ ! -e $path && ! -L $path ]] || printf '%s\0' "$path"
        # The drop-ins of a unit.
        [[ ! -d $path.d ]] || printf '%s\0' "$path.d"
    done
    for directory in "${!directories[@]}"; do
        # What an interrupted call left, and links that enable units.
        for path in "$directory"/.*.genbackup-new "$directory"/*.{wants,requires,upholds}/*; do
            printf '%s\0' "$path"
        done
    done
} | tar --create --file=- --format=gnu --no-recursion --hard-dereference --null --verbatim-files-from --files-from=-
