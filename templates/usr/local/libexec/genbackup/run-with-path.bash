#!{{ platform.bash|safe }}
# Written by genbackup from the fleet file; change that instead.
#
# Runs the program of a unit that starts no script of genbackup. A drop-in can replace the PATH of the unit, so this adds
# the directories in which such a program finds others. Those of the drop-in come first.
set -euo pipefail
export PATH=${PATH:+$PATH:}{{ path|safe }}
exec "$@"
