#!{{ platform.bash|safe }}
# Written by genbackup from the fleet file; change that instead.
#
# Stores the result of a hook that has ended: `ok`, or the reason that systemd gives. The argument is the name of the file
# below /run/genbackup.
set -euo pipefail
{%- include "fragments/path.bash-part" %}
case $SERVICE_RESULT in
success) result=ok ;;
exit-code) result="exit status $EXIT_STATUS" ;;
signal | core-dump) result="killed by signal $EXIT_STATUS" ;;
timeout) result="took longer than its time-limit" ;;
oom-kill) result="killed: out of memory" ;;
*) result=$SERVICE_RESULT ;;
esac
printf '%s\n' "$result" >"/run/genbackup/$1"
