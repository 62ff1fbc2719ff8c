# On a client: what the post's scripts and bare restic need. $1 is the public key of the storage host.
install --directory --owner=restic --group=restic --mode=0700 /var/cache/bench
# As in the post: user restic reads all files, by a capability of the program (CAP_DAC_READ_SEARCH).
install -D --mode=0755 /usr/bin/restic /opt/bench/restic
setfattr --name=security.capability --value=0x0100000204000000000000000000000000000000 /opt/bench/restic
printf '%s\n' "$1" >/etc/ssh/bench_keys
cat >/etc/ssh/sshd_config.d/bench.conf <<'END'
AcceptEnv RESTIC_PASSWORD
AuthorizedKeysFile /etc/ssh/bench_keys
SetEnv PATH=/opt/bench:/usr/bin:/bin RESTIC_CACHE_DIR=/var/cache/bench
END
systemctl --quiet enable ssh.service
systemctl restart ssh.service
for name in post bare; do
    mkdir --parents "/mnt/jak/$name"
    mount -t nfs4 "jak:/mnt/storage/$name" "/mnt/jak/$name"
done
# The post's script for a host.
cat >/usr/local/bin/backup-restic <<'END'
#!/bin/bash

export RESTIC_PROGRESS_FPS=0.01666

restic -q --json -r /mnt/jak/post backup \
    /srv/data \
    --exclude "/srv/data/scratch"
END
chmod 0755 /usr/local/bin/backup-restic
