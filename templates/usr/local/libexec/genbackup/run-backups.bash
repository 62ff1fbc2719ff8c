#!{{ platform.bash|safe }}
# Written by genbackup from the fleet file; change that instead.
#
# Backs up the hosts and writes the run's record. Started by genbackup.service and genbackup-run@.service.
# Exit status: 0 all hosts succeeded, 3 a snapshot is partial, 1 a host has no snapshot of this run.
set -euo pipefail
{%- include "fragments/path.bash-part" %}
export LC_ALL=C

# All hosts that are backed up. With GENBACKUP_HOSTS=A_B, only these, in this order.
hosts=({% for host in plan.hosts() %}{{ host }}{% if !loop.last %} {% endif %}{% endfor %})
{%- if !plan.own.is_empty() %}
# The hosts without their own schedule, and so without their own timer.
together=({% for host in plan.together() %}{{ host }}{% if !loop.last %} {% endif %}{% endfor %})
{%- endif %}
options=(
    # How many hosts are backed up at the same time.
    --max-parallel {{ plan.schedule.max_parallel }}
    # Seconds for one host, from the connection to the end of its answer.
    --time-limit {{ plan.schedule.time_limit.seconds() }}
    # Seconds to wait for forget and prune of the previous run, once it is their turn.
    --lock-wait {{ plan.repository.lock_wait.seconds() }}
    # systemd passes these files on as credentials; messages name them.
    --password-file {{ plan.repository.password_file }}
{%- if let Some(remote) = plan.remote %}
    --key-file {{ remote.key_file }}
{%- endif %}
)

# The steps:
# 1. Wait for another run until it ends, and for forget and prune for lock-wait.
# 2. Begin the record $STATE_DIRECTORY/runs/TIME.jsonl. Check that the password and the ssh key can be read.
# 3. For each host: connect to its backup socket{% if plan.local.is_some() %} (this host: /run/genbackup/backup.sock; others: by ssh){% else %} by ssh{% endif %}, send the request and the password,
#    read the answer, and record how the host ended.
# 4. Hand the record over to genbackup-maintain.service, which systemd starts next.
exec {{ platform.genbackup|safe }} coordinate --storage-host {{ plan.name }} "${options[@]}" --hosts "${hosts[@]}"
{%- if !plan.own.is_empty() %} --together "${together[@]}"{% endif %}
{%- if plan.remote.is_some() %} \
    -- ssh -F /etc/genbackup/ssh_config --
{%- endif %}
