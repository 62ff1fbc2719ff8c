#!{{ platform.bash|safe }}
# Written by genbackup from the fleet file; change that instead.
#
# Passes the email on standard input to sendmail(8), and prints its exit status on standard output. Started by
# genbackup-mail@.service for each email.
set -uo pipefail
{%- include "fragments/path.bash-part" %}

# Further directories in which systems have sendmail.
PATH=$PATH:/usr/sbin:/usr/lib:/run/wrappers/bin

code=0
sendmail -i -t >&2 || code=$?
printf 'exit %s\n' "$code"
