# Written by genbackup from the fleet file; change that instead.
#
# Turns the lines of one host's answer into events of the run's record; the last is host-finished. A line for the journal
# ends them, which begins with the status: `ok jak: ok in 1.2 s`.
# Shapes of the lines: `hello VERSION`, `systemd VERSION`, `kernel NAME` (the kernel's host name), `missing PATH`,
# `empty PATH`, `unmounted PATH`, `link PATH -> TARGET`, `no-files` (every include may be empty), `out LINE` (restic's),
# `hook NAME WHY` (a command before or after a backup that failed), `clock EPOCH`, `busy`, `later WHY`, `refused WHY`,
# `exit CODE`.
include "restic";

# Seconds by which a host's clock may be off: snapshots carry that clock's time, and forget goes by it.
def clock_tolerance: 300;
# Lines that are read of an answer, one for each file that can't be read being a sound host's worst: of short lines,
# the bytes that an answer may have would take many minutes.
def line_limit: 100000;
# Characters of a line that is parsed: restic's longest names one file. jq takes a hundred times the size of some JSON.
def parsed_limit: 65536;
# A terminal obeys control characters, and they break lines. In words they are a space; in a name they are spelled out.
def is_control: . < 32 or (. >= 127 and . < 160);
def plain:
    if test("[[:cntrl:]]") then
        explode | map(if is_control then 32 else . end) | implode | gsub("  +"; " ") | ltrimstr(" ") | rtrimstr(" ")
    else . end;
def spelled_out:
    if test("[[:cntrl:]]") then
        explode | map(if is_control then "0123456789abcdef" as $digits
            | "\\u{\($digits[. / 16 | floor:][:1])\($digits[. % 16:][:1])}" | explode[] else . end) | implode
    else . end;
def cut: if length > 2000 then .[:2000] + "…" else . end;
def short: cut | plain;
def event($name): {event: $name, time: (now | todate), host: $host};
def clock_off: if .clock == null then null else (.clock - now | round | if fabs > clock_tolerance then . else null end) end;
# What the end of ssh means. A host is unreachable only where nothing of it answered; whatever ssh says otherwise is a
# failure: a host that turned us away, was turned away, or was never asked is not absent.
def end_of_ssh:
    if test("Host key verification failed")
    then ["failed", "it shows another host key than the fleet file has: it was installed anew, or another machine answers in its place"]
    elif test("Permission denied|Too many authentication failures")
    then ["failed", "it does not let the storage host's key in; `genbackup doctor` there says more: " + short]
    elif test("Connection refused")
    then ["failed", "nothing listens at its port; there: `systemctl enable --now genbackup-sshd.socket`: " + short]
    elif test("[Tt]imed out|No route to host|[Uu]nreachable|Host is down|Network is down|Could not resolve|not responding")
    then ["unreachable", short]
    else ["failed", "ssh made no connection to its genbackup-sshd.socket" + (short | if . == "" then "" else ": " + . end)]
    end;
# What the snapshot lacks, in words; empty when it is whole.
def lacks: [
    (["missing", "missing"], ["empty", "empty"], ["unmounted", "not mounted"],
     ["links", "symbolic link, of which only the link itself is saved (include its target)"], ["unreadable", "unreadable"]) as [$list, $word]
    | select(.[$list + "_count"] > 0)
    | "\($word): " + (.[$list][:5] | join(", "))
      + (if .[$list + "_count"] > 5 then " and \(.[$list + "_count"] - 5) more" else "" end)] | join("; ");
# What went wrong before the backup, or after the last one, in words; empty when nothing did.
def failed_hooks: (.hooks | to_entries | map("hook \(.key): \(.value)") | .[:5] | join("; "))
    + (if (.hooks | length) > 5 then " and \((.hooks | length) - 5) more" else "" end);
# Of the storage host alone, as HOST=NAME, and empty for itself: what one client says has no effect on another.
# restic removes a lock at once whose host name is its own and whose process is not there.
def has_storage_name: .kernel != null and $storage != "" and .kernel == ($storage | split("=")[1]);
def equal_names:
    "its kernel's host name \(.kernel) is that of \($storage | split("=")[0]) as well, so that restic takes the locks of one for the other's; "
    + "give each machine a name of its own: `hostnamectl hostname NAME`";
