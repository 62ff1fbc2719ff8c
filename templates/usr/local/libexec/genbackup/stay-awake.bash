#!{{ platform.bash|safe }}
# Written by genbackup from the fleet file; change that instead.
#
# Holds logind's lock against sleep until it is stopped. Started by genbackup-awake.service.
set -euo pipefail
{%- include "fragments/path.bash-part" %}
if [[ ${1-} == --held ]]; then
    # Since systemd 257, systemd-inhibit does not pass this variable on.
    NOTIFY_SOCKET=$2 systemd-notify --ready
    exec sleep infinity
fi
exec systemd-inhibit --what=sleep:idle --mode=block --who=genbackup --why="a backup is in progress" \
    "$0" --held "$NOTIFY_SOCKET"
