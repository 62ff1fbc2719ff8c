# Written by genbackup from the fleet file; change that instead.
#
# Turns the lines of one host's answer into events of the run's record; the last is host-finished.
# Shapes of the lines: `hello VERSION`, `out JSON` and `err TEXT` (restic's), `missing PATH`, `busy`,
# `refused WHY`, `exit CODE`.
def short: if length > 2000 then .[:2000] + "…" else . end;
def event($name): {event: $name, time: (now | todate), host: $host};
def finished:
    .missing as $missing | .unreadable as $unreadable
    | (if .busy then ["busy", "a backup of this host is running already"]
       elif .refused != null then ["failed", .refused]
       elif $code == 124 or $code == 137 then ["failed", "it took longer than the time limit"]
       elif $bytes >= $limit then ["failed", "it answered more than \($limit) bytes, and was cut off"]
       elif .hello == null and $code == 255 then ["unreachable", ($complaint | rtrimstr("\n") | short)]
       elif .hello == null then
         ["failed", "it took the connection, but its genbackup-backup@.service did not answer; its journal says why"]
       elif .exit == null then ["interrupted", "the connection ended before restic did"]
       elif .exit == 0 and .missing_count == 0 and .summary then ["ok", null]
       elif (.exit == 0 or .exit == 3) and .summary then
         ["partial", "missing or unreadable: \(($missing + $unreadable)[:5] | join(", "))"]
       elif .exit == 0 then ["failed", "restic exited with 0, but gave no summary of a snapshot"]
       else ["failed", "restic exited with \(.exit): \(.said | short)"] end) as [$status, $why]
    | event("host-finished") + {
        status: $status, why: $why, "exit-code": .exit, "restic-version": .hello,
        seconds: ((now - $started) * 1000 | round / 1000),
        missing: $missing, "missing-count": .missing_count,
        unreadable: $unreadable, "unreadable-count": .unreadable_count};
# Only the first hundred are spelled out, so that a host with a million of them does not fill the record.
def note($list; $item):
    .[$list + "_count"] += 1
    | if (.[$list] | length) < 100 then .[$list] += [$item | short] else . end;
foreach (inputs, null) as $line (
    {missing: [], missing_count: 0, unreadable: [], unreadable_count: 0, said: "", events: [], summary: false};
    .events = []
    | if $line == null then .events = [finished]
      elif $line | startswith("hello ") then .hello = ($line[6:] | short)
      elif $line | startswith("missing ") then note("missing"; $line[8:])
      elif $line == "busy" then .busy = true
      elif $line | startswith("refused ") then .refused = ($line[8:] | short)
      elif $line | startswith("exit ") then .exit = ($line[5:] | tonumber? // 1)
      elif $line | startswith("out ") then
        ($line[4:] | fromjson? // null) as $message
        | if ($message | type) != "object" then .said = ($line[4:] | short)
          # One, and of a summary's size: restic's own has some 700 bytes.
          elif $message.message_type == "summary" and (.summary | not) and ($line | length) < 65536 then
            .summary = true | .events = [event("restic") + {message: $message}]
          elif $message.message_type == "exit_error" then .said = ($message.message | tostring | short)
          # The scanner comes across the same files once more.
          elif $message.message_type == "error" and $message.during != "scan" then
            .said = ($message.error.message? // ($message.error | tostring) | short)
            | note("unreadable"; $message.item | tostring)
          else . end
      else . end;
    .events[])
