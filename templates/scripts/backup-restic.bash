#!{{ platform.bash|safe }}
# Written by genbackup from the fleet file; change that instead.
#
# Backs this host up. Started by genbackup-backup.socket, with the connection as standard input and output: a
# request and the repository's password come in, one line each; restic's answer goes out.
set -euo pipefail
export LC_ALL=C
# The other side may hang up. restic must not learn of it by SIGPIPE, which would leave its lock behind.
trap '' PIPE

repository={{ client.repository }}
# Seconds that restic has to end when it is told to.
stop_wait={{ client.stop_wait.seconds() }}
may_be_empty=({% for path in client.source.may_be_empty %}{{ path }}{% if !loop.last %} {% endif %}{% endfor %})
{%- if !client.source.hooks.is_empty() %}
# Commands before and after a backup, each a unit of its own.
before=({% for hook in client.source.hooks.before %}{{ hook.name }}{% if !loop.last %} {% endif %}{% endfor %})
after=({% for hook in client.source.hooks.after %}{{ hook.name }}{% if !loop.last %} {% endif %}{% endfor %})
{%- endif %}
must_be_mounted=({% for path in client.source.must_be_mounted %}{{ path }}{% if !loop.last %} {% endif %}{% endfor %})

refuse() {
    printf 'refused %s\nkernel %s\n' "$1" "$(uname --nodename)" || true
    printf '%s\n' "$1" >&2
    exit 1
}

