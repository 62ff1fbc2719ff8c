# On the storage host: what the post's scripts and bare restic need. $1 is the clients, $2 the password's file.
install --directory --owner=restic --group=restic --mode=0700 /var/cache/bench /var/lib/bench
install --owner=restic --group=restic --mode=0400 "$2" /var/lib/bench/password
ssh-keygen -q -t ed25519 -N '' -C bench -f /var/lib/bench/key
chown restic: /var/lib/bench/key
for name in post bare; do
    # A copy, so that the keys of all repositories take the same time: restic adapts a new key to the speed of the moment.
    cp --archive /mnt/storage/restic "/mnt/storage/$name"
    for client in $1; do
        printf ' %s(rw,sync,no_subtree_check,sec=sys,all_squash,anonuid=850,anongid=850)' "$client"
    done | sed "s|^|/mnt/storage/$name|" >>/etc/exports
    echo >>/etc/exports
done
exportfs -ra
cat >/etc/ssh/ssh_config.d/bench.conf <<'END'
Match localuser restic
    IdentityFile /var/lib/bench/key
    UserKnownHostsFile /var/lib/bench/known_hosts
    StrictHostKeyChecking accept-new
END
# The image has no bc(1), which the post's script calls once.
[ -e /usr/bin/bc ] || install --mode=0755 /dev/stdin /usr/local/bin/bc <<'END'
#!/bin/sh
read -r sum && exec awk "BEGIN { printf \"%.9f\\n\", $sum }"
END
# The post's script for all hosts. sshd's own port is 22 here: the other one is genbackup's.
cat >/usr/local/bin/run-backups <<END
#!/bin/bash

set -eou pipefail

export RESTIC_PASSWORD="\$(cat /var/lib/bench/password)"

START=\$(date +%s.%N)
for TARGET_HOST in $1; do
    echo "Running backup on \$TARGET_HOST"
    ssh -p 22 -o SendEnv=RESTIC_PASSWORD restic@\$TARGET_HOST "/usr/local/bin/backup-restic"
done
END=\$(date +%s.%N)
DIFF=\$(echo "\$END - \$START" | bc)

echo "Finished running backups in \$DIFF seconds"

echo "Deleting old snapshots"
restic -r /mnt/storage/post forget --keep-daily=30 --keep-weekly=5 --keep-monthly=12 --keep-yearly=10

echo "Running prune"
restic -r /mnt/storage/post prune
END
# Bare restic, without a script: the same backup on all hosts, \$1 at once; then forget and prune.
cat >/usr/local/bin/bare-backups <<END
#!/bin/bash
set -euo pipefail
export RESTIC_PASSWORD="\$(cat /var/lib/bench/password)"
printf '%s\n' $1 | xargs --max-procs="\$1" --replace=HOST \
    ssh -o SendEnv=RESTIC_PASSWORD restic@HOST "restic --quiet --repo /mnt/jak/bare backup /srv/data"
END
cat >/usr/local/bin/bare-maintenance <<'END'
#!/bin/bash
set -euo pipefail
export RESTIC_PASSWORD="$(cat /var/lib/bench/password)"
restic --quiet --repo /mnt/storage/bare forget --keep-daily=30 --keep-weekly=5 --keep-monthly=12 --keep-yearly=10
restic --quiet --repo /mnt/storage/bare prune
END
chmod 0755 /usr/local/bin/{run-backups,bare-backups,bare-maintenance}
for name in run-backups bare-backups@ bare-maintenance; do
    cat >"/etc/systemd/system/${name/run-backups/backup}.service" <<END
[Service]
Type=oneshot
ExecStart=/usr/local/bin/${name%@} %i
User=restic
Group=restic
Environment=RESTIC_CACHE_DIR=/var/cache/bench
StandardOutput=truncate:/run/bench-output
END
done
systemctl daemon-reload
