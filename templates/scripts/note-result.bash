#!{{ platform.bash|safe }}
# Written by genbackup from the fleet file; change that instead.
#
# Notes how a hook ended, in the words of systemd, when it has ended: `ok`, or why it is not. Its argument is the file
# below /run/genbackup.
set -euo pipefail
case $SERVICE_RESULT in
success) result=ok ;;
exit-code) result="exit status $EXIT_STATUS" ;;
signal | core-dump) result="killed by signal $EXIT_STATUS" ;;
timeout) result="it took longer than its time-limit" ;;
oom-kill) result="it was killed, for want of memory" ;;
*) result=$SERVICE_RESULT ;;
esac
printf '%s\n' "$result" >"/run/genbackup/$1"
