#!{{ platform.bash|safe }}
# Written by genbackup from the fleet file; change that instead.
#
# Creates the repository once, in an empty directory on a mounted file system. Started by genbackup-init.service.
set -euo pipefail
{%- include "scripts/path.bash" %}
repository={{ plan.repository.path }}
password_file={{ plan.repository.password_file }}

{% include "scripts/password.bash" %}

# Never create a new repository in place of one that was lost or moved: the backups would succeed and hide the loss.
made=$STATE_DIRECTORY/repository-made
if [[ -e $made ]]; then
    printf 'the repository %s is missing, but it existed on %s; bring it back, or remove %s to create a new one\n' \
        "$repository" "$(date --utc --reference="$made" +%Y-%m-%d)" "$made" >&2
    exit 1
fi
if [[ ! -d $repository ]]; then
    printf 'the directory %s is missing{% if !has_directory_unit %}; create it: systemd-tmpfiles --create{% endif %}\n' "$repository" >&2
    exit 1
fi
if [[ -n $(find "$repository" -mindepth 1 -maxdepth 1 -print -quit) ]]; then
    printf 'the directory %s is not empty and holds no restic repository; empty it, or set another path in the fleet file\n' \
        "$repository" >&2
    exit 1
fi
why=$(password_problem "$CREDENTIALS_DIRECTORY/restic-password" "$password_file")
if [[ -n $why ]]; then
    printf '%s\n' "$why" >&2
    exit 1
fi
restic --repo "$repository" --password-file "$CREDENTIALS_DIRECTORY/restic-password" init
: >"$made"
