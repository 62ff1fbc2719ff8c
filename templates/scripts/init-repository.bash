#!{{ platform.bash|safe }}
# Written by genbackup from the fleet file; change that instead.
#
# Makes the repository. Started by genbackup-init.service, once, in an empty folder on a mounted file system.
set -euo pipefail
repository={{ plan.repository.path }}
password_file={{ plan.repository.password_file }}

{% include "scripts/password.bash" %}

# A new one in place of one that was lost, or moved, would make every night a success and hide the loss.
made=$STATE_DIRECTORY/repository-made
if [[ -e $made ]]; then
    printf '%s is gone, and no other is made in its place: it was there on %s. bring it back, or remove %s\n' \
        "$repository" "$(date --utc --reference="$made" +%Y-%m-%d)" "$made" >&2
    exit 1
fi
if [[ ! -d $repository ]]; then
    printf 'there is no directory %s{% if !has_directory_unit %}; make it: systemd-tmpfiles --create{% endif %}\n' "$repository" >&2
    exit 1
fi
if [[ -n $(find "$repository" -mindepth 1 -maxdepth 1 -print -quit) ]]; then
    printf '%s holds files, but no restic repository; empty it, or name another folder\n' "$repository" >&2
    exit 1
fi
why=$(password_problem "$CREDENTIALS_DIRECTORY/restic-password" "$password_file")
if [[ -n $why ]]; then
    printf '%s\n' "$why" >&2
    exit 1
fi
restic --repo "$repository" --password-file "$CREDENTIALS_DIRECTORY/restic-password" init
: >"$made"
