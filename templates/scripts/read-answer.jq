# Written by genbackup from the fleet file; change that instead.
#
# Turns the lines of one host's answer into events of the run's record; the last one is host-finished. After the events
# comes one line for the journal, which begins with the status: `ok jak: ok in 1.2 s`.
# Forms of a line: `hello VERSION`, `systemd VERSION`, `kernel NAME` (the kernel's host name), `missing PATH`,
# `empty PATH`, `unmounted PATH`, `link PATH -> TARGET`, `no-files` (every include may be empty), `out LINE` (restic's
# output), `hook NAME WHY` (a hook that failed), `clock EPOCH`, `busy`, `later WHY`, `refused WHY`, `exit CODE`.
include "restic";

# Seconds by which a host's clock may be off: snapshots carry the time of that clock, and forget uses it.
def clock_tolerance: 300;
# The most lines of an answer that are read: a correct client sends at most one for each unreadable file. The limit in
# bytes is not enough, because short lines up to that limit would take many minutes.
def line_limit: 100000;
# The most characters of a line that is parsed: restic's longest line names one file. jq needs up to a hundred times the
# size of some JSON.
def parsed_limit: 65536;
# Control characters can break lines and control a terminal. In texts they become a space; in names they are escaped.
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
# What an error of ssh means. A host is unreachable only if nothing on it answered. Any other error is a failure: a host
# that rejected the connection, was rejected, or was never contacted is not absent.
def end_of_ssh:
    if test("Host key verification failed")
    then ["failed", "its host key is not the one in the fleet file: it was reinstalled, or another machine answers at its address"]
    elif test("Permission denied|Too many authentication failures")
    then ["failed", "it does not accept the storage host's ssh key; run `genbackup push \($host)`, or see `genbackup doctor`: " + short]
    elif test("Connection refused")
    then ["failed", "nothing listens on its port; on that host, run `systemctl enable --now genbackup-sshd.socket` (on NixOS `systemctl start genbackup-sshd.socket`): " + short]
    elif test("[Tt]imed out|No route to host|[Uu]nreachable|Host is down|Network is down|Could not resolve|not responding")
    then ["unreachable", short]
    else ["failed", "ssh cannot connect to its genbackup-sshd.socket" + (short | if . == "" then "" else ": " + . end)]
    end;
# What the snapshot lacks, in words; empty if it is complete.
def lacks: [
    (["missing", "missing"], ["empty", "empty"], ["unmounted", "not mounted"],
     ["links", "symbolic link, saved only as a link (include its target)"], ["unreadable", "unreadable"]) as [$list, $word]
    | select(.[$list + "_count"] > 0)
    | "\($word): " + (.[$list][:5] | join(", "))
      + (if .[$list + "_count"] > 5 then " and \(.[$list + "_count"] - 5) more" else "" end)] | join("; ");
# The hooks that failed before this backup or after the previous one, in words; empty if none did.
def failed_hooks: (.hooks | to_entries | map("hook \(.key): \(.value)") | .[:5] | join("; "))
    + (if (.hooks | length) > 5 then " and \((.hooks | length) - 5) more" else "" end);
# $storage is the kernel host name of the storage host, as HOST=NAME; it is empty for the storage host itself. Clients are
# not compared with each other, so that no client has an effect on another. restic removes a lock at once if it has restic's
# own host name and its process does not run.
def has_storage_name: .kernel != null and $storage != "" and .kernel == ($storage | split("=")[1]);
def equal_names:
    "its kernel host name \(.kernel) is also that of \($storage | split("=")[0]), so restic confuses the locks of both "
    + "hosts; give one of them another name: `hostnamectl hostname NAME`";
