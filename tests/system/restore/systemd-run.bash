#!/bin/bash
# Stands in for systemd-run where systemd is not PID 1: notes its arguments, mounts what BindPaths= and
# ProtectSystem=strict ask for, and starts the command with the user, capabilities and credential of the unit. What
# systemd makes of the other properties is for a real one to show.
set -euo pipefail
printf '%s\n' "$@" >/mnt/unit
binds=() read_only=() environment=()
while [[ $1 != -- ]]; do
    value=${1#--*=*=}
    case $1 in
    --property=BindPaths=*) binds+=("$value") ;;
    --property=BindReadOnlyPaths=/proc/*) binds+=("$value") read_only+=("${value##*:}") ;;
    --property=User=*) user=$value ;;
    --property=LoadCredential=*) password=${value#*:} ;;
    --property=AmbientCapabilities=*) capabilities=${value,,} capabilities=${capabilities//cap_/+} ;;
    --setenv=*) environment+=("${1#--setenv=}") ;;
    esac
    shift
done
shift
for word; do
    command+=("${word//\$\$/\$}")
done
export binds read_only
exec unshare --mount -- bash -c '
    set -euo pipefail
    binds=$1 read_only=$2 password=$3 user=$4
    shift 4
    mkdir -p /run/tmp /run/credentials
    install --owner="$user" --mode=0400 "$password" /run/credentials/password
    while IFS=: read -r from to; do
        mkdir -p "/run$to"
        mount --bind "$(readlink "$from")" "/run$to"
    done <<<"$binds"
    mount --rbind /run/tmp /tmp
    for path in $read_only; do mount -o remount,bind,ro "$path"; done
    mount -o remount,bind,ro /
    mount -o remount,bind,ro /mnt
    exec "$@"
' bash "$(printf '%s\n' "${binds[@]}")" "${read_only[*]}" "$password" "$user" \
    setpriv --reuid="$user" --regid="$user" --clear-groups --no-new-privs --inh-caps="-all,${capabilities// /,}" \
    --ambient-caps="-all,${capabilities// /,}" --bounding-set="-all,${capabilities// /,}" -- \
    env -i "${environment[@]}" CREDENTIALS_DIRECTORY=/run/credentials "${command[@]}"
