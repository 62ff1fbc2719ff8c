#!{{ platform.bash|safe }}
# Written by genbackup from the fleet file; change that instead.
#
# Backs up this host. genbackup-backup.socket starts it with the connection as standard input and output: a request and
# the repository's password come in, one line each; restic's output goes out.
set -euo pipefail
{%- include "fragments/path.bash-part" %}
export LC_ALL=C
# The other side may hang up. restic must not get SIGPIPE then: it would leave its lock behind.
trap '' PIPE

repository={{ client.repository }}
# Seconds that restic has to stop after a signal.
stop_wait={{ client.stop_wait.seconds() }}
may_be_empty=({% for path in client.source.may_be_empty %}{{ path }}{% if !loop.last %} {% endif %}{% endfor %})
{%- if !client.source.hooks.is_empty() %}
# The hooks before and after a backup; each is its own unit.
before=({% for hook in client.source.hooks.before %}{{ hook.name }}{% if !loop.last %} {% endif %}{% endfor %})
after=({% for hook in client.source.hooks.after %}{{ hook.name }}{% if !loop.last %} {% endif %}{% endfor %})
{%- endif %}
must_be_mounted=({% for path in client.source.must_be_mounted %}{{ path }}{% if !loop.last %} {% endif %}{% endfor %})

refuse() {
    printf 'refused %s\nkernel %s\n' "$1" "$(uname --nodename)" || true
    printf '%s\n' "$1" >&2
    exit 1
}

IFS= read -r -t 60 request || refuse "received no request within 60 s"
[[ $request =~ ^genbackup/1\ backup\ [0-9A-Za-z-]+$ ]] ||
    refuse "unknown request: the storage host may run an incompatible genbackup"