# restic's last message, with the cause that it printed before a stack trace.
def words: if .cause == null or .cause == .said then .said else "\(.said): \(.cause)" end;
def finished:
    clock_off as $off
    | (if .summary and .files == 0 and (.no_files | not) then "the snapshot contains no files" else "" end) as $empty
    | ([failed_hooks, lacks, $empty] | map(select(. != "")) | join("; ")) as $lacks
    | (if $off == null then [] else
        ["its clock is \($off | fabs) s \(if $off > 0 then "ahead" else "behind" end), so its snapshot has a wrong time; correct the clock"]
      end) as $clock
    | (if .busy then ["busy", "another backup of this host is running"]
       # The host is up, but postpones its backup: that counts as being absent.
       elif .later != null then ["unreachable", "it is up, but postpones its backup: " + .later]
       elif .refused != null then ["failed", .refused]
       elif has_storage_name then ["failed", equal_names]
       elif $code == 124 or $code == 137 then ["failed", "its backup took longer than `time-limit`"]
       elif $bytes >= $limit then ["failed", "its answer exceeds \($limit) bytes and was cut off"]
       elif .lines >= line_limit then ["failed", "its answer exceeds \(line_limit) lines and was cut off"]
       elif .hello == null and $code == 255 then ($complaint | end_of_ssh)
       elif .hello == null and $code == 127 then
         ["failed", "a program for the connection is missing, on this host (`genbackup doctor` names it) or on that one (`genbackup push \($host)` names it): " + ($complaint | short)]
       elif .hello == null then
         ["failed", "it accepted the connection, but its genbackup-backup@.service did not answer; see its journal"]
       elif .exit == null and $code == 255 then
         ["unreachable", "the connection broke before restic finished"
           + ($complaint | short | if . == "" then "" else ": " + . end)]
       elif .exit == null then ["interrupted", "the connection closed before restic finished"]
       elif .exit == 0 and $lacks == "" and $clock == [] and .summary then ["ok", null]
       elif (.exit == 0 or .exit == 3) and .summary then
         ["partial", ([$lacks | select(. != "")] + $clock
           | if . == [] then "restic exited with 3, but named no unreadable file" else join("; ") end)]
       elif .exit == 130 or (.signal and .exit == 1) then ["interrupted", "a signal on the host stopped restic"]
       elif .exit == 0 then ["failed", "restic exited with 0, but printed no summary of a snapshot"]
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
# Only the first hundred are listed, so that a host with a million of them does not fill the record.
def note($list; $item):
    .[$list + "_count"] += 1
    | if (.[$list] | length) < 100 then .[$list] += [$item | cut | spelled_out] else . end;
def say($text):
    ($text | cut) as $text
    | if $text | is_frame then .cause = (.cause // .said)
      else ($text | without_trace | plain) as $text
        | (if $text | is_signal then .signal = true else . end)
        | .said = $text | if $text | is_telling then .telling = $text else . end end;
# restic's summary without control characters.
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
      # A plausible number of seconds, which the arithmetic can process.
      elif $line | test("^clock [0-9]{1,12}$") then .clock = ($line[6:] | tonumber)
      elif $line | startswith("exit ") then .exit = ($line[5:] | tonumber? // 1)
      elif $line | startswith("out ") then
        (if ($line | length) > parsed_limit then null else ($line[4:] | fromjson? // null) end) as $message
        | if ($message | type) != "object" then
            # JSON that was cut off, or is too long to be restic's, is not a message.
            if $line | startswith("out {\"") then . else say($line[4:]) end
          # Only the first one; restic's own has about 700 bytes.
          elif $message.message_type == "summary" and (.summary | not) then
            .summary = true | .files = $message.total_files_processed
            | .events = [event("restic") + {message: ($message | harmless)}]
          elif $message.message_type == "exit_error" then say($message.message | tostring)
          # The scanner reports the same files again.
          elif $message.message_type == "error" and $message.during != "scan" then
            say($message.error.message? // ($message.error | tostring))
            | note("unreadable"; $message.item | tostring)
          else . end
      else . end;
    .events[] | ., if .event == "host-finished" then in_words else empty end)
