#!{{ platform.bash|safe }}
# Written by genbackup from the fleet file; change that instead.
#
# Forgets snapshots by the keep policy, prunes, and completes the run's record.
# Started by genbackup-maintain.service, after the hosts.
set -euo pipefail
{%- include "fragments/path.bash-part" %}
export LC_ALL=C

repository={{ plan.repository.path }}
options=(
    --repository "$repository"
    # Seconds to wait for a lock that another process holds.
    --lock-wait {{ plan.repository.lock_wait.seconds() }}
    # systemd passes this file on as a credential; messages name it. restic gets RESTIC_PASSWORD_FILE.
    --password-file {{ plan.repository.password_file }}
{%- if !plan.offsite.is_empty() %}
    # Copies of the repository stop, and continue after this script.
    --copies
{%- endif %}
)

# The steps, each of which is recorded:
# 1. Wait until a run in progress ends. Continue its record, or begin one.
# 2. List the snapshots. Decide from the records and the holds which hosts forget may touch.
# 3. Forget, once for each keep policy; {} stands for `--host=NAME` of each host that forget may touch. Without such a
#    host, that forget is skipped. `--tag`: never forget snapshots that genbackup did not make.
# 4. Prune, unless forget failed.
# Before 3 and 4, locks are removed that were not renewed for 35 minutes. While the repository is locked, restic is retried.
exec {{ platform.genbackup|safe }} maintain "${options[@]}" -- \
    list restic --repo "$repository" --no-lock snapshots --json --tag genbackup \; \
    forget restic --repo "$repository" forget --json --quiet --tag genbackup --group-by host {} \
{%- for rule in plan.repository.keep.rules() %}
    {%- if loop.first %}
        {% else %} {% endif %}{{ rule.option() }} {{ rule.value(*plan.restic) }}
{%- endfor %} \; \
{%- for (hosts, keep) in plan.own_policies() %}
    forget-of {{ hosts|join(",") }} \
        restic --repo "$repository" forget --json --quiet --tag genbackup --group-by host {} \
{%- for rule in keep.rules() %}
    {%- if loop.first %}
        {% else %} {% endif %}{{ rule.option() }} {{ rule.value(*plan.restic) }}
{%- endfor %} \; \
{%- endfor %}
    prune restic --repo "$repository" prune --quiet \;
