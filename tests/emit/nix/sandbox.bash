#!/bin/bash
# Runs a program in what Nix's build sandbox has: /bin/sh, the sources, the inputs of one derivation and nothing else;
# user 1000, no capability, no network but the loopback. It takes root, and mount, network, PID, IPC and UTS namespaces
# that are its own.
#
# The caller sets:
#   root      an empty directory, which becomes the root directory
#   tree      the path at which the program expects the sources
#   source    a directory with the sources
#   scratch   a directory that the program may write to
#   files     the files of the program, at their own paths, one a line
#   inputs    one a line: a directory of the Nix store, and the Debian packages that are in its place
#   env_NAME  each variable NAME of the program, such as env_PATH
set -euo pipefail
: "${root:?}" "${tree:?}" "${source:?}" "${scratch:?}" "${files?}" "${inputs:?}"

mount -t tmpfs -o mode=0755,size=50% sandbox "$root"
cd "$root"
mkdir -p bin build dev etc proc tmp usr/lib ".$tree" ".$scratch"
chmod 1777 build tmp ".$scratch"

bind() { # PATH [PLACE]
    local place=".${2:-$1}"
    if [[ -d $1 ]]; then
        mkdir -p "$place"
    else
        mkdir -p "${place%/*}"
        : >"$place"
    fi
    mount --bind "$1" "$place"
    mount -o remount,bind,ro "$place"
}

# The shell, and the loader and libraries of Debian's programs. Programs of Nix have theirs in the store. Where the
# loader is depends on the architecture.
ln -s usr/lib lib
cp --dereference /bin/sh bin/sh
for libraries in /lib64 /usr/lib/*-linux-gnu /usr/lib/ld-linux*; do
    [[ ! -e $libraries ]] || bind "$libraries"
done

for entry in "$source"/*; do
    bind "$entry" "$tree/${entry##*/}"
done
while read -r file; do
    [[ -z $file ]] || bind "$file"
done <<<"$files"

# The programs of each input are in its directory of the store, where no absolute path of Debian finds them. What they
# read is where Debian has compiled it in; the time zones are no program's own.
while read -r store packages; do
    mkdir -p ".$store/bin"
    # shellcheck disable=SC2086 # several packages
    dpkg-query --listfiles $packages >"$root/list"
    while read -r program; do
        [[ ! -f $program ]] || cp --dereference "$program" ".$store/bin"
    done < <(grep --extended-regexp '^(/usr)?/s?bin/[^/]+$' list || true)
    while read -r file; do
        [[ -d $file ]] || printf '%s\n' "${file#/}"
    done < <(grep --extended-regexp '^/usr/share/(fish|groff|mandoc|zsh)/' list || true) |
        tar --create --directory=/ --files-from=- | tar --extract
    if grep --quiet '^/usr/share/zoneinfo$' list; then
        bind /usr/share/zoneinfo "$store/share/zoneinfo"
    fi
done <<<"$inputs"
rm list

cat >etc/passwd <<'PASSWD'
root:x:0:0:Nix build user:/build:/noshell
nixbld:x:1000:100:Nix build user:/build:/noshell
nobody:x:65534:65534:Nobody:/:/noshell
PASSWD
cat >etc/group <<'GROUP'
root:x:0:
nixbld:!:100:
nogroup:x:65534:
GROUP
printf '127.0.0.1 localhost\n::1 localhost\n' >etc/hosts
for device in full null random tty urandom zero; do
    : >"dev/$device"
    mount --bind "/dev/$device" "dev/$device"
done
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin
ln -s fd/1 dev/stdout
ln -s fd/2 dev/stderr
mkdir -m 1777 dev/shm
mount -t proc proc proc
ip link set lo up
hostname localhost

environment=()
for name in "${!env_@}"; do
    environment+=("${name#env_}=${!name}")
done
# shellcheck disable=SC2016 # the inner shell expands them
exec env --ignore-environment "${environment[@]}" HOME=/homeless-shelter TMPDIR=/build \
    "$(command -v setpriv)" --no-new-privs "$(command -v chroot)" --userspec=1000:100 --groups= "$root" /bin/sh -c 'cd "$0" && exec "$@"' "$tree" "$@"