IFS= read -r -t 60 request || refuse "no request came within 60 s"
[[ $request =~ ^genbackup/1\ backup\ [0-9A-Za-z-]+$ ]] || refuse "this is no request that I know"
# Without white space at its ends, as restic reads a password file.
read -r -t 60 password || refuse "no password came within 60 s"
[[ -n $password ]] || refuse "the password is empty"
# The storage host's kernel host name, as HOST=NAME; an empty line from a storage host of an older release.
heard=
word=
storage=
IFS=' ' read -r -t 10 word storage _ && heard=yes
if [[ $word == names && ${storage#*=} == "$(uname --nodename)" ]]; then
    refuse "its kernel's host name ${storage#*=} is that of ${storage%%=*} as well, so that restic takes the locks of\
 one for the other's; give each machine a name of its own: \`hostnamectl hostname NAME\`"
fi

# The kernel lets go of the lock when this script ends, however it ends.
exec {lock}>"$CACHE_DIRECTORY/lock"
if ! flock --nonblock "$lock"; then
    printf 'busy\n' || true
    exit 0
fi
{%- if skips_on_battery %}
# systemd's own answer, which also keeps the hooks from their start; the program lies in a folder of systemd's before
# version 254. Where it can't tell, there is no battery.
code=0
PATH=$PATH:/usr/lib/systemd systemd-ac-power || code=$?
if [[ $code == 1 ]]; then
    printf 'later it runs on battery\n' || true
    exit 0
fi
{%- endif %}
# Beside the backup, which need not wait for what these programs are.
{
    printf 'hello %s\n' "$(restic version)" || true
    printf 'kernel %s\n' "$(uname --nodename)" || true
    printf 'systemd %s\n' "$(systemctl --version | head --lines=1)" || true
} </dev/null {lock}>&- &
introduction=$!

# restic says nothing of a path that is not there, of a folder that has become empty, of a disk that was not
# mounted: it backs up what it finds, and calls that a success.
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
is_empty_folder() {
    [[ -d $1 && ! -L $1 && -z $(find "$1" -mindepth 1 -maxdepth 1 -print -quit 2>/dev/null) ]]
}
# By the file system's number, for the sandbox has mount points of its own, which mountpoint(1) takes for one.
is_mounted() {
    local here above
    here=$(stat --format=%d -- "$1/." 2>/dev/null) && above=$(stat --format=%d -- "$1/.." 2>/dev/null) &&
        [[ $here != "$above" ]]
}
# Whether some include that is no link itself holds a path, which has no link in it.
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
# restic follows links in the folders above an include, and saves an include that is a link as a link alone.
every_may_be_empty=yes
while IFS= read -r path; do
    may_be_empty "$path" || every_may_be_empty=no
    if [[ -L $path ]]; then
        target=$(realpath --canonicalize-missing -- "$path" 2>/dev/null || readlink -- "$path")
        # Its owner may have put anything into it.
        { [[ -e $path ]] && is_covered "$target"; } || tell link "$path -> ${target//[[:cntrl:]]/?}"
    elif [[ ! -e $path ]]; then
        tell missing "$path"
    elif is_empty_folder "$path" && ! may_be_empty "$path"; then
        tell empty "$path"
    fi
done </etc/genbackup/include
[[ $every_may_be_empty == no ]] || printf 'no-files\n' || true
for path in "${must_be_mounted[@]}"; do
    is_mounted "$path" || tell unmounted "$path"
done
{%- if !client.source.hooks.is_empty() %}
# systemd has started what is done before, and waited for it. Its results are of this backup alone, and are there only
# for what has run; those of what is done after are of the backup before, if there was one since this host's start.
for name in "${before[@]}"; do
    result=
    { read -r result <"/run/genbackup/before/$name"; } 2>/dev/null || true
    [[ $result == ok ]] || tell hook "before-$name ${result:-it did not run}"
done
for name in "${after[@]}"; do
    result=ok
    { read -r result <"/run/genbackup/last/$name"; } 2>/dev/null || true
    [[ $result == ok ]] || tell hook "after-$name $result, after the last backup"
done
{%- endif %}

# The end of the connection, or of this unit, stops restic the way that removes its lock.
restic=
stopped=
killer=
stop() {
    [[ -n $stopped ]] || echo "the connection has ended, or this unit is to stop: so is restic" >&2
    stopped=yes
    [[ -n $restic && -z $killer ]] || return 0
    # It is told again every second, since it hears no signal before it is ready for one. From a repository that does
    # not answer, restic can't remove its lock, and would try again and again.
    {
        for ((second = 0; second < stop_wait; second++)); do
            kill -INT "$restic" 2>/dev/null || exit 0
            sleep 1
        done
        echo "restic has not ended within $stop_wait s: it is killed, and its lock stays" >&2
        kill -KILL "$restic"
    } </dev/null >/dev/null {lock}>&- &
    killer=$!
}
trap stop INT TERM
exec {connection}<&0
{
    # The storage host says every 5 s that it is there; where it has begun to, silence means that it is gone. TCP would
    # find that out in a quarter of an hour, since an answer is always on its way.
    patience=(${heard:+-t 25})
    while IFS= read -r "${patience[@]}" _; do patience=(-t 25); done
    kill -TERM "$$"
} <&"$connection" {lock}>&- &
watch=$!

# What restic says goes through this loop, which reads on when nobody listens any more. Of how far it has come it
# says less the longer it takes: some thousand lines in a month, which is little of what an answer may have.
relay() {
    local line due=0
    while IFS= read -r line || [[ -n $line ]]; do
        if [[ $line == '{"message_type":"status",'* ]]; then
            ((SECONDS >= due)) || continue
            due=$((SECONDS + 2 + SECONDS / 1000))
            # The names of the files that it is at concern nobody; they come last.
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
    # The password is restic's standard input: it is in no argument, no environment and no file.
    # With the variable, `--quiet` keeps all but the lines that say how far it has come.
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
    # It may have been told to stop before there was a restic to hand that to.
    [[ -z $stopped ]] || stop
    # `wait` also returns when a signal comes; restic is gone when it is gone.
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
# This host's restic has no --retry-lock, which came with 0.16.
give_up=$((SECONDS + {{ client.lock_wait.seconds() }}))
while :; do
    rm -f "$CACHE_DIRECTORY/locked"
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
# The storage host holds this against its own clock: the snapshot carries this host's time.
printf 'clock %s\n' "$(date +%s)" || true
printf 'exit %s\n' "$code" || true
{%- if keeps_awake %}
[[ -d /run/genbackup/awake ]] || echo "nothing kept this host awake meanwhile: genbackup-awake.service says why" >&2
{%- endif %}
# What the record calls partial is no failure of this unit: the record is where it is judged.
[[ $code == 0 || $code == 3 ]]
