# What the machines of the lab have to lose.
# shellcheck shell=bash
set -euo pipefail

# Makes what the machines have to lose: files with everything that a backup can get wrong. Every machine has its own
# bytes.
make_belongings() (
    mkdir -p /srv/data/scratch /srv/data/empty "/srv/my files/größe 日本" /srv/data/deep/er/est
    cd /srv/data
    hostname >host
    head --bytes=3000000 /dev/urandom >random
    printf 'only root may read this\n' >root-only
    chmod 0400 root-only
    mkdir locked
    printf 'in a directory of root\n' >locked/file
    chmod 0700 locked
    printf 'mail\n' >owned
    chown 8:12 owned
    chmod 0640 owned
    printf '#!/bin/sh\n' >program
    chmod 4755 program
    printf 'excluded\n' >scratch/file
    printf 'excluded\n' >deep/er/est/notes.tmp
    : >deep/er/est/nothing
    ln -s random link
    ln -s /nowhere dangling
    ln random second-name
    mkfifo pipe
    setfattr --name=user.note --value='an attribute' owned
    chmod 1777 empty
    cd "/srv/my files"
    printf 'x\n' >"$(printf 'tab\there')"
    printf 'y\n' >'*[a]?'
    # shellcheck disable=SC2016 # a name with a dollar in it
    printf 'z\n' >'-dash "quoted" $HOME %h \back'
    touch --date='2001-02-03 04:05:06.789012345 UTC' /srv/data/owned "/srv/my files" /srv/data/empty
)

# Prints one line for each file below DIRECTORY/srv: type, mode, owner, modification time in nanoseconds, link
# target, size, path; then the contents' hashes and the extended attributes. Two trees are equal when these
# are.
describe() ( # DIRECTORY
    export LC_ALL=C
    cd "$1/srv"
    find data 'my files' -printf '%y %m %U:%G %T@ [%l] ' \( -type f -printf '%s' -o -true \) -printf ' %p\n' | sort
    find data 'my files' -type f -exec sha256sum {} + | sort
    find data 'my files' -exec getfattr --no-dereference --dump --match=- {} +
)

# What a backup takes of a machine, in the same words.
describe_what_is_backed_up() {
    describe '' | grep --invert-match --regexp=data/scratch --regexp='notes\.tmp'
}