# `read` strips surrounding white space, as restic does with a password file.
read -r -t 60 password || refuse "received no password within 60 s"
[[ -n $password ]] || refuse "received an empty password"
# The storage host's kernel host name, as HOST=NAME. A storage host of an older release sends an empty line.
word=
storage=
IFS=' ' read -r -t 10 word storage _ || true
if [[ $word == names && ${storage#*=} == "$(uname --nodename)" ]]; then
    refuse "its kernel host name ${storage#*=} is also that of ${storage%%=*}, so restic confuses the locks of both\
 hosts; give one of them another name: \`hostnamectl hostname NAME\`"
fi

# The kernel releases the lock when this script ends, however it ends.
exec {lock}>"$CACHE_DIRECTORY/lock"
if ! flock --nonblock "$lock"; then
    printf 'busy\n' || true
    exit 0
fi
{%- if skips_on_battery %}
# The same test by which systemd skips the hooks. Before version 254, the program is in systemd's own directory. If it
# cannot tell, assume that there is no battery.
code=0
PATH=$PATH:/usr/lib/systemd systemd-ac-power || code=$?
if [[ $code == 1 ]]; then
    printf 'later it runs on battery\n' || true
    exit 0
fi
{%- endif %}
# In the background, because the backup need not wait for these versions.
{
    printf 'hello %s\n' "$(restic version)" || true
    printf 'kernel %s\n' "$(uname --nodename)" || true
    printf 'systemd %s\n' "$(systemctl --version | head --lines=1)" || true
} </dev/null {lock}>&- &
introduction=$!

# restic does not fail if a path is missing, a directory has become empty, or a disk is not mounted: it backs up what it
# finds. So this script reports them.
tell() { # WORD PATH
    printf '%s %s\n' "$1" "$2" || true
}
may_be_empty() {
    local path
    for path in "${may_be_empty[@]}"; do
        [[ $path != "$1" ]] || return 0
    done
    return 1
}
is_empty_directory() {
    [[ -d $1 && ! -L $1 && -z $(find "$1" -mindepth 1 -maxdepth 1 -print -quit 2>/dev/null) ]]
}
# Compares device numbers, because the sandbox adds its own mount points, which mountpoint(1) would report, too.
is_mounted() {
    local here above
    here=$(stat --format=%d -- "$1/." 2>/dev/null) && above=$(stat --format=%d -- "$1/.." 2>/dev/null) &&
        [[ $here != "$above" ]]
}
# True if an include that is not a symbolic link contains this path. The path must not contain links.
is_covered() {
    local include
    while IFS= read -r include; do
        [[ ! -L $include ]] || continue
        include=$(realpath -- "$include" 2>/dev/null) || continue
        [[ $1 == "$include" || $1 == "${include%/}"/* ]] || continue
{%- if stays_on_one %}
        [[ $(stat --format=%d -- "$1") == $(stat --format=%d -- "$include") ]] || continue
{%- endif %}
        return 0
    done </etc/genbackup/include
    return 1
}
# restic follows links in the parent directories of an include. If the include itself is a link, it saves only the link.
every_may_be_empty=yes
while IFS= read -r path; do
    may_be_empty "$path" || every_may_be_empty=no
    if [[ -L $path ]]; then
        target=$(realpath --canonicalize-missing -- "$path" 2>/dev/null || readlink -- "$path")
        # The owner of the link chose its target, so replace control characters.
        { [[ -e $path ]] && is_covered "$target"; } || tell link "$path -> ${target//[[:cntrl:]]/?}"
    elif [[ ! -e $path ]]; then
        tell missing "$path"
    elif is_empty_directory "$path" && ! may_be_empty "$path"; then
        tell empty "$path"
    fi
done </etc/genbackup/include
[[ $every_may_be_empty == no ]] || printf 'no-files\n' || true
for path in "${must_be_mounted[@]}"; do
    is_mounted "$path" || tell unmounted "$path"
done
{%- if !client.source.hooks.is_empty() %}
# systemd has started the hooks before this backup and waited for them. Only a hook that has run for this backup has a
# result. The results of the hooks after a backup are from the previous backup, if there was one since this host booted.
for name in "${before[@]}"; do
    result=
    { read -r result <"/run/genbackup/before/$name"; } 2>/dev/null || true
    [[ $result == ok ]] || tell hook "before-$name ${result:-did not run}"
done
for name in "${after[@]}"; do
    result=ok
    { read -r result <"/run/genbackup/last/$name"; } 2>/dev/null || true
    [[ $result == ok ]] || tell hook "after-$name $result, after the previous backup"
done
{%- endif %}

# When the connection ends or this unit stops, stop restic so that it removes its lock.
restic=
stopped=
killer=
stop() {
    [[ -n $stopped ]] || echo "stopping restic: the connection has ended, or this unit is being stopped" >&2
    stopped=yes
    [[ -n $restic && -z $killer ]] || return 0
    # Send the signal every second, because restic ignores it until it has set up its handler. If the repository does
    # not answer, restic cannot remove its lock and would retry without end.
    {
        for ((second = 0; second < stop_wait; second++)); do
            kill -INT "$restic" 2>/dev/null || exit 0
            sleep 1
        done
        echo "killing restic, which did not stop within $stop_wait s; its lock stays in the repository" >&2
        kill -KILL "$restic"
    } </dev/null >/dev/null {lock}>&- &
    killer=$!
}
trap stop INT TERM
exec {connection}<&0
{
    # A storage host that sends `names` sends a line every 5 s: 25 s of silence mean that it is gone. TCP would notice
    # that only after about 15 minutes, because output is always in flight. One of release 0.1.0 sends no further lines.
    patience=()
    [[ $word != names ]] || patience=(-t 25)
    while IFS= read -r "${patience[@]}" line; do
        [[ $line != "names "* ]] || patience=(-t 25)
    done
    kill -TERM "$$"
} <&"$connection" {lock}>&- &
watch=$!

# restic's output goes through this loop, which reads on after the other side has hung up. The longer the backup takes,
# the fewer progress lines it passes on: a few thousand in a month, far below the limit of an answer.
relay() {
    local line due=0
    while IFS= read -r line || [[ -n $line ]]; do
        if [[ $line == '{"message_type":"status",'* ]]; then
            ((SECONDS >= due)) || continue
            due=$((SECONDS + 2 + SECONDS / 1000))
            # Nothing needs the names of the current files, which come last.
            [[ $line != *',"current_files":['* ]] || line="${line%%',"current_files":['*}}"
        fi
        printf 'out %s\n' "$line" 2>/dev/null || true
{%- if !restic.has(ResticFeature::RetryLock) %}
        [[ $line != *"repository is already locked"* ]] || : >"$CACHE_DIRECTORY/locked"
{%- endif %}
    done
}

# Runs restic; its exit code goes to $code.
back_up() {
    local answer relay
    exec {answer}> >(relay {lock}>&-)
    relay=$!
    # The password is restic's standard input: it is in no argument, no environment variable and no file.
    # With RESTIC_PROGRESS_FPS, restic prints progress in spite of `--quiet`.
    RESTIC_PROGRESS_FPS=0.5 restic --repo "$repository" --json --quiet
{%- if restic.has(ResticFeature::RetryLock) %} --retry-lock {{ client.lock_wait.seconds() }}s{% endif %}
{%- if let Some(limit) = power.upload_limit %} --limit-upload {{ limit.kibibytes() }}{% endif %}
{%- if let Some(limit) = power.download_limit %} --limit-download {{ limit.kibibytes() }}{% endif %} \
        backup --host {{ client.name }} --tag genbackup{% for tag in client.source.tags %} --tag {{ tag }}{% endfor %}{% if restic.has(ResticFeature::GroupBy) %} --group-by host,tags{% endif %} \
        --files-from-verbatim /etc/genbackup/include --exclude-file /etc/genbackup/exclude
{%- for option in options %} \
        {{ option }}
{%- endfor %}
{%- for marker in client.source.exclude_if_present %} \
        --exclude-if-present {{ marker }}
{%- endfor %}
{%- if let Some(size) = client.source.exclude_larger_than %} \
        --exclude-larger-than {{ size.for_restic() }}
{%- endif %} \
        < <(printf '%s\n' "$password") >&"$answer" 2>&1 {answer}>&- {lock}>&- &
    restic=$!
    exec {answer}>&-
    # The signal may have come before restic was started.
    [[ -z $stopped ]] || stop
    # `wait` also returns when a signal comes, so wait until restic has ended.
    code=0
    while kill -0 "$restic" 2>/dev/null; do
        code=0
        wait "$restic" || code=$?
    done
    restic=
    wait "$relay" || true
}

code=0
{%- if restic.has(ResticFeature::RetryLock) %}
back_up
{%- else %}
# This host's restic may be older than 0.16, which introduced --retry-lock.
give_up=$((SECONDS + {{ client.lock_wait.seconds() }}))
while :; do
    [[ ! -e $CACHE_DIRECTORY/locked ]] || rm -f "$CACHE_DIRECTORY/locked"
    back_up
    [[ $code == 1 && -e $CACHE_DIRECTORY/locked && -z $stopped ]] || break
    ((SECONDS < give_up)) || break
    sleep 10 &
    wait "$!" || true
done
{%- endif %}
unset password
wait "$introduction" || true
kill "$watch" ${killer:+"$killer"} 2>/dev/null || true
# The storage host compares this with its own clock, because the snapshot carries this host's time.
printf 'clock %(%s)T\n' -1 || true
printf 'exit %s\n' "$code" || true
{%- if keeps_awake %}
[[ -d /run/genbackup/awake ]] ||
    echo "nothing inhibited sleep during this backup; see \`journalctl --unit=genbackup-awake.service\`" >&2
{%- endif %}
# A partial backup is not a failure of this unit: the record reports it.
[[ $code == 0 || $code == 3 ]]
