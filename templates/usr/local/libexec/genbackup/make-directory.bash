#!{{ platform.bash|safe }}
# Written by genbackup from the fleet file; change that instead.
#
# Creates the directory of the repository. Started by genbackup-directory.service once its file system is mounted.
set -euo pipefail
{%- include "fragments/path.bash-part" %}
install --directory --mode=0700 --owner=restic --group=restic -- {{ plan.repository.path }}
