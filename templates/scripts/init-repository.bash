#!/bin/bash
# Written by genbackup from the fleet file; change that instead.
#
# Makes the repository. Started by genbackup-init.service, once, in an empty folder on a mounted file system.
set -euo pipefail
repository={{ plan.repository.path }}
if [[ -n $(find "$repository" -mindepth 1 -maxdepth 1 -print -quit) ]]; then
    printf '%s holds files, but no restic repository; empty it, or name another folder\n' "$repository" >&2
    exit 1
fi
restic --repo "$repository" --password-file "$CREDENTIALS_DIRECTORY/restic-password" init