# restic's last words, with the cause that it printed before a stack trace.
def words: if .cause == null or .cause == .said then .said else "\(.said): \(.cause)" end;
def finished:
    clock_off as $off
    | (if .summary and .files == 0 and (.no_files | not) then "the snapshot holds no file" else "" end) as $empty
    | ([failed_hooks, lacks, $empty] | map(select(. != "")) | join("; ")) as $lacks
    | (if $off == null then [] else
        ["its clock is \($off | fabs) s \(if $off > 0 then "ahead" else "behind" end), so its snapshot has a wrong time; set it right"]
      end) as $clock
    | (if .busy then ["busy", "a backup of this host is running already"]
       # It is up, and no backup is wanted now: to who waits for one, that is to be away.
       elif .later != null then ["unreachable", "it is up, but puts its backup off: " + .later]
       elif .refused != null then ["failed", .refused]
       elif has_storage_name then ["failed", equal_names]
       elif $code == 124 or $code == 137 then ["failed", "it took longer than the time limit"]
       elif $bytes >= $limit then ["failed", "it answered more than \($limit) bytes, and was cut off"]
       elif .lines >= line_limit then ["failed", "it answered more than \(line_limit) lines, and was cut off"]
       elif .hello == null and $code == 255 then ($complaint | end_of_ssh)
       elif .hello == null and $code == 127 then
         ["failed", "a program that connects to it is missing; `genbackup doctor` names it, here or there: " + ($complaint | short)]
       elif .hello == null then
         ["failed", "it took the connection, but its genbackup-backup@.service did not answer; its journal says why"]
       elif .exit == null and $code == 255 then
         ["unreachable", "the connection broke before restic ended"
           + ($complaint | short | if . == "" then "" else ": " + . end)]
       elif .exit == null then ["interrupted", "the connection ended before restic did"]
       elif .exit == 0 and $lacks == "" and $clock == [] and .summary then ["ok", null]
       elif (.exit == 0 or .exit == 3) and .summary then
         ["partial", ([$lacks | select(. != "")] + $clock
           | if . == [] then "restic exited with 3, but named nothing that is missing" else join("; ") end)]
       elif .exit == 130 or (.signal and .exit == 1) then ["interrupted", "restic was stopped on the host by a signal"]
       elif .exit == 0 then ["failed", "restic exited with 0, but gave no summary of a snapshot"]
       else ["failed", ([explained(.exit; .telling // words), $lacks] | map(select(. != "")) | join("; "))]
       end) as [$status, $why]
    | event("host-finished") + {
        status: $status, why: $why, "exit-code": .exit, "restic-version": .hello, "systemd-version": .systemd,
        seconds: ((now - $started) * 1000 | round / 1000), "clock-off": $off,
        missing: .missing, "missing-count": .missing_count,
        empty: .empty, "empty-count": .empty_count,
        unmounted: .unmounted, "unmounted-count": .unmounted_count,
        links: .links, "links-count": .links_count,
        unreadable: .unreadable, "unreadable-count": .unreadable_count,
        hooks: .hooks};
# Only the first hundred are spelled out, so that a host with a million of them does not fill the record.
def note($list; $item):
    .[$list + "_count"] += 1
    | if (.[$list] | length) < 100 then .[$list] += [$item | cut | spelled_out] else . end;
def say($text):
    ($text | cut) as $text
    | if $text | is_frame then .cause = (.cause // .said)
      else ($text | without_trace | plain) as $text
        | (if $text | is_signal then .signal = true else . end)
        | .said = $text | if $text | is_telling then .telling = $text else . end end;
# restic's summary as it is, but for control characters.
def harmless: walk(if type == "string" then plain elif type == "object" then with_entries(.key |= plain) else . end);
def in_words: "\(.status) \(.host): \(.status) in \(.seconds) s" + (if .why == null then "" else ": " + .why end)
    | gsub("[[:cntrl:]]"; " ");
foreach (limit(line_limit; inputs), null) as $line (
    {lines: 0, missing: [], missing_count: 0, empty: [], empty_count: 0, unmounted: [], unmounted_count: 0,
     links: [], links_count: 0, unreadable: [], unreadable_count: 0, hooks: {}, said: "", events: [], summary: false};
    .events = []
    | .lines += 1
    | if $line == null then .events = [finished]
      elif $line | startswith("hello ") then .hello = ($line[6:] | short)
      elif $line | startswith("systemd ") then .systemd = ($line[8:] | short)
      elif $line | startswith("missing ") then note("missing"; $line[8:])
      elif $line | startswith("empty ") then note("empty"; $line[6:])
      elif $line | startswith("unmounted ") then note("unmounted"; $line[10:])
      elif $line | startswith("link ") then note("links"; $line[5:])
      elif $line == "no-files" then .no_files = true
      elif $line | test("^kernel [!-~]{1,64}$") then .kernel = $line[7:]
      elif $line | test("^hook (before|after)-[a-z0-9-]{1,64} ") then
        $line[5:] as $said
        | ($said | index(" ")) as $at
        | if (.hooks | length) < 100 then .hooks[$said[:$at]] = ($said[$at + 1:] | short) else . end
      elif $line == "busy" then .busy = true
      elif $line | startswith("later ") then .later = ($line[6:] | short)
      elif $line | startswith("refused ") then .refused = ($line[8:] | short)
      # A number of seconds that a clock can show, and nothing that arithmetic chokes on.
      elif $line | test("^clock [0-9]{1,12}$") then .clock = ($line[6:] | tonumber)
      elif $line | startswith("exit ") then .exit = ($line[5:] | tonumber? // 1)
      elif $line | startswith("out ") then
        (if ($line | length) > parsed_limit then null else ($line[4:] | fromjson? // null) end) as $message
        | if ($message | type) != "object" then
            # A line of JSON that was cut off, or is too long to be restic's, is none of its words.
            if $line | startswith("out {\"") then . else say($line[4:]) end
          # One alone; restic's own has some 700 bytes.
          elif $message.message_type == "summary" and (.summary | not) then
            .summary = true | .files = $message.total_files_processed
            | .events = [event("restic") + {message: ($message | harmless)}]
          elif $message.message_type == "exit_error" then say($message.message | tostring)
          # The scanner comes across the same files once more.
          elif $message.message_type == "error" and $message.during != "scan" then
            say($message.error.message? // ($message.error | tostring))
            | note("unreadable"; $message.item | tostring)
          else . end
      else . end;
    .events[] | ., if .event == "host-finished" then in_words else empty end)
