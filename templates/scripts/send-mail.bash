#!{{ platform.bash|safe }}
# Written by genbackup from the fleet file; change that instead.
#
# Hands the e-mail on standard input to sendmail(8), and says on standard output how that ended. Started by
# genbackup-mail@.service for each e-mail.
set -uo pipefail

# Where systems have it, beside the usual places.
PATH=$PATH:/usr/sbin:/usr/lib:/run/wrappers/bin

code=0
sendmail -i -t >&2 || code=$?
printf 'exit %s\n' "$code"
