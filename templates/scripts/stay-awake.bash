#!{{ platform.bash|safe }}
# Written by genbackup from the fleet file; change that instead.
#
# Holds a lock of logind's against sleep, until it is told to end. Started by genbackup-awake.service.
set -euo pipefail
if [[ ${1-} == --held ]]; then
    # What systemd-inhibit starts has lost this variable, since systemd 257.
    NOTIFY_SOCKET=$2 systemd-notify --ready
    exec sleep infinity
fi
exec systemd-inhibit --what=sleep:idle --mode=block --who=genbackup --why="a backup is at work" \
    "$0" --held "$NOTIFY_SOCKET"
