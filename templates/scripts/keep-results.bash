#!{{ platform.bash|safe }}
# Written by genbackup from the fleet file; change that instead.
#
# Keeps for this backup how the commands after the last one ended. Started by genbackup-hooks.service.
set -euo pipefail
{%- if after.is_empty() %}
# There are none: the unit is there for its folder and for its end.
{%- endif %}
{%- for hook in after %}
[[ ! -e /run/genbackup/after/{{ hook.name }} ]] || cp /run/genbackup/after/{{ hook.name }} /run/genbackup/last/
# What it says when it ends takes the place of this.
echo "it did not run" >/run/genbackup/after/{{ hook.name }}
{%- endfor %}
