#!{{ platform.bash|safe }}
# Written by genbackup from the fleet file; change that instead.
#
# Keeps the results of the hooks after the previous backup for this backup. Started by genbackup-hooks.service.
set -euo pipefail
{%- include "fragments/path.bash-part" %}
{%- if after.is_empty() %}
# This host has none: it needs the unit only for its directory and its lifetime.
{%- endif %}
{%- for hook in after %}
[[ ! -e /run/genbackup/after/{{ hook.name }} ]] || cp /run/genbackup/after/{{ hook.name }} /run/genbackup/last/
# The hook replaces this when it ends.
echo "did not run" >/run/genbackup/after/{{ hook.name }}
{%- endfor %}
